// Submissions as they are accepted, refused twice, or erased.
#include <algorithm>

#include "common/base/uuid.h"
#include "hub/engine/batch.h"

namespace noroshi::engine {
namespace {

uint32_t PriorityOf(v1::EntryKind kind) {
  return kind == v1::ENTRY_KIND_INCIDENT_REPORT ? store::kPriorityIncident : store::kPriorityMail;
}

bool IsAnalysed(v1::EntryKind kind) { return kind != v1::ENTRY_KIND_OBSERVATION; }

// The words of the content that a classification quotes.
void ForgetWords(v1::Label* label) { label->clear_evidence(); }

void ForgetWords(v1::Classification* classification) {
  ForgetWords(classification->mutable_event_type());
  ForgetWords(classification->mutable_gov_kind());
  for (v1::Label& cause : *classification->mutable_causes()) ForgetWords(&cause);
}

}  // namespace

Result<void> Batch::ApplySubmission(store::SubmissionRow& row) {
  NOROSHI_ASSIGN_OR_RETURN(const auto first,
                           state_.SubmissionSequence(row.organization(), row.submission_id()));
  if (first) return {};  // A log that holds an id twice: the first wins.
  state_.SetSubmissionId(row.organization(), row.submission_id(), row.sequence());
  const store::OrganizationRow* submitter = FindOrganization(row.organization());
  // A ministry is competent for its own sector: its consent is not about itself.
  if (submitter != nullptr && submitter->organization().kind() != v1::ORGANIZATION_KIND_MINISTRY) {
    row.set_submitter_sector(submitter->organization().sector());
  }
  NOROSHI_RETURN_IF_ERROR(RecordFiling());
  if (row.exercise_id().empty()) {
    memory_.meta.set_submissions(memory_.meta.submissions() + 1);
  } else {
    memory_.meta.set_exercise_submissions(memory_.meta.exercise_submissions() + 1);
  }
  if (!row.analysed() && IsAnalysed(row.kind())) Expect(row);
  if (!row.analysed() && row.kind() == v1::ENTRY_KIND_INCIDENT_REPORT) return JoinIncident(&row);
  state_.SetSubmission(row);
  return {};
}

void Batch::Expect(const store::SubmissionRow& row) {
  state_.AddPending({PriorityOf(row.kind()), row.sequence()});
  memory_.meta.set_analysis_pending(memory_.meta.analysis_pending() + 1);
}

void Batch::StopExpecting(const store::SubmissionRow& row) {
  state_.RemovePending({PriorityOf(row.kind()), row.sequence()});
  memory_.meta.set_analysis_pending(memory_.meta.analysis_pending() - 1);
}

Result<void> Batch::ApplyConflict(const v1::SubmissionConflict& conflict) {
  NOROSHI_ASSIGN_OR_RETURN(auto row, state_.Submission(conflict.first_sequence()));
  if (!row) return {};
  row->set_conflicts(row->conflicts() + 1);
  state_.SetSubmission(*row);
  return {};
}

Result<void> Batch::ApplyErased(const v1::BodyErased& erased) {
  NOROSHI_ASSIGN_OR_RETURN(auto row, state_.Submission(erased.sequence()));
  if (!row || row->erased()) return {};
  if (!row->analysed() && IsAnalysed(row->kind())) StopExpecting(*row);
  if (row->case_id() != 0) {
    NOROSHI_ASSIGN_OR_RETURN(store::CaseRow joined, RequireCase(row->case_id()));
    if (joined.title() == row->title()) joined.clear_title();
    ForgetWords(joined.mutable_classification());
    PutCase(&joined);
  }
  row->set_erased(true);
  row->set_analysed(true);
  row->clear_title();
  row->clear_mail();
  if (row->links_size() > 0) row->set_joined_reason("the body was erased");
  row->clear_links();
  ForgetWords(row->mutable_classification());
  row->set_analysis_error("the body was erased");
  state_.SetSubmission(*row);
  return {};
}

}  // namespace noroshi::engine
