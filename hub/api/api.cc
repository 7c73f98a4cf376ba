#include "hub/api/api.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <set>

#include "common/base/encoding.h"
#include "common/crypto/crypto.h"
#include "common/log/log.h"
#include "hub/api/call.h"
#include "hub/api/events.h"
#include "hub/api/problem.h"
#include "hub/api/router.h"
#include "hub/api/samples.h"
#include "hub/api/schema.h"
#include "hub/api/sessions.h"
#include "hub/identity/tokens.h"

namespace noroshi::api {
namespace {

constexpr size_t kIdempotencyKeyBytesMax = 128;
constexpr uint64_t kBodyBytesMax = uint64_t{1024} * 1024;

bool IsChange(const std::string& method) { return method != "GET" && method != "HEAD"; }

bool IsOfType(const std::string* type, std::string_view wanted) {
  return type != nullptr && type->substr(0, type->find(';')) == wanted;
}

// A page of another site cannot send these without our consent; both are for
// browsers that would send the cookie along.
bool IsOfAnotherSite(const http::Request& request) {
  const std::string* site = request.headers.Find("Sec-Fetch-Site");
  if (site != nullptr && *site != "same-origin" && *site != "none") return true;
  const std::string* origin = request.headers.Find("Origin");
  const std::string* host = request.headers.Find("Host");
  return origin != nullptr && host != nullptr && *origin != "https://" + *host;
}

}  // namespace

// One call from its route to its answer.
class Dispatcher {
 public:
  Dispatcher(Shared* shared, const http::Request& request)
      : shared_(*shared), call_(shared, &request) {}

  void SignInLocally(const std::string& login) {
    call_.actor_.kind = access::Actor::Kind::kLocal;
    call_.actor_.id = "admin:" + login;
  }

  http::Response Run() {
    const http::Request& request = call_.request_;
    const Match match = FindRoute(request.method, request.path);
    if (match.route == nullptr) return RefuseRoute(match);
    call_.route_ = match.route;
    call_.params_ = match.params;
    const bool is_local = call_.actor_.kind == access::Actor::Kind::kLocal;
    auto refused = is_local ? BecomePerson() : Admit();
    if (refused) return *std::move(refused);
    refused = CheckQuery();
    if (refused) return *std::move(refused);
    refused = ReadBody();
    if (refused) return *std::move(refused);
    std::unique_lock lock(shared_.changes, std::defer_lock);
    if (IsChange(request.method) && call_.route_->gate == Gate::kSession) {
      lock.lock();
      call_.Refresh();
      refused = FindRepeated();
      if (refused) return *std::move(refused);
    }
    return Answer();
  }

 private:
  static http::Response RefuseRoute(const Match& match) {
    if (match.allowed.empty()) return ProblemOf(404, "there is no such resource");
    http::Response response = ProblemOf(405, "this resource knows: " + match.allowed);
    response.headers.Set("Allow", match.allowed);
    return response;
  }

  // Who calls, and whether the call is its own. Nullopt: go on.
  std::optional<http::Response> Admit() {
    const http::Request& request = call_.request_;
    if (IsChange(request.method) && IsOfAnotherSite(request)) {
      return ProblemOf(403, "a page of another site sent this");
    }
    auto found = FindSession(shared_, request, call_.view(), call_.now_ms());
    if (!found.ok()) return ProblemOf(found.error());
    if (*found) {
      call_.actor_ = std::move((*found)->actor);
      call_.session_ = std::move((*found)->session);
      call_.session_token_ = std::move((*found)->token);
    }
    if (call_.route_->gate == Gate::kOpen) return std::nullopt;
    if (call_.session_.empty()) return ProblemOf(401, "sign in first: POST /api/v1/sign-in");
    if (!IsChange(request.method)) return std::nullopt;
    const std::string* token = request.headers.Find("X-CSRF-Token");
    if (token == nullptr || !identity::IsCsrfToken(call_.session_token_, *token)) {
      return ProblemOf(403, "X-CSRF-Token: send what GET /api/v1/session says");
    }
    return std::nullopt;
  }

  // At the socket: who is one of two persons there must not be another one elsewhere.
  std::optional<http::Response> BecomePerson() {
    if (!call_.route_->by_person) return std::nullopt;
    const std::string login = call_.actor_.id.substr(call_.actor_.id.find(':') + 1);
    const auto person = PersonOfLogin(login);
    if (!person.ok()) return ProblemOf(person.error());
    call_.actor_ = *person;
    return std::nullopt;
  }

  Result<access::Actor> PersonOfLogin(const std::string& login) const {
    const store::View& view = call_.view();
    NOROSHI_ASSIGN_OR_RETURN(const auto id, view.PersonOfLogin(login));
    NOROSHI_ASSIGN_OR_RETURN(const auto person, view.Person(id.value_or("")));
    if (!person || person->person().disabled()) {
      return Error{ErrorCode::kDenied,
                   fmt::format("this needs two persons, and the login '{}' belongs to none: "
                               "`noroshi-hub person set … --login {}`",
                               login, login)};
    }
    NOROSHI_ASSIGN_OR_RETURN(const auto organization,
                             view.Organization(person->person().organization()));
    if (!organization || organization->organization().disabled()) {
      return Error{ErrorCode::kDenied, "the person's organisation is disabled"};
    }
    return ActorOf(*person, organization->organization());
  }

  // A misspelt filter must not list everything. Providers send more to the open routes than
  // we know.
  std::optional<http::Response> CheckQuery() const {
    const Route& route = *call_.route_;
    if (route.gate == Gate::kOpen) return std::nullopt;
    const json::object& parameters = Components().at("components").at("parameters").as_object();
    std::set<std::string_view> known;
    for (const std::string& key : route.query) {
      known.insert(parameters.at(key).at("name").as_string());
    }
    for (const auto& [name, value] : call_.request_.query) {
      if (known.contains(name)) continue;
      const std::string words = known.empty() ? "none" : fmt::format("{}", fmt::join(known, ", "));
      return ProblemOf(422, "the query does not fit this resource",
                       {{"/" + name, "there is no such parameter; known here: " + words}});
    }
    return std::nullopt;
  }

  std::optional<http::Response> ReadBody() {
    const http::Request& request = call_.request_;
    const Route& route = *call_.route_;
    if (!route.content_type.empty()) {  // The handler takes the bytes.
      if (IsOfType(request.headers.Find("Content-Type"), route.content_type)) return std::nullopt;
      return ProblemOf(415, "Content-Type: " + route.content_type + " is expected");
    }
    if (route.request.empty()) {
      if (request.body.empty()) return std::nullopt;
      return ProblemOf(400, "this call has no body");
    }
    if (!IsOfType(request.headers.Find("Content-Type"), "application/json")) {
      return ProblemOf(415, "Content-Type: application/json is expected");
    }
    boost::system::error_code error;
    json::value value = json::parse(request.body, error);
    if (error) return ProblemOf(400, "the body is not JSON: " + error.message());
    if (!value.is_object()) return ProblemOf(400, "the body is not a JSON object");
    const auto errors = CheckAgainst(route.request, value);
    if (!errors.empty()) return ProblemOf(422, "the body does not fit its schema", errors);
    call_.body_ = std::move(value.as_object());
    return std::nullopt;
  }

  // The answer to a call that was already done.
  std::optional<http::Response> FindRepeated() {
    const http::Request& request = call_.request_;
    const std::string* key = request.headers.Find("Idempotency-Key");
    if (key == nullptr) return std::nullopt;
    if (key->empty() || key->size() > kIdempotencyKeyBytesMax) {
      return ProblemOf(400, "Idempotency-Key: 1 to 128 characters are expected");
    }
    call_.request_key_ = Sha256Of(*key);
    call_.request_digest_ = Sha256Of(
        fmt::format("{} {} {}\n", request.method, request.raw_target, request.body.size()) +
        request.body);
    const auto known = call_.view().Request(call_.actor_.id, call_.request_key_);
    if (!known.ok()) return ProblemOf(known.error());
    if (!*known || !engine::IsRemembered(**known, call_.now_ms())) return std::nullopt;
    if ((*known)->digest() != call_.request_digest_) {
      return ProblemOf(422, "Idempotency-Key: another call had this key");
    }
    json::object body{{"location", "/api/v1" + (*known)->location()}};
    http::Response response = JsonResponse(200, body);
    response.headers.Set("Idempotency-Replayed", "true");
    response.headers.Set("Location", "/api/v1" + (*known)->location());
    return response;
  }

  http::Response Refused(const Error& error) const {
    http::Response response = ProblemOf(error);
    if (error.code == ErrorCode::kOverloaded && call_.retry_after_s_ > 0) {
      response.headers.Set("Retry-After", std::to_string(call_.retry_after_s_));
    }
    return response;
  }

  http::Response Answer() {
    auto reply = call_.route_->handler(call_);
    if (!reply.ok()) return Refused(reply.error());
    NOROSHI_CHECK(call_.authorized_ || call_.route_->gate == Gate::kOpen);
    const auto recorded = call_.RecordReading();
    if (!recorded.ok()) return ProblemOf(recorded.error());
    if (reply->raw) return *std::move(reply->raw);
    http::Response response = JsonResponse(reply->status, reply->body);
    for (const auto& [name, value] : reply->headers) response.headers.Add(name, value);
    if (reply->status == 204) response.body.clear();
    return response;
  }

  Shared& shared_;
  Call call_;
};

// ---- Call ----

Call::Call(Shared* shared, const http::Request* request)
    : shared_(*shared),
      request_(*request),
      view_(shared->parts.store->Snapshot()),
      now_ms_(shared->parts.clock->NowMs()) {}

void Call::Refresh() { view_ = shared_.parts.store->Snapshot(); }

Result<void> Call::Authorize(const access::Object& object) {
  return Authorize(route_->DeedOf(is_centre()), object);
}

Result<void> Call::Authorize(access::Deed deed, const access::Object& object) {
  authorized_ = true;
  const access::Decision decision = access::Decide(actor_, deed, object);
  if (decision.allowed) {
    // What the organisation itself wrote, or what is being made, is no reading.
    if (decision.record && !IsChange(request_.method)) {
      record_ = true;
      reading_.set_object(request_.path.substr(kPrefix.size()));
      reading_.set_tlp(object.tlp);
      for (const std::string& circle : object.circles) reading_.add_circles(circle);
    }
    return {};
  }
  const bool visible = access::Decide(actor_, access::ReadingDeed(deed), object).allowed;
  if (!visible && actor_.kind == access::Actor::Kind::kPerson && IsAboutOne()) {
    return Error{ErrorCode::kNotFound, "there is no such resource"};
  }
  return Error{ErrorCode::kDenied,
               fmt::format("your roles do not permit this ({})", access::DeedName(deed))};
}

void Call::RecordFound(const std::string& path, const access::Object& object) {
  record_ = true;
  reading_.set_object(request_.path.substr(kPrefix.size()));
  reading_.set_tlp(std::max(reading_.tlp(), object.tlp));
  for (const std::string& circle : object.circles) {
    const auto& known = reading_.circles();
    if (std::find(known.begin(), known.end(), circle) == known.end()) reading_.add_circles(circle);
  }
  reading_.add_objects(path);
}

access::Decision Call::Decide(access::Deed deed, const access::Object& object) {
  authorized_ = true;
  return access::Decide(actor_, deed, object);
}

bool Call::IsAboutOne() const { return !params_.empty(); }

Result<void> Call::RecordReading() {
  if (!record_) return {};
  v1::Action action;
  *action.mutable_content_read() = reading_;
  request_key_.clear();
  return Commit(std::move(action), reading_.object());
}

Result<uint64_t> Call::Append(const v1::Action& action) {
  NOROSHI_ASSIGN_OR_RETURN(const uint64_t sequence,
                           AppendAction(shared_.parts, actor_.organization, actor_.id, action));
  Refresh();
  NOROSHI_ASSIGN_OR_RETURN(const auto audit, view_->AuditOf(sequence));
  if (!audit) return Error{ErrorCode::kInternal, "the audit has no row for this action"};
  if (!audit->refused().empty()) return ErrorOfRefusal(audit->refused());
  return sequence;
}

Result<void> Call::Commit(v1::Action action, const std::string& location, uint64_t* sequence) {
  action.set_session(session_);
  action.set_address(address());
  action.set_request_key(request_key_);
  action.set_request_digest(request_digest_);
  action.set_location(location);
  NOROSHI_ASSIGN_OR_RETURN(const uint64_t at, Append(action));
  if (sequence != nullptr) *sequence = at;
  return {};
}

void Call::ActAs(const v1::PersonSet& person) {
  actor_.id = "person:" + person.id();
  actor_.organization = person.organization();
}

std::string Call::NewId() { return shared_.parts.random->UuidV7(now_ms_).bytes(); }

// ---- Api ----

struct Api::State {
  Shared shared;
};

Api::Api(Parts parts) : state_(std::make_unique<State>()) {
  state_->shared.parts = std::move(parts);
  state_->shared.events =
      std::make_unique<Events>(state_->shared.parts.store, state_->shared.parts.journal->log_id());
}

Api::~Api() { Stop(); }

void Api::Stop() { state_->shared.events->Stop(); }

void Api::OnApplied(const engine::Applied& applied) { state_->shared.events->OnApplied(applied); }

http::Response Api::Handle(const http::Request& request) {
  return Dispatcher(&state_->shared, request).Run();
}

uint64_t Api::BodyLimit(const http::Request& head) const {
  const Match match = FindRoute(head.method, head.path);
  const bool has_content = match.route != nullptr && !match.route->content_type.empty();
  return has_content ? kSampleBytesMax : kBodyBytesMax;
}

Result<json::object> Api::HandleLocal(const std::string& login, const json::object& request) {
  http::Request call;
  const auto text = [&](std::string_view name) {
    const auto* value = request.if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
  };
  call.method = text("method");
  call.path = "/api/v1" + text("path");
  call.raw_target = call.path;
  call.remote_address = "admin";
  if (const auto* query = request.if_contains("query"); query != nullptr && query->is_object()) {
    for (const auto& [name, value] : query->as_object()) {
      if (value.is_string()) call.query.emplace_back(name, value.as_string());
    }
  }
  call.headers.Set("If-Match", text("if_match").empty() ? "*" : text("if_match"));
  if (const auto* body = request.if_contains("body"); body != nullptr) {
    call.body = json::serialize(*body);
    call.headers.Set("Content-Type", "application/json");
  }
  Dispatcher dispatcher(&state_->shared, call);
  dispatcher.SignInLocally(login);
  const http::Response response = dispatcher.Run();
  if (response.status >= 400) return ErrorOfProblem(response);
  if (response.body.empty()) return json::object();
  boost::system::error_code error;
  json::value value = json::parse(response.body, error);
  if (error || !value.is_object()) {
    return Error{ErrorCode::kInvalid, "the answer is no JSON object: ask over HTTPS"};
  }
  return std::move(value.as_object());
}

}  // namespace noroshi::api
