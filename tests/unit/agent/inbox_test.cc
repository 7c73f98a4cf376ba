#include "agent/spool/inbox.h"

#include <gtest/gtest.h>

#include "agent/spool/marks.h"
#include "tests/unit/agent/cutting_file_system.h"
#include "tests/unit/agent/fixtures.h"

namespace noroshi::spool {
namespace {

v1::Deliveries Frame(const std::string& log_id,
                     std::initializer_list<std::pair<uint64_t, char>> alerts) {
  v1::Deliveries deliveries;
  deliveries.set_log_id(log_id);
  for (const auto& [position, id] : alerts) {
    v1::Alert alert;
    alert.set_alert_id(std::string(16, id));
    auto& delivery = *deliveries.add_deliveries();
    delivery.set_position(position);
    delivery.set_alert(alert.SerializeAsString());
  }
  return deliveries;
}

std::string Ids(const std::vector<InboxItem>& items) {
  std::string ids;
  for (const InboxItem& item : items) {
    v1::Alert alert;
    EXPECT_TRUE(alert.ParseFromString(item.delivery.alert()));
    ids += alert.alert_id()[0];
  }
  return ids;
}

class InboxTest : public testing::Test {
 protected:
  Inbox Open() {
    Inbox inbox = Inbox::Open(SystemFileSystem(), folder_.path()).value();
    EXPECT_TRUE(inbox.Recover().ok());
    return inbox;
  }
  TempFolder folder_;
};

TEST_F(InboxTest, PositionAndItemsSurviveARestart) {
  Inbox inbox = Open();
  EXPECT_EQ(inbox.Append(Frame("log", {{1, 'a'}, {2, 'b'}})).value(), 2u);
  EXPECT_EQ(inbox.Append(Frame("log", {{3, 'c'}})).value(), 1u);
  Inbox again = Open();
  EXPECT_EQ(again.log_id(), "log");
  EXPECT_EQ(again.position(), 3u);
  uint64_t last = 0;
  EXPECT_EQ(Ids(again.After(0, 10, &last).value()), "abc");
  EXPECT_EQ(last, 3u);
  EXPECT_EQ(Ids(again.After(1, 10, &last).value()), "bc");
  EXPECT_EQ(Ids(again.After(0, 2, &last).value()), "ab");
  EXPECT_EQ(last, 2u);
  EXPECT_TRUE(again.After(3, 10, &last)->empty());
}

TEST_F(InboxTest, RepeatedPositionsAreSkipped) {
  Inbox inbox = Open();
  ASSERT_TRUE(inbox.Append(Frame("log", {{1, 'a'}, {2, 'b'}})).ok());
  EXPECT_EQ(inbox.Append(Frame("log", {{1, 'a'}, {2, 'b'}})).value(), 0u);
  EXPECT_EQ(inbox.Append(Frame("log", {{2, 'b'}, {3, 'c'}})).value(), 1u);
  EXPECT_EQ(Ids(inbox.NewestAlerts(10).value()), "abc");
}

TEST_F(InboxTest, AnAlertOfTheOldLogIsNotShownAgainByTheNewOne) {
  {
    Inbox inbox = Open();
    ASSERT_TRUE(inbox.Append(Frame("old", {{1, 'a'}, {2, 'b'}})).ok());
  }
  Inbox inbox = Open();
  EXPECT_EQ(inbox.Append(Frame("new", {{1, 'b'}, {2, 'c'}})).value(), 1u);
  EXPECT_EQ(inbox.log_id(), "new");
  EXPECT_EQ(inbox.position(), 2u);
  uint64_t last = 0;
  EXPECT_EQ(Ids(inbox.After(0, 10, &last).value()), "abc");
  EXPECT_EQ(last, 4u);  // The repeated one has an index, too.
}

v1::Deliveries Questions(const std::string& log_id,
                         std::initializer_list<std::pair<uint64_t, bool>> withdrawn) {
  v1::Deliveries deliveries;
  deliveries.set_log_id(log_id);
  for (const auto& [position, is_withdrawn] : withdrawn) {
    auto& delivery = *deliveries.add_deliveries();
    delivery.set_position(position);
    delivery.mutable_question()->set_question_id(std::string(16, 'q'));
    delivery.mutable_question()->set_withdrawn(is_withdrawn);
  }
  return deliveries;
}

TEST_F(InboxTest, QuestionsAreToldAgainOnlyWhenTheySayAnotherThing) {
  {
    Inbox inbox = Open();
    EXPECT_EQ(inbox.Append(Questions("log", {{1, false}})).value(), 1u);
    EXPECT_EQ(inbox.Append(Questions("log", {{1, false}})).value(), 0u);
    EXPECT_EQ(inbox.Append(Questions("log", {{2, true}})).value(), 1u);
  }
  Inbox inbox = Open();
  EXPECT_EQ(inbox.position(), 2u);
  // A restored hub says how it stands now, twice; then one that lost the withdrawal.
  EXPECT_EQ(inbox.Append(Questions("new", {{1, true}, {2, true}})).value(), 0u);
  EXPECT_EQ(inbox.Append(Questions("newer", {{1, false}})).value(), 1u);
  uint64_t last = 0;
  const auto items = inbox.After(0, 10, &last).value();
  ASSERT_EQ(items.size(), 3u);
  EXPECT_FALSE(items[0].delivery.question().withdrawn());
  EXPECT_TRUE(items[1].delivery.question().withdrawn());
  EXPECT_FALSE(items[2].delivery.question().withdrawn());
  EXPECT_TRUE(inbox.NewestAlerts(10)->empty());
}

TEST_F(InboxTest, AQuestionThatIsAnsweredElsewhereIsToldOnce) {
  Inbox inbox = Open();
  ASSERT_EQ(inbox.Append(Questions("log", {{1, false}})).value(), 1u);
  v1::Deliveries answered = Questions("log", {{2, false}, {3, false}});
  for (auto& delivery : *answered.mutable_deliveries()) {
    delivery.mutable_question()->set_answered(true);
  }
  EXPECT_EQ(inbox.Append(answered).value(), 1u);
  uint64_t last = 0;
  const auto items = inbox.After(0, 10, &last).value();
  ASSERT_EQ(items.size(), 2u);
  EXPECT_TRUE(items[1].delivery.question().answered());
}

TEST_F(InboxTest, DamagedFilesHideNothingElse) {
  Inbox inbox = Open();
  ASSERT_TRUE(inbox.Append(Frame("log", {{1, 'a'}})).ok());
  ASSERT_TRUE(inbox.Append(Frame("log", {{2, 'b'}})).ok());
  ASSERT_TRUE(
      SystemFileSystem().WriteDurably(folder_ / "00000000000000000002-1", "half", 0600).ok());
  Inbox again = Open();
  EXPECT_EQ(again.position(), 1u);  // So it comes again.
  EXPECT_EQ(again.Append(Frame("log", {{2, 'b'}, {3, 'c'}})).value(), 2u);
  uint64_t last = 0;
  EXPECT_EQ(Ids(again.After(0, 10, &last).value()), "abc");
}

TEST_F(InboxTest, NothingAcknowledgedIsLostAndNothingIsDoubledWhereverItStops) {
  size_t cut_at = 1;
  for (bool whole = false; !whole; ++cut_at) {
    SCOPED_TRACE(cut_at);
    const TempFolder folder;
    CuttingFileSystem files(cut_at);
    uint64_t acknowledged = 0;
    auto inbox = Inbox::Open(files, folder.path());
    if (inbox.ok() && inbox->Recover().ok()) {
      if (inbox->Append(Frame("log", {{1, 'a'}, {2, 'b'}})).ok()) acknowledged = 2;
      if (acknowledged == 2 && inbox->Append(Frame("log", {{3, 'c'}})).ok()) acknowledged = 3;
    }
    whole = acknowledged == 3 && !files.cut();
    files.PowerCut();
    Inbox again = Inbox::Open(SystemFileSystem(), folder.path()).value();
    ASSERT_TRUE(again.Recover().ok());
    EXPECT_GE(again.position(), acknowledged);
    ASSERT_TRUE(again.Append(Frame("log", {{1, 'a'}, {2, 'b'}, {3, 'c'}})).ok());
    EXPECT_EQ(Ids(again.NewestAlerts(10).value()), "abc");
  }
}

TEST(MarksTest, WaitInOrderAndHaveAMaximum) {
  const TempFolder folder;
  FakeRandom random;
  Marks marks = Marks::Open(SystemFileSystem(), folder.path()).value();
  v1::MarkAlert mark;
  mark.set_alert_id("x");
  std::vector<Uuid> ids;
  for (int i = 0; i < 3; ++i) {
    ids.push_back(random.UuidV7(1000 + i));
    ASSERT_TRUE(marks.Add(ids.back(), mark).ok());
  }
  EXPECT_EQ(marks.Waiting().value(), ids);
  EXPECT_EQ(marks.Oldest().value()->first, ids[0]);
  v1::Marked answer;
  answer.set_reason("no such alert");
  ASSERT_TRUE(marks.Answer(ids[0], answer).ok());
  EXPECT_EQ(marks.Oldest().value()->first, ids[1]);
  EXPECT_NE(marks.FindAnswer(ids[0])->find("no such alert"), std::string::npos);
  EXPECT_EQ(marks.FindAnswer(ids[1]).error().code, ErrorCode::kNotFound);
}

TEST(MarksTest, WordsAreStrict) {
  EXPECT_EQ(MarkFromWord("not-applicable"), v1::DELIVERY_MARK_NOT_APPLICABLE);
  EXPECT_FALSE(MarkFromWord("").has_value());
  EXPECT_FALSE(MarkFromWord("Read").has_value());
}

TEST(HeadFileTest, DamageIsNeverTakenForFirstContact) {
  const TempFolder folder;
  HeadFile file(SystemFileSystem(), folder / "head");
  EXPECT_FALSE(file.Load()->has_value());
  ASSERT_TRUE(file.Store(TestLog().Head()).ok());
  EXPECT_EQ(file.Load().value()->tree_size(), 1u);
  ASSERT_TRUE(SystemFileSystem().WriteDurably(folder / "head", "", 0600).ok());
  EXPECT_EQ(file.Load().error().code, ErrorCode::kCorruption);
}

}  // namespace
}  // namespace noroshi::spool
