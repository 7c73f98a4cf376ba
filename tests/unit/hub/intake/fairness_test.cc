// Strangers and turns: nobody keeps others out by being many or busy.
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <string>
#include <vector>

#include "hub/intake/strangers.h"
#include "hub/intake/turns.h"

namespace noroshi::intake {
namespace {

Session* Number(size_t number) { return reinterpret_cast<Session*>(number); }

TEST(StrangersTest, TheOldestOfTheBusiestNetworkGivesWay) {
  Strangers strangers(4);
  EXPECT_EQ(strangers.Add(Number(1), "192.0.2.1:1"), nullptr);
  EXPECT_EQ(strangers.Add(Number(2), "192.0.2.7:1"), nullptr);
  EXPECT_EQ(strangers.Add(Number(3), "192.0.2.7:2"), nullptr);
  EXPECT_EQ(strangers.Add(Number(4), "192.0.2.7:3"), nullptr);
  EXPECT_EQ(strangers.Add(Number(5), "192.0.2.9:1"), Number(2));
  EXPECT_EQ(strangers.Add(Number(6), "192.0.2.7:4"), Number(3));
  EXPECT_EQ(strangers.size(), 4U);
  strangers.Remove(Number(4));
  strangers.Remove(Number(4));
  EXPECT_EQ(strangers.Add(Number(7), "192.0.2.8:1"), nullptr);
  // One each: the oldest of all.
  EXPECT_EQ(strangers.Add(Number(8), "192.0.2.10:1"), Number(1));
}

class TurnsTest : public testing::Test {
 protected:
  // Takes `count` turns for a party, noting each; as a session does.
  void Want(Turn& turn, const std::string& party, int count, size_t bytes = 16 * 1024) {
    turn.Join(party);
    boost::asio::co_spawn(
        io_,
        [this, &turn, party, count, bytes]() -> boost::asio::awaitable<void> {
          for (int i = 0; i < count; ++i) {
            if (!turn.MayGo()) co_await turn.Wait();
            order_ += party;
            turn.Spend(bytes);
          }
        },
        boost::asio::detached);
  }

  boost::asio::io_context io_{1};
  Turns turns_{io_, 4};
  std::string order_;
};

TEST_F(TurnsTest, ManySessionsOfOnePartyShareItsTurn) {
  std::vector<std::unique_ptr<Turn>> turns;
  for (int i = 0; i < 10; ++i) {
    turns.push_back(std::make_unique<Turn>(turns_));
    Want(*turns.back(), "a", 3);
  }
  Turn other(turns_);
  Want(other, "b", 3);
  io_.run();
  EXPECT_EQ(order_.size(), 33U);
  // In each round one of each: the third b comes early.
  EXPECT_LE(order_.rfind('b'), 8U) << order_;
}

TEST_F(TurnsTest, SmallPiecesShareATurn) {
  Turn busy(turns_);
  Turn other(turns_);
  Want(busy, "a", 100, 0);
  Want(other, "b", 2);
  io_.run();
  EXPECT_EQ(order_.find('b'), 16U) << order_;
}

TEST_F(TurnsTest, WhoeverHasEnoughUnderWayWaitsForAnswers) {
  Turn full(turns_);
  Turn same(turns_);
  full.Join("a");
  full.SetUnderWay(4);
  Want(same, "a", 1);
  io_.run_for(std::chrono::milliseconds(1));
  EXPECT_EQ(order_, "");
  full.SetUnderWay(3);
  io_.restart();
  io_.run();
  EXPECT_EQ(order_, "a");
}

TEST_F(TurnsTest, ACancelledWaitEnds) {
  Turn full(turns_);
  Turn same(turns_);
  full.Join("a");
  full.SetUnderWay(4);
  Want(same, "a", 1);
  io_.poll();
  same.Cancel();
  io_.restart();
  io_.run();
  EXPECT_EQ(order_, "a");
}

}  // namespace
}  // namespace noroshi::intake
