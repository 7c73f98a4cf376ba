// What a submitter is told of its submission (経過): nothing of what others sent.
//
// Threads: pure function of the view.
#pragma once

#include "common/base/result.h"
#include "hub/store/view.h"
#include "noroshi/v1/sharing.pb.h"

namespace noroshi::engine {

Result<v1::Update> UpdateOf(const store::View& view, const store::SubmissionRow& row);

}  // namespace noroshi::engine
