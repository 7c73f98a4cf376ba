// The fields of a report as people give them: the same keys in a YAML or JSON
// file, in the editor's form, and (with '-' for '_') as flags.
//
// Threads: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "noroshi/v1/submission.pb.h"

namespace noroshi::agent {

// One key with what was given for it.
struct Entry {
  std::string key;
  std::vector<std::string> values;  // More than one only for lists.
  std::string place;                // For messages: "report.yaml:3" or "--what".
};

enum class FieldPart { kSubmission, kHandling, kIncident, kFigures, kMail, kTreatment };
enum class FieldKind {
  kText,
  kIdentifier,
  kIdentifiers,
  kTime,
  kBool,
  kNumber,
  kTlp,
  kStage,
  kUuid
};

struct Field {
  std::string_view key;    // As in a file.
  std::string_view alias;  // Short form, also a flag; may be empty.
  FieldPart part;
  std::string_view proto;  // Name of the message's field.
  FieldKind kind;
  size_t max;  // Bytes of a text, items of a list, else unused.
  std::string_view help_ja;
  std::string_view help_en;
};

// All fields, in the order of the form.
const std::vector<Field>& Fields();
// By key or alias, '-' and '_' alike; null: unknown.
const Field* FindField(std::string_view key);
// The key that was most likely meant; empty: none is near.
std::string NearestField(std::string_view key);

// Sets one field. kInvalid: "place: key: なぜ / why"; for an id that is not in the
// taxonomy with those that are.
Result<void> ApplyEntry(const Entry& entry, v1::Submission* submission);

// The submission's bytes, checked by the rules that the hub will check it by.
// kInvalid, one line for each thing that is wrong, with the place of the entry in
// `given` that set it, if one did (of several the last one).
Result<std::string> CheckSubmission(const v1::Submission& filed, const std::vector<Entry>& given,
                                    int64_t now_ms);

// "2026-11-21T14:03", with or without seconds; "Z", "+09:00" or, without a zone,
// the machine's local time. 'T' may be a space. kInvalid otherwise.
Result<int64_t> ParseTime(std::string_view text);

}  // namespace noroshi::agent
