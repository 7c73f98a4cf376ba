// Assemblies: the chunked submissions that one session is receiving.
//
// Memory is leased piece by piece as bytes arrive: announcing a large size
// costs the announcer nothing and us nothing.
//
// Threads: intake's.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hub/intake/admission.h"
#include "hub/intake/options.h"
#include "noroshi/v1/agent.pb.h"

namespace noroshi::intake {

// Refused submissions whose pieces may still be on their way, remembered by session.
inline constexpr size_t kRefusedRememberedMax = 64;

struct Assembled {
  std::string bytes;
  std::shared_ptr<Lease> lease;
};

struct ChunkOutcome {
  enum class Kind {
    kMore,       // Taken; more pieces will come.
    kComplete,   // `assembled` is whole.
    kRefused,    // `rejection` says why; further pieces of it are ignored.
    kIgnored,    // A late piece of a refused submission.
    kViolation,  // The protocol is broken; `reason` says how.
  };
  Kind kind = Kind::kMore;
  Assembled assembled;
  v1::Rejection rejection;
  std::string reason;
  uint64_t released = 0;  // Bytes taken earlier that no longer await an answer of their own.
};

class Assemblies {
 public:
  using NewLease = std::function<std::shared_ptr<Lease>()>;
  Assemblies(const Limits& limits, NewLease new_lease)
      : limits_(limits), new_lease_(std::move(new_lease)) {}

  ChunkOutcome Add(v1::SubmitChunk* chunk, int64_t now_ms);

  struct Expired {
    std::string id;
    uint64_t bytes = 0;
  };
  // Removes, and remembers as refused, what has not grown for the timeout.
  std::vector<Expired> Expire(int64_t now_ms);
  bool empty() const { return open_.empty(); }

 private:
  struct Open {
    uint64_t total = 0;
    std::string bytes;
    std::shared_ptr<Lease> lease;
    int64_t grown_at_ms = 0;
  };
  ChunkOutcome Refuse(const std::string& id, const char* code, const std::string& reason,
                      uint32_t retry_after_ms);
  void Remember(const std::string& id);

  const Limits& limits_;
  NewLease new_lease_;
  std::map<std::string, Open> open_;
  std::deque<std::string> refused_;
};

}  // namespace noroshi::intake
