#include "hub/fanout/answers.h"

#include "common/base/encoding.h"
#include "common/base/uuid.h"
#include "hub/fanout/fanout.h"
#include "hub/fanout/standing.h"
#include "noroshi/v1/action.pb.h"

namespace noroshi::fanout {
namespace {

Result<void> CheckLimits(const v1::AnswerQuestion& answer) {
  const auto invalid = [](const char* why) { return Error{ErrorCode::kInvalid, why}; };
  if (answer.question_id().size() != Uuid::kBytes) return invalid("question_id: not 16 bytes");
  if (answer.text().empty()) return invalid("text: empty");
  if (answer.text().size() > kAnswerBytesMax) return invalid("text: more than 16 KiB");
  if (answer.person().size() > kPersonBytesMax) return invalid("person: more than 128 bytes");
  if (!IsValidUtf8(answer.text())) return invalid("text: not UTF-8");
  if (!IsValidUtf8(answer.person())) return invalid("person: not UTF-8");
  return {};
}

// What the question's state says to these words. False: they may be given.
Result<bool> IsAnsweredBy(const store::QuestionRow& row, const std::string& text) {
  if (row.state() == store::v1::QUESTION_STATE_WITHDRAWN) {
    return Error{ErrorCode::kConflict, "withdrawn: the centre wants no answer any more"};
  }
  if (row.state() != store::v1::QUESTION_STATE_ANSWERED) return false;
  if (row.answer() == text) return true;
  return Error{ErrorCode::kConflict,
               "already_answered: the question has been answered in other words"};
}

journal::Draft MakeDraft(const std::string& organization, const std::string& agent,
                         const v1::AnswerQuestion& answer) {
  v1::Action action;
  action.set_location("/api/v1/questions/" + Uuid::FromBytes(answer.question_id())->ToString());
  v1::QuestionAnswered& answered = *action.mutable_question_answered();
  answered.set_question_id(answer.question_id());
  answered.set_text(answer.text());
  answered.set_person(answer.person());
  journal::Draft draft;
  draft.kind = v1::ENTRY_KIND_ACTION;
  draft.organization = organization;
  draft.agent = agent;
  NOROSHI_CHECK(action.SerializeToString(&draft.body));
  return draft;
}

}  // namespace

Result<bool> Answers::Check(const std::string& organization, const std::string& agent,
                            const v1::AnswerQuestion& answer) const {
  NOROSHI_RETURN_IF_ERROR(CheckLimits(answer));
  const auto view = store_->Snapshot();
  NOROSHI_ASSIGN_OR_RETURN(const bool may, MayAct(*view, *journal_, organization, agent));
  NOROSHI_ASSIGN_OR_RETURN(const auto row, view->Question(answer.question_id()));
  if (may && row && row->organization() == organization) return IsAnsweredBy(*row, answer.text());
  NOROSHI_ASSIGN_OR_RETURN(const bool catching_up, IsCatchingUp(*view, *journal_));
  if (catching_up) {
    return Error{ErrorCode::kUnavailable, "the hub is catching up; send the answer again"};
  }
  // The same for what does not exist and for what others were asked.
  return Denied("not_asked: the organisation was never asked this");
}

Result<bool> Answers::Enter(const v1::AnswerQuestion& answer, const Done& done) {
  const std::lock_guard lock(mutex_);
  if (waiting_ >= kAnswersPendingMax) {
    return Error{ErrorCode::kOverloaded, "the hub has too many answers under way"};
  }
  const auto [pending, is_new] = pending_.try_emplace(answer.question_id());
  if (is_new) pending->second.text = answer.text();
  if (pending->second.text != answer.text()) {
    return Error{ErrorCode::kUnavailable,
                 "another answer to this question is under way; send it again"};
  }
  pending->second.waiters.push_back(done);
  ++waiting_;
  return is_new;
}

void Answers::Add(const std::string& organization, const std::string& agent,
                  const v1::AnswerQuestion& answer, Done done) {
  const auto answered = Check(organization, agent, answer);
  if (!answered.ok()) return done(answered.error());
  if (*answered) return done({});
  const auto entered = Enter(answer, done);
  if (!entered.ok()) return done(entered.error());
  if (!*entered) return;
  journal_->Append(
      MakeDraft(organization, agent, answer),
      [self = shared_from_this(), id = answer.question_id()](
          const Result<journal::Acceptance>& accepted) { self->OnAppended(id, accepted); });
}

void Answers::OnAppended(const std::string& question_id,
                         const Result<journal::Acceptance>& accepted) {
  Told told;
  {
    const std::lock_guard lock(mutex_);
    const auto pending = pending_.find(question_id);
    if (stopped_ || pending == pending_.end()) return;
    if (!accepted.ok()) {
      told = Take(pending, accepted.error());
    } else {
      pending->second.sequence = accepted->sequence;
      if (accepted->sequence >= applied_) return;
      told = Take(pending, Verdict(question_id, pending->second));
    }
  }
  for (const Done& done : told.first) done(told.second);
}

void Answers::OnApplied(uint64_t next) {
  std::vector<Told> told;
  {
    const std::lock_guard lock(mutex_);
    applied_ = next;
    if (stopped_) return;
    for (auto pending = pending_.begin(); pending != pending_.end();) {
      const auto at = pending++;
      if (!at->second.sequence || *at->second.sequence >= next) continue;
      auto verdict = Verdict(at->first, at->second);
      told.push_back(Take(at, std::move(verdict)));
    }
  }
  for (const Told& each : told) {
    for (const Done& done : each.first) done(each.second);
  }
}

Result<void> Answers::Verdict(const std::string& question_id, const Pending& pending) const {
  const auto view = store_->Snapshot();
  NOROSHI_ASSIGN_OR_RETURN(const auto audit, view->AuditOf(*pending.sequence));
  if (!audit) return Error{ErrorCode::kCorruption, "state: an action without its audit"};
  if (audit->refused().empty()) return {};
  // Another answer was first. Perhaps with the same words, from before a restart.
  NOROSHI_ASSIGN_OR_RETURN(const auto row, view->Question(question_id));
  if (!row) return Denied(audit->refused());
  NOROSHI_ASSIGN_OR_RETURN(const bool is_ours, IsAnsweredBy(*row, pending.text));
  return is_ours ? Result<void>() : Result<void>(Denied(audit->refused()));
}

Answers::Told Answers::Take(std::map<std::string, Pending>::iterator pending, Result<void> result) {
  Told told{std::move(pending->second.waiters), std::move(result)};
  waiting_ -= told.first.size();
  pending_.erase(pending);
  return told;
}

void Answers::Stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  pending_.clear();
  waiting_ = 0;
}

size_t Answers::size() const {
  const std::lock_guard lock(mutex_);
  return waiting_;
}

}  // namespace noroshi::fanout
