// Directory: whether an agent's certificate is good now, from the state.
//
// A certificate is good if its organisation is known and not disabled, its agent
// is known and not revoked, and its serial is the agent's newest or the one
// before (a renewed certificate may have been lost on its way to the agent).
//
// Answers are cached until identities change. Threads: thread-safe.
// Lifetime: the store outlives it.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "hub/intake/ports.h"
#include "hub/store/store.h"

namespace noroshi::app {

class Directory final : public intake::Directory {
 public:
  explicit Directory(const store::Store& store) : store_(store) {}

  Result<void> MayAct(const tls::Identity& identity, const std::string& serial) const override;

  // The same without a certificate: whether this agent may act at all.
  Result<void> MayAct(const tls::Identity& identity) const;

  // Organisations or agents changed: cached answers are void.
  void OnIdentitiesChanged() { ++generation_; }

 private:
  // What decides about one agent.
  struct Standing {
    uint64_t generation = 0;
    std::string refusal;  // "revoked: …"; empty: good, if the serial is one of these.
    std::string serial;
    std::string previous_serial;
  };
  Result<Standing> Read(const tls::Identity& identity) const;
  // From the cache, or read into it. kDenied with the standing's refusal.
  Result<Standing> Find(const tls::Identity& identity) const;

  const store::Store& store_;
  std::atomic<uint64_t> generation_{1};
  mutable std::mutex mutex_;
  mutable std::map<std::pair<std::string, std::string>, Standing> cache_;  // Guarded by mutex_.
};

}  // namespace noroshi::app
