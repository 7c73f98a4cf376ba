// Deliveries in a conversation: fetched, sent, acknowledged, marked, answered.
#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "common/base/encoding.h"
#include "common/log/log.h"
#include "common/wire/field.h"
#include "common/wire/frame.h"
#include "hub/intake/codes.h"
#include "hub/intake/conversation.h"

namespace noroshi::intake {
namespace {

constexpr size_t kPersonBytesMax = 128;
constexpr size_t kNoteBytesMax = 1024;
constexpr size_t kAnswerBytesMax = 16 * 1024;
constexpr uint32_t kFullRetryMs = 60'000;

// What the agent is told. What failed inside the hub is its operator's to read.
std::string ReasonFor(const Error& error) {
  if (!IsRetryable(error.code)) return error.message;
  return RefusalWord(error) + ": the hub cannot take it now; it may be sent again";
}

Error OverBudgetError(uint32_t wait_ms) {
  return {ErrorCode::kOverloaded,
          fmt::format("{}: the organisation sends faster than its budget; again in {} ms",
                      rejection::kOverBudget, wait_ms)};
}

// HubFrame{Deliveries} out of messages that are serialised already.
void AppendDeliveries(const std::string& log_id, std::span<const std::string> deliveries,
                      std::string* out) {
  std::string body;
  wire::AppendField(v1::Deliveries::kLogIdFieldNumber, log_id, &body);
  for (const std::string& delivery : deliveries) {
    wire::AppendField(v1::Deliveries::kDeliveriesFieldNumber, delivery, &body);
  }
  const std::string head = wire::FieldHead(v1::HubFrame::kDeliveriesFieldNumber, body.size());
  AppendBigEndian32(static_cast<uint32_t>(head.size() + body.size()), out);
  out->append(head).append(body);
}

}  // namespace

void Conversation::OnDeliveryAck(const v1::DeliveryAck& ack) {
  if (subscription_ == nullptr || ack.position() > sent_position_) {
    return End(goodbye::kBadAck, "a position was acknowledged that was never sent");
  }
  if (ack.position() <= acknowledged_position_) return;
  acknowledged_position_ = ack.position();
  subscription_->Acknowledge(ack.position());
  FetchDeliveries();
}

void Conversation::OnSent() {
  if (!over_) FetchDeliveries();
}

void Conversation::FetchDeliveries() {
  const Limits& limits = services_.limits;
  while (subscription_ != nullptr && more_deliveries_ && !over_ &&
         output_.size() < limits.delivery_mark_bytes &&
         sent_position_ - acknowledged_position_ < limits.delivery_window) {
    const uint64_t room = limits.delivery_window - (sent_position_ - acknowledged_position_);
    auto next =
        subscription_->After(sent_position_, std::min<uint64_t>(limits.delivery_items, room),
                             limits.delivery_mark_bytes);
    if (!next.ok() && next.error().code == ErrorCode::kOverloaded) {
      return End(goodbye::kUnavailable, next.error().message, kFullRetryMs);
    }
    if (!next.ok()) return EndFor(next.error(), "deliveries_unreadable");
    more_deliveries_ = next->more;
    SendDeliveries(next->deliveries);
  }
}

void Conversation::SendDeliveries(const std::vector<std::string>& deliveries) {
  constexpr size_t kDeliveriesBytesMax = wire::kFrameBytesMax - kKiB;  // Room for the log id.
  auto first = deliveries.begin();
  size_t bytes = 0;
  const auto flush = [&](auto end) {
    if (first != end) AppendDeliveries(services_.journal.log_id(), {first, end}, &output_);
    first = end;
    bytes = 0;
  };
  for (auto next = deliveries.begin(); next != deliveries.end(); ++next) {
    const size_t size = next->size() + wire::kFieldHeadBytesMax;
    if (size > kDeliveriesBytesMax) {
      Log(Level::kError, "delivery_unsendable",
          {{"organization", party_.identity.organization},
           {"after_position", sent_position_},
           {"bytes", static_cast<uint64_t>(next->size())}});
      flush(next);
      subscription_.reset();  // In order or not at all.
      return CheckOutput();
    }
    if (bytes + size > kDeliveriesBytesMax) flush(next);
    bytes += size;
    ++sent_position_;
  }
  flush(deliveries.end());
  services_.counters.Update([&](Stats& stats) { stats.deliveries_sent += deliveries.size(); });
  CheckOutput();
}

void Conversation::OnMark(const v1::MarkAlert& mark) {
  if (mark.alert_id().size() != Uuid::kBytes || mark.mark() == v1::DELIVERY_MARK_UNSPECIFIED ||
      !v1::DeliveryMark_IsValid(mark.mark()) || mark.person().size() > kPersonBytesMax ||
      mark.note().size() > kNoteBytesMax) {
    return End(goodbye::kBadMark,
               "alert_id of 16 bytes, a known mark, person of at most 128 and "
               "note of at most 1024 bytes");
  }
  if (marks_ >= services_.limits.marks_max) {
    return End(goodbye::kTooManyMarks,
               fmt::format("at most {} marks may await an answer", services_.limits.marks_max));
  }
  if (!MayStillAct()) return;
  ++marks_;
  if (const uint32_t wait_ms = OverBudget(mark.ByteSizeLong())) {
    return OnMarked({mark, OverBudgetError(wait_ms)});
  }
  services_.feed.Mark(party_.identity, mark, [mailbox = mailbox_, mark](Result<void> result) {
    mailbox->Post(Marked{mark, std::move(result)});
  });
}

void Conversation::OnMarked(const Marked& marked) {
  --marks_;
  v1::HubFrame frame;
  v1::Marked& answer = *frame.mutable_marked();
  answer.set_alert_id(marked.mark.alert_id());
  answer.set_mark(marked.mark.mark());
  answer.set_accepted(marked.result.ok());
  if (!marked.result.ok()) {
    const Error& error = marked.result.error();
    NoteRefusal("mark_refused", &Stats::marks_refused, RefusalWord(error), error.message);
    answer.set_reason(ReasonFor(error));
    answer.set_retryable(IsRetryable(error.code));
  }
  Send(frame);
}

// That the texts are UTF-8 has been seen to by the frame's parser.
void Conversation::OnAnswer(const v1::AnswerQuestion& answer) {
  if (answer.question_id().size() != Uuid::kBytes || answer.text().empty() ||
      answer.text().size() > kAnswerBytesMax || answer.person().size() > kPersonBytesMax) {
    return End(goodbye::kBadAnswer,
               "question_id of 16 bytes, text of 1 to 16384 and person of at most 128 bytes");
  }
  if (answers_ >= services_.limits.answers_max) {
    return End(goodbye::kTooManyAnswers,
               fmt::format("at most {} answers may be under way", services_.limits.answers_max));
  }
  if (!MayStillAct()) return;
  ++answers_;
  if (const uint32_t wait_ms = OverBudget(answer.ByteSizeLong())) {
    return OnAnswered({answer.question_id(), OverBudgetError(wait_ms)});
  }
  services_.feed.Answer(party_.identity, answer,
                        [mailbox = mailbox_, id = answer.question_id()](Result<void> result) {
                          mailbox->Post(Answered{id, std::move(result)});
                        });
}

void Conversation::OnAnswered(const Answered& answered) {
  --answers_;
  v1::HubFrame frame;
  v1::Answered& answer = *frame.mutable_answered();
  answer.set_question_id(answered.question_id);
  answer.set_accepted(answered.result.ok());
  if (!answered.result.ok()) {
    const Error& error = answered.result.error();
    NoteRefusal("answer_refused", &Stats::answers_refused, RefusalWord(error), error.message);
    answer.set_reason(ReasonFor(error));
    answer.set_retryable(IsRetryable(error.code));
  }
  Send(frame);
}

}  // namespace noroshi::intake
