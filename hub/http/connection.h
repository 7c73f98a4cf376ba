// Connection: one client of the web server, from its handshake to its end. Its
// requests are read, handled and answered one after the other.
//
// Threads: the server's, "http". Handlers run on workers and answer by a post.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/tls/stream.h"
#include "hub/http/events.h"
#include "hub/http/reader.h"
#include "hub/http/server.h"
#include "hub/http/workers.h"

namespace noroshi::http {

class Connection;

// What the server counts. Thread-safe.
class Counters {
 public:
  template <typename Function>
  void Update(Function function) {
    const std::lock_guard lock(mutex_);
    function(stats_);
  }
  Stats Snapshot() const {
    const std::lock_guard lock(mutex_);
    return stats_;
  }

 private:
  mutable std::mutex mutex_;
  Stats stats_;
};

// So many lines a second.
class LineBudget {
 public:
  explicit LineBudget(size_t per_second) : per_second_(per_second) {}
  bool Take(std::chrono::steady_clock::time_point now);

 private:
  const size_t per_second_;
  std::chrono::steady_clock::time_point second_begin_;
  size_t taken_ = 0;
};

// What all connections share; outlives them.
struct Shared {
  boost::asio::io_context& io;
  const ServerOptions& options;
  const Handler& handler;
  const Clock& clock;
  const std::set<std::string, std::less<>>& host_names;
  Workers& workers;
  Workers& watch_worker;  // For ServerOptions::watch_paths.
  StreamCounter& streams;
  Counters& counters;
  std::vector<char>& read_buffer;  // Its content is used up before anybody else reads.
  std::function<void(const std::shared_ptr<Connection>&)> over;

  size_t body_memory = 0;      // Of Limits::body_memory_bytes_max.
  size_t response_memory = 0;  // Of Limits::response_memory_bytes_max.
  LineBudget refusal_lines;
  bool stopping = false;
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  Connection(Shared& shared, std::unique_ptr<tls::TlsStream> stream, std::string network);

  boost::asio::awaitable<void> Run();

  // No request of its is with a handler or being answered.
  bool idle() const { return idle_; }
  TimePoint idle_since() const { return idle_since_; }
  const std::string& network() const { return network_; }

  // Ends when its request under way is answered; at once if there is none.
  void BeginStop();
  // Ends now.
  void Abandon();

 private:
  // A request and its answer, shared with the worker.
  struct Exchange {
    Request request;
    Response response;
    bool streaming = false;               // Events follow, or would but for HEAD.
    std::unique_ptr<StreamSlot> slot;     // If events follow.
    bool done = false;                    // Server's thread only.
    std::atomic<bool> abandoned = false;  // Nobody waits any more.
    TimePoint began;
  };
  using ExchangePtr = std::shared_ptr<Exchange>;

  boost::asio::awaitable<bool> ShakeHands();
  boost::asio::awaitable<void> Converse();
  // Each: false if the connection is over (a refusal has been answered).
  boost::asio::awaitable<bool> ReadHead();
  boost::asio::awaitable<bool> ReadBody();
  boost::asio::awaitable<void> Refuse(Refusal refusal);
  // The exchange, or one in its place that says why not; nullptr: over.
  boost::asio::awaitable<ExchangePtr> AwaitAnswer(ExchangePtr exchange);
  boost::asio::awaitable<bool> Answer(ExchangePtr exchange);
  boost::asio::awaitable<void> WriteEvents(ExchangePtr exchange);
  boost::asio::awaitable<void> WatchForTheEnd();
  boost::asio::awaitable<bool> Receive(TimePoint deadline, Refusal* refusal);
  boost::asio::awaitable<bool> Write(std::string_view bytes);
  boost::asio::awaitable<void> Linger();

  // On a worker: what it may touch of the server.
  struct Work {
    const Handler& handler;
    StreamCounter& streams;
    size_t event_bytes_max;
    std::function<void()> wake;
  };
  static void Handle(const Work& work, Exchange* exchange);
  static void OpenStream(const Work& work, Exchange* exchange);
  // Settles what is to be sent, for good: the head.
  std::string Prepare(Exchange* exchange);

  uint64_t BodyMax();
  bool HoldBody(size_t bytes);
  void Idle();
  void LogRequest(const Request& request, int status, TimePoint began);
  void LogRefusal(int status);
  void OnWake();

  Shared& shared_;
  const Limits& limits_;
  const std::unique_ptr<tls::TlsStream> stream_;
  const std::string network_;
  RequestReader reader_;
  std::optional<tls::CertificateInfo> certificate_;
  boost::asio::steady_timer waker_;  // For what workers and handlers of streams tell.
  std::shared_ptr<EventStream> events_;
  TimePoint request_began_;
  TimePoint idle_since_;
  size_t requests_ = 0;
  size_t body_held_ = 0;
  bool idle_ = true;
  bool closing_ = false;  // No further request.
  bool gone_ = false;     // The other side, while events are sent.
};

}  // namespace noroshi::http
