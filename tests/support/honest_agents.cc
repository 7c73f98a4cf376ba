#include "tests/support/honest_agents.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "common/merkle/merkle.h"
#include "common/runtime/clock.h"
#include "common/runtime/random.h"
#include "tests/support/payloads.h"

namespace noroshi::support {
namespace {

using Clock = std::chrono::steady_clock;

double MillisecondsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

}  // namespace

struct HonestAgents::Agent {
  struct Sent {
    std::string bytes;
    Clock::time_point due;
  };
  const Credentials& credentials;
  std::unique_ptr<WireClient> client;
  Clock::time_point due;
  std::map<std::string, Sent> waiting;  // By id.
};

double Quantile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const auto index = static_cast<size_t>(share * static_cast<double>(values.size()));
  return values[std::min(index, values.size() - 1)];
}

HonestAgents::HonestAgents(const std::string& address, const std::vector<Credentials>& agents) {
  for (size_t i = 0; i < agents.size(); ++i) {
    // Spread over the interval, so that they do not all come at once.
    const Milliseconds first = kReportEvery * i / agents.size();
    threads_.emplace_back(
        [this, first, address, credentials = agents[i]] { Work(first, address, credentials); });
  }
}

HonestAgents::~HonestAgents() { Finish(); }

std::vector<double> HonestAgents::Measure(size_t windows) {
  const auto take = [this] {
    const std::lock_guard lock(mutex_);
    return std::exchange(times_ms_, {});
  };
  std::vector<double> p99s;
  take();
  while (p99s.size() < windows) {
    std::this_thread::sleep_for(kWindow);  // The measurement itself, not a wait for something.
    const std::vector<double> times = take();
    // Nothing came: as bad as the window is long, at least.
    p99s.push_back(times.empty() ? static_cast<double>(kWindow.count()) : Quantile(times, 0.99));
  }
  return p99s;
}

std::vector<std::string> HonestAgents::Finish() {
  stopping_ = true;
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
  const std::lock_guard lock(mutex_);
  return findings_;
}

void HonestAgents::Work(Milliseconds first, const std::string& address,
                        const Credentials& credentials) {
  const auto converse = [&]() -> Result<void> {
    Agent agent{credentials, nullptr, Clock::now(), {}};
    agent.due += first;
    NOROSHI_ASSIGN_OR_RETURN(agent.client, Greet({address, credentials}));
    while (true) {
      const bool stopping = stopping_;
      if (stopping && agent.waiting.empty()) return {};
      const double late_ms = MillisecondsSince(agent.due);
      if (late_ms >= 0 && !stopping) {
        NOROSHI_RETURN_IF_ERROR(Report(agent));
        continue;
      }
      const Milliseconds pause =
          stopping ? kPatience : Milliseconds(static_cast<int64_t>(1 - late_ms));
      if (!agent.client->Readable(pause)) {
        if (stopping) return Error{ErrorCode::kTimeout, "receipts that never came"};
        continue;
      }
      NOROSHI_ASSIGN_OR_RETURN(const v1::HubFrame frame, agent.client->Receive());
      NOROSHI_RETURN_IF_ERROR(Handle(agent, frame));
    }
  };
  const auto ended = converse();
  if (ended.ok()) return;
  const std::lock_guard lock(mutex_);
  findings_.push_back(credentials.organization + ": " + ended.error().message);
}

Result<void> HonestAgents::Report(Agent& agent) {
  const v1::Submission report = MakeReport("予約受付の障害 " + std::to_string(sent_));
  std::string bytes = report.SerializeAsString();
  v1::AgentFrame frame;
  frame.mutable_submit()->set_submission(bytes);
  agent.waiting[report.id()] = {std::move(bytes), agent.due};
  agent.due += kReportEvery;
  ++sent_;
  return agent.client->Send(frame);
}

Result<void> HonestAgents::Handle(Agent& agent, const v1::HubFrame& frame) {
  if (!frame.has_receipts()) {
    return Error{ErrorCode::kDenied, "instead of receipts: " + frame.ShortDebugString()};
  }
  for (v1::Receipt receipt : frame.receipts().receipts()) {
    const auto found = agent.waiting.find(receipt.submission_id());
    if (found == agent.waiting.end()) {
      return Error{ErrorCode::kCorruption, "a receipt that nobody waits for"};
    }
    {
      const std::lock_guard lock(mutex_);
      times_ms_.push_back(MillisecondsSince(found->second.due));
    }
    *receipt.mutable_head() = frame.receipts().head();
    NOROSHI_RETURN_IF_ERROR(merkle::VerifyReceipt(receipt, found->second.bytes,
                                                  agent.credentials.organization,
                                                  agent.credentials.log_public_key));
    ++receipts_;
    agent.waiting.erase(found);
  }
  return {};
}

}  // namespace noroshi::support
