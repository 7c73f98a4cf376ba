#include "hub/fanout/fanout.h"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "hub/fanout/alert_cache.h"
#include "tests/unit/hub/engine/scene.h"

namespace noroshi::fanout {
namespace {

using engine::Script;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr size_t kMany = 1000;
constexpr size_t kMuch = 1 << 20;

class FanoutTest : public engine::Scene {
 protected:
  void SetUp() override {
    Scene::SetUp();
    script_.Enrol("moj", "a", "s1");
    script_.Enrol("moj", "b", "s2");
    script_.Enrol("bank", "a", "s3");
    for (const char id : {'1', '2', '3'}) script_.Alert(Script::Warning(id, v1::TLP_GREEN, "all"));
    Follow();
    // Never in a burst: each wake comes before OnApplied returns.
    fanout_ = std::make_unique<Fanout>(&journal_, store_.get(), std::chrono::milliseconds(0));
  }
  void TearDown() override {
    fanout_.reset();
    Scene::TearDown();
  }

  std::unique_ptr<Subscription> Subscribe(
      const std::string& organization, const std::string& agent, uint64_t position = 0,
      std::function<void()> wake = [] {}) {
    return fanout_->Subscribe({organization, agent, journal_.log_id(), position}, std::move(wake));
  }
  static std::vector<uint64_t> Positions(const Result<Subscription::Batch>& batch) {
    EXPECT_TRUE(batch.ok()) << batch.error().message;
    std::vector<uint64_t> positions;
    for (const std::string& bytes : batch->deliveries) {
      v1::Delivery delivery;
      EXPECT_TRUE(delivery.ParseFromString(bytes));
      positions.push_back(delivery.position());
    }
    return positions;
  }
  // The cursors that the journal holds since `from`.
  std::vector<v1::CursorAdvanced> Cursors(uint64_t from) {
    std::vector<v1::CursorAdvanced> cursors;
    const auto entries = *journal_.Read(from, SIZE_MAX, SIZE_MAX);
    for (const auto& entry : entries) {
      v1::CursorsAdvanced advanced;
      if (entry.header.kind() != v1::ENTRY_KIND_CURSORS_ADVANCED) continue;
      EXPECT_TRUE(advanced.ParseFromString(entry.body));
      EXPECT_LE(advanced.cursors_size(), static_cast<int>(kCursorsPerEntryMax));
      cursors.insert(cursors.end(), advanced.cursors().begin(), advanced.cursors().end());
    }
    return cursors;
  }
  Result<void> Mark(const std::string& organization, const v1::MarkAlert& mark) {
    Result<void> result = Error{ErrorCode::kInternal, "not called"};
    fanout_->Mark(organization, "a", mark, [&](Result<void> done) { result = std::move(done); });
    return result;
  }
  static v1::MarkAlert Read(char id) {
    v1::MarkAlert mark;
    mark.set_alert_id(std::string(16, id));
    mark.set_mark(v1::DELIVERY_MARK_READ);
    mark.set_person("suzuki");
    return mark;
  }

  std::unique_ptr<Fanout> fanout_;
};

TEST_F(FanoutTest, DeliversInOrderFromTheAgentsPosition) {
  EXPECT_THAT(Positions(Subscribe("moj", "a")->After(0, kMany, kMuch)), ElementsAre(1, 2, 3));
  EXPECT_THAT(Positions(Subscribe("moj", "a")->After(2, kMany, kMuch)), ElementsAre(3));
  EXPECT_THAT(Positions(Subscribe("moj", "a")->After(3, kMany, kMuch)), IsEmpty());
}

TEST_F(FanoutTest, DeliveryHoldsTheAlertsBytesAndTheReason) {
  const auto deliveries = Subscribe("bank", "a")->After(0, 1, kMuch)->deliveries;
  ASSERT_EQ(deliveries.size(), 1u);
  v1::Delivery delivery;
  ASSERT_TRUE(delivery.ParseFromString(deliveries[0]));
  EXPECT_EQ(delivery.alert(), (*View()->Alert(std::string(16, '1')))->alert());
  EXPECT_EQ(delivery.reason(), "all");
  EXPECT_FALSE(delivery.has_update());
}

TEST_F(FanoutTest, UpdatesTravelInTheSameOrder) {
  const uint64_t sequence = script_.AnalysedMail("moj", "m");
  Follow();
  const auto deliveries = Subscribe("moj", "a")->After(3, kMany, kMuch)->deliveries;
  ASSERT_EQ(deliveries.size(), 1u);
  v1::Delivery delivery;
  ASSERT_TRUE(delivery.ParseFromString(deliveries[0]));
  EXPECT_EQ(delivery.update().sequence(), sequence);
  EXPECT_TRUE(delivery.alert().empty());
  EXPECT_EQ(delivery.reason(), "submitter");
}

TEST_F(FanoutTest, BoundsHoldButOneItemAlwaysPasses) {
  const auto subscription = Subscribe("moj", "a");
  EXPECT_THAT(Positions(subscription->After(0, 2, kMuch)), ElementsAre(1, 2));
  EXPECT_THAT(Positions(subscription->After(0, kMany, 1)), ElementsAre(1));
  const size_t one = subscription->After(0, 1, kMuch)->deliveries.front().size();
  EXPECT_THAT(Positions(subscription->After(0, kMany, 2 * one)), ElementsAre(1, 2));
  EXPECT_THAT(Positions(subscription->After(0, kMany, 2 * one - 1)), ElementsAre(1));
}

TEST_F(FanoutTest, ItemsOfOneCallAreBounded) {
  for (size_t i = 0; i < kItemsMax; ++i) script_.AnalysedMail("moj", "m");
  Follow();
  EXPECT_EQ(Subscribe("moj", "a")->After(0, kItemsMax + 1, SIZE_MAX)->deliveries.size(), kItemsMax);
}

TEST_F(FanoutTest, StartsAtTheAgentsOwnPositionInThisLogElseAtTheHubsCursor) {
  script_.Cursor("moj", "a", 2);
  Follow();
  EXPECT_EQ(Subscribe("moj", "a", 1)->start_position(), 1u);
  EXPECT_EQ(Subscribe("moj", "a", 3)->start_position(), 3u);
  EXPECT_EQ(fanout_->Subscribe({"moj", "a", std::string(16, 'x'), 99}, [] {})->start_position(),
            2u);
  EXPECT_EQ(fanout_->Subscribe({"moj", "a", "", 0}, [] {})->start_position(), 2u);
  EXPECT_EQ(fanout_->Subscribe({"moj", "b", "", 0}, [] {})->start_position(), 0u);
}

TEST_F(FanoutTest, PositionThatTheAgentBringsIsAnAcknowledgement) {
  const uint64_t from = journal_.size();
  const auto subscription = Subscribe("moj", "a", 2);
  fanout_->Flush();
  Follow();
  EXPECT_EQ(Cursors(from).size(), 1u);
  EXPECT_EQ(*View()->CursorOf(**View()->Agent("moj", "a")), 2u);
}

TEST_F(FanoutTest, AcknowledgementsBecomeOneEntryWithTheNewestOfEach) {
  const auto one = Subscribe("moj", "a");
  const auto two = Subscribe("bank", "a");
  ASSERT_TRUE(one->After(0, kMany, kMuch).ok());
  ASSERT_TRUE(two->After(0, kMany, kMuch).ok());
  journal_.set_refusal(Error{ErrorCode::kNoSpace, "full"});
  for (const uint64_t position : {1, 3, 2}) one->Acknowledge(position);
  two->Acknowledge(1);
  journal_.set_refusal({});
  const uint64_t from = journal_.size();
  fanout_->Flush();
  while (fanout_->pending_cursors() > 0) fanout_->Flush();
  std::map<std::string, uint64_t> newest;
  for (const auto& cursor : Cursors(from)) newest[cursor.organization()] = cursor.position();
  EXPECT_EQ(newest["moj"], 3u);
  EXPECT_EQ(newest["bank"], 1u);
  Follow();
  EXPECT_EQ(Delivery(std::string(16, '3'), "moj").state(), store::v1::DELIVERY_STATE_RECEIVED);
}

TEST_F(FanoutTest, RefusedAcknowledgementsAreKeptAndSentAgain) {
  const auto subscription = Subscribe("moj", "a");
  ASSERT_TRUE(subscription->After(0, kMany, kMuch).ok());
  journal_.set_refusal(Error{ErrorCode::kNoSpace, "full"});
  subscription->Acknowledge(1);
  fanout_->Flush();
  EXPECT_EQ(fanout_->pending_cursors(), 1u);
  subscription->Acknowledge(2);
  fanout_->Flush();
  EXPECT_EQ(fanout_->pending_cursors(), 1u);
  journal_.set_refusal({});
  const uint64_t from = journal_.size();
  fanout_->Flush();
  EXPECT_EQ(fanout_->pending_cursors(), 0u);
  ASSERT_EQ(Cursors(from).size(), 1u);
  EXPECT_EQ(Cursors(from)[0].position(), 2u);
}

TEST_F(FanoutTest, WhatWasNeverHandedOutCannotBeAcknowledged) {
  const auto subscription = Subscribe("moj", "a");
  subscription->Acknowledge(1);
  EXPECT_EQ(fanout_->pending_cursors(), 0u);
  ASSERT_TRUE(subscription->After(0, 1, kMuch).ok());
  subscription->Acknowledge(2);
  EXPECT_EQ(fanout_->pending_cursors(), 0u);
  subscription->Acknowledge(1);
  EXPECT_EQ(fanout_->pending_cursors(), 1u);
}

TEST_F(FanoutTest, WhatIsHandedOutIsNotTakenForAcknowledged) {
  const uint64_t from = journal_.size();
  const auto subscription = Subscribe("moj", "a");
  EXPECT_THAT(Positions(subscription->After(0, kMany, kMuch)), ElementsAre(1, 2, 3));
  subscription->Acknowledge(1);
  fanout_->Flush();
  ASSERT_EQ(Cursors(from).size(), 1u);
  EXPECT_EQ(Cursors(from)[0].position(), 1u);
}

TEST_F(FanoutTest, AcknowledgementsFlushByThemselves) {
  const auto subscription = Subscribe("moj", "a");
  ASSERT_TRUE(subscription->After(0, kMany, kMuch).ok());
  const uint64_t size = journal_.size();
  subscription->Acknowledge(3);
  EXPECT_GT(journal_.WaitBeyond(size, 60'000), size);
}

TEST_F(FanoutTest, MoreCursorsThanFitOneEntryTakeTwo) {
  std::vector<std::unique_ptr<Subscription>> subscriptions;
  for (size_t i = 0; i <= kCursorsPerEntryMax; ++i) {
    script_.Enrol("nict", "agent" + std::to_string(i), "s");
  }
  Follow();
  journal_.set_refusal(Error{ErrorCode::kOverloaded, "busy"});
  for (size_t i = 0; i <= kCursorsPerEntryMax; ++i) {
    subscriptions.push_back(Subscribe("nict", "agent" + std::to_string(i)));
    ASSERT_TRUE(subscriptions.back()->After(0, kMany, kMuch).ok());
    subscriptions.back()->Acknowledge(3);
  }
  fanout_->Flush();
  EXPECT_EQ(fanout_->pending_cursors(), kCursorsPerEntryMax + 1);
  journal_.set_refusal({});
  const uint64_t from = journal_.size();
  while (fanout_->pending_cursors() > 0) fanout_->Flush();
  EXPECT_EQ(Cursors(from).size(), kCursorsPerEntryMax + 1);
  EXPECT_GE(journal_.size(), from + 2);
}

TEST_F(FanoutTest, WakesOnceUntilTheSubscriberLooks) {
  int wakes = 0;
  const auto subscription = Subscribe("moj", "a", 0, [&] { ++wakes; });
  const std::vector<store::OutboxItem> moj = {{"moj", 1, {}}};
  const std::vector<store::OutboxItem> bank = {{"bank", 1, {}}};
  fanout_->OnApplied(bank);
  EXPECT_EQ(wakes, 0);
  fanout_->OnApplied(moj);
  fanout_->OnApplied(moj);
  EXPECT_EQ(wakes, 1);
  ASSERT_TRUE(subscription->After(0, 1, kMuch).ok());
  fanout_->OnApplied(moj);
  EXPECT_EQ(wakes, 2);
  ASSERT_TRUE(subscription->After(0, 1, kMuch).ok());
  fanout_->OnIdentitiesChanged();
  EXPECT_EQ(wakes, 3);
}

TEST_F(FanoutTest, NoWakeAfterTheSubscriptionIsGone) {
  int wakes = 0;
  auto subscription = Subscribe("moj", "a", 0, [&] { ++wakes; });
  EXPECT_EQ(fanout_->subscriptions(), 1u);
  subscription.reset();
  EXPECT_EQ(fanout_->subscriptions(), 0u);
  const std::vector<store::OutboxItem> moj = {{"moj", 1, {}}};
  fanout_->OnApplied(moj);
  EXPECT_EQ(wakes, 0);
}

TEST_F(FanoutTest, DisabledOrganisationGetsNothingEvenWhatWasQueued) {
  const auto subscription = Subscribe("moj", "a");
  auto disabled = Script::Org("moj", v1::ORGANIZATION_KIND_MINISTRY);
  disabled.set_disabled(true);
  script_.Organization(disabled);
  Follow();
  EXPECT_EQ(subscription->After(0, kMany, kMuch).error().code, ErrorCode::kDenied);
  EXPECT_EQ(Mark("moj", Read('1')).error().code, ErrorCode::kDenied);
}

TEST_F(FanoutTest, RevokedOrUnknownAgentGetsNothing) {
  const auto subscription = Subscribe("moj", "a");
  script_.Revoke("moj", "a");
  Follow();
  EXPECT_EQ(subscription->After(0, kMany, kMuch).error().code, ErrorCode::kDenied);
  EXPECT_EQ(Subscribe("moj", "zz")->After(0, kMany, kMuch).error().code, ErrorCode::kDenied);
  EXPECT_TRUE(Subscribe("moj", "b")->After(0, kMany, kMuch).ok());
}

TEST_F(FanoutTest, RevocationEndsWhatWasAllowedBefore) {
  const auto subscription = Subscribe("moj", "a");
  EXPECT_THAT(Positions(subscription->After(0, 1, kMuch)), ElementsAre(1));
  script_.Alert(Script::Warning('4', v1::TLP_GREEN, "all"));
  script_.Revoke("moj", "a");
  script_.Alert(Script::Warning('5', v1::TLP_GREEN, "all"));
  const engine::Applied applied = Follow();
  // Applied, not reported: neither the revocation nor what came with it is seen.
  EXPECT_THAT(Positions(subscription->After(1, kMany, kMuch)), ElementsAre(2, 3));
  fanout_->OnIdentitiesChanged();
  EXPECT_EQ(subscription->After(3, kMany, kMuch).error().code, ErrorCode::kDenied);
  fanout_->OnApplied(applied.outboxes);
  EXPECT_EQ(subscription->After(3, kMany, kMuch).error().code, ErrorCode::kDenied);
  EXPECT_THAT(Positions(Subscribe("moj", "b")->After(3, kMany, kMuch)), ElementsAre(4, 5));
}

TEST_F(FanoutTest, AgentThatTheStateDoesNotKnowYetWaits) {
  script_.Enrol("moj", "new", "s9");
  EXPECT_THAT(Positions(Subscribe("moj", "new")->After(0, kMany, kMuch)), IsEmpty());
  EXPECT_EQ(Mark("moj", Read('9')).error().code, ErrorCode::kUnavailable);
  Follow();
  fanout_->OnIdentitiesChanged();
  EXPECT_THAT(Positions(Subscribe("moj", "new")->After(0, kMany, kMuch)), ElementsAre(1, 2, 3));
}

TEST_F(FanoutTest, MarkBecomesAnEntry) {
  ASSERT_TRUE(Mark("moj", Read('1')).ok());
  Follow();
  EXPECT_EQ(Delivery(std::string(16, '1'), "moj").state(), store::v1::DELIVERY_STATE_READ);
  EXPECT_EQ(Delivery(std::string(16, '1'), "bank").state(), store::v1::DELIVERY_STATE_QUEUED);
}

TEST_F(FanoutTest, TheSameMarkAgainIsNoSecondEntry) {
  ASSERT_TRUE(Mark("moj", Read('1')).ok());
  Follow();
  const uint64_t entries = journal_.size();
  EXPECT_TRUE(Mark("moj", Read('1')).ok());
  EXPECT_EQ(journal_.size(), entries);
  v1::MarkAlert other = Read('1');
  other.set_person("tanaka");
  EXPECT_TRUE(Mark("moj", other).ok());
  EXPECT_EQ(journal_.size(), entries + 1);
  other = Read('1');
  other.set_mark(v1::DELIVERY_MARK_ACTED);
  EXPECT_TRUE(Mark("moj", other).ok());
  EXPECT_EQ(journal_.size(), entries + 2);
}

TEST_F(FanoutTest, AMarkIsKnownOnlyIfNothingLaterWaitsToBeApplied) {
  v1::MarkAlert acted = Read('1');
  acted.set_mark(v1::DELIVERY_MARK_ACTED);
  v1::MarkAlert other = acted;
  other.set_mark(v1::DELIVERY_MARK_NOT_APPLICABLE);
  ASSERT_TRUE(Mark("moj", acted).ok());
  Follow();
  ASSERT_TRUE(Mark("moj", other).ok());
  ASSERT_TRUE(Mark("moj", acted).ok()) << "before the engine has seen the other one";
  Follow();
  EXPECT_EQ(Delivery(std::string(16, '1'), "moj").state(), store::v1::DELIVERY_STATE_ACTED);
}

TEST_F(FanoutTest, MarkOfWhatWasNeverDeliveredIsDenied) {
  script_.Alert(Script::Warning('m', v1::TLP_GREEN, "org:moj"));
  Follow();
  EXPECT_EQ(Mark("bank", Read('m')).error().code, ErrorCode::kDenied);
  EXPECT_EQ(Mark("bank", Read('?')).error().code, ErrorCode::kDenied);
}

TEST_F(FanoutTest, MarkBeyondItsLimitsIsInvalid) {
  v1::MarkAlert mark = Read('1');
  mark.set_person(std::string(kPersonBytesMax, 'p'));
  mark.set_note(std::string(kNoteBytesMax, 'n'));
  EXPECT_TRUE(Mark("moj", mark).ok());
  mark.set_person(std::string(kPersonBytesMax + 1, 'p'));
  EXPECT_EQ(Mark("moj", mark).error().code, ErrorCode::kInvalid);
  mark = Read('1');
  mark.set_note(std::string(kNoteBytesMax + 1, 'n'));
  EXPECT_EQ(Mark("moj", mark).error().code, ErrorCode::kInvalid);
  mark = Read('1');
  mark.set_mark(v1::DELIVERY_MARK_UNSPECIFIED);
  EXPECT_EQ(Mark("moj", mark).error().code, ErrorCode::kInvalid);
  mark = Read('1');
  mark.set_alert_id("short");
  EXPECT_EQ(Mark("moj", mark).error().code, ErrorCode::kInvalid);
}

TEST_F(FanoutTest, MarkSaysWhenTheJournalRefuses) {
  journal_.set_refusal(Error{ErrorCode::kNoSpace, "full"});
  EXPECT_EQ(Mark("moj", Read('1')).error().code, ErrorCode::kNoSpace);
}

TEST_F(FanoutTest, SubscriptionsBeyondTheMaximumAreOverloaded) {
  std::vector<std::unique_ptr<Subscription>> subscriptions;
  for (size_t i = 0; i < kSubscriptionsMax; ++i) subscriptions.push_back(Subscribe("moj", "a"));
  EXPECT_EQ(Subscribe("moj", "a")->After(0, 1, 1).error().code, ErrorCode::kOverloaded);
  EXPECT_EQ(fanout_->subscriptions(), kSubscriptionsMax);
  subscriptions.pop_back();
  EXPECT_TRUE(Subscribe("moj", "a")->After(0, 1, 1).ok());
}

TEST_F(FanoutTest, ManyThreadsReadAcknowledgeAndComeAndGo) {
  std::atomic<size_t> delivered = 0;
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (int round = 0; round < 50; ++round) {
        const auto subscription = Subscribe("moj", thread % 2 == 0 ? "a" : "b");
        const auto batch = subscription->After(0, kMany, kMuch);
        delivered += batch.ok() ? batch->deliveries.size() : 0;
        subscription->Acknowledge(3);
        const std::vector<store::OutboxItem> moj = {{"moj", 1, {}}};
        fanout_->OnApplied(moj);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(delivered, 4u * 50 * 3);
  fanout_->Flush();
  Follow();
  EXPECT_EQ(*View()->CursorOf(**View()->Agent("moj", "b")), 3u);
}

TEST_F(FanoutTest, AlertCacheReadsOnceAndStaysWithinItsBytes) {
  const auto view = View();
  const size_t size = (*view->Alert(std::string(16, '1')))->alert().size();
  AlertCache cache(2 * size);
  const auto first = *cache.Get(*view, std::string(16, '1'));
  EXPECT_EQ(*cache.Get(*view, std::string(16, '1')), first);  // The same object.
  ASSERT_TRUE(cache.Get(*view, std::string(16, '2')).ok());
  EXPECT_EQ(cache.bytes(), 2 * size);
  ASSERT_TRUE(cache.Get(*view, std::string(16, '3')).ok());
  EXPECT_EQ(cache.bytes(), 2 * size);
  EXPECT_NE(*cache.Get(*view, std::string(16, '1')), first);  // Read again.
  EXPECT_EQ(cache.Get(*view, std::string(16, '?')).error().code, ErrorCode::kCorruption);
}

}  // namespace
}  // namespace noroshi::fanout
