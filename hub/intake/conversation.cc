#include "hub/intake/conversation.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/log/log.h"
#include "common/tls/token.h"
#include "common/wire/frame.h"
#include "hub/intake/codes.h"

namespace noroshi::intake {
namespace {

constexpr size_t kSoftwareBytesMax = 64;
constexpr size_t kPersonBytesMax = 128;
constexpr size_t kNoteBytesMax = 1024;

// "revoked: by the administrator" -> "revoked".
std::string WordOf(const std::string& message) { return message.substr(0, message.find(':')); }

bool IsIncident(v1::EntryKind kind) { return kind == v1::ENTRY_KIND_INCIDENT_REPORT; }

}  // namespace

Conversation::Conversation(Services& services, Party party, std::shared_ptr<Mailbox> mailbox)
    : services_(services),
      party_(std::move(party)),
      mailbox_(std::move(mailbox)),
      assemblies_(services.limits,
                  [this] { return services_.admission.NewLease(party_.identity.organization); }) {}

int64_t Conversation::SteadyMs() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             services_.clock.Steady().time_since_epoch())
      .count();
}

bool Conversation::paused() const {
  return outstanding_ >= services_.limits.outstanding_max ||
         output_.size() >= services_.limits.out_pause_bytes;
}

void Conversation::Send(const v1::HubFrame& frame) {
  if (over_) return;
  wire::AppendFrame(frame, &output_);
  if (output_.size() > services_.limits.out_bytes_max) {
    End(goodbye::kSlowReader, "answers are not read in time");
  }
}

void Conversation::End(std::string_view code, std::string_view reason, uint32_t retry_after_ms) {
  if (over_) return;
  v1::HubFrame frame;
  frame.mutable_goodbye()->set_code(std::string(code));
  frame.mutable_goodbye()->set_reason(std::string(reason));
  frame.mutable_goodbye()->set_retry_after_ms(retry_after_ms);
  wire::AppendFrame(frame, &output_);
  over_ = true;
  ended_with_ = code;
  batch_.clear();
  subscription_.reset();
  services_.counters.Update([&](Stats& stats) { ++stats.goodbyes[ended_with_]; });
}

void Conversation::Leave() {
  over_ = true;
  batch_.clear();
  subscription_.reset();
}

void Conversation::OnFrame(std::string_view bytes) {
  if (over_) return;
  v1::AgentFrame frame;
  if (!frame.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return End(goodbye::kBadFrame, "the frame is not an AgentFrame");
  }
  Dispatch(&frame);
}

void Conversation::Dispatch(v1::AgentFrame* frame) {
  const auto kind = frame->frame_case();
  if (kind == v1::AgentFrame::FRAME_NOT_SET) {
    return End(goodbye::kBadFrame, "the frame is empty, or of a kind that this hub does not know");
  }
  if (party_.mode == Mode::kEnroll) {
    if (kind != v1::AgentFrame::kEnroll || greeted_) {
      return End(goodbye::kUnexpectedFrame, "only one EnrollRequest is served here");
    }
    return OnEnroll(frame->enroll());
  }
  if (greeted_ == (kind == v1::AgentFrame::kHello) || kind == v1::AgentFrame::kEnroll) {
    return End(goodbye::kUnexpectedFrame, "Hello comes first and once, EnrollRequest never");
  }
  const bool renewing = kind == v1::AgentFrame::kRenew || kind == v1::AgentFrame::kHello ||
                        kind == v1::AgentFrame::kPing;
  if (party_.mode == Mode::kRenewOnly && !renewing) {
    return End(goodbye::kRenewOnly, "the certificate has expired: only RenewRequest is served");
  }
  switch (kind) {
    case v1::AgentFrame::kHello:
      return OnHello(frame->hello());
    case v1::AgentFrame::kSubmit:
      return OnSubmit(frame->mutable_submit());
    case v1::AgentFrame::kChunk:
      return OnChunk(frame->mutable_chunk());
    case v1::AgentFrame::kDeliveryAck:
      return OnDeliveryAck(frame->delivery_ack());
    case v1::AgentFrame::kMark:
      return OnMark(frame->mark());
    case v1::AgentFrame::kRenew:
      return OnRenew(frame->renew());
    case v1::AgentFrame::kPing: {
      v1::HubFrame pong;
      pong.mutable_pong()->set_token(frame->ping().token());
      return Send(pong);
    }
    case v1::AgentFrame::kEnroll:
    case v1::AgentFrame::FRAME_NOT_SET:
      break;  // Handled above.
  }
}

void Conversation::OnHello(const v1::Hello& hello) {
  if (hello.software().size() > kSoftwareBytesMax) {
    return End(goodbye::kBadHello, fmt::format("software: at most {} bytes", kSoftwareBytesMax));
  }
  greeted_ = true;
  v1::HubFrame frame;
  v1::Welcome& welcome = *frame.mutable_welcome();
  welcome.set_software("noroshi-hub/" NOROSHI_VERSION);
  *welcome.mutable_head() = services_.journal.Head();
  for (auto& restored : services_.journal.Restores()) {
    *welcome.add_restored() = std::move(restored);
  }
  welcome.set_window_bytes(services_.limits.window_bytes);
  welcome.set_submission_bytes_max(wire::kSubmissionBytesMax);
  welcome.set_organization(party_.identity.organization);
  welcome.set_agent(party_.identity.agent);
  welcome.set_renew_only(party_.mode == Mode::kRenewOnly);
  head_size_ = welcome.head().tree_size();
  const v1::TreeHead& known = hello.last_head();
  if (hello.has_last_head() && known.log_id() == welcome.head().log_id()) {
    if (known.tree_size() > head_size_) {
      // The agent will refuse us, and rightly; whoever runs the hub must hear of it first.
      Log(Level::kError, "agent_knows_a_larger_tree",
          {{"organization", party_.identity.organization},
           {"agent", party_.identity.agent},
           {"agent_tree_size", known.tree_size()},
           {"tree_size", head_size_}});
    } else {
      auto proof = services_.journal.ProveConsistency(known.tree_size(), head_size_);
      if (!proof.ok()) {
        Log(Level::kError, "consistency_proof_failed", {{"error", proof.error().message}});
        return End(goodbye::kUnavailable, "the hub cannot prove its log now", 30'000);
      }
      welcome.set_consistency_proof(*proof);
    }
  }
  Send(frame);
  if (party_.mode != Mode::kAgent || !hello.wants_deliveries()) return;
  subscription_ = services_.feed.Subscribe(party_.identity, hello,
                                           [mailbox = mailbox_] { mailbox->PostDeliveries(); });
  if (subscription_ == nullptr) return;
  sent_position_ = acknowledged_position_ = subscription_->start_position();
  more_deliveries_ = true;
  FetchDeliveries();
}

// ---- submissions ----

bool Conversation::TakeWindow(uint64_t bytes) {
  window_used_ += bytes;
  if (window_used_ <= services_.limits.window_bytes) return true;
  End(goodbye::kWindow,
      fmt::format("more than {} submission bytes await an answer", services_.limits.window_bytes));
  return false;
}

void Conversation::OnSubmit(v1::Submit* submit) {
  std::string bytes = std::move(*submit->mutable_submission());
  if (!TakeWindow(bytes.size())) return;
  auto lease = services_.admission.NewLease(party_.identity.organization);
  if (!lease->Grow(bytes.size())) {
    // Read the id, so that the submitter knows which one to send again.
    v1::Rejection rejection;
    const Validated validated =
        ValidateSubmission(bytes, services_.vocabulary, services_.clock.NowMs());
    if (validated.id) rejection.set_submission_id(validated.id->bytes());
    rejection.set_code(rejection::kOverloaded);
    rejection.set_reason("the hub has no memory for this submission now");
    rejection.set_retryable(true);
    rejection.set_retry_after_ms(1000);
    return Reject(validated.rejection ? *validated.rejection : rejection, bytes.size());
  }
  OnWhole(std::move(bytes), std::move(lease));
}

void Conversation::OnChunk(v1::SubmitChunk* chunk) {
  const uint64_t size = chunk->data().size();
  ChunkOutcome outcome = assemblies_.Add(chunk, SteadyMs());
  switch (outcome.kind) {
    case ChunkOutcome::Kind::kMore:
      TakeWindow(size);
      return;
    case ChunkOutcome::Kind::kComplete:
      if (!TakeWindow(size)) return;
      return OnWhole(std::move(outcome.assembled.bytes), std::move(outcome.assembled.lease));
    case ChunkOutcome::Kind::kRefused:
      return Reject(std::move(outcome.rejection), outcome.released);
    case ChunkOutcome::Kind::kIgnored:
      return;
    case ChunkOutcome::Kind::kViolation:
      return End(goodbye::kBadChunk, outcome.reason);
  }
}

void Conversation::OnWhole(std::string bytes, std::shared_ptr<Lease> lease) {
  const uint64_t size = bytes.size();
  Validated validated = ValidateSubmission(bytes, services_.vocabulary, services_.clock.NowMs());
  if (validated.rejection) return Reject(std::move(*validated.rejection), size);
  const uint32_t wait_ms =
      services_.admission.AdmitSubmission(party_.identity.organization, size, SteadyMs());
  if (wait_ms > 0) {
    v1::Rejection rejection;
    rejection.set_submission_id(validated.id->bytes());
    rejection.set_code(rejection::kOverBudget);
    rejection.set_reason("the organisation sends faster than its budget");
    rejection.set_rule(fmt::format("{} bytes and {} submissions a second",
                                   services_.limits.organization_bytes_per_second,
                                   services_.limits.organization_submissions_per_second));
    rejection.set_retryable(true);
    rejection.set_retry_after_ms(wait_ms);
    return Reject(std::move(rejection), size);
  }
  batch_.push_back({std::move(validated), std::move(bytes), std::move(lease)});
}

void Conversation::Reject(v1::Rejection rejection, uint64_t bytes) {
  window_used_ -= bytes;
  services_.counters.Update([&](Stats& stats) { ++stats.submissions_rejected[rejection.code()]; });
  v1::HubFrame frame;
  *frame.mutable_rejection() = std::move(rejection);
  Send(frame);
}

bool Conversation::MayStillAct() {
  if (services_.clock.NowMs() > party_.not_after_ms) {
    End(goodbye::kCertificateExpired, "the certificate has expired: connect again to renew it");
    return false;
  }
  auto may = services_.directory.MayAct(party_.identity, party_.serial);
  if (!may.ok()) End(WordOf(may.error().message), may.error().message);
  return may.ok();
}

void Conversation::EndOfRead() {
  if (over_) return;
  if (!assemblies_.empty()) {
    for (auto& expired : assemblies_.Expire(SteadyMs())) {
      v1::Rejection rejection;
      rejection.set_submission_id(expired.id);
      rejection.set_code(rejection::kChunkTimeout);
      rejection.set_reason("the next piece did not come in time");
      rejection.set_retryable(true);
      Reject(std::move(rejection), expired.bytes);
    }
  }
  if (batch_.empty() || !MayStillAct()) return;
  std::vector<Pending> batch = std::exchange(batch_, {});
  std::stable_partition(batch.begin(), batch.end(),
                        [](const Pending& pending) { return IsIncident(pending.validated.kind); });
  for (Pending& pending : batch) Hand(std::move(pending));
}

void Conversation::Hand(Pending pending) {
  ++outstanding_;
  journal::Draft draft;
  draft.kind = pending.validated.kind;
  draft.organization = party_.identity.organization;
  draft.agent = party_.identity.agent;
  draft.submission_id = pending.validated.id;
  const uint64_t size = pending.bytes.size();
  draft.body = std::move(pending.bytes);
  services_.journal.Append(
      std::move(draft),
      [mailbox = mailbox_, id = pending.validated.id->bytes(), size,
       lease = std::move(pending.lease)](Result<journal::Acceptance> result) mutable {
        lease.reset();  // The journal has let go of the bytes.
        mailbox->Post(Appended{id, size, std::move(result)});
      });
}

// ---- answers ----

void Conversation::OnEvents(Mailbox::Content content) {
  std::vector<Appended> answers;
  for (Event& event : content.events) {
    if (auto* appended = std::get_if<Appended>(&event)) {
      answers.push_back(std::move(*appended));
    } else if (auto* certified = std::get_if<Certified>(&event)) {
      OnCertified(std::move(*certified));
    } else {
      OnMarked(std::get<Marked>(event));
    }
  }
  if (!answers.empty()) Answer(std::move(answers));
  if (content.deliveries) {
    more_deliveries_ = true;
    FetchDeliveries();
  }
}

void Conversation::SendReceipts(v1::HubFrame* frame, const v1::TreeHead& head) {
  v1::Receipts& receipts = *frame->mutable_receipts();
  if (receipts.receipts().empty()) return;
  *receipts.mutable_head() = head;
  if (head.tree_size() > head_size_) {
    auto proof = services_.journal.ProveConsistency(head_size_, head.tree_size());
    if (proof.ok()) {
      receipts.set_consistency_proof(*proof);
    } else {
      Log(Level::kError, "consistency_proof_failed", {{"error", proof.error().message}});
    }
    head_size_ = head.tree_size();
  }
  Send(*frame);
  frame->Clear();
}

void Conversation::Answer(std::vector<Appended> answers) {
  // Room for head and proof, of at most 64 hashes each way.
  constexpr size_t kReceiptsBytesMax = wire::kFrameBytesMax - 8 * 1024;
  v1::HubFrame frame;
  std::shared_ptr<const v1::TreeHead> head;
  size_t bytes = 0;
  uint64_t accepted = 0;
  uint64_t repeated = 0;
  for (Appended& answer : answers) {
    --outstanding_;
    window_used_ -= answer.bytes;
    if (!answer.result.ok()) {
      AnswerFailure(answer);
      continue;
    }
    journal::Acceptance& acceptance = *answer.result;
    ++(acceptance.repeated ? repeated : accepted);
    const size_t size = acceptance.receipt.ByteSizeLong() + 8;
    const bool other_head = head != nullptr && acceptance.head != head &&
                            acceptance.head->tree_size() != head->tree_size();
    if (head != nullptr && (other_head || bytes + size > kReceiptsBytesMax)) {
      SendReceipts(&frame, *head);
      bytes = 0;
    }
    head = acceptance.head;
    bytes += size;
    *frame.mutable_receipts()->add_receipts() = std::move(acceptance.receipt);
  }
  services_.counters.Update([&](Stats& stats) {
    stats.submissions_accepted += accepted;
    stats.submissions_repeated += repeated;
  });
  if (head != nullptr) SendReceipts(&frame, *head);
}

void Conversation::AnswerFailure(const Appended& answer) {
  struct Row {
    ErrorCode error;
    const char* code;
    const char* reason;
    uint32_t retry_after_ms;  // 0: final.
  };
  static constexpr Row kRows[] = {
      {ErrorCode::kConflict, rejection::kIdConflict,
       "this id was accepted before with other content", 0},
      {ErrorCode::kOverloaded, rejection::kOverloaded, "the hub has too much to write now", 1'000},
      {ErrorCode::kNoSpace, rejection::kNoSpace, "the hub is short of disk space", 30'000},
      {ErrorCode::kUnavailable, rejection::kUnavailable, "the hub cannot accept anything now",
       30'000},
  };
  Row row{answer.result.error().code, rejection::kInternal, "the hub failed; its log says how",
          60'000};
  for (const Row& known : kRows) {
    if (known.error == answer.result.error().code) row = known;
  }
  if (row.code == rejection::kInternal) {
    Log(Level::kError, "append_failed", {{"error", answer.result.error().message}});
  }
  v1::HubFrame frame;
  v1::Rejection& rejection = *frame.mutable_rejection();
  rejection.set_submission_id(answer.submission_id);
  rejection.set_code(row.code);
  rejection.set_reason(row.reason);
  if (row.retry_after_ms == 0) {
    rejection.set_field("id");
    rejection.set_rule("one id, one content");
  }
  rejection.set_retryable(row.retry_after_ms != 0);
  rejection.set_retry_after_ms(row.retry_after_ms);
  services_.counters.Update([&](Stats& stats) { ++stats.submissions_rejected[row.code]; });
  Send(frame);
}

// ---- certificates ----

void Conversation::OnRenew(const v1::RenewRequest& renew) {
  if (certifying_) {
    return End(goodbye::kUnexpectedFrame, "one RenewRequest at a time");
  }
  auto may = services_.directory.MayAct(party_.identity, party_.serial);
  if (!may.ok()) return End(WordOf(may.error().message), may.error().message);
  certifying_ = true;
  services_.registrar.Renew(party_.identity, party_.serial, renew.csr_der(),
                            [mailbox = mailbox_](Result<v1::Certificate> result) {
                              mailbox->Post(Certified{std::move(result)});
                            });
}

void Conversation::OnEnroll(const v1::EnrollRequest& enroll) {
  greeted_ = true;
  certifying_ = true;
  if (enroll.token_secret().size() != tls::kTokenSecretBytes) {
    return OnCertified(
        Certified{Error{ErrorCode::kInvalid, "bad_token: the token's secret has 32 bytes"}});
  }
  services_.registrar.Enroll(enroll.token_secret(), enroll.csr_der(),
                             [mailbox = mailbox_](Result<v1::Certificate> result) {
                               mailbox->Post(Certified{std::move(result)});
                             });
}

void Conversation::OnCertified(Certified certified) {
  certifying_ = false;
  v1::HubFrame frame;
  if (certified.result.ok()) {
    *frame.mutable_certificate() = std::move(*certified.result);
  } else {
    frame.mutable_certificate()->set_error(certified.result.error().message);
  }
  Send(frame);
  // Certificate is an enrolment's last frame; no Goodbye follows.
  if (party_.mode == Mode::kEnroll) over_ = true;
}

// ---- deliveries ----

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
