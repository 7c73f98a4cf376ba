// What Index writes and Searcher reads: slots of values, keys of metadata, and facts as
// bytes. For hub/search only.
//
// Threads: pure functions.
#pragma once

#include <xapian.h>

#include <string>
#include <string_view>

#include "common/base/result.h"
#include "hub/search/index.h"

namespace noroshi::search {

inline constexpr Xapian::valueno kFactsSlot = 0;
inline constexpr Xapian::valueno kTimeSlot = 1;  // BigEndian64 of milliseconds.

inline constexpr char kLogKey[] = "log";
inline constexpr char kEntriesKey[] = "entries";
inline constexpr char kAlertsKey[] = "alerts";
inline constexpr char kPlaceKey[] = "place";  // The one given last.

// Places count down, so that the newest document comes first, and a search that has found
// enough stops there.
inline constexpr Xapian::docid kFirstPlace = 0xffff'fff0;

inline std::string DatabaseFolder(const std::string& folder) { return folder + "/index"; }

std::string KindTerm(Kind kind);
std::string EncodeFacts(Kind kind, const Facts& facts);
// kCorruption.
Result<std::pair<Kind, Facts>> DecodeFacts(std::string_view bytes);

// A document's data.
std::string EncodeObject(const Object& object);
Object DecodeObject(std::string_view bytes);

Error FromXapian(const Xapian::Error& error, std::string_view what);

}  // namespace noroshi::search
