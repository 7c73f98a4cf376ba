// Persons and what they do.
#include "common/crypto/crypto.h"
#include "hub/store/view_impl.h"

namespace noroshi::store {

std::string NumberOwner(uint64_t number) { return std::to_string(number); }

// ---- single rows ----

Found<PersonRow> View::Person(std::string_view id) const {
  return Find<PersonRow>(keys::Text(keys::kPerson, id));
}

Found<std::string> View::PersonOfIdentity(std::string_view issuer, std::string_view subject) const {
  return FindText(keys::Identity(issuer, subject));
}

Found<std::string> View::PersonOfCertificate(std::string_view sha256) const {
  return FindText(keys::Text(keys::kPersonCertificate, sha256));
}

Found<std::string> View::PersonOfLogin(std::string_view local_login) const {
  return FindText(keys::Text(keys::kLocalLogin, local_login));
}

Found<LinkRow> View::SignInLink(std::string_view secret_sha256) const {
  return Find<LinkRow>(keys::Text(keys::kLink, secret_sha256));
}

Found<SessionRow> View::Session(std::string_view session) const {
  return Find<SessionRow>(keys::Text(keys::kSession, session));
}

Found<QuestionRow> View::Question(std::string_view id) const {
  return Find<QuestionRow>(keys::Text(keys::kQuestion, id));
}

Found<SampleRow> View::Sample(std::string_view id) const {
  return Find<SampleRow>(keys::Text(keys::kSample, id));
}

Found<AnalysisRequestRow> View::AnalysisRequest(std::string_view id) const {
  return Find<AnalysisRequestRow>(keys::Text(keys::kAnalysisRequest, id));
}

Found<ProposalRow> View::Proposal(std::string_view id) const {
  return Find<ProposalRow>(keys::Text(keys::kProposal, id));
}

Found<RequestRow> View::Request(std::string_view actor, std::string_view key) const {
  return Find<RequestRow>(keys::Pair(keys::kRequest, actor, key));
}

Found<AuditRow> View::AuditOf(uint64_t sequence) const {
  return Find<AuditRow>(keys::Number(keys::kAudit, sequence));
}

Found<std::string> View::FindText(std::string_view key) const {
  std::string value;
  NOROSHI_ASSIGN_OR_RETURN(const bool found, Get(key, &value));
  return found ? std::optional<std::string>(std::move(value)) : std::nullopt;
}

// ---- lists ----

Result<std::vector<std::string>> View::Ids(store::List list, std::string_view owner,
                                           std::string_view before, size_t limit) const {
  const std::string prefix = keys::ListOf(list, owner);
  std::vector<std::string> ids;
  limit = std::min(limit, kListMax);
  if (limit == 0) return ids;
  NOROSHI_RETURN_IF_ERROR(Descend(prefix, before.empty() ? "" : prefix + std::string(before),
                                  [&](std::string_view key, std::string_view) {
                                    ids.emplace_back(key.substr(prefix.size()));
                                    return ids.size() < limit;
                                  }));
  return ids;
}

Result<std::vector<View::OldRequest>> View::RequestsBefore(int64_t time_ms, size_t limit) const {
  std::vector<OldRequest> requests;
  std::optional<Error> error;
  limit = std::min(limit, kListMax);
  if (limit == 0) return requests;
  NOROSHI_RETURN_IF_ERROR(
      Ascend(keys::kRequestTime, "", [&](std::string_view key, std::string_view value) {
        const std::string_view rest = key.substr(keys::kRequestTime.size());
        const size_t end = value.find('\0');
        if (rest.size() != 2 * sizeof(uint64_t) || end == std::string_view::npos) {
          error = NotARow(key);
          return false;
        }
        if (static_cast<int64_t>(ReadBigEndian64(rest)) >= time_ms) return false;
        OldRequest request{
            std::string(value.substr(0, end)), std::string(value.substr(end + 1)), {}};
        request.row.set_time_ms(static_cast<int64_t>(ReadBigEndian64(rest)));
        request.row.set_sequence(ReadBigEndian64(rest.substr(sizeof(uint64_t))));
        requests.push_back(std::move(request));
        return requests.size() < limit;
      }));
  if (error) return *error;
  return requests;
}

Result<std::vector<PersonRow>> View::Persons(std::string_view after, size_t limit) const {
  return ReadList<PersonRow>(true, keys::kPerson, keys::Text(keys::kPerson, after), limit);
}

template <typename Row>
Result<std::vector<Row>> View::Newest(std::string_view table, std::string_view before,
                                      size_t limit) const {
  return ReadList<Row>(false, table, before.empty() ? "" : keys::Text(table, before), limit);
}

Result<std::vector<QuestionRow>> View::Questions(std::string_view before, size_t limit) const {
  return Newest<QuestionRow>(keys::kQuestion, before, limit);
}

Result<std::vector<SampleRow>> View::Samples(std::string_view before, size_t limit) const {
  return Newest<SampleRow>(keys::kSample, before, limit);
}

Result<std::vector<AnalysisRequestRow>> View::AnalysisRequests(std::string_view before,
                                                               size_t limit) const {
  return Newest<AnalysisRequestRow>(keys::kAnalysisRequest, before, limit);
}

Result<std::vector<ProposalRow>> View::Proposals(std::string_view before, size_t limit) const {
  return Newest<ProposalRow>(keys::kProposal, before, limit);
}

Result<std::vector<AuditRow>> View::Audit(uint64_t before, size_t limit) const {
  return Newest<AuditRow>(keys::kAudit, before == 0 ? "" : BigEndian64(before), limit);
}

Result<std::vector<CaseEventRow>> View::CaseEvents(uint64_t case_id, uint64_t after,
                                                   size_t limit) const {
  return ReadList<CaseEventRow>(true, keys::Number(keys::kCaseEvent, case_id),
                                keys::CaseEvent(case_id, after), limit);
}

Result<std::vector<uint64_t>> View::SubmissionsOf(std::string_view organization,
                                                  std::string_view before, size_t limit) const {
  const std::string prefix = keys::Pair(keys::kSubmissionId, organization, "");
  std::vector<uint64_t> sequences;
  std::optional<Error> error;
  limit = std::min(limit, kListMax);
  if (limit == 0) return sequences;
  NOROSHI_RETURN_IF_ERROR(Descend(prefix, before.empty() ? "" : prefix + std::string(before),
                                  [&](std::string_view key, std::string_view value) {
                                    if (value.size() != 8) error = NotARow(key);
                                    if (error) return false;
                                    sequences.push_back(ReadBigEndian64(value));
                                    return sequences.size() < limit;
                                  }));
  if (error) return *error;
  return sequences;
}

}  // namespace noroshi::store
