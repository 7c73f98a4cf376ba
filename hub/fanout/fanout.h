// Fanout: durable, ordered delivery to organisations over their agents' own
// connections. It reads the engine's outboxes (which sharing has decided) and
// writes by appending entries: cursors in batches, marks and answers one by one.
//
// All subscriptions read one snapshot, taken when the engine reports what it has
// applied; who may act is looked up once for each change of identities. So
// OnIdentitiesChanged and OnApplied must be called for every change, identities
// first: what has not been reported is neither delivered nor revoked yet.
//
// At least once, in order for each organisation, each agent with its own cursor.
// A new agent begins at position 0. An organisation that is disabled, or an agent
// that is revoked, gets nothing, even what was queued before.
//
// Limits: kSubscriptionsMax live at once; kPendingCursorsMax acknowledgements
// that the journal has not taken yet (the newest of each agent; beyond it new
// agents' are dropped and their items come again after the next connect);
// kAnswersPendingMax answers to questions that the engine has not judged yet.
//
// Threads: thread-safe. Wakes run on the threads that call OnApplied, or on one of
// Fanout's: they must be short and must not call Fanout or destroy a Subscription. Lifetime:
// journal and store outlive the Fanout; it outlives its Subscriptions.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "hub/journal/journal.h"
#include "hub/store/store.h"
#include "noroshi/v1/agent.pb.h"

namespace noroshi::fanout {

inline constexpr size_t kSubscriptionsMax = 20'000;
inline constexpr size_t kPendingCursorsMax = 100'000;
inline constexpr size_t kCursorsPerEntryMax = 256;
inline constexpr std::chrono::milliseconds kGather{20};
inline constexpr std::chrono::milliseconds kCalm{200};
inline constexpr int64_t kCursorFlushMs = 100;
inline constexpr int64_t kCursorRetryMs = 1'000;
inline constexpr size_t kItemsMax = 1'000;  // Of one After.
inline constexpr size_t kAlertCacheBytesMax = 32 * 1024 * 1024;
// Newest deliveries kept in memory: of one organisation, and of all together.
inline constexpr size_t kTailItemsMax = 64;
inline constexpr size_t kTailBytesMax = 32 * 1024 * 1024;
inline constexpr size_t kPersonBytesMax = 128;
inline constexpr size_t kNoteBytesMax = 1024;
inline constexpr size_t kAnswerBytesMax = 16 * 1024;
inline constexpr size_t kAnswersPendingMax = 1024;

// One connected agent's place in its organisation's outbox.
// Threads: thread-safe. Destruction unregisters; no wake runs afterwards.
class Subscription {
 public:
  virtual ~Subscription() = default;

  struct Batch {
    // Serialised v1::Delivery messages, of the positions after the one asked for,
    // without a gap.
    std::vector<std::string> deliveries;
    bool more = false;  // Cut off by a limit: ask again. If not, a wake follows what comes.
  };
  // Next deliveries after `position`, at most max_items and max_bytes together (at
  // least one item if there is any). kDenied when the organisation is disabled or
  // the agent revoked.
  virtual Result<Batch> After(uint64_t position, size_t max_items, size_t max_bytes) = 0;
  // The agent's own durable position if it belongs to this log, else the hub's
  // durable cursor.
  virtual uint64_t start_position() const = 0;
  // The agent has everything up to here on its disk. Durable soon. Positions that
  // were never handed out are ignored.
  virtual void Acknowledge(uint64_t position) = 0;
};

struct SubscribeRequest {
  std::string organization;
  std::string agent;
  std::string log_id;     // Hello.delivery_log_id; empty: none.
  uint64_t position = 0;  // Hello.delivery_position.
};

class Fanout {
 public:
  // calm: see hub/fanout/rounds.h; in a burst, what is new gathers for kGather.
  Fanout(journal::Journal* journal, const store::Store* store,
         std::chrono::milliseconds calm = kCalm);
  // Appends the acknowledgements that wait, if the journal takes them.
  ~Fanout();
  Fanout(const Fanout&) = delete;
  Fanout& operator=(const Fanout&) = delete;

  // `wake` is called whenever there may be more; coalesced until the next After.
  // Never null; beyond kSubscriptionsMax its After is kOverloaded.
  std::unique_ptr<Subscription> Subscribe(const SubscribeRequest& request,
                                          std::function<void()> wake);

  // An organisation says what it did with an alert. done: after the entry is
  // durable, on any thread. kDenied if it never got the alert, kInvalid for an
  // unknown mark or a limit, kUnavailable while the state is catching up.
  void Mark(const std::string& organization, const std::string& agent, const v1::MarkAlert& mark,
            std::function<void(Result<void>)> done);

  // An organisation answers a question of the centre (照会). done: on any thread, once
  // the entry is durable and the engine has taken it, or found that another answer was
  // first: nobody is told of an acceptance that does not hold. The same words again are
  // accepted again. kDenied "not_asked" if the organisation was never asked this,
  // kConflict "already_answered" or "withdrawn", kInvalid for a limit, kUnavailable while
  // the state is catching up or another answer to it is under way, kOverloaded. Not
  // called when the Fanout ends first.
  void Answer(const std::string& organization, const std::string& agent,
              const v1::AnswerQuestion& answer, std::function<void(Result<void>)> done);

  // The engine has applied every entry before `next`; call it for every batch.
  void OnEntriesApplied(uint64_t next);
  // The engine has put this into outboxes. Tell it of every item, in order.
  void OnApplied(std::span<const store::OutboxItem> items);
  // Organisations or agents changed: live subscriptions look again.
  void OnIdentitiesChanged();

  size_t subscriptions() const;
  size_t pending_cursors() const;  // Acknowledged, not yet durable.
  size_t pending_answers() const;  // Not yet judged by the engine.

  // Appends what waits now, without waiting for kCursorFlushMs; returns once the
  // journal has answered. For tests and for an orderly stop.
  void Flush();

 private:
  struct State;
  class Live;
  std::shared_ptr<State> state_;  // Shared with its subscriptions.
};

}  // namespace noroshi::fanout
