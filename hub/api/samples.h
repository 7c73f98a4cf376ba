// Samples as the routes see them, and their limits. For hub/api only.
//
// Threads: as Call.
#pragma once

#include <cstdint>

#include "common/base/result.h"
#include "hub/api/call.h"

namespace noroshi::api {

// A journal entry holds it whole (journal::kBodyBytesMax).
inline constexpr uint64_t kSampleBytesMax = uint64_t{24} * 1024 * 1024;
inline constexpr size_t kSampleNameBytesMax = 255;
inline constexpr size_t kSampleNoteBytesMax = 4096;

access::Object ObjectOf(const store::SampleRow& row);
// The sample that the path names, authorised by the route's deed.
Result<store::SampleRow> FindSample(Call& call);

// Routes of requests to analyse them (analysis_requests.cc).
void AddAnalysisRequestRoutes(std::vector<Route>* routes);

}  // namespace noroshi::api
