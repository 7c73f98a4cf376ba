// A journal in memory that answers when told, and a clock that stands: for a
// conversation without sockets.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/runtime/clock.h"
#include "hub/intake/ports.h"
#include "hub/journal/journal.h"

namespace noroshi::intake {

// Keeps what is appended until Answer; only what a conversation calls does anything.
class HeldJournal final : public journal::Journal {
 public:
  void Append(journal::Draft draft, journal::AppendDone done) override {
    drafts.push_back(std::move(draft));
    waiting_.push_back(std::move(done));
  }
  // Answers everything held, in order, under one head.
  void Accept() {
    auto head = std::make_shared<v1::TreeHead>();
    head->set_tree_size(size_ + waiting_.size());
    for (auto& done : std::exchange(waiting_, {})) {
      journal::Acceptance acceptance;
      acceptance.sequence = size_++;
      acceptance.head = head;
      acceptance.receipt.set_sequence(acceptance.sequence);
      acceptance.receipt.set_inclusion_proof(std::string(640, 'p'));
      done(std::move(acceptance));
    }
  }
  void Fail(ErrorCode code) {
    for (auto& done : std::exchange(waiting_, {})) done(Error{code, "as the test wants"});
  }
  size_t waiting() const { return waiting_.size(); }

  Result<std::vector<journal::Entry>> Read(uint64_t, size_t, size_t) override {
    return Error{ErrorCode::kInternal, "not here"};
  }
  uint64_t size() const override { return size_; }
  uint64_t WaitBeyond(uint64_t, int64_t) override { return size_; }
  std::string log_id() const override { return std::string(16, 'l'); }
  std::string log_public_key() const override { return std::string(32, 'k'); }
  v1::TreeHead Head() const override {
    v1::TreeHead head;
    head.set_log_id(log_id());
    head.set_tree_size(size_);
    return head;
  }
  std::vector<v1::Restored> Restores() const override { return {}; }
  Result<v1::Receipt> Prove(uint64_t) override { return Error{ErrorCode::kInternal, "not here"}; }
  Result<std::string> ProveConsistency(uint64_t, uint64_t) override { return std::string("proof"); }
  Result<std::string> RootAt(uint64_t) override { return std::string(32, 'r'); }
  Result<void> EraseBody(uint64_t) override { return {}; }
  Result<void> Health() const override { return {}; }
  Result<uint64_t> Verify(const std::function<void(const journal::Finding&)>&, size_t) override {
    return size_;
  }
  Result<void> Backup(const std::string&) override { return {}; }

  std::vector<journal::Draft> drafts;

 private:
  uint64_t size_ = 1;
  std::vector<journal::AppendDone> waiting_;
};

// Says yes until told otherwise.
class YesDirectory final : public Directory {
 public:
  Result<void> MayAct(const tls::Identity&, const std::string&) const override { return answer; }
  Result<void> answer;
};

// Holds its answers until told.
class HeldRegistrar final : public Registrar {
 public:
  void Enroll(const std::string&, const std::string&, Done done) override {
    waiting.push_back(std::move(done));
  }
  void Renew(const tls::Identity&, const std::string&, const std::string&, Done done) override {
    waiting.push_back(std::move(done));
  }
  std::vector<Done> waiting;
};

// One endless outbox; marks and answers are held until told.
class HeldFeed final : public DeliveryFeed {
 public:
  std::unique_ptr<Subscription> Subscribe(const tls::Identity&, const v1::Hello& hello,
                                          std::function<void()>) override {
    return std::make_unique<Endless>(*this, hello.delivery_position());
  }
  void Mark(const tls::Identity&, const v1::MarkAlert&,
            std::function<void(Result<void>)> done) override {
    marks.push_back(std::move(done));
  }
  void Answer(const tls::Identity&, const v1::AnswerQuestion&,
              std::function<void(Result<void>)> done) override {
    answers.push_back(std::move(done));
  }
  std::vector<std::function<void(Result<void>)>> marks;
  std::vector<std::function<void(Result<void>)>> answers;
  Result<void> refusal;  // Of what is asked for next.

 private:
  class Endless final : public Subscription {
   public:
    Endless(const HeldFeed& feed, uint64_t start) : feed_(feed), start_(start) {}
    Result<Batch> After(uint64_t position, size_t max_items, size_t max_bytes) override {
      if (!feed_.refusal.ok()) return feed_.refusal.error();
      std::vector<std::string> next;
      for (size_t bytes = 0; next.size() < max_items && position < UINT64_MAX; ++position) {
        v1::Delivery delivery;
        delivery.set_position(position + 1);
        delivery.set_alert(std::string(1000, 'a'));
        next.push_back(delivery.SerializeAsString());
        bytes += next.back().size();
        if (bytes > max_bytes) break;
      }
      return Batch{std::move(next), /*more=*/true};
    }
    uint64_t start_position() const override { return start_; }
    void Acknowledge(uint64_t) override {}

   private:
    const HeldFeed& feed_;
    uint64_t start_;
  };
};

class StandingClock final : public Clock {
 public:
  explicit StandingClock(int64_t now_ms) : now_ms_(now_ms) {}
  int64_t NowMs() const override { return now_ms_; }
  std::chrono::steady_clock::time_point Steady() const override {
    return std::chrono::steady_clock::time_point(std::chrono::milliseconds(steady_ms_));
  }
  void Advance(int64_t ms) {
    now_ms_ += ms;
    steady_ms_ += ms;
  }

 private:
  int64_t now_ms_;
  int64_t steady_ms_ = 1'000'000;
};

}  // namespace noroshi::intake
