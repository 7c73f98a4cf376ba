// A web server on a free port of 127.0.0.1, with a handler that tells what it got.
//
// Threads: one thread; the handler counts with atomics.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/tls/context.h"
#include "hub/http/server.h"
#include "tests/unit/common/tls_pki.h"
#include "tests/unit/hub/http/raw_client.h"

namespace noroshi::http {

inline constexpr int64_t kNowMs = 1'795'000'000'000;  // Some day in 2026.

class ServerTest : public testing::Test {
 protected:
  ServerTest();
  ~ServerTest() override;

  // With options_, which a test changes before.
  void Start();
  std::unique_ptr<RawClient> Connect() { return std::make_unique<RawClient>(server_->address()); }
  // One request on a connection of its own.
  Answer Ask(const std::string& request);
  // "GET <target>" with a Host of ours; more: further fields, each with CR LF.
  static std::string Get(const std::string& target, const std::string& more = "",
                         const std::string& method = "GET");

  // Handlers that wait on it go on.
  void OpenGate();
  // Returns when so many handlers wait at the gate.
  void AwaitAtGate(int handlers);
  std::shared_ptr<EventSink> AwaitSink();

  Response Handle(const Request& request);

  testing_support::TestClock clock_{kNowMs};
  testing_support::TestPki pki_{kNowMs};
  ServerOptions options_;
  std::unique_ptr<tls::Context> context_;
  std::unique_ptr<Server> server_;
  std::atomic<int> handled_ = 0;

  std::mutex mutex_;  // Guards what follows.
  std::condition_variable changed_;
  bool gate_open_ = false;
  int at_gate_ = 0;
  std::vector<std::shared_ptr<EventSink>> sinks_;
};

}  // namespace noroshi::http
