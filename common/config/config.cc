#include "common/config/config.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <set>

#include "common/base/encoding.h"

namespace noroshi::config {
namespace {

struct Unit {
  std::string_view name;
  uint64_t factor;
};

constexpr Unit kSizeUnits[] = {{"", 1},
                               {"B", 1},
                               {"KiB", uint64_t{1} << 10},
                               {"MiB", uint64_t{1} << 20},
                               {"GiB", uint64_t{1} << 30},
                               {"TiB", uint64_t{1} << 40}};
constexpr Unit kDurationUnits[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};

template <size_t kCount>
std::optional<uint64_t> ParseWithUnit(std::string_view text, const Unit (&units)[kCount]) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  const std::string_view unit = text.substr(static_cast<size_t>(end - text.data()));
  for (const Unit& known : units) {
    if (known.name != unit) continue;
    if (number > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) / known.factor)
      return std::nullopt;
    return number * known.factor;
  }
  return std::nullopt;
}

size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substitution = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitution});
    }
  }
  return row[b.size()];
}

// The known key that the author most likely meant; empty: none is near.
std::string NearestKey(std::string_view key, const std::set<std::string, std::less<>>& known) {
  constexpr size_t kComparedBytesMax = 64;
  if (key.size() > kComparedBytesMax) return "";
  size_t best = std::max<size_t>(2, key.size() / 3) + 1;
  std::string nearest;
  for (const std::string& candidate : known) {
    if (candidate.size() > kComparedBytesMax) continue;
    const size_t distance = EditDistance(key, candidate);
    if (distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

std::string TypeName(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a decimal number";
    case toml::node_type::boolean:
      return "true or false";
    default:
      return "a date or time";
  }
}

// Keys go into messages: keep them short and on one line.
std::string Printable(std::string_view key) {
  std::string out;
  for (const char c : TruncateUtf8(key, 64)) {
    out.push_back(static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c);
  }
  return out;
}

}  // namespace

Result<uint64_t> ParseSize(std::string_view text) {
  if (const auto bytes = ParseWithUnit(text, kSizeUnits)) return *bytes;
  return Error{ErrorCode::kInvalid, "not a size such as \"64MiB\" (B, KiB, MiB, GiB, TiB)"};
}

Result<std::chrono::milliseconds> ParseDuration(std::string_view text) {
  if (text == "0") return std::chrono::milliseconds(0);
  if (const auto ms = ParseWithUnit(text, kDurationUnits))
    return std::chrono::milliseconds(static_cast<int64_t>(*ms));
  return Error{ErrorCode::kInvalid, "not a duration such as \"30s\" (ms, s, m, h, d)"};
}

struct Document::Impl {
  struct Note {
    toml::source_position place;
    std::string what;
  };
  struct Visit {
    std::string path;
    std::set<std::string, std::less<>> keys;  // That getters asked for.
  };

  std::string name;
  toml::table root;
  std::vector<Note> notes;
  size_t errors = 0;
  std::map<const toml::table*, Visit> visited;

  void Add(const toml::source_position& place, std::string what) {
    ++errors;
    if (notes.size() < kErrorsMax) notes.push_back({place, std::move(what)});
  }

  void AddUnknownKeys() {
    for (const auto& [table, visit] : visited) {
      for (const auto& [key, value] : *table) {
        if (visit.keys.contains(key.str())) continue;
        const std::string nearest = NearestKey(key.str(), visit.keys);
        Add(key.source().begin,
            fmt::format("unknown key '{}{}'{}", visit.path, Printable(key.str()),
                        nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest)));
      }
    }
  }
};

namespace {

const toml::table* AsTable(const void* node) { return static_cast<const toml::table*>(node); }

toml::source_position PlaceOf(const toml::table* table, std::string_view key) {
  if (table == nullptr) return {1, 1};
  if (const auto found = table->find(key); found != table->end())
    return found->first.source().begin;
  const auto place = table->source().begin;
  return place ? place : toml::source_position{1, 1};
}

}  // namespace

Document::Document(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Document::Document(Document&&) noexcept = default;
Document& Document::operator=(Document&&) noexcept = default;
Document::~Document() = default;

Result<Document> Document::Parse(const std::string& name, std::string_view text) {
  if (text.size() > kDocumentBytesMax) {
    return Error{ErrorCode::kInvalid,
                 fmt::format("{}: larger than {} bytes", name, kDocumentBytesMax)};
  }
  auto impl = std::make_unique<Impl>();
  impl->name = name;
  try {
    impl->root = toml::parse(text);
  } catch (const toml::parse_error& error) {
    const auto& place = error.source().begin;
    return Error{ErrorCode::kInvalid,
                 fmt::format("{}:{}:{}: {}", name, place.line, place.column, error.description())};
  } catch (const std::exception& error) {
    return Error{ErrorCode::kInvalid, fmt::format("{}: {}", name, error.what())};
  }
  return Document(std::move(impl));
}

Result<Document> Document::Load(FileSystem& files, const std::string& path) {
  NOROSHI_ASSIGN_OR_RETURN(const std::string text, files.Read(path, kDocumentBytesMax));
  return Parse(path, text);
}

Table Document::root() { return Table(impl_.get(), &impl_->root, ""); }

Result<void> Document::Finish() {
  impl_->AddUnknownKeys();
  if (impl_->errors == 0) return {};
  std::stable_sort(impl_->notes.begin(), impl_->notes.end(),
                   [](const Impl::Note& a, const Impl::Note& b) { return a.place < b.place; });
  std::string text;
  for (const Impl::Note& note : impl_->notes) {
    text += fmt::format("{}{}:{}:{}: {}", text.empty() ? "" : "\n", impl_->name, note.place.line,
                        note.place.column, note.what);
  }
  if (impl_->errors > impl_->notes.size())
    text += fmt::format("\nand {} more", impl_->errors - impl_->notes.size());
  return Error{ErrorCode::kInvalid, text};
}

Table::Table(Document::Impl* document, const void* node, std::string path)
    : document_(document), node_(node), path_(std::move(path)) {
  if (node_ != nullptr) document_->visited[AsTable(node_)].path = path_;
}

bool Table::Has(std::string_view key) const {
  return node_ != nullptr && AsTable(node_)->contains(key);
}

void Table::Fail(std::string_view key, const std::string& what) {
  document_->Add(PlaceOf(AsTable(node_), key), fmt::format("{}{}: {}", path_, key, what));
}

namespace {

// The value of a key, after noting that somebody asked for it.
const toml::node* Find(Document::Impl* document, const toml::table* table, std::string_view key) {
  if (table == nullptr) return nullptr;
  document->visited[table].keys.emplace(key);
  return table->get(key);
}

}  // namespace

std::string Table::String(std::string_view key, std::optional<std::string> fallback,
                          size_t max_bytes) {
  const toml::node* node = Find(document_, AsTable(node_), key);
  const bool required = !fallback.has_value();
  if (node == nullptr) {
    if (required) Fail(key, "missing key");
    return fallback.value_or("");
  }
  const auto* text = node->as_string();
  if (text == nullptr) {
    Fail(key, "must be a string, is " + TypeName(*node));
  } else if (required && text->get().empty()) {
    Fail(key, "must not be empty");
  } else if (text->get().size() > max_bytes) {
    Fail(key, fmt::format("longer than {} bytes", max_bytes));
  } else {
    return text->get();
  }
  return fallback.value_or("");
}

std::string Table::Word(std::string_view key, const std::vector<std::string>& words,
                        std::optional<std::string> fallback) {
  const bool given = Has(key);
  std::string word = String(key, fallback);
  if (!given || word.empty() || std::find(words.begin(), words.end(), word) != words.end())
    return word;
  Fail(key, fmt::format("must be one of {}", fmt::join(words, ", ")));
  return fallback.value_or("");
}

bool Table::Bool(std::string_view key, std::optional<bool> fallback) {
  const toml::node* node = Find(document_, AsTable(node_), key);
  if (node == nullptr) {
    if (!fallback.has_value()) Fail(key, "missing key");
  } else if (const auto* value = node->as_boolean()) {
    return value->get();
  } else {
    Fail(key, "must be true or false, is " + TypeName(*node));
  }
  return fallback.value_or(false);
}

int64_t Table::Integer(std::string_view key, Range<int64_t> range,
                       std::optional<int64_t> fallback) {
  const toml::node* node = Find(document_, AsTable(node_), key);
  if (node == nullptr) {
    if (!fallback.has_value()) Fail(key, "missing key");
  } else if (const auto* value = node->as_integer(); value == nullptr) {
    Fail(key, "must be an integer, is " + TypeName(*node));
  } else if (value->get() < range.min || value->get() > range.max) {
    Fail(key, fmt::format("{} is not between {} and {}", value->get(), range.min, range.max));
  } else {
    return value->get();
  }
  return fallback.value_or(range.min);
}

uint64_t Table::Size(std::string_view key, Range<uint64_t> range,
                     std::optional<uint64_t> fallback) {
  const toml::node* node = Find(document_, AsTable(node_), key);
  const uint64_t otherwise = fallback.value_or(range.min);
  if (node == nullptr) {
    if (!fallback.has_value()) Fail(key, "missing key");
    return otherwise;
  }
  uint64_t bytes = 0;
  if (const auto* text = node->as_string()) {
    const auto parsed = ParseSize(text->get());
    if (!parsed.ok()) {
      Fail(key, parsed.error().message);
      return otherwise;
    }
    bytes = *parsed;
  } else if (const auto* number = node->as_integer(); number != nullptr && number->get() >= 0) {
    bytes = static_cast<uint64_t>(number->get());
  } else {
    Fail(key, "not a size such as \"64MiB\"");
    return otherwise;
  }
  if (bytes >= range.min && bytes <= range.max) return bytes;
  Fail(key, fmt::format("{} bytes is not between {} and {}", bytes, range.min, range.max));
  return otherwise;
}

std::chrono::milliseconds Table::Duration(std::string_view key,
                                          Range<std::chrono::milliseconds> range,
                                          std::optional<std::chrono::milliseconds> fallback) {
  const toml::node* node = Find(document_, AsTable(node_), key);
  const auto otherwise = fallback.value_or(range.min);
  if (node == nullptr) {
    if (!fallback.has_value()) Fail(key, "missing key");
    return otherwise;
  }
  const auto* text = node->as_string();
  if (text == nullptr) {
    Fail(key, "must be a string such as \"30s\", is " + TypeName(*node));
    return otherwise;
  }
  const auto duration = ParseDuration(text->get());
  if (!duration.ok()) {
    Fail(key, duration.error().message);
    return otherwise;
  }
  if (*duration >= range.min && *duration <= range.max) return *duration;
  Fail(key, fmt::format("{} ms is not between {} and {} ms", duration->count(), range.min.count(),
                        range.max.count()));
  return otherwise;
}

std::vector<std::string> Table::Strings(std::string_view key, size_t max_items) {
  const toml::node* node = Find(document_, AsTable(node_), key);
  if (node == nullptr) return {};
  const auto* array = node->as_array();
  if (array == nullptr) {
    Fail(key, "must be a list of strings, is " + TypeName(*node));
    return {};
  }
  if (array->size() > max_items) {
    Fail(key, fmt::format("more than {} items", max_items));
    return {};
  }
  std::vector<std::string> strings;
  for (const toml::node& item : *array) {
    const auto* text = item.as_string();
    if (text == nullptr || text->get().size() > kStringBytesMax) {
      document_->Add(item.source().begin,
                     fmt::format("{}{}[{}]: must be a string of at most {} bytes", path_, key,
                                 strings.size(), kStringBytesMax));
      return {};
    }
    strings.push_back(text->get());
  }
  return strings;
}

Table Table::Sub(std::string_view key) {
  const toml::node* node = Find(document_, AsTable(node_), key);
  const toml::table* table = node == nullptr ? nullptr : node->as_table();
  if (node != nullptr && table == nullptr) Fail(key, "must be a table, is " + TypeName(*node));
  return Table(document_, table, fmt::format("{}{}.", path_, key));
}

std::vector<Table> Table::Tables(std::string_view key, size_t max_items) {
  const toml::node* node = Find(document_, AsTable(node_), key);
  if (node == nullptr) return {};
  const auto* array = node->as_array();
  if (array == nullptr || (!array->empty() && !array->is_homogeneous<toml::table>())) {
    Fail(key, fmt::format("must be tables, each under [[{}{}]]", path_, key));
    return {};
  }
  if (array->size() > max_items) {
    Fail(key, fmt::format("more than {} tables", max_items));
    return {};
  }
  std::vector<Table> tables;
  for (const toml::node& item : *array) {
    tables.push_back(
        Table(document_, item.as_table(), fmt::format("{}{}[{}].", path_, key, tables.size())));
  }
  return tables;
}

}  // namespace noroshi::config
