// What analysis found.
#include "hub/engine/batch.h"
#include "hub/engine/update.h"

namespace noroshi::engine {
namespace {

void MergeLabel(const v1::Label& found, v1::Label* label) {
  if (!found.id().empty()) *label = found;
}

void TakeFindings(uint64_t sequence, v1::AnalysisResult& result, store::SubmissionRow* row) {
  row->set_analysed(true);
  row->set_analysis_sequence(sequence);
  row->set_outcome(result.outcome());
  row->set_analysis_error(result.error());
  row->mutable_classification()->Swap(result.mutable_classification());
  if (row->kind() != v1::ENTRY_KIND_SUSPICIOUS_MAIL) return;
  row->set_title(result.mail().subject());
  row->mutable_mail()->Swap(result.mutable_mail());
}

}  // namespace

// The case shows the newest analysis that did not abstain, part by part.
void MergeClassification(const v1::Classification& found, v1::Classification* classification) {
  if (found.has_event_type()) {
    MergeLabel(found.event_type(), classification->mutable_event_type());
  }
  if (found.has_gov_kind()) MergeLabel(found.gov_kind(), classification->mutable_gov_kind());
  if (found.causes_size() > 0) *classification->mutable_causes() = found.causes();
}

Result<void> Batch::ApplyAnalysis(v1::AnalysisResult& result) {
  NOROSHI_ASSIGN_OR_RETURN(auto row, state_.Submission(result.subject_sequence()));
  if (!row || row->erased() || row->kind() == v1::ENTRY_KIND_OBSERVATION) return {};
  // A submission that nobody has analysed yet gets its first analysis, whatever
  // the analyser calls it.
  if (!row->analysed()) return ApplyFirstAnalysis(result, &*row);
  // A second one that is not marked is a worker's repetition after a crash.
  return result.reanalysis() ? ApplyReanalysis(result, &*row) : Result<void>();
}

Result<void> Batch::ApplyFirstAnalysis(v1::AnalysisResult& result, store::SubmissionRow* row) {
  StopExpecting(*row);
  TakeFindings(at_.sequence, result, row);
  store::CaseRow joined;
  if (row->kind() == v1::ENTRY_KIND_SUSPICIOUS_MAIL) {
    NOROSHI_RETURN_IF_ERROR(JoinMail(row, &joined));
  } else {
    NOROSHI_ASSIGN_OR_RETURN(joined, RequireCase(row->case_id()));
    state_.SetSubmission(*row);
  }
  MergeClassification(row->classification(), joined.mutable_classification());
  joined.set_updated_at_ms(at_.time_ms);
  NOROSHI_RETURN_IF_ERROR(SendUpdate(*row));
  return CaseChanged(&joined);
}

Result<void> Batch::ApplyReanalysis(v1::AnalysisResult& result, store::SubmissionRow* row) {
  if (row->case_id() == 0) return {};
  const std::string before = row->mail().sketch().SerializeAsString();
  TakeFindings(at_.sequence, result, row);
  if (row->kind() == v1::ENTRY_KIND_SUSPICIOUS_MAIL &&
      row->mail().sketch().SerializeAsString() != before) {
    NOROSHI_RETURN_IF_ERROR(RecordAgain(row));
  }
  state_.SetSubmission(*row);
  NOROSHI_ASSIGN_OR_RETURN(store::CaseRow joined, RequireCase(row->case_id()));
  MergeClassification(row->classification(), joined.mutable_classification());
  PutCase(&joined);
  return {};
}

Result<void> Batch::SendUpdate(const store::SubmissionRow& row) {
  store::OrganizationRow* submitter = FindOrganization(row.organization());
  if (submitter == nullptr) return {};
  sharing::Content content;
  content.tlp = row.handling().tlp();
  content.exercise_id = row.exercise_id();
  content.submitter = row.organization();
  const v1::OrganizationSet* candidate = &submitter->organization();
  NOROSHI_ASSIGN_OR_RETURN(const v1::Update update, UpdateOf(state_, row));
  const std::string bytes = update.SerializeAsString();
  NOROSHI_ASSIGN_OR_RETURN(
      const sharing::Audience audience,
      sharing::DecideAudience(sharing::Purpose::kUpdate, content, {}, {&candidate, 1}));
  for (const sharing::Decided& recipient : audience.recipients) {
    store::OutboxRow item;
    item.set_update(bytes);
    item.set_reason(recipient.reason);
    AddToOutbox(*submitter, std::move(item));
  }
  return {};
}

}  // namespace noroshi::engine
