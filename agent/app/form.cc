#include "agent/app/form.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <boost/json.hpp>
#include <optional>
#include <set>
#include <sstream>

#include "common/base/encoding.h"

namespace noroshi::agent {
namespace {

constexpr size_t kKeysMax = 200;
constexpr size_t kListMax = 100;
constexpr int kDocumentsMax = 8;  // With empty ones.
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr std::string_view kSpaces = " \t\r\n";
constexpr char kNotClosed[] = "引用符が閉じていません / a quotation mark is not closed";

// Nobody types these into a report.
bool HasControls(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\r' && c != '\t') ||
           c == 0x7f;
  });
}

// Notes where a document has content; an empty one ("---" and nothing more) has none.
class ContentFinder final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override { start_ = mark; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& /*mark*/, YAML::anchor_t /*anchor*/) override {}
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override { Note(mark); }
  void OnScalar(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                const std::string& /*value*/) override {
    Note(mark);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& /*tag*/,
                       YAML::anchor_t /*anchor*/, YAML::EmitterStyle::value /*style*/) override {
    Note(mark);
  }
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                  YAML::EmitterStyle::value /*style*/) override {
    Note(mark);
  }
  void OnMapEnd() override {}

  const std::optional<YAML::Mark>& content() const { return content_; }
  const YAML::Mark& start() const { return start_; }

 private:
  void Note(const YAML::Mark& mark) {
    if (!content_) content_ = mark;
  }

  YAML::Mark start_;
  std::optional<YAML::Mark> content_;
};

// Where something follows the first document; absent: nothing does. Not by LoadAll: it
// never comes back from a bracket that nobody opened.
std::optional<YAML::Mark> SecondDocument(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  YAML::Mark last;
  for (int i = 0; i < kDocumentsMax; ++i) {
    ContentFinder document;
    if (!parser.HandleNextDocument(document)) return std::nullopt;
    if (i > 0 && document.content()) return document.content();
    last = document.start();
  }
  return last;
}

// Collects entries and mistakes.
class Reader {
 public:
  Reader(const std::string& name, const std::string& text) : name_(name), text_(text) {}

  void ReadText() {
    if (const auto second = SecondDocument(text_))
      return ComplainAt(*second, "届出は一つのファイルに一つです / a second report begins here");
    const YAML::Node root = YAML::Load(text_);
    if (root.IsNull()) return;
    if (!root.IsMap())
      return Complain(root, "「項目: 値」の形で書いてください / must be 'key: value' lines");
    FindOpenQuote(root);
    ReadMap(root, /*nested=*/false);
  }

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
      } else if (key == "figures" && !nested) {
        ReadFigures(item.first, item.second);
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

  // yaml-cpp takes a quoted text that nobody closes when white space follows it, and all
  // lines below become part of it. Without that white space it complains.
  void FindOpenQuote(const YAML::Node& map) {
    try {
      YAML::Load(text_.substr(0, text_.find_last_not_of(kSpaces) + 1));
    } catch (const YAML::Exception& error) {
      if (error.msg != YAML::ErrorMsg::EOF_IN_SCALAR) return;
      YAML::Mark last = error.mark;
      for (const auto& item : map) last = item.first.Mark();
      ComplainAt(last, kNotClosed);
    }
  }

  void ReadFigures(const YAML::Node& name, const YAML::Node& value) {
    if (value.IsMap()) return ReadMap(value, /*nested=*/true);
    if (!value.IsNull())
      Complain(name,
               "figures: 「users: 120」などの行を下に書いてください / holds lines such as "
               "'users: 120' below it");
  }

  // Whether YAML takes what begins the value for a mark of its own, a tag or an anchor: it,
  // and of an anchor all up to a blank, is no part of the value then.
  bool BeginsWithMark(const YAML::Node& value) const {
    const size_t at = static_cast<size_t>(value.Mark().pos);
    return at < text_.size() && (text_[at] == '!' || text_[at] == '&');
  }

  // Whether a comment follows a plain value in its line: it was hardly meant as one.
  bool LosesText(const YAML::Node& value) const {
    if (value.Tag() != "?") return false;  // In quotes, or a block.
    size_t at = static_cast<size_t>(value.Mark().pos);
    for (const char c : value.Scalar()) {
      if (kSpaces.find(c) != std::string_view::npos) continue;  // Lines are folded.
      at = text_.find_first_not_of(kSpaces, at);
      if (at == std::string::npos || text_[at] != c) return false;
      ++at;
    }
    at = text_.find_first_not_of(" \t", at);
    return at != std::string::npos && text_[at] == '#';
  }

  void Unknown(const YAML::Node& node, const std::string& key) {
    const std::string nearest = NearestField(key);
    Complain(node,
             fmt::format("{}: 不明な項目です / unknown key{}", Shown(key),
                         nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest)));
  }

  // Whether nothing but a comment stands behind a key, in its line.
  bool HasCommentOnly(const YAML::Node& name) const {
    const size_t begin = static_cast<size_t>(name.Mark().pos);
    const std::string line = text_.substr(begin, text_.find('\n', begin) - begin);
    const size_t colon = line.find(':');
    const size_t value = line.find_first_not_of(" \t\r", colon + 1);
    return colon != std::string::npos && value != std::string::npos && line[value] == '#';
  }

  void ComplainOfComment(const YAML::Node& node, const std::string& key) {
    Complain(node,
             key +
                 ": 「#」から後が失われます。引用符で囲んでください / the text after '#' would "
                 "be lost: put it in quotes");
  }

  void ComplainOfMark(const YAML::Node& node, const std::string& key) {
    Complain(node,
             key +
                 ": 先頭の「!」「&」が失われます。引用符で囲んでください / '!' and '&' at its "
                 "beginning would be lost: put it in quotes");
  }

  void ReadValue(const std::string& key, const YAML::Node& name, const YAML::Node& value) {
    const bool is_text = FindField(key)->kind == FieldKind::kText;
    if (value.IsNull() && is_text && HasCommentOnly(name)) return ComplainOfComment(name, key);
    if (value.IsNull() && BeginsWithMark(value)) return ComplainOfMark(name, key);
    if (value.IsNull()) return;  // Left empty in the form.
    Entry entry{key, {}, Place(name.Mark())};
    std::vector<YAML::Node> scalars;
    if (value.IsScalar()) {
      scalars.push_back(value);
    } else if (value.IsSequence() && value.size() <= kListMax) {
      for (const auto& item : value) scalars.push_back(item);
    } else {
      return Complain(name, key + ": 値は文字列か一覧です / a value is a text or a short list");
    }
    for (const YAML::Node& scalar : scalars) {
      if (!scalar.IsScalar())
        return Complain(name, key + ": 一覧には文字列だけ / only texts in a list");
      const std::string& text = scalar.Scalar();
      // A zero byte in the file, too: the parser makes broken UTF-8 of it.
      if (HasControls(text) || !IsValidUtf8(text))
        return Complain(name, key + ": 制御文字があります / holds control characters");
      if (BeginsWithMark(scalar)) return ComplainOfMark(scalar, key);
      if (is_text && LosesText(scalar)) return ComplainOfComment(scalar, key);
      entry.values.push_back(text);
    }
    if (!entry.values.empty()) entries.push_back(std::move(entry));
  }

  const std::string& name_;
  const std::string& text_;
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
  if (!IsValidUtf8(text))
    return Error{ErrorCode::kInvalid,
                 name + ": UTF-8 で保存してください / not UTF-8: save it as UTF-8"};
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  const std::string content(text);
  Reader reader(name, content);
  try {
    reader.ReadText();
  } catch (const YAML::Exception& error) {
    const bool open = error.msg == YAML::ErrorMsg::EOF_IN_SCALAR;
    reader.ComplainAt(error.mark,
                      open ? kNotClosed : "YAML として読めません / not YAML: " + error.msg);
  } catch (const std::exception& error) {
    return Error{ErrorCode::kInvalid, name + ": 読めません / cannot be read: " + error.what()};
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
      "# 保存せずに、または空にして終了すると取りやめます。 / Quit without saving, or with an "
      "empty "
      "file, to give up.\n\n";
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
