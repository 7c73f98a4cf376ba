// Reports as YAML or JSON files (JSON is read as YAML), and the commented form
// that `report incident --edit` opens.
//
// Threads: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/app/fields.h"
#include "common/base/result.h"
#include "noroshi/v1/submission.pb.h"

namespace noroshi::agent {

inline constexpr size_t kFormBytesMax = 512 * 1024;
inline constexpr std::string_view kMessageMark = "#! ";  // Begins a line of WithMessage.

// The keys of a form with their lines. kInvalid, one line for each mistake:
// "report.yaml:3: …" for syntax, unknown keys, keys given twice, and values that
// are neither a scalar nor a list of scalars. So is whatever a reader of YAML would
// lose without a word: a second document, the lines below an open quotation mark, and
// what follows " #" in a text. Keys without a value are left out.
Result<std::vector<Entry>> ReadForm(const std::string& name, std::string_view text);

// An empty form with Japanese and English comments; keys that `given` sets are
// filled in.
std::string FormTemplate(const std::vector<Entry>& given);

// `form` with a message on top as comments; a message put there earlier goes.
std::string WithMessage(const std::string& form, const std::string& message);

}  // namespace noroshi::agent
