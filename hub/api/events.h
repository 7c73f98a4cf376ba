// Events: what has changed, told live to those who may see it (server-sent events).
// An event names a resource and holds none of its content: who wants that reads it,
// and is authorised and recorded then. For hub/api only.
//
// The id of an event names the log (a restore begins another one) and its size when it
// happened. Whoever comes back with Last-Event-ID gets what it missed, or "reset" if that
// is no longer kept or of another log.
//
// Threads: thread-safe. OnApplied only queues; a thread of its own, "events", reads
// the state and sends.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "hub/access/policy.h"
#include "hub/engine/engine.h"
#include "hub/http/message.h"
#include "hub/store/store.h"

namespace noroshi::api {

inline constexpr size_t kEventsKeptMax = 4'096;
inline constexpr size_t kEventsWaitingMax = 16'384;  // Beyond it all get "reset".

class Events {
 public:
  Events(const store::Store* store, std::string_view log_id);
  ~Events();

  void OnApplied(const engine::Applied& applied);
  // last: Last-Event-ID, or empty. session: its end ends the stream.
  void Subscribe(const access::Actor& actor, const std::string& session, const std::string& last,
                 std::shared_ptr<http::EventSink> sink);
  void Stop();

 private:
  enum class Kind { kCase, kAlert, kQuestion, kSample, kProposal, kDelivery };
  struct Event {
    uint64_t at = 0;
    Kind kind = Kind::kCase;
    std::string id;  // As the store has it; an organisation for kDelivery.
  };
  struct Subscriber {
    access::Actor actor;
    std::string session;
    std::shared_ptr<http::EventSink> sink;
  };

  void Run();
  void Tell(const std::vector<Event>& events);
  void Keep(const std::vector<Event>& events);  // REQUIRES: mutex_ is held.
  // False: the subscriber may not act any more.
  bool Refresh(const store::View& view, Subscriber* subscriber) const;
  static bool May(const store::View& view, const access::Actor& actor, const Event& event);
  // What the actor may see of these, in order.
  void SendAll(const store::View& view, const access::Actor& actor,
               const std::vector<Event>& events, http::EventSink* sink) const;
  // is_last: nothing of the same batch follows; only then may the reader go on after it.
  void Send(const Event& event, bool is_last, http::EventSink* sink) const;

  const store::Store* store_;
  const std::string id_prefix_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Event> waiting_;           // Guarded by mutex_.
  bool overrun_ = false;                 // Guarded by mutex_.
  std::deque<Event> kept_;               // Guarded by mutex_.
  uint64_t forgotten_ = 0;               // Guarded by mutex_: the newest event that is not kept.
  std::vector<Subscriber> subscribers_;  // Guarded by mutex_.
  bool stop_ = false;                    // Guarded by mutex_.
  std::thread thread_;
};

}  // namespace noroshi::api
