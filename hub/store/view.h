// View: typed reading of the state, the same for a reader's snapshot and for the
// engine's open transaction.
//
// An absent row is nullopt; an Error means that the database cannot be read
// (kIo) or holds bytes that are not a row (kCorruption).
//
// Lists are bounded: at most `limit` rows, never more than kListMax; the caller
// goes on after the last one it got.
//
// Threads: a View is used by one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "noroshi/store/v1/state.pb.h"
#include "noroshi/store/v1/triage.pb.h"

namespace noroshi::store {

// The rows, so that others write store::CaseRow. (Inside this namespace v1 is
// noroshi::store::v1; the wire's messages are noroshi::v1.)
using v1::AgentRow;
using v1::AlertRow;
using v1::AnalysisRequestRow;
using v1::AudienceRow;
using v1::AuditRow;
using v1::BandRow;
using v1::CaseEventRow;
using v1::CaseRow;
using v1::CursorsRow;
using v1::DeliveriesRow;
using v1::DeliveryRow;
using v1::LinkRow;
using v1::MetaRow;
using v1::OrganizationRow;
using v1::OutboxAlertsRow;
using v1::OutboxRow;
using v1::PersonRow;
using v1::PlaceRow;
using v1::PlacesRow;
using v1::ProposalRow;
using v1::QuestionRow;
using v1::RequestRow;
using v1::RestoreRow;
using v1::SampleRow;
using v1::SessionRow;
using v1::SubmissionRow;
using v1::TieRow;
using v1::TokenRow;
using v1::VariantRow;

inline constexpr size_t kListMax = 10'000;

// Of rows that many share: an alert to a thousand organisations changes a few dozen
// rows, not thousands.
inline constexpr size_t kPlacesPerRow = 64;
inline constexpr size_t kCursorsPerRow = 256;
inline constexpr size_t kDeliveriesPerRow = 64;
inline constexpr size_t kAlertsPerRow = 16;  // Of an outbox; PlaceRow holds fewer than twice that.

// By when an alert should have been read.
struct Deadline {
  int64_t time_ms = 0;
  std::string alert_id;
};

// An alert in an outbox.
struct OutboxAlert {
  uint64_t position = 0;
  uint64_t number = 0;  // The alert's.
};

// One item of an organisation's outbox.
struct OutboxItem {
  std::string organization;
  uint64_t position = 0;
  OutboxRow row;
};

// A submission that waits for its first analysis. Lower priority numbers first.
inline constexpr uint32_t kPriorityIncident = 0;
inline constexpr uint32_t kPriorityMail = 1;
struct PendingAnalysis {
  uint32_t priority = kPriorityIncident;
  uint64_t sequence = 0;
};

// What an alert rule needs to know of a submission of a case.
struct CaseMember {
  uint64_t sequence = 0;
  int64_t accepted_at_ms = 0;
  std::string organization;
};

// Indexes: ids under (list, owner), for lists that are read newest first. The ids
// of cases, submissions and entries are numbers (BigEndian64 of them); those of
// questions, samples, requests and proposals are UUIDv7; persons have theirs.
enum class List : char {
  kCasesByStatus = 'a',        // Owner: the status's number.
  kCasesByAssignee = 'b',      // Person.
  kCasesByPriority = 'c',      // "1" to "4".
  kCasesByEventType = 'd',     // Taxonomy id, decided or proposed.
  kCasesByOrganization = 'e',  // Organisation that reported it.
  kCasesByKind = 'f',          // The kind's number; not of incidents, which are the most.
  kPersonsOf = 'g',            // Organisation.
  kSessionsOf = 'h',           // Person. Ids: SHA-256 of the tokens, in no order.
  kQuestionsOfCase = 'i',      // NumberOwner(case id).
  kQuestionsTo = 'j',          // Organisation.
  kQuestionsOpen = 'k',        // "".
  kSamplesOfCase = 'l',        // NumberOwner(case id).
  kSamplesOf = 'm',            // Organisation.
  kRequestsOfSample = 'n',     // Hexadecimal sample id.
  kRequestsByState = 'o',      // The state's number.
  kProposalsOpen = 'p',        // "".
  kAuditOf = 'q',              // Actor.
  kRequestsOf = 'r',           // Organisation whose sample it is.
  kLinksOf = 's',              // Person. Ids: SHA-256 of the secrets, in no order.
  kTokensOf = 't',             // "<organisation>/<agent>". Ids: SHA-256 of the secrets.
};
std::string NumberOwner(uint64_t number);

template <typename T>
using Found = Result<std::optional<T>>;

class View {
 public:
  virtual ~View() = default;

  // ---- single rows ----
  Result<MetaRow> Meta() const;  // All zeros in an empty state.
  Result<noroshi::v1::AlertRulesSet> Rules() const;
  Found<OrganizationRow> Organization(std::string_view id) const;
  Found<AgentRow> Agent(std::string_view organization, std::string_view agent) const;
  // Places of organisations, and cursors of agents, whose number divided by
  // kPlacesPerRow, kCursorsPerRow is this.
  Found<PlacesRow> Places(uint64_t row) const;
  Found<CursorsRow> Cursors(uint64_t row) const;
  // The outbox position that the agent acknowledged last.
  Result<uint64_t> CursorOf(const AgentRow& agent) const;
  Found<TokenRow> Token(std::string_view secret_sha256) const;
  Found<SubmissionRow> Submission(uint64_t sequence) const;
  Found<uint64_t> SubmissionSequence(std::string_view organization,
                                     std::string_view submission_id) const;
  Found<CaseRow> Case(uint64_t case_id) const;
  // Realm: the exercise id, or empty for the real thing; realms never meet.
  Found<uint64_t> CaseOfThread(std::string_view organization, std::string_view realm,
                               std::string_view thread_id) const;
  // By the mail that first had the text.
  Found<VariantRow> Variant(uint64_t sequence) const;
  // By key, of hub/campaign.
  Found<BandRow> Band(std::string_view realm, std::string_view key) const;
  Found<TieRow> Tie(std::string_view realm, std::string_view key) const;
  Found<AlertRow> Alert(std::string_view alert_id) const;
  Found<std::string> AlertId(uint64_t number) const;
  // Of an alert that exists; the rows of a large audience are large.
  Result<AudienceRow> AudienceOf(std::string_view alert_id) const;
  // At how many organisations an alert has been read.
  Result<uint64_t> ReadsOf(std::string_view alert_id) const;
  Found<DeliveryRow> Delivery(std::string_view alert_id, std::string_view organization) const;
  // The row that it would be in.
  Found<DeliveriesRow> DeliveriesAt(std::string_view alert_id, std::string_view organization) const;
  Found<OutboxRow> Outbox(std::string_view organization, uint64_t position) const;
  // The id of the organisation's first submission in the case.
  Found<std::string> FirstInCase(uint64_t case_id, std::string_view organization) const;

  // ---- persons and what they do: single rows ----
  Found<PersonRow> Person(std::string_view id) const;
  Found<std::string> PersonOfIdentity(std::string_view issuer, std::string_view subject) const;
  Found<std::string> PersonOfCertificate(std::string_view sha256) const;
  Found<std::string> PersonOfLogin(std::string_view local_login) const;
  Found<LinkRow> SignInLink(std::string_view secret_sha256) const;
  Found<SessionRow> Session(std::string_view session) const;
  Found<QuestionRow> Question(std::string_view id) const;
  Found<SampleRow> Sample(std::string_view id) const;
  Found<AnalysisRequestRow> AnalysisRequest(std::string_view id) const;
  Found<ProposalRow> Proposal(std::string_view id) const;
  // What this actor's call with this key did before.
  Found<RequestRow> Request(std::string_view actor, std::string_view key) const;

  // ---- lists ----
  // Ids of a list, descending from the last one before `before` (empty: from the end).
  Result<std::vector<std::string>> Ids(List list, std::string_view owner, std::string_view before,
                                       size_t limit) const;
  // Requests made before this time, oldest first: their actors, keys and rows.
  struct OldRequest {
    std::string actor;
    std::string key;
    RequestRow row;
  };
  Result<std::vector<OldRequest>> RequestsBefore(int64_t time_ms, size_t limit) const;
  // By id.
  Result<std::vector<PersonRow>> Persons(std::string_view after, size_t limit) const;
  // Newest first.
  Result<std::vector<QuestionRow>> Questions(std::string_view before, size_t limit) const;
  Result<std::vector<SampleRow>> Samples(std::string_view before, size_t limit) const;
  Result<std::vector<AnalysisRequestRow>> AnalysisRequests(std::string_view before,
                                                           size_t limit) const;
  Result<std::vector<ProposalRow>> Proposals(std::string_view before, size_t limit) const;
  Result<std::vector<AuditRow>> Audit(uint64_t before, size_t limit) const;
  // One row of the audit.
  Found<AuditRow> AuditOf(uint64_t sequence) const;
  // In order of time.
  Result<std::vector<CaseEventRow>> CaseEvents(uint64_t case_id, uint64_t after,
                                               size_t limit) const;
  // An organisation's submissions, newest id first; before: a submission id, or empty.
  Result<std::vector<uint64_t>> SubmissionsOf(std::string_view organization,
                                              std::string_view before, size_t limit) const;
  // Outbox items before this position (0: from the newest), newest first.
  Result<std::vector<std::pair<uint64_t, OutboxRow>>> OutboxBefore(std::string_view organization,
                                                                   uint64_t before,
                                                                   size_t limit) const;
  Result<std::vector<OrganizationRow>> Organizations(std::string_view after, size_t limit) const;
  // All agents, by (organisation, agent); begin with two empty names.
  Result<std::vector<AgentRow>> Agents(std::string_view after_organization,
                                       std::string_view after_agent, size_t limit) const;
  Result<std::vector<AgentRow>> AgentsOf(std::string_view organization, size_t limit) const;
  // Newest first; before = 0: from the newest, else only older ones than this.
  Result<std::vector<CaseRow>> Cases(uint64_t before, size_t limit) const;
  Result<std::vector<AlertRow>> Alerts(uint64_t before_number, size_t limit) const;
  Result<std::vector<SubmissionRow>> Submissions(uint64_t before, size_t limit) const;
  // In order of sequence.
  Result<std::vector<SubmissionRow>> SubmissionsOfCase(uint64_t case_id, uint64_t after,
                                                       size_t limit) const;
  // By name.
  Result<std::vector<std::string>> OrganizationsOfCase(uint64_t case_id, std::string_view after,
                                                       size_t limit) const;
  Result<std::vector<DeliveryRow>> DeliveriesOfAlert(std::string_view alert_id,
                                                     std::string_view after_organization,
                                                     size_t limit) const;
  // The outbox's alerts before this position, newest first; without those that PlaceRow holds.
  Result<std::vector<OutboxAlert>> FiledAlerts(std::string_view organization, uint64_t before,
                                               size_t limit) const;
  // All rows of an alert.
  Result<std::vector<DeliveriesRow>> DeliveriesRows(std::string_view alert_id) const;
  // Of one priority, by sequence; after: the last sequence seen.
  Result<std::vector<uint64_t>> AnalysisPending(uint32_t priority, uint64_t after,
                                                size_t limit) const;
  Result<std::vector<RestoreRow>> Restores(size_t limit) const;
  // Calls visit for the case's members, newest first, until it returns false.
  Result<void> VisitCaseMembers(uint64_t case_id,
                                const std::function<bool(const CaseMember&)>& visit) const;

  // The earliest deadline that TimeReached has not passed; nullopt: none.
  Found<int64_t> NextDeadline() const;
  // Deadlines at or before time_ms, earliest first.
  Result<std::vector<Deadline>> DeadlinesUntil(int64_t time_ms, size_t limit) const;

  // SHA-256 over all rows in key order, each key and value length-prefixed.
  // Equal for two states exactly when they hold the same.
  Result<std::string> Digest() const;
  // Names at most max rows that are not the same in `other`: "changed: <key>",
  // "surplus: <key>" (only here), "missing: <key>" (only there). Empty: equal.
  Result<std::vector<std::string>> Differences(const View& other, size_t max) const;

 protected:
  using Visit = std::function<bool(std::string_view key, std::string_view value)>;
  // False if there is no such row.
  virtual Result<bool> Get(std::string_view key, std::string* value) const = 0;
  // Visits rows whose key starts with prefix, ascending from the first key after
  // `after`, or descending from the last key before `before`, until visit returns
  // false. Empty bounds: the whole prefix.
  virtual Result<void> Ascend(std::string_view prefix, std::string_view after,
                              const Visit& visit) const = 0;
  virtual Result<void> Descend(std::string_view prefix, std::string_view before,
                               const Visit& visit) const = 0;

 private:
  template <typename Row>
  Found<Row> Find(std::string_view key) const;
  Found<uint64_t> FindNumber(std::string_view key) const;
  Found<std::string> FindText(std::string_view key) const;
  template <typename Row>
  Result<std::vector<Row>> ReadList(bool ascending, std::string_view prefix, std::string_view from,
                                    size_t limit) const;
  // Of an outbox before this position, newest first: what has rows of its own.
  Result<std::vector<std::pair<uint64_t, OutboxRow>>> OwnItemsBefore(std::string_view organization,
                                                                     uint64_t before,
                                                                     size_t limit) const;
  // Its alerts: those not filed yet; all before this position, newest first; one's item.
  Result<OutboxAlertsRow> OpenAlerts(std::string_view organization) const;
  Result<std::vector<OutboxAlert>> AlertsBefore(std::string_view organization, uint64_t before,
                                                size_t limit) const;
  Result<OutboxRow> OutboxOfAlert(std::string_view organization, uint64_t number) const;
  // Rows of a table whose keys are ids, newest first.
  template <typename Row>
  Result<std::vector<Row>> Newest(std::string_view table, std::string_view before,
                                  size_t limit) const;
  // What follows the prefix in each key.
  Result<std::vector<std::string>> ListKeys(std::string_view prefix, std::string_view after,
                                            size_t limit) const;
};

}  // namespace noroshi::store
