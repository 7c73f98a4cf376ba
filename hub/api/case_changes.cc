// What is decided about a case.
#include <fmt/format.h>

#include <initializer_list>

#include "common/taxonomy/taxonomy.h"
#include "hub/api/call.h"
#include "hub/api/cases.h"
#include "hub/api/problem.h"
#include "hub/engine/refusals.h"
#include "hub/render/json.h"
#include "hub/sharing/audience.h"

namespace noroshi::api {
namespace {

using access::Deed;

std::string StateOf(const store::CaseRow& row) {
  if (row.merged_into() == 0) {
    return fmt::format("case {} is {}", row.case_id(), render::Word(row.status()));
  }
  return fmt::format("case {} was joined into case {}", row.case_id(), row.merged_into());
}

// A refusal because of a case's state says which one that is: of several cases that of the
// first that was joined, or else of the first.
Error WithState(const Call& call, const Error& refused, std::initializer_list<uint64_t> cases) {
  const bool is_of_state = refused.code == ErrorCode::kConflict &&
                           !refused.message.starts_with("stale:") &&
                           refused.message != ErrorOfRefusal(engine::kRefusedRealm).message;
  if (!is_of_state) return refused;
  std::string state;
  for (const uint64_t case_id : cases) {
    const auto row = call.view().Case(case_id);
    if (!row.ok() || !*row) return refused;
    if (state.empty() || (*row)->merged_into() != 0) state = StateOf(**row);
    if ((*row)->merged_into() != 0) break;
  }
  return {refused.code, refused.message + " (" + state + ")"};
}

Result<void> CommitTo(Call& call, std::initializer_list<uint64_t> cases, v1::Action action) {
  auto done = call.Commit(std::move(action), CasePath(*cases.begin()));
  return done.ok() ? done : WithState(call, done.error(), cases);
}

// Commits what `fill` makes of the case in the path, and answers with the case.
template <typename Fill>
Result<Reply> Change(Call& call, Fill fill) {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, FindCase(call));
  NOROSHI_ASSIGN_OR_RETURN(const uint64_t version, call.ExpectedVersion());
  v1::Action action;
  NOROSHI_RETURN_IF_ERROR(fill(row, version, &action));
  NOROSHI_RETURN_IF_ERROR(CommitTo(call, {row.case_id()}, std::move(action)));
  return AnswerCase(call, row.case_id(), 200);
}

Result<Reply> OpenCase(Call& call) {
  access::Object object;
  object.tlp = sharing::TlpFromWord(call.Text("tlp"));
  if (call.Has("circle")) object.circles.push_back(call.Text("circle"));
  NOROSHI_RETURN_IF_ERROR(call.Authorize(object));
  v1::Action action;
  v1::CaseOpened& opened = *action.mutable_case_opened();
  opened.set_kind(call.Text("kind"));
  opened.set_title(call.Text("title"));
  opened.set_text(call.Text("text"));
  opened.set_tlp(object.tlp);
  opened.set_circle(call.Text("circle"));
  opened.set_exercise_id(call.Text("exercise_id"));
  uint64_t id = 0;
  NOROSHI_RETURN_IF_ERROR(call.Commit(std::move(action), "/cases/{sequence}", &id));
  return AnswerCase(call, id, 201);
}

Result<Reply> AssignCase(Call& call) {
  return Change(
      call, [&](const store::CaseRow& row, uint64_t version, v1::Action* action) -> Result<void> {
        v1::CaseAssigned& assigned = *action->mutable_case_assigned();
        assigned.set_case_id(row.case_id());
        assigned.set_expected_version(version);
        assigned.set_assignee(call.Text("assignee"));
        if (assigned.assignee().empty()) return {};
        // Whoever is to work on it may read it.
        NOROSHI_ASSIGN_OR_RETURN(const auto person, call.view().Person(assigned.assignee()));
        if (!person) return Error{ErrorCode::kInvalid, "assignee: there is no such person"};
        NOROSHI_ASSIGN_OR_RETURN(const auto organization,
                                 call.view().Organization(person->person().organization()));
        if (!organization) return Error{ErrorCode::kInternal, "a person without organisation"};
        const auto decision = access::Decide(ActorOf(*person, organization->organization()),
                                             Deed::kCaseTriage, ObjectOf(row));
        if (!decision.allowed) {
          return Error{ErrorCode::kInvalid, "assignee: this person may not work on this case"};
        }
        return {};
      });
}

Result<void> CheckLabels(const Call& call) {
  const auto unknown = [](const std::string& field) {
    return Error{ErrorCode::kInvalid, field + ": no id of the taxonomy"};
  };
  const std::string event_type = call.Text("event_type");
  const std::string gov_kind = call.Text("gov_kind");
  if (!event_type.empty() && !taxonomy::IsEventType(event_type)) return unknown("event_type");
  if (!gov_kind.empty() && !taxonomy::IsGovKind(gov_kind)) return unknown("gov_kind");
  const auto causes = call.Texts("causes");
  for (size_t i = 0; i < causes.size(); ++i) {
    if (!taxonomy::IsCause(causes[i])) return unknown(fmt::format("causes/{}", i));
  }
  return {};
}

Result<Reply> ClassifyCase(Call& call) {
  return Change(
      call, [&](const store::CaseRow& row, uint64_t version, v1::Action* action) -> Result<void> {
        NOROSHI_RETURN_IF_ERROR(CheckLabels(call));
        v1::CaseClassified& classified = *action->mutable_case_classified();
        classified.set_case_id(row.case_id());
        classified.set_expected_version(version);
        classified.set_event_type(call.Text("event_type"));
        for (const auto& cause : call.Texts("causes")) classified.add_causes(cause);
        classified.set_gov_kind(call.Text("gov_kind"));
        classified.set_reason(call.Text("reason"));
        return {};
      });
}

Result<Reply> PrioritiseCase(Call& call) {
  return Change(
      call, [&](const store::CaseRow& row, uint64_t version, v1::Action* action) -> Result<void> {
        v1::CasePrioritised& prioritised = *action->mutable_case_prioritised();
        prioritised.set_case_id(row.case_id());
        prioritised.set_expected_version(version);
        prioritised.set_priority(static_cast<uint32_t>(call.Number("priority")));
        return {};
      });
}

Result<Reply> NoteCase(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, FindCase(call));
  v1::Action action;
  action.mutable_case_noted()->set_case_id(row.case_id());
  action.mutable_case_noted()->set_text(call.Text("text"));
  NOROSHI_RETURN_IF_ERROR(CommitTo(call, {row.case_id()}, std::move(action)));
  return AnswerCase(call, row.case_id(), 200);
}

Result<Reply> JoinCase(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, FindCase(call));
  NOROSHI_ASSIGN_OR_RETURN(const uint64_t version, call.ExpectedVersion());
  v1::Action action;
  v1::CasesJoined& joined = *action.mutable_cases_joined();
  joined.set_into(row.case_id());
  joined.set_from(call.Number("from"));
  joined.set_expected_version(version);
  joined.set_reason(call.Text("reason"));
  if (joined.from() == joined.into()) {
    return Error{ErrorCode::kInvalid, "from: this is the case itself; name the other one"};
  }
  NOROSHI_ASSIGN_OR_RETURN(const auto from, call.view().Case(joined.from()));
  // The other one is changed as well.
  const auto may = from ? call.Decide(Deed::kCaseRegroup, ObjectOf(*from)) : access::Decision();
  if (!may.allowed) return Error{ErrorCode::kInvalid, "from: there is no such case"};
  NOROSHI_RETURN_IF_ERROR(CommitTo(call, {row.case_id(), from->case_id()}, std::move(action)));
  return AnswerCase(call, row.case_id(), 200);
}

Result<Reply> SplitCase(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, FindCase(call));
  NOROSHI_ASSIGN_OR_RETURN(const uint64_t version, call.ExpectedVersion());
  v1::Action action;
  v1::CaseSplit& split = *action.mutable_case_split();
  split.set_case_id(row.case_id());
  split.set_expected_version(version);
  for (const auto& item : call.body().at("reports").as_array()) {
    split.add_submissions(item.to_number<uint64_t>());
  }
  split.set_title(call.Text("title"));
  split.set_reason(call.Text("reason"));
  uint64_t id = 0;
  const auto done = call.Commit(std::move(action), "/cases/{sequence}", &id);
  if (!done.ok()) return WithState(call, done.error(), {row.case_id()});
  return AnswerCase(call, id, 201);
}

Result<Reply> CloseCase(Call& call) {
  return Change(
      call, [&](const store::CaseRow& row, uint64_t version, v1::Action* action) -> Result<void> {
        v1::CaseClosed& closed = *action->mutable_case_closed();
        closed.set_case_id(row.case_id());
        closed.set_expected_version(version);
        closed.set_resolution(call.Text("resolution"));
        closed.set_lessons(call.Text("lessons"));
        if (call.Has("severity"))
          closed.set_severity(static_cast<uint32_t>(call.Number("severity")));
        return {};
      });
}

Result<Reply> ReopenCase(Call& call) {
  return Change(
      call, [&](const store::CaseRow& row, uint64_t version, v1::Action* action) -> Result<void> {
        v1::CaseReopened& reopened = *action->mutable_case_reopened();
        reopened.set_case_id(row.case_id());
        reopened.set_expected_version(version);
        reopened.set_reason(call.Text("reason"));
        return {};
      });
}

}  // namespace

void AddCaseChangeRoutes(std::vector<Route>* routes) {
  const auto add = [&](Route route) { routes->push_back(std::move(route)); };
  add({"POST", "/cases", Deed::kCaseOpen, OpenCase, "Open a case by hand", "CaseOpen", "Case", {}});
  add({"PUT",
       "/cases/{case_id}/assignee",
       Deed::kCaseTriage,
       AssignCase,
       "Assign it",
       "CaseAssign",
       "Case",
       {}});
  add({"PUT",
       "/cases/{case_id}/classification",
       Deed::kCaseTriage,
       ClassifyCase,
       "Confirm or correct its classification",
       "CaseClassify",
       "Case",
       {}});
  add({"PUT",
       "/cases/{case_id}/priority",
       Deed::kCaseTriage,
       PrioritiseCase,
       "Set its priority",
       "CasePrioritise",
       "Case",
       {}});
  add({"POST",
       "/cases/{case_id}/notes",
       Deed::kCaseTriage,
       NoteCase,
       "Write a note",
       "CaseNote",
       "Case",
       {}});
  add({"POST",
       "/cases/{case_id}/join",
       Deed::kCaseRegroup,
       JoinCase,
       "Take in another case",
       "CaseJoin",
       "Case",
       {}});
  add({"POST",
       "/cases/{case_id}/split",
       Deed::kCaseRegroup,
       SplitCase,
       "Move reports into a new case",
       "CaseSplit",
       "Case",
       {}});
  add({"POST",
       "/cases/{case_id}/closure",
       Deed::kCaseClose,
       CloseCase,
       "Close it, with lessons",
       "CaseClose",
       "Case",
       {}});
  add({"POST",
       "/cases/{case_id}/reopening",
       Deed::kCaseClose,
       ReopenCase,
       "Open it again",
       "CaseReopen",
       "Case",
       {}});
}

}  // namespace noroshi::api