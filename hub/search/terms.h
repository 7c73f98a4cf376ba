// Terms: what a text is found by. The same rules make the terms of what is stored and
// of what is asked for, so both always meet.
//
// Words: letters and digits, English words by their stem; Chinese, Japanese and Korean by
// pairs of characters, which needs no dictionary (one character alone finds nothing).
// Indicators: URLs, hosts with all their parent domains, IP addresses, mail addresses and
// message ids, MD5, SHA-1 and SHA-256; de-fanged forms ("hxxps://evil[.]example") are undone.
// Full-width and half-width, upper and lower case are one (NormaliseForMatching).
//
// Threads: pure functions. Linear in the text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace noroshi::search {

// Longer terms stand as their SHA-256.
inline constexpr size_t kTermBytesMax = 200;
inline constexpr size_t kIndicatorsMax = 1'000;      // Of one text; the others are words only.
inline constexpr size_t kIndicatorBytesMax = 2'048;  // Longer ones are words only.
inline constexpr size_t kDomainLevelsMax = 10;       // Of one host, from the right.
inline constexpr size_t kQueryBytesMax = 512;
inline constexpr size_t kQueryTermsMax = 32;

// A term of a kind that is no word: the kind's letter, which no word begins with.
enum class Mark : char {
  kUnique = 'Q',    // One document's own.
  kType = 'T',      // Kind of object.
  kOwner = 'O',     // Organisation that wrote it or that it is about.
  kReceiver = 'R',  // Organisation that it was sent to.
  kUrl = 'U',       // Without scheme and fragment.
  kHost = 'H',      // Host or parent domain.
  kIp = 'I',        // Canonical text.
  kAddress = 'M',   // Mail address or message id.
  kHash = 'S',      // Hexadecimal.
};
std::string MarkedTerm(Mark mark, std::string_view text);

// Adds the terms of texts to a list; each may be there several times.
class TermList {
 public:
  TermList();
  ~TermList();
  TermList(const TermList&) = delete;
  TermList& operator=(const TermList&) = delete;

  // Words and indicators of a text.
  void AddText(std::string_view utf8);
  void AddTerm(std::string term) { terms_.push_back(std::move(term)); }
  const std::vector<std::string>& terms() const { return terms_; }

 private:
  std::vector<std::string> terms_;
};

// The terms that a document must all have. kInvalid if the text is too long, has too many
// words, or says nothing.
Result<std::vector<std::string>> ReadQuery(std::string_view utf8);

}  // namespace noroshi::search
