#include "tests/bench/fanout_load.h"

#include <fmt/format.h>

#include <charconv>

#include "common/base/check.h"

namespace noroshi::bench {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::string_view kMark = "@#MK#@";
constexpr size_t kNumberDigits = 8;
constexpr size_t kTimeDigits = 16;

uint64_t FromHexDigits(std::string_view digits) {
  uint64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
  return number;
}

}  // namespace

std::string Stamp(uint64_t number, Steady::time_point issued) {
  return fmt::format("{}{:08x}{:016x}", kMark, number, issued.time_since_epoch().count());
}

void Book::Begin() {
  const std::lock_guard lock(mutex_);
  NOROSHI_CHECK(completed_ == issued_);
  deliveries_ = 0;
  latencies_ms_.clear();
  began_ = last_ = Steady::now();
}

uint64_t Book::Issue() {
  const std::lock_guard lock(mutex_);
  NOROSHI_CHECK(issued_ - completed_ < kRing);
  return issued_++;
}

bool Book::Note(std::string_view message) {
  const size_t at = message.find(kMark);
  if (at == std::string_view::npos || message.size() - at < kStampBytes) return false;
  const uint64_t number = FromHexDigits(message.substr(at + kMark.size(), kNumberDigits));
  const auto issued = Steady::time_point(Steady::duration(static_cast<int64_t>(
      FromHexDigits(message.substr(at + kMark.size() + kNumberDigits, kTimeDigits)))));
  const std::lock_guard lock(mutex_);
  last_ = Steady::now();
  ++deliveries_;
  latencies_ms_.push_back(std::chrono::duration<double, std::milli>(last_ - issued).count());
  ++arrived_[number % kRing];
  if (number != completed_) return true;
  while (arrived_[completed_ % kRing] == subscribers_) arrived_[completed_++ % kRing] = 0;
  if (completed_ > number) changed_.notify_all();
  return true;
}

uint64_t Book::issued() const {
  const std::lock_guard lock(mutex_);
  return issued_;
}

void Book::WaitFor(uint64_t number, std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, timeout, [&] { return completed_ > number; });
}

bool Book::all_arrived() const { return open() == 0; }

uint64_t Book::open() const {
  const std::lock_guard lock(mutex_);
  return issued_ - completed_;
}

Figures Book::figures() const {
  const std::lock_guard lock(mutex_);
  std::vector<double> latencies = latencies_ms_;
  const auto deliveries = static_cast<double>(deliveries_);
  return {{"deliveries", deliveries},
          {"deliveries_per_s", deliveries / std::chrono::duration<double>(last_ - began_).count()},
          {"p50_ms", Percentile(&latencies, 0.5)},
          {"p99_ms", Percentile(&latencies, 0.99)}};
}

}  // namespace noroshi::bench
