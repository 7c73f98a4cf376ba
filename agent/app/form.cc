#include "agent/app/form.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <boost/json.hpp>
#include <set>

#include "common/base/encoding.h"

namespace noroshi::agent {
namespace {

constexpr size_t kKeysMax = 200;
constexpr size_t kListMax = 100;
constexpr std::string_view kMessageMark = "#! ";

// Nobody types these into a report.
bool HasControls(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\r' && c != '\t') ||
           c == 0x7f;
  });
}

// Collects entries and mistakes.
class Reader {
 public:
  explicit Reader(const std::string& name) : name_(name) {}

  void ReadMap(const YAML::Node& map, bool nested) {
    size_t keys = 0;
    for (const auto& item : map) {
      if (++keys > kKeysMax) return Complain(map, "項目が多すぎます / too many keys");
      if (!item.first.IsScalar())
        return Complain(item.first, "項目名が文字列ではありません / a key is not a text");
      const std::string& key = item.first.Scalar();
      const Field* field = FindField(key);
      if (!seen_.insert(field == nullptr ? key : std::string(field->key)).second) {
        Complain(item.first, fmt::format("{}: 重複しています / given twice", Shown(key)));
      } else if (key == "figures" && !nested && item.second.IsMap()) {
        ReadMap(item.second, /*nested=*/true);
      } else if (field == nullptr) {
        Unknown(item.first, key);
      } else {
        ReadValue(key, item.first, item.second);
      }
    }
  }

  void Complain(const YAML::Node& node, const std::string& what) { ComplainAt(node.Mark(), what); }
  void ComplainAt(const YAML::Mark& mark, const std::string& what) {
    wrong += fmt::format("{}{}: {}", wrong.empty() ? "" : "\n", Place(mark), what);
  }

  std::vector<Entry> entries;
  std::string wrong;

 private:
  static std::string Shown(std::string_view key) {
    std::string out(TruncateUtf8(key, 64));
    for (char& c : out) {
      if (static_cast<unsigned char>(c) < 0x20) c = '?';
    }
    return out;
  }
  std::string Place(const YAML::Mark& mark) const {
    return fmt::format("{}:{}", name_, mark.line + 1);
  }

  void Unknown(const YAML::Node& node, const std::string& key) {
    const std::string nearest = NearestField(key);
    Complain(node,
             fmt::format("{}: 不明な項目です / unknown key{}", Shown(key),
                         nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest)));
  }

  void ReadValue(const std::string& key, const YAML::Node& name, const YAML::Node& value) {
    if (value.IsNull()) return;  // Left empty in the form.
    Entry entry{key, {}, Place(name.Mark())};
    if (value.IsScalar()) {
      entry.values.push_back(value.Scalar());
    } else if (value.IsSequence() && value.size() <= kListMax) {
      for (const auto& item : value) {
        if (!item.IsScalar())
          return Complain(name, key + ": 一覧には文字列だけ / only texts in a list");
        entry.values.push_back(item.Scalar());
      }
    } else {
      return Complain(name, key + ": 値は文字列か一覧です / a value is a text or a short list");
    }
    for (const std::string& text : entry.values) {
      // A zero byte in the file, too: the parser makes broken UTF-8 of it.
      if (HasControls(text) || !IsValidUtf8(text))
        return Complain(name, key + ": 制御文字があります / holds control characters");
    }
    if (!entry.values.empty()) entries.push_back(std::move(entry));
  }

  const std::string& name_;
  std::set<std::string> seen_;  // Of both maps: `users` may stand in `figures` or beside it.
};

// Text that may stand in a block as it is: lines that YAML does not read
// differently, and at most one line break at the end.
bool IsPlainBlock(std::string_view value) {
  if (value.find('\n') == std::string_view::npos || value.front() == ' ' || value.front() == '\n' ||
      value.ends_with("\n\n"))
    return false;
  return std::none_of(value.begin(), value.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7f;
  });
}

// A value as YAML reads it back: lines as a block, so that they can be edited,
// and everything else in double quotes (a JSON string is one of YAML's).
std::string YamlValue(const std::string& value) {
  if (!IsPlainBlock(value)) return boost::json::serialize(boost::json::string(value));
  std::string block = value.ends_with('\n') ? "|" : "|-";
  std::string_view rest = value.ends_with('\n')
                              ? std::string_view(value).substr(0, value.size() - 1)
                              : std::string_view(value);
  while (true) {
    const size_t end = rest.find('\n');
    block += "\n  " + std::string(rest.substr(0, end));
    if (end == std::string_view::npos) return block;
    rest.remove_prefix(end + 1);
  }
}

const Entry* GivenFor(const Field& field, const std::vector<Entry>& given) {
  for (const Entry& entry : given) {
    if (FindField(entry.key) == &field) return &entry;
  }
  return nullptr;
}

}  // namespace

Result<std::vector<Entry>> ReadForm(const std::string& name, std::string_view text) {
  if (text.size() > kFormBytesMax)
    return Error{ErrorCode::kInvalid, fmt::format("{}: larger than {} bytes", name, kFormBytesMax)};
  if (!IsValidUtf8(text)) return Error{ErrorCode::kInvalid, name + ": not UTF-8"};
  Reader reader(name);
  try {
    const YAML::Node root = YAML::Load(std::string(text));
    if (root.IsMap()) {
      reader.ReadMap(root, /*nested=*/false);
    } else if (!root.IsNull()) {
      reader.Complain(root, "「項目: 値」の形で書いてください / must be 'key: value' lines");
    }
  } catch (const YAML::Exception& error) {
    reader.ComplainAt(error.mark, error.msg);
  } catch (const std::exception& error) {
    return Error{ErrorCode::kInvalid, name + ": " + error.what()};
  }
  if (!reader.wrong.empty()) return Error{ErrorCode::kInvalid, reader.wrong};
  return std::move(reader.entries);
}

std::string FormTemplate(const std::vector<Entry>& given) {
  std::string text =
      "# インシデント報告 / Incident report\n"
      "# 分かるところだけ書き、保存して終了すると届け出ます。必須は stage, tlp "
      "と本文のどれか一つ。\n"
      "# Fill in what is known, save and quit to file it. Required: stage, tlp and one text.\n"
      "# 空のまま終了すると取りやめます。 / Quit with an empty file to give up.\n\n";
  for (const Field& field : Fields()) {
    if (field.part == FieldPart::kMail || field.part == FieldPart::kTreatment) continue;
    text += fmt::format("# {} / {}\n{}:", field.help_ja, field.help_en, field.key);
    if (const Entry* entry = GivenFor(field, given)) {
      const bool list = field.kind == FieldKind::kIdentifiers || entry->values.size() != 1;
      for (const std::string& value : entry->values)
        text += list ? "\n  - " + boost::json::serialize(boost::json::string(value))
                     : " " + YamlValue(value);
    } else if (field.key == "stage") {
      text += " first";
    }
    text += "\n";
  }
  return text;
}

std::string WithMessage(const std::string& form, const std::string& message) {
  std::string text;
  std::string_view rest = message;
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    text += fmt::format("{}{}\n", kMessageMark, rest.substr(0, end));
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  rest = form;
  while (rest.starts_with(kMessageMark)) {
    const size_t end = rest.find('\n');
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  return text + std::string(rest);
}

}  // namespace noroshi::agent
