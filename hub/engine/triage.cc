// What persons decide about a case.
#include <fmt/format.h>

#include "common/base/encoding.h"
#include "hub/engine/batch.h"
#include "hub/engine/refusals.h"

namespace noroshi::engine {
namespace {

// A person's word needs no evidence.
constexpr uint32_t kDecidedPercent = 100;

v1::Label Decided(const std::string& id) {
  v1::Label label;
  label.set_id(id);
  label.set_confidence_percent(kDecidedPercent);
  return label;
}

v1::Classification DecidedIn(const v1::CaseClassified& classified) {
  v1::Classification decided;
  if (!classified.event_type().empty()) {
    *decided.mutable_event_type() = Decided(classified.event_type());
  }
  if (!classified.gov_kind().empty()) *decided.mutable_gov_kind() = Decided(classified.gov_kind());
  for (const std::string& cause : classified.causes()) *decided.add_causes() = Decided(cause);
  return decided;
}

std::string Labels(const v1::CaseClassified& classified) {
  std::string text = classified.event_type() + " / " + classified.gov_kind();
  for (const std::string& cause : classified.causes()) text += " / " + cause;
  return classified.reason().empty() ? text : text + ": " + classified.reason();
}

std::string StatusOwner(store::v1::CaseStatus status) { return std::to_string(status); }

bool IsOver(const store::CaseRow& row) {
  return row.status() == store::v1::CASE_STATUS_CLOSED ||
         row.status() == store::v1::CASE_STATUS_JOINED;
}

store::v1::CaseKind KindOf(const std::string& word) {
  if (word == "campaign") return store::v1::CASE_KIND_CAMPAIGN;
  if (word == "vulnerability") return store::v1::CASE_KIND_VULNERABILITY;
  return store::v1::CASE_KIND_INCIDENT;
}

}  // namespace

void TakeUp(store::CaseRow* row) {
  if (row->status() == store::v1::CASE_STATUS_NEW) row->set_status(store::v1::CASE_STATUS_OPEN);
}

const v1::Label& EventTypeOf(const store::CaseRow& row) {
  const v1::Label& decided = row.decided().event_type();
  return decided.id().empty() ? row.classification().event_type() : decided;
}

void OpenAgain(store::CaseRow* row) {
  row->set_status(store::v1::CASE_STATUS_OPEN);
  row->clear_resolution();
  row->clear_closed_at_ms();
}

// ---- writing cases ----

void Batch::PutCase(store::CaseRow* row) {
  const std::string id = BigEndian64(row->case_id());
  const bool listed = row->has_indexed();
  store::v1::CaseIndexed& indexed = *row->mutable_indexed();
  const auto place = [&](store::List list, const std::string& old_owner, const std::string& owner) {
    if (old_owner == owner) return;
    if (!old_owner.empty()) state_.RemoveFromList(list, old_owner, id);
    if (!owner.empty()) state_.AddToList(list, owner, id);
  };
  const auto priority = [](uint32_t value) { return value == 0 ? "" : std::to_string(value); };
  place(store::List::kCasesByStatus, listed ? StatusOwner(indexed.status()) : "",
        StatusOwner(row->status()));
  place(store::List::kCasesByAssignee, indexed.assignee(), row->assignee());
  place(store::List::kCasesByPriority, priority(indexed.priority()), priority(row->priority()));
  place(store::List::kCasesByEventType, indexed.event_type(), EventTypeOf(*row).id());
  if (!listed && row->kind() != store::v1::CASE_KIND_INCIDENT) {
    state_.AddToList(store::List::kCasesByKind, std::to_string(row->kind()), id);
  }
  indexed.set_status(row->status());
  indexed.set_assignee(row->assignee());
  indexed.set_priority(row->priority());
  indexed.set_event_type(EventTypeOf(*row).id());
  state_.SetCase(*row);
  cases_.insert(row->case_id());
}

void Batch::RecordEvent(uint64_t case_id, const std::string& what, const std::string& text,
                        uint64_t other_case) {
  store::CaseEventRow event;
  event.set_sequence(at_.sequence);
  event.set_time_ms(at_.time_ms);
  event.set_actor(std::string(at_.agent));
  event.set_what(what);
  event.set_text(text);
  event.set_other_case(other_case);
  state_.AddCaseEvent(case_id, event);
}

Batch::Effect Batch::ChangeCase(uint64_t case_id, uint64_t expected_version,
                                const std::string& what, const std::string& text,
                                const std::function<std::string(store::CaseRow*)>& change) {
  NOROSHI_ASSIGN_OR_RETURN(auto row, state_.Case(case_id));
  if (!row) return kRefusedNotFound;
  if (expected_version != 0 && expected_version != row->version()) return kRefusedStale;
  std::string refused = change(&*row);
  if (!refused.empty()) return refused;
  row->set_version(row->version() + 1);
  row->set_updated_at_ms(at_.time_ms);
  RecordEvent(case_id, what, text, 0);
  PutCase(&*row);
  return std::string();
}

// ---- the actions ----

Batch::Effect Batch::OpenCaseByHand(const v1::CaseOpened& opened) {
  store::CaseRow row;
  row.set_case_id(at_.sequence);
  row.set_kind(KindOf(opened.kind()));
  row.set_title(opened.title());
  row.set_text(opened.text());
  row.set_exercise_id(opened.exercise_id());
  row.set_opened_by(std::string(at_.agent));
  row.set_opened_at_ms(at_.time_ms);
  row.set_updated_at_ms(at_.time_ms);
  row.set_status(store::v1::CASE_STATUS_OPEN);
  row.set_version(1);
  row.mutable_handling()->set_tlp(opened.tlp());
  row.mutable_handling()->set_circle(opened.circle());
  store::SubmissionRow own;
  *own.mutable_handling() = row.handling();
  own.set_exercise_id(opened.exercise_id());
  AddMarking(own, true, &row);
  if (row.exercise_id().empty()) memory_.meta.set_cases(memory_.meta.cases() + 1);
  RecordEvent(row.case_id(), "case_opened", opened.title(), 0);
  PutCase(&row);
  return std::string();
}

Batch::Effect Batch::Assign(const v1::CaseAssigned& assigned) {
  if (!assigned.assignee().empty()) {
    NOROSHI_ASSIGN_OR_RETURN(const auto person, state_.Person(assigned.assignee()));
    if (!person) return kRefusedNotFound;
    if (person->person().disabled()) return kRefusedDisabled;
  }
  return ChangeCase(assigned.case_id(), assigned.expected_version(), "case_assigned",
                    assigned.assignee(), [&](store::CaseRow* row) -> std::string {
                      if (IsOver(*row)) return kRefusedState;
                      row->set_assignee(assigned.assignee());
                      TakeUp(row);
                      return "";
                    });
}

Batch::Effect Batch::Classify(const v1::CaseClassified& classified) {
  NOROSHI_ASSIGN_OR_RETURN(
      std::string refused,
      ChangeCase(classified.case_id(), classified.expected_version(), "case_classified",
                 Labels(classified), [&](store::CaseRow* row) -> std::string {
                   if (row->status() == store::v1::CASE_STATUS_JOINED) return kRefusedState;
                   *row->mutable_decided() = DecidedIn(classified);
                   row->set_decided_by(std::string(at_.agent));
                   TakeUp(row);
                   return "";
                 }));
  if (!refused.empty()) return refused;
  NOROSHI_ASSIGN_OR_RETURN(auto row, RequireCase(classified.case_id()));
  // What is said of a closed case is for the record: nothing is sent for it.
  if (!IsOver(row)) NOROSHI_RETURN_IF_ERROR(CaseChanged(&row));
  return std::string();
}

Batch::Effect Batch::Prioritise(const v1::CasePrioritised& prioritised) {
  return ChangeCase(prioritised.case_id(), prioritised.expected_version(), "case_prioritised",
                    std::to_string(prioritised.priority()),
                    [&](store::CaseRow* row) -> std::string {
                      if (IsOver(*row)) return kRefusedState;
                      row->set_priority(prioritised.priority());
                      return "";
                    });
}

// A note is no decision: it neither needs nor changes the version.
Batch::Effect Batch::Note(const v1::CaseNoted& noted) {
  NOROSHI_ASSIGN_OR_RETURN(auto row, state_.Case(noted.case_id()));
  if (!row) return kRefusedNotFound;
  if (row->status() == store::v1::CASE_STATUS_JOINED) return kRefusedState;
  row->set_updated_at_ms(at_.time_ms);
  RecordEvent(noted.case_id(), "case_noted", noted.text(), 0);
  PutCase(&*row);
  return std::string();
}

Batch::Effect Batch::Close(const v1::CaseClosed& closed) {
  return ChangeCase(closed.case_id(), closed.expected_version(), "case_closed",
                    closed.resolution() + ": " + closed.lessons(),
                    [&](store::CaseRow* row) -> std::string {
                      if (IsOver(*row)) return kRefusedState;
                      row->set_status(store::v1::CASE_STATUS_CLOSED);
                      row->set_resolution(closed.resolution());
                      row->set_lessons(closed.lessons());
                      if (closed.has_severity()) row->set_severity(closed.severity());
                      row->set_closed_at_ms(at_.time_ms);
                      return "";
                    });
}

Batch::Effect Batch::Reopen(const v1::CaseReopened& reopened) {
  return ChangeCase(reopened.case_id(), reopened.expected_version(), "case_reopened",
                    reopened.reason(), [](store::CaseRow* row) -> std::string {
                      if (row->status() != store::v1::CASE_STATUS_CLOSED) return kRefusedState;
                      OpenAgain(row);
                      return "";
                    });
}

Batch::Effect Batch::Loosen(const v1::MarkingLoosened& loosened) {
  NOROSHI_ASSIGN_OR_RETURN(auto row, state_.Submission(loosened.sequence()));
  if (!row) return kRefusedNotFound;
  if (row->organization() != at_.organization) return kRefusedOwner;
  if (loosened.tlp() <= v1::TLP_UNSPECIFIED || loosened.tlp() >= row->handling().tlp()) {
    return kRefusedLooser;
  }
  const std::string text =
      fmt::format("{}: {} -> {}: {}", loosened.sequence(), sharing::TlpWord(row->handling().tlp()),
                  sharing::TlpWord(loosened.tlp()), loosened.reason());
  row->mutable_handling()->set_tlp(loosened.tlp());
  state_.SetSubmission(*row);
  if (row->case_id() == 0) return std::string();
  NOROSHI_ASSIGN_OR_RETURN(store::CaseRow joined, RequireCase(row->case_id()));
  NOROSHI_RETURN_IF_ERROR(MarkAnew(&joined, text));
  for (const uint64_t case_id : row->left()) {
    NOROSHI_ASSIGN_OR_RETURN(auto left, state_.Case(case_id));
    if (!left || case_id == joined.case_id()) continue;
    NOROSHI_RETURN_IF_ERROR(MarkAnew(&*left, text));
  }
  return std::string();
}

Result<void> Batch::MarkAnew(store::CaseRow* row, const std::string& text) {
  NOROSHI_RETURN_IF_ERROR(Recount(row));
  row->set_updated_at_ms(at_.time_ms);
  RecordEvent(row->case_id(), "marking_loosened", text, 0);
  PutCase(row);
  return {};
}

}  // namespace noroshi::engine
