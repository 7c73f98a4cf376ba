// From labelled (and mislabelled) charsets to UTF-8.
//
// Understands what mails in Japan really use: ISO-2022-JP with NEC row 13, IBM
// extensions and half-width kana (by escape, by shift and by eighth bit),
// Shift_JIS as CP932, EUC-JP, UTF-8, UTF-16, ISO-8859-* (as the windows code
// pages that senders mean) and every other converter that ICU has. Labels that
// do not fit the bytes are repaired where the bytes tell: a byte order mark,
// ISO-2022-JP escapes, well-formed UTF-8, or Japanese in a Latin label.
//
// Never fails: what cannot be decoded becomes U+FFFD. Output may be up to three
// times as long as the input; callers bound the input.
// Deterministic. Threads: thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace noroshi::text {

struct Decoded {
  std::string text;       // Valid UTF-8 without byte order mark and NUL.
  std::string charset;    // What was used, lower case: "utf-8", "iso-2022-jp", "windows-31j" …
  bool repaired = false;  // The label was absent, unknown or contradicted by the bytes.
};

// label: as in Content-Type or an encoded word; may be empty.
Decoded DecodeCharset(std::string_view bytes, std::string_view label);

// Loads every converter that DecodeCharset may use, so that a confined process
// needs no file later.
void WarmUpCharsets();

}  // namespace noroshi::text
