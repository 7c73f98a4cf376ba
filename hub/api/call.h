// Call: one request on its way through its route. For hub/api only.
//
// Threads: one thread.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "hub/access/policy.h"
#include "hub/api/api.h"
#include "hub/http/message.h"
#include "noroshi/v1/action.pb.h"
#include "noroshi/v1/submission.pb.h"

namespace noroshi::api {

namespace json = boost::json;

class Events;
struct Route;

// When sessions were used last. Thread-safe.
class Uses {
 public:
  // False: too long ago (kSessionIdleMs). Else it counts as used now.
  bool Use(const std::string& session, int64_t now_ms);

 private:
  std::mutex mutex_;
  std::map<std::string, int64_t> last_;
};

// What all calls share.
struct Shared {
  Parts parts;
  Uses uses;
  std::mutex changes;  // Held from reading what is to change until the change is applied.
  std::unique_ptr<Events> events;
};

// A good answer. Errors are noroshi::Error, whose code decides the status:
// kInvalid 422, kNotFound 404, kDenied 403, kConflict 409 (412 if its message begins
// with "stale:"), kOverloaded 429, kNoSpace and kUnavailable and kTimeout 503, others
// 500 without a word of detail. "field: what" names a field.
struct Reply {
  int status = 200;
  json::value body;
  http::Headers headers;
  // Instead of body: other content (a file, an event stream).
  std::optional<http::Response> raw;
};

class Call {
 public:
  Call(Shared* shared, const http::Request* request);

  // ---- what was asked ----
  const http::Request& request() const { return request_; }
  const Route& route() const { return *route_; }
  const json::object& body() const { return body_; }
  // A part of the path. REQUIRES: the route's pattern has it.
  const std::string& param(std::string_view name) const;
  Result<uint64_t> NumberParam(std::string_view name) const;  // kNotFound unless a number.
  Result<std::string> IdParam(std::string_view name) const;   // 16 bytes; kNotFound unless a UUID.
  // Query parameters; kInvalid names them.
  std::string Query(std::string_view name) const;
  Result<uint64_t> NumberQuery(std::string_view name) const;
  Result<size_t> Limit() const;
  Result<std::string> Cursor() const;     // Decoded; empty: from the beginning.
  Result<uint64_t> NumberCursor() const;  // Of a list by number; 0: from the beginning.
  // The version in If-Match; 0 for "*". kConflict "stale:" if it is none of ours;
  // kInvalid if absent.
  Result<uint64_t> ExpectedVersion() const;
  // Fields of the body, which has passed its schema.
  std::string Text(std::string_view name) const;
  std::vector<std::string> Texts(std::string_view name) const;
  uint64_t Number(std::string_view name) const;
  bool Flag(std::string_view name) const;
  bool Has(std::string_view name) const;

  // ---- who asks ----
  const access::Actor& actor() const { return actor_; }
  const std::string& session() const { return session_; }  // SHA-256 of the token; or empty.
  std::string address() const;                             // Without port.
  bool is_centre() const;

  // For a refusal that passes with time (429): what Retry-After then says.
  void SetRetryAfter(int64_t seconds) { retry_after_s_ = seconds; }

  // While it signs in: entries are written in this person's name.
  void ActAs(const v1::PersonSet& person);

  // ---- whether it may ----
  // By the route's deed, or another. kDenied; kNotFound if it may not even see it.
  // What is to be recorded is recorded before the answer goes out.
  Result<void> Authorize(const access::Object& object);
  Result<void> Authorize(access::Deed deed, const access::Object& object);
  // An item of a list that is found by what it says: to be recorded as read. path: of the
  // item. Before the answer goes out, with the others of this call.
  void RecordFound(const std::string& path, const access::Object& object);
  // For items of a list: no error, no record.
  access::Decision Decide(access::Deed deed, const access::Object& object);

  // ---- reading and changing ----
  const store::View& view() const { return *view_; }
  void Refresh();  // The view after a change.
  const Parts& parts() const { return shared_.parts; }
  Events& events() { return *shared_.events; }
  int64_t now_ms() const { return now_ms_; }
  std::string NewId();
  // Of this call, for a submission that it enters.
  v1::Filing Filing() const;
  // Appends, waits until it is applied, and says what the engine refused. location:
  // path of what it made or changed, below /api/v1; "{sequence}" stands for the entry's
  // own. The view is fresh afterwards.
  // sequence: of the entry, if wanted.
  Result<void> Commit(v1::Action action, const std::string& location, uint64_t* sequence = nullptr);

 private:
  friend class Dispatcher;
  Result<uint64_t> Append(const v1::Action& action);
  Result<void> RecordReading();
  bool IsAboutOne() const;  // The path names something.

  Shared& shared_;
  const http::Request& request_;
  const Route* route_ = nullptr;
  std::map<std::string, std::string, std::less<>> params_;
  json::object body_;
  access::Actor actor_;
  std::string session_;
  std::string session_token_;
  std::unique_ptr<store::Reader> view_;
  int64_t now_ms_ = 0;
  std::string request_key_;     // Of the Idempotency-Key; empty: none.
  std::string request_digest_;  // Of what was asked.
  int64_t retry_after_s_ = 0;   // 0: nobody has said.
  bool authorized_ = false;
  bool record_ = false;
  v1::ContentRead reading_;
};

using Handler = Result<Reply> (*)(Call&);

// Who may call a route without a session.
enum class Gate {
  kSession,  // Needs one (or the admin socket).
  kOpen,     // Needs none, e.g. signing in.
};

struct Route {
  std::string method;
  std::string pattern;  // "/cases/{case_id}/notes", below /api/v1.
  access::Deed deed;
  Handler handler;
  std::string summary;                  // One line for the OpenAPI document.
  std::string request;                  // Schema of the body; empty: none.
  std::string response;                 // Schema of the answer; empty: 204, or raw.
  std::vector<std::string> query = {};  // Names of the query parameters (schemas.json has them).
  Gate gate = Gate::kSession;
  std::string content_type = {};  // Of a body that is not JSON.
  // At the centre, if it is another deed there.
  std::optional<access::Deed> centre_deed = {};
  std::string produces = {};  // Content type of an answer that is not JSON.
  // One of two persons does it: at the admin socket, too, in the name of the person to whom
  // the login belongs.
  bool by_person = false;

  access::Deed DeedOf(bool is_centre) const {
    return is_centre ? centre_deed.value_or(deed) : deed;
  }
};

// Each file of routes adds its own.
void AddSignInRoutes(std::vector<Route>* routes);
void AddCredentialRoutes(std::vector<Route>* routes);
void AddPersonRoutes(std::vector<Route>* routes);
void AddOrganizationRoutes(std::vector<Route>* routes);
void AddCaseRoutes(std::vector<Route>* routes);
void AddCaseChangeRoutes(std::vector<Route>* routes);
void AddReportRoutes(std::vector<Route>* routes);
void AddAlertRoutes(std::vector<Route>* routes);
void AddProposalRoutes(std::vector<Route>* routes);
void AddQuestionRoutes(std::vector<Route>* routes);
void AddSampleRoutes(std::vector<Route>* routes);
void AddAuditRoutes(std::vector<Route>* routes);
void AddEventRoutes(std::vector<Route>* routes);
void AddSearchRoutes(std::vector<Route>* routes);
void AddOpenApiRoutes(std::vector<Route>* routes);

// All of them, in the order of the document.
const std::vector<Route>& Routes();

// ---- pages ----

// A page of a list, with a cursor to go on: {"<name>": […], "next": "…" or null}.
Reply Page(std::string_view name, json::array items, const std::string& next);
std::string EncodeCursor(std::string_view position);

// What `object` is about: for authorising cases, reports, alerts.
access::Object ObjectOf(const store::CaseRow& row);
access::Object ObjectOf(const store::SubmissionRow& row);
// What is not there: no person may see it, so that it is answered like what is hidden.
access::Object NoObject();
// What has no marking: records, deliveries.
access::Object OwnedBy(const std::string& organization);

}  // namespace noroshi::api
