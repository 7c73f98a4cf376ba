// The frame decoder, and the agent's frames inside: whatever the pieces, the
// decoder yields the same frames, holds little, and stops at the first error.
#include <google/protobuf/stubs/logging.h>

#include <string_view>
#include <vector>

#include "common/base/check.h"
#include "common/wire/frame.h"
#include "noroshi/v1/agent.pb.h"

namespace {

// The first byte says how large the pieces are.
std::vector<std::string> Decode(std::string_view bytes, size_t piece) {
  noroshi::wire::FrameDecoder decoder;
  std::vector<std::string> frames;
  while (true) {
    while (true) {
      auto next = decoder.Next();
      if (!next.ok()) return frames;
      if (!next->has_value()) break;
      NOROSHI_CHECK(!(*next)->empty() && (*next)->size() <= noroshi::wire::kFrameBytesMax);
      frames.emplace_back(**next);
    }
    decoder.ReleaseIfEmpty();
    if (bytes.empty()) return frames;
    decoder.Append(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  google::protobuf::SetLogHandler(nullptr);
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto frames = Decode(bytes, data[0] % 64 + 1);
  NOROSHI_CHECK(frames == Decode(bytes, bytes.size() + 1));
  for (const std::string& frame : frames) {
    noroshi::v1::AgentFrame agent;
    noroshi::v1::HubFrame hub;
    if (!agent.ParseFromString(frame)) agent.Clear();
    if (!hub.ParseFromString(frame)) hub.Clear();
  }
  return 0;
}
