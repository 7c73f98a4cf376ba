#include "hub/engine/prepare.h"

#include "common/base/encoding.h"
#include "common/base/uuid.h"

namespace noroshi::engine {
namespace {

constexpr size_t kTitleBytesMax = 512;

bool ParseBody(const std::string& body, google::protobuf::MessageLite* message) {
  return message->ParseFromArray(body.data(), static_cast<int>(body.size()));
}

template <typename Message>
Result<Body> Read(const journal::Entry& entry) {
  Message message;
  if (!ParseBody(entry.body, &message)) {
    return Error{ErrorCode::kCorruption, "entry " + std::to_string(entry.sequence) + " of kind " +
                                             std::to_string(entry.header.kind()) +
                                             ": its body cannot be read"};
  }
  return Body(std::move(message));
}

// One line, without what would break it.
std::string Title(std::string_view text) {
  text = text.substr(0, text.find('\n'));
  std::string title(TruncateUtf8(text, kTitleBytesMax));
  for (char& c : title) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return title;
}

void ReadIncident(const v1::IncidentReport& incident, store::SubmissionRow* row) {
  row->set_stage(incident.stage());
  row->set_sector(incident.sector());
  const bool is_first = incident.thread_id().size() != Uuid::kBytes;
  row->set_thread_id(is_first ? row->submission_id() : incident.thread_id());
  row->set_title(Title(incident.title().empty() ? incident.what_happened() : incident.title()));
}

// Whether the content is what the entry's kind says.
bool ReadContent(v1::EntryKind kind, const v1::Submission& submission, store::SubmissionRow* row) {
  if (kind == v1::ENTRY_KIND_INCIDENT_REPORT && submission.has_incident()) {
    ReadIncident(submission.incident(), row);
    return true;
  }
  if (kind == v1::ENTRY_KIND_OBSERVATION && submission.has_observation()) {
    row->set_title(Title(submission.observation().event()));
    return true;
  }
  return kind == v1::ENTRY_KIND_SUSPICIOUS_MAIL && submission.has_mail();
}

Body ReadSubmission(const journal::Entry& entry, v1::Filing* filing) {
  store::SubmissionRow row;
  row.set_sequence(entry.sequence);
  row.set_kind(entry.header.kind());
  row.set_organization(entry.header.organization());
  row.set_agent(entry.header.agent());
  row.set_submission_id(entry.header.submission_id());
  row.set_accepted_at_ms(entry.header.time_ms());
  row.set_erased(entry.erased);
  v1::Submission submission;
  const bool readable = !entry.erased && ParseBody(entry.body, &submission) &&
                        ReadContent(entry.header.kind(), submission, &row);
  if (readable) {
    *row.mutable_handling() = submission.handling();
    row.set_exercise_id(submission.exercise_id());
    row.set_received_through(submission.received_through());
    filing->Swap(submission.mutable_filing());
  } else {
    // Nothing is known of how it may be handled: then the strictest holds.
    row.mutable_handling()->set_tlp(v1::TLP_RED);
    row.set_analysed(true);
    row.set_outcome(v1::ANALYSIS_OUTCOME_FAILED);
    row.set_analysis_error(entry.erased ? "the body was erased" : "the body cannot be read");
  }
  return row;
}

Result<Body> ReadAnalysis(const journal::Entry& entry) {
  auto body = Read<v1::AnalysisResult>(entry);
  if (!body.ok()) return body;
  auto& result = std::get<v1::AnalysisResult>(*body);
  result.mutable_mail()->clear_text();  // Stays in the journal; the state does without.
  result.mutable_mail()->set_subject(Title(result.mail().subject()));
  return body;
}

Result<Body> ReadAction(const journal::Entry& entry) {
  auto body = Read<v1::Action>(entry);
  if (!body.ok()) return body;
  auto& action = std::get<v1::Action>(*body);
  // Stays in the journal; the state does without.
  if (action.has_sample_stored()) action.mutable_sample_stored()->clear_content();
  return body;
}

bool IsSubmission(v1::EntryKind kind) {
  return kind == v1::ENTRY_KIND_INCIDENT_REPORT || kind == v1::ENTRY_KIND_SUSPICIOUS_MAIL ||
         kind == v1::ENTRY_KIND_OBSERVATION;
}

Result<Body> ReadBody(const journal::Entry& entry, v1::Filing* filing) {
  if (IsSubmission(entry.header.kind())) return ReadSubmission(entry, filing);
  if (entry.erased && v1::EntryKind_IsValid(entry.header.kind())) return Body();
  switch (entry.header.kind()) {
    case v1::ENTRY_KIND_LOG_STARTED:
      return Read<v1::LogStarted>(entry);
    case v1::ENTRY_KIND_LOG_RESTORED:
      return Read<v1::LogRestored>(entry);
    case v1::ENTRY_KIND_SUBMISSION_CONFLICT:
      return Read<v1::SubmissionConflict>(entry);
    case v1::ENTRY_KIND_ANALYSIS_RESULT:
      return ReadAnalysis(entry);
    case v1::ENTRY_KIND_ORGANIZATION_SET:
      return Read<v1::OrganizationSet>(entry);
    case v1::ENTRY_KIND_AGENT_TOKEN_ISSUED:
      return Read<v1::AgentTokenIssued>(entry);
    case v1::ENTRY_KIND_AGENT_CERTIFIED:
      return Read<v1::AgentCertified>(entry);
    case v1::ENTRY_KIND_AGENT_REVOKED:
      return Read<v1::AgentRevoked>(entry);
    case v1::ENTRY_KIND_ALERT_RULES_SET:
      return Read<v1::AlertRulesSet>(entry);
    case v1::ENTRY_KIND_ALERT_ISSUED:
      return Read<v1::AlertIssued>(entry);
    case v1::ENTRY_KIND_CURSORS_ADVANCED:
      return Read<v1::CursorsAdvanced>(entry);
    case v1::ENTRY_KIND_ALERT_MARKED:
      return Read<v1::AlertMarked>(entry);
    case v1::ENTRY_KIND_TIME_REACHED:
      return Read<v1::TimeReached>(entry);
    case v1::ENTRY_KIND_BODY_ERASED:
      return Read<v1::BodyErased>(entry);
    case v1::ENTRY_KIND_ACTION:
      return ReadAction(entry);
    default:
      return Error{ErrorCode::kInvalid, "newer journal: entry " + std::to_string(entry.sequence) +
                                            " is of kind " + std::to_string(entry.header.kind()) +
                                            ", which this hub does not know"};
  }
}

}  // namespace

Result<Prepared> Prepare(const journal::Entry& entry) {
  Prepared prepared;
  prepared.sequence = entry.sequence;
  prepared.time_ms = entry.header.time_ms();
  prepared.kind = entry.header.kind();
  prepared.organization = entry.header.organization();
  prepared.agent = entry.header.agent();
  NOROSHI_ASSIGN_OR_RETURN(prepared.body, ReadBody(entry, &prepared.filing));
  return prepared;
}

}  // namespace noroshi::engine
