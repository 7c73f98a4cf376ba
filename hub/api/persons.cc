// Persons (利用者): who may sign in, as what.
#include "hub/api/persons.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/encoding.h"
#include "common/tls/certificate.h"
#include "hub/api/call.h"
#include "hub/api/sessions.h"
#include "hub/identity/tokens.h"
#include "hub/render/json.h"

namespace noroshi::api {

using access::Deed;
using render::TimeJson;
using render::Word;

json::object PersonJson(const store::PersonRow& row) {
  json::array roles;
  for (const int role : row.person().roles()) roles.emplace_back(Word(static_cast<v1::Role>(role)));
  json::array circles;
  for (const auto& circle : row.person().circles()) circles.emplace_back(circle);
  return {{"id", row.person().id()},
          {"organization", row.person().organization()},
          {"name", row.person().name()},
          {"roles", std::move(roles)},
          {"circles", std::move(circles)},
          {"disabled", row.person().disabled()},
          {"language", row.person().language()},
          {"local_login", row.person().local_login()},
          {"version", row.version()},
          {"has_password", !row.password_hash().empty()},
          {"has_second_factor", !row.totp_sealed().empty()},
          {"recovery_codes_left", row.recovery_hashes_size()},
          {"has_openid", !row.subject().empty()},
          {"has_certificate", !row.certificate_sha256().empty()},
          {"created_at", TimeJson(row.created_at_ms())},
          {"last_sign_in_at", TimeJson(row.last_sign_in_ms())}};
}

json::object SessionJson(const store::SessionRow& row) {
  return {{"id", ToHex(row.session())},
          {"method", row.method()},
          {"opened_at", TimeJson(row.opened_at_ms())},
          {"expires_at", TimeJson(row.expires_at_ms())},
          {"address", row.address()},
          {"software", row.software()}};
}

namespace {

std::string Path(const std::string& id) { return "/persons/" + id; }

access::Object Of(const std::string& organization) {
  access::Object object;
  object.owner = organization;
  return object;
}

Result<store::PersonRow> FindPerson(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(auto row, call.view().Person(call.param("person_id")));
  NOROSHI_RETURN_IF_ERROR(call.Authorize(Of(row ? row->person().organization() : "")));
  if (!row) return Error{ErrorCode::kNotFound, "there is no such resource"};
  return *std::move(row);
}

Result<Reply> AnswerPerson(Call& call, const std::string& id, int status) {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, call.view().Person(id));
  if (!row) return Error{ErrorCode::kNotFound, "there is no such person"};
  Reply reply{status, PersonJson(*row), {}, {}};
  reply.headers.Set("ETag", fmt::format("\"v{}\"", row->version()));
  return reply;
}

Result<Reply> ListPersons(Call& call) {
  // Members see those of their own organisation.
  const std::string wanted =
      call.is_centre() ? call.Query("organization") : call.actor().organization;
  NOROSHI_RETURN_IF_ERROR(call.Authorize(Of(wanted)));
  NOROSHI_ASSIGN_OR_RETURN(const size_t limit, call.Limit());
  NOROSHI_ASSIGN_OR_RETURN(const std::string cursor, call.Cursor());
  json::array items;
  std::string last;
  size_t found = 0;
  if (wanted.empty()) {
    NOROSHI_ASSIGN_OR_RETURN(const auto rows, call.view().Persons(cursor, limit));
    for (const auto& row : rows) items.emplace_back(PersonJson(row));
    found = rows.size();
    if (found > 0) last = rows.back().person().id();
  } else {
    NOROSHI_ASSIGN_OR_RETURN(const auto ids,
                             call.view().Ids(store::List::kPersonsOf, wanted, cursor, limit));
    for (const std::string& id : ids) {
      NOROSHI_ASSIGN_OR_RETURN(const auto row, call.view().Person(id));
      if (row) items.emplace_back(PersonJson(*row));
    }
    found = ids.size();
    if (found > 0) last = ids.back();
  }
  return Page("persons", std::move(items), found == limit ? last : "");
}

Result<Reply> ShowPerson(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, FindPerson(call));
  return AnswerPerson(call, row.person().id(), 200);
}

// The whole record: made, or replaced.
Result<Reply> PutPerson(Call& call) {
  const std::string& id = call.param("person_id");
  if (!IsIdentifier(id)) {
    return Error{ErrorCode::kInvalid, "id: 1 to 64 of [a-z0-9._-], beginning with one of [a-z0-9]"};
  }
  NOROSHI_RETURN_IF_ERROR(call.Authorize(Of(call.Text("organization"))));
  NOROSHI_ASSIGN_OR_RETURN(const auto before, call.view().Person(id));
  if (before) {
    NOROSHI_ASSIGN_OR_RETURN(const uint64_t version, call.ExpectedVersion());
    if (version != 0 && version != before->version()) {
      return Error{ErrorCode::kConflict, "stale: somebody changed it; read it again, then repeat"};
    }
  }
  v1::Action action;
  v1::PersonSet& person = *action.mutable_person_set();
  person.set_id(id);
  person.set_organization(call.Text("organization"));
  person.set_name(call.Text("name"));
  for (const auto& word : call.Texts("roles")) {
    const auto role = render::FromWord<v1::Role>(word);
    if (!role.ok()) return role.error().Prefixed("roles");
    person.add_roles(*role);
  }
  for (const auto& circle : call.Texts("circles")) person.add_circles(circle);
  person.set_disabled(call.Flag("disabled"));
  person.set_language(call.Has("language") ? call.Text("language") : "ja");
  person.set_local_login(call.Text("local_login"));
  NOROSHI_RETURN_IF_ERROR(call.Commit(std::move(action), Path(id)));
  return AnswerPerson(call, id, before ? 200 : 201);
}

Result<Reply> IssueLink(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, FindPerson(call));
  const identity::SecretToken token =
      identity::NewSecretToken(identity::TokenPurpose::kLink, *call.parts().random);
  v1::Action action;
  v1::SignInLinkIssued& issued = *action.mutable_sign_in_link_issued();
  issued.set_person(row.person().id());
  issued.set_secret_sha256(token.hash);
  const int64_t expires_at_ms = call.now_ms() + kLinkLifeMs;
  issued.set_expires_at_ms(expires_at_ms);
  NOROSHI_RETURN_IF_ERROR(call.Commit(std::move(action), Path(row.person().id())));
  // Behind '#': a browser sends it to nobody, and no log of a proxy holds it.
  const std::string link = call.parts().web_address() + "/link#" + token.text;
  return Reply{
      201,
      json::object{
          {"person", row.person().id()}, {"link", link}, {"expires_at", TimeJson(expires_at_ms)}},
      {},
      {}};
}

Result<Reply> SetIdentity(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, FindPerson(call));
  v1::Action action;
  v1::PersonIdentitySet& identity = *action.mutable_person_identity_set();
  identity.set_person(row.person().id());
  identity.set_issuer(call.Text("issuer"));
  identity.set_subject(call.Text("subject"));
  if (call.Has("certificate_sha256")) {
    const auto bytes = FromHex(call.Text("certificate_sha256"));
    if (!bytes.ok()) return bytes.error().Prefixed("certificate_sha256");
    identity.set_certificate_sha256(*bytes);
  }
  NOROSHI_RETURN_IF_ERROR(call.Commit(std::move(action), Path(row.person().id())));
  return AnswerPerson(call, row.person().id(), 200);
}

// The key stays where the request was made: only that is signed.
Result<Reply> CertifyPerson(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, FindPerson(call));
  const auto csr = tls::CsrFromPem(call.Text("csr"));
  if (!csr.ok()) return csr.error().Prefixed("csr");
  const auto issued =
      call.parts().authority->IssuePerson(row.person().organization(), row.person().id(), *csr);
  if (!issued.ok()) return issued.error().Prefixed("csr");
  v1::Action action;
  v1::PersonIdentitySet& identity = *action.mutable_person_identity_set();
  identity.set_person(row.person().id());
  identity.set_issuer(row.issuer());
  identity.set_subject(row.subject());
  identity.set_certificate_sha256(issued->sha256);
  NOROSHI_RETURN_IF_ERROR(call.Commit(std::move(action), Path(row.person().id())));
  return Reply{201,
               json::object{{"person", row.person().id()},
                            {"certificate", tls::CertificateDerToPem(issued->der)},
                            {"certificate_sha256", ToHex(issued->sha256)},
                            {"not_after", TimeJson(issued->not_after_ms)}},
               {},
               {}};
}

Result<Reply> ListSessions(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const auto person, FindPerson(call));
  NOROSHI_ASSIGN_OR_RETURN(const auto ids, call.view().Ids(store::List::kSessionsOf,
                                                           person.person().id(), "", kPageMax));
  json::array items;
  for (const std::string& id : ids) {
    NOROSHI_ASSIGN_OR_RETURN(const auto row, call.view().Session(id));
    if (row && row->expires_at_ms() > call.now_ms()) items.emplace_back(SessionJson(*row));
  }
  return Page("sessions", std::move(items), "");
}

Result<Reply> EndSession(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const auto person, FindPerson(call));
  const auto id = FromHex(call.param("session_id"));
  NOROSHI_ASSIGN_OR_RETURN(const auto row, call.view().Session(id.ok() ? *id : ""));
  if (!row || row->person() != person.person().id()) {
    return Error{ErrorCode::kNotFound, "there is no such session"};
  }
  v1::Action action;
  action.mutable_session_ended()->set_session(row->session());
  action.mutable_session_ended()->set_reason("revoked");
  NOROSHI_RETURN_IF_ERROR(call.Commit(std::move(action), Path(person.person().id())));
  return Reply{204, nullptr, {}, {}};
}

}  // namespace

void AddPersonRoutes(std::vector<Route>* routes) {
  const auto add = [&](Route route) { routes->push_back(std::move(route)); };
  add({"GET",
       "/persons",
       Deed::kPersonRead,
       ListPersons,
       "Persons",
       "",
       "PersonPage",
       {"limit", "cursor", "organization"}});
  add({"GET",
       "/persons/{person_id}",
       Deed::kPersonRead,
       ShowPerson,
       "One person",
       "",
       "Person",
       {}});
  add({"PUT",
       "/persons/{person_id}",
       Deed::kPersonManage,
       PutPerson,
       "Make or change a person",
       "PersonPut",
       "Person",
       {}});
  add({"POST",
       "/persons/{person_id}/links",
       Deed::kPersonManage,
       IssueLink,
       "A one-time link with which the person sets password and second factor",
       "",
       "SignInLink",
       {}});
  add({"PUT",
       "/persons/{person_id}/identity",
       Deed::kPersonManage,
       SetIdentity,
       "What else the person may sign in with",
       "PersonIdentity",
       "Person",
       {}});
  add({"POST",
       "/persons/{person_id}/certificates",
       Deed::kPersonManage,
       CertifyPerson,
       "A client certificate with which the person signs in, in place of the one before",
       "PersonCertify",
       "PersonCertificate",
       {}});
  add({"GET",
       "/persons/{person_id}/sessions",
       Deed::kPersonManage,
       ListSessions,
       "The person's sessions",
       "",
       "SessionPage",
       {}});
  add({"DELETE",
       "/persons/{person_id}/sessions/{session_id}",
       Deed::kPersonManage,
       EndSession,
       "End a session of the person",
       "",
       "",
       {}});
}

}  // namespace noroshi::api
