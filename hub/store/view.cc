#include "hub/store/view.h"

#include "common/crypto/crypto.h"
#include "hub/store/keys.h"
#include "hub/store/view_impl.h"

namespace noroshi::store {
namespace {

void AppendPart(std::string_view part, std::string* out) {
  AppendBigEndian64(part.size(), out);
  out->append(part);
}

}  // namespace

Found<uint64_t> View::FindNumber(std::string_view key) const {
  std::string value;
  NOROSHI_ASSIGN_OR_RETURN(const bool found, Get(key, &value));
  if (!found) return std::optional<uint64_t>();
  if (value.size() != 8) return NotARow(key);
  return std::optional<uint64_t>(ReadBigEndian64(value));
}

Result<std::vector<std::string>> View::ListKeys(std::string_view prefix, std::string_view after,
                                                size_t limit) const {
  std::vector<std::string> rests;
  limit = std::min(limit, kListMax);
  NOROSHI_RETURN_IF_ERROR(Ascend(prefix, after, [&](std::string_view key, std::string_view) {
    if (rests.size() >= limit) return false;
    rests.emplace_back(key.substr(prefix.size()));
    return rests.size() < limit;
  }));
  return rests;
}

// ---- single rows ----

Result<MetaRow> View::Meta() const {
  NOROSHI_ASSIGN_OR_RETURN(auto row, Find<MetaRow>(keys::kMeta));
  return row.value_or(MetaRow());
}

Result<noroshi::v1::AlertRulesSet> View::Rules() const {
  NOROSHI_ASSIGN_OR_RETURN(auto row, Find<noroshi::v1::AlertRulesSet>(keys::kRules));
  return row.value_or(noroshi::v1::AlertRulesSet());
}

Found<OrganizationRow> View::Organization(std::string_view id) const {
  return Find<OrganizationRow>(keys::Text(keys::kOrganization, id));
}

Found<AgentRow> View::Agent(std::string_view organization, std::string_view agent) const {
  return Find<AgentRow>(keys::Pair(keys::kAgent, organization, agent));
}

Found<TokenRow> View::Token(std::string_view secret_sha256) const {
  return Find<TokenRow>(keys::Text(keys::kToken, secret_sha256));
}

Found<SubmissionRow> View::Submission(uint64_t sequence) const {
  return Find<SubmissionRow>(keys::Number(keys::kSubmission, sequence));
}

Found<uint64_t> View::SubmissionSequence(std::string_view organization,
                                         std::string_view submission_id) const {
  return FindNumber(keys::Pair(keys::kSubmissionId, organization, submission_id));
}

Found<CaseRow> View::Case(uint64_t case_id) const {
  return Find<CaseRow>(keys::Number(keys::kCase, case_id));
}

Found<uint64_t> View::CaseOfThread(std::string_view organization, std::string_view realm,
                                   std::string_view thread_id) const {
  return FindNumber(keys::Thread(organization, realm, thread_id));
}

Found<VariantRow> View::Variant(uint64_t sequence) const {
  return Find<VariantRow>(keys::Number(keys::kVariant, sequence));
}

Found<BandRow> View::Band(std::string_view realm, std::string_view key) const {
  return Find<BandRow>(keys::Pair(keys::kBand, realm, key));
}

Found<TieRow> View::Tie(std::string_view realm, std::string_view key) const {
  return Find<TieRow>(keys::Pair(keys::kTie, realm, key));
}

Found<AlertRow> View::Alert(std::string_view alert_id) const {
  return Find<AlertRow>(keys::Text(keys::kAlert, alert_id));
}

Found<std::string> View::AlertId(uint64_t number) const {
  return FindText(keys::Number(keys::kAlertNumber, number));
}

Result<AudienceRow> View::AudienceOf(std::string_view alert_id) const {
  const std::string key = keys::Text(keys::kAudience, alert_id);
  NOROSHI_ASSIGN_OR_RETURN(auto row, Find<AudienceRow>(key));
  if (!row) return NotARow(key);
  return *std::move(row);
}

Result<uint64_t> View::ReadsOf(std::string_view alert_id) const {
  NOROSHI_ASSIGN_OR_RETURN(const auto reads, FindNumber(keys::Text(keys::kAlertReads, alert_id)));
  return reads.value_or(0);
}

Found<std::string> View::FirstInCase(uint64_t case_id, std::string_view organization) const {
  std::string submission_id;
  NOROSHI_ASSIGN_OR_RETURN(const bool found,
                           Get(keys::CaseOrganization(case_id, organization), &submission_id));
  if (!found) return std::optional<std::string>();
  return std::optional<std::string>(std::move(submission_id));
}

// ---- lists ----

Result<std::vector<OrganizationRow>> View::Organizations(std::string_view after,
                                                         size_t limit) const {
  const std::string from = after.empty() ? "" : keys::Text(keys::kOrganization, after);
  return ReadList<OrganizationRow>(true, keys::kOrganization, from, limit);
}

Result<std::vector<AgentRow>> View::Agents(std::string_view after_organization,
                                           std::string_view after_agent, size_t limit) const {
  const std::string from =
      after_organization.empty() ? "" : keys::Pair(keys::kAgent, after_organization, after_agent);
  return ReadList<AgentRow>(true, keys::kAgent, from, limit);
}

Result<std::vector<AgentRow>> View::AgentsOf(std::string_view organization, size_t limit) const {
  return ReadList<AgentRow>(true, keys::Pair(keys::kAgent, organization, ""), "", limit);
}

Result<std::vector<CaseRow>> View::Cases(uint64_t before, size_t limit) const {
  const std::string from = before == 0 ? "" : keys::Number(keys::kCase, before);
  return ReadList<CaseRow>(false, keys::kCase, from, limit);
}

Result<std::vector<SubmissionRow>> View::Submissions(uint64_t before, size_t limit) const {
  const std::string from = before == 0 ? "" : keys::Number(keys::kSubmission, before);
  return ReadList<SubmissionRow>(false, keys::kSubmission, from, limit);
}

Result<std::vector<AlertRow>> View::Alerts(uint64_t before_number, size_t limit) const {
  std::vector<std::string> ids;
  limit = std::min(limit, kListMax);
  const std::string from =
      before_number == 0 ? "" : keys::Number(keys::kAlertNumber, before_number);
  NOROSHI_RETURN_IF_ERROR(
      Descend(keys::kAlertNumber, from, [&](std::string_view, std::string_view id) {
        if (ids.size() >= limit) return false;
        ids.emplace_back(id);
        return ids.size() < limit;
      }));
  std::vector<AlertRow> rows;
  for (const std::string& id : ids) {
    NOROSHI_ASSIGN_OR_RETURN(auto row, Alert(id));
    if (!row) return NotARow(keys::Text(keys::kAlert, id));
    rows.push_back(*std::move(row));
  }
  return rows;
}

Result<std::vector<SubmissionRow>> View::SubmissionsOfCase(uint64_t case_id, uint64_t after,
                                                           size_t limit) const {
  const std::string from = after == 0 ? "" : keys::CaseMember(case_id, after);
  NOROSHI_ASSIGN_OR_RETURN(const auto members,
                           ListKeys(keys::Number(keys::kCaseMember, case_id), from, limit));
  std::vector<SubmissionRow> rows;
  for (const std::string& member : members) {
    if (member.size() != 8) return NotARow(member);
    NOROSHI_ASSIGN_OR_RETURN(auto row, Submission(ReadBigEndian64(member)));
    if (!row) return NotARow(keys::Text(keys::kSubmission, member));
    rows.push_back(*std::move(row));
  }
  return rows;
}

Result<std::vector<std::string>> View::OrganizationsOfCase(uint64_t case_id, std::string_view after,
                                                           size_t limit) const {
  const std::string from = after.empty() ? "" : keys::CaseOrganization(case_id, after);
  return ListKeys(keys::Number(keys::kCaseOrganization, case_id), from, limit);
}

Result<std::vector<uint64_t>> View::AnalysisPending(uint32_t priority, uint64_t after,
                                                    size_t limit) const {
  const std::string from = keys::Pending({priority, after});
  NOROSHI_ASSIGN_OR_RETURN(
      const auto rests,
      ListKeys(std::string_view(from).substr(0, from.size() - sizeof after), from, limit));
  std::vector<uint64_t> sequences;
  for (const std::string& rest : rests) {
    if (rest.size() != sizeof after) return NotARow(rest);
    sequences.push_back(ReadBigEndian64(rest));
  }
  return sequences;
}

Result<std::vector<RestoreRow>> View::Restores(size_t limit) const {
  return ReadList<RestoreRow>(true, keys::kRestore, "", limit);
}

Result<void> View::VisitCaseMembers(uint64_t case_id,
                                    const std::function<bool(const CaseMember&)>& visit) const {
  const std::string prefix = keys::Number(keys::kCaseMember, case_id);
  std::optional<Error> error;
  NOROSHI_RETURN_IF_ERROR(Descend(prefix, "", [&](std::string_view key, std::string_view value) {
    if (key.size() != prefix.size() + 8 || value.size() < 8) {
      error = NotARow(key);
      return false;
    }
    return visit({ReadBigEndian64(key.substr(prefix.size())),
                  static_cast<int64_t>(ReadBigEndian64(value)), std::string(value.substr(8))});
  }));
  return error ? Result<void>(*error) : Result<void>();
}

// ---- the whole ----

Result<std::string> View::Digest() const {
  Sha256 digest;
  std::string part;
  NOROSHI_RETURN_IF_ERROR(Ascend("", "", [&](std::string_view key, std::string_view value) {
    part.clear();
    AppendPart(key, &part);
    AppendPart(value, &part);
    digest.Update(part);
    return true;
  }));
  return digest.Finish();
}

namespace {

// A state's rows, one after the other, read in pages.
class Walk {
 public:
  using Page = std::vector<std::pair<std::string, std::string>>;
  using Next = std::function<Result<Page>(const std::string& after)>;

  explicit Walk(Next next) : next_(std::move(next)) {}

  // Moves to the next row, or to the first.
  Result<void> Advance() {
    if (++at_ < page_.size()) return {};
    NOROSHI_ASSIGN_OR_RETURN(page_, next_(page_.empty() ? "" : page_.back().first));
    at_ = 0;
    return {};
  }
  bool AtEnd() const { return at_ >= page_.size(); }
  const std::string& key() const { return page_[at_].first; }
  const std::string& value() const { return page_[at_].second; }

 private:
  Next next_;
  Page page_;
  size_t at_ = 0;
};

}  // namespace

Result<std::vector<std::string>> View::Differences(const View& other, size_t max) const {
  constexpr size_t kPageRows = 1000;
  const auto pages_of = [](const View& view) {
    return [&view](const std::string& after) -> Result<Walk::Page> {
      Walk::Page page;
      NOROSHI_RETURN_IF_ERROR(
          view.Ascend("", after, [&](std::string_view key, std::string_view value) {
            page.emplace_back(key, value);
            return page.size() < kPageRows;
          }));
      return page;
    };
  };
  Walk here(pages_of(*this));
  Walk there(pages_of(other));
  NOROSHI_RETURN_IF_ERROR(here.Advance());
  NOROSHI_RETURN_IF_ERROR(there.Advance());
  std::vector<std::string> found;
  while (found.size() < max && !(here.AtEnd() && there.AtEnd())) {
    const bool only_here = !here.AtEnd() && (there.AtEnd() || here.key() < there.key());
    const bool only_there = !there.AtEnd() && (here.AtEnd() || there.key() < here.key());
    if (only_here) found.push_back("surplus: " + keys::Printable(here.key()));
    if (only_there) found.push_back("missing: " + keys::Printable(there.key()));
    if (!only_here && !only_there && here.value() != there.value()) {
      found.push_back("changed: " + keys::Printable(here.key()));
    }
    if (!only_there) NOROSHI_RETURN_IF_ERROR(here.Advance());
    if (!only_here) NOROSHI_RETURN_IF_ERROR(there.Advance());
  }
  return found;
}

}  // namespace noroshi::store
