// Persons, what they sign in with, and their sessions.
#include <algorithm>

#include "common/base/check.h"
#include "common/base/encoding.h"
#include "common/crypto/crypto.h"
#include "hub/engine/batch.h"
#include "hub/engine/refusals.h"

namespace noroshi::engine {
namespace {

bool IsCentreRole(int role) { return role >= v1::ROLE_READER && role <= v1::ROLE_AUDITOR; }
bool IsMemberRole(int role) { return role == v1::ROLE_REPORTER || role == v1::ROLE_LIAISON; }

bool RolesFit(const v1::PersonSet& person, v1::OrganizationKind kind) {
  const bool centre = kind == v1::ORGANIZATION_KIND_CENTRE;
  return std::all_of(person.roles().begin(), person.roles().end(), [centre](int role) {
    return centre ? IsCentreRole(role) : IsMemberRole(role);
  });
}

bool IsAdministrator(const store::PersonRow& row) {
  if (row.person().disabled()) return false;
  const auto& roles = row.person().roles();
  return std::find(roles.begin(), roles.end(), v1::ROLE_ADMINISTRATOR) != roles.end();
}

}  // namespace

bool Batch::Administers(const store::PersonRow* row) const {
  if (row == nullptr || !IsAdministrator(*row)) return false;
  const auto found = memory_.organizations.find(row->person().organization());
  return found != memory_.organizations.end() && !found->second.organization().disabled();
}

void Batch::WritePerson(const store::PersonRow* before, store::PersonRow& after) {
  after.set_version(after.version() + 1);
  const int change = (Administers(&after) ? 1 : 0) - (Administers(before) ? 1 : 0);
  memory_.meta.set_administrators(memory_.meta.administrators() + static_cast<uint64_t>(change));
  state_.SetPerson(after);
}

Batch::Effect Batch::SetPerson(v1::PersonSet& person) {
  const store::OrganizationRow* organization = FindOrganization(person.organization());
  if (organization == nullptr || !IsIdentifier(person.id())) return kRefusedNotFound;
  if (!RolesFit(person, organization->organization().kind())) return kRefusedRoles;
  NOROSHI_ASSIGN_OR_RETURN(const auto before, state_.Person(person.id()));
  if (before && before->person().organization() != person.organization()) return kRefusedTaken;
  if (!person.local_login().empty()) {
    NOROSHI_ASSIGN_OR_RETURN(const auto holder, state_.PersonOfLogin(person.local_login()));
    if (holder && *holder != person.id()) return kRefusedTaken;
  }
  store::PersonRow row = before.value_or(store::PersonRow());
  row.mutable_person()->Swap(&person);
  const store::PersonRow* known = before ? &*before : nullptr;
  if (Administers(known) && !Administers(&row) && memory_.meta.administrators() <= 1) {
    return kRefusedLastAdministrator;
  }
  if (!before) {
    row.set_created_at_ms(at_.time_ms);
    state_.AddToList(store::List::kPersonsOf, row.person().organization(), row.person().id());
  }
  if (before && !before->person().local_login().empty()) {
    state_.RemoveLocalLogin(before->person().local_login());
  }
  if (!row.person().local_login().empty()) {
    state_.SetLocalLogin(row.person().local_login(), row.person().id());
  }
  WritePerson(known, row);
  if (!row.person().disabled()) return std::string();
  NOROSHI_RETURN_IF_ERROR(EndSessions(row.person().id()));
  NOROSHI_RETURN_IF_ERROR(VoidLinks(row.person().id()));
  return std::string();
}

Result<std::vector<store::PersonRow>> Batch::PersonsOf(std::string_view organization) const {
  std::vector<store::PersonRow> persons;
  std::vector<std::string> ids;
  do {
    const std::string before = ids.empty() ? "" : ids.back();
    NOROSHI_ASSIGN_OR_RETURN(
        ids, state_.Ids(store::List::kPersonsOf, organization, before, store::kListMax));
    for (const std::string& id : ids) {
      NOROSHI_ASSIGN_OR_RETURN(auto row, state_.Person(id));
      NOROSHI_CHECK(row.has_value());
      persons.push_back(*std::move(row));
    }
  } while (!ids.empty());
  return persons;
}

Batch::Effect Batch::FollowOrganization(const v1::OrganizationSet& before,
                                        const v1::OrganizationSet& after) {
  const bool other_side = (before.kind() == v1::ORGANIZATION_KIND_CENTRE) !=
                          (after.kind() == v1::ORGANIZATION_KIND_CENTRE);
  if (!other_side && before.disabled() == after.disabled()) return std::string();
  NOROSHI_ASSIGN_OR_RETURN(const auto persons, PersonsOf(after.id()));
  if (other_side && !persons.empty()) return kRefusedRoles;
  if (before.disabled() == after.disabled()) return std::string();
  const auto administrators =
      static_cast<uint64_t>(std::count_if(persons.begin(), persons.end(), IsAdministrator));
  const uint64_t known = memory_.meta.administrators();
  if (!after.disabled()) {
    memory_.meta.set_administrators(known + administrators);
    return std::string();
  }
  if (administrators > 0 && administrators == known) return kRefusedLastAdministrator;
  memory_.meta.set_administrators(known - administrators);
  for (const store::PersonRow& person : persons) {
    NOROSHI_RETURN_IF_ERROR(EndSessions(person.person().id()));
    NOROSHI_RETURN_IF_ERROR(VoidLinks(person.person().id()));
  }
  return std::string();
}

Batch::Effect Batch::IssueLink(const v1::SignInLinkIssued& link) {
  NOROSHI_ASSIGN_OR_RETURN(const auto person, state_.Person(link.person()));
  if (!person) return kRefusedNotFound;
  store::LinkRow row;
  row.set_person(link.person());
  row.set_expires_at_ms(link.expires_at_ms());
  row.set_sequence(at_.sequence);
  state_.SetSignInLink(link.secret_sha256(), row);
  state_.AddToList(store::List::kLinksOf, link.person(), link.secret_sha256());
  return std::string();
}

Result<void> Batch::VoidLinks(const std::string& person) {
  NOROSHI_ASSIGN_OR_RETURN(const auto ids,
                           state_.Ids(store::List::kLinksOf, person, "", store::kListMax));
  for (const std::string& id : ids) {
    state_.RemoveSignInLink(id);
    state_.RemoveFromList(store::List::kLinksOf, person, id);
  }
  return {};
}

Batch::Effect Batch::SetSecrets(const v1::PersonSecretsSet& secrets) {
  NOROSHI_ASSIGN_OR_RETURN(const auto before, state_.Person(secrets.person()));
  if (!before) return kRefusedNotFound;
  if (!secrets.link_sha256().empty()) {
    NOROSHI_ASSIGN_OR_RETURN(const auto link, state_.SignInLink(secrets.link_sha256()));
    if (!link || link->person() != secrets.person() || link->expires_at_ms() <= at_.time_ms) {
      return kRefusedUsed;
    }
  }
  store::PersonRow row = *before;
  if (secrets.has_password_hash()) row.set_password_hash(secrets.password_hash());
  if (secrets.has_totp_sealed()) {
    row.set_totp_sealed(secrets.totp_sealed());
    row.set_totp_step(0);
    row.clear_recovery_hashes();
  }
  if (secrets.recovery_hashes_size() > 0) {
    *row.mutable_recovery_hashes() = secrets.recovery_hashes();
  }
  WritePerson(&*before, row);
  // Whoever signed in with what was good before does so again; and a link that somebody
  // else may have is no way back.
  NOROSHI_RETURN_IF_ERROR(EndSessions(secrets.person()));
  NOROSHI_RETURN_IF_ERROR(VoidLinks(secrets.person()));
  return std::string();
}

Batch::Effect Batch::SetIdentity(const v1::PersonIdentitySet& identity) {
  NOROSHI_ASSIGN_OR_RETURN(const auto before, state_.Person(identity.person()));
  if (!before) return kRefusedNotFound;
  const bool has_subject = !identity.subject().empty() && !identity.issuer().empty();
  const bool has_certificate = !identity.certificate_sha256().empty();
  if (has_subject) {
    NOROSHI_ASSIGN_OR_RETURN(const auto holder,
                             state_.PersonOfIdentity(identity.issuer(), identity.subject()));
    if (holder && *holder != identity.person()) return kRefusedTaken;
  }
  if (has_certificate) {
    NOROSHI_ASSIGN_OR_RETURN(const auto holder,
                             state_.PersonOfCertificate(identity.certificate_sha256()));
    if (holder && *holder != identity.person()) return kRefusedTaken;
  }
  if (!before->subject().empty()) state_.RemoveIdentity(before->issuer(), before->subject());
  if (!before->certificate_sha256().empty()) {
    state_.RemovePersonCertificate(before->certificate_sha256());
  }
  store::PersonRow row = *before;
  row.set_issuer(has_subject ? identity.issuer() : "");
  row.set_subject(has_subject ? identity.subject() : "");
  row.set_certificate_sha256(identity.certificate_sha256());
  if (has_subject) state_.SetIdentity(row.issuer(), row.subject(), identity.person());
  if (has_certificate) state_.SetPersonCertificate(row.certificate_sha256(), identity.person());
  WritePerson(&*before, row);
  const bool is_as_before = row.issuer() == before->issuer() &&
                            row.subject() == before->subject() &&
                            row.certificate_sha256() == before->certificate_sha256();
  if (!is_as_before) NOROSHI_RETURN_IF_ERROR(EndSessions(identity.person()));
  return std::string();
}

// ---- sessions ----

Batch::Effect Batch::OpenSession(const v1::SessionOpened& opened) {
  NOROSHI_ASSIGN_OR_RETURN(const auto before, state_.Person(opened.person()));
  if (!before || opened.session().size() != kSha256Bytes) return kRefusedNotFound;
  NOROSHI_ASSIGN_OR_RETURN(const auto known, state_.Session(opened.session()));
  if (known) return kRefusedUsed;
  const store::OrganizationRow* organization = FindOrganization(before->person().organization());
  if (before->person().disabled() || organization == nullptr ||
      organization->organization().disabled()) {
    return kRefusedDisabled;
  }
  store::PersonRow row = *before;
  if (opened.totp_step() != 0) {
    if (opened.totp_step() <= row.totp_step()) return kRefusedUsed;
    row.set_totp_step(opened.totp_step());
  }
  if (!opened.recovery_hash().empty()) {
    auto& codes = *row.mutable_recovery_hashes();
    const auto code = std::find(codes.begin(), codes.end(), opened.recovery_hash());
    if (code == codes.end()) return kRefusedUsed;
    codes.erase(code);
  }
  row.set_last_sign_in_ms(at_.time_ms);
  WritePerson(&*before, row);
  NOROSHI_RETURN_IF_ERROR(MakeRoomForSession(opened.person()));
  store::SessionRow session;
  session.set_session(opened.session());
  session.set_person(opened.person());
  session.set_organization(row.person().organization());
  session.set_method(opened.method());
  session.set_opened_at_ms(at_.time_ms);
  session.set_expires_at_ms(opened.expires_at_ms());
  session.set_software(opened.software());
  session.set_address(std::string(address_));
  session.set_sequence(at_.sequence);
  state_.SetSession(session);
  state_.AddToList(store::List::kSessionsOf, opened.person(), opened.session());
  return std::string();
}

// Those that have expired end; if that is not enough, the oldest.
Result<void> Batch::MakeRoomForSession(const std::string& person) {
  NOROSHI_ASSIGN_OR_RETURN(const auto ids,
                           state_.Ids(store::List::kSessionsOf, person, "", store::kListMax));
  std::vector<store::SessionRow> live;
  for (const std::string& id : ids) {
    NOROSHI_ASSIGN_OR_RETURN(auto row, state_.Session(id));
    if (!row) continue;
    if (row->expires_at_ms() <= at_.time_ms) {
      RemoveSession(*row);
    } else {
      live.push_back(*std::move(row));
    }
  }
  if (live.size() < kSessionsPerPersonMax) return {};
  const auto oldest = std::min_element(live.begin(), live.end(), [](const auto& a, const auto& b) {
    return a.sequence() < b.sequence();
  });
  RemoveSession(*oldest);
  return {};
}

void Batch::RemoveSession(const store::SessionRow& row) {
  state_.RemoveSession(row.session());
  state_.RemoveFromList(store::List::kSessionsOf, row.person(), row.session());
}

Batch::Effect Batch::EndSession(const v1::SessionEnded& ended) {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, state_.Session(ended.session()));
  if (!row) return kRefusedNotFound;
  RemoveSession(*row);
  return std::string();
}

Result<void> Batch::EndSessions(const std::string& person) {
  NOROSHI_ASSIGN_OR_RETURN(const auto ids,
                           state_.Ids(store::List::kSessionsOf, person, "", store::kListMax));
  for (const std::string& id : ids) {
    NOROSHI_ASSIGN_OR_RETURN(const auto row, state_.Session(id));
    if (row && row->session() != session_) RemoveSession(*row);
  }
  return {};
}

}  // namespace noroshi::engine
