// De-duplication: which submissions are the same matter. Each link says why.
#include <algorithm>

#include "common/base/encoding.h"
#include "hub/engine/batch.h"

namespace noroshi::engine {
namespace {

// The beginning of a hash is enough for a person to compare.
constexpr size_t kShownBytes = 6;

std::string Shown(std::string_view bytes) { return ToHex(bytes.substr(0, kShownBytes)); }

// A row with a marking: a case, or its floor.
template <typename Row>
void AddCircle(const std::string& circle, Row* row) {
  const auto& circles = row->circles();
  if (circle.empty() || std::find(circles.begin(), circles.end(), circle) != circles.end()) return;
  row->add_circles(circle);
}

template <typename Row>
void StoreMarking(const sharing::Marking& marking, Row* row) {
  row->set_tlp(marking.tlp);
  row->set_circle(marking.circle);
  row->set_circles_conflict(marking.conflict);
  row->set_may_share_name(marking.may_share_name);
  row->set_may_tell_police(marking.may_tell_police);
  row->set_may_tell_competent_ministry(marking.may_tell_competent_ministry);
  row->clear_sectors();
  for (const std::string& sector : marking.sectors) row->add_sectors(sector);
}

template <typename Row>
sharing::Marking ReadMarking(const Row& row) {
  sharing::Marking marking;
  marking.tlp = row.tlp();
  marking.circle = row.circle();
  marking.exercise_id = row.exercise_id();
  marking.conflict = row.circles_conflict();
  marking.may_share_name = row.may_share_name();
  marking.may_tell_police = row.may_tell_police();
  marking.may_tell_competent_ministry = row.may_tell_competent_ministry();
  marking.sectors.assign(row.sectors().begin(), row.sectors().end());
  return marking;
}

sharing::Source SourceOf(const store::SubmissionRow& row) {
  return {&row.handling(), row.exercise_id(), row.sector(), row.submitter_sector()};
}

}  // namespace

void AddMarking(const store::SubmissionRow& submission, bool first, store::CaseRow* row) {
  const sharing::Source source = SourceOf(submission);
  StoreMarking(
      first ? sharing::MarkingOf({&source, 1}) : sharing::Combine(MarkingOfCase(*row), source),
      row);
  if (first) row->clear_circles();
  AddCircle(submission.handling().circle(), row);
}

sharing::Marking MarkingOfCase(const store::CaseRow& row) { return ReadMarking(row); }

void BindBy(const store::CaseRow& by, store::CaseRow* row) {
  const bool first = !row->has_floor();
  store::v1::CaseFloor& floor = *row->mutable_floor();
  floor.set_exercise_id(row->exercise_id());
  StoreMarking(first ? ReadMarking(by) : sharing::Combine(ReadMarking(floor), ReadMarking(by)),
               &floor);
  for (const std::string& circle : by.circles()) AddCircle(circle, &floor);
}

void TakeFloor(store::CaseRow* row) {
  if (!row->has_floor()) return;
  StoreMarking(ReadMarking(row->floor()), row);
  *row->mutable_circles() = row->floor().circles();
}

store::Found<store::CaseRow> LiveCase(const store::View& state, uint64_t case_id) {
  for (uint32_t joins = 0; joins <= kJoinDepthMax; ++joins) {
    NOROSHI_ASSIGN_OR_RETURN(auto row, state.Case(case_id));
    if (!row || row->status() != store::v1::CASE_STATUS_JOINED) return row;
    case_id = row->merged_into();
  }
  return std::optional<store::CaseRow>();
}

store::Found<store::CaseRow> Batch::LiveCase(uint64_t case_id) const {
  return engine::LiveCase(state_, case_id);
}

Result<store::CaseRow> Batch::RequireCase(uint64_t case_id) const {
  NOROSHI_ASSIGN_OR_RETURN(auto row, LiveCase(case_id));
  if (row) return *std::move(row);
  return Error{ErrorCode::kCorruption,
               "state: case " + std::to_string(case_id) + " is missing; rebuild the state"};
}

Result<void> Batch::JoinIncident(store::SubmissionRow* row) {
  NOROSHI_ASSIGN_OR_RETURN(
      const auto thread,
      state_.CaseOfThread(row->organization(), row->exercise_id(), row->thread_id()));
  store::CaseRow joined;
  if (thread) {
    NOROSHI_ASSIGN_OR_RETURN(joined, RequireCase(*thread));
    NOROSHI_RETURN_IF_ERROR(Join(v1::RELATION_FOLLOW_UP,
                                 "同じ報告の続き / same thread " + Shown(row->thread_id()), row,
                                 &joined));
  } else {
    OpenCase(store::v1::CASE_KIND_INCIDENT, row, &joined);
    state_.SetThread(row->organization(), row->exercise_id(), row->thread_id(), joined.case_id());
  }
  return CaseChanged(&joined);
}

void Batch::OpenCase(store::v1::CaseKind kind, store::SubmissionRow* row, store::CaseRow* opened) {
  opened->set_case_id(row->sequence());
  opened->set_kind(kind);
  opened->set_title(row->title());
  opened->set_exercise_id(row->exercise_id());
  opened->set_opened_at_ms(at_.time_ms);
  opened->set_updated_at_ms(at_.time_ms);
  opened->set_version(1);
  opened->set_organizations(1);
  opened->set_submissions(1);
  AddMarking(*row, true, opened);
  row->set_case_id(opened->case_id());
  row->set_relation(v1::RELATION_NEW_CASE);
  row->set_joined_reason("新しい事案 / a new matter");
  state_.SetSubmission(*row);
  state_.AddToCase(opened->case_id(),
                   {row->sequence(), row->accepted_at_ms(), row->organization()});
  AddOrganization(opened->case_id(), row->organization(), row->submission_id());
  if (row->exercise_id().empty()) memory_.meta.set_cases(memory_.meta.cases() + 1);
}

Result<void> Batch::Join(v1::Relation relation, const std::string& reason,
                         store::SubmissionRow* row, store::CaseRow* joined) {
  NOROSHI_CHECK(joined->exercise_id() == row->exercise_id());
  if (joined->title().empty()) joined->set_title(row->title());
  joined->set_updated_at_ms(at_.time_ms);
  joined->set_submissions(joined->submissions() + 1);
  if (joined->status() == store::v1::CASE_STATUS_CLOSED) {
    OpenAgain(joined);
    joined->set_version(joined->version() + 1);
    RecordEvent(joined->case_id(), "case_reopened", "新しい届出 / a new submission", 0);
  }
  AddMarking(*row, false, joined);
  NOROSHI_ASSIGN_OR_RETURN(const auto first,
                           state_.FirstInCase(joined->case_id(), row->organization()));
  if (!first) {
    joined->set_organizations(joined->organizations() + 1);
    AddOrganization(joined->case_id(), row->organization(), row->submission_id());
  }
  row->set_case_id(joined->case_id());
  row->set_relation(relation);
  row->set_joined_reason(reason);
  state_.SetSubmission(*row);
  state_.AddToCase(joined->case_id(),
                   {row->sequence(), row->accepted_at_ms(), row->organization()});
  return {};
}

}  // namespace noroshi::engine
