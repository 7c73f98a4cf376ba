// Any bytes as a mail: no crash, valid facts, bounded output.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "common/base/encoding.h"
#include "hub/analysis/analysis.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace noroshi;
  static const bool warm = (analysis::WarmUpMail(), true);
  const analysis::MailReading reading =
      analysis::ReadMail({reinterpret_cast<const char*>(data), warm ? size : 0});
  const v1::MailFacts& facts = reading.facts;
  bool good = facts.ByteSizeLong() < analysis::kResultBytesMax && IsValidUtf8(facts.text()) &&
              IsValidUtf8(facts.subject()) && IsValidUtf8(facts.from()) &&
              IsValidUtf8(facts.message_id());
  good = good && facts.links_size() >= facts.urls_size() &&
         facts.kind() != v1::MAIL_KIND_UNSPECIFIED && !facts.kind_reason().empty();
  for (const std::string& url : facts.urls()) good = good && IsValidUtf8(url);
  // Protobuf refuses text that is no UTF-8 when it is read again.
  v1::MailFacts again;
  good = good && again.ParseFromString(facts.SerializeAsString());
  for (const v1::AttachmentFacts& file : facts.attachments())
    good = good && IsValidUtf8(file.name());
  if (!good) abort();
  return 0;
}
