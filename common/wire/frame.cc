#include "common/wire/frame.h"

#include <fmt/format.h>

#include "common/base/encoding.h"

namespace noroshi::wire {

void AppendFrame(const google::protobuf::MessageLite& message, std::string* out) {
  const size_t size = message.ByteSizeLong();
  NOROSHI_CHECK(size <= kFrameBytesMax);
  out->reserve(out->size() + kFrameHeaderBytes + size);
  AppendBigEndian32(static_cast<uint32_t>(size), out);
  NOROSHI_CHECK(message.AppendToString(out));
}

void FrameDecoder::Append(std::string_view bytes) {
  // Move the rest to the front first, so that the buffer stays as small as its content.
  if (start_ > 0) {
    buffer_.erase(0, start_);
    start_ = 0;
  }
  buffer_.append(bytes);
}

Result<std::optional<std::string_view>> FrameDecoder::Next() {
  if (buffered() < kFrameHeaderBytes) return std::optional<std::string_view>();
  const std::string_view held = std::string_view(buffer_).substr(start_);
  const size_t size = ReadBigEndian32(held);
  if (size == 0 || size > kFrameBytesMax) {
    return Error{ErrorCode::kInvalid,
                 fmt::format("a frame of {} bytes; allowed are 1 to {}", size, kFrameBytesMax)};
  }
  if (held.size() - kFrameHeaderBytes < size) return std::optional<std::string_view>();
  start_ += kFrameHeaderBytes + size;
  return std::optional<std::string_view>(held.substr(kFrameHeaderBytes, size));
}

void FrameDecoder::ReleaseIfEmpty() {
  if (buffered() != 0) return;
  std::string().swap(buffer_);
  start_ = 0;
}

}  // namespace noroshi::wire
