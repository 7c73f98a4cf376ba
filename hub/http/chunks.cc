#include "hub/http/chunks.h"

#include <algorithm>

#include "common/base/ascii.h"
#include "hub/http/decode.h"

namespace noroshi::http {

using State = ChunkDecoder::State;

State ChunkDecoder::Take(std::string_view* bytes, std::string* content) {
  while (!bytes->empty()) {
    if (part_ == Part::kData) {
      const size_t some = std::min<uint64_t>(size_, bytes->size());
      content->append(bytes->substr(0, some));
      bytes->remove_prefix(some);
      size_ -= some;
      if (size_ == 0) part_ = Part::kDataReturn;
      continue;
    }
    const char c = bytes->front();
    bytes->remove_prefix(1);
    if (++overhead_ > content->size() + kChunkOverheadBytesMax) return State::kBad;
    const State state = Step(c);
    if (state != State::kMore) return state;
  }
  return State::kMore;
}

State ChunkDecoder::Step(char c) {
  switch (part_) {
    case Part::kSize:
      return StepSize(c);
    case Part::kSizeEnd:
      if (c != '\n') return State::kBad;
      if (size_ > content_left_) return State::kTooLong;
      content_left_ -= size_;
      part_ = size_ == 0 ? Part::kTrailer : Part::kData;
      return State::kMore;
    case Part::kData:
      break;  // Taken in one piece.
    case Part::kDataReturn:
      part_ = Part::kDataEnd;
      return c == '\r' ? State::kMore : State::kBad;
    case Part::kDataEnd:
      part_ = Part::kSize;
      digits_ = 0;
      size_ = 0;
      return c == '\n' ? State::kMore : State::kBad;
    case Part::kTrailer:
    case Part::kTrailerEnd:
      return StepTrailer(c);
  }
  return State::kBad;
}

State ChunkDecoder::StepSize(char c) {
  if (c == '\r' && digits_ > 0) {
    part_ = Part::kSizeEnd;
    return State::kMore;
  }
  const int digit = HexDigit(c);
  if (digit < 0 || ++digits_ > kChunkDigitsMax) return State::kBad;
  size_ = size_ * 16 + static_cast<uint64_t>(digit);
  return State::kMore;
}

State ChunkDecoder::StepTrailer(char c) {
  if (++trailer_bytes_ > kTrailerBytesMax) return State::kBad;
  if (part_ == Part::kTrailerEnd) {
    if (c != '\n') return State::kBad;
    if (line_.empty()) return State::kDone;
    const size_t colon = line_.find(':');
    if (colon == std::string::npos || !IsToken(std::string_view(line_).substr(0, colon))) {
      return State::kBad;
    }
    line_.clear();
    part_ = Part::kTrailer;
  } else if (c == '\r') {
    part_ = Part::kTrailerEnd;
  } else if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) {
    return State::kBad;
  } else {
    line_ += c;
  }
  return State::kMore;
}

}  // namespace noroshi::http
