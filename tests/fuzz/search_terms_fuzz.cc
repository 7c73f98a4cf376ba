// Any bytes as a text and as a query: no crash; what a query wants is bounded, and a text
// that is not too long is found by its own words.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "hub/search/terms.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace noroshi::search;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  TermList list;
  list.AddText(bytes);
  for (const std::string& term : list.terms()) {
    if (term.empty() || term.size() > kTermBytesMax + 64) abort();
  }
  const auto query = ReadQuery(bytes);
  if (!query.ok()) return 0;
  if (size > kQueryBytesMax || query->empty() || query->size() > kQueryTermsMax) abort();
  for (const std::string& term : *query) {
    // Of what a query says as one word, a text may make several.
    if (term.front() < 'A' || term.front() > 'Z') continue;
    if (std::find(list.terms().begin(), list.terms().end(), term) == list.terms().end()) abort();
  }
  return 0;
}
