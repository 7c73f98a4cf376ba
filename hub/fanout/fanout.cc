#include "hub/fanout/fanout.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <optional>

#include "common/base/encoding.h"
#include "common/wire/field.h"
#include "hub/fanout/alert_cache.h"
#include "hub/fanout/answers.h"
#include "hub/fanout/cursors.h"
#include "hub/fanout/rounds.h"
#include "hub/fanout/standing.h"
#include "hub/fanout/subscriber.h"
#include "hub/fanout/tails.h"

namespace noroshi::fanout {
namespace {

Result<void> CheckMark(const v1::MarkAlert& mark) {
  const auto invalid = [](const char* why) { return Error{ErrorCode::kInvalid, why}; };
  if (mark.alert_id().size() != Uuid::kBytes) return invalid("alert_id: not 16 bytes");
  if (mark.mark() != v1::DELIVERY_MARK_READ && mark.mark() != v1::DELIVERY_MARK_ACTED &&
      mark.mark() != v1::DELIVERY_MARK_NOT_APPLICABLE) {
    return invalid("mark: unknown");
  }
  if (mark.person().size() > kPersonBytesMax) return invalid("person: more than 128 bytes");
  if (mark.note().size() > kNoteBytesMax) return invalid("note: more than 1 KiB");
  return {};
}

// Whether the delivery says exactly this already: to record it again would only fill the
// journal.
bool IsMarked(const store::DeliveryRow& delivery, const v1::MarkAlert& mark) {
  static const std::map<v1::DeliveryMark, store::v1::DeliveryState> states = {
      {v1::DELIVERY_MARK_READ, store::v1::DELIVERY_STATE_READ},
      {v1::DELIVERY_MARK_ACTED, store::v1::DELIVERY_STATE_ACTED},
      {v1::DELIVERY_MARK_NOT_APPLICABLE, store::v1::DELIVERY_STATE_NOT_APPLICABLE}};
  return delivery.state() == states.at(mark.mark()) && delivery.person() == mark.person() &&
         delivery.note() == mark.note();
}

// The question as it stands now, without who asked it and in which of the hub's cases.
Result<v1::Question> QuestionFor(const store::View& view, const std::string& id,
                                 const std::string& organization) {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, view.Question(id));
  if (!row || row->organization() != organization) {
    return Error{ErrorCode::kCorruption, "state: an outbox names a question of nobody's"};
  }
  v1::Question question;
  question.set_question_id(row->question_id());
  question.set_case_reference(row->case_reference());
  question.set_text(row->text());
  question.set_asked_at_ms(row->asked_at_ms());
  question.set_answer_by_ms(row->answer_by_ms());
  question.set_withdrawn(row->state() == store::v1::QUESTION_STATE_WITHDRAWN);
  question.set_answered(row->state() == store::v1::QUESTION_STATE_ANSWERED);
  question.set_exercise_id(row->exercise_id());
  return question;
}

// 0: there is no such agent yet.
Result<uint64_t> CursorOf(const store::View& view, const SubscribeRequest& request) {
  NOROSHI_ASSIGN_OR_RETURN(const auto agent, view.Agent(request.organization, request.agent));
  return agent ? view.CursorOf(*agent) : Result<uint64_t>(0);
}

}  // namespace

struct Fanout::State {
  State(journal::Journal* j, const store::Store* s, std::chrono::milliseconds calm)
      : journal(j),
        store(s),
        rounds(kGather, calm),
        cursors(std::make_shared<Cursors>(j)),
        answers(std::make_shared<Answers>(j, s)) {}

  journal::Journal* journal;
  const store::Store* store;
  // What all subscriptions see. Everything in the snapshot was reported, so that
  // a standing that was looked up for these identities holds for it.
  struct Look {
    std::mutex mutex;
    std::unique_ptr<store::Reader> view;  // Absent before the first use.
    uint64_t identities = 0;              // Counts their changes.
    Tails tails{kTailItemsMax, kTailBytesMax};
  };
  Look look;
  AlertCache alerts{kAlertCacheBytesMax};
  Rounds rounds;
  std::shared_ptr<Cursors> cursors;  // Shared with appends in flight, as answers are.
  std::shared_ptr<Answers> answers;

  mutable std::mutex mutex;
  std::multimap<std::string, std::shared_ptr<Subscriber>, std::less<>> subscribers;

  void Remove(const Subscriber* subscriber);
  // Everybody sees what the engine has just applied.
  void LookAgain(std::span<const store::OutboxItem> added, bool identities_changed);
  Result<Subscription::Batch> After(Subscriber* subscriber, uint64_t position, size_t max_items,
                                    size_t max_bytes);
  // The serialised delivery.
  Result<std::string> Render(const store::View& view, const std::string& organization,
                             uint64_t position, const store::OutboxRow& item);
};

void Fanout::State::Remove(const Subscriber* subscriber) {
  const std::lock_guard lock(mutex);
  auto [at, end] = subscribers.equal_range(subscriber->organization);
  while (at != end && at->second.get() != subscriber) ++at;
  if (at != end) subscribers.erase(at);
  if (subscribers.contains(subscriber->organization)) return;
  const std::lock_guard look_lock(look.mutex);
  look.tails.Forget(subscriber->organization);
}

Result<std::string> Fanout::State::Render(const store::View& view, const std::string& organization,
                                          uint64_t position, const store::OutboxRow& item) {
  v1::Delivery delivery;
  delivery.set_position(position);
  delivery.set_reason(item.reason());
  if (!item.question_id().empty()) {
    NOROSHI_ASSIGN_OR_RETURN(*delivery.mutable_question(),
                             QuestionFor(view, item.question_id(), organization));
  }
  std::string bytes = delivery.SerializeAsString();
  if (!item.update().empty()) {
    wire::AppendField(v1::Delivery::kUpdateFieldNumber, item.update(), &bytes);
  }
  if (item.alert_id().empty()) return bytes;
  NOROSHI_ASSIGN_OR_RETURN(const auto alert, alerts.Get(view, item.alert_id()));
  wire::AppendField(v1::Delivery::kAlertFieldNumber, *alert, &bytes);
  return bytes;
}

void Fanout::State::LookAgain(std::span<const store::OutboxItem> added, bool identities_changed) {
  const std::lock_guard lock(look.mutex);
  look.view = store->Snapshot();
  for (const store::OutboxItem& item : added) look.tails.Add(item);
  if (identities_changed) ++look.identities;
}

Result<Subscription::Batch> Fanout::State::After(Subscriber* subscriber, uint64_t position,
                                                 size_t max_items, size_t max_bytes) {
  if (subscriber->refused) {
    return Error{ErrorCode::kOverloaded, "more than " + std::to_string(kSubscriptionsMax) +
                                             " agents are connected for deliveries"};
  }
  subscriber->woken = false;  // Before the state is read: what comes later wakes again.
  const std::lock_guard lock(look.mutex);
  if (look.view == nullptr) look.view = store->Snapshot();
  const store::View& view = *look.view;
  Subscription::Batch batch;
  if (subscriber->allowed != look.identities) {
    NOROSHI_ASSIGN_OR_RETURN(const bool may,
                             MayAct(view, *journal, subscriber->organization, subscriber->agent));
    if (!may) return batch;
    subscriber->allowed = look.identities;
  }
  max_items = std::min(max_items, kItemsMax);
  size_t bytes = 0;
  const std::string& organization = subscriber->organization;
  const auto read = [&](uint64_t at) { return view.Outbox(organization, at); };
  while (true) {
    NOROSHI_ASSIGN_OR_RETURN(const store::OutboxRow* const item,
                             look.tails.Get(organization, position + 1, read));
    if (item == nullptr) break;
    NOROSHI_ASSIGN_OR_RETURN(std::string next, Render(view, organization, position + 1, *item));
    bytes += next.size();
    batch.more =
        batch.deliveries.size() == max_items || (bytes > max_bytes && !batch.deliveries.empty());
    if (batch.more) break;
    batch.deliveries.push_back(std::move(next));
    ++position;
  }
  if (!batch.deliveries.empty() && position > subscriber->handed_out) {
    subscriber->handed_out = position;
  }
  return batch;
}

// The handle that a session holds.
class Fanout::Live : public Subscription {
 public:
  Live(std::shared_ptr<State> state, std::shared_ptr<Subscriber> subscriber)
      : state_(std::move(state)), subscriber_(std::move(subscriber)) {}

  ~Live() override {
    state_->Remove(subscriber_.get());
    const std::lock_guard lock(subscriber_->wake_mutex);
    subscriber_->wake = nullptr;
  }

  Result<Batch> After(uint64_t position, size_t max_items, size_t max_bytes) override {
    return state_->After(subscriber_.get(), position, max_items, max_bytes);
  }

  uint64_t start_position() const override { return subscriber_->start; }

  void Acknowledge(uint64_t position) override {
    if (position > subscriber_->handed_out) return;
    state_->cursors->Advance(subscriber_->organization, subscriber_->agent, position);
  }

 private:
  std::shared_ptr<State> state_;
  std::shared_ptr<Subscriber> subscriber_;  // Shared with the wakes under way.
};

// ---- Fanout ----

Fanout::Fanout(journal::Journal* journal, const store::Store* store, std::chrono::milliseconds calm)
    : state_(std::make_shared<State>(journal, store, calm)) {
  state_->cursors->Start();
}

Fanout::~Fanout() {
  state_->answers->Stop();
  state_->cursors->Stop();
}

std::unique_ptr<Subscription> Fanout::Subscribe(const SubscribeRequest& request,
                                                std::function<void()> wake) {
  auto subscriber = std::make_shared<Subscriber>();
  subscriber->organization = request.organization;
  subscriber->agent = request.agent;
  subscriber->wake = std::move(wake);
  // A state that cannot be read says so at the first After.
  const auto known = CursorOf(*state_->store->Snapshot(), request);
  const uint64_t cursor = known.ok() ? *known : 0;
  const bool is_ours = request.log_id == state_->journal->log_id();
  subscriber->start = is_ours ? request.position : cursor;
  subscriber->handed_out = subscriber->start;
  {
    const std::lock_guard lock(state_->mutex);
    subscriber->refused = state_->subscribers.size() >= kSubscriptionsMax;
    if (!subscriber->refused) state_->subscribers.emplace(request.organization, subscriber);
  }
  auto live = std::make_unique<Live>(state_, std::move(subscriber));
  // What the agent holds, it has acknowledged, even if the acknowledgement was lost.
  if (is_ours && request.position > cursor) live->Acknowledge(request.position);
  return live;
}

void Fanout::Mark(const std::string& organization, const std::string& agent,
                  const v1::MarkAlert& mark, std::function<void(Result<void>)> done) {
  bool known = false;
  const auto check = [&]() -> Result<void> {
    NOROSHI_RETURN_IF_ERROR(CheckMark(mark));
    const auto view = state_->store->Snapshot();
    NOROSHI_ASSIGN_OR_RETURN(const bool may, MayAct(*view, *state_->journal, organization, agent));
    NOROSHI_ASSIGN_OR_RETURN(const auto delivery, view->Delivery(mark.alert_id(), organization));
    NOROSHI_ASSIGN_OR_RETURN(const bool catching_up, IsCatchingUp(*view, *state_->journal));
    // Of what is not applied yet, a mark may say something else of this alert.
    known = !catching_up && delivery && IsMarked(*delivery, mark);
    if (may && delivery) return {};
    if (catching_up) {
      return Error{ErrorCode::kUnavailable, "the hub is catching up; send the mark again"};
    }
    return Denied("not_delivered: the organisation never got this alert");
  };
  const auto checked = check();
  if (!checked.ok() || known) return done(checked);
  v1::AlertMarked marked;
  marked.set_alert_id(mark.alert_id());
  marked.set_mark(mark.mark());
  marked.set_person(mark.person());
  marked.set_note(mark.note());
  journal::Draft draft;
  draft.kind = v1::ENTRY_KIND_ALERT_MARKED;
  draft.organization = organization;
  draft.agent = agent;
  NOROSHI_CHECK(marked.SerializeToString(&draft.body));
  state_->journal->Append(std::move(draft), [done](Result<journal::Acceptance> accepted) {
    done(accepted.ok() ? Result<void>() : Result<void>(accepted.error()));
  });
}

void Fanout::Answer(const std::string& organization, const std::string& agent,
                    const v1::AnswerQuestion& answer, std::function<void(Result<void>)> done) {
  state_->answers->Add(organization, agent, answer, std::move(done));
}

void Fanout::OnEntriesApplied(uint64_t next) { state_->answers->OnApplied(next); }

void Fanout::OnApplied(std::span<const store::OutboxItem> items) {
  state_->LookAgain(items, /*identities_changed=*/false);
  std::vector<std::shared_ptr<Subscriber>> concerned;
  {
    const std::lock_guard lock(state_->mutex);
    for (const store::OutboxItem& item : items) {
      const auto [begin, end] = state_->subscribers.equal_range(item.organization);
      for (auto at = begin; at != end; ++at) concerned.push_back(at->second);
    }
  }
  state_->rounds.Add(std::move(concerned));
}

void Fanout::OnIdentitiesChanged() {
  state_->LookAgain({}, /*identities_changed=*/true);
  std::vector<std::shared_ptr<Subscriber>> all;
  {
    const std::lock_guard lock(state_->mutex);
    for (const auto& [organization, subscriber] : state_->subscribers) all.push_back(subscriber);
  }
  for (const auto& subscriber : all) subscriber->Wake();
}

size_t Fanout::subscriptions() const {
  const std::lock_guard lock(state_->mutex);
  return state_->subscribers.size();
}

size_t Fanout::pending_answers() const { return state_->answers->size(); }

size_t Fanout::pending_cursors() const { return state_->cursors->size(); }

void Fanout::Flush() { state_->cursors->Flush(); }

}  // namespace noroshi::fanout
