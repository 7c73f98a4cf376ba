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

  // Everything that has become possible happens.
  void Settle() {
    io_.restart();
    io_.poll();
  }

  static Limits SmallLimits() {
    Limits limits;
    limits.organization_outstanding_max = 4;
    limits.lag_entries_max = 100;
    limits.organization_lag_max = 3;
    return limits;
  }

  boost::asio::io_context io_{1};
  Turns turns_{io_, SmallLimits()};
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
  full.SetUnderWay(4, 0);
  Want(same, "a", 1);
  io_.run_for(std::chrono::milliseconds(1));
  EXPECT_EQ(order_, "");
  full.SetUnderWay(3, 0);
  io_.restart();
  io_.run();
  EXPECT_EQ(order_, "a");
}

TEST_F(TurnsTest, ACancelledWaitEnds) {
  Turn full(turns_);
  Turn same(turns_);
  full.Join("a");
  full.SetUnderWay(4, 0);
  Want(same, "a", 1);
  io_.poll();
  same.Cancel();
  io_.restart();
  io_.run();
  EXPECT_EQ(order_, "a");
}

// ---- what is receipted and not applied ----

class LagTest : public TurnsTest {
 protected:
  // So many submissions of the party get their receipts, in a journal that then has log_size
  // entries.
  void Receipt(const std::string& party, size_t count, uint64_t log_size) {
    Turn turn(turns_);
    turn.Join(party);
    turn.SetUnderWay(count, 0);
    turn.SetUnderWay(0, log_size);
  }

  // Whether the party may go on now.
  bool Goes(const std::string& party) {
    Turn turn(turns_);
    turn.Join(party);
    return turn.MayGo();
  }
};

TEST_F(LagTest, WhoHasMuchThatIsNotAppliedWaitsUntilItIs) {
  Turn many(turns_);
  Turn few(turns_);
  many.Join("many");
  Receipt("many", 3, 101);
  EXPECT_EQ(order_, "");
  Want(many, "many", 1);
  Want(few, "few", 1);
  Settle();
  EXPECT_EQ(order_, "few");
  turns_.OnApplied(1);  // As far behind as is allowed.
  Settle();
  EXPECT_EQ(order_, "fewmany");
}

TEST_F(LagTest, OneMoreEntryOrReceiptThanAllowedIsTooMany) {
  Turn kept(turns_);  // A party is forgotten with its last session.
  kept.Join("a");
  Receipt("a", 3, 100);
  EXPECT_TRUE(Goes("a")) << "exactly lag_entries_max";
  Receipt("a", 1, 101);
  EXPECT_FALSE(Goes("a"));
  turns_.OnApplied(1);
  EXPECT_TRUE(Goes("a"));
  Turn other(turns_);
  other.Join("b");
  Receipt("b", 2, 200);
  EXPECT_TRUE(Goes("b")) << "one receipt less than its share";
  Receipt("b", 1, 200);
  EXPECT_FALSE(Goes("b"));
}

TEST_F(LagTest, OldReceiptsAreForgotten) {
  Turn kept(turns_);
  kept.Join("a");
  Receipt("a", 3, 50);
  Receipt("b", 3, 300);
  turns_.OnApplied(50);
  EXPECT_TRUE(Goes("a")) << "others are behind, this one's are applied";
}

TEST_F(LagTest, AnEngineThatStandsStillHoldsNobodyUp) {
  Turn many(turns_);
  many.Join("many");
  Receipt("many", 3, 1000);
  Want(many, "many", 1);
  turns_.OnApplied(10);
  for (int i = 0; i < kStillTicksMax; ++i) turns_.Tick();  // At the first it has moved.
  Settle();
  EXPECT_EQ(order_, "");
  turns_.Tick();
  Settle();
  EXPECT_EQ(order_, "many");
  Receipt("many", 3, 1101);
  EXPECT_FALSE(Goes("many")) << "until the next tick";
  turns_.Tick();
  EXPECT_TRUE(Goes("many"));
  turns_.OnApplied(11);
  turns_.Tick();
  Receipt("many", 3, 1300);
  EXPECT_FALSE(Goes("many")) << "it moves again";
}

}  // namespace
}  // namespace noroshi::intake
