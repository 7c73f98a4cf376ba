#include "hub/fanout/cursors.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>

#include "common/base/check.h"
#include "common/log/log.h"
#include "hub/fanout/fanout.h"

namespace noroshi::fanout {

void Cursors::Start() {
  thread_ = std::thread([this] { Run(); });
  pthread_setname_np(thread_.native_handle(), "fanout");
}

void Cursors::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  Flush();
}

void Cursors::Advance(const std::string& organization, const std::string& agent,
                      uint64_t position) {
  const std::lock_guard lock(mutex_);
  const auto key = std::make_pair(organization, agent);
  if (waiting_.size() >= kPendingCursorsMax && !waiting_.contains(key)) return;
  uint64_t& newest = waiting_[key];
  newest = std::max(newest, position);
  if (waiting_.size() == 1 || waiting_.size() >= kCursorsPerEntryMax) changed_.notify_all();
}

void Cursors::Run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    changed_.wait(lock, [&] { return stopping_ || (!waiting_.empty() && in_flight_.empty()); });
    // Wait for company, or after a refusal for better times.
    const auto wait = std::chrono::milliseconds(refused_ ? kCursorRetryMs : kCursorFlushMs);
    changed_.wait_for(lock, wait, [&] {
      return stopping_ || (!refused_ && waiting_.size() >= kCursorsPerEntryMax);
    });
    if (!stopping_) SendOne(&lock);
  }
}

void Cursors::SendOne(std::unique_lock<std::mutex>* lock) {
  if (waiting_.empty() || !in_flight_.empty()) return;
  refused_ = false;
  v1::CursorsAdvanced advanced;
  while (!waiting_.empty() && in_flight_.size() < kCursorsPerEntryMax) {
    auto node = waiting_.extract(waiting_.begin());
    v1::CursorAdvanced& cursor = *advanced.add_cursors();
    cursor.set_organization(node.key().first);
    cursor.set_agent(node.key().second);
    cursor.set_position(node.mapped());
    in_flight_.insert(std::move(node));
  }
  journal::Draft draft;
  draft.kind = v1::ENTRY_KIND_CURSORS_ADVANCED;
  NOROSHI_CHECK(advanced.SerializeToString(&draft.body));
  lock->unlock();  // done may run at once, on this thread.
  journal_->Append(std::move(draft), [self = shared_from_this()](Result<journal::Acceptance> done) {
    self->OnDone(done);
  });
  lock->lock();
}

void Cursors::OnDone(const Result<journal::Acceptance>& result) {
  {
    const std::lock_guard lock(mutex_);
    if (!result.ok()) {
      Log(Level::kWarning, "cursors_refused",
          {{"code", ToString(result.error().code)}, {"cursors", in_flight_.size()}});
      Merge(in_flight_, &waiting_);
      refused_ = true;
    }
    in_flight_.clear();
  }
  changed_.notify_all();
}

void Cursors::Merge(const Waiting& from, Waiting* into) {
  for (const auto& [key, position] : from) {
    uint64_t& newest = (*into)[key];
    newest = std::max(newest, position);
  }
}

void Cursors::Flush() {
  std::unique_lock lock(mutex_);
  do {
    changed_.wait(lock, [&] { return in_flight_.empty(); });
    SendOne(&lock);
    changed_.wait(lock, [&] { return in_flight_.empty(); });
  } while (!waiting_.empty() && !refused_);
}

size_t Cursors::size() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size() + in_flight_.size();
}

}  // namespace noroshi::fanout
