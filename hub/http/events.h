// Streams of server-sent events: what handlers queue, until the server's thread
// has written it.
//
// Threads: thread-safe. Wake functions are called under a lock and only post.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "hub/http/limits.h"
#include "hub/http/message.h"

namespace noroshi::http {

// One event as it goes over the wire; empty if id or event cannot be sent.
std::string EncodeEvent(std::string_view id, std::string_view event, std::string_view data);

class EventStream final : public EventSink {
 public:
  EventStream(size_t bytes_max, std::function<void()> wake)
      : bytes_max_(bytes_max), wake_(std::move(wake)) {}

  bool Send(std::string_view id, std::string_view event, std::string_view data) override;
  void Close() override;
  bool closed() const override;

  // What is to be written; counted until Written. REQUIRES: nothing is being written.
  std::string Take();
  void Written();
  // It was over event_bytes_max.
  bool cut() const;
  // Nothing more is taken, and nobody is woken from now on.
  void End();

 private:
  const size_t bytes_max_;
  mutable std::mutex mutex_;
  std::function<void()> wake_;
  std::string queued_;
  size_t writing_bytes_ = 0;
  bool closed_ = false;
  bool cut_ = false;
};

// Counts the streams of the server and of each key.
class StreamCounter {
 public:
  explicit StreamCounter(const Limits& limits) : limits_(limits) {}

  // 0: counted. Else the status that refuses it: 429 (this key's), 503 (all).
  int Open(const std::string& key);
  void Close(const std::string& key);
  size_t open() const;

 private:
  const Limits limits_;
  mutable std::mutex mutex_;
  size_t open_ = 0;
  std::map<std::string, size_t> by_key_;
};

// An open stream and its place in the count, given back at the end.
class StreamSlot {
 public:
  StreamSlot(StreamCounter& counter, std::string key, std::shared_ptr<EventStream> stream)
      : counter_(counter), key_(std::move(key)), stream_(std::move(stream)) {}
  ~StreamSlot() {
    stream_->End();
    counter_.Close(key_);
  }
  StreamSlot(const StreamSlot&) = delete;
  StreamSlot& operator=(const StreamSlot&) = delete;

  const std::shared_ptr<EventStream>& stream() const { return stream_; }

 private:
  StreamCounter& counter_;
  const std::string key_;
  const std::shared_ptr<EventStream> stream_;
};

}  // namespace noroshi::http
