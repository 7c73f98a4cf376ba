#include "agent/session/conversation.h"

#include <limits>

#include "common/base/encoding.h"
#include "common/log/log.h"
#include "common/merkle/merkle.h"
#include "common/wire/frame.h"

namespace noroshi::session {
namespace {

constexpr std::chrono::milliseconds kRetryDefault{1000};
constexpr std::chrono::milliseconds kRetryMax{15 * 60'000};
constexpr std::chrono::milliseconds kMarkRetry{10'000};  // Of answers, too.

Error HistoryError(const std::string& what) {
  return {ErrorCode::kCorruption, "the hub does not continue the history that we know: " + what};
}

bool SameHead(const v1::TreeHead& a, const v1::TreeHead& b) {
  return a.log_id() == b.log_id() && a.tree_size() == b.tree_size() &&
         a.root_hash() == b.root_hash();
}

// Whether the same renewal may succeed later: docs/protocol.md.
bool MayAskAgain(std::string_view refusal) {
  return !refusal.starts_with("may_not_renew") && !refusal.starts_with("bad_request");
}

}  // namespace

Conversation::Conversation(const Parts& parts, Options options, Events events)
    : parts_(parts), options_(std::move(options)), events_(std::move(events)) {}

void Conversation::Send(const v1::AgentFrame& frame) { wire::AppendFrame(frame, &control_); }

Result<void> Conversation::Begin() {
  NOROSHI_ASSIGN_OR_RETURN(last_, parts_.head.Load());
  v1::AgentFrame frame;
  v1::Hello& hello = *frame.mutable_hello();
  hello.set_software("noroshi-agent/" NOROSHI_VERSION);
  hello.set_minor(wire::kMinorVersion);
  if (last_) *hello.mutable_last_head() = *last_;
  hello.set_delivery_log_id(parts_.inbox.log_id());
  hello.set_delivery_position(parts_.inbox.position());
  hello.set_wants_deliveries(options_.wants_deliveries);
  Send(frame);
  return {};
}

Result<void> Conversation::OnFrame(std::string_view bytes) {
  v1::HubFrame frame;
  if (!frame.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return Error{ErrorCode::kInvalid, "the hub sent a frame that is not a HubFrame"};
  using Frame = v1::HubFrame;
  if (frame.frame_case() == Frame::kGoodbye) return OnGoodbye(frame.goodbye());
  if (!welcomed_ && frame.frame_case() != Frame::kWelcome)
    return Error{ErrorCode::kInvalid, "the hub's first frame is not Welcome"};
  if (frame.frame_case() != Frame::kReceipts) NOROSHI_RETURN_IF_ERROR(Settle());
  switch (frame.frame_case()) {
    case Frame::kWelcome:
      return OnWelcome(frame.welcome(), bytes);
    case Frame::kReceipts:
      return OnReceipts(frame.mutable_receipts(), bytes);
    case Frame::kRejection:
      return OnRejection(frame.rejection());
    case Frame::kDeliveries:
      return OnDeliveries(frame.deliveries());
    case Frame::kWindow:
      window_ = std::min(frame.window().window_bytes(), kWindowBytesMax);
      return {};
    case Frame::kMarked:
      return OnMarked(frame.marked());
    case Frame::kAnswered:
      return OnAnswered(frame.answered());
    case Frame::kCertificate:
      return OnCertificate(frame.certificate());
    case Frame::kPong:
      last_pong_ = frame.pong().token();
      return {};
    case Frame::kGoodbye:
    case Frame::FRAME_NOT_SET:
      break;  // Of a newer hub: not for us.
  }
  return {};
}

// Loud, with evidence for the centre and the auditor.
Error Conversation::Refuse(std::string_view event, const Error& error, std::string_view frame) {
  Log(Level::kError, event, {{"error", error.message}});
  evidence_ = "{\"event\":\"" + std::string(event) + "\",\"known_head\":\"" +
              ToHex(last_ ? last_->SerializeAsString() : "") + "\",\"proven_head\":\"" +
              ToHex(proven_.SerializeAsString()) + "\",\"hub_frame\":\"" +
              ToHex(frame.substr(0, kEvidenceBytesMax / 2)) + "\"}\n";
  return {ErrorCode::kCorruption, error.message};
}

Result<void> Conversation::OnWelcome(const v1::Welcome& welcome, std::string_view frame) {
  if (welcomed_) return Error{ErrorCode::kInvalid, "the hub sent Welcome twice"};
  if (auto valid = merkle::VerifyTreeHead(welcome.head(), options_.pins.log_public_key);
      !valid.ok())
    return Refuse("head_invalid", valid.error(), frame);
  if (auto history = CheckHistory(welcome); !history.ok()) {
    if (history.error().code != ErrorCode::kCorruption) return history;
    return Refuse("history_rewritten", history.error(), frame);
  }
  proven_ = welcome.head();
  NOROSHI_RETURN_IF_ERROR(parts_.head.Store(proven_));
  window_ = std::min(welcome.window_bytes(), kWindowBytesMax);
  submission_max_ = welcome.submission_bytes_max();
  renew_only_ = welcome.renew_only();
  takes_answers_ = welcome.minor() >= wire::kMinorWithAnswers;
  welcomed_ = true;
  Log(Level::kInfo, "session_open",
      {{"organization", welcome.organization()},
       {"agent", welcome.agent()},
       {"hub", welcome.software()},
       {"tree_size", uint64_t{proven_.tree_size()}}});
  if (!options_.renewal_csr.empty()) AskForRenewal();
  return Rescan();
}

Result<void> Conversation::CheckHistory(const v1::Welcome& welcome) {
  const std::string& known_log = last_ ? last_->log_id() : options_.pins.log_id;
  if (welcome.head().log_id() != known_log) return AcceptNewLog(welcome, last_, known_log);
  if (last_) NOROSHI_RETURN_IF_ERROR(CheckSameLog(welcome, *last_));
  // Our newest receipt speaks for a head, too: the log cannot be shorter now.
  NOROSHI_ASSIGN_OR_RETURN(const auto receipt,
                           parts_.spool.NewestReceiptHead(parts_.clock.NowMs()));
  if (!receipt || receipt->log_id() != known_log) return {};
  if (welcome.head().tree_size() < receipt->tree_size())
    return HistoryError("its log is shorter than when it gave our last receipt");
  if (welcome.head().tree_size() == receipt->tree_size() && !SameHead(welcome.head(), *receipt))
    return HistoryError("its log differs from the one of our last receipt");
  return {};
}

Result<void> Conversation::CheckSameLog(const v1::Welcome& welcome, const v1::TreeHead& last) {
  if (welcome.head().tree_size() < last.tree_size())
    return HistoryError("its log is shorter than before");
  const auto consistent =
      merkle::VerifyConsistency(last.tree_size(), last.root_hash(), welcome.head().tree_size(),
                                welcome.head().root_hash(), welcome.consistency_proof());
  return consistent.ok() ? Result<void>() : HistoryError(consistent.error().message);
}

Result<void> Conversation::AcceptNewLog(const v1::Welcome& welcome,
                                        const std::optional<v1::TreeHead>& last,
                                        const std::string& last_log) {
  const v1::TreeHead& head = welcome.head();
  // From the newest statement back to the log that we know: what survives all
  // later restores survives.
  uint64_t surviving = std::numeric_limits<uint64_t>::max();
  spool::Survivors survivors = {{head.log_id(), surviving}};
  std::string root;
  for (int i = welcome.restored_size() - 1; i >= 0; --i) {
    const v1::Restored& step = welcome.restored(i);
    const std::string& next =
        i + 1 < welcome.restored_size() ? welcome.restored(i + 1).old_log_id() : head.log_id();
    if (auto valid = merkle::VerifyRestored(next, step, options_.pins.log_public_key); !valid.ok())
      return HistoryError(valid.error().message);
    if (step.old_tree_size() < surviving) root = step.old_root_hash();
    surviving = std::min(surviving, step.old_tree_size());
    survivors[step.old_log_id()] = surviving;
    if (step.old_log_id() == last_log) break;
  }
  if (!survivors.contains(last_log))
    return HistoryError("it has another log and no statement of a restore from ours");
  // The surviving part is proven as in any log: from our head if it lies within,
  // else from where the old log was cut.
  const bool within = last && last->tree_size() <= surviving;
  const uint64_t base = within ? last->tree_size() : last ? surviving : 0;
  const auto consistent =
      merkle::VerifyConsistency(base, within ? last->root_hash() : root, head.tree_size(),
                                head.root_hash(), welcome.consistency_proof());
  if (base > 0 && !consistent.ok()) return HistoryError(consistent.error().message);
  NOROSHI_ASSIGN_OR_RETURN(const auto back, parts_.spool.PutBack(survivors, parts_.clock.NowMs()));
  Log(Level::kWarning, "hub_restored",
      {{"old_log", ToHex(last_log)},
       {"new_log", ToHex(head.log_id())},
       {"surviving_entries", surviving},
       {"put_back", static_cast<uint64_t>(back.size())}});
  NOROSHI_ASSIGN_OR_RETURN(const size_t answers, parts_.questions.PutBack());
  if (answers > 0) Log(Level::kWarning, "answers_put_back", {{"answers", uint64_t{answers}}});
  return events_.restored ? events_.restored(head, back.size()) : Result<void>();
}

Result<void> Conversation::OnReceipts(v1::Receipts* receipts, std::string_view frame) {
  if (auto valid = merkle::VerifyTreeHead(receipts->head(), options_.pins.log_public_key);
      !valid.ok())
    return Refuse("head_invalid", valid.error(), frame);
  if (receipts->head().log_id() != proven_.log_id())
    return Refuse("receipt_invalid", {ErrorCode::kCorruption, "a receipt of another log"}, frame);
  if (auto advanced = AdvanceHead(*receipts); !advanced.ok())
    return Refuse("history_rewritten", advanced.error(), frame);
  const size_t bytes = frame.size() + static_cast<size_t>(receipts->receipts_size()) *
                                          receipts->head().ByteSizeLong();
  if (receipted_bytes_ + bytes > kJointReceiptsBytesMax) NOROSHI_RETURN_IF_ERROR(Settle());
  std::map<std::string, v1::Receipt> verified;  // All of the frame, or none.
  for (v1::Receipt& receipt : *receipts->mutable_receipts()) {
    const std::string& id = receipt.submission_id();
    const auto found = in_flight_.find(id);
    if (found == in_flight_.end() || receipted_.contains(id) || verified.contains(id)) {
      Log(Level::kWarning, "receipt_unexpected", {{"submission", ToHex(id)}});
      continue;
    }
    if (auto valid = merkle::VerifyReceiptUnder(receipts->head(), receipt, found->second->bytes,
                                                options_.pins.organization);
        !valid.ok())
      return Refuse("receipt_invalid", valid.error(), frame);
    *receipt.mutable_head() = receipts->head();
    verified.emplace(id, receipt);
  }
  receipted_.merge(verified);
  receipted_bytes_ += bytes;
  receipted_head_ = receipts->head();
  return {};
}

Result<void> Conversation::Settle() {
  if (receipted_.empty()) return {};
  v1::Receipts kept;
  *kept.mutable_head() = receipted_head_;
  std::vector<spool::Item> items;
  for (const auto& [id, receipt] : receipted_) {
    v1::Receipt& added = *kept.add_receipts();
    added = receipt;
    if (SameHead(added.head(), receipted_head_)) added.clear_head();  // Most share it.
    items.push_back(in_flight_.at(id)->item);
  }
  NOROSHI_RETURN_IF_ERROR(parts_.spool.Accept(kept, items, parts_.clock.NowMs()));
  receipted_.clear();
  receipted_bytes_ = 0;
  for (const v1::Receipt& receipt : kept.receipts()) {
    const auto transfer = Finish(receipt.submission_id());
    FreeThread(transfer->thread);
    Log(Level::kInfo, "receipt_verified",
        {{"submission", transfer->item.id.ToString()}, {"sequence", uint64_t{receipt.sequence()}}});
  }
  receipts_seen_ += items.size();
  return {};
}

Result<void> Conversation::AdvanceHead(const v1::Receipts& receipts) {
  const v1::TreeHead& head = receipts.head();
  if (head.tree_size() <= proven_.tree_size()) {
    if (head.tree_size() == proven_.tree_size() && !SameHead(head, proven_))
      return HistoryError("two roots for one size");
    return {};  // An earlier head: inclusion is proven, there is nothing to advance.
  }
  if (receipts.consistency_proof().empty()) chain_unbroken_ = false;
  if (!chain_unbroken_) return {};  // The next Welcome proves from the last proven head.
  const auto consistent =
      merkle::VerifyConsistency(proven_.tree_size(), proven_.root_hash(), head.tree_size(),
                                head.root_hash(), receipts.consistency_proof());
  if (!consistent.ok()) return HistoryError(consistent.error().message);
  proven_ = head;
  head_changed_ = true;
  return {};
}

Result<void> Conversation::OnRejection(const v1::Rejection& rejection) {
  if (!in_flight_.contains(rejection.submission_id()))
    return Error{ErrorCode::kInvalid, "the hub rejected what we did not send: " + rejection.code() +
                                          " " + rejection.reason()};
  auto transfer = Finish(rejection.submission_id());
  Log(Level::kWarning, "submission_rejected",
      {{"submission", transfer->item.id.ToString()},
       {"code", rejection.code()},
       {"field", rejection.field()},
       {"reason", rejection.reason()},
       {"rule", rejection.rule()},
       {"retryable", rejection.retryable() ? "yes" : "no"}});
  if (rejection.retryable()) {
    Defer(std::move(transfer), rejection);
    return {};
  }
  NOROSHI_RETURN_IF_ERROR(parts_.spool.Reject(transfer->item, rejection));
  FreeThread(transfer->thread);
  return {};
}

// Later, with everything that is not more urgent: the hub asked for air.
void Conversation::Defer(std::unique_ptr<Transfer> transfer, const v1::Rejection& rejection) {
  const std::chrono::milliseconds advice(rejection.retry_after_ms());
  const Time until =
      parts_.clock.Steady() + (advice.count() == 0 ? kRetryDefault : std::min(advice, kRetryMax));
  for (int p = static_cast<int>(transfer->item.priority); p < 3; ++p)
    paused_until_[p] = std::max(paused_until_[p], until);
  deferred_.emplace(until, transfer->item);
}

Result<void> Conversation::OnDeliveries(const v1::Deliveries& deliveries) {
  if (deliveries.log_id() != proven_.log_id())
    return Error{ErrorCode::kInvalid, "the hub delivers from another log than its own"};
  ++deliveries_seen_;
  NOROSHI_RETURN_IF_ERROR(KeepQuestions(deliveries));
  NOROSHI_ASSIGN_OR_RETURN(const size_t added, parts_.inbox.Append(deliveries));
  v1::AgentFrame frame;
  frame.mutable_delivery_ack()->set_position(parts_.inbox.position());
  Send(frame);
  if (added > 0 && events_.delivered) events_.delivered();
  return {};
}

// Before the inbox has them: its position says that everything up to it is on disk.
Result<void> Conversation::KeepQuestions(const v1::Deliveries& deliveries) {
  const bool same_log = deliveries.log_id() == parts_.inbox.log_id();
  for (const v1::Delivery& delivery : deliveries.deliveries()) {
    // One that comes again may have been withdrawn since.
    if (same_log && delivery.position() <= parts_.inbox.position()) continue;
    if (!delivery.has_question()) continue;
    const auto kept = parts_.questions.Keep(delivery.question());
    if (kept.ok()) continue;
    if (kept.error().code != ErrorCode::kInvalid) return kept.error();
    Log(Level::kError, "question_unreadable", {{"position", uint64_t{delivery.position()}}});
  }
  return {};
}

Result<void> Conversation::OnAnswered(const v1::Answered& answered) {
  if (!answer_in_flight_ || answer_in_flight_->bytes() != answered.question_id())
    return Error{ErrorCode::kInvalid, "the hub speaks of an answer not sent"};
  const Uuid id = *std::exchange(answer_in_flight_, std::nullopt);
  Log(answered.accepted() ? Level::kInfo : Level::kWarning, "question_answered",
      {{"question", id.ToString()},
       {"accepted", answered.accepted() ? "yes" : "no"},
       {"reason", answered.reason()}});
  answers_changed_ = true;
  if (!answered.accepted() && answered.retryable()) {
    answer_not_before_ = parts_.clock.Steady() + kMarkRetry;
    return {};
  }
  return parts_.questions.Settle(id, answered, parts_.clock.NowMs());
}

Result<void> Conversation::OnMarked(const v1::Marked& marked) {
  if (!mark_in_flight_) return Error{ErrorCode::kInvalid, "the hub answered a mark not sent"};
  Log(marked.accepted() ? Level::kInfo : Level::kWarning, "mark_answered",
      {{"alert", ToHex(marked.alert_id())},
       {"mark", spool::MarkWord(marked.mark())},
       {"accepted", marked.accepted() ? "yes" : "no"},
       {"reason", marked.reason()}});
  const Uuid id = *std::exchange(mark_in_flight_, std::nullopt);
  if (!marked.accepted() && marked.retryable()) {
    mark_not_before_ = parts_.clock.Steady() + kMarkRetry;
    marks_changed_ = true;
    return {};
  }
  marks_changed_ = true;
  return parts_.marks.Answer(id, marked);
}

Result<void> Conversation::OnCertificate(const v1::Certificate& certificate) {
  if (!certificate.error().empty()) {
    Log(Level::kError, "renewal_refused", {{"error", certificate.error()}});
    if (renew_only_) return Error{ErrorCode::kDenied, "renewal refused: " + certificate.error()};
    renew_again_ = MayAskAgain(certificate.error());
    return {};
  }
  if (options_.renewal_csr.empty() || !events_.renewed)
    return Error{ErrorCode::kInvalid, "the hub sent a certificate that was not asked for"};
  NOROSHI_RETURN_IF_ERROR(events_.renewed(certificate));
  renewed_ = true;
  return {};
}

Result<void> Conversation::OnGoodbye(const v1::Goodbye& goodbye) {
  goodbye_ = goodbye;
  return Error{ErrorCode::kClosed,
               "the hub said goodbye: " + goodbye.code() + ": " + goodbye.reason()};
}

void Conversation::Ping(uint64_t token) {
  v1::AgentFrame frame;
  frame.mutable_ping()->set_token(token);
  Send(frame);
  if (std::exchange(renew_again_, false)) AskForRenewal();
}

void Conversation::AskForRenewal() {
  v1::AgentFrame renew;
  renew.mutable_renew()->set_csr_der(options_.renewal_csr);
  Send(renew);
}

Result<void> Conversation::Close() {
  NOROSHI_RETURN_IF_ERROR(Settle());
  if (!head_changed_) return {};
  head_changed_ = false;
  return parts_.head.Store(proven_);
}

}  // namespace noroshi::session
