// What both sides of the fan-out contest share: a stamp inside each message that
// says which it is and when it was issued, and the book of who has which.
//
// Threads: Stamp is pure. Book: Issue and WaitFor from any thread, everything
// else from the subscribers' thread.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/bench.h"

namespace noroshi::bench {

inline constexpr size_t kAlertBytes = 1024;
inline constexpr size_t kSubscribers = 1000;
inline constexpr size_t kFanoutWindow = 4;  // Messages that not every subscriber has yet.

// "@#MK#@", number and time, in this many characters.
inline constexpr size_t kStampBytes = 30;
std::string Stamp(uint64_t number, std::chrono::steady_clock::time_point issued);

class Book {
 public:
  explicit Book(size_t subscribers) : subscribers_(subscribers) {}

  // A round begins: figures start anew, messages go on being numbered.
  void Begin();
  // The number of the next message.
  uint64_t Issue();
  // Finds the stamp in what a subscriber got and counts it. False: there is none.
  bool Note(std::string_view message);

  uint64_t issued() const;
  // Every subscriber has this message, or all of them.
  void WaitFor(uint64_t number, std::chrono::milliseconds timeout);
  bool all_arrived() const;
  // Messages issued and not yet with everybody.
  uint64_t open() const;

  // deliveries, deliveries_per_s, p50_ms, p99_ms since Begin.
  Figures figures() const;

 private:
  static constexpr size_t kRing = 4096;  // More than may ever be open.

  const size_t subscribers_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t issued_ = 0;
  uint64_t completed_ = 0;  // All before it are with everybody.
  std::array<size_t, kRing> arrived_{};
  uint64_t deliveries_ = 0;
  std::chrono::steady_clock::time_point began_;
  std::chrono::steady_clock::time_point last_;
  std::vector<double> latencies_ms_;
};

}  // namespace noroshi::bench
