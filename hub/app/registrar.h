// Registrar: turns a one-time token, or a present certificate, into a new
// certificate. Each is an entry: the engine decides whether a token was still
// good, so that two agents cannot both use it.
//
// Threads: thread-safe; works on a thread of its own, because it waits for the
// engine. Limits: kRegistrationsWaitingMax, beyond it kOverloaded.
// Lifetime: everything in Parts outlives it.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "common/runtime/clock.h"
#include "hub/engine/runner.h"
#include "hub/identity/authority.h"
#include "hub/intake/ports.h"
#include "hub/journal/journal.h"
#include "hub/store/store.h"

namespace noroshi::app {

inline constexpr size_t kRegistrationsWaitingMax = 64;
inline constexpr int64_t kRegistrationTimeoutMs = 10'000;  // For each of the waits.
inline constexpr int64_t kRenewalIntervalMs = 60'000;      // Of one agent.

class Registrar final : public intake::Registrar {
 public:
  struct Parts {
    journal::Journal* journal = nullptr;
    engine::Runner* runner = nullptr;
    const store::Store* store = nullptr;
    const identity::CertificateAuthority* authority = nullptr;
    const Clock* clock = nullptr;
  };

  explicit Registrar(Parts parts);
  ~Registrar() override;  // Refuses what waits.

  void Enroll(const std::string& token_secret, const std::string& csr_der, Done done) override;
  void Renew(const tls::Identity& identity, const std::string& serial, const std::string& csr_der,
             Done done) override;

 private:
  struct Job {
    std::function<Result<v1::Certificate>()> work;
    Done done;
  };
  void Post(Job job);
  void Run();
  Result<v1::Certificate> DoEnroll(const std::string& token_secret, const std::string& csr_der);
  // Issues, records, and checks that the record was taken.
  Result<v1::Certificate> Certify(const tls::Identity& identity, const std::string& csr_der,
                                  const std::string& token_sha256);

  const Parts parts_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;  // Guarded by mutex_.
  bool stop_ = false;     // Guarded by mutex_.
  std::thread thread_;
};

}  // namespace noroshi::app
