#include "agent/spool/spool.h"

#include <gtest/gtest.h>

#include <fstream>

#include "agent/spool/record.h"
#include "tests/unit/agent/cutting_file_system.h"
#include "tests/unit/agent/fixtures.h"

namespace noroshi::spool {
namespace {

constexpr int64_t kDayMs = 24 * 3600 * 1000;

class SpoolTest : public testing::Test {
 protected:
  Spool Open(const Limits& limits = {}) {
    return Spool::Open(SystemFileSystem(), folder_.path(), limits).value();
  }
  // The receipts of these, as a hub would give them.
  v1::Receipts ReceiptsFor(const std::vector<Sample>& samples) {
    for (const Sample& sample : samples) log_.Append("org", sample.bytes);
    return log_.Seal();
  }

  TempFolder folder_;
  FakeRandom random_;
  FakeClock clock_;
  TestLog log_;
};

TEST_F(SpoolTest, WhatWasAddedWaitsInOrderOfPriorityAndTime) {
  Spool spool = Open();
  const Sample mail = MakeMail(random_, clock_.now_ms);
  const Sample late = MakeIncident(random_, clock_.now_ms + 2);
  const Sample early = MakeIncident(random_, clock_.now_ms + 1);
  for (const Sample* sample : {&mail, &late, &early})
    ASSERT_TRUE(spool.Add(sample->item, sample->bytes).ok());
  EXPECT_EQ(spool.Waiting().value(), (std::vector<Item>{early.item, late.item, mail.item}));
  EXPECT_EQ(spool.Load(mail.item).value(), mail.bytes);
}

TEST_F(SpoolTest, NamesAreReadStrictly) {
  const Item item{Priority::kMail, random_.UuidV7(1), 17};
  EXPECT_EQ(Item::FromName(item.name()), item);
  const std::string id = item.id.ToString();
  for (const std::string& wrong :
       {std::string(), "1-" + id, "1-" + id + "-", "3-" + id + "-17", "1-" + id + "-17x",
        "1-" + id + "-017", "1-" + id + "--1", item.name() + ".4711.1.tmp", "x" + item.name(),
        "1-" + id + "-99999999999999999999"}) {
    EXPECT_FALSE(Item::FromName(wrong).has_value()) << wrong;
  }
}

TEST_F(SpoolTest, FullIsSaidAtOneMoreThanTheMaximum) {
  Spool spool = Open({.bytes_max = 1 << 20, .entries_max = 2});
  for (int i = 0; i < 2; ++i) {
    const Sample sample = MakeMail(random_, clock_.now_ms);
    ASSERT_TRUE(spool.Add(sample.item, sample.bytes).ok());
  }
  const Sample third = MakeMail(random_, clock_.now_ms);
  EXPECT_EQ(spool.Add(third.item, third.bytes).error().code, ErrorCode::kOverloaded);

  const Sample exact = MakeMail(random_, clock_.now_ms, 1000);
  const TempFolder other;
  Spool small =
      Spool::Open(SystemFileSystem(), other.path(), {.bytes_max = exact.item.bytes}).value();
  ASSERT_TRUE(small.Add(exact.item, exact.bytes).ok());
  Spool smaller =
      Spool::Open(SystemFileSystem(), other / "more", {.bytes_max = exact.item.bytes - 1}).value();
  EXPECT_EQ(smaller.Add(exact.item, exact.bytes).error().code, ErrorCode::kOverloaded);
}

TEST_F(SpoolTest, DamagedFilesAreMovedAsideAndSaid) {
  Spool spool = Open();
  const Sample sample = MakeIncident(random_, clock_.now_ms);
  ASSERT_TRUE(spool.Add(sample.item, sample.bytes).ok());
  const std::string path = spool.waiting_folder() + "/" + sample.item.name();
  std::string content = SystemFileSystem().Read(path, 1 << 20).value();
  content.back() = static_cast<char>(content.back() ^ 1);
  ASSERT_TRUE(SystemFileSystem().WriteDurably(path, content, 0600).ok());
  EXPECT_EQ(spool.Load(sample.item).error().code, ErrorCode::kCorruption);
  EXPECT_TRUE(spool.Waiting()->empty());
  EXPECT_EQ(spool.Count(clock_.now_ms)->corrupt, 1u);
}

TEST_F(SpoolTest, RecordsKnowWhetherTheyAreWhole) {
  const std::string sealed = SealRecord(kSubmissionMagic, "payload");
  EXPECT_EQ(OpenRecord(kSubmissionMagic, sealed).value(), "payload");
  EXPECT_FALSE(OpenRecord(kMarkMagic, sealed).ok());
  for (size_t cut = 0; cut < sealed.size(); ++cut)
    EXPECT_FALSE(OpenRecord(kSubmissionMagic, sealed.substr(0, cut)).ok()) << cut;
  EXPECT_FALSE(OpenRecord(kSubmissionMagic, sealed + "x").ok());
}

TEST_F(SpoolTest, AcceptedItemsAreFoundWithTheirReceipt) {
  Spool spool = Open();
  const Sample sample = MakeIncident(random_, clock_.now_ms);
  ASSERT_TRUE(spool.Add(sample.item, sample.bytes).ok());
  EXPECT_EQ(spool.FindReceipt(sample.item.id, clock_.now_ms).error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(spool.Accept(ReceiptsFor({sample}), {sample.item}, clock_.now_ms).ok());
  EXPECT_TRUE(spool.Waiting()->empty());
  const auto proof = spool.FindReceipt(sample.item.id, clock_.now_ms);
  ASSERT_TRUE(proof.ok());
  EXPECT_EQ(spool.LoadSent(proof->folder, sample.item).value(), sample.bytes);
  EXPECT_TRUE(merkle::VerifyReceipt(proof->receipt, sample.bytes, "org", log_.public_key()).ok());
  EXPECT_EQ(spool.NewestReceiptHead(clock_.now_ms).value()->tree_size(), log_.size());
}

TEST_F(SpoolTest, RejectedItemsKeepTheAnswer) {
  Spool spool = Open();
  const Sample sample = MakeIncident(random_, clock_.now_ms);
  ASSERT_TRUE(spool.Add(sample.item, sample.bytes).ok());
  v1::Rejection rejection;
  rejection.set_code("invalid_field");
  rejection.set_field("incident.causes[2]");
  ASSERT_TRUE(spool.Reject(sample.item, rejection).ok());
  EXPECT_NE(spool.FindRejection(sample.item.id)->find("incident.causes[2]"), std::string::npos);
  EXPECT_EQ(spool.Count(clock_.now_ms)->rejected, 1u);
}

TEST_F(SpoolTest, WhatARestoredHubLacksIsPutBack) {
  Spool spool = Open();
  const Sample kept = MakeIncident(random_, clock_.now_ms);
  const Sample lost = MakeIncident(random_, clock_.now_ms + 1);
  for (const Sample* sample : {&kept, &lost}) {
    ASSERT_TRUE(spool.Add(sample->item, sample->bytes).ok());
    ASSERT_TRUE(spool.Accept(ReceiptsFor({*sample}), {sample->item}, ++clock_.now_ms).ok());
  }
  // Sequences 1 and 2; the backup held entries 0 and 1.
  const Survivors survivors = {{log_.log_id(), 2}, {"new log", UINT64_MAX}};
  EXPECT_EQ(spool.PutBack(survivors, clock_.now_ms).value(), std::vector<Item>{lost.item});
  EXPECT_EQ(spool.Waiting().value(), std::vector<Item>{lost.item});
  EXPECT_EQ(spool.Load(lost.item).value(), lost.bytes);
  EXPECT_TRUE(spool.PutBack(survivors, clock_.now_ms)->empty());  // Again: nothing more.
}

TEST_F(SpoolTest, SentIsKeptForThirtyDays) {
  Spool spool = Open();
  const Sample sample = MakeIncident(random_, clock_.now_ms);
  ASSERT_TRUE(spool.Add(sample.item, sample.bytes).ok());
  ASSERT_TRUE(spool.Accept(ReceiptsFor({sample}), {sample.item}, clock_.now_ms).ok());
  EXPECT_EQ(spool.Prune(clock_.now_ms + kKeepSentDays * kDayMs).value(), 0u);
  EXPECT_TRUE(spool.FindReceipt(sample.item.id, clock_.now_ms).ok());
  EXPECT_EQ(spool.Prune(clock_.now_ms + (kKeepSentDays + 4) * kDayMs).value(), 1u);
  EXPECT_FALSE(spool.FindReceipt(sample.item.id, clock_.now_ms).ok());
}

TEST_F(SpoolTest, LeftoversOfCrashedWritersGo) {
  Spool spool = Open();
  const Sample sample = MakeIncident(random_, clock_.now_ms);
  const std::string leftover = spool.waiting_folder() + "/" + sample.item.name() + ".1.1.tmp";
  std::ofstream(leftover) << "half";
  ASSERT_TRUE(spool.Prune(clock_.now_ms).ok());
  EXPECT_TRUE(SystemFileSystem().Exists(leftover));  // Its writer may be at work.
  ASSERT_TRUE(spool.Prune(clock_.now_ms + 2 * kDayMs).ok());
  EXPECT_FALSE(SystemFileSystem().Exists(leftover));
}

TEST_F(SpoolTest, OnlyOneRunner) {
  const std::string path = folder_ / "lock";
  {
    const auto first = RunnerLock::Take(path);
    ASSERT_TRUE(first.ok());
    EXPECT_EQ(RunnerLock::Take(path).error().code, ErrorCode::kConflict);
  }
  EXPECT_TRUE(RunnerLock::Take(path).ok());
}

// The life of three submissions, until an operation fails.
struct Life {
  std::vector<Sample> added;  // Add() said that they are durable.
  bool whole = false;
};

Life Live(FileSystem& files, const std::string& folder) {
  FakeRandom random;
  TestLog log;
  Life life;
  const int64_t now = FakeClock().now_ms;
  auto spool = Spool::Open(files, folder, {});
  if (!spool.ok()) return life;
  const std::vector<Sample> samples = {MakeIncident(random, now), MakeMail(random, now + 1, 5000),
                                       MakeIncident(random, now + 2)};
  for (const Sample& sample : samples) {
    if (!spool->Add(sample.item, sample.bytes).ok()) return life;
    life.added.push_back(sample);
  }
  for (const Sample& sample : samples) {
    if (!spool->Load(sample.item).ok()) return life;
  }
  log.Append("org", samples[0].bytes);
  log.Append("org", samples[1].bytes);
  if (!spool->Accept(log.Seal(), {samples[0].item, samples[1].item}, now + 3).ok()) return life;
  v1::Rejection rejection;
  rejection.set_code("invalid_field");
  if (!spool->Reject(samples[2].item, rejection).ok()) return life;
  life.whole = true;
  return life;
}

// Nothing accepted is lost, nothing half-written is sent.
void Examine(const std::string& folder, const Life& life) {
  Spool spool = Spool::Open(SystemFileSystem(), folder, {}).value();
  const int64_t now = FakeClock().now_ms + 10;
  const auto waiting = spool.Waiting().value();
  for (const Item& item : waiting) EXPECT_TRUE(spool.Load(item).ok()) << item.name();
  for (const Sample& sample : life.added) {
    if (std::find(waiting.begin(), waiting.end(), sample.item) != waiting.end()) {
      EXPECT_EQ(spool.Load(sample.item).value(), sample.bytes);
      continue;
    }
    if (const auto proof = spool.FindReceipt(sample.item.id, now); proof.ok()) {
      EXPECT_EQ(spool.LoadSent(proof->folder, sample.item).value(), sample.bytes);
      continue;
    }
    EXPECT_TRUE(spool.FindRejection(sample.item.id).ok()) << sample.item.name() << " is lost";
  }
}

TEST(SpoolCrashTest, NothingIsLostWhereverItStops) {
  size_t cut_at = 1;
  for (bool whole = false; !whole; ++cut_at) {
    for (const bool power_cut : {false, true}) {
      SCOPED_TRACE(testing::Message() << "operation " << cut_at << ", power cut " << power_cut);
      const TempFolder folder;
      CuttingFileSystem files(cut_at);
      const Life life = Live(files, folder.path());
      if (power_cut) files.PowerCut();
      Examine(folder.path(), life);
      whole = life.whole;
    }
  }
  EXPECT_GT(cut_at, 30u);  // The life has at least so many operations.
}

}  // namespace
}  // namespace noroshi::spool
