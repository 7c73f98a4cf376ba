// Questions of the centre to a reporter (照会), and their answers.
#include "hub/api/questions.h"

#include <fmt/format.h>

#include "common/base/encoding.h"
#include "common/base/uuid.h"
#include "hub/engine/engine.h"
#include "hub/render/json.h"

namespace noroshi::api {
namespace {

using access::Deed;
using render::TimeJson;
using render::UuidText;

std::string Path(const std::string& id) { return "/questions/" + UuidText(id); }

// Who answered: to an organisation its own person, or that it was the centre.
std::string AnsweredBy(const Call& call, const store::QuestionRow& row, bool by_centre) {
  return call.is_centre() || !by_centre ? row.answered_by() : "centre";
}

Result<bool> WasAnsweredByCentre(const Call& call, const store::QuestionRow& row) {
  const std::string& who = row.answered_by();
  if (who.starts_with("admin:")) return true;
  if (!who.starts_with("person:")) return false;
  NOROSHI_ASSIGN_OR_RETURN(const auto person,
                           call.view().Person(who.substr(sizeof("person:") - 1)));
  return person && person->person().organization() != row.organization();
}

json::object HeadJson(const Call& call, const store::QuestionRow& row) {
  json::object object{{"question_id", UuidText(row.question_id())},
                      {"organization", row.organization()},
                      {"case_reference", UuidText(row.case_reference())},
                      {"exercise_id", row.exercise_id()},
                      {"state", render::Word(row.state())},
                      {"asked_at", TimeJson(row.asked_at_ms())},
                      {"answer_by", TimeJson(row.answer_by_ms())},
                      {"answered_at", TimeJson(row.answered_at_ms())},
                      {"withheld", true}};
  if (!call.is_centre()) return object;
  // Case numbers would tell an organisation who was earlier.
  object["case_id"] = row.case_id();
  object["asked_by"] = row.asked_by();
  return object;
}

Result<json::object> WholeJson(const Call& call, const store::QuestionRow& row) {
  NOROSHI_ASSIGN_OR_RETURN(const bool by_centre, WasAnsweredByCentre(call, row));
  json::object object = HeadJson(call, row);
  object["withheld"] = false;
  object["text"] = row.text();
  object["answer"] = row.answer();
  object["answered_by"] = AnsweredBy(call, row, by_centre);
  object["withdrawn_reason"] = row.withdrawn_reason();
  return object;
}

Result<Reply> AnswerQuestion(Call& call, const std::string& id, int status) {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, call.view().Question(id));
  if (!row) return Error{ErrorCode::kNotFound, "there is no such question"};
  NOROSHI_ASSIGN_OR_RETURN(auto body, WholeJson(call, *row));
  Reply reply{status, std::move(body), {}, {}};
  if (status == 201) reply.headers.Set("Location", "/api/v1" + Path(id));
  return reply;
}

// The question that the path names, authorised by the route's deed.
Result<store::QuestionRow> FindQuestion(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const std::string id, call.IdParam("question_id"));
  NOROSHI_ASSIGN_OR_RETURN(auto row, call.view().Question(id));
  access::Object object = NoObject();
  if (row) {
    NOROSHI_ASSIGN_OR_RETURN(object, ObjectOfQuestion(call.view(), call.actor(), *row));
  }
  NOROSHI_RETURN_IF_ERROR(call.Authorize(object));
  if (!row) return Error{ErrorCode::kNotFound, "there is no such resource"};
  return *std::move(row);
}

Result<void> CheckBytes(const Call& call, std::string_view field, size_t max) {
  const size_t size = call.Text(field).size();
  if (size <= max) return {};
  return Error{ErrorCode::kInvalid,
               fmt::format("{}: {} bytes of UTF-8; at most {}", field, size, max)};
}

// ---- lists ----

struct Filter {
  std::optional<store::v1::QuestionState> state;
  std::string organization;
  std::optional<uint64_t> case_id;

  bool Fits(const store::QuestionRow& row) const {
    if (state && row.state() != *state) return false;
    if (!organization.empty() && row.organization() != organization) return false;
    return !case_id || row.case_id() == *case_id;
  }
};

Result<Filter> ReadFilter(const Call& call) {
  Filter filter;
  const std::string state = call.Query("state");
  if (state == "open") {
    filter.state = store::v1::QUESTION_STATE_ASKED;
  } else if (!state.empty()) {
    const auto value = render::FromWord<store::v1::QuestionState>(state);
    if (!value.ok()) return value.error().Prefixed("state");
    filter.state = *value;
  }
  filter.organization = call.is_centre() ? call.Query("organization") : call.actor().organization;
  const std::string case_id = call.Query("case_id");
  // Members do not know case numbers, and are not to find them out.
  if (!case_id.empty() && call.is_centre()) {
    NOROSHI_ASSIGN_OR_RETURN(filter.case_id, call.NumberQuery("case_id"));
  }
  return filter;
}

std::optional<std::pair<store::List, std::string>> IndexFor(const Filter& filter) {
  using store::List;
  if (filter.case_id) {
    return std::pair(List::kQuestionsOfCase, store::NumberOwner(*filter.case_id));
  }
  if (!filter.organization.empty()) return std::pair(List::kQuestionsTo, filter.organization);
  if (filter.state == store::v1::QUESTION_STATE_ASKED) {
    return std::pair(List::kQuestionsOpen, std::string());
  }
  return std::nullopt;
}

// Up to `wanted` questions before an id, newest first.
Result<std::vector<store::QuestionRow>> NextQuestions(const store::View& view, const Filter& filter,
                                                      const std::string& before, size_t wanted) {
  const auto index = IndexFor(filter);
  if (!index) return view.Questions(before, wanted);
  NOROSHI_ASSIGN_OR_RETURN(const auto ids, view.Ids(index->first, index->second, before, wanted));
  std::vector<store::QuestionRow> rows;
  for (const std::string& id : ids) {
    NOROSHI_ASSIGN_OR_RETURN(auto row, view.Question(id));
    if (!row) return Error{ErrorCode::kInternal, "a list names a question that is not there"};
    rows.push_back(*std::move(row));
  }
  return rows;
}

Result<Reply> ListQuestions(Call& call) {
  NOROSHI_RETURN_IF_ERROR(call.Authorize(OwnedBy(call.actor().organization)));
  NOROSHI_ASSIGN_OR_RETURN(const Filter filter, ReadFilter(call));
  NOROSHI_ASSIGN_OR_RETURN(const size_t limit, call.Limit());
  NOROSHI_ASSIGN_OR_RETURN(std::string position, call.Cursor());
  json::array items;
  size_t looked_at = 0;
  bool more = true;
  while (more && items.size() < limit && looked_at < kLookedAtMax) {
    const size_t wanted = std::min(kLookedAtMax - looked_at, std::max<size_t>(limit, kPageDefault));
    NOROSHI_ASSIGN_OR_RETURN(const auto rows, NextQuestions(call.view(), filter, position, wanted));
    more = rows.size() == wanted;
    for (const store::QuestionRow& row : rows) {
      position = row.question_id();
      ++looked_at;
      if (!filter.Fits(row)) continue;
      NOROSHI_ASSIGN_OR_RETURN(auto item, QuestionSummary(call, row));
      if (!item) continue;
      items.emplace_back(*std::move(item));
      if (items.size() < limit) continue;
      more = true;
      break;
    }
  }
  return Page("questions", std::move(items), more ? position : "");
}

Result<Reply> ShowQuestion(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, FindQuestion(call));
  return AnswerQuestion(call, row.question_id(), 200);
}

// ---- changes ----

Result<Reply> AskQuestion(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const uint64_t case_id, call.NumberParam("case_id"));
  NOROSHI_ASSIGN_OR_RETURN(const auto about, call.view().Case(case_id));
  NOROSHI_RETURN_IF_ERROR(call.Authorize(about ? ObjectOf(*about) : NoObject()));
  if (!about) return Error{ErrorCode::kNotFound, "there is no such resource"};
  NOROSHI_RETURN_IF_ERROR(CheckBytes(call, "text", engine::kQuestionBytesMax));
  v1::Action action;
  v1::QuestionAsked& asked = *action.mutable_question_asked();
  asked.set_question_id(call.NewId());
  asked.set_case_id(case_id);
  asked.set_organization(call.Text("organization"));
  asked.set_text(call.Text("text"));
  if (call.Has("answer_by")) {
    const auto answer_by = ParseUtc(call.Text("answer_by"));
    if (!answer_by.ok()) return answer_by.error().Prefixed("answer_by");
    if (*answer_by <= call.now_ms()) {
      return Error{ErrorCode::kInvalid, "answer_by: this time has passed"};
    }
    asked.set_answer_by_ms(*answer_by);
  }
  NOROSHI_ASSIGN_OR_RETURN(const auto reported,
                           call.view().FirstInCase(case_id, asked.organization()));
  if (!reported) {
    return Error{ErrorCode::kInvalid, "organization: it has reported nothing of this case"};
  }
  const std::string id = asked.question_id();
  NOROSHI_RETURN_IF_ERROR(call.Commit(std::move(action), Path(id)));
  return AnswerQuestion(call, id, 201);
}

Result<Reply> GiveAnswer(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, FindQuestion(call));
  NOROSHI_RETURN_IF_ERROR(CheckBytes(call, "text", engine::kAnswerBytesMax));
  v1::Action action;
  action.mutable_question_answered()->set_question_id(row.question_id());
  action.mutable_question_answered()->set_text(call.Text("text"));
  NOROSHI_RETURN_IF_ERROR(call.Commit(std::move(action), Path(row.question_id())));
  return AnswerQuestion(call, row.question_id(), 200);
}

Result<Reply> WithdrawQuestion(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, FindQuestion(call));
  v1::Action action;
  action.mutable_question_withdrawn()->set_question_id(row.question_id());
  action.mutable_question_withdrawn()->set_reason(call.Text("reason"));
  NOROSHI_RETURN_IF_ERROR(call.Commit(std::move(action), Path(row.question_id())));
  return AnswerQuestion(call, row.question_id(), 200);
}

}  // namespace

Result<access::Object> ObjectOfQuestion(const store::View& view, const access::Actor& actor,
                                        const store::QuestionRow& row) {
  access::Object object;
  object.tlp = v1::TLP_RED;
  if (actor.centre || actor.kind == access::Actor::Kind::kLocal) {
    NOROSHI_ASSIGN_OR_RETURN(const auto about, view.Case(row.case_id()));
    if (about) object = ObjectOf(*about);
  } else {
    NOROSHI_ASSIGN_OR_RETURN(const auto sequence,
                             view.SubmissionSequence(row.organization(), row.case_reference()));
    NOROSHI_ASSIGN_OR_RETURN(const auto report, view.Submission(sequence.value_or(0)));
    if (sequence && report) object = ObjectOf(*report);
  }
  object.owner = row.organization();
  return object;
}

Result<std::optional<json::object>> QuestionSummary(Call& call, const store::QuestionRow& row) {
  NOROSHI_ASSIGN_OR_RETURN(const access::Object object,
                           ObjectOfQuestion(call.view(), call.actor(), row));
  const access::Decision decision = call.Decide(Deed::kQuestionRead, object);
  if (!decision.allowed) return std::optional<json::object>();
  if (decision.record) return std::optional(HeadJson(call, row));
  NOROSHI_ASSIGN_OR_RETURN(auto whole, WholeJson(call, row));
  return std::optional(std::move(whole));
}

void AddQuestionRoutes(std::vector<Route>* routes) {
  const auto add = [&](Route route) { routes->push_back(std::move(route)); };
  add({"POST",
       "/cases/{case_id}/questions",
       Deed::kQuestionAsk,
       AskQuestion,
       "Ask a reporter of the case",
       "QuestionAsk",
       "Question",
       {}});
  add({"GET",
       "/questions",
       Deed::kQuestionRead,
       ListQuestions,
       "Questions, newest first; at an organisation those that it was asked",
       "",
       "QuestionPage",
       {"limit", "cursor", "state", "organization", "case_id"}});
  add({"GET",
       "/questions/{question_id}",
       Deed::kQuestionRead,
       ShowQuestion,
       "One question",
       "",
       "Question",
       {}});
  add({"POST",
       "/questions/{question_id}/answer",
       Deed::kQuestionAnswer,
       GiveAnswer,
       "Answer it",
       "QuestionAnswer",
       "Question",
       {}});
  add({"POST",
       "/questions/{question_id}/withdrawal",
       Deed::kQuestionAsk,
       WithdrawQuestion,
       "Take it back",
       "QuestionWithdraw",
       "Question",
       {}});
}

}  // namespace noroshi::api
