// Any bytes as a report form: a complaint, or a report that was checked.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "agent/app/form.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace noroshi::agent;
  const auto entries = ReadForm("fuzz.yaml", {reinterpret_cast<const char*>(data), size});
  if (!entries.ok()) return 0;
  noroshi::v1::Submission submission;
  for (const Entry& entry : *entries) (void)ApplyEntry(entry, &submission).ok();
  (void)CheckSubmission(submission, *entries, 1'795'000'000'000).ok();
  // A form made of what was read says the same.
  const auto again = ReadForm("again.yaml", FormTemplate(*entries));
  if (!again.ok()) __builtin_trap();
  for (const Entry& entry : *entries) {
    const Field* field = FindField(entry.key);
    if (field->part == FieldPart::kMail || field->part == FieldPart::kTreatment) continue;
    const bool kept = std::any_of(again->begin(), again->end(), [&](const Entry& other) {
      return FindField(other.key) == field && other.values == entry.values;
    });
    if (!kept) __builtin_trap();
  }
  return 0;
}
