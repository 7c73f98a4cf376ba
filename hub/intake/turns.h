// Turns: who may use intake's thread next. Between two rounds the thread serves
// everything else that is ready; in one round each party (an organisation with
// all its sessions, or all strangers together) may do one turn's worth of work.
// Whoever wants more waits for the next round, first come first served.
//
// A party that has enough under way at the journal gets no turn at all until some
// of it is answered: what it sends then waits in its own sockets, not before the
// others' reports in the journal's queue.
//
// Alone on the thread a party is not slowed: the next round comes at once.
//
// Threads: intake's. Lifetime: Turns outlives every Turn.
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

namespace noroshi::intake {

// The party of those who have not shown who they are.
inline constexpr char kStrangers[] = "";

class Turn;

class Turns {
 public:
  // under_way_max: submissions of one party that may wait for the journal.
  Turns(boost::asio::io_context& io, size_t under_way_max)
      : io_(io), under_way_max_(under_way_max) {}

 private:
  friend class Turn;
  struct Party {
    size_t spent = 0;  // Units in this round; what is over a turn's worth is a debt.
    size_t under_way = 0;
    std::deque<Turn*> waiting;
    bool listed = false;
  };
  std::shared_ptr<Party> Join(const std::string& name);
  bool Blocked(const Party& party) const { return party.under_way >= under_way_max_; }
  // Has the party looked at in the next round.
  void List(const std::shared_ptr<Party>& party);
  void Round();

  boost::asio::io_context& io_;
  const size_t under_way_max_;
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

  // How many submissions of this session wait for the journal.
  void SetUnderWay(size_t count);
  // Ends a Wait, if there is one.
  void Cancel();

 private:
  friend class Turns;
  Turns& turns_;
  std::shared_ptr<Turns::Party> party_;
  size_t under_way_ = 0;
  std::unique_ptr<boost::asio::steady_timer> wake_;  // Exists while it waits.
};

}  // namespace noroshi::intake
