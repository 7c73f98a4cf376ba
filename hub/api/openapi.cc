// The OpenAPI document, made from the routes and the schemas: it cannot say anything else
// than they do.
#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "common/base/ascii.h"
#include "hub/api/call.h"
#include "hub/api/router.h"
#include "hub/api/schema.h"

namespace noroshi::api {
namespace {

constexpr char kDescription[] =
    "Errors are problems (RFC 9457); `errors` names the fields. Lists go on with `cursor`, "
    "from `next` of the page before. A call with an `Idempotency-Key` that was done already "
    "is not done again: the answer says where its result is. What is withheld (`withheld`) "
    "in a list is marked TLP:RED or confined to a circle: reading it by itself is recorded.";

bool IsChange(const Route& route) { return route.method != "GET"; }

json::object Ref(const std::string& kind, const std::string& name) {
  return {{"$ref", "#/components/" + kind + "/" + name}};
}

json::object Content(const std::string& type, json::value schema) {
  return {{type, json::object{{"schema", std::move(schema)}}}};
}

// "/cases/{case_id}/notes" -> "case_id".
std::vector<std::string> ParametersOf(const std::string& pattern) {
  std::vector<std::string> names;
  for (size_t begin = pattern.find('{'); begin != std::string::npos;
       begin = pattern.find('{', begin)) {
    const size_t end = pattern.find('}', begin);
    names.push_back(pattern.substr(begin + 1, end - begin - 1));
    begin = end;
  }
  return names;
}

json::object PathSchema(const std::string& name) {
  if (name == "case_id" || name == "sequence") return {{"type", "integer"}, {"minimum", 0}};
  if (name == "session_id") return {{"type", "string"}, {"pattern", "^[0-9a-f]{64}$"}};
  if (name == "person_id" || name == "organization_id" || name == "agent_id") {
    return {{"type", "string"}, {"pattern", "^[a-z0-9][a-z0-9._-]{0,63}$"}};
  }
  return {{"type", "string"}, {"format", "uuid"}};
}

const json::object& Schemas() { return Components().at("components").at("schemas").as_object(); }

// Whether others may change it too: it then has a version.
bool HasVersion(const Route& route) {
  if (route.response.empty() || route.pattern.find('{') == std::string::npos) return false;
  const auto& schema = Schemas().at(route.response).as_object();
  const auto* properties = schema.if_contains("properties");
  return properties != nullptr && properties->as_object().contains("version");
}

json::array Parameters(const Route& route) {
  json::array parameters;
  for (const std::string& name : ParametersOf(route.pattern)) {
    parameters.emplace_back(json::object{
        {"name", name}, {"in", "path"}, {"required", true}, {"schema", PathSchema(name)}});
  }
  for (const std::string& name : route.query) parameters.emplace_back(Ref("parameters", name));
  if (!IsChange(route) || route.gate == Gate::kOpen) return parameters;
  if (HasVersion(route)) parameters.emplace_back(Ref("parameters", "if_match"));
  parameters.emplace_back(Ref("parameters", "idempotency_key"));
  return parameters;
}

json::object Answer(const std::string& description, json::value schema = nullptr) {
  json::object answer{{"description", description}};
  if (!schema.is_null()) answer["content"] = Content("application/json", std::move(schema));
  return answer;
}

json::object Responses(const Route& route) {
  json::object responses;
  const bool is_repeatable = IsChange(route) && route.gate == Gate::kSession;
  if (!route.produces.empty()) {
    json::object answer{{"description", "The content."}};
    answer["content"] = Content(route.produces, json::object());
    responses["200"] = std::move(answer);
  } else if (route.response.empty() && !IsChange(route)) {
    responses["303"] = Answer("To another page.");
  } else if (route.response.empty()) {
    responses["204"] = Answer("Done.");
    if (is_repeatable) responses["200"] = Answer("Done before.", Ref("schemas", "Location"));
  } else if (is_repeatable) {
    json::array either{Ref("schemas", route.response), Ref("schemas", "Location")};
    responses["200"] = Answer("Done; or done before.", json::object{{"anyOf", std::move(either)}});
    responses["201"] = Answer("Made.", Ref("schemas", route.response));
  } else {
    responses["200"] = Answer("As asked.", Ref("schemas", route.response));
  }
  responses["4XX"] = Ref("responses", "Problem");
  responses["5XX"] = Ref("responses", "Problem");
  return responses;
}

json::array Security(const Route& route) {
  if (route.gate == Gate::kOpen) return {};
  json::object schemes{{"session", json::array()}};
  if (IsChange(route)) schemes["csrf"] = json::array();
  json::array security;
  security.emplace_back(std::move(schemes));
  return security;
}

// "get_cases_case_id".
std::string OperationId(const Route& route) {
  std::string id = route.method + route.pattern;
  std::erase_if(id, [](char c) { return c == '{' || c == '}'; });
  std::transform(id.begin(), id.end(), id.begin(),
                 [](char c) { return c == '/' || c == '-' || c == '.' ? '_' : LowerAscii(c); });
  return id;
}

std::string TagOf(const Route& route) {
  const size_t end = route.pattern.find_first_of("/.", 1);
  return route.pattern.substr(1, end == std::string::npos ? end : end - 1);
}

json::object Operation(const Route& route) {
  json::object operation{{"operationId", OperationId(route)}, {"summary", route.summary},
                         {"tags", json::array{TagOf(route)}}, {"parameters", Parameters(route)},
                         {"responses", Responses(route)},     {"security", Security(route)}};
  if (route.gate == Gate::kSession) operation["x-deed"] = access::DeedName(route.deed);
  if (!route.request.empty()) {
    operation["requestBody"] = {
        {"required", true},
        {"content", Content("application/json", Ref("schemas", route.request))}};
  } else if (!route.content_type.empty()) {
    operation["requestBody"] = {{"required", true},
                                {"content", Content(route.content_type, json::object())}};
  }
  return operation;
}

json::object Header(const char* name, const char* description) {
  return {{"name", name},
          {"in", "header"},
          {"required", false},
          {"schema", json::object{{"type", "string"}, {"minLength", 1}, {"maxLength", 128}}},
          {"description", description}};
}

json::object WholeComponents() {
  json::object components = Components().at("components").as_object();
  json::object& parameters = components["parameters"].as_object();
  parameters["if_match"] =
      Header("If-Match", "The ETag that was seen, or *. Without it what exists is not changed.");
  parameters["idempotency_key"] =
      Header("Idempotency-Key", "Chosen by the caller, one for each call that it means.");
  json::object problem{{"description", "Why not."}};
  problem["content"] = Content("application/problem+json", Ref("schemas", "Problem"));
  components["responses"] = json::object{{"Problem", std::move(problem)}};
  components["securitySchemes"] = {
      {"session", {{"type", "apiKey"}, {"in", "cookie"}, {"name", "__Host-noroshi"}}},
      {"csrf", {{"type", "apiKey"}, {"in", "header"}, {"name", "X-CSRF-Token"}}}};
  return components;
}

std::string Document() {
  json::object paths;
  json::array tags;
  for (const Route& route : Routes()) {
    const std::string method = LowerAscii(route.method);
    auto& path = paths[route.pattern];
    if (path.is_null()) path = json::object();
    path.as_object()[method] = Operation(route);
    const json::value tag = json::object{{"name", TagOf(route)}};
    if (std::find(tags.begin(), tags.end(), tag) == tags.end()) tags.push_back(tag);
  }
  const json::object document{
      {"openapi", "3.1.0"},
      {"info", {{"title", "Noroshi"}, {"version", "1"}, {"description", kDescription}}},
      {"servers", json::array{json::object{{"url", std::string(kPrefix)}}}},
      {"tags", std::move(tags)},
      {"paths", std::move(paths)},
      {"components", WholeComponents()}};
  return json::serialize(document);
}

Result<Reply> ShowDocument(Call&) {
  static const std::string document = Document();
  http::Response response;
  response.headers.Set("Content-Type", "application/json");
  response.body = document;
  Reply reply;
  reply.raw = std::move(response);
  return reply;
}

}  // namespace

void AddOpenApiRoutes(std::vector<Route>* routes) {
  routes->push_back({"GET",
                     "/openapi.json",
                     access::Deed::kSelf,
                     ShowDocument,
                     "This document",
                     "",
                     "",
                     {},
                     Gate::kOpen,
                     {},
                     {},
                     "application/json"});
}

}  // namespace noroshi::api
