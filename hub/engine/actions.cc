// What persons do: each action leaves a row in the audit, whatever came of it.
#include "common/base/encoding.h"
#include "hub/engine/batch.h"
#include "hub/engine/refusals.h"

namespace noroshi::engine {
namespace {

// The action's name in the message, e.g. "case_noted"; empty: one of a newer hub.
std::string NameOf(const v1::Action& action) {
  const auto* oneof = v1::Action::descriptor()->FindOneofByName("action");
  const auto* field = action.GetReflection()->GetOneofFieldDescriptor(action, oneof);
  return field == nullptr ? std::string() : field->name();
}

// The path of what it made or changed.
std::string Location(const v1::Action& action, uint64_t sequence) {
  static const std::string kOwn = "{sequence}";
  std::string location = action.location();
  const size_t at = location.find(kOwn);
  if (at != std::string::npos) location.replace(at, kOwn.size(), std::to_string(sequence));
  return location;
}

}  // namespace

Result<void> Batch::ApplyAction(v1::Action& action) {
  store::AuditRow audit = AuditHere(NameOf(action), Location(action, at_.sequence));
  audit.set_address(action.address());
  address_ = action.address();
  session_ = action.session();
  audit.set_session(action.session());
  *audit.mutable_objects() = action.content_read().objects();
  NOROSHI_ASSIGN_OR_RETURN(*audit.mutable_refused(), PerformOnce(action));
  state_.AddAudit(audit);
  state_.AddToList(store::List::kAuditOf, audit.actor(), BigEndian64(at_.sequence));
  // A sign-in that was refused is on record, but nothing that was asked for is done.
  if (audit.refused().empty() && !action.has_sign_in_refused()) {
    return RememberRequest(action.request_key(), action.request_digest(), audit.object());
  }
  return {};
}

std::string Batch::ActorHere() const {
  std::string actor(at_.agent);
  const bool is_agent = !at_.organization.empty() && actor.find(':') == std::string::npos;
  return is_agent ? std::string(at_.organization) + '/' + actor : actor;
}

Result<std::string> Batch::PersonBehind(const std::string& actor) const {
  static const std::string kLocal = "admin:";
  if (!actor.starts_with(kLocal)) return actor;
  NOROSHI_ASSIGN_OR_RETURN(const auto person, state_.PersonOfLogin(actor.substr(kLocal.size())));
  return person ? "person:" + *person : actor;
}

store::AuditRow Batch::AuditHere(const std::string& what, const std::string& object) const {
  store::AuditRow audit;
  audit.set_sequence(at_.sequence);
  audit.set_time_ms(at_.time_ms);
  audit.set_organization(std::string(at_.organization));
  audit.set_actor(ActorHere());
  audit.set_what(what);
  audit.set_object(object);
  return audit;
}

Result<void> Batch::RememberRequest(const std::string& key, const std::string& digest,
                                    const std::string& location) {
  if (key.empty()) return {};
  const std::string actor = ActorHere();
  NOROSHI_ASSIGN_OR_RETURN(const auto known, state_.Request(actor, key));
  if (known) state_.RemoveRequest({actor, key, *known});
  NOROSHI_ASSIGN_OR_RETURN(
      const auto old, state_.RequestsBefore(at_.time_ms - kRequestLifeMs, kRequestsForgottenMax));
  for (const auto& each : old) state_.RemoveRequest(each);
  store::RequestRow request;
  request.set_digest(digest);
  request.set_location(location);
  request.set_sequence(at_.sequence);
  request.set_time_ms(at_.time_ms);
  state_.SetRequest(actor, key, request);
  return {};
}

Result<void> Batch::RecordFiling() {
  // An agent's name has no colon, so that none can pass for a person.
  if (!at_.agent.starts_with("person:") && !at_.agent.starts_with("admin:")) return {};
  const v1::Filing& filing = *at_.filing;
  const std::string object = "/reports/" + std::to_string(at_.sequence);
  store::AuditRow audit = AuditHere("report_filed", object);
  audit.set_address(filing.address());
  audit.set_session(filing.session());
  state_.AddAudit(audit);
  state_.AddToList(store::List::kAuditOf, audit.actor(), BigEndian64(at_.sequence));
  return RememberRequest(filing.request_key(), filing.request_digest(), object);
}

// Whoever calls again before the first call is applied cannot know that it was taken.
Batch::Effect Batch::PerformOnce(v1::Action& action) {
  if (!action.request_key().empty()) {
    NOROSHI_ASSIGN_OR_RETURN(const auto known, state_.Request(ActorHere(), action.request_key()));
    if (known && IsRemembered(*known, at_.time_ms)) return kRefusedRepeated;
  }
  return Perform(action);
}

Batch::Effect Batch::Perform(v1::Action& action) {
  switch (action.action_case()) {
    case v1::Action::kPersonSet:
      return SetPerson(*action.mutable_person_set());
    case v1::Action::kPersonSecretsSet:
      return SetSecrets(action.person_secrets_set());
    case v1::Action::kSignInLinkIssued:
      return IssueLink(action.sign_in_link_issued());
    case v1::Action::kSessionOpened:
      return OpenSession(action.session_opened());
    case v1::Action::kSessionEnded:
      return EndSession(action.session_ended());
    case v1::Action::kPersonIdentitySet:
      return SetIdentity(action.person_identity_set());
    case v1::Action::kOrganizationSet:
      return ApplyOrganization(*action.mutable_organization_set());
    case v1::Action::kAgentTokenIssued:
      return ApplyToken(action.agent_token_issued());
    case v1::Action::kAgentRevoked:
      return ApplyRevoked(action.agent_revoked());
    case v1::Action::kCaseOpened:
      return OpenCaseByHand(action.case_opened());
    case v1::Action::kCaseAssigned:
      return Assign(action.case_assigned());
    case v1::Action::kCaseClassified:
      return Classify(action.case_classified());
    case v1::Action::kCasePrioritised:
      return Prioritise(action.case_prioritised());
    case v1::Action::kCasesJoined:
      return JoinCases(action.cases_joined());
    case v1::Action::kCaseSplit:
      return SplitCase(action.case_split());
    case v1::Action::kCaseNoted:
      return Note(action.case_noted());
    case v1::Action::kCaseClosed:
      return Close(action.case_closed());
    case v1::Action::kCaseReopened:
      return Reopen(action.case_reopened());
    case v1::Action::kAlertMarked:
      return ApplyMarked(action.alert_marked());
    case v1::Action::kMarkingLoosened:
      return Loosen(action.marking_loosened());
    case v1::Action::kQuestionAsked:
      return Ask(action.question_asked());
    case v1::Action::kQuestionAnswered:
      return Answer(action.question_answered());
    case v1::Action::kQuestionWithdrawn:
      return Withdraw(action.question_withdrawn());
    case v1::Action::kSampleStored:
      return StoreSample(*action.mutable_sample_stored());
    case v1::Action::kSampleTaken:
      return TakeSample(action.sample_taken());
    case v1::Action::kAnalysisRequested:
      return RequestAnalysis(action.analysis_requested());
    case v1::Action::kAnalysisRequestMoved:
      return MoveRequest(action.analysis_request_moved());
    case v1::Action::kProposalMade:
      return Propose(*action.mutable_proposal_made());
    case v1::Action::kProposalDecided:
      return Decide(action.proposal_decided());
    case v1::Action::kSignInRefused:
    case v1::Action::kContentRead:
      return std::string();  // The audit row is all.
    case v1::Action::ACTION_NOT_SET:
      return Error{ErrorCode::kInvalid, "newer journal: entry " + std::to_string(at_.sequence) +
                                            " holds an action that this hub does not know"};
  }
  return std::string();
}

bool Batch::ActorIsOfCentre() const {
  const auto found = memory_.organizations.find(at_.organization);
  // The admin socket acts for the centre and has no organisation.
  if (found == memory_.organizations.end()) return at_.organization.empty();
  return found->second.organization().kind() == v1::ORGANIZATION_KIND_CENTRE;
}

}  // namespace noroshi::engine
