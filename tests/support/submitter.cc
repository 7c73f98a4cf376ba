#include "tests/support/submitter.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "common/base/uuid.h"
#include "common/merkle/merkle.h"
#include "common/runtime/clock.h"

namespace noroshi::support {
namespace {

// Receipted submissions of which a retry after a crash is tried.
constexpr size_t kSampleMax = 8;
// How many different lures the generated mails carry: organisations share them.
constexpr uint64_t kLures = 5;

std::string MakeMail(const std::string& organization, uint64_t number) {
  const uint64_t lure = number % kLures;
  return fmt::format(
      "From: \"Delivery Office\" <notice@lure{0}.example>\r\n"
      "To: staff@{1}.example\r\n"
      "Date: Sat, 21 Nov 2026 05:{2:02}:00 +0000\r\n"
      "Message-ID: <{1}-{3}@lure{0}.example>\r\n"
      "Subject: Parcel {0} could not be delivered\r\n"
      "MIME-Version: 1.0\r\n"
      "Content-Type: text/plain; charset=utf-8\r\n"
      "\r\n"
      "Dear customer, parcel number {0} could not be delivered to your address today, because a\r\n"
      "customs fee has not been paid. Please pay the fee within twenty-four hours on the page\r\n"
      "https://pay.lure{0}.example/parcel/{0} or the parcel will be returned to its sender.\r\n",
      lure, organization, number % 60, number);
}

void FillReport(const std::string& organization, uint64_t number, v1::IncidentReport* report) {
  report->set_stage(v1::REPORT_STAGE_FIRST);
  report->set_title(fmt::format("Outage {} at {}", number, organization));
  report->set_what_happened(
      fmt::format("The reservation service number {} of {} stopped answering. ネットワーク機器の"
                  "故障により停止した。情報の漏えいは確認されていない。",
                  number, organization));
}

bool MayTryAgain(const v1::Goodbye& goodbye) {
  return goodbye.code() == "shutting_down" || goodbye.code() == "overloaded" ||
         goodbye.retry_after_ms() > 0;
}

}  // namespace

Submitter::Submitter(Credentials credentials, Ledger& ledger, uint64_t seed)
    : credentials_(std::move(credentials)), ledger_(ledger), random_(seed) {
  thread_ = std::thread([this] { Work(); });
}

Submitter::~Submitter() { Stop(); }

void Submitter::HubIsUp(const std::string& address, size_t more) {
  const std::lock_guard lock(mutex_);
  address_ = address;
  allowed_ = more;
  if (more > 0) idle_ = false;
  changed_.notify_all();
}

bool Submitter::Drain(Milliseconds timeout) {
  std::unique_lock lock(mutex_);
  allowed_ = 0;
  return changed_.wait_for(lock, timeout, [&] { return idle_; });
}

bool Submitter::WaitForPosition(uint64_t position, Milliseconds timeout) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, timeout, [&] { return acknowledged_ >= position; });
}

void Submitter::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

std::string Submitter::last_error() {
  const std::lock_guard lock(mutex_);
  return last_error_;
}

void Submitter::Work() {
  while (true) {
    std::string address;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stopped_ || !address_.empty(); });
      if (stopped_) return;
      address = address_;
    }
    const auto ended = Converse(address);
    if (ended.ok()) return;  // Stopped.
    std::unique_lock lock(mutex_);
    last_error_ = ended.error().message;
    // The hub is probably down; HubIsUp or the pause lets us try again.
    changed_.wait_for(lock, kAskEvery, [&] { return stopped_; });
  }
}

Result<void> Submitter::Converse(const std::string& address) {
  NOROSHI_ASSIGN_OR_RETURN(auto client, WireClient::Connect({address, credentials_}));
  NOROSHI_RETURN_IF_ERROR(Greet(*client));
  NOROSHI_RETURN_IF_ERROR(SendWaiting(*client));
  while (true) {
    {
      const std::lock_guard lock(mutex_);
      if (stopped_) return {};
      if (waiting_.empty() && allowed_ == 0) {
        idle_ = true;
        changed_.notify_all();
      }
    }
    NOROSHI_RETURN_IF_ERROR(SendNew(*client));
    if (!client->Readable(kAskEvery)) continue;
    const auto frame = client->Receive();
    if (!frame.ok()) return frame.error();
    NOROSHI_RETURN_IF_ERROR(Handle(*client, *frame));
  }
}

Result<void> Submitter::Greet(WireClient& client) {
  v1::AgentFrame frame;
  v1::Hello* hello = frame.mutable_hello();
  hello->set_software("noroshi-test/1");
  hello->set_wants_deliveries(true);
  if (head_.tree_size() > 0) *hello->mutable_last_head() = head_;
  // Now and then an agent comes back without its memory: the hub's cursor serves.
  const bool remembers = random_() % 4 != 0;
  if (remembers && !delivery_log_id_.empty()) {
    hello->set_delivery_log_id(delivery_log_id_);
    hello->set_delivery_position(acknowledged_);
  }
  NOROSHI_RETURN_IF_ERROR(client.Send(frame));
  NOROSHI_ASSIGN_OR_RETURN(const v1::HubFrame answer, client.Receive());
  if (!answer.has_welcome()) {
    if (answer.has_goodbye() && !MayTryAgain(answer.goodbye())) {
      ledger_.Found("lost: the hub refuses us: " + answer.ShortDebugString());
    }
    return Error{ErrorCode::kUnavailable, "no welcome"};
  }
  const v1::TreeHead& head = answer.welcome().head();
  auto proven = merkle::VerifyTreeHead(head, credentials_.log_public_key);
  if (proven.ok() && head_.tree_size() > 0) {
    proven = merkle::VerifyConsistency(head_.tree_size(), head_.root_hash(), head.tree_size(),
                                       head.root_hash(), answer.welcome().consistency_proof());
  }
  if (!proven.ok()) {
    ledger_.Found("lost: the hub's history does not continue ours: " + proven.error().message);
    return proven.error();
  }
  head_ = head;
  const std::lock_guard lock(mutex_);
  position_ = remembers ? acknowledged_ : 0;
  return {};
}

Result<void> Submitter::SendWaiting(WireClient& client) {
  for (const auto* group : {&sample_, &waiting_}) {
    for (const auto& [id, bytes] : *group) {
      v1::AgentFrame frame;
      frame.mutable_submit()->set_submission(bytes);
      NOROSHI_RETURN_IF_ERROR(client.Send(frame));
    }
  }
  return {};
}

std::string Submitter::NewSubmission() {
  std::array<uint8_t, 10> random{};
  for (uint8_t& byte : random) byte = static_cast<uint8_t>(random_());
  const Uuid id = Uuid::MakeV7(SystemClock().NowMs(), random);
  v1::Submission submission;
  submission.set_id(id.bytes());
  submission.set_created_at_ms(id.time_ms());
  submission.mutable_handling()->set_tlp(v1::TLP_GREEN);
  const uint64_t number = ++number_;
  if (number % kMailEvery == 0) {
    submission.mutable_mail()->set_raw(MakeMail(credentials_.organization, number / kMailEvery));
  } else {
    FillReport(credentials_.organization, number, submission.mutable_incident());
  }
  const std::string bytes = submission.SerializeAsString();
  waiting_[id.bytes()] = bytes;
  ledger_.Sent(credentials_.organization, id.bytes(), bytes);
  return bytes;
}

Result<void> Submitter::SendNew(WireClient& client) {
  while (waiting_.size() < kInFlight) {
    {
      const std::lock_guard lock(mutex_);
      if (allowed_ == 0) return {};
      --allowed_;
    }
    v1::AgentFrame frame;
    frame.mutable_submit()->set_submission(NewSubmission());
    NOROSHI_RETURN_IF_ERROR(client.Send(frame));
  }
  return {};
}

Result<void> Submitter::Handle(WireClient& client, const v1::HubFrame& frame) {
  if (frame.has_receipts()) {
    AdvanceHead(frame.receipts());
    for (const v1::Receipt& receipt : frame.receipts().receipts()) {
      HandleReceipt(receipt, frame.receipts().head());
    }
  } else if (frame.has_deliveries()) {
    return HandleDeliveries(client, frame.deliveries());
  } else if (frame.has_rejection()) {
    // Kept in waiting_, so it goes out again with the next connection.
    if (!frame.rejection().retryable()) {
      ledger_.Found("rejected: " + frame.rejection().ShortDebugString());
    }
    return Error{ErrorCode::kOverloaded, frame.rejection().reason()};
  } else if (frame.has_goodbye()) {
    if (!MayTryAgain(frame.goodbye())) ledger_.Found(frame.goodbye().ShortDebugString());
    return Error{ErrorCode::kClosed, frame.goodbye().reason()};
  }
  return {};
}

// Without a proof the next welcome proves from the last head that was proven.
void Submitter::AdvanceHead(const v1::Receipts& receipts) {
  const v1::TreeHead& head = receipts.head();
  if (receipts.consistency_proof().empty() || head.tree_size() <= head_.tree_size()) return;
  const auto proven =
      merkle::VerifyConsistency(head_.tree_size(), head_.root_hash(), head.tree_size(),
                                head.root_hash(), receipts.consistency_proof());
  if (proven.ok()) {
    head_ = head;
  } else {
    ledger_.Found("the head of a receipt does not continue ours: " + proven.error().message);
  }
}

void Submitter::HandleReceipt(v1::Receipt receipt, const v1::TreeHead& head) {
  *receipt.mutable_head() = head;
  const std::string& id = receipt.submission_id();
  const auto waiting = waiting_.find(id);
  const auto again = sample_.find(id);
  const std::string* bytes = waiting != waiting_.end() ? &waiting->second
                             : again != sample_.end()  ? &again->second
                                                       : nullptr;
  if (bytes == nullptr) {
    ledger_.Found("a receipt that nobody waits for");
    return;
  }
  const auto verified = merkle::VerifyReceipt(receipt, *bytes, credentials_.organization,
                                              credentials_.log_public_key);
  if (!verified.ok()) ledger_.Found("receipt does not verify: " + verified.error().message);
  ledger_.Received(receipt);
  if (waiting == waiting_.end()) return;
  if (sample_.size() == kSampleMax) sample_.erase(sample_.begin());
  sample_[id] = *bytes;
  waiting_.erase(waiting);
}

Result<void> Submitter::HandleDeliveries(WireClient& client, const v1::Deliveries& deliveries) {
  delivery_log_id_ = deliveries.log_id();
  for (const v1::Delivery& delivery : deliveries.deliveries()) {
    ledger_.Delivered(credentials_.organization, delivery);
    const std::lock_guard lock(mutex_);
    // Without our memory the hub begins after its own cursor, which is never ahead of ours.
    const bool fits = position_ == 0 ? delivery.position() <= acknowledged_ + 1
                                     : delivery.position() == position_ + 1;
    if (!fits) {
      ledger_.Found(fmt::format("delivery {} of {} follows {} (acknowledged: {})",
                                delivery.position(), credentials_.organization, position_,
                                acknowledged_));
    }
    position_ = delivery.position();
  }
  const std::lock_guard lock(mutex_);
  acknowledged_ = std::max(acknowledged_, position_);
  changed_.notify_all();
  v1::AgentFrame frame;
  frame.mutable_delivery_ack()->set_position(position_);
  return client.Send(frame);
}

}  // namespace noroshi::support
