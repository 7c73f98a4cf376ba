// Desk: the API over a real engine and a real state, with the journal in memory, for
// tests of who may do what. Requests are values; nobody listens.
//
// Threads: one thread.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "common/runtime/clock.h"
#include "common/runtime/file.h"
#include "common/runtime/random.h"
#include "hub/api/api.h"
#include "hub/api/schema.h"
#include "hub/api/sessions.h"
#include "hub/identity/tokens.h"
#include "hub/search/follower.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/hub/engine/memory_journal.h"

namespace noroshi::api {

namespace json = boost::json;

class Desk {
 public:
  // A person's session in this test.
  struct Session {
    std::string token;  // Empty: nobody.
    std::string person;
  };

  // search_folder: of an index that somebody else has made, instead of the desk's own.
  explicit Desk(const std::string& search_folder = "")
      : searcher_(search_folder.empty() ? folder_.path() + "/search" : search_folder) {
    store::StoreOptions options;
    options.folder = folder_.path() + "/state";
    auto opened = store::Store::Open(options);
    NOROSHI_CHECK(opened.ok());
    store_ = *std::move(opened);
    journal_.set_time_ms(SystemClock().NowMs());
    v1::LogStarted started;
    started.set_log_id(journal_.log_id());
    started.set_hub_name("Test Centre");
    Append(v1::ENTRY_KIND_LOG_STARTED, "", "", started.SerializeAsString());
    follower_ = std::make_unique<search::Follower>(search::Follower::Parts{
        &journal_, store_.get(), &SystemFileSystem(), folder_.path() + "/search", 0});
    auto runner =
        engine::Runner::Start(&journal_, store_.get(), {}, [this](const engine::Applied& applied) {
          follower_->OnApplied();
          if (Api* api = listening_; api != nullptr) api->OnApplied(applied);
        });
    NOROSHI_CHECK(runner.ok());
    runner_ = *std::move(runner);
    auto authority = identity::CertificateAuthority::Create(
        {folder_.path() + "/ca", &SystemFileSystem(), &SystemClock(), &SystemRandom()}, "Test");
    NOROSHI_CHECK(authority.ok());
    authority_ = *std::move(authority);
    Parts parts;
    parts.authority = authority_.get();
    parts.journal = &journal_;
    parts.runner = runner_.get();
    parts.store = store_.get();
    parts.searcher = &searcher_;
    parts.clock = &SystemClock();
    parts.random = &SystemRandom();
    parts.hasher = &hasher_;
    parts.throttle = &throttle_;
    parts.sealing_key = std::string(32, 'k');
    parts.hub_name = "Test Centre";
    parts.agent_address = [] { return std::string("127.0.0.1:8443"); };
    parts.web_address = [] { return std::string("https://127.0.0.1:8444"); };
    api_ = std::make_unique<Api>(std::move(parts));
    listening_ = api_.get();
  }
  ~Desk() { runner_->Stop(); }

  // Appends an entry and waits until it is applied. Its sequence.
  uint64_t Append(v1::EntryKind kind, const std::string& organization, const std::string& agent,
                  const std::string& body, std::optional<Uuid> id = std::nullopt) {
    journal::Draft draft;
    draft.kind = kind;
    draft.organization = organization;
    draft.agent = agent;
    draft.body = body;
    draft.submission_id = id;
    std::promise<Result<journal::Acceptance>> answer;
    journal_.Append(std::move(draft), [&](Result<journal::Acceptance> accepted) {
      answer.set_value(std::move(accepted));
    });
    const auto accepted = answer.get_future().get();
    NOROSHI_CHECK(accepted.ok());
    if (runner_ != nullptr) NOROSHI_CHECK(runner_->WaitApplied(accepted->sequence, 30'000).ok());
    return accepted->sequence;
  }
  uint64_t Append(const v1::Action& action, const std::string& organization = "",
                  const std::string& agent = "admin:test") {
    return Append(v1::ENTRY_KIND_ACTION, organization, agent, action.SerializeAsString());
  }

  void AddOrganization(const std::string& id, v1::OrganizationKind kind,
                       const std::vector<std::string>& circles = {}) {
    v1::OrganizationSet organization;
    organization.set_id(id);
    organization.set_name_ja(id);
    organization.set_name_en(id);
    organization.set_kind(kind);
    for (const auto& circle : circles) organization.add_circles(circle);
    Append(v1::ENTRY_KIND_ORGANIZATION_SET, "", "admin:test", organization.SerializeAsString());
  }

  // Makes the person and signs it in.
  Session SignIn(const std::string& id, const std::string& organization,
                 const std::vector<v1::Role>& roles, const std::vector<std::string>& circles = {}) {
    v1::Action made;
    v1::PersonSet& person = *made.mutable_person_set();
    person.set_id(id);
    person.set_organization(organization);
    person.set_name(id);
    for (const v1::Role role : roles) person.add_roles(role);
    for (const auto& circle : circles) person.add_circles(circle);
    Append(made);
    const auto token = identity::NewSecretToken(identity::TokenPurpose::kSession, SystemRandom());
    v1::Action opened;
    opened.mutable_session_opened()->set_person(id);
    opened.mutable_session_opened()->set_session(token.hash);
    opened.mutable_session_opened()->set_method("test");
    opened.mutable_session_opened()->set_expires_at_ms(SystemClock().NowMs() + kSessionLifeMs);
    Append(opened, organization, "person:" + id);
    return {token.text, id};
  }

  http::Response Call(const Session& session, const std::string& method, const std::string& path,
                      const json::value& body = nullptr, const http::Parameters& query = {}) {
    http::Request request;
    if (!body.is_null()) {
      request.body = json::serialize(body);
      request.headers.Set("Content-Type", "application/json");
    }
    return Send(session, method, path, std::move(request), query);
  }

  // The same with a body that is no JSON, or other headers.
  http::Response Send(const Session& session, const std::string& method, const std::string& path,
                      http::Request request, const http::Parameters& query = {}) {
    request.method = method;
    request.path = "/api/v1" + path;
    request.raw_target = request.path;
    request.query = query;
    request.remote_address = "192.0.2.7:4711";
    request.headers.Set("Host", "127.0.0.1:8444");
    if (request.headers.Find("If-Match") == nullptr) request.headers.Set("If-Match", "*");
    if (!session.token.empty()) {
      request.headers.Set("Cookie", std::string(kSessionCookie) + "=" + session.token);
      request.headers.Set("X-CSRF-Token", identity::CsrfToken(session.token));
    }
    return api_->Handle(request);
  }

  // Everything appended so far is found from now on.
  void AwaitIndex() { NOROSHI_CHECK(follower_->WaitFor(journal_.size(), 30'000).ok()); }

  Api& api() { return *api_; }
  store::Store& store() { return *store_; }
  engine::MemoryJournal& journal() { return journal_; }
  int64_t now_ms() const { return journal_.time_ms(); }

 private:
  support::TempDir folder_;
  engine::MemoryJournal journal_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<identity::CertificateAuthority> authority_;
  identity::PasswordHasher hasher_{&SystemRandom(), {8 * 1024, 1}};
  identity::Throttle throttle_{SystemRandom()};
  const search::Searcher searcher_;
  std::unique_ptr<search::Follower> follower_;
  std::unique_ptr<engine::Runner> runner_;
  std::unique_ptr<Api> api_;
  std::atomic<Api*> listening_ = nullptr;  // api_, once the engine's thread may know it.
};

inline json::value Body(const http::Response& response) {
  boost::system::error_code error;
  json::value value = json::parse(response.body, error);
  return error ? json::value(nullptr) : value;
}

// What in an answer does not fit its schema; empty: all does.
inline std::string Misfits(std::string_view schema, const http::Response& response) {
  std::string misfits;
  for (const FieldError& error : CheckAgainst(schema, Body(response))) {
    misfits += error.pointer + ": " + error.detail + "\n";
  }
  return misfits;
}

}  // namespace noroshi::api
