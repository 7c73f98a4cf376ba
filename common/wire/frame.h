// Frames: 4-byte big-endian length, then that many bytes of one message.
//
// Threads: one strand.
#pragma once

#include <google/protobuf/message_lite.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace noroshi::wire {

// What Hello and Welcome say: which kinds of frame this side understands. 1: AnswerQuestion
// and Answered.
inline constexpr uint32_t kMinorVersion = 1;
inline constexpr uint32_t kMinorWithAnswers = 1;
inline constexpr size_t kFrameHeaderBytes = 4;
inline constexpr size_t kFrameBytesMax = 256 * 1024;  // Without the length.
inline constexpr size_t kSubmissionBytesMax = 25 * 1024 * 1024;
inline constexpr size_t kChunkBytes = 128 * 1024;  // What our side sends in one chunk.

// Appends length and message. REQUIRES: the message serialises to at most kFrameBytesMax.
void AppendFrame(const google::protobuf::MessageLite& message, std::string* out);

// Cuts a stream of bytes into frames.
//
//   decoder.Append(bytes);
//   while (true) {
//     auto frame = decoder.Next();       // error: the stream is lost, close it
//     if (!frame.ok() || !frame->has_value()) break;
//     Use(**frame);                      // valid until the next call
//   }
//
// Holds at most one frame and what was appended since.
class FrameDecoder {
 public:
  void Append(std::string_view bytes);
  // nullopt: more bytes are needed. kInvalid: a length of 0 or over the maximum.
  Result<std::optional<std::string_view>> Next();
  // Bytes held.
  size_t buffered() const { return buffer_.size() - start_; }
  // Gives memory back when nothing is buffered.
  void ReleaseIfEmpty();

 private:
  std::string buffer_;
  size_t start_ = 0;
};

}  // namespace noroshi::wire
