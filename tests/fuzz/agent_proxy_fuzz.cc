// Any bytes as a proxy's answer, whole and cut.
#include <cstddef>
#include <cstdint>

#include "agent/session/proxy.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace noroshi::session;
  const std::string_view answer(reinterpret_cast<const char*>(data), size);
  const auto whole = ReadConnectAnswer(answer);
  // What is complete was not complete one byte before.
  if (whole.ok() && *whole) {
    const auto cut = ReadConnectAnswer(answer.substr(0, size - 1));
    if (!cut.ok() || *cut) __builtin_trap();
  }
  (void)ParseProxyUrl(answer).ok();
  return 0;
}
