// ChunkDecoder: a body in "Transfer-Encoding: chunked" (RFC 9112 section 7.1), as it
// comes. Strict: no extensions, no white space, no bare line feed; trailers are
// checked and dropped.
//
// It is ours because Boost.Beast 1.81 asserts when the last chunk's header comes in
// pieces (basic_parser::parse_chunk_header, n >= 5).
//
// Threads: external.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace noroshi::http {

// Bytes that are not content, beyond as many again as the content.
inline constexpr size_t kChunkOverheadBytesMax = 64 * 1024;
// Of a chunk's size, leading zeros included.
inline constexpr size_t kChunkDigitsMax = 15;
inline constexpr size_t kTrailerBytesMax = 8 * 1024;

class ChunkDecoder {
 public:
  enum class State { kMore, kDone, kBad, kTooLong };

  explicit ChunkDecoder(uint64_t content_bytes_max = 0) : content_left_(content_bytes_max) {}

  // Takes bytes off the front of `bytes` and appends the content to `content`; stops
  // at the body's end. REQUIRES: the last call said kMore.
  State Take(std::string_view* bytes, std::string* content);

 private:
  enum class Part { kSize, kSizeEnd, kData, kDataReturn, kDataEnd, kTrailer, kTrailerEnd };

  State Step(char c);
  State StepSize(char c);
  State StepTrailer(char c);

  uint64_t content_left_;
  Part part_ = Part::kSize;
  uint64_t size_ = 0;  // Of this chunk; in kData what is still to come.
  size_t digits_ = 0;
  std::string line_;  // Of the trailers.
  size_t trailer_bytes_ = 0;
  uint64_t overhead_ = 0;
};

}  // namespace noroshi::http
