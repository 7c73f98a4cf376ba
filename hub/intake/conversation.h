// Conversation: what is said in one session, without sockets. Frames come in,
// frames for the other side pile up in a bounded output, and the journal and
// the other services are called in between. docs/protocol.md is its contract.
//
// Threads: intake's thread; answers reach it through its Mailbox.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/runtime/clock.h"
#include "common/submission/validate.h"
#include "common/tls/certificate.h"
#include "hub/intake/admission.h"
#include "hub/intake/assembly.h"
#include "hub/intake/mailbox.h"
#include "hub/intake/options.h"
#include "hub/intake/ports.h"
#include "hub/intake/stats.h"
#include "hub/journal/journal.h"

namespace noroshi::intake {

// What every conversation uses; all of it outlives them.
struct Services {
  journal::Journal& journal;
  Directory& directory;
  Registrar& registrar;
  DeliveryFeed& feed;
  const Clock& clock;
  const submission::Vocabulary& vocabulary;
  const Limits& limits;
  Admission& admission;
  Counters& counters;
};

enum class Mode {
  kAgent,
  kRenewOnly,  // The certificate has expired.
  kEnroll,     // No certificate: the conversation is one request and its answer.
};

struct Party {
  Mode mode = Mode::kAgent;
  tls::Identity identity;  // Empty when enrolling.
  std::string serial;
  int64_t not_after_ms = 0;  // Of the certificate.
};

class Conversation {
 public:
  Conversation(Services& services, Party party, std::shared_ptr<Mailbox> mailbox);

  // Frames as cut by the decoder, in order, then EndOfRead once for all that
  // one read brought. Nothing is done once the conversation is over.
  void OnFrame(std::string_view bytes);
  void EndOfRead();
  void OnEvents(Mailbox::Content content);
  // After output was taken and sent: fetch more deliveries if there is room.
  void OnSent();

  // Ends the conversation: the last frame is Goodbye.
  void End(std::string_view code, std::string_view reason, uint32_t retry_after_ms = 0);
  // Ends it with the error's word if that says that the party may not act (kDenied); else
  // the hub is at fault: the log has the error, the agent is to come again.
  void EndFor(const Error& error, std::string_view event);

  // The connection is gone: nothing more is sent, deliveries are unsubscribed.
  void Leave();

  bool over() const { return over_; }
  bool greeted() const { return greeted_; }  // Hello, or the one request, has come.
  // The code of the Goodbye (or the word of a refused enrolment) and its reason; empty
  // while the conversation goes on.
  const std::string& ended_with() const { return ended_with_; }
  const std::string& end_reason() const { return end_reason_; }
  // Reading should wait: too much is unanswered or unsent.
  bool paused() const;
  // Everything to be sent now, in order; the caller sends it whole.
  std::string TakeOutput() { return std::exchange(output_, {}); }
  // Whole submissions that the journal has not answered.
  size_t outstanding() const { return outstanding_; }
  // The same with marks: what others' entries queue behind. Without answers, which wait for
  // the engine: reports must not wait for it with them.
  size_t under_way() const { return outstanding_ + marks_; }
  // Of the log, when this conversation last gave its head.
  uint64_t log_size() const { return head_size_; }
  bool has_output() const { return !output_.empty(); }
  const Party& party() const { return party_; }

 private:
  struct Pending {
    submission::Validated validated;
    std::string bytes;
    std::shared_ptr<Lease> lease;
  };

  void OnHello(const v1::Hello& hello);
  bool ProveContinuity(const v1::TreeHead& known, v1::Welcome* welcome);
  void OnSubmit(v1::Submit* submit);
  void OnChunk(v1::SubmitChunk* chunk);
  void OnWhole(std::string bytes, std::shared_ptr<Lease> lease);
  void OnDeliveryAck(const v1::DeliveryAck& ack);
  void OnMark(const v1::MarkAlert& mark);
  void OnAnswer(const v1::AnswerQuestion& answer);
  void OnRenew(const v1::RenewRequest& renew);
  void OnEnroll(const v1::EnrollRequest& enroll);
  void Dispatch(v1::AgentFrame* frame);

  // Whether the party may still act; ends the conversation if not.
  bool MayStillAct();
  // 0, or the milliseconds for which the organisation's budget does not allow this.
  uint32_t OverBudget(uint64_t bytes);
  void Hand(Pending pending);
  void Reject(v1::Rejection rejection, uint64_t bytes);
  void SendRejection(v1::Rejection rejection);
  bool TakeWindow(uint64_t bytes);
  // Whether a line may be written about this conversation; if not, that is counted.
  bool MayLog();

  void Answer(std::vector<Appended> answers);
  void AnswerFailure(const Appended& answer);
  void SendReceipts(v1::HubFrame* frame, const v1::TreeHead& head);
  void OnCertified(Certified certified);
  void NoteRefusal(std::string_view event, std::map<std::string, uint64_t> Stats::*counter,
                   const std::string& word, const std::string& reason);
  void OnMarked(const Marked& marked);
  void OnAnswered(const Answered& answered);
  void FetchDeliveries();
  void SendDeliveries(const std::vector<std::string>& deliveries);
  void Send(const v1::HubFrame& frame);
  void CheckOutput();
  int64_t SteadyMs() const;

  Services& services_;
  const Party party_;
  const std::shared_ptr<Mailbox> mailbox_;

  bool greeted_ = false;
  bool over_ = false;
  std::string ended_with_;
  std::string end_reason_;
  std::string output_;

  uint64_t window_used_ = 0;
  size_t outstanding_ = 0;  // Whole submissions at the journal.
  Assemblies assemblies_;
  std::vector<Pending> batch_;  // Of the present read.
  uint64_t head_size_ = 0;      // Tree size of the head given last.

  std::unique_ptr<DeliveryFeed::Subscription> subscription_;
  uint64_t sent_position_ = 0;
  uint64_t acknowledged_position_ = 0;
  bool more_deliveries_ = false;
  size_t marks_ = 0;
  size_t answers_ = 0;
  bool certifying_ = false;
};

}  // namespace noroshi::intake
