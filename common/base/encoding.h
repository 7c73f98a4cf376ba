// Bytes as text and numbers as bytes. Bytes are std::string throughout, views
// are std::string_view: that is what protobuf and RocksDB speak.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace noroshi {

// Lower-case hexadecimal.
std::string ToHex(std::string_view bytes);
// Accepts both cases; kInvalid on an odd length or another character.
Result<std::string> FromHex(std::string_view hex);

// base64url without padding (RFC 4648 section 5).
std::string ToBase64Url(std::string_view bytes);
// kInvalid on padding, white space or another character.
Result<std::string> FromBase64Url(std::string_view text);

// Big-endian, so that keys sort by value.
void AppendBigEndian32(uint32_t value, std::string* out);
void AppendBigEndian64(uint64_t value, std::string* out);
std::string BigEndian64(uint64_t value);
// REQUIRES: at least 4 (8) bytes.
uint32_t ReadBigEndian32(std::string_view bytes);
uint64_t ReadBigEndian64(std::string_view bytes);

// How many bytes at the beginning are ASCII other than NUL: most of most texts, which
// then need not be looked at one by one.
size_t AsciiPrefix(std::string_view text);

// Whether the text is well-formed UTF-8 (no surrogates, no overlong forms, at
// most U+10FFFF).
bool IsValidUtf8(std::string_view text);

// Cuts to at most max bytes without splitting a UTF-8 sequence.
std::string_view TruncateUtf8(std::string_view text, size_t max);

// Identifiers (organisations, agents, exercises, circles, rules): 1 to 64 of
// [a-z0-9._-], beginning with a letter or digit. They are safe in paths, keys,
// URIs and logs.
inline constexpr size_t kIdentifierBytesMax = 64;
bool IsIdentifier(std::string_view text);

}  // namespace noroshi
