// Batch: the entries that are committed together, being applied. For hub/engine
// only; each group of kinds has a source file of its own.
//
// Every Apply… leaves the transaction consistent: a batch of one and a batch of
// many give the same state.
//
// Threads: one thread.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "hub/engine/engine.h"
#include "hub/engine/issuing.h"
#include "hub/engine/prepare.h"
#include "hub/sharing/audience.h"
#include "hub/store/store.h"

namespace noroshi::engine {

// What the engine keeps in memory between batches: rows that nearly every entry
// needs. Always equal to the committed state when no batch is open.
struct Memory {
  store::MetaRow meta;
  v1::AlertRulesSet rules;
  std::map<std::string, store::OrganizationRow, std::less<>> organizations;
  std::unordered_map<std::string, uint64_t> agents;  // Numbers, by AgentName.
  std::vector<store::PlacesRow> places;              // All.
  std::vector<store::CursorsRow> cursors;            // All.
  // Those used last, by alert and first organisation; at most kDeliveriesRowsMax.
  std::map<std::pair<std::string, std::string>, store::DeliveriesRow> deliveries;
};

// "<organisation>/<agent>": neither holds a slash.
std::string AgentName(const std::string& organization, const std::string& agent);

// Adds a submission's marking, consent, sector and circle to its case's. first: it
// is the only one so far.
void AddMarking(const store::SubmissionRow& submission, bool first, store::CaseRow* row);
// Makes `row` never looser than `by` is now.
void BindBy(const store::CaseRow& by, store::CaseRow* row);
// Takes the floor, if there is one, as the row's marking.
void TakeFloor(store::CaseRow* row);
// Adds a mail to what is known of its campaign as a whole.
void AddToCampaign(const store::SubmissionRow& mail, store::CaseRow* row);
// Adds what a newer analysis found: where it abstained, what was known stays.
void MergeClassification(const v1::Classification& found, v1::Classification* classification);
// What a person decided, or else analysis found.
const v1::Label& EventTypeOf(const store::CaseRow& row);
// For analysts; those beyond kCaseNotesMax are dropped.
void AddNote(const std::string& note, store::CaseRow* row);
// Whether an alert is well-formed and no larger than may be.
bool CanBeIssued(const v1::Alert& alert);
// Somebody has taken it up: it is no longer new.
void TakeUp(store::CaseRow* row);
// A closed case is open again.
void OpenAgain(store::CaseRow* row);

class Batch {
 public:
  Batch(Memory* memory, store::Transaction* transaction);

  Result<void> Apply(Prepared& entry);
  // Writes what is kept in memory and commits.
  Result<Applied> Finish();

 private:
  // What an entry comes to: empty, or why it changed nothing (hub/engine/refusals.h).
  using Effect = Result<std::string>;

  // Where and when we are in the journal.
  struct At {
    uint64_t sequence = 0;
    int64_t time_ms = 0;
    std::string_view organization;
    std::string_view agent;
    const v1::Filing* filing = nullptr;
  };

  // ---- submissions.cc ----
  Result<void> ApplySubmission(store::SubmissionRow& row);
  Result<void> ApplyConflict(const v1::SubmissionConflict& conflict);
  Result<void> ApplyErased(const v1::BodyErased& erased);
  void Expect(const store::SubmissionRow& row);
  void StopExpecting(const store::SubmissionRow& row);

  // ---- joining.cc ----
  Result<void> JoinIncident(store::SubmissionRow* row);
  void OpenCase(store::v1::CaseKind kind, store::SubmissionRow* row, store::CaseRow* opened);
  Result<void> Join(v1::Relation relation, const std::string& reason, store::SubmissionRow* row,
                    store::CaseRow* joined);
  // The case, or the one that it became part of.
  store::Found<store::CaseRow> LiveCase(uint64_t case_id) const;
  Result<store::CaseRow> RequireCase(uint64_t case_id) const;  // kCorruption if there is none.

  // ---- campaigns.cc ----
  Result<void> JoinMail(store::SubmissionRow* row, store::CaseRow* joined);
  Result<void> RecordAgain(store::SubmissionRow* row);
  Result<void> FollowMails(const std::vector<store::SubmissionRow>& moved,
                           const std::vector<store::SubmissionRow>& staying, uint64_t from,
                           uint64_t into);

  // ---- analysis.cc ----
  Result<void> ApplyAnalysis(v1::AnalysisResult& result);
  Result<void> ApplyFirstAnalysis(v1::AnalysisResult& result, store::SubmissionRow* row);
  Result<void> ApplyReanalysis(v1::AnalysisResult& result, store::SubmissionRow* row);
  Result<void> SendUpdate(const store::SubmissionRow& row);

  // ---- rules.cc ----
  // The case has changed: fires what has become true. Then writes the row.
  Result<void> CaseChanged(store::CaseRow* row);
  Result<bool> Holds(const v1::AlertRule& rule, const store::CaseRow& row) const;
  Result<bool> HoldsInWindow(const v1::AlertRule& rule, const store::CaseRow& row) const;
  Result<void> Fire(const v1::AlertRule& rule, store::CaseRow* row);
  store::Found<store::SubmissionRow> OpenerOf(const store::CaseRow& row) const;
  Result<v1::Alert> Compose(const v1::AlertRule& rule, const store::CaseRow& row) const;

  // ---- alerts.cc ----
  struct Issue {
    v1::Alert original;
    sharing::Purpose purpose = sharing::Purpose::kAlert;
    sharing::Audience audience;
    std::vector<std::string> selectors;
    uint64_t case_id = 0;
    std::string rule;
    std::string issued_by;
  };
  Effect ApplyAlertIssued(v1::AlertIssued& issued);
  void Send(const Issue& issue);
  // The delivery to one recipient, whose outbox has it. number: the alert's.
  store::DeliveryRow Deliver(const Issue& issue, uint64_t number,
                             const sharing::Decided& recipient);
  // Returns its position.
  uint64_t AddToOutbox(const store::OrganizationRow& organization, store::OutboxRow item);
  std::vector<const v1::OrganizationSet*> Candidates() const;

  // ---- deliveries.cc ----
  Result<void> ApplyCursors(const v1::CursorsAdvanced& advanced);
  Result<void> Receive(const store::OrganizationRow& organization, uint64_t position);
  Result<void> ReceiveFiled(const std::string& organization, uint64_t after, uint64_t before);
  Result<std::string> AlertId(uint64_t number);
  Result<void> ReceiveAlert(const std::string& alert_id, const std::string& organization);
  Effect ApplyMarked(const v1::AlertMarked& marked);
  Result<void> CountRead(const std::string& alert_id);
  Result<void> ApplyTime(const v1::TimeReached& reached);
  Result<void> MarkLate(const std::string& alert_id);
  // To be changed and written; nullptr: the organisation never got the alert. Valid until
  // the next call.
  Result<store::DeliveryRow*> FindDelivery(const std::string& alert_id,
                                           const std::string& organization);
  // Keeps the row at hand, to be written.
  store::DeliveriesRow* KeepDeliveries(store::DeliveriesRow row);
  // Into the transaction, where other readings of deliveries see them.
  void WriteDeliveries();

  // ---- actions.cc ----
  Result<void> ApplyAction(v1::Action& action);
  Effect PerformOnce(v1::Action& action);
  Effect Perform(v1::Action& action);
  // The audit of a submission that a person entered.
  Result<void> RecordFiling();
  store::AuditRow AuditHere(const std::string& what, const std::string& object) const;
  // The answer to a repeated call, if this one had a key.
  Result<void> RememberRequest(const std::string& key, const std::string& digest,
                               const std::string& location);
  // Who acts, for the audit: agents of two organisations may share a name.
  std::string ActorHere() const;
  // The person to whom a login at the admin socket belongs; others are who they are.
  Result<std::string> PersonBehind(const std::string& actor) const;

  // ---- persons.cc ----
  Effect SetPerson(v1::PersonSet& person);
  Effect SetSecrets(const v1::PersonSecretsSet& secrets);
  Effect SetIdentity(const v1::PersonIdentitySet& identity);
  Effect IssueLink(const v1::SignInLinkIssued& link);
  Effect OpenSession(const v1::SessionOpened& opened);
  Effect EndSession(const v1::SessionEnded& ended);
  // All but the one in which this is done.
  Result<void> EndSessions(const std::string& person);
  Result<void> VoidLinks(const std::string& person);
  Result<void> MakeRoomForSession(const std::string& person);
  void RemoveSession(const store::SessionRow& row);
  void WritePerson(const store::PersonRow* before, store::PersonRow& after);
  // Whether this person can sign in as an administrator.
  bool Administers(const store::PersonRow* row) const;
  Result<std::vector<store::PersonRow>> PersonsOf(std::string_view organization) const;
  // What an organisation's new record means for its persons.
  Effect FollowOrganization(const v1::OrganizationSet& before, const v1::OrganizationSet& after);

  // ---- triage.cc ----
  Effect OpenCaseByHand(const v1::CaseOpened& opened);
  Effect Assign(const v1::CaseAssigned& assigned);
  Effect Classify(const v1::CaseClassified& classified);
  Effect Prioritise(const v1::CasePrioritised& prioritised);
  Effect Note(const v1::CaseNoted& noted);
  Effect Close(const v1::CaseClosed& closed);
  Effect Reopen(const v1::CaseReopened& reopened);
  Effect Loosen(const v1::MarkingLoosened& loosened);
  Result<void> MarkAnew(store::CaseRow* row, const std::string& text);
  // Finds the case, checks the version, lets `change` change it, and records what happened.
  Effect ChangeCase(uint64_t case_id, uint64_t expected_version, const std::string& what,
                    const std::string& text,
                    const std::function<std::string(store::CaseRow*)>& change);
  void RecordEvent(uint64_t case_id, const std::string& what, const std::string& text,
                   uint64_t other_case);
  // Writes the row, and its place in the lists.
  void PutCase(store::CaseRow* row);

  // ---- regrouping.cc ----
  Effect JoinCases(const v1::CasesJoined& joined);
  Effect SplitCase(const v1::CaseSplit& split);
  // Moves a submission; the marking and counts of both are then to be counted anew.
  Result<void> Move(const store::CaseMember& member, const store::CaseRow& from,
                    const store::CaseRow& into, const std::string& reason);
  // A submission is no longer part of the case: what the case says of it keeps its marking.
  Result<void> Remember(uint64_t sequence, store::CaseRow* by);
  // After the submissions of `from` have moved: what else it says comes into the other case.
  Result<void> BindByWhole(const store::CaseRow& from, store::CaseRow* into);
  // The marking that a case has whatever submissions are in it. False: it has none.
  Result<bool> MarkWithoutMembers(store::CaseRow* row) const;
  // Questions about these submissions. Whether there were any.
  Result<bool> MoveQuestions(const std::vector<store::SubmissionRow>& moved,
                             const store::CaseRow& from, const store::CaseRow& into);
  // If the title was that of a submission that left: that of the first one that stays.
  Result<void> TitleAnew(const std::vector<store::SubmissionRow>& moved, store::CaseRow* row) const;
  Result<void> FollowSplit(const std::vector<store::CaseMember>& moved, const store::CaseRow& from,
                           const store::CaseRow& into);
  Result<std::vector<store::SubmissionRow>> RowsOf(
      const std::vector<store::CaseMember>& members) const;
  // Questions and samples.
  Result<void> MoveMatters(const store::CaseRow& from, const store::CaseRow& into);
  Result<void> Recount(store::CaseRow* row);
  Result<void> Reclassify(store::CaseRow* row);
  void AddOrganization(uint64_t case_id, std::string_view organization,
                       std::string_view submission_id);

  // ---- questions.cc, samples.cc, proposals.cc ----
  Effect Ask(const v1::QuestionAsked& asked);
  Effect Answer(const v1::QuestionAnswered& answered);
  Effect Withdraw(const v1::QuestionWithdrawn& withdrawn);
  Result<void> SendQuestion(const store::QuestionRow& row);
  Effect StoreSample(v1::SampleStored& stored);
  Effect TakeSample(const v1::SampleTaken& taken);
  Effect RequestAnalysis(const v1::AnalysisRequested& requested);
  Effect MoveRequest(const v1::AnalysisRequestMoved& moved);
  Effect Propose(v1::ProposalMade& made);
  Effect Decide(const v1::ProposalDecided& decided);
  bool ActorIsOfCentre() const;

  // ---- identities.cc ----
  void ApplyStarted(const v1::LogStarted& started);
  void ApplyRestored(const v1::LogRestored& restored);
  Effect ApplyOrganization(v1::OrganizationSet& organization);
  Effect ApplyToken(const v1::AgentTokenIssued& issued);
  // Those of this agent that have expired by now, or all.
  Result<void> RemoveTokens(const std::string& organization, const std::string& agent, bool all);
  Result<void> ApplyCertified(const v1::AgentCertified& certified);
  Effect ApplyRevoked(const v1::AgentRevoked& revoked);

  store::OrganizationRow* FindOrganization(std::string_view id);
  const store::PlaceRow& PlaceOf(const store::OrganizationRow& organization) const;
  uint64_t CursorOf(uint64_t agent_number) const;
  // Their rows will be written with the batch.
  void Touch(const store::OrganizationRow& organization);
  store::PlaceRow* MovePlace(const store::OrganizationRow& organization);
  void MoveCursor(uint64_t agent_number, uint64_t position);
  void WriteTouched();
  // Numbers it if it is new.
  void PutAgent(store::AgentRow* row, bool is_new);

  Memory& memory_;
  store::Transaction& state_;
  At at_;
  Applied applied_;
  std::set<std::string> touched_;  // Organisations to write.
  std::set<uint64_t> places_;      // Rows of places to write, of cursors too.
  std::set<uint64_t> cursors_;
  std::map<uint64_t, std::string> alert_ids_;                 // By number: those just received.
  std::set<std::pair<std::string, std::string>> deliveries_;  // Rows of deliveries to write.
  std::set<uint64_t> cases_;                                  // Cases that changed.
  std::string_view address_;  // Where the action under way came from.
  std::string_view session_;  // In which it is done; empty: in none.
};

}  // namespace noroshi::engine
