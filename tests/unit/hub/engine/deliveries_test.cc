// Deliveries to many: more than share a row, of places, cursors, deliveries and alerts.
#include <gmock/gmock.h>

#include "tests/unit/hub/engine/scene.h"

namespace noroshi::engine {
namespace {

using ::testing::IsEmpty;

constexpr size_t kOthers = 3 * store::kDeliveriesPerRow;  // Beside the scene's own three.
constexpr uint64_t kAlerts = 5 * store::kAlertsPerRow / 2;

std::string Name(size_t number) { return "org" + std::to_string(1000 + number); }

class ManyTest : public Scene {
 protected:
  void SetUp() override {
    Scene::SetUp();
    for (size_t i = 0; i < kOthers; ++i) {
      script_.Organization(Script::Org(Name(i), v1::ORGANIZATION_KIND_MINISTRY));
    }
    for (const size_t i : {0, 1, 100, 191}) script_.Enrol(Name(i), "a", "s" + std::to_string(i));
    Follow();
  }
  void Issue(uint64_t first, uint64_t last, const std::string& to = "all") {
    for (uint64_t i = first; i <= last; ++i) {
      script_.Alert(Script::Warning(static_cast<char>(i), v1::TLP_GREEN, to));
    }
  }
  static std::string Id(uint64_t number) { return std::string(16, static_cast<char>(number)); }
  size_t Received(uint64_t alert) const {
    const auto rows = *View()->DeliveriesOfAlert(Id(alert), "", store::kListMax);
    return std::ranges::count_if(rows, [](const auto& row) { return row.received_at_ms() != 0; });
  }
};

TEST_F(ManyTest, EveryRecipientHasADeliveryAndListsArePaged) {
  Issue(1, 1);
  Follow();
  const auto view = View();
  const auto all = *view->DeliveriesOfAlert(Id(1), "", store::kListMax);
  ASSERT_EQ(all.size(), kOthers + 3);
  EXPECT_EQ(all.size(), (*view->Alert(Id(1)))->recipient_count());
  EXPECT_TRUE(std::ranges::is_sorted(all, {}, &store::DeliveryRow::organization));
  for (const auto& row : all) {
    EXPECT_EQ((*view->Delivery(Id(1), row.organization()))->position(), 1u) << row.organization();
    EXPECT_EQ((*view->Outbox(row.organization(), 1))->alert_id(), Id(1));
    EXPECT_EQ((*view->Outbox(row.organization(), 1))->reason(), "all");
  }
  for (const size_t limit : {size_t{1}, size_t{63}, size_t{64}, size_t{65}, all.size()}) {
    std::vector<std::string> names;
    while (true) {
      const auto page = *view->DeliveriesOfAlert(Id(1), names.empty() ? "" : names.back(), limit);
      EXPECT_LE(page.size(), limit);
      if (page.empty()) break;
      for (const auto& row : page) names.push_back(row.organization());
    }
    EXPECT_EQ(names.size(), all.size()) << limit;
    EXPECT_TRUE(std::ranges::is_sorted(names)) << limit;
  }
  EXPECT_FALSE(view->Delivery(Id(1), "nobody")->has_value());
  EXPECT_FALSE(view->Delivery(Id(1), "")->has_value());
  EXPECT_FALSE(view->Delivery(Id(2), Name(0))->has_value());
}

TEST_F(ManyTest, AnOutboxIsReadInOrderHoweverItIsKept) {
  // Updates between the alerts, which have rows of their own.
  for (uint64_t i = 1; i <= kAlerts; ++i) {
    Issue(i, i, i % 3 == 0 ? "org:" + Name(0) : "all");
    if (i % 4 == 0) script_.AnalysedMail(Name(0), "m" + std::to_string(i));
    if (i % 10 == 0) Follow();
  }
  Follow();
  const auto items = Outbox(Name(0));
  ASSERT_EQ(items.size(), kAlerts + kAlerts / 4);
  uint64_t alert = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    EXPECT_EQ(items[i].first, i + 1);
    const auto alone = *View()->Outbox(Name(0), i + 1);
    EXPECT_EQ(alone->SerializeAsString(), items[i].second.SerializeAsString()) << i;
    if (!items[i].second.update().empty()) continue;
    EXPECT_EQ(items[i].second.alert_id(), Id(++alert));
  }
  EXPECT_EQ(alert, kAlerts);
  EXPECT_EQ(Outbox(Name(1)).size(), kAlerts - kAlerts / 3);
  EXPECT_FALSE(View()->Outbox(Name(0), items.size() + 1)->has_value());
  EXPECT_FALSE(View()->Outbox(Name(0), 0)->has_value());
  EXPECT_THAT(*View()->OutboxBefore(Name(0), 1, 10), IsEmpty());
  for (const size_t limit : {1, 7, 16, 33}) {
    uint64_t before = 0;
    size_t seen = 0;
    while (true) {
      const auto page = *View()->OutboxBefore(Name(0), before, limit);
      if (page.empty()) break;
      for (const auto& [position, row] : page) EXPECT_EQ(position, items.size() - seen++) << limit;
      before = page.back().first;
    }
    EXPECT_EQ(seen, items.size()) << limit;
  }
}

TEST_F(ManyTest, WhatIsReceivedLateIsReceivedAll) {
  Issue(1, kAlerts);
  Follow();
  script_.Cursor(Name(0), "a", 3);
  script_.Cursor(Name(100), "a", kAlerts);
  Follow();
  EXPECT_EQ(Received(1), 2u);
  EXPECT_EQ(Received(4), 1u);
  EXPECT_EQ(Received(kAlerts), 1u);
  script_.Cursor(Name(0), "a", kAlerts - 1);
  script_.Cursor(Name(191), "a", 1);
  Follow();
  EXPECT_EQ(Received(1), 3u);
  for (uint64_t alert = 2; alert < kAlerts; ++alert) EXPECT_EQ(Received(alert), 2u) << alert;
  EXPECT_EQ(Received(kAlerts), 1u);
  EXPECT_EQ(*View()->CursorOf(**View()->Agent(Name(0), "a")), kAlerts - 1);
  EXPECT_EQ(*View()->CursorOf(**View()->Agent(Name(1), "a")), 0u);
}

TEST_F(ManyTest, TheDeadlineEndsWithTheLastReaderAndElseEverybodyElseIsLate) {
  const int64_t deadline = journal_.time_ms() + 5000;
  for (const char id : {'l', 'r'}) {
    auto issued = Script::Warning(id, v1::TLP_GREEN, id == 'l' ? "all" : "org:" + Name(0));
    issued.mutable_alert()->set_acknowledge_by_ms(id == 'l' ? deadline : deadline - 1);
    script_.Alert(issued);
  }
  Follow();
  EXPECT_EQ(**View()->NextDeadline(), deadline - 1);
  script_.Mark(Name(0), Id('r'), v1::DELIVERY_MARK_READ);
  EXPECT_TRUE(Follow().deadlines_changed);
  EXPECT_EQ(**View()->NextDeadline(), deadline) << "whoever had to, has read it";
  script_.Mark(Name(70), Id('l'), v1::DELIVERY_MARK_READ);
  script_.Time(deadline);
  Follow();
  const auto rows = *View()->DeliveriesOfAlert(Id('l'), "", store::kListMax);
  for (const auto& row : rows) EXPECT_EQ(row.late(), row.organization() != Name(70));
  EXPECT_FALSE(Delivery(Id('r'), Name(0)).late());
  EXPECT_FALSE(View()->NextDeadline()->has_value());
}

TEST_F(ManyTest, OneTimeReachedHandlesSoManyDeadlinesAndTheNextTheRest) {
  const int64_t deadline = journal_.time_ms() + 5000;
  for (size_t i = 1; i <= kDeadlinesPerEntryMax + 1; ++i) {
    auto issued = Script::Warning(static_cast<char>(i), v1::TLP_GREEN, "org:" + Name(0));
    issued.mutable_alert()->set_acknowledge_by_ms(deadline);
    script_.Alert(issued);
  }
  script_.Time(deadline);
  Follow();
  EXPECT_TRUE(Delivery(Id(kDeadlinesPerEntryMax), Name(0)).late());
  EXPECT_FALSE(Delivery(Id(kDeadlinesPerEntryMax + 1), Name(0)).late());
  EXPECT_EQ(**View()->NextDeadline(), deadline);
  script_.Time(deadline);
  Follow();
  EXPECT_TRUE(Delivery(Id(kDeadlinesPerEntryMax + 1), Name(0)).late());
  EXPECT_FALSE(View()->NextDeadline()->has_value());
}

// However the entries were cut into batches, and with an engine that remembers nothing.
TEST_F(ManyTest, ManyBatchesAndOneGiveTheSameState) {
  Issue(1, kAlerts);
  for (const size_t i : {0, 1, 100, 191}) script_.Cursor(Name(i), "a", i % 40 + 1);
  script_.Mark(Name(0), Id(1), v1::DELIVERY_MARK_READ);
  Issue(kAlerts + 1, kAlerts + 20);
  for (const size_t i : {1, 100}) script_.Cursor(Name(i), "a", kAlerts + 20);
  Follow();
  store::StoreOptions options;
  options.folder = root_ + "/again";
  const auto again = *store::Store::Open(options);
  const auto entries = *journal_.Read(0, SIZE_MAX, SIZE_MAX);
  for (const journal::Entry& entry : entries) {
    const auto engine = *Engine::Create(again.get());
    ASSERT_TRUE(engine->Apply({&entry, 1}).ok()) << entry.sequence;
  }
  EXPECT_THAT(*View()->Differences(*again->Snapshot(), 10), IsEmpty());
}

}  // namespace
}  // namespace noroshi::engine
