// Conversation: what an agent says to a hub and makes of its answers, without
// any network: frames in, bytes out. One object for each connection.
//
// It sends what waits in the spool: incidents first, everything within the
// window that the hub grants (a quarter of it is kept free for incidents), large
// submissions in chunks between other frames, and of one report thread only one
// submission at a time, so that their order holds. A submission leaves the spool
// when its receipt verified.
//
// It trusts the pinned log key only: a head that does not provably continue the
// last verified one ends the conversation with kCorruption, and evidence() holds
// what was said. A new log is accepted only with signed Restored statements from
// the log we know; what that log lost is put back into the spool first.
//
// Threads: one strand. Lifetime: everything in Parts outlives it.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "agent/spool/inbox.h"
#include "agent/spool/marks.h"
#include "agent/spool/questions.h"
#include "agent/spool/spool.h"
#include "common/base/result.h"
#include "common/runtime/clock.h"
#include "noroshi/v1/agent.pb.h"

namespace noroshi::session {

inline constexpr uint64_t kWindowBytesMax = 32 * 1024 * 1024;  // Of what a hub grants.
inline constexpr size_t kFillBytes = 64 * 1024;  // After which Fill() returns: an incident gets in.
inline constexpr size_t kTransfersMax = 4;       // Large submissions under way at once.
inline constexpr size_t kInFlightMax = 4096;     // Submissions that await an answer.
inline constexpr size_t kEvidenceBytesMax = 512 * 1024;
// Of several frames, in one file; a frame that has more by itself makes a file by itself.
inline constexpr size_t kJointReceiptsBytesMax = 128 * 1024;

// Who we are and whom we trust. Written at enrolment.
struct Pins {
  std::string organization;
  std::string agent;
  std::string log_id;
  std::string log_public_key;
};

class Conversation {
 public:
  using Time = std::chrono::steady_clock::time_point;
  struct Parts {
    spool::Spool& spool;
    spool::Inbox& inbox;
    spool::Marks& marks;
    spool::Questions& questions;
    spool::HeadFile& head;
    const Clock& clock;
  };
  struct Options {
    Pins pins;
    bool wants_deliveries = true;
    std::string renewal_csr;  // DER; empty: no renewal is due.
  };
  // What happened that somebody else cares about. All may be empty.
  struct Events {
    std::function<void()> delivered;                              // New in the inbox.
    std::function<Result<void>(const v1::Certificate&)> renewed;  // Store it.
    // The hub was restored from a backup, and so many submissions were put back.
    std::function<Result<void>(const v1::TreeHead& head, size_t put_back)> restored;
  };

  Conversation(const Parts& parts, Options options, Events events);

  // The first frame, Hello.
  Result<void> Begin();
  // One frame of the hub. An error ends the conversation: kCorruption: see
  // evidence(); kClosed: goodbye() says why; kInvalid: not our protocol; kIo and
  // kNoSpace: our own disk.
  Result<void> OnFrame(std::string_view frame);
  // Appends what is to be sent now, about kFillBytes; nothing: wait.
  Result<void> Fill(std::string* out);
  // When Fill() may have more although nothing happened; absent: not before an event.
  std::optional<Time> NextWake() const;

  // Writes down the receipts that came since the last call, and takes what they are for out
  // of the spool. Fill(), Close() and every other frame do so too: frames of receipts that
  // come together cost the disk one write.
  Result<void> Settle();

  void OnSpooled(const spool::Item& item);
  // Reads the whole spool again.
  Result<void> Rescan();
  // A mark or an answer was queued.
  void OnQueued() { marks_changed_ = answers_changed_ = true; }
  void Ping(uint64_t token);
  // Keeps the newest proven head for the next connection.
  Result<void> Close();

  bool welcomed() const { return welcomed_; }
  bool renewed() const { return renewed_; }
  bool renewing() const { return !options_.renewal_csr.empty(); }
  // Control frames wait that Fill() has not taken yet.
  bool HasControl() const { return !control_.empty(); }
  // Nothing waits, nothing awaits an answer.
  bool Drained() const;
  uint64_t last_pong() const { return last_pong_; }
  uint64_t deliveries_seen() const { return deliveries_seen_; }
  uint64_t receipts_seen() const { return receipts_seen_; }
  const v1::Goodbye& goodbye() const { return goodbye_; }
  const v1::TreeHead& head() const { return proven_; }
  const std::string& evidence() const { return evidence_; }

 private:
  struct Transfer {
    spool::Item item;
    std::string bytes;
    size_t offset = 0;   // Sent so far.
    std::string thread;  // Empty: belongs to none.
  };

  Result<void> OnWelcome(const v1::Welcome& welcome, std::string_view frame);
  Result<void> CheckHistory(const v1::Welcome& welcome);
  Result<void> CheckSameLog(const v1::Welcome& welcome, const v1::TreeHead& last);
  Result<void> AcceptNewLog(const v1::Welcome& welcome, const std::optional<v1::TreeHead>& last,
                            const std::string& last_log);
  Result<void> OnReceipts(v1::Receipts* receipts, std::string_view frame);
  Result<void> AdvanceHead(const v1::Receipts& receipts);
  Result<void> OnRejection(const v1::Rejection& rejection);
  void Defer(std::unique_ptr<Transfer> transfer, const v1::Rejection& rejection);
  Result<void> OnDeliveries(const v1::Deliveries& deliveries);
  Result<void> OnMarked(const v1::Marked& marked);
  Result<void> OnAnswered(const v1::Answered& answered);
  Result<void> KeepQuestions(const v1::Deliveries& deliveries);
  Result<void> OnCertificate(const v1::Certificate& certificate);
  Result<void> OnGoodbye(const v1::Goodbye& goodbye);
  Error Refuse(std::string_view event, const Error& error, std::string_view frame);

  void Send(const v1::AgentFrame& frame);
  void AskForRenewal();
  Result<void> SendMark();
  Result<void> SendAnswer();
  void Release();
  Result<bool> SendPiece(std::string* out);
  Result<bool> StartNext(bool incident, std::string* out);
  Result<std::unique_ptr<Transfer>> Load(const spool::Item& item);
  bool Holds(const Transfer& transfer);
  void SendChunk(Transfer* transfer, std::string* out);
  bool Fits(const spool::Item& item) const;
  std::unique_ptr<Transfer> Finish(const std::string& id);
  void FreeThread(const std::string& thread);
  bool Paused(spool::Priority priority) const;

  Parts parts_;
  Options options_;
  Events events_;
  bool welcomed_ = false;
  bool renew_only_ = false;
  bool renewed_ = false;
  bool renew_again_ = false;  // Refused by a word after which the next ping asks again.
  uint64_t window_ = 0;
  uint64_t submission_max_ = 0;
  std::optional<v1::TreeHead> last_;  // As said in Hello.
  v1::TreeHead proven_;               // Newest head proven to continue it.
  bool chain_unbroken_ = true;        // Every head of this connection was proven.
  bool head_changed_ = false;

  std::string control_;          // Frames that go before any submission.
  std::set<spool::Item> queue_;  // Waits to be sent.
  std::multimap<Time, spool::Item> deferred_;
  Time paused_until_[3] = {};
  std::map<std::string, std::unique_ptr<Transfer>> in_flight_;  // By id.
  std::deque<Transfer*> partial_;                               // Of these, not wholly sent.
  std::map<std::string, std::string> busy_threads_;             // Thread to the id under way.
  std::multimap<std::string, spool::Item> held_;                // Waits for its thread.
  std::map<std::string, v1::Receipt> receipted_;  // Verified, not yet written down; by id.
  v1::TreeHead receipted_head_;                   // Of the last frame of receipts.
  size_t receipted_bytes_ = 0;                    // Of these frames, a head for each receipt.
  uint64_t outstanding_ = 0;
  bool chunk_turn_ = false;
  std::optional<Uuid> mark_in_flight_;
  bool marks_changed_ = true;
  Time mark_not_before_ = {};
  bool takes_answers_ = false;  // The hub understands them.
  std::optional<Uuid> answer_in_flight_;
  bool answers_changed_ = true;
  Time answer_not_before_ = {};

  v1::Goodbye goodbye_;
  std::string evidence_;
  uint64_t last_pong_ = 0;
  uint64_t deliveries_seen_ = 0;
  uint64_t receipts_seen_ = 0;
};

}  // namespace noroshi::session
