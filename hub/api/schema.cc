#include "hub/api/schema.h"

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <valijson/adapters/boost_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include "common/base/encoding.h"
#include "hub/api/schemas_data.h"

namespace noroshi::api {
namespace {

namespace json = boost::json;

constexpr size_t kEchoedKeyBytesMax = 128;  // Of a key that the caller made up.
constexpr size_t kUtf8BytesMax = 4;         // Of one character.
constexpr size_t kUnknownMax = 8;           // Members beyond which none is named any more.

// "format" is an annotation (JSON Schema 2020-12, Validation, section 7.2.1): who reads
// the field checks it. The validator's own check throws on what is no string, and may say
// no without saying why.
void DropFormats(json::value* value) {
  if (value->is_array()) {
    for (json::value& item : value->as_array()) DropFormats(&item);
  }
  if (!value->is_object()) return;
  value->as_object().erase("format");
  for (auto& [name, member] : value->as_object()) DropFormats(&member);
}

// One for each named schema, made at its first use.
class Schemas {
 public:
  static Schemas& Instance() {
    static Schemas instance;
    return instance;
  }

  const json::object& components() const { return components_; }

  const valijson::Schema& Find(std::string_view name) {
    const std::lock_guard lock(mutex_);
    auto& schema = compiled_[std::string(name)];
    if (schema != nullptr) return *schema;
    // The references within point below /components, so the whole stands beside.
    json::value root = components_;
    DropFormats(&root);
    root.as_object()["$ref"] = "#/components/schemas/" + std::string(name);
    const valijson::adapters::BoostJsonAdapter adapter(root);
    schema = std::make_unique<valijson::Schema>();
    valijson::SchemaParser parser;
    parser.populateSchema(adapter, *schema);
    return *schema;
  }

 private:
  Schemas() : components_(json::parse(kSchemasJson).as_object()) {}

  const json::object components_;
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<valijson::Schema>, std::less<>> compiled_;
};

const json::object& Resolve(const json::object& schema) {
  const json::value* reference = schema.if_contains("$ref");
  if (reference == nullptr) return schema;
  const std::string_view target = reference->as_string();
  return NamedSchemas().at(target.substr(target.rfind('/') + 1)).as_object();
}

// The bound that a schema states, if any.
std::optional<size_t> BoundOf(const json::object& schema, std::string_view keyword) {
  const json::value* bound = schema.if_contains(keyword);
  if (bound == nullptr) return std::nullopt;
  return bound->to_number<size_t>();
}

// Finds what is larger than its schema permits, before anything looks at it whose cost
// grows faster than the size: the validator goes on after an error and compares an
// array's items each with each, and std::regex takes stack for every character.
class SizeCheck {
 public:
  explicit SizeCheck(std::vector<FieldError>* errors) : errors_(*errors) {}

  void Visit(const json::object& unresolved, const json::value& value, const std::string& pointer) {
    if (errors_.size() >= kFieldErrorsMax) return;
    const json::object& schema = Resolve(unresolved);
    if (value.is_string()) return VisitText(schema, value.as_string().size(), pointer);
    if (value.is_array()) return VisitArray(schema, value.as_array(), pointer);
    if (value.is_object()) return VisitObject(schema, value.as_object(), pointer);
  }

 private:
  void VisitText(const json::object& schema, size_t bytes, const std::string& pointer) {
    std::optional<size_t> characters = BoundOf(schema, "maxLength");
    if (!characters && schema.contains("pattern")) characters = kPatternTextMax;
    if (characters && bytes > *characters * kUtf8BytesMax) {
      errors_.push_back({pointer, fmt::format("at most {} characters", *characters)});
    }
  }

  void VisitArray(const json::object& schema, const json::array& items,
                  const std::string& pointer) {
    const auto most = BoundOf(schema, "maxItems");
    if (most && items.size() > *most) {
      errors_.push_back({pointer, fmt::format("at most {} items", *most)});
      return;
    }
    const json::value* unique = schema.if_contains("uniqueItems");
    if (unique != nullptr && unique->as_bool()) {
      std::set<std::string> seen;
      for (const json::value& item : items) seen.insert(json::serialize(item));
      if (seen.size() < items.size()) errors_.push_back({pointer, "each item once"});
    }
    const json::value* each = schema.if_contains("items");
    if (each == nullptr) return;
    for (size_t i = 0; i < items.size(); ++i) {
      Visit(each->as_object(), items[i], fmt::format("{}/{}", pointer, i));
    }
  }

  void VisitObject(const json::object& schema, const json::object& members,
                   const std::string& pointer) {
    const json::value* known = schema.if_contains("properties");
    if (known == nullptr) return;
    const json::object& properties = known->as_object();
    const json::value* more = schema.if_contains("additionalProperties");
    if (more != nullptr && *more == false && members.size() > properties.size() + kUnknownMax) {
      errors_.push_back({pointer, fmt::format("at most {} fields", properties.size())});
      return;
    }
    for (const auto& [name, member] : members) {
      const json::value* property = properties.if_contains(name);
      if (property == nullptr) continue;  // The validator names it.
      Visit(property->as_object(), member, fmt::format("{}/{}", pointer, std::string_view(name)));
    }
  }

  std::vector<FieldError>& errors_;
};

// <root>, [causes], [2] -> causes, 2.
std::vector<std::string> PathOf(const std::vector<std::string>& context) {
  std::vector<std::string> path;
  for (size_t i = 1; i < context.size(); ++i) {
    const std::string& part = context[i];
    const bool bracketed = part.size() >= 2 && part.front() == '[' && part.back() == ']';
    path.push_back(bracketed ? part.substr(1, part.size() - 2) : part);
  }
  return path;
}

std::string PointerOf(const std::vector<std::string>& path) {
  std::string pointer;
  for (const std::string& part : path) {
    pointer += '/';
    for (const char c : part) {
      if (c == '~') {
        pointer += "~0";
      } else if (c == '/') {
        pointer += "~1";
      } else {
        pointer += c;
      }
    }
  }
  return pointer;
}

const json::object* ObjectAt(const json::object& parent, std::string_view key) {
  const json::value* child = parent.if_contains(key);
  return child == nullptr ? nullptr : child->if_object();
}

// The schema of the member at this path; null where it is one of alternatives.
const json::object* SchemaAt(std::string_view name, const std::vector<std::string>& path) {
  const json::object* schema = &Resolve(NamedSchemas().at(name).as_object());
  for (const std::string& part : path) {
    const json::object* properties = ObjectAt(*schema, "properties");
    schema = properties != nullptr ? ObjectAt(*properties, part) : ObjectAt(*schema, "items");
    if (schema == nullptr) return nullptr;
    schema = &Resolve(*schema);
  }
  return schema;
}

std::string Listed(const json::value& values) {
  std::string list;
  const auto add = [&list](std::string_view word) {
    list.append(list.empty() ? "" : ", ").append(word);
  };
  if (const auto* array = values.if_array()) {
    for (const json::value& value : *array) {
      add(value.is_string() ? std::string_view(value.as_string()) : json::serialize(value));
    }
  } else if (const auto* object = values.if_object()) {
    for (const auto& member : *object) add(member.key());
  } else {
    add(value_to<std::string>(values));
  }
  return list;
}

// What a keyword of the schema at this path says, behind `words`.
std::string With(std::string_view words, const json::object* schema, std::string_view keyword) {
  const json::value* value = schema == nullptr ? nullptr : schema->if_contains(keyword);
  if (value == nullptr) return std::string(words);
  return std::string(words) + ": " + Listed(*value);
}

// The key between `before` and the quote and full stop at the end, if the sentence is this one.
std::optional<std::string> KeyIn(std::string_view sentence, std::string_view before) {
  constexpr std::string_view kAfter = "'.";
  if (!sentence.starts_with(before) || !sentence.ends_with(kAfter)) return std::nullopt;
  sentence.remove_prefix(before.size());
  sentence.remove_suffix(kAfter.size());
  return std::string(TruncateUtf8(sentence, kEchoedKeyBytesMax));
}

// The validator's sentence in the words of somebody who must put it right. nullopt: it says only
// that something further in is wrong, of which there is a sentence of its own.
std::optional<FieldError> InPlainWords(std::string_view name,
                                       const valijson::ValidationResults::Error& error) {
  const std::string_view said = error.description;
  std::vector<std::string> path = PathOf(error.context);
  const json::object* schema = SchemaAt(name, path);
  if (said.starts_with("Failed to validate against schema associated with property name") ||
      said.starts_with("Failed to validate item #")) {
    return std::nullopt;
  }
  if (const auto key = KeyIn(said, "Missing required property '")) {
    path.push_back(*key);
    return FieldError{PointerOf(path), "is missing"};
  }
  if (const auto key = KeyIn(said,
                             "Object contains a property that could not be validated using "
                             "'properties' or 'additionalProperties' constraints: '")) {
    path.push_back(*key);
    return FieldError{PointerOf(path), With("is not known here; known are", schema, "properties")};
  }
  if (said.starts_with("Failed to match against any enum")) {
    return FieldError{PointerOf(path), With("must be one of", schema, "enum")};
  }
  if (said.starts_with("Failed to match regex")) {
    return FieldError{PointerOf(path), With("must match", schema, "pattern")};
  }
  if (said.starts_with("Value type not permitted")) {
    return FieldError{PointerOf(path), With("has the wrong type; it must be", schema, "type")};
  }
  return FieldError{PointerOf(path), std::string(said)};
}

}  // namespace

std::vector<FieldError> CheckAgainst(std::string_view schema, const json::value& value) {
  std::vector<FieldError> errors;
  SizeCheck(&errors).Visit(NamedSchemas().at(schema).as_object(), value, "");
  if (!errors.empty()) return errors;
  const valijson::Schema& compiled = Schemas::Instance().Find(schema);
  valijson::Validator validator(valijson::Validator::kStrongTypes);
  valijson::ValidationResults results;
  const valijson::adapters::BoostJsonAdapter adapter(value);
  if (validator.validate(compiled, adapter, &results)) return errors;
  valijson::ValidationResults::Error error;
  while (errors.size() < kFieldErrorsMax && results.popError(error)) {
    if (auto field = InPlainWords(schema, error)) errors.push_back(std::move(*field));
  }
  if (errors.empty()) errors.push_back({"", "does not fit the schema"});
  return errors;
}

const json::object& Components() { return Schemas::Instance().components(); }

const json::object& NamedSchemas() {
  return Components().at("components").at("schemas").as_object();
}

}  // namespace noroshi::api
