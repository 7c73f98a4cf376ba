// Joining and splitting cases by hand. Texts of incidents are never joined on
// likeness alone, and whatever was joined a person can undo.
#include <algorithm>

#include "common/base/check.h"
#include "common/base/encoding.h"
#include "hub/engine/batch.h"
#include "hub/engine/refusals.h"

namespace noroshi::engine {
namespace {

bool IsJoined(const store::CaseRow& row) { return row.status() == store::v1::CASE_STATUS_JOINED; }

}  // namespace

void Batch::AddOrganization(uint64_t case_id, std::string_view organization,
                            std::string_view submission_id) {
  state_.AddOrganizationToCase(case_id, organization, submission_id);
  state_.AddToList(store::List::kCasesByOrganization, organization, BigEndian64(case_id));
}

Result<void> Batch::Move(const store::CaseMember& member, const store::CaseRow& from,
                         const store::CaseRow& into, const std::string& reason) {
  NOROSHI_ASSIGN_OR_RETURN(auto row, state_.Submission(member.sequence));
  NOROSHI_CHECK(row.has_value());
  row->set_case_id(into.case_id());
  row->set_joined_reason(reason);
  row->clear_links();  // A person decided.
  state_.SetSubmission(*row);
  state_.RemoveFromCase(from.case_id(), member.sequence);
  state_.AddToCase(into.case_id(), member);
  return {};
}

Result<void> Batch::Remember(uint64_t sequence, store::CaseRow* by) {
  const auto& known = by->left();
  if (std::find(known.begin(), known.end(), sequence) != known.end()) return {};
  NOROSHI_ASSIGN_OR_RETURN(auto row, state_.Submission(sequence));
  NOROSHI_CHECK(row.has_value());
  if (row->left_size() < kLeftMax && by->left_size() < kLeftMax) {
    row->add_left(by->case_id());
    by->add_left(sequence);
    state_.SetSubmission(*row);
    return {};
  }
  store::CaseRow alone;
  alone.set_exercise_id(by->exercise_id());
  AddMarking(*row, true, &alone);
  BindBy(alone, by);
  return {};
}

// Notes, questions and history were written in the knowledge of all that the case held.
Result<void> Batch::BindByWhole(const store::CaseRow& from, store::CaseRow* into) {
  store::CaseRow rest = from;
  rest.clear_left();
  NOROSHI_ASSIGN_OR_RETURN(const bool bound, MarkWithoutMembers(&rest));
  if (bound) BindBy(rest, into);
  for (const uint64_t sequence : from.left()) {
    NOROSHI_ASSIGN_OR_RETURN(const auto row, state_.Submission(sequence));
    NOROSHI_CHECK(row.has_value());
    if (row->case_id() == into->case_id()) continue;  // As a member it binds by itself.
    NOROSHI_RETURN_IF_ERROR(Remember(sequence, into));
  }
  return {};
}

Result<bool> Batch::MarkWithoutMembers(store::CaseRow* row) const {
  bool marked = row->has_floor();
  TakeFloor(row);
  if (row->has_handling()) {
    store::SubmissionRow own;
    *own.mutable_handling() = row->handling();
    own.set_exercise_id(row->exercise_id());
    AddMarking(own, !marked, row);
    marked = true;
  }
  for (const uint64_t sequence : row->left()) {
    NOROSHI_ASSIGN_OR_RETURN(const auto submission, state_.Submission(sequence));
    NOROSHI_CHECK(submission.has_value());
    AddMarking(*submission, !marked, row);
    marked = true;
  }
  return marked;
}

// Counts, marking and organisations from the members that are there now.
Result<void> Batch::Recount(store::CaseRow* row) {
  std::vector<store::CaseMember> members;
  NOROSHI_RETURN_IF_ERROR(
      state_.VisitCaseMembers(row->case_id(), [&](const store::CaseMember& member) {
        members.push_back(member);
        return true;
      }));
  std::reverse(members.begin(), members.end());  // In order of sequence.
  row->clear_campaign();
  NOROSHI_ASSIGN_OR_RETURN(const bool marked, MarkWithoutMembers(row));
  bool first = !marked;
  std::map<std::string, std::string> firsts;  // Organisation: its first submission here.
  for (const store::CaseMember& member : members) {
    NOROSHI_ASSIGN_OR_RETURN(const auto submission, state_.Submission(member.sequence));
    NOROSHI_CHECK(submission.has_value());
    AddMarking(*submission, first, row);
    first = false;
    if (row->kind() == store::v1::CASE_KIND_CAMPAIGN) AddToCampaign(*submission, row);
    firsts.emplace(submission->organization(), submission->submission_id());
  }
  NOROSHI_ASSIGN_OR_RETURN(const auto before,
                           state_.OrganizationsOfCase(row->case_id(), "", store::kListMax));
  for (const std::string& organization : before) {
    if (firsts.contains(organization)) continue;
    state_.RemoveOrganizationFromCase(row->case_id(), organization);
    state_.RemoveFromList(store::List::kCasesByOrganization, organization,
                          BigEndian64(row->case_id()));
  }
  for (const auto& [organization, id] : firsts) AddOrganization(row->case_id(), organization, id);
  row->set_submissions(members.size());
  row->set_organizations(firsts.size());
  return {};
}

// The newest analysis that did not abstain, part by part, of the members there are now.
Result<void> Batch::Reclassify(store::CaseRow* row) {
  std::map<uint64_t, v1::Classification> found;  // By the entry of the analysis.
  std::optional<Error> error;
  NOROSHI_RETURN_IF_ERROR(
      state_.VisitCaseMembers(row->case_id(), [&](const store::CaseMember& member) {
        auto submission = state_.Submission(member.sequence);
        if (!submission.ok()) error = submission.error();
        if (error) return false;
        NOROSHI_CHECK(submission->has_value());
        found[(*submission)->analysis_sequence()] = (*submission)->classification();
        return true;
      }));
  if (error) return *error;
  row->clear_classification();
  for (const auto& [sequence, classification] : found) {
    MergeClassification(classification, row->mutable_classification());
  }
  return {};
}

Result<void> Batch::MoveMatters(const store::CaseRow& from, const store::CaseRow& into) {
  const auto move = [&](store::List list, const auto& change) -> Result<void> {
    const std::string owner = store::NumberOwner(from.case_id());
    while (true) {
      NOROSHI_ASSIGN_OR_RETURN(const auto ids, state_.Ids(list, owner, "", store::kListMax));
      if (ids.empty()) return {};
      for (const std::string& id : ids) {
        NOROSHI_RETURN_IF_ERROR(change(id));
        state_.RemoveFromList(list, owner, id);
        state_.AddToList(list, store::NumberOwner(into.case_id()), id);
      }
    }
  };
  NOROSHI_RETURN_IF_ERROR(
      move(store::List::kQuestionsOfCase, [&](const std::string& id) -> Result<void> {
        NOROSHI_ASSIGN_OR_RETURN(auto row, state_.Question(id));
        NOROSHI_CHECK(row.has_value());
        row->set_case_id(into.case_id());
        state_.SetQuestion(*row);
        return {};
      }));
  return move(store::List::kSamplesOfCase, [&](const std::string& id) -> Result<void> {
    NOROSHI_ASSIGN_OR_RETURN(auto row, state_.Sample(id));
    NOROSHI_CHECK(row.has_value());
    row->set_case_id(into.case_id());
    state_.SetSample(*row);
    return {};
  });
}

Batch::Effect Batch::JoinCases(const v1::CasesJoined& joined) {
  NOROSHI_ASSIGN_OR_RETURN(auto from, state_.Case(joined.from()));
  NOROSHI_ASSIGN_OR_RETURN(auto into, state_.Case(joined.into()));
  if (!from || !into) return kRefusedNotFound;
  if (joined.expected_version() != 0 && joined.expected_version() != into->version()) {
    return kRefusedStale;
  }
  if (joined.from() == joined.into() || IsJoined(*from) || IsJoined(*into)) return kRefusedState;
  // What joins it would be closed unseen, and what arrives later opens it again.
  if (into->status() == store::v1::CASE_STATUS_CLOSED) return kRefusedClosed;
  if (from->exercise_id() != into->exercise_id()) return kRefusedRealm;
  if (from->submissions() + into->submissions() > kMovedMax) return kRefusedTooMany;
  const uint32_t depth = std::max(into->join_depth(), from->join_depth() + 1);
  if (depth > kJoinDepthMax) return kRefusedTooMany;

  std::vector<store::CaseMember> members;
  NOROSHI_RETURN_IF_ERROR(
      state_.VisitCaseMembers(from->case_id(), [&](const store::CaseMember& member) {
        members.push_back(member);
        return true;
      }));
  for (const store::CaseMember& member : members) {
    NOROSHI_RETURN_IF_ERROR(Move(member, *from, *into, "分析官が結合 / joined by an analyst"));
  }
  NOROSHI_RETURN_IF_ERROR(BindByWhole(*from, &*into));
  BindBy(store::CaseRow(*from), &*from);
  NOROSHI_RETURN_IF_ERROR(MoveMatters(*from, *into));
  for (const std::string& alert : from->alerts()) into->add_alerts(alert);
  for (const std::string& note : from->notes()) AddNote(note, &*into);
  // What was already sent for the one is not sent again for the whole.
  for (const std::string& rule : from->fired_rules()) {
    const auto& fired = into->fired_rules();
    if (std::find(fired.begin(), fired.end(), rule) == fired.end()) into->add_fired_rules(rule);
  }
  if (into->priority() == 0) into->set_priority(from->priority());
  if (into->assignee().empty() && !from->assignee().empty()) {
    into->set_assignee(from->assignee());
    TakeUp(&*into);
  }
  into->set_join_depth(depth);
  into->set_version(into->version() + 1);
  into->set_updated_at_ms(at_.time_ms);
  from->set_status(store::v1::CASE_STATUS_JOINED);
  from->set_merged_into(into->case_id());
  from->set_version(from->version() + 1);
  from->set_updated_at_ms(at_.time_ms);
  NOROSHI_RETURN_IF_ERROR(Recount(&*from));
  NOROSHI_RETURN_IF_ERROR(Recount(&*into));
  NOROSHI_RETURN_IF_ERROR(Reclassify(&*into));
  // Why, tells of both: it is written where the strictest of both holds.
  RecordEvent(from->case_id(), "cases_joined", "", into->case_id());
  RecordEvent(into->case_id(), "cases_joined", joined.reason(), from->case_id());
  if (from->exercise_id().empty()) memory_.meta.set_cases(memory_.meta.cases() - 1);
  PutCase(&*from);
  NOROSHI_RETURN_IF_ERROR(CaseChanged(&*into));
  return std::string();
}

Batch::Effect Batch::SplitCase(const v1::CaseSplit& split) {
  NOROSHI_ASSIGN_OR_RETURN(auto from, state_.Case(split.case_id()));
  if (!from) return kRefusedNotFound;
  if (split.expected_version() != 0 && split.expected_version() != from->version()) {
    return kRefusedStale;
  }
  if (IsJoined(*from)) return kRefusedState;
  if (from->submissions() > kMovedMax) return kRefusedTooMany;
  const std::set<uint64_t> wanted(split.submissions().begin(), split.submissions().end());
  std::vector<store::CaseMember> members;
  NOROSHI_RETURN_IF_ERROR(
      state_.VisitCaseMembers(from->case_id(), [&](const store::CaseMember& member) {
        if (wanted.contains(member.sequence)) members.push_back(member);
        return true;
      }));
  if (members.empty() || members.size() != wanted.size()) return kRefusedNotFound;
  // Of a case that submissions opened, one has to stay.
  if (members.size() == from->submissions() && !from->has_handling()) return kRefusedState;

  store::CaseRow into;
  into.set_case_id(at_.sequence);
  into.set_kind(from->kind());
  into.set_title(split.title());
  into.set_exercise_id(from->exercise_id());
  into.set_opened_at_ms(at_.time_ms);
  into.set_updated_at_ms(at_.time_ms);
  into.set_opened_by(std::string(at_.agent));
  into.set_status(store::v1::CASE_STATUS_OPEN);
  into.set_version(1);
  // Alerts about the whole were sent already; no rule fires for the past.
  *into.mutable_fired_rules() = from->fired_rules();
  for (const store::CaseMember& member : members) {
    NOROSHI_RETURN_IF_ERROR(Move(member, *from, into, "分析官が分離 / split off by an analyst"));
    NOROSHI_RETURN_IF_ERROR(Remember(member.sequence, &*from));
  }
  NOROSHI_RETURN_IF_ERROR(FollowSplit(members, *from, into));
  NOROSHI_ASSIGN_OR_RETURN(const auto moved, RowsOf(members));
  NOROSHI_RETURN_IF_ERROR(TitleAnew(moved, &*from));
  NOROSHI_ASSIGN_OR_RETURN(const bool asked, MoveQuestions(moved, *from, into));
  // They were asked in the knowledge of the whole; its row still says how that was marked.
  if (asked) BindBy(*from, &into);
  from->set_version(from->version() + 1);
  from->set_updated_at_ms(at_.time_ms);
  NOROSHI_RETURN_IF_ERROR(Recount(&*from));
  NOROSHI_RETURN_IF_ERROR(Recount(&into));
  NOROSHI_RETURN_IF_ERROR(Reclassify(&*from));
  NOROSHI_RETURN_IF_ERROR(Reclassify(&into));
  // Why, tells of both: it is written where the strictest of both holds.
  RecordEvent(from->case_id(), "case_split", split.reason(), into.case_id());
  RecordEvent(into.case_id(), "case_split", "", from->case_id());
  if (from->exercise_id().empty()) memory_.meta.set_cases(memory_.meta.cases() + 1);
  PutCase(&*from);
  PutCase(&into);
  return std::string();
}

Result<bool> Batch::MoveQuestions(const std::vector<store::SubmissionRow>& moved,
                                  const store::CaseRow& from, const store::CaseRow& into) {
  std::set<std::pair<std::string, std::string>> leaving;
  for (const auto& row : moved) leaving.emplace(row.organization(), row.submission_id());
  const std::string owner = store::NumberOwner(from.case_id());
  bool any = false;
  std::string before;
  while (true) {
    NOROSHI_ASSIGN_OR_RETURN(
        const auto ids, state_.Ids(store::List::kQuestionsOfCase, owner, before, store::kListMax));
    for (const std::string& id : ids) {
      NOROSHI_ASSIGN_OR_RETURN(auto row, state_.Question(id));
      NOROSHI_CHECK(row.has_value());
      if (!leaving.contains({row->organization(), row->case_reference()})) continue;
      row->set_case_id(into.case_id());
      state_.SetQuestion(*row);
      state_.RemoveFromList(store::List::kQuestionsOfCase, owner, id);
      state_.AddToList(store::List::kQuestionsOfCase, store::NumberOwner(into.case_id()), id);
      any = true;
    }
    if (ids.size() < store::kListMax) return any;
    before = ids.back();
  }
}

Result<void> Batch::TitleAnew(const std::vector<store::SubmissionRow>& moved,
                              store::CaseRow* row) const {
  const bool left = std::ranges::any_of(moved, [&](const store::SubmissionRow& submission) {
    return submission.sequence() == row->case_id() || submission.title() == row->title();
  });
  if (!left || row->has_handling()) return {};
  row->clear_title();
  NOROSHI_ASSIGN_OR_RETURN(const auto first, state_.SubmissionsOfCase(row->case_id(), 0, 1));
  if (!first.empty()) row->set_title(first.front().title());
  return {};
}

// What comes later in a thread that only the moved ones have, or is like them, belongs
// where they are now.
Result<void> Batch::FollowSplit(const std::vector<store::CaseMember>& moved,
                                const store::CaseRow& from, const store::CaseRow& into) {
  std::vector<store::CaseMember> rest;
  NOROSHI_RETURN_IF_ERROR(
      state_.VisitCaseMembers(from.case_id(), [&](const store::CaseMember& member) {
        rest.push_back(member);
        return true;
      }));
  NOROSHI_ASSIGN_OR_RETURN(const auto staying, RowsOf(rest));
  NOROSHI_ASSIGN_OR_RETURN(const auto leaving, RowsOf(moved));
  std::set<std::string> threads;  // Of those that stay.
  for (const auto& row : staying) threads.insert(row.organization() + '\0' + row.thread_id());
  for (const store::SubmissionRow& row : leaving) {
    if (threads.contains(row.organization() + '\0' + row.thread_id())) continue;
    const std::string& realm = row.exercise_id();
    NOROSHI_ASSIGN_OR_RETURN(const auto known,
                             state_.CaseOfThread(row.organization(), realm, row.thread_id()));
    if (!known) continue;
    // It may belong to another case than the one that is split.
    NOROSHI_ASSIGN_OR_RETURN(const auto live, LiveCase(*known));
    if (!live || live->case_id() != from.case_id()) continue;
    state_.SetThread(row.organization(), realm, row.thread_id(), into.case_id());
  }
  return FollowMails(leaving, staying, from.case_id(), into.case_id());
}

Result<std::vector<store::SubmissionRow>> Batch::RowsOf(
    const std::vector<store::CaseMember>& members) const {
  std::vector<store::SubmissionRow> rows;
  for (const store::CaseMember& member : members) {
    NOROSHI_ASSIGN_OR_RETURN(auto row, state_.Submission(member.sequence));
    NOROSHI_CHECK(row.has_value());
    rows.push_back(*std::move(row));
  }
  return rows;
}

}  // namespace noroshi::engine
