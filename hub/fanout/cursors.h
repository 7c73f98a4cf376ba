// Cursors: the acknowledgements that wait to become durable. It collects them and
// appends one CursorsAdvanced entry for many, from a thread of its own. What the
// journal refuses is kept, newest only, and tried again. For hub/fanout only.
//
// Threads: thread-safe.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "hub/journal/journal.h"

namespace noroshi::fanout {

// Made by std::make_shared: appends in flight hold it.
class Cursors : public std::enable_shared_from_this<Cursors> {
 public:
  explicit Cursors(journal::Journal* journal) : journal_(journal) {}
  void Start();
  // Joins the thread and appends what waits, once.
  void Stop();

  void Advance(const std::string& organization, const std::string& agent, uint64_t position);
  // Appends what waits; returns when the journal has answered for all of it.
  void Flush();
  size_t size() const;

 private:
  using Waiting = std::map<std::pair<std::string, std::string>, uint64_t>;

  void Run();
  // Sends one entry, if something waits and nothing is in flight. Takes the lock.
  void SendOne(std::unique_lock<std::mutex>* lock);
  void OnDone(const Result<journal::Acceptance>& result);
  static void Merge(const Waiting& from, Waiting* into);

  journal::Journal* journal_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Waiting waiting_;
  Waiting in_flight_;
  bool refused_ = false;  // The last append failed; cleared by the next attempt.
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace noroshi::fanout
