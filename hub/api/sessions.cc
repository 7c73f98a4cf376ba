#include "hub/api/sessions.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/encoding.h"
#include "common/log/log.h"
#include "common/text/unicode.h"
#include "hub/api/persons.h"
#include "hub/api/problem.h"
#include "hub/identity/tokens.h"

namespace noroshi::api {
namespace {

constexpr size_t kSoftwareBytesMax = 256;

std::string Cookie(const std::string& token) {
  return fmt::format("{}={}; Path=/; Max-Age={}; Secure; HttpOnly; SameSite=Strict", kSessionCookie,
                     token, kSessionLifeMs / 1000);
}

}  // namespace

bool Uses::Use(const std::string& session, int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  const auto [at, is_new] = last_.try_emplace(session, now_ms);
  if (!is_new && now_ms - at->second > kSessionIdleMs) return false;
  at->second = now_ms;
  if (last_.size() > kUsesMax) {
    const auto oldest =
        std::min_element(last_.begin(), last_.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    last_.erase(oldest);
  }
  return true;
}

bool MaySignIn(const store::View& view, const store::PersonRow& person) {
  const auto organization = view.Organization(person.person().organization());
  return !person.person().disabled() && organization.ok() && *organization &&
         !(*organization)->organization().disabled();
}

access::Actor ActorOf(const store::PersonRow& person, const v1::OrganizationSet& organization) {
  access::Actor actor;
  actor.kind = access::Actor::Kind::kPerson;
  actor.id = "person:" + person.person().id();
  actor.organization = organization.id();
  actor.centre = organization.kind() == v1::ORGANIZATION_KIND_CENTRE;
  for (const int role : person.person().roles()) actor.roles.push_back(static_cast<v1::Role>(role));
  actor.circles.assign(person.person().circles().begin(), person.person().circles().end());
  return actor;
}

Result<std::optional<SignedIn>> FindSession(Shared& shared, const http::Request& request,
                                            const store::View& view, int64_t now_ms) {
  const std::optional<SignedIn> nobody;
  const auto token = request.Cookie(kSessionCookie);
  if (!token) return nobody;
  const auto hash = identity::SecretTokenHash(identity::TokenPurpose::kSession, *token);
  if (!hash.ok()) return nobody;
  NOROSHI_ASSIGN_OR_RETURN(const auto session, view.Session(*hash));
  if (!session || session->expires_at_ms() <= now_ms) return nobody;
  if (!shared.uses.Use(*hash, now_ms)) return nobody;
  NOROSHI_ASSIGN_OR_RETURN(const auto person, view.Person(session->person()));
  NOROSHI_ASSIGN_OR_RETURN(const auto organization, view.Organization(session->organization()));
  if (!person || person->person().disabled() || !organization ||
      organization->organization().disabled()) {
    return nobody;
  }
  return std::optional<SignedIn>(
      SignedIn{ActorOf(*person, organization->organization()), *hash, *token});
}

Result<Reply> OpenSession(Call& call, v1::SessionOpened opened) {
  const identity::SecretToken token =
      identity::NewSecretToken(identity::TokenPurpose::kSession, *call.parts().random);
  opened.set_session(token.hash);
  opened.set_expires_at_ms(call.now_ms() + kSessionLifeMs);
  const std::string* software = call.request().headers.Find("User-Agent");
  if (software != nullptr) {
    // Header fields may hold any bytes; the journal's texts are UTF-8.
    const std::string valid = text::ToValidUtf8(*software);
    opened.set_software(std::string(TruncateUtf8(valid, kSoftwareBytesMax)));
  }
  NOROSHI_ASSIGN_OR_RETURN(const auto person, call.view().Person(opened.person()));
  if (!person || !MaySignIn(call.view(), *person)) {
    return RefuseSignIn(call, opened.person(), opened.method(),
                        "the person or its organisation is disabled");
  }
  call.ActAs(person->person());
  v1::Action action;
  *action.mutable_session_opened() = opened;
  NOROSHI_RETURN_IF_ERROR(call.Commit(std::move(action), "/session"));
  Log(Level::kInfo, "signed_in",
      {{"person", opened.person()}, {"method", opened.method()}, {"address", call.address()}});
  Reply reply;
  reply.body = json::object{{"person", PersonJson(*person)},
                            {"method", opened.method()},
                            {"csrf_token", identity::CsrfToken(token.text)},
                            {"expires_at_ms", opened.expires_at_ms()}};
  reply.headers.Add("Set-Cookie", Cookie(token.text));
  return reply;
}

Error RefuseSignIn(Call& call, const std::string& person, const std::string& step,
                   const std::string& reason) {
  Log(Level::kWarning, "sign_in_refused",
      {{"person", person}, {"step", step}, {"reason", reason}, {"address", call.address()}});
  Error refused{ErrorCode::kDenied, "signing in failed"};
  // Attempts at nobody's account are in the log only: strangers must not fill the journal.
  const auto row =
      person.empty() ? store::Found<store::PersonRow>(std::nullopt) : call.view().Person(person);
  if (!row.ok() || !*row) return refused;
  v1::Action action;
  action.set_address(call.address());
  action.set_location("/persons/" + person);
  action.mutable_sign_in_refused()->set_person(person);
  action.mutable_sign_in_refused()->set_step(step);
  action.mutable_sign_in_refused()->set_reason(reason);
  journal::Draft draft;
  draft.kind = v1::ENTRY_KIND_ACTION;
  draft.organization = (*row)->person().organization();
  draft.agent = "person:" + person;
  auto body = BodyOf(action);
  if (!body.ok()) return refused;
  draft.body = *std::move(body);
  // Not waited for: whoever guesses could tell by the time whether there is such a person.
  call.parts().journal->Append(std::move(draft), [](Result<journal::Acceptance> accepted) {
    if (accepted.ok()) return;
    Log(Level::kError, "audit_failed", {{"reason", accepted.error().message}});
  });
  return refused;
}

std::string EndedCookie() {
  return fmt::format("{}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict", kSessionCookie);
}

}  // namespace noroshi::api
