// Fields of a message that are put together from parts which are serialised already.
//
// Threads: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace noroshi::wire {

inline constexpr size_t kFieldHeadBytesMax = 10;

// What stands before an embedded message, string or bytes of this size: tag and length.
std::string FieldHead(int number, size_t size);
// The whole field.
void AppendField(int number, std::string_view content, std::string* out);

}  // namespace noroshi::wire
