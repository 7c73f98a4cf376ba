// Any bytes as an attached file: no crash, bounded facts. The first line is its name.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "common/base/encoding.h"
#include "common/text/unicode.h"
#include "hub/analysis/analysis.h"
#include "hub/analysis/attachments.h"
#include "hub/analysis/unpack.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace noroshi;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const size_t line = std::min(bytes.find('\n'), size);
  const std::string name = text::ToValidUtf8(bytes.substr(0, line));
  const std::string_view content = bytes.substr(std::min(line + 1, size));
  const analysis::AttachmentReading reading =
      analysis::ReadAttachment(name, "application/octet-stream", content);
  bool good = reading.facts.ByteSizeLong() < analysis::kResultBytesMax &&
              IsValidUtf8(reading.facts.meant_name()) && IsValidUtf8(reading.facts.shown_name()) &&
              static_cast<size_t>(reading.facts.members_size()) <= analysis::kMembersMax;
  for (const v1::ArchiveMember& member : reading.facts.members()) {
    good = good && IsValidUtf8(member.name());
  }
  if (!good) abort();
  return 0;
}
