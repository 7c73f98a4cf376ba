// Certificates for tests: good ones from the product's own code, and every kind
// of bad one, made with OpenSSL directly.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "common/runtime/clock.h"
#include "common/tls/certificate.h"

namespace noroshi::testing_support {

inline constexpr int64_t kDayMs = int64_t{24} * 3600 * 1000;

// A wall clock that stands until it is set; the steady clock is the machine's.
class TestClock final : public Clock {
 public:
  explicit TestClock(int64_t now_ms) : now_ms_(now_ms) {}
  int64_t NowMs() const override { return now_ms_; }
  std::chrono::steady_clock::time_point Steady() const override {
    return std::chrono::steady_clock::now();
  }
  void Set(int64_t now_ms) { now_ms_ = now_ms; }
  void Advance(int64_t ms) { now_ms_ += ms; }

 private:
  std::atomic<int64_t> now_ms_;
};

struct Credentials {
  std::string chain_pem;
  std::string key_pem;
  std::string der;  // The leaf.
};

// What to get wrong. Defaults make a good agent's certificate.
struct LeafSpec {
  std::vector<std::string> uris = {"noroshi://mof/agent-1"};
  std::vector<std::string> dns_names;
  std::optional<std::string> extended_key_usage = "clientAuth";
  std::string curve = "P-256";
  bool is_ca = false;
  bool through_intermediate = false;
  bool present_ca = true;
};

class TestPki {
 public:
  explicit TestPki(int64_t now_ms);
  // With the key and certificate of another's CA.
  TestPki(int64_t now_ms, const std::string& ca_key_pem, const std::string& ca_pem);

  const std::string& ca_pem() const { return ca_pem_; }
  const std::string& ca_der() const { return ca_der_; }
  tls::IssueRequest Request(int64_t not_before_ms, int64_t not_after_ms) const;

  // Valid from a day before `now_ms` for 30 days, unless told otherwise.
  Credentials Agent(const tls::Identity& identity) const;
  Credentials Agent(const tls::Identity& identity, int64_t not_before_ms,
                    int64_t not_after_ms) const;
  Credentials Server(const std::vector<std::string>& hosts) const;
  Credentials Server(const std::vector<std::string>& hosts, int64_t not_before_ms,
                     int64_t not_after_ms) const;
  Credentials Odd(const LeafSpec& spec) const;
  // A good agent's certificate in the hands of somebody who has not its key.
  Credentials Stolen(const tls::Identity& identity) const;

 private:
  int64_t now_ms_;
  std::string ca_key_;
  std::string ca_der_;
  std::string ca_pem_;
};

}  // namespace noroshi::testing_support
