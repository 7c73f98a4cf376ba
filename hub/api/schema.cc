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

#include "hub/api/schemas_data.h"

namespace noroshi::api {
namespace {

namespace json = boost::json;

constexpr size_t kUtf8BytesMax = 4;  // Of one character.

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
    json::value whole = components_;
    DropFormats(&whole);
    json::object root = std::move(whole.as_object());
    root["$ref"] = "#/components/schemas/" + std::string(name);
    documents_.push_back(std::make_unique<json::value>(std::move(root)));
    const valijson::adapters::BoostJsonAdapter adapter(*documents_.back());
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
  std::vector<std::unique_ptr<json::value>> documents_;
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
    if (more != nullptr && *more == false && members.size() > properties.size()) {
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

// "<root>[causes][2]" -> "/causes/2".
std::string PointerOf(const std::vector<std::string>& context) {
  std::string pointer;
  for (size_t i = 1; i < context.size(); ++i) {
    std::string part = context[i];
    if (part.size() >= 2 && part.front() == '[' && part.back() == ']') {
      part = part.substr(1, part.size() - 2);
    }
    pointer += '/' + part;
  }
  return pointer;
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
  // The first ones say "a member is wrong", the last ones say which.
  while (errors.size() < kFieldErrorsMax && results.popError(error)) {
    errors.push_back({PointerOf(error.context), error.description});
  }
  if (errors.empty()) errors.push_back({"", "does not fit the schema"});
  return errors;
}

const json::object& Components() { return Schemas::Instance().components(); }

const json::object& NamedSchemas() {
  return Components().at("components").at("schemas").as_object();
}

}  // namespace noroshi::api
