#include "hub/engine/update.h"

namespace noroshi::engine {
namespace {

// The id of the submitter's first submission in the case; empty: no case.
Result<std::string> FirstOfSubmitter(const store::View& view, const store::SubmissionRow& row) {
  NOROSHI_ASSIGN_OR_RETURN(auto first, view.FirstInCase(row.case_id(), row.organization()));
  return std::move(first).value_or("");
}

// Seen from the submitter alone: how it matched would tell what others have sent.
v1::Relation RelationToSubmitter(const store::SubmissionRow& row, const std::string& first) {
  if (row.case_id() == 0) return v1::RELATION_UNSPECIFIED;
  if (row.relation() == v1::RELATION_FOLLOW_UP) return v1::RELATION_FOLLOW_UP;
  return first == row.submission_id() ? v1::RELATION_NEW_CASE : v1::RELATION_KNOWN_CASE;
}

}  // namespace

Result<v1::Update> UpdateOf(const store::View& view, const store::SubmissionRow& row) {
  NOROSHI_ASSIGN_OR_RETURN(const std::string first, FirstOfSubmitter(view, row));
  v1::Update update;
  update.set_submission_id(row.submission_id());
  update.set_sequence(row.sequence());
  update.set_case_reference(first);
  update.set_relation(RelationToSubmitter(row, first));
  *update.mutable_classification() = row.classification();
  update.set_analysis_error(row.analysis_error());
  update.set_exercise_id(row.exercise_id());
  return update;
}

}  // namespace noroshi::engine
