#include "hub/api/problem.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <future>
#include <map>

#include "common/log/log.h"

namespace noroshi::api {
namespace {

namespace json = boost::json;

int StatusOf(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalid:
      return 422;
    case ErrorCode::kNotFound:
      return 404;
    case ErrorCode::kDenied:
      return 403;
    case ErrorCode::kConflict:
      return error.message.starts_with("stale:") ? 412 : 409;
    case ErrorCode::kOverloaded:
      return 429;
    case ErrorCode::kNoSpace:
    case ErrorCode::kUnavailable:
    case ErrorCode::kTimeout:
      return 503;
    default:
      return 500;
  }
}

ErrorCode CodeOf(int status) {
  static const std::map<int, ErrorCode> codes = {
      {401, ErrorCode::kDenied},   {403, ErrorCode::kDenied},     {404, ErrorCode::kNotFound},
      {409, ErrorCode::kConflict}, {412, ErrorCode::kConflict},   {429, ErrorCode::kOverloaded},
      {500, ErrorCode::kInternal}, {503, ErrorCode::kUnavailable}};
  const auto found = codes.find(status);
  return found == codes.end() ? ErrorCode::kInvalid : found->second;
}

// "title: must not be empty" names a field.
std::vector<FieldError> FieldsOf(const Error& error) {
  const size_t colon = error.message.find(": ");
  if (error.code != ErrorCode::kInvalid || colon == std::string::npos) return {};
  const std::string field = error.message.substr(0, colon);
  const bool is_name = !field.empty() && std::all_of(field.begin(), field.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || c == '_' || c == '/' || (c >= '0' && c <= '9');
  });
  if (!is_name) return {};
  return {{'/' + field, error.message.substr(colon + 2)}};
}

}  // namespace

http::Response JsonResponse(int status, const json::value& body) {
  http::Response response;
  response.status = status;
  response.headers.Set("Content-Type", "application/json");
  response.body = json::serialize(body);
  return response;
}

http::Response ProblemOf(int status, std::string_view detail,
                         const std::vector<FieldError>& errors) {
  json::object problem{{"type", "about:blank"},
                       {"title", http::ReasonPhrase(status)},
                       {"status", status},
                       {"detail", detail}};
  if (!errors.empty()) {
    json::array list;
    for (const FieldError& error : errors) {
      list.emplace_back(json::object{{"pointer", error.pointer}, {"detail", error.detail}});
    }
    problem["errors"] = std::move(list);
  }
  http::Response response = JsonResponse(status, problem);
  response.headers.Set("Content-Type", "application/problem+json");
  return response;
}

http::Response ProblemOf(const Error& error) {
  const int status = StatusOf(error);
  if (status == 500) {
    Log(Level::kError, "api_failed", {{"code", ToString(error.code)}, {"reason", error.message}});
    return ProblemOf(500, "the hub failed; its log says more");
  }
  http::Response response = ProblemOf(status, error.message, FieldsOf(error));
  if (status == 503 || status == 429) response.headers.Set("Retry-After", "5");
  return response;
}

Error ErrorOfProblem(const http::Response& response) {
  boost::system::error_code parse_error;
  const json::value body = json::parse(response.body, parse_error);
  std::string message = "the hub refused this";
  if (!parse_error && body.is_object()) {
    const json::object& problem = body.as_object();
    if (const auto* detail = problem.if_contains("detail")) message = detail->as_string().c_str();
    if (const auto* errors = problem.if_contains("errors")) {
      for (const auto& error : errors->as_array()) {
        message += "; ";
        message += error.at("pointer").as_string().c_str();
        message += ": ";
        message += error.at("detail").as_string().c_str();
      }
    }
  }
  return {CodeOf(response.status), message};
}

Error ErrorOfRefusal(const std::string& refused) {
  static const std::map<std::string, ErrorCode, std::less<>> codes = {
      {"not_found", ErrorCode::kNotFound}, {"stale", ErrorCode::kConflict},
      {"conflict", ErrorCode::kConflict},  {"denied", ErrorCode::kDenied},
      {"invalid", ErrorCode::kInvalid},    {"too_large", ErrorCode::kInvalid}};
  const size_t colon = refused.find(": ");
  const auto code = codes.find(refused.substr(0, colon));
  NOROSHI_CHECK(colon != std::string::npos && code != codes.end());
  if (code->first == "stale") return {code->second, refused};
  return {code->second, refused.substr(colon + 2)};
}

Result<journal::Acceptance> AppendAndApply(const Parts& parts, journal::Draft draft) {
  auto answer = std::make_shared<std::promise<Result<journal::Acceptance>>>();
  auto future = answer->get_future();
  parts.journal->Append(std::move(draft), [answer](Result<journal::Acceptance> acceptance) {
    answer->set_value(std::move(acceptance));
  });
  if (future.wait_for(std::chrono::milliseconds(kApplyTimeoutMs)) != std::future_status::ready) {
    return Error{ErrorCode::kTimeout, "the journal has not answered; look before repeating"};
  }
  NOROSHI_ASSIGN_OR_RETURN(journal::Acceptance acceptance, future.get());
  NOROSHI_RETURN_IF_ERROR(parts.runner->WaitApplied(acceptance.sequence, kApplyTimeoutMs));
  return acceptance;
}

Result<std::string> BodyOf(const v1::Action& action) {
  std::string body;
  NOROSHI_CHECK(action.SerializeToString(&body));
  v1::Action read;
  if (!read.ParseFromString(body)) {
    return Error{ErrorCode::kInvalid, "a text of this call is not UTF-8"};
  }
  return body;
}

Result<uint64_t> AppendAction(const Parts& parts, const std::string& organization,
                              const std::string& actor, const v1::Action& action) {
  journal::Draft draft;
  draft.kind = v1::ENTRY_KIND_ACTION;
  draft.organization = organization;
  draft.agent = actor;
  NOROSHI_ASSIGN_OR_RETURN(draft.body, BodyOf(action));
  NOROSHI_ASSIGN_OR_RETURN(const auto acceptance, AppendAndApply(parts, std::move(draft)));
  return acceptance.sequence;
}

}  // namespace noroshi::api
