// Signing in and out, and one's own credentials.
//
// Every refusal looks the same from outside, and takes as long; the audit and the log
// say what it was.
#include <fmt/format.h>

#include "common/base/encoding.h"
#include "common/crypto/crypto.h"
#include "hub/api/call.h"
#include "hub/api/persons.h"
#include "hub/api/sealing.h"
#include "hub/api/sessions.h"
#include "hub/identity/recovery.h"
#include "hub/identity/tokens.h"
#include "hub/identity/totp.h"
#include "hub/render/json.h"

namespace noroshi::api {
namespace {

using identity::GuessKind;

constexpr char kOidcCookie[] = "__Host-noroshi-oidc";

// The throttle counts by a clock that does not jump.
int64_t SteadyMs(const Clock& clock) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(clock.Steady().time_since_epoch())
      .count();
}

// Throttled guessing: a granted try is told how it ended.
class Try {
 public:
  Try(Call& call, GuessKind kind, std::string account)
      : throttle_(*call.parts().throttle),
        kind_(kind),
        account_(std::move(account)),
        address_(call.address()),
        now_ms_(SteadyMs(*call.parts().clock)) {}

  Result<void> Take() {
    const int64_t wait = throttle_.TakeOrWaitMs(guess(), now_ms_);
    if (wait == 0) return {};
    return Error{ErrorCode::kOverloaded,
                 fmt::format("too many attempts; wait {} s", (wait + 999) / 1000)};
  }
  void Failed() { throttle_.Failed(guess(), now_ms_); }
  void Succeeded() { throttle_.Succeeded(guess(), now_ms_); }

 private:
  identity::Guess guess() const { return {kind_, account_, address_}; }
  identity::Throttle& throttle_;
  const GuessKind kind_;
  const std::string account_;
  const std::string address_;
  const int64_t now_ms_;
};

// At the centre nobody signs in with a password alone.
bool NeedsSecondFactor(const store::PersonRow& person, const store::View& view) {
  if (!person.totp_sealed().empty()) return true;
  const auto organization = view.Organization(person.person().organization());
  return !organization.ok() || !*organization ||
         (*organization)->organization().kind() == v1::ORGANIZATION_KIND_CENTRE;
}

Result<void> CheckTotp(Call& call, const store::PersonRow& person, v1::SessionOpened* opened) {
  Try attempt(call, GuessKind::kOtp, person.person().id());
  NOROSHI_RETURN_IF_ERROR(attempt.Take());
  if (person.totp_sealed().empty()) {
    attempt.Failed();
    return RefuseSignIn(call, person.person().id(), "totp", "no second factor is set up");
  }
  NOROSHI_ASSIGN_OR_RETURN(const std::string secret,
                           Unseal(call.parts(), person.person().id(), person.totp_sealed()));
  const int64_t last = person.totp_step() == 0 ? identity::kTotpNever : person.totp_step();
  const auto step = identity::VerifyTotp(secret, call.Text("code"), call.now_ms(), last);
  if (!step.ok()) {
    attempt.Failed();
    return RefuseSignIn(call, person.person().id(), "totp", step.error().message);
  }
  attempt.Succeeded();
  opened->set_totp_step(*step);
  opened->set_method("password+totp");
  return {};
}

Result<void> CheckRecovery(Call& call, const store::PersonRow& person, v1::SessionOpened* opened) {
  Try attempt(call, GuessKind::kRecovery, person.person().id());
  NOROSHI_RETURN_IF_ERROR(attempt.Take());
  const std::vector<std::string> stored(person.recovery_hashes().begin(),
                                        person.recovery_hashes().end());
  const auto index = identity::FindRecoveryCode(call.Text("recovery_code"), stored);
  if (!index.ok()) {
    attempt.Failed();
    return RefuseSignIn(call, person.person().id(), "recovery", index.error().message);
  }
  attempt.Succeeded();
  opened->set_recovery_hash(stored[*index]);
  opened->set_method("password+recovery");
  return {};
}

Result<void> CheckPassword(Call& call, const std::string& login,
                           const std::optional<store::PersonRow>& person) {
  Try attempt(call, GuessKind::kPassword, login);
  NOROSHI_RETURN_IF_ERROR(attempt.Take());
  const bool may = person && !person->person().disabled();
  const std::string stored = may ? person->password_hash() : "";
  const auto verified = call.parts().hasher->Verify(stored, call.Text("password"));
  if (verified.ok()) {
    attempt.Succeeded();
    return {};
  }
  if (verified.error().code != ErrorCode::kDenied) return verified;
  attempt.Failed();
  return RefuseSignIn(call, person ? login : "", "password", "wrong, disabled or without one");
}

Result<Reply> SignIn(Call& call) {
  const std::string login = call.Text("login");
  NOROSHI_ASSIGN_OR_RETURN(const auto person, call.view().Person(login));
  NOROSHI_RETURN_IF_ERROR(CheckPassword(call, login, person));
  v1::SessionOpened opened;
  opened.set_person(login);
  opened.set_method("password");
  if (call.Has("recovery_code")) {
    NOROSHI_RETURN_IF_ERROR(CheckRecovery(call, *person, &opened));
  } else if (call.Has("code")) {
    NOROSHI_RETURN_IF_ERROR(CheckTotp(call, *person, &opened));
  } else if (NeedsSecondFactor(*person, call.view())) {
    Reply reply;
    reply.status = 200;
    reply.body = json::object{{"second_factor", "totp"}};
    return reply;
  }
  return OpenSession(call, std::move(opened));
}

Result<Reply> SignInByCertificate(Call& call) {
  const auto& certificate = call.request().certificate;
  if (!certificate) return Error{ErrorCode::kDenied, "no client certificate was presented"};
  NOROSHI_ASSIGN_OR_RETURN(const auto id,
                           call.view().PersonOfCertificate(Sha256Of(certificate->der)));
  if (!id) return RefuseSignIn(call, "", "certificate", "it belongs to nobody");
  v1::SessionOpened opened;
  opened.set_person(*id);
  opened.set_method("certificate");
  return OpenSession(call, std::move(opened));
}

// ---- OpenID Connect ----

Result<Reply> BeginOidc(Call& call) {
  if (call.parts().oidc == nullptr) {
    return Error{ErrorCode::kNotFound, "OpenID Connect is not configured"};
  }
  const std::string path = call.Query("return");
  NOROSHI_ASSIGN_OR_RETURN(const auto start, call.parts().oidc->Begin(path.empty() ? "/" : path));
  http::Response response;
  response.status = 302;
  response.headers.Set("Location", start.url);
  response.headers.Add("Set-Cookie",
                       fmt::format("{}={}; Path=/; Max-Age=600; Secure; HttpOnly; SameSite=Lax",
                                   kOidcCookie, start.browser_secret));
  Reply reply;
  reply.raw = std::move(response);
  return reply;
}

Result<Reply> FinishOidc(Call& call) {
  if (call.parts().oidc == nullptr) {
    return Error{ErrorCode::kNotFound, "OpenID Connect is not configured"};
  }
  Try attempt(call, GuessKind::kLink, "");
  NOROSHI_RETURN_IF_ERROR(attempt.Take());
  const identity::OidcCallback callback{call.Query("state"), call.Query("code"),
                                        call.Query("error"), call.Query("iss")};
  const auto login =
      call.parts().oidc->Finish(callback, call.request().Cookie(kOidcCookie).value_or(""));
  if (!login.ok()) {
    attempt.Failed();
    if (login.error().code != ErrorCode::kDenied) return login.error();
    return RefuseSignIn(call, "", "oidc", login.error().message);
  }
  NOROSHI_ASSIGN_OR_RETURN(
      const auto id, call.view().PersonOfIdentity(login->identity.issuer, login->identity.subject));
  if (!id) {
    attempt.Failed();
    return RefuseSignIn(call, "", "oidc", "this subject belongs to nobody");
  }
  attempt.Succeeded();
  v1::SessionOpened opened;
  opened.set_person(*id);
  opened.set_method("oidc");
  NOROSHI_ASSIGN_OR_RETURN(Reply reply, OpenSession(call, std::move(opened)));
  http::Response response;
  response.status = 302;
  response.headers = reply.headers;
  response.headers.Set("Location", login->return_path);
  reply.raw = std::move(response);
  return reply;
}

// ---- one-time links: the first sign-in, and a lost password ----

struct Link {
  std::string sha256;
  store::PersonRow person;
};

Result<Link> FindLink(Call& call) {
  Try attempt(call, GuessKind::kLink, "");
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
  if (!person || person->person().disabled()) {
    attempt.Failed();
    return RefuseSignIn(call, link->person(), "link", "the person is disabled");
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
  NOROSHI_RETURN_IF_ERROR(Self(call).ok() ? Result<void>() : Self(call).error());
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
  Try attempt(call, GuessKind::kPassword, person.person().id());
  NOROSHI_RETURN_IF_ERROR(attempt.Take());
  const auto verified =
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
  Reply reply{204, nullptr, {}, {}};
  reply.headers.Add("Set-Cookie", EndedCookie());
  return reply;
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
  reply.headers.Add("Set-Cookie", EndedCookie());
  return reply;
}

}  // namespace

void AddSignInRoutes(std::vector<Route>* routes) {
  using access::Deed;
  const auto open = [&](Route route) {
    route.gate = Gate::kOpen;
    routes->push_back(std::move(route));
  };
  open({"POST",
        "/sign-in",
        Deed::kSelf,
        SignIn,
        "Sign in with password and second factor",
        "SignIn",
        "SignedIn",
        {}});
  open({"POST",
        "/sign-in/certificate",
        Deed::kSelf,
        SignInByCertificate,
        "Sign in with the client certificate of this connection",
        "",
        "SignedIn",
        {}});
  open({"GET",
        "/sign-in/oidc",
        Deed::kSelf,
        BeginOidc,
        "Go to the OpenID Connect provider",
        "",
        "",
        {"return"}});
  open({"GET",
        "/sign-in/oidc/callback",
        Deed::kSelf,
        FinishOidc,
        "Come back from the OpenID Connect provider",
        "",
        "",
        {"state", "code", "error", "iss"}});
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
