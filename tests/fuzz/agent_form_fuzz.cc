// Any bytes as a report form: a complaint, or a report that was checked.
#include <cstddef>
#include <cstdint>

#include "agent/app/form.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace noroshi::agent;
  const auto entries = ReadForm("fuzz.yaml", {reinterpret_cast<const char*>(data), size});
  if (!entries.ok()) return 0;
  noroshi::v1::Submission submission;
  for (const Entry& entry : *entries) (void)ApplyEntry(entry, &submission).ok();
  (void)CheckSubmission(submission, 1'795'000'000'000).ok();
  // A form made of what was read can be read again.
  if (!ReadForm("again.yaml", FormTemplate(*entries)).ok()) __builtin_trap();
  return 0;
}
