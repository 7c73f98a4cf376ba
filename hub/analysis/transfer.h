// Decoders for what mail puts around its bytes: base64, quoted-printable,
// encoded words (RFC 2047) and header parameters (RFC 2231).
//
// Tolerant as mail programs are, because attackers count on it: padding in the
// middle does not end base64, an encoded word may stand inside quotes or touch
// other text, characters may be split between adjacent words. Nothing fails;
// work is linear in the input.
// Threads: thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace noroshi::analysis {

std::string DecodeBase64(std::string_view encoded);
// "_" is a space in encoded words only.
std::string DecodeQuotedPrintable(std::string_view encoded, bool in_header = false);
// From "begin" to "end"; nothing without a "begin".
std::string DecodeUu(std::string_view encoded);
// By Content-Transfer-Encoding; an unknown one is taken as it is.
std::string DecodeTransfer(std::string_view content, std::string_view encoding);

// A raw header value as a person sees it: unfolded, encoded words decoded,
// bytes of the eighth bit guessed, UTF-8.
std::string DecodeHeaderText(std::string_view raw);

// "multipart/mixed; boundary=x; name*0*=utf-8''%41" and the like.
struct HeaderWithParameters {
  std::string value;                                            // Lower case, e.g. "text/html".
  std::vector<std::pair<std::string, std::string>> parameters;  // Names lower case; decoded UTF-8.
  // Empty if there is none.
  std::string_view Find(std::string_view name) const;
};
inline constexpr size_t kParametersMax = 64;  // More are ignored.
HeaderWithParameters ParseParameters(std::string_view raw);

}  // namespace noroshi::analysis
