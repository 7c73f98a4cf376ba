// Transaction: what one batch of entries changes, over the state that it found.
// Reads see the changes made so far. Dropped without Commit, it changes nothing.
//
// Only the engine writes. Setters replace the whole row. Indexes are written with
// their rows by the caller, who knows what changed.
//
// Threads: one thread. Lifetime: the Store outlives it.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "hub/store/view.h"

namespace noroshi::store {

class Transaction : public View {
 public:
  ~Transaction() override;

  void SetMeta(const MetaRow& row);
  void SetRules(const noroshi::v1::AlertRulesSet& rules);
  void SetOrganization(const OrganizationRow& row);
  // Of the organisations and agents that View::Places and View::Cursors tell.
  void SetPlaces(uint64_t number, const PlacesRow& row);
  void SetAgent(const AgentRow& row);
  void SetCursors(uint64_t number, const CursorsRow& row);
  void SetToken(std::string_view secret_sha256, const TokenRow& row);
  void RemoveToken(std::string_view secret_sha256);
  // The row itself; a new one also needs SetSubmissionId.
  void SetSubmission(const SubmissionRow& row);
  void SetSubmissionId(std::string_view organization, std::string_view submission_id,
                       uint64_t sequence);
  void SetCase(const CaseRow& row);
  void AddToCase(uint64_t case_id, const CaseMember& member);
  // submission_id: its first one in the case.
  void AddOrganizationToCase(uint64_t case_id, std::string_view organization,
                             std::string_view submission_id);
  void SetThread(std::string_view organization, std::string_view realm, std::string_view thread_id,
                 uint64_t case_id);
  void SetVariant(uint64_t sequence, const VariantRow& row);
  void SetBand(std::string_view realm, std::string_view key, const BandRow& row);
  void SetTie(std::string_view realm, std::string_view key, const TieRow& row);
  void AddPending(const PendingAnalysis& pending);
  void RemovePending(const PendingAnalysis& pending);
  void SetAlert(const AlertRow& row);
  void SetAudience(std::string_view alert_id, const AudienceRow& row);
  void SetReads(std::string_view alert_id, uint64_t reads);
  // REQUIRES: 1 to kDeliveriesPerRow, of one alert, by organisation. A row keeps its first one.
  void SetDeliveries(const DeliveriesRow& row);
  void AddDeadline(const Deadline& deadline);
  void RemoveDeadline(const Deadline& deadline);
  // Of anything but an alert.
  void SetOutbox(std::string_view organization, uint64_t position, const OutboxRow& row);
  // REQUIRES: it is full: kAlertsPerRow.
  void SetOutboxAlerts(std::string_view organization, const OutboxAlertsRow& row);
  void SetPerson(const PersonRow& row);
  void SetIdentity(std::string_view issuer, std::string_view subject, std::string_view person);
  void RemoveIdentity(std::string_view issuer, std::string_view subject);
  void SetPersonCertificate(std::string_view sha256, std::string_view person);
  void RemovePersonCertificate(std::string_view sha256);
  void SetLocalLogin(std::string_view login, std::string_view person);
  void RemoveLocalLogin(std::string_view login);
  void SetSignInLink(std::string_view secret_sha256, const LinkRow& row);
  void RemoveSignInLink(std::string_view secret_sha256);
  void SetSession(const SessionRow& row);
  void RemoveSession(std::string_view session);
  void AddCaseEvent(uint64_t case_id, const CaseEventRow& row);
  void SetQuestion(const QuestionRow& row);
  void SetSample(const SampleRow& row);
  void SetAnalysisRequest(const AnalysisRequestRow& row);
  void SetProposal(const ProposalRow& row);
  void AddAudit(const AuditRow& row);
  // With its place in the order of time. REQUIRES: the actor has no NUL; the one before
  // with this key, if there is one, has been removed.
  void SetRequest(std::string_view actor, std::string_view key, const RequestRow& row);
  void RemoveRequest(const OldRequest& request);
  void AddToList(List list, std::string_view owner, std::string_view id);
  void RemoveFromList(List list, std::string_view owner, std::string_view id);
  void RemoveFromCase(uint64_t case_id, uint64_t sequence);
  void RemoveOrganizationFromCase(uint64_t case_id, std::string_view organization);
  void AddRestore(uint64_t index, const RestoreRow& row);

  // Writes everything, atomically. The transaction is then empty and reads the
  // committed state. After an error nothing is known: stop.
  Result<void> Commit();

 protected:
  Result<bool> Get(std::string_view key, std::string* value) const override;
  Result<void> Ascend(std::string_view prefix, std::string_view after,
                      const Visit& visit) const override;
  Result<void> Descend(std::string_view prefix, std::string_view before,
                       const Visit& visit) const override;

 private:
  friend class Store;
  struct State;
  explicit Transaction(std::unique_ptr<State> state);
  void Put(std::string key, std::string value);
  void PutNumber(std::string key, uint64_t number);
  void PutRow(std::string key, const google::protobuf::MessageLite& row);
  void Remove(std::string key);
  void RemoveOnce(std::string key);

  std::unique_ptr<State> state_;
};

}  // namespace noroshi::store
