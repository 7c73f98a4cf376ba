#include "hub/intake/conversation.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/log/log.h"
#include "common/merkle/merkle.h"
#include "common/tls/token.h"
#include "common/wire/frame.h"
#include "hub/intake/codes.h"

namespace noroshi::intake {
namespace {

constexpr size_t kSoftwareBytesMax = 64;
constexpr uint32_t kOurFaultRetryMs = 30'000;

// How much of what the agent knows is in our log: all of its head, or what the
// restores since then kept of it. Absent: it knows another log.
std::optional<uint64_t> SharedSize(const v1::TreeHead& known, const v1::Welcome& welcome) {
  uint64_t shared = known.tree_size();
  if (known.log_id() == welcome.head().log_id()) return shared;
  for (int i = welcome.restored_size() - 1; i >= 0; --i) {
    shared = std::min<uint64_t>(shared, welcome.restored(i).old_tree_size());
    if (welcome.restored(i).old_log_id() == known.log_id()) return shared;
  }
  return std::nullopt;
}

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
  CheckOutput();
}

void Conversation::CheckOutput() {
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
  end_reason_ = reason;
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
    case v1::AgentFrame::kAnswer:
      return OnAnswer(frame->answer());
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

// Proves to the agent that our log continues the one it knows. False: ended.
bool Conversation::ProveContinuity(const v1::TreeHead& known, v1::Welcome* welcome) {
  const auto shared = SharedSize(known, *welcome);
  if (!shared) return true;  // The agent will refuse a log that it never knew.
  if (*shared > head_size_) {
    if (auto signed_by_us = merkle::VerifyTreeHead(known, services_.journal.log_public_key());
        !signed_by_us.ok()) {
      End(goodbye::kBadHello, "last_head: " + signed_by_us.error().message);
      return false;
    }
    // The agent will refuse us, and rightly; whoever runs the hub must hear of it first.
    if (MayLog()) {
      Log(Level::kError, "agent_knows_a_larger_tree",
          {{"organization", party_.identity.organization},
           {"agent", party_.identity.agent},
           {"agent_tree_size", known.tree_size()},
           {"tree_size", head_size_}});
    }
    return true;
  }
  auto proof = services_.journal.ProveConsistency(*shared, head_size_);
  if (!proof.ok()) {
    if (MayLog()) {
      Log(Level::kError, "consistency_proof_failed", {{"error", proof.error().message}});
    }
    End(goodbye::kUnavailable, "the hub cannot prove its log now", kOurFaultRetryMs);
    return false;
  }
  welcome->set_consistency_proof(*proof);
  return true;
}

void Conversation::OnHello(const v1::Hello& hello) {
  if (hello.software().size() > kSoftwareBytesMax) {
    return End(goodbye::kBadHello, fmt::format("software: at most {} bytes", kSoftwareBytesMax));
  }
  greeted_ = true;
  v1::HubFrame frame;
  v1::Welcome& welcome = *frame.mutable_welcome();
  welcome.set_software("noroshi-hub/" NOROSHI_VERSION);
  welcome.set_minor(wire::kMinorVersion);
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
  if (hello.has_last_head() && !ProveContinuity(hello.last_head(), &welcome)) return;
  Send(frame);
  if (party_.mode != Mode::kAgent || !hello.wants_deliveries()) return;
  subscription_ = services_.feed.Subscribe(party_.identity, hello,
                                           [mailbox = mailbox_] { mailbox->PostDeliveries(); });
  if (subscription_ == nullptr) return;
  sent_position_ = acknowledged_position_ = subscription_->start_position();
  more_deliveries_ = true;
  FetchDeliveries();
}

bool Conversation::MayStillAct() {
  if (services_.clock.NowMs() > party_.not_after_ms) {
    End(goodbye::kCertificateExpired, "the certificate has expired: connect again to renew it");
    return false;
  }
  auto may = services_.directory.MayAct(party_.identity, party_.serial);
  if (!may.ok()) EndFor(may.error(), "state_unreadable");
  return may.ok();
}

void Conversation::EndFor(const Error& error, std::string_view event) {
  if (error.code == ErrorCode::kDenied) return End(WordOf(error.message), error.message);
  if (MayLog()) {
    Log(Level::kError, event,
        {{"organization", party_.identity.organization}, {"error", error.message}});
  }
  End(goodbye::kUnavailable, "the hub cannot serve this now", kOurFaultRetryMs);
}

uint32_t Conversation::OverBudget(uint64_t bytes) {
  return services_.admission.Admit(party_.identity.organization, bytes, SteadyMs());
}

void Conversation::NoteRefusal(std::string_view event,
                               std::map<std::string, uint64_t> Stats::*counter,
                               const std::string& word, const std::string& reason) {
  services_.counters.Update([&](Stats& stats) { ++(stats.*counter)[word]; });
  if (!MayLog()) return;
  Log(Level::kWarning, event,
      {{"organization", party_.identity.organization},
       {"agent", party_.identity.agent},
       {"reason", reason}});
}

// ---- certificates ----

void Conversation::OnRenew(const v1::RenewRequest& renew) {
  if (certifying_) {
    return End(goodbye::kUnexpectedFrame, "one RenewRequest at a time");
  }
  // The one that expired may still renew: not MayStillAct.
  auto may = services_.directory.MayAct(party_.identity, party_.serial);
  if (!may.ok()) return EndFor(may.error(), "state_unreadable");
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
    const Error& error = certified.result.error();
    const std::string word = RefusalWord(error);
    // What fails inside the hub is its operator's to read.
    frame.mutable_certificate()->set_error(
        IsRetryable(error.code) ? word + ": the hub cannot certify now; it may be tried again"
                                : error.message);
    const bool enrolling = party_.mode == Mode::kEnroll;
    NoteRefusal(enrolling ? "enrolment_refused" : "renewal_refused", &Stats::certificates_refused,
                word, error.message);
    if (enrolling) ended_with_ = word;
  }
  Send(frame);
  // Certificate is an enrolment's last frame; no Goodbye follows.
  if (party_.mode == Mode::kEnroll) over_ = true;
}

}  // namespace noroshi::intake
