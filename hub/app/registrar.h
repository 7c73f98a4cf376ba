// Registrar: turns a one-time token, or a present certificate, into a new
// certificate. Each is an entry: the engine decides whether a token was still
// good, so that two agents cannot both use it.
//
// Threads: thread-safe; works on a thread of its own, because it waits for the
// engine. Limits: kRegistrationsWaitingMax, beyond it kOverloaded.
// Lifetime: everything in Parts outlives it.
#pragma once

#include <chrono>
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
#include "noroshi/v1/journal.pb.h"

namespace noroshi::app {

inline constexpr size_t kRegistrationsWaitingMax = 64;
// Whatever has no entry by then is refused, and its token stays good: agents wait for 10 s
// (kDialTimeout), then nobody would be there to get the certificate.
inline constexpr int64_t kRegistrationPatienceMs = 7'000;
// For the entry's durability, and for the engine to apply it.
inline constexpr int64_t kRegistrationTimeoutMs = 10'000;
inline constexpr int64_t kRenewalIntervalMs = 60'000;  // Of one agent.

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
  using Deadline = std::chrono::steady_clock::time_point;
  struct Job {
    std::function<Result<v1::Certificate>(Deadline)> work;
    Done done;
    Deadline deadline = {};  // Post sets it.
  };
  void Post(Job job);
  void Run();
  Result<v1::Certificate> DoEnroll(const std::string& token_secret, const std::string& csr_der,
                                   Deadline deadline);
  // Waits until the engine has applied all that the journal holds.
  Result<void> CatchUp(Deadline deadline) const;
  // Issues, records, and checks that the record was taken. certified: for whom, and by which
  // token or certificate.
  Result<v1::Certificate> Certify(v1::AgentCertified certified, const std::string& csr_der,
                                  Deadline deadline);

  const Parts parts_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;  // Guarded by mutex_.
  bool stop_ = false;     // Guarded by mutex_.
  std::thread thread_;
};

}  // namespace noroshi::app
