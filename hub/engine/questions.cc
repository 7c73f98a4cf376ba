// Questions to a reporter (照会), and their answers.
#include "hub/engine/batch.h"
#include "hub/engine/refusals.h"

namespace noroshi::engine {

Batch::Effect Batch::Ask(const v1::QuestionAsked& asked) {
  NOROSHI_ASSIGN_OR_RETURN(const auto about, state_.Case(asked.case_id()));
  NOROSHI_ASSIGN_OR_RETURN(const auto known, state_.Question(asked.question_id()));
  if (!about || asked.question_id().size() != Uuid::kBytes) return kRefusedNotFound;
  if (about->status() == store::v1::CASE_STATUS_JOINED) return kRefusedState;
  if (known) return kRefusedUsed;
  if (asked.text().size() > kQuestionBytesMax) return kRefusedTooLong;
  NOROSHI_ASSIGN_OR_RETURN(const auto reference,
                           state_.FirstInCase(asked.case_id(), asked.organization()));
  if (!reference) return kRefusedNotFound;  // It is not a reporter of this case.
  store::QuestionRow row;
  row.set_question_id(asked.question_id());
  row.set_case_id(asked.case_id());
  row.set_organization(asked.organization());
  row.set_text(asked.text());
  row.set_asked_by(std::string(at_.agent));
  row.set_asked_at_ms(at_.time_ms);
  row.set_answer_by_ms(asked.answer_by_ms());
  row.set_state(store::v1::QUESTION_STATE_ASKED);
  row.set_case_reference(*reference);
  row.set_exercise_id(about->exercise_id());
  state_.AddToList(store::List::kQuestionsOfCase, store::NumberOwner(row.case_id()),
                   row.question_id());
  state_.AddToList(store::List::kQuestionsTo, row.organization(), row.question_id());
  state_.AddToList(store::List::kQuestionsOpen, "", row.question_id());
  RecordEvent(row.case_id(), "question_asked", row.organization() + ": " + row.text(), 0);
  NOROSHI_RETURN_IF_ERROR(SendQuestion(row));
  return std::string();
}

// Into the outbox of the one that is asked. Also writes the row.
Result<void> Batch::SendQuestion(const store::QuestionRow& row) {
  state_.SetQuestion(row);
  applied_.questions.push_back(row.question_id());
  cases_.insert(row.case_id());
  store::OrganizationRow* asked = FindOrganization(row.organization());
  if (asked == nullptr) return {};
  sharing::Content content;
  content.exercise_id = row.exercise_id();
  content.submitter = row.organization();
  const v1::OrganizationSet* candidate = &asked->organization();
  NOROSHI_ASSIGN_OR_RETURN(
      const sharing::Audience audience,
      sharing::DecideAudience(sharing::Purpose::kUpdate, content, {}, {&candidate, 1}));
  for (const sharing::Decided& recipient : audience.recipients) {
    store::OutboxRow item;
    item.set_question_id(row.question_id());
    item.set_reason(recipient.reason);
    AddToOutbox(*asked, std::move(item));
  }
  return {};
}

Batch::Effect Batch::Answer(const v1::QuestionAnswered& answered) {
  NOROSHI_ASSIGN_OR_RETURN(auto row, state_.Question(answered.question_id()));
  if (!row) return kRefusedNotFound;
  // The one that was asked answers, or the centre writes down what it was told.
  if (row->organization() != at_.organization && !ActorIsOfCentre()) return kRefusedOwner;
  if (row->state() != store::v1::QUESTION_STATE_ASKED) return kRefusedState;
  if (answered.text().size() > kAnswerBytesMax) return kRefusedTooLong;
  row->set_state(store::v1::QUESTION_STATE_ANSWERED);
  row->set_answer(answered.text());
  row->set_answered_by(answered.person().empty() ? std::string(at_.agent) : answered.person());
  row->set_answered_at_ms(at_.time_ms);
  state_.RemoveFromList(store::List::kQuestionsOpen, "", row->question_id());
  RecordEvent(row->case_id(), "question_answered", row->organization() + ": " + row->answer(), 0);
  // Whoever else of the organisation was asked need not answer any more.
  NOROSHI_RETURN_IF_ERROR(SendQuestion(*row));
  return std::string();
}

Batch::Effect Batch::Withdraw(const v1::QuestionWithdrawn& withdrawn) {
  NOROSHI_ASSIGN_OR_RETURN(auto row, state_.Question(withdrawn.question_id()));
  if (!row) return kRefusedNotFound;
  if (row->state() != store::v1::QUESTION_STATE_ASKED) return kRefusedState;
  row->set_state(store::v1::QUESTION_STATE_WITHDRAWN);
  row->set_withdrawn_reason(withdrawn.reason());
  state_.RemoveFromList(store::List::kQuestionsOpen, "", row->question_id());
  RecordEvent(row->case_id(), "question_withdrawn", withdrawn.reason(), 0);
  NOROSHI_RETURN_IF_ERROR(SendQuestion(*row));
  return std::string();
}

}  // namespace noroshi::engine
