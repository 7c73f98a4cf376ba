// Turns: who may use intake's thread next. Between two rounds the thread serves
// everything else that is ready; in one round each party (an organisation with
// all its sessions, or all strangers together) may do one turn's worth of work.
// Whoever wants more waits for the next round, first come first served.
//
// A party that has enough under way at the journal gets no turn at all until some
// of it is answered: what it sends then waits in its own sockets, not before the
// others' reports in the journal's queue. The same holds while the engine is far behind
// (lag.h) for whoever has its share of that.
//
// Alone on the thread a party is not slowed: the next round comes at once.
//
// Threads: intake's; OnApplied is for any. Lifetime: Turns outlives every Turn.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/tls/stream.h"
#include "hub/intake/lag.h"
#include "hub/intake/options.h"

namespace noroshi::intake {

// The party of those who have not shown who they are.
inline constexpr char kStrangers[] = "";

class Turn;

class Turns {
 public:
  Turns(boost::asio::io_context& io, const Limits& limits)
      : io_(io),
        under_way_max_(limits.organization_outstanding_max),
        lag_(limits.lag_entries_max, limits.organization_lag_max) {}

  // The engine has applied all entries before `next`.
  void OnApplied(uint64_t next);
  // Once a second.
  void Tick();

 private:
  friend class Turn;
  struct Party {
    size_t spent = 0;  // Units in this round; what is over a turn's worth is a debt.
    size_t under_way = 0;
    Receipted receipted;
    std::deque<Turn*> waiting;
    bool listed = false;
  };
  std::shared_ptr<Party> Join(const std::string& name);
  bool Blocked(const Party& party) {
    return party.under_way >= under_way_max_ || lag_.Holds(party.receipted);
  }
  // Has the party looked at in the next round.
  void List(const std::shared_ptr<Party>& party);
  void Round();
  // Looks at all who wait.
  void ListWaiting();

  boost::asio::io_context& io_;
  const size_t under_way_max_;
  Lag lag_;
  std::map<std::string, std::weak_ptr<Party>> parties_;
  std::vector<std::shared_ptr<Party>> listed_;
};

// One session's place in its party.
class Turn final : public tls::Pacer {
 public:
  explicit Turn(Turns& turns) : turns_(turns), party_(turns.Join(kStrangers)) {}
  ~Turn() override;
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  // The session's party from now on. REQUIRES: it does not wait, nothing is under way.
  void Join(const std::string& party) { party_ = turns_.Join(party); }

  bool MayGo() const override;
  boost::asio::awaitable<void> Wait() override;
  void Spend(size_t bytes) override;

  // How many submissions and marks of this session wait for the journal, which has
  // log_size entries: what waited before and does not any more has its receipt.
  void SetUnderWay(size_t count, uint64_t log_size);
  // Ends a Wait, if there is one.
  void Cancel();

 private:
  friend class Turns;
  void Recount(size_t under_way);

  Turns& turns_;
  std::shared_ptr<Turns::Party> party_;
  size_t under_way_ = 0;
  std::unique_ptr<boost::asio::steady_timer> wake_;  // Exists while it waits.
};

}  // namespace noroshi::intake
