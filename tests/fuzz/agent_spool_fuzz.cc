// Any bytes as a spool file, its name, a mailbox.
#include <cstddef>
#include <cstdint>

#include "agent/app/mailbox.h"
#include "agent/spool/record.h"
#include "agent/spool/spool.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace noroshi;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto payload = spool::OpenRecord(spool::kSubmissionMagic, bytes);
  if (payload.ok() && spool::SealRecord(spool::kSubmissionMagic, *payload) != bytes)
    __builtin_trap();
  const auto item = spool::Item::FromName(bytes);
  if (item && item->name() != bytes) __builtin_trap();
  size_t total = 0;
  for (const std::string& mail : agent::SplitMbox(bytes)) total += mail.size();
  if (total > size) __builtin_trap();
  return 0;
}
