// Any bytes as a header of every name that is read: no crash, bounded facts.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "hub/analysis/headers.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace noroshi::analysis;
  const std::string_view raw(reinterpret_cast<const char*>(data), size);
  MessageHeaders headers;
  for (const char* name : {"Subject", "From", "Message-ID", "Date", "In-Reply-To", "References",
                           "Return-Path", "Reply-To", "To", "Received", "Authentication-Results",
                           "Received-SPF", "X-Originating-IP", "X-Other"}) {
    headers.Add(name, raw);
  }
  if (headers.hops.size() > kHopsMax || headers.authentication.size() > kAuthenticationMax ||
      headers.references.size() > kReferencesMax || headers.date.size() > kHeaderTokenBytesMax) {
    abort();
  }
  return 0;
}
