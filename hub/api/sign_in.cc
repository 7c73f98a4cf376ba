// Signing in: with a password and a second factor, a client certificate, or at an
// OpenID Connect provider.
//
// Every refusal looks the same from outside, and takes as long; the audit and the log
// say what it was.
#include <fmt/format.h>

#include "common/crypto/crypto.h"
#include "hub/api/attempt.h"
#include "hub/api/call.h"
#include "hub/api/sealing.h"
#include "hub/api/sessions.h"
#include "hub/identity/recovery.h"
#include "hub/identity/totp.h"

namespace noroshi::api {
namespace {

using identity::GuessKind;

constexpr char kOidcCookie[] = "__Host-noroshi-oidc";

// At the centre nobody signs in with a password alone.
bool NeedsSecondFactor(const store::PersonRow& person, const store::View& view) {
  if (!person.totp_sealed().empty()) return true;
  const auto organization = view.Organization(person.person().organization());
  return !organization.ok() || !*organization ||
         (*organization)->organization().kind() == v1::ORGANIZATION_KIND_CENTRE;
}

Result<void> CheckTotp(Call& call, const store::PersonRow& person, v1::SessionOpened* opened) {
  Attempt attempt(call, GuessKind::kOtp, person.person().id());
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
  Attempt attempt(call, GuessKind::kRecovery, person.person().id());
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
  Attempt attempt(call, GuessKind::kPassword, login);
  NOROSHI_RETURN_IF_ERROR(attempt.Take());
  const bool may = person && MaySignIn(call.view(), *person);
  const std::string stored = may ? person->password_hash() : "";
  auto verified = call.parts().hasher->Verify(stored, call.Text("password"));
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
  Attempt attempt(call, GuessKind::kLink, "");
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
}

}  // namespace noroshi::api
