// What needs two persons: one asks, another one decides.
#include "hub/engine/batch.h"
#include "hub/engine/refusals.h"

namespace noroshi::engine {

Batch::Effect Batch::Propose(v1::ProposalMade& made) {
  if (made.proposal_id().size() != Uuid::kBytes || !made.has_alert()) return kRefusedNotFound;
  NOROSHI_ASSIGN_OR_RETURN(const auto known, state_.Proposal(made.proposal_id()));
  if (known) return kRefusedUsed;
  if (!CanBeIssued(made.alert().alert())) return kRefusedAlert;
  store::ProposalRow row;
  row.mutable_proposal()->Swap(&made);
  NOROSHI_ASSIGN_OR_RETURN(*row.mutable_proposed_by(), PersonBehind(std::string(at_.agent)));
  row.set_proposed_at_ms(at_.time_ms);
  row.set_state(store::v1::PROPOSAL_STATE_OPEN);
  state_.SetProposal(row);
  state_.AddToList(store::List::kProposalsOpen, "", row.proposal().proposal_id());
  applied_.proposals.push_back(row.proposal().proposal_id());
  return std::string();
}

Batch::Effect Batch::Decide(const v1::ProposalDecided& decided) {
  NOROSHI_ASSIGN_OR_RETURN(auto row, state_.Proposal(decided.proposal_id()));
  if (!row) return kRefusedNotFound;
  if (row->state() != store::v1::PROPOSAL_STATE_OPEN) return kRefusedState;
  NOROSHI_ASSIGN_OR_RETURN(const std::string proposer, PersonBehind(row->proposed_by()));
  NOROSHI_ASSIGN_OR_RETURN(const std::string decider, PersonBehind(std::string(at_.agent)));
  if (proposer == decider) return kRefusedSamePerson;
  row->set_state(decided.approved() ? store::v1::PROPOSAL_STATE_APPROVED
                                    : store::v1::PROPOSAL_STATE_REJECTED);
  row->set_decided_by(decider);
  row->set_decided_at_ms(at_.time_ms);
  row->set_decided_reason(decided.reason());
  if (decided.approved()) {
    v1::AlertIssued issued = row->proposal().alert();
    if (row->proposal().acknowledge_within_ms() > 0) {
      issued.mutable_alert()->set_acknowledge_by_ms(at_.time_ms +
                                                    row->proposal().acknowledge_within_ms());
    }
    issued.set_issued_by(row->proposed_by() + ", " + row->decided_by());
    NOROSHI_ASSIGN_OR_RETURN(std::string refused, ApplyAlertIssued(issued));
    if (!refused.empty()) return refused;
  }
  state_.SetProposal(*row);
  state_.RemoveFromList(store::List::kProposalsOpen, "", decided.proposal_id());
  applied_.proposals.push_back(decided.proposal_id());
  return std::string();
}

}  // namespace noroshi::engine
