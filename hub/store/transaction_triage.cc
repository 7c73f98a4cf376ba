// Persons and what they do.
#include "common/base/check.h"
#include "hub/store/keys.h"
#include "hub/store/transaction.h"
#include "hub/store/transaction_state.h"

namespace noroshi::store {

void Transaction::SetPerson(const PersonRow& row) {
  PutRow(keys::Text(keys::kPerson, row.person().id()), row);
}

void Transaction::SetIdentity(std::string_view issuer, std::string_view subject,
                              std::string_view person) {
  Put(keys::Identity(issuer, subject), std::string(person));
}

void Transaction::RemoveIdentity(std::string_view issuer, std::string_view subject) {
  Remove(keys::Identity(issuer, subject));
}

void Transaction::SetPersonCertificate(std::string_view sha256, std::string_view person) {
  Put(keys::Text(keys::kPersonCertificate, sha256), std::string(person));
}

void Transaction::RemovePersonCertificate(std::string_view sha256) {
  Remove(keys::Text(keys::kPersonCertificate, sha256));
}

void Transaction::SetLocalLogin(std::string_view login, std::string_view person) {
  Put(keys::Text(keys::kLocalLogin, login), std::string(person));
}

void Transaction::RemoveLocalLogin(std::string_view login) {
  Remove(keys::Text(keys::kLocalLogin, login));
}

void Transaction::SetSignInLink(std::string_view secret_sha256, const LinkRow& row) {
  PutRow(keys::Text(keys::kLink, secret_sha256), row);
}

void Transaction::RemoveSignInLink(std::string_view secret_sha256) {
  Remove(keys::Text(keys::kLink, secret_sha256));
}

void Transaction::SetSession(const SessionRow& row) {
  PutRow(keys::Text(keys::kSession, row.session()), row);
}

void Transaction::RemoveSession(std::string_view session) {
  Remove(keys::Text(keys::kSession, session));
}

void Transaction::AddCaseEvent(uint64_t case_id, const CaseEventRow& row) {
  PutRow(keys::CaseEvent(case_id, row.sequence()), row);
}

void Transaction::SetQuestion(const QuestionRow& row) {
  PutRow(keys::Text(keys::kQuestion, row.question_id()), row);
}

void Transaction::SetSample(const SampleRow& row) {
  PutRow(keys::Text(keys::kSample, row.sample_id()), row);
}

void Transaction::SetAnalysisRequest(const AnalysisRequestRow& row) {
  PutRow(keys::Text(keys::kAnalysisRequest, row.request_id()), row);
}

void Transaction::SetProposal(const ProposalRow& row) {
  PutRow(keys::Text(keys::kProposal, row.proposal().proposal_id()), row);
}

void Transaction::AddAudit(const AuditRow& row) {
  PutRow(keys::Number(keys::kAudit, row.sequence()), row);
}

void Transaction::SetRequest(std::string_view actor, std::string_view key, const RequestRow& row) {
  PutRow(keys::Pair(keys::kRequest, actor, key), row);
  Put(keys::RequestTime(row), keys::Pair("", actor, key));
}

void Transaction::RemoveRequest(const OldRequest& request) {
  Remove(keys::Pair(keys::kRequest, request.actor, request.key));
  Remove(keys::RequestTime(request.row));
}

void Transaction::AddToList(store::List list, std::string_view owner, std::string_view id) {
  Put(keys::ListItem(list, owner, id), "");
}

void Transaction::RemoveFromList(store::List list, std::string_view owner, std::string_view id) {
  Remove(keys::ListItem(list, owner, id));
}

void Transaction::RemoveFromCase(uint64_t case_id, uint64_t sequence) {
  Remove(keys::CaseMember(case_id, sequence));
}

void Transaction::RemoveOrganizationFromCase(uint64_t case_id, std::string_view organization) {
  Remove(keys::CaseOrganization(case_id, organization));
}

}  // namespace noroshi::store
