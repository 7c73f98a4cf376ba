#include "hub/http/events.h"

#include <algorithm>

#include "common/base/check.h"

namespace noroshi::http {
namespace {

bool IsOneLine(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

}  // namespace

std::string EncodeEvent(std::string_view id, std::string_view event, std::string_view data) {
  std::string out;
  if (!IsOneLine(id) || !IsOneLine(event)) return out;
  if (!id.empty()) out.append("id: ").append(id).append("\n");
  if (!event.empty()) out.append("event: ").append(event).append("\n");
  // CR, LF and both together end a line: each begins a field of its own.
  while (true) {
    const size_t end = std::min(data.find_first_of("\r\n"), data.size());
    out.append("data: ").append(data.substr(0, end)).append("\n");
    if (end == data.size()) break;
    data.remove_prefix(end + (data.substr(end, 2) == "\r\n" ? 2 : 1));
  }
  return out += "\n";
}

bool EventStream::Send(std::string_view id, std::string_view event, std::string_view data) {
  const std::string encoded = EncodeEvent(id, event, data);
  const std::lock_guard lock(mutex_);
  if (closed_ || encoded.empty()) return false;
  const bool was_empty = queued_.empty();
  if (writing_bytes_ + queued_.size() + encoded.size() > bytes_max_) {
    closed_ = cut_ = true;  // Never waited for, and not left with a gap.
    queued_.clear();
  } else {
    queued_ += encoded;
  }
  if ((cut_ || was_empty) && wake_) wake_();
  return !cut_;
}

void EventStream::Close() {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  closed_ = true;
  if (wake_) wake_();
}

bool EventStream::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

bool EventStream::cut() const {
  const std::lock_guard lock(mutex_);
  return cut_;
}

std::string EventStream::Take() {
  const std::lock_guard lock(mutex_);
  NOROSHI_CHECK(writing_bytes_ == 0);
  std::string taken = std::move(queued_);
  queued_.clear();
  writing_bytes_ = taken.size();
  return taken;
}

void EventStream::Written() {
  const std::lock_guard lock(mutex_);
  writing_bytes_ = 0;
}

void EventStream::End() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  wake_ = nullptr;
  queued_.clear();
}

int StreamCounter::Open(const std::string& key) {
  const std::lock_guard lock(mutex_);
  if (open_ >= limits_.streams_max) return 503;
  const auto found = by_key_.find(key);
  if (found != by_key_.end() && found->second >= limits_.streams_per_key_max) return 429;
  ++open_;
  ++by_key_[key];
  return 0;
}

void StreamCounter::Close(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = by_key_.find(key);
  NOROSHI_CHECK(open_ > 0 && found != by_key_.end());
  --open_;
  if (--found->second == 0) by_key_.erase(found);
}

size_t StreamCounter::open() const {
  const std::lock_guard lock(mutex_);
  return open_;
}

}  // namespace noroshi::http
