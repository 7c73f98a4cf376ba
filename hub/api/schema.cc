#include "hub/api/schema.h"

#include <boost/json/parse.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <valijson/adapters/boost_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include "common/base/check.h"
#include "hub/api/schemas_data.h"

namespace noroshi::api {
namespace {

namespace json = boost::json;

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
    json::object root = components_;
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
  const valijson::Schema& compiled = Schemas::Instance().Find(schema);
  valijson::Validator validator(valijson::Validator::kStrongTypes);
  valijson::ValidationResults results;
  const valijson::adapters::BoostJsonAdapter adapter(value);
  std::vector<FieldError> errors;
  if (validator.validate(compiled, adapter, &results)) return errors;
  valijson::ValidationResults::Error error;
  // The first ones say "a member is wrong", the last ones say which.
  while (errors.size() < kFieldErrorsMax && results.popError(error)) {
    errors.push_back({PointerOf(error.context), error.description});
  }
  NOROSHI_CHECK(!errors.empty());
  return errors;
}

const json::object& Components() { return Schemas::Instance().components(); }

}  // namespace noroshi::api
