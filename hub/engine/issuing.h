// How an alert asks for its audience: what the engine does when it issues one, and what
// whoever wants to know before has to do, so that both get the same answer.
//
// Threads: pure functions.
#pragma once

#include <cstdint>

#include "hub/sharing/audience.h"
#include "hub/store/view.h"
#include "noroshi/v1/sharing.pb.h"

namespace noroshi::engine {

// The case, or the one that it became part of.
store::Found<store::CaseRow> LiveCase(const store::View& state, uint64_t case_id);

// The marking of what a case holds, as its row keeps it.
sharing::Marking MarkingOfCase(const store::CaseRow& row);

struct Addressing {
  sharing::Purpose purpose = sharing::Purpose::kAlert;  // A notice, if the alert is RED.
  sharing::Content content;
};
// case_id: what the alert is about, 0: nothing; about: its row, nullptr: it does not
// exist, and then nobody is reached.
Addressing AddressingOf(const v1::Alert& alert, uint64_t case_id, const store::CaseRow* about);

}  // namespace noroshi::engine
