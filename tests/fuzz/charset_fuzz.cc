// First byte: which label; the rest: bytes in that charset. Always valid UTF-8.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "common/base/encoding.h"
#include "common/text/charset.h"
#include "common/text/unicode.h"
#include "hub/analysis/transfer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace noroshi;
  if (size == 0) return 0;
  constexpr std::array<std::string_view, 8> kLabels = {
      "", "utf-8", "iso-2022-jp", "shift_jis", "euc-jp", "utf-16", "iso-8859-1", "gb2312"};
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const text::Decoded decoded = text::DecodeCharset(bytes, kLabels[data[0] % kLabels.size()]);
  if (!IsValidUtf8(decoded.text)) abort();
  if (!IsValidUtf8(analysis::DecodeHeaderText(bytes))) abort();
  for (const auto& [name, value] : analysis::ParseParameters(bytes).parameters) {
    if (!IsValidUtf8(value)) abort();
  }
  const text::Mapped mapped = text::NormaliseMapped(decoded.text);
  if (mapped.origin.size() != mapped.text.size() + 1 || !IsValidUtf8(mapped.text)) abort();
  return 0;
}
