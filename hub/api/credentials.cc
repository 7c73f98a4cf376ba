// What one signs in with: set through a one-time link, and changed by oneself; and
// one's own sessions.
#include "common/base/encoding.h"
#include "hub/api/attempt.h"
#include "hub/api/call.h"
#include "hub/api/persons.h"
#include "hub/api/sealing.h"
#include "hub/api/sessions.h"
#include "hub/identity/recovery.h"
#include "hub/identity/tokens.h"
#include "hub/identity/totp.h"

namespace noroshi::api {
namespace {

using identity::GuessKind;

// ---- one-time links: the first sign-in, and a lost password ----

struct Link {
  std::string sha256;
  store::PersonRow person;
};

Result<Link> FindLink(Call& call) {
  Attempt attempt(call, GuessKind::kLink, "");
  NOROSHI_RETURN_IF_ERROR(attempt.Take());
  const auto hash =
      identity::SecretTokenHash(identity::TokenPurpose::kLink, call.Text("link_token"));
  std::optional<store::LinkRow> link;
  if (hash.ok()) {
    NOROSHI_ASSIGN_OR_RETURN(link, call.view().SignInLink(*hash));
  }
  if (!link || link->expires_at_ms() <= call.now_ms()) {
    attempt.Failed();
    return RefuseSignIn(call, "", "link", "unknown, used or expired");
  }
  NOROSHI_ASSIGN_OR_RETURN(const auto person, call.view().Person(link->person()));
  if (!person || !MaySignIn(call.view(), *person)) {
    attempt.Failed();
    return RefuseSignIn(call, link->person(), "link", "the person or its organisation is disabled");
  }
  attempt.Succeeded();
  return Link{*hash, *person};
}

// The secret that is offered, sealed for the second step: the hub keeps nothing of it.
Reply OfferTotp(Call& call, const std::string& person) {
  const std::string secret = identity::NewTotpSecret(*call.parts().random);
  Reply reply;
  reply.body =
      json::object{{"login", person},
                   {"totp_secret", identity::TotpSecretText(secret)},
                   {"totp_uri", identity::TotpUri(call.parts().hub_name, person, secret)},
                   {"enrolment", ToHex(Seal(call.parts(), "enrolment:" + person, secret))}};
  return reply;
}

Result<std::string> OfferedSecret(Call& call, const std::string& person) {
  const auto sealed = FromHex(call.Text("enrolment"));
  const auto secret = sealed.ok() ? Unseal(call.parts(), "enrolment:" + person, *sealed) : sealed;
  if (!secret.ok() || secret->size() != identity::kTotpSecretBytes) {
    return Error{ErrorCode::kInvalid, "enrolment: send what the first step said"};
  }
  const auto step =
      identity::VerifyTotp(*secret, call.Text("code"), call.now_ms(), identity::kTotpNever);
  if (!step.ok()) return Error{ErrorCode::kInvalid, "code: it does not fit the secret"};
  return *secret;
}

// Sets the second factor and answers with the recovery codes, once.
json::array SetTotp(Call& call, const std::string& person, const std::string& secret,
                    v1::PersonSecretsSet* secrets) {
  const identity::RecoveryCodes codes = identity::NewRecoveryCodes(*call.parts().random);
  secrets->set_totp_sealed(Seal(call.parts(), person, secret));
  for (const std::string& stored : codes.stored) secrets->add_recovery_hashes(stored);
  json::array shown;
  for (const std::string& code : codes.codes) shown.emplace_back(code);
  return shown;
}

Result<void> SetPassword(Call& call, const std::string& person, v1::PersonSecretsSet* secrets) {
  const std::string password = call.Text("password");
  const auto rules = identity::CheckPasswordRules(password, person);
  if (!rules.ok()) return rules.error().Prefixed("password");
  NOROSHI_ASSIGN_OR_RETURN(const std::string hash, call.parts().hasher->Hash(password));
  secrets->set_password_hash(hash);
  return {};
}

Result<Reply> BeginLink(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const Link link, FindLink(call));
  return OfferTotp(call, link.person.person().id());
}

Result<Reply> FinishLink(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const Link link, FindLink(call));
  const std::string& person = link.person.person().id();
  v1::Action action;
  v1::PersonSecretsSet& secrets = *action.mutable_person_secrets_set();
  secrets.set_person(person);
  secrets.set_link_sha256(link.sha256);
  NOROSHI_ASSIGN_OR_RETURN(const std::string secret, OfferedSecret(call, person));
  NOROSHI_RETURN_IF_ERROR(SetPassword(call, person, &secrets));
  json::array codes = SetTotp(call, person, secret, &secrets);
  call.ActAs(link.person.person());
  NOROSHI_RETURN_IF_ERROR(call.Commit(std::move(action), "/persons/" + person));
  Reply reply;
  reply.body = json::object{{"login", person}, {"recovery_codes", std::move(codes)}};
  return reply;
}

// ---- one's own ----

std::string OwnId(const Call& call) {
  return call.actor().id.substr(call.actor().id.find(':') + 1);
}

// What is about oneself; nobody at the admin socket has a session.
Result<store::PersonRow> Self(Call& call) {
  access::Object own;
  own.owner = call.actor().organization;
  NOROSHI_RETURN_IF_ERROR(call.Authorize(own));
  if (call.actor().kind != access::Actor::Kind::kPerson) {
    return Error{ErrorCode::kDenied, "only a person that has signed in has this"};
  }
  NOROSHI_ASSIGN_OR_RETURN(auto person, call.view().Person(OwnId(call)));
  if (!person) return Error{ErrorCode::kNotFound, "there is no such person any more"};
  return *std::move(person);
}

Result<Reply> ShowSession(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const auto person, Self(call));
  NOROSHI_ASSIGN_OR_RETURN(const auto session, call.view().Session(call.session()));
  if (!session) return Error{ErrorCode::kDenied, "sign in first"};
  Reply reply;
  reply.body = json::object{
      {"person", PersonJson(person)},
      {"method", session->method()},
      {"csrf_token", identity::CsrfToken(call.request().Cookie(kSessionCookie).value_or(""))},
      {"expires_at_ms", session->expires_at_ms()}};
  return reply;
}

Result<Reply> SignOut(Call& call) {
  const auto self = Self(call);
  if (!self.ok()) return self.error();
  v1::Action action;
  action.mutable_session_ended()->set_session(call.session());
  action.mutable_session_ended()->set_reason("signed_out");
  NOROSHI_RETURN_IF_ERROR(call.Commit(std::move(action), "/session"));
  Reply reply;
  reply.status = 204;
  reply.headers.Add("Set-Cookie", EndedCookie());
  return reply;
}

Result<Reply> ListSessions(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const auto person, Self(call));
  NOROSHI_ASSIGN_OR_RETURN(const auto ids, call.view().Ids(store::List::kSessionsOf,
                                                           person.person().id(), "", kPageMax));
  json::array items;
  for (const std::string& id : ids) {
    NOROSHI_ASSIGN_OR_RETURN(const auto row, call.view().Session(id));
    if (!row || row->expires_at_ms() <= call.now_ms()) continue;
    json::object item = SessionJson(*row);
    item["current"] = id == call.session();
    items.emplace_back(std::move(item));
  }
  return Page("sessions", std::move(items), "");
}

Result<Reply> EndOwnSession(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const auto person, Self(call));
  const auto id = FromHex(call.param("session_id"));
  NOROSHI_ASSIGN_OR_RETURN(const auto row, call.view().Session(id.ok() ? *id : ""));
  if (!row || row->person() != person.person().id()) {
    return Error{ErrorCode::kNotFound, "there is no such session"};
  }
  v1::Action action;
  action.mutable_session_ended()->set_session(row->session());
  action.mutable_session_ended()->set_reason("revoked");
  NOROSHI_RETURN_IF_ERROR(call.Commit(std::move(action), "/sessions"));
  return Reply{204, nullptr, {}, {}};
}

// Whoever changes what one signs in with shows once more who it is.
Result<void> CheckPresent(Call& call, const store::PersonRow& person) {
  Attempt attempt(call, GuessKind::kPassword, person.person().id());
  NOROSHI_RETURN_IF_ERROR(attempt.Take());
  auto verified =
      call.parts().hasher->Verify(person.password_hash(), call.Text("present_password"));
  if (verified.ok()) {
    attempt.Succeeded();
    return {};
  }
  if (verified.error().code != ErrorCode::kDenied) return verified;
  attempt.Failed();
  return Error{ErrorCode::kDenied, "present_password: it is another one"};
}

Result<Reply> ChangePassword(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const auto person, Self(call));
  NOROSHI_RETURN_IF_ERROR(CheckPresent(call, person));
  v1::Action action;
  action.mutable_person_secrets_set()->set_person(person.person().id());
  NOROSHI_RETURN_IF_ERROR(
      SetPassword(call, person.person().id(), action.mutable_person_secrets_set()));
  NOROSHI_RETURN_IF_ERROR(call.Commit(std::move(action), "/self/password"));
  return Reply{204, nullptr, {}, {}};
}

Result<Reply> BeginTotp(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const auto person, Self(call));
  return OfferTotp(call, person.person().id());
}

Result<Reply> FinishTotp(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const auto person, Self(call));
  NOROSHI_RETURN_IF_ERROR(CheckPresent(call, person));
  const std::string& id = person.person().id();
  NOROSHI_ASSIGN_OR_RETURN(const std::string secret, OfferedSecret(call, id));
  v1::Action action;
  action.mutable_person_secrets_set()->set_person(id);
  json::array codes = SetTotp(call, id, secret, action.mutable_person_secrets_set());
  NOROSHI_RETURN_IF_ERROR(call.Commit(std::move(action), "/self/totp"));
  Reply reply;
  reply.body = json::object{{"login", id}, {"recovery_codes", std::move(codes)}};
  return reply;
}

}  // namespace

void AddCredentialRoutes(std::vector<Route>* routes) {
  using access::Deed;
  const auto open = [&](Route route) {
    route.gate = Gate::kOpen;
    routes->push_back(std::move(route));
  };
  open({"POST",
        "/sign-in/link/begin",
        Deed::kSelf,
        BeginLink,
        "Begin with a one-time link: get a secret for the second factor",
        "LinkBegin",
        "TotpOffer",
        {}});
  open({"POST",
        "/sign-in/link/finish",
        Deed::kSelf,
        FinishLink,
        "Finish with a one-time link: set password and second factor",
        "LinkFinish",
        "RecoveryCodes",
        {}});
  routes->push_back({"GET", "/session", Deed::kSelf, ShowSession, "Who I am", "", "SignedIn", {}});
  routes->push_back({"DELETE", "/session", Deed::kSelf, SignOut, "Sign out", "", "", {}});
  routes->push_back(
      {"GET", "/sessions", Deed::kSelf, ListSessions, "My sessions", "", "SessionPage", {}});
  routes->push_back({"DELETE",
                     "/sessions/{session_id}",
                     Deed::kSelf,
                     EndOwnSession,
                     "End one of my sessions",
                     "",
                     "",
                     {}});
  routes->push_back({"PUT",
                     "/self/password",
                     Deed::kSelf,
                     ChangePassword,
                     "Change my password",
                     "PasswordChange",
                     "",
                     {}});
  routes->push_back({"POST",
                     "/self/totp/begin",
                     Deed::kSelf,
                     BeginTotp,
                     "Get a secret for a new second factor",
                     "",
                     "TotpOffer",
                     {}});
  routes->push_back({"POST",
                     "/self/totp/finish",
                     Deed::kSelf,
                     FinishTotp,
                     "Set the new second factor",
                     "TotpFinish",
                     "RecoveryCodes",
                     {}});
}

}  // namespace noroshi::api