// Submissions in a conversation: taken, handed to the journal, answered.
#include <fmt/format.h>

#include <algorithm>

#include "common/base/encoding.h"
#include "common/log/log.h"
#include "common/wire/frame.h"
#include "hub/intake/codes.h"
#include "hub/intake/conversation.h"

namespace noroshi::intake {
namespace {

using submission::Validated;
using submission::ValidateSubmission;

bool IsIncident(v1::EntryKind kind) { return kind == v1::ENTRY_KIND_INCIDENT_REPORT; }

}  // namespace

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
  if (const uint32_t wait_ms = OverBudget(size)) {
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
  SendRejection(std::move(rejection));
}

bool Conversation::MayLog() {
  if (services_.admission.MayLog(party_.identity.organization, SteadyMs())) return true;
  services_.counters.Update([](Stats& stats) { ++stats.log_lines_dropped; });
  return false;
}

// Final ones are logged each; those that say "later" come in floods: the first of a minute is.
void Conversation::SendRejection(v1::Rejection rejection) {
  services_.counters.Update([&](Stats& stats) { ++stats.submissions_rejected[rejection.code()]; });
  const bool news =
      !rejection.retryable() ||
      services_.admission.IsNews(party_.identity.organization, rejection.code(), SteadyMs());
  if (news && MayLog()) {
    Log(Level::kWarning, "submission_rejected",
        {{"organization", party_.identity.organization},
         {"agent", party_.identity.agent},
         {"submission_id", ToHex(rejection.submission_id())},
         {"code", rejection.code()},
         {"field", rejection.field()},
         {"reason", rejection.reason()},
         {"rule", rejection.rule()},
         {"retryable", rejection.retryable() ? "yes" : "no"}});
  }
  v1::HubFrame frame;
  *frame.mutable_rejection() = std::move(rejection);
  Send(frame);
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

void Conversation::OnEvents(Mailbox::Content content) {
  std::vector<Appended> answers;
  for (Event& event : content.events) {
    if (auto* appended = std::get_if<Appended>(&event)) {
      answers.push_back(std::move(*appended));
    } else if (auto* certified = std::get_if<Certified>(&event)) {
      OnCertified(std::move(*certified));
    } else if (auto* marked = std::get_if<Marked>(&event)) {
      OnMarked(*marked);
    } else {
      OnAnswered(std::get<Answered>(event));
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
    } else if (MayLog()) {
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
    uint32_t retry_after_ms;  // 0: final.
    const char* code;
    const char* reason;
  };
  static constexpr Row kRows[] = {
      {ErrorCode::kConflict, 0, rejection::kIdConflict,
       "this id was accepted before with other content"},
      {ErrorCode::kOverloaded, 1'000, rejection::kOverloaded, "the hub has too much to write now"},
      {ErrorCode::kNoSpace, 30'000, rejection::kNoSpace, "the hub is short of disk space"},
      {ErrorCode::kUnavailable, 30'000, rejection::kUnavailable,
       "the hub cannot accept anything now"},
  };
  Row row{answer.result.error().code, 60'000, rejection::kInternal,
          "the hub failed; its log says how"};
  for (const Row& known : kRows) {
    if (known.error == answer.result.error().code) row = known;
  }
  if (row.code == rejection::kInternal && MayLog()) {
    Log(Level::kError, "append_failed", {{"error", answer.result.error().message}});
  }
  v1::Rejection rejection;
  rejection.set_submission_id(answer.submission_id);
  rejection.set_code(row.code);
  rejection.set_reason(row.reason);
  if (row.retry_after_ms == 0) {
    rejection.set_field("id");
    rejection.set_rule("one id, one content");
  }
  rejection.set_retryable(row.retry_after_ms != 0);
  rejection.set_retry_after_ms(row.retry_after_ms);
  SendRejection(std::move(rejection));
}

}  // namespace noroshi::intake
