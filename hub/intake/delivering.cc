// Deliveries in a conversation: fetched, sent, acknowledged, marked.
#include <fmt/format.h>

#include <algorithm>

#include "common/log/log.h"
#include "common/wire/frame.h"
#include "hub/intake/codes.h"
#include "hub/intake/conversation.h"

namespace noroshi::intake {
namespace {

constexpr size_t kPersonBytesMax = 128;
constexpr size_t kNoteBytesMax = 1024;

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
    if (!next.ok()) {
      Log(Level::kError, "deliveries_unreadable",
          {{"organization", party_.identity.organization}, {"error", next.error().message}});
      return End(goodbye::kUnavailable, "deliveries cannot be read now", 30'000);
    }
    if (next->empty()) {
      more_deliveries_ = false;
      return;
    }
    SendDeliveries(*next);
  }
}

void Conversation::SendDeliveries(const std::vector<std::string>& deliveries) {
  constexpr size_t kDeliveriesBytesMax = wire::kFrameBytesMax - kKiB;  // Room for the log id.
  v1::HubFrame frame;
  size_t bytes = 0;
  const auto flush = [&] {
    if (bytes == 0) return;
    frame.mutable_deliveries()->set_log_id(services_.journal.log_id());
    Send(frame);
    frame.Clear();
    bytes = 0;
  };
  for (const std::string& delivery : deliveries) {
    const size_t size = delivery.size() + 8;
    v1::Delivery parsed;
    if (size > kDeliveriesBytesMax || !parsed.ParseFromString(delivery) ||
        parsed.position() <= sent_position_) {
      Log(Level::kError, "delivery_unsendable",
          {{"organization", party_.identity.organization},
           {"after_position", sent_position_},
           {"bytes", static_cast<uint64_t>(delivery.size())}});
      subscription_.reset();  // In order or not at all.
      break;
    }
    if (bytes + size > kDeliveriesBytesMax) flush();
    bytes += size;
    sent_position_ = parsed.position();
    *frame.mutable_deliveries()->add_deliveries() = std::move(parsed);
    services_.counters.Update([](Stats& stats) { ++stats.deliveries_sent; });
  }
  flush();
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
    answer.set_reason(marked.result.error().message);
    const ErrorCode code = marked.result.error().code;
    answer.set_retryable(code != ErrorCode::kDenied && code != ErrorCode::kInvalid &&
                         code != ErrorCode::kNotFound);
  }
  Send(frame);
}

}  // namespace noroshi::intake
