// Documents: what each object of the state is found by. For hub/search only.
//
// Threads: pure functions of the view and the journal.
#pragma once

#include <functional>
#include <optional>

#include "common/base/result.h"
#include "hub/journal/journal.h"
#include "hub/search/index.h"
#include "hub/store/view.h"

namespace noroshi::search {

// What of one object is made into terms; the rest of a longer text is not found.
inline constexpr size_t kTextBytesMax = 256 * 1024;
// Of one case: what persons wrote, from the first on.
inline constexpr size_t kCaseEventsMax = 500;

// Reads one entry of the journal.
using ReadEntry = std::function<Result<journal::Entry>(uint64_t sequence)>;

// The object as it is now; nullopt: there is none, or nothing to be found by.
Result<std::optional<Document>> MakeDocument(const store::View& view, const ReadEntry& read,
                                             const Object& object);

// The objects that an entry may have made or changed, as far as they exist by then. Alerts
// are not among them: they have numbers of their own.
Result<std::vector<Object>> TouchedBy(const store::View& view, const journal::Entry& entry);

}  // namespace noroshi::search
