#include "agent/session/conversation.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "agent/session/backoff.h"
#include "common/wire/frame.h"
#include "tests/unit/agent/fixtures.h"

namespace noroshi::session {
namespace {

using std::chrono::milliseconds;

class ConversationTest : public testing::Test {
 protected:
  ConversationTest()
      : spool_(spool::Spool::Open(SystemFileSystem(), folder_ / "spool", {}).value()),
        inbox_(spool::Inbox::Open(SystemFileSystem(), folder_ / "inbox").value()),
        marks_(spool::Marks::Open(SystemFileSystem(), folder_ / "marks").value()),
        questions_(spool::Questions::Open(SystemFileSystem(), folder_ / "questions").value()),
        head_(SystemFileSystem(), folder_ / "head") {
    NOROSHI_CHECK(inbox_.Recover().ok());
  }

  std::unique_ptr<Conversation> Connect(const std::string& renewal_csr = "") {
    Conversation::Options options;
    options.renewal_csr = renewal_csr;
    options.pins = {"org", "agent", log_.log_id(), log_.public_key()};
    Conversation::Events events;
    events.delivered = [this] { ++delivered_; };
    auto conversation = std::make_unique<Conversation>(
        Conversation::Parts{spool_, inbox_, marks_, questions_, head_, clock_}, options, events);
    EXPECT_TRUE(conversation->Begin().ok());
    const auto frames = Take(*conversation);
    EXPECT_EQ(frames.size(), 1u);
    hello_ = frames.at(0).hello();
    return conversation;
  }

  // A hub's honest answer to the last Hello.
  v1::HubFrame WelcomeFrame(const TestLog& log, uint64_t window = 1 << 20) {
    v1::HubFrame frame;
    auto& welcome = *frame.mutable_welcome();
    welcome.set_minor(wire::kMinorVersion);
    *welcome.mutable_head() = log.Head();
    welcome.set_window_bytes(window);
    welcome.set_submission_bytes_max(wire::kSubmissionBytesMax);
    if (hello_.has_last_head() && hello_.last_head().log_id() == log.log_id() &&
        hello_.last_head().tree_size() <= log.size())
      welcome.set_consistency_proof(log.Consistency(hello_.last_head().tree_size(), log.size()));
    return frame;
  }

  static Result<void> Give(Conversation& conversation, const v1::HubFrame& frame) {
    return conversation.OnFrame(frame.SerializeAsString());
  }
  Result<void> GiveReceipts(Conversation& conversation, v1::Receipts receipts) {
    v1::HubFrame frame;
    *frame.mutable_receipts() = std::move(receipts);
    NOROSHI_RETURN_IF_ERROR(Give(conversation, frame));
    return conversation.Settle();
  }

  std::unique_ptr<Conversation> Open(uint64_t window = 1 << 20) {
    auto conversation = Connect();
    EXPECT_TRUE(Give(*conversation, WelcomeFrame(log_, window)).ok());
    return conversation;
  }

  // One Fill(), cut into frames.
  static std::vector<v1::AgentFrame> Take(Conversation& conversation) {
    std::string out;
    EXPECT_TRUE(conversation.Fill(&out).ok());
    std::vector<v1::AgentFrame> frames;
    wire::FrameDecoder decoder;
    decoder.Append(out);
    while (true) {
      const auto frame = decoder.Next();
      EXPECT_TRUE(frame.ok());
      if (!frame.ok() || !frame->has_value()) return frames;
      EXPECT_TRUE(frames.emplace_back().ParseFromString(std::string(**frame)));
    }
  }
  static std::vector<v1::AgentFrame> TakeAll(Conversation& conversation) {
    std::vector<v1::AgentFrame> all;
    for (auto some = Take(conversation); !some.empty(); some = Take(conversation))
      all.insert(all.end(), some.begin(), some.end());
    return all;
  }
  // The id that a Submit frame or chunk carries.
  static std::string IdOf(const v1::AgentFrame& frame) {
    if (frame.has_chunk()) return frame.chunk().submission_id();
    v1::Submission submission;
    EXPECT_TRUE(submission.ParseFromString(frame.submit().submission()));
    return submission.id();
  }
  void Add(const Sample& sample) { ASSERT_TRUE(spool_.Add(sample.item, sample.bytes).ok()); }
  // A frame with this one's receipt, under the head that has just it as its newest.
  v1::HubFrame ReceiptOf(const Sample& sample) {
    log_.Append("org", sample.bytes);
    v1::HubFrame frame;
    *frame.mutable_receipts() = log_.Seal();
    return frame;
  }
  static v1::HubFrame RejectionOf(const Sample& sample, bool retryable, uint32_t after_ms = 0) {
    v1::HubFrame frame;
    auto& rejection = *frame.mutable_rejection();
    rejection.set_submission_id(sample.item.id.bytes());
    rejection.set_code(retryable ? "overloaded" : "invalid_field");
    rejection.set_retryable(retryable);
    rejection.set_retry_after_ms(after_ms);
    return frame;
  }

  TempFolder folder_;
  FakeRandom random_;
  FakeClock clock_;
  TestLog log_;
  spool::Spool spool_;
  spool::Inbox inbox_;
  spool::Marks marks_;
  spool::Questions questions_;
  spool::HeadFile head_;
  v1::Hello hello_;
  int delivered_ = 0;
};

TEST_F(ConversationTest, AReportIsSentAndLeavesWithItsReceipt) {
  const Sample report = MakeIncident(random_, clock_.now_ms);
  Add(report);
  auto conversation = Open();
  const auto frames = Take(*conversation);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].submit().submission(), report.bytes);
  EXPECT_FALSE(conversation->Drained());
  log_.Append("org", report.bytes);
  ASSERT_TRUE(GiveReceipts(*conversation, log_.Seal()).ok());
  EXPECT_TRUE(spool_.Waiting()->empty());
  EXPECT_TRUE(spool_.FindReceipt(report.item.id, clock_.now_ms).ok());
  EXPECT_TRUE(TakeAll(*conversation).empty());
  EXPECT_TRUE(conversation->Drained());
}

// Each with the head that it came under; what waits twice is counted once.
TEST_F(ConversationTest, ReceiptsThatComeTogetherAreWrittenTogether) {
  std::vector<Sample> reports;
  for (int i = 0; i < 3; ++i) Add(reports.emplace_back(MakeIncident(random_, clock_.now_ms + i)));
  auto conversation = Open();
  ASSERT_EQ(TakeAll(*conversation).size(), 3u);
  for (const Sample& report : reports) {
    const v1::HubFrame frame = ReceiptOf(report);
    ASSERT_TRUE(Give(*conversation, frame).ok());
    ASSERT_TRUE(Give(*conversation, frame).ok());
  }
  EXPECT_EQ(spool_.Waiting()->size(), 3u) << "nothing is written yet";
  EXPECT_EQ(conversation->receipts_seen(), 0u);
  ASSERT_TRUE(conversation->Settle().ok());
  EXPECT_TRUE(spool_.Waiting()->empty());
  EXPECT_EQ(conversation->receipts_seen(), 3u);
  size_t files = 0;
  ASSERT_TRUE(spool_
                  .ForEachKept(clock_.now_ms,
                               [&](const spool::Spool::Kept& kept) {
                                 return kept.content.ok() && ++files > 0;
                               })
                  .ok());
  EXPECT_EQ(files, 1u);
  for (size_t i = 0; i < reports.size(); ++i) {
    const auto proof = spool_.FindReceipt(reports[i].item.id, clock_.now_ms);
    ASSERT_TRUE(proof.ok());
    EXPECT_EQ(proof->receipt.head().tree_size(), i + 2);
    EXPECT_TRUE(
        merkle::VerifyReceipt(proof->receipt, reports[i].bytes, "org", log_.public_key()).ok());
  }
}

TEST_F(ConversationTest, AFileOfReceiptsIsBounded) {
  std::vector<Sample> reports;
  for (int i = 0; i < 300; ++i) Add(reports.emplace_back(MakeIncident(random_, clock_.now_ms + i)));
  auto conversation = Open(kWindowBytesMax);
  ASSERT_EQ(TakeAll(*conversation).size(), reports.size());
  size_t bytes = 0;
  size_t joint = 0;  // Frames that fit one file.
  for (const Sample& report : reports) {
    const v1::HubFrame frame = ReceiptOf(report);
    bytes += frame.ByteSizeLong() + frame.receipts().head().ByteSizeLong();
    if (bytes <= kJointReceiptsBytesMax) ++joint;
    ASSERT_TRUE(Give(*conversation, frame).ok());
    if (conversation->receipts_seen() > 0) break;
  }
  EXPECT_EQ(conversation->receipts_seen(), joint);
  ASSERT_TRUE(conversation->Close().ok());
  EXPECT_EQ(conversation->receipts_seen(), joint + 1);
}

TEST_F(ConversationTest, ARejectionAfterTheReceiptEndsTheConversation) {
  const Sample report = MakeIncident(random_, clock_.now_ms);
  Add(report);
  auto conversation = Open();
  Take(*conversation);
  ASSERT_TRUE(Give(*conversation, ReceiptOf(report)).ok());
  EXPECT_EQ(Give(*conversation, RejectionOf(report, false)).error().code, ErrorCode::kInvalid);
  EXPECT_TRUE(spool_.FindReceipt(report.item.id, clock_.now_ms).ok()) << "the receipt stands";
}

TEST_F(ConversationTest, AReceiptForOtherBytesIsRefusedAndTheReportStays) {
  const Sample report = MakeIncident(random_, clock_.now_ms);
  Add(report);
  auto conversation = Open();
  Take(*conversation);
  v1::Submission other;
  ASSERT_TRUE(other.ParseFromString(report.bytes));
  other.mutable_incident()->set_what_happened("something else");
  log_.Append("org", other.SerializeAsString());
  EXPECT_EQ(GiveReceipts(*conversation, log_.Seal()).error().code, ErrorCode::kCorruption);
  EXPECT_FALSE(conversation->evidence().empty());
  EXPECT_EQ(spool_.Waiting()->size(), 1u);
}

TEST_F(ConversationTest, AReceiptUnderAHeadThatNobodySignedIsRefusedAndTheReportStays) {
  const Sample report = MakeIncident(random_, clock_.now_ms);
  Add(report);
  auto conversation = Open();
  Take(*conversation);
  log_.Append("org", report.bytes);
  v1::Receipts receipts = log_.Seal();
  std::string& signature = *receipts.mutable_head()->mutable_signature();
  signature[0] = static_cast<char>(signature[0] ^ 1);
  *receipts.mutable_receipts(0)->mutable_head() = log_.Head();  // One that is right, elsewhere.
  EXPECT_EQ(GiveReceipts(*conversation, receipts).error().code, ErrorCode::kCorruption);
  EXPECT_EQ(spool_.Waiting()->size(), 1u);
}

TEST_F(ConversationTest, AReceiptForAnotherOrganisationIsRefused) {
  const Sample report = MakeIncident(random_, clock_.now_ms);
  Add(report);
  auto conversation = Open();
  Take(*conversation);
  log_.Append("somebody-else", report.bytes);
  EXPECT_EQ(GiveReceipts(*conversation, log_.Seal()).error().code, ErrorCode::kCorruption);
}

TEST_F(ConversationTest, TheSameReceiptTwiceInAFrameCountsOnce) {
  const Sample report = MakeIncident(random_, clock_.now_ms);
  Add(report);
  auto conversation = Open();
  Take(*conversation);
  log_.Append("org", report.bytes);
  v1::Receipts receipts = log_.Seal();
  *receipts.add_receipts() = receipts.receipts(0);
  ASSERT_TRUE(GiveReceipts(*conversation, receipts).ok());
  ASSERT_TRUE(GiveReceipts(*conversation, receipts).ok());
  EXPECT_TRUE(spool_.Waiting()->empty());
}

TEST_F(ConversationTest, AnIncidentOvertakesALargeMailUnderWay) {
  const Sample mail = MakeMail(random_, clock_.now_ms, 1'000'000);
  Add(mail);
  auto conversation = Open(8 << 20);
  auto frames = Take(*conversation);
  ASSERT_FALSE(frames.empty());
  EXPECT_TRUE(frames[0].has_chunk());
  const Sample report = MakeIncident(random_, clock_.now_ms);
  Add(report);
  conversation->OnSpooled(report.item);
  frames = Take(*conversation);
  ASSERT_FALSE(frames.empty());
  EXPECT_EQ(IdOf(frames[0]), report.item.id.bytes());
  // The mail goes on, whole and in order.
  std::string rest;
  for (const auto& frame : TakeAll(*conversation)) rest += frame.chunk().data();
  EXPECT_GT(rest.size(), 500'000u);
}

TEST_F(ConversationTest, ChunksOfLargeMailsAreWholeAndInOrder) {
  const Sample mail = MakeMail(random_, clock_.now_ms, 3 * wire::kChunkBytes + 17);
  Add(mail);
  auto conversation = Open(8 << 20);
  std::string bytes;
  for (const auto& frame : TakeAll(*conversation)) {
    ASSERT_TRUE(frame.has_chunk());
    EXPECT_EQ(frame.chunk().offset(), bytes.size());
    EXPECT_EQ(frame.chunk().total_size(), mail.bytes.size());
    bytes += frame.chunk().data();
  }
  EXPECT_EQ(bytes, mail.bytes);
}

TEST_F(ConversationTest, TheWindowIsNeverExceededAndAQuarterIsKeptForIncidents) {
  std::vector<Sample> mails;
  for (int i = 0; i < 12; ++i) {
    mails.push_back(MakeMail(random_, clock_.now_ms + i, 1000));
    Add(mails.back());
  }
  const uint64_t size = mails[0].bytes.size();
  auto conversation = Open(8 * size);
  EXPECT_EQ(TakeAll(*conversation).size(), 6u);
  const Sample report = MakeIncident(random_, clock_.now_ms);
  Add(report);
  conversation->OnSpooled(report.item);
  const auto frames = TakeAll(*conversation);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(IdOf(frames[0]), report.item.id.bytes());
}

TEST_F(ConversationTest, ASubmissionLargerThanTheWindowStillGoesAlone) {
  Add(MakeMail(random_, clock_.now_ms, 5000));
  Add(MakeMail(random_, clock_.now_ms + 1, 5000));
  auto conversation = Open(1000);
  EXPECT_EQ(TakeAll(*conversation).size(), 1u);
}

TEST_F(ConversationTest, OfOneThreadOnlyOneIsUnderWay) {
  const Sample first = MakeIncident(random_, clock_.now_ms);
  const Sample second = MakeIncident(random_, clock_.now_ms + 1, "続報", first.item.id.bytes());
  const Sample third = MakeIncident(random_, clock_.now_ms + 2, "続報", first.item.id.bytes());
  const Sample other = MakeIncident(random_, clock_.now_ms + 3);
  for (const Sample* sample : {&first, &second, &third, &other}) Add(*sample);
  auto conversation = Open();
  auto frames = TakeAll(*conversation);
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(IdOf(frames[0]), first.item.id.bytes());
  EXPECT_EQ(IdOf(frames[1]), other.item.id.bytes());
  // A retry of the first does not let the second overtake it.
  ASSERT_TRUE(Give(*conversation, RejectionOf(first, true, 500)).ok());
  EXPECT_TRUE(TakeAll(*conversation).empty());
  clock_.Advance(milliseconds(500));
  frames = TakeAll(*conversation);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(IdOf(frames[0]), first.item.id.bytes());
  log_.Append("org", first.bytes);
  v1::Receipts receipts = log_.Seal();
  ASSERT_TRUE(GiveReceipts(*conversation, receipts).ok());
  frames = TakeAll(*conversation);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(IdOf(frames[0]), second.item.id.bytes());
}

TEST_F(ConversationTest, AFollowUpWaitsForItsFirstReportEvenIfTheClockWasSetBack) {
  const Sample first = MakeIncident(random_, clock_.now_ms);
  const Sample follow = MakeIncident(random_, clock_.now_ms - 1000, "続報", first.item.id.bytes());
  Add(first);
  Add(follow);
  auto conversation = Open();
  const auto frames = TakeAll(*conversation);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(IdOf(frames[0]), first.item.id.bytes());
}

TEST_F(ConversationTest, RefusedForGoodGoesToRejectedAndTheThreadGoesOn) {
  const Sample first = MakeIncident(random_, clock_.now_ms);
  const Sample second = MakeIncident(random_, clock_.now_ms + 1, "続報", first.item.id.bytes());
  Add(first);
  Add(second);
  auto conversation = Open();
  TakeAll(*conversation);
  ASSERT_TRUE(Give(*conversation, RejectionOf(first, false)).ok());
  EXPECT_TRUE(spool_.FindRejection(first.item.id).ok());
  const auto frames = TakeAll(*conversation);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(IdOf(frames[0]), second.item.id.bytes());
}

TEST_F(ConversationTest, RetryAfterIsHonouredAndMoreUrgentThingsStillGo) {
  const Sample mail = MakeMail(random_, clock_.now_ms);
  const Sample waiting = MakeMail(random_, clock_.now_ms + 1);
  Add(mail);
  auto conversation = Open();
  TakeAll(*conversation);
  ASSERT_TRUE(Give(*conversation, RejectionOf(mail, true, 2000)).ok());
  Add(waiting);
  conversation->OnSpooled(waiting.item);
  EXPECT_TRUE(TakeAll(*conversation).empty());
  EXPECT_EQ(conversation->NextWake(), clock_.steady + milliseconds(2000));
  const Sample report = MakeIncident(random_, clock_.now_ms);
  Add(report);
  conversation->OnSpooled(report.item);
  EXPECT_EQ(TakeAll(*conversation).size(), 1u);
  clock_.Advance(milliseconds(1999));
  EXPECT_TRUE(TakeAll(*conversation).empty());
  clock_.Advance(milliseconds(1));
  EXPECT_EQ(TakeAll(*conversation).size(), 2u);
}

TEST_F(ConversationTest, DamagedFilesAreNotSentAndStopNothing) {
  const Sample damaged = MakeIncident(random_, clock_.now_ms);
  const Sample whole = MakeIncident(random_, clock_.now_ms + 1);
  Add(damaged);
  Add(whole);
  ASSERT_TRUE(SystemFileSystem()
                  .WriteDurably(spool_.waiting_folder() + "/" + damaged.item.name(), "half", 0600)
                  .ok());
  auto conversation = Open();
  const auto frames = TakeAll(*conversation);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(IdOf(frames[0]), whole.item.id.bytes());
}

// ---- history ----

TEST_F(ConversationTest, TheHeadIsKeptAndItsContinuationDemanded) {
  Open();
  log_.Append("other", MakeIncident(random_, 1).bytes);
  auto again = Connect();
  EXPECT_EQ(hello_.last_head().tree_size(), 1u);
  EXPECT_TRUE(Give(*again, WelcomeFrame(log_)).ok());
  EXPECT_EQ(head_.Load().value()->tree_size(), 2u);
}

TEST_F(ConversationTest, ARewrittenHistoryIsRefusedWithEvidence) {
  log_.Append("other", MakeIncident(random_, 1, "as it was").bytes);
  Open();
  TestLog rewritten;
  rewritten.Append("other", MakeIncident(random_, 1, "as somebody wants it").bytes);
  rewritten.Append("other", MakeIncident(random_, 2).bytes);
  auto again = Connect();
  EXPECT_EQ(Give(*again, WelcomeFrame(rewritten)).error().code, ErrorCode::kCorruption);
  EXPECT_NE(again->evidence().find("history_rewritten"), std::string::npos);
  EXPECT_TRUE(TakeAll(*again).empty());
  EXPECT_EQ(head_.Load().value()->root_hash(), log_.Head().root_hash());
}

TEST_F(ConversationTest, AShorterLogIsRefused) {
  log_.Append("other", MakeIncident(random_, 1).bytes);
  Open();
  auto again = Connect();
  EXPECT_EQ(Give(*again, WelcomeFrame(TestLog())).error().code, ErrorCode::kCorruption);
}

TEST_F(ConversationTest, ALogShorterThanOurLastReceiptIsRefused) {
  const TestLog before = log_;  // As a copy of the hub's disk, put back later.
  const Sample report = MakeIncident(random_, clock_.now_ms);
  Add(report);
  auto conversation = Open();
  Take(*conversation);
  log_.Append("org", report.bytes);
  ASSERT_TRUE(GiveReceipts(*conversation, log_.Seal()).ok());
  // No Close(): the agent was killed, its head file is older than the receipt.
  auto again = Connect();
  EXPECT_EQ(hello_.last_head().tree_size(), 1u);
  EXPECT_EQ(Give(*again, WelcomeFrame(before)).error().code, ErrorCode::kCorruption);
}

TEST_F(ConversationTest, AHeadSignedByAnotherKeyIsRefused) {
  auto conversation = Connect();
  v1::HubFrame frame = WelcomeFrame(log_);
  std::string& signature = *frame.mutable_welcome()->mutable_head()->mutable_signature();
  signature[0] = static_cast<char>(signature[0] ^ 1);
  EXPECT_EQ(Give(*conversation, frame).error().code, ErrorCode::kCorruption);
}

TEST_F(ConversationTest, ReceiptsAdvanceTheProvenHeadAndAForkIsNoticed) {
  const Sample report = MakeIncident(random_, clock_.now_ms);
  Add(report);
  auto conversation = Open();
  Take(*conversation);
  log_.Append("org", report.bytes);
  v1::Receipts receipts = log_.Seal();
  receipts.set_consistency_proof(log_.Consistency(1, 2));
  ASSERT_TRUE(GiveReceipts(*conversation, receipts).ok());
  EXPECT_EQ(conversation->head().tree_size(), 2u);
  ASSERT_TRUE(conversation->Close().ok());
  EXPECT_EQ(head_.Load().value()->tree_size(), 2u);

  TestLog fork;
  fork.Append("other", MakeIncident(random_, 7).bytes);
  const Sample second = MakeIncident(random_, clock_.now_ms + 1);
  Add(second);
  conversation->OnSpooled(second.item);
  Take(*conversation);
  (void)fork.Seal();
  fork.Append("org", second.bytes);
  v1::Receipts forked = fork.Seal();
  forked.set_consistency_proof(fork.Consistency(2, 3));
  EXPECT_EQ(GiveReceipts(*conversation, forked).error().code, ErrorCode::kCorruption);
  EXPECT_EQ(spool_.Waiting()->size(), 1u);
}

TEST_F(ConversationTest, ARestoredHubIsAcceptedWithItsStatementAndGetsWhatItLacks) {
  const Sample kept = MakeIncident(random_, clock_.now_ms);
  const Sample lost = MakeIncident(random_, clock_.now_ms + 1);
  Add(kept);
  Add(lost);
  auto conversation = Open();
  Take(*conversation);
  log_.Append("org", kept.bytes);
  log_.Append("org", lost.bytes);
  v1::Receipts receipts = log_.Seal();
  receipts.set_consistency_proof(log_.Consistency(1, 3));
  ASSERT_TRUE(GiveReceipts(*conversation, receipts).ok());
  ASSERT_TRUE(conversation->Close().ok());
  ASSERT_TRUE(spool_.Waiting()->empty());

  v1::HubFrame frame;
  const TestLog restored =
      log_.RestoredAt(2, std::string(16, 'N'), frame.mutable_welcome()->add_restored());
  auto again = Connect();
  *frame.mutable_welcome()->mutable_head() = restored.Head();
  frame.mutable_welcome()->set_window_bytes(1 << 20);
  frame.mutable_welcome()->set_submission_bytes_max(wire::kSubmissionBytesMax);
  frame.mutable_welcome()->set_consistency_proof(restored.Consistency(2, restored.size()));
  ASSERT_TRUE(Give(*again, frame).ok());
  const auto frames = TakeAll(*again);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].submit().submission(), lost.bytes);
}

TEST_F(ConversationTest, ANewLogWithoutAValidStatementIsRefused) {
  Open();
  v1::Restored statement;
  const TestLog restored = log_.RestoredAt(1, std::string(16, 'N'), &statement);
  auto again = Connect();
  EXPECT_EQ(Give(*again, WelcomeFrame(restored)).error().code, ErrorCode::kCorruption);
  v1::HubFrame forged = WelcomeFrame(restored);
  statement.set_old_tree_size(5);
  *forged.mutable_welcome()->add_restored() = statement;
  again = Connect();
  EXPECT_EQ(Give(*again, forged).error().code, ErrorCode::kCorruption);
}

// ---- the rest ----

TEST_F(ConversationTest, DeliveriesAreDurableBeforeTheyAreAcknowledged) {
  auto conversation = Open();
  TakeAll(*conversation);
  v1::HubFrame frame;
  frame.mutable_deliveries()->set_log_id(log_.log_id());
  v1::Alert alert;
  alert.set_alert_id(std::string(16, 'a'));
  for (uint64_t position : {1, 2}) {
    auto& delivery = *frame.mutable_deliveries()->add_deliveries();
    delivery.set_position(position);
    delivery.set_alert(alert.SerializeAsString());  // The second one repeats the first.
  }
  ASSERT_TRUE(Give(*conversation, frame).ok());
  EXPECT_EQ(delivered_, 1);
  const auto frames = TakeAll(*conversation);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].delivery_ack().position(), 2u);
  EXPECT_EQ(inbox_.NewestAlerts(10)->size(), 1u);
}

TEST_F(ConversationTest, DeliveriesThatCannotBeStoredAreNotAcknowledged) {
  auto conversation = Open();
  TakeAll(*conversation);
  std::filesystem::remove_all(folder_ / "inbox");
  v1::HubFrame frame;
  frame.mutable_deliveries()->set_log_id(log_.log_id());
  v1::Alert alert;
  alert.set_alert_id(std::string(16, 'a'));
  auto& delivery = *frame.mutable_deliveries()->add_deliveries();
  delivery.set_position(1);
  delivery.set_alert(alert.SerializeAsString());
  EXPECT_FALSE(Give(*conversation, frame).ok());
  EXPECT_EQ(delivered_, 0);
  EXPECT_TRUE(TakeAll(*conversation).empty());
  EXPECT_EQ(inbox_.position(), 0u);
}

TEST_F(ConversationTest, MarksGoInOrderAndTheirAnswersAreKept) {
  std::vector<Uuid> ids;
  for (int i = 0; i < 2; ++i) {
    v1::MarkAlert mark;
    mark.set_alert_id(std::string(16, static_cast<char>('a' + i)));
    mark.set_mark(v1::DELIVERY_MARK_READ);
    ids.push_back(random_.UuidV7(clock_.now_ms + i));
    ASSERT_TRUE(marks_.Add(ids.back(), mark).ok());
  }
  auto conversation = Open();
  auto frames = TakeAll(*conversation);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].mark().alert_id()[0], 'a');
  v1::HubFrame answer;
  answer.mutable_marked()->set_alert_id(frames[0].mark().alert_id());
  answer.mutable_marked()->set_mark(v1::DELIVERY_MARK_READ);
  answer.mutable_marked()->set_retryable(true);
  ASSERT_TRUE(Give(*conversation, answer).ok());
  EXPECT_TRUE(TakeAll(*conversation).empty());  // Not yet.
  clock_.Advance(std::chrono::minutes(1));
  frames = TakeAll(*conversation);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].mark().alert_id()[0], 'a');
  answer.mutable_marked()->set_accepted(true);
  ASSERT_TRUE(Give(*conversation, answer).ok());
  EXPECT_NE(marks_.FindAnswer(ids[0])->find("\"accepted\":true"), std::string::npos);
  frames = TakeAll(*conversation);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].mark().alert_id()[0], 'b');
}

TEST_F(ConversationTest, QuestionsAreKeptBeforeTheyAreAcknowledged) {
  auto conversation = Open();
  TakeAll(*conversation);
  v1::HubFrame frame;
  frame.mutable_deliveries()->set_log_id(log_.log_id());
  auto& delivery = *frame.mutable_deliveries()->add_deliveries();
  delivery.set_position(1);
  delivery.mutable_question()->set_question_id(std::string(16, 'q'));
  delivery.mutable_question()->set_text("いつですか。");
  std::filesystem::remove_all(folder_ / "questions");
  EXPECT_FALSE(Give(*conversation, frame).ok());
  EXPECT_EQ(inbox_.position(), 0u);
  questions_ = spool::Questions::Open(SystemFileSystem(), folder_ / "questions").value();
  ASSERT_TRUE(Give(*conversation, frame).ok());
  EXPECT_EQ(delivered_, 1);
  EXPECT_EQ(TakeAll(*conversation).at(0).delivery_ack().position(), 1u);
  ASSERT_EQ(questions_.List()->size(), 1u);

  delivery.set_position(2);
  delivery.mutable_question()->set_withdrawn(true);
  ASSERT_TRUE(Give(*conversation, frame).ok());
  EXPECT_EQ(delivered_, 2);
  EXPECT_TRUE(questions_.List()->at(0).withdrawn());
  // What comes again from before does not bring it back.
  delivery.set_position(1);
  delivery.mutable_question()->set_withdrawn(false);
  ASSERT_TRUE(Give(*conversation, frame).ok());
  EXPECT_EQ(delivered_, 2);
  EXPECT_TRUE(questions_.List()->at(0).withdrawn());
}

TEST_F(ConversationTest, AnswersWaitUntilTheHubHasSpoken) {
  v1::AnswerQuestion words;
  words.set_question_id(std::string(16, 'q'));
  words.set_text("九時に復旧した。");
  ASSERT_TRUE(questions_.Answer(words).ok());
  const Uuid id = *Uuid::FromBytes(words.question_id());
  auto conversation = Open();
  auto frames = TakeAll(*conversation);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].answer().SerializeAsString(), words.SerializeAsString());
  EXPECT_FALSE(conversation->Drained());
  v1::HubFrame answer;
  answer.mutable_answered()->set_question_id(words.question_id());
  answer.mutable_answered()->set_retryable(true);
  ASSERT_TRUE(Give(*conversation, answer).ok());
  EXPECT_TRUE(TakeAll(*conversation).empty());  // Not yet.
  EXPECT_TRUE(conversation->NextWake().has_value());
  EXPECT_EQ(questions_.StandingOf(id)->state, spool::AnswerState::kWaiting);
  clock_.Advance(std::chrono::minutes(1));
  ASSERT_EQ(TakeAll(*conversation).size(), 1u);
  // A connection that breaks off leaves it in the queue.
  conversation = Open();
  ASSERT_EQ(TakeAll(*conversation).size(), 1u);
  answer.mutable_answered()->set_retryable(false);
  answer.mutable_answered()->set_reason("already_answered: in other words");
  ASSERT_TRUE(Give(*conversation, answer).ok());
  EXPECT_EQ(questions_.StandingOf(id)->state, spool::AnswerState::kRefused);
  EXPECT_EQ(questions_.StandingOf(id)->reason, answer.answered().reason());
  EXPECT_TRUE(TakeAll(*conversation).empty());
  EXPECT_TRUE(conversation->Drained());
  EXPECT_EQ(Give(*conversation, answer).error().code, ErrorCode::kInvalid);  // Not asked for.
}

TEST_F(ConversationTest, AHubThatKnowsNoAnswersGetsNone) {
  v1::AnswerQuestion words;
  words.set_question_id(std::string(16, 'q'));
  words.set_text("はい");
  ASSERT_TRUE(questions_.Answer(words).ok());
  auto conversation = Connect();
  v1::HubFrame welcome = WelcomeFrame(log_);
  welcome.mutable_welcome()->set_minor(0);
  ASSERT_TRUE(Give(*conversation, welcome).ok());
  EXPECT_TRUE(TakeAll(*conversation).empty());
  EXPECT_TRUE(conversation->Drained());
  EXPECT_EQ(questions_.Waiting()->size(), 1u);
}

TEST_F(ConversationTest, ARestoredHubGetsTheAnswersAgain) {
  Open();
  v1::AnswerQuestion words;
  words.set_question_id(std::string(16, 'q'));
  words.set_text("はい");
  const Uuid id = *Uuid::FromBytes(words.question_id());
  ASSERT_TRUE(questions_.Answer(words).ok());
  v1::Answered accepted;
  accepted.set_accepted(true);
  ASSERT_TRUE(questions_.Settle(id, accepted, clock_.now_ms).ok());
  v1::Restored statement;
  const TestLog restored = log_.RestoredAt(1, std::string(16, 'N'), &statement);
  auto conversation = Connect();
  v1::HubFrame welcome = WelcomeFrame(restored);
  *welcome.mutable_welcome()->add_restored() = statement;
  welcome.mutable_welcome()->set_consistency_proof(restored.Consistency(1, restored.size()));
  ASSERT_TRUE(Give(*conversation, welcome).ok());
  const auto frames = TakeAll(*conversation);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].answer().text(), "はい");
}

TEST_F(ConversationTest, NonsenseEndsTheConversation) {
  auto conversation = Connect();
  EXPECT_EQ(conversation->OnFrame("\xff\xff").error().code, ErrorCode::kInvalid);
  v1::HubFrame early;
  early.mutable_pong()->set_token(1);
  EXPECT_EQ(Give(*conversation, early).error().code, ErrorCode::kInvalid);
  auto open = Open();
  EXPECT_EQ(Give(*open, WelcomeFrame(log_)).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(Give(*open, RejectionOf(MakeIncident(random_, 1), false)).error().code,
            ErrorCode::kInvalid);
  v1::HubFrame goodbye;
  goodbye.mutable_goodbye()->set_code("revoked");
  EXPECT_EQ(Give(*open, goodbye).error().code, ErrorCode::kClosed);
  EXPECT_EQ(open->goodbye().code(), "revoked");
}

// A hub that is behind refuses many at once: none of them waits for its next connection.
TEST_F(ConversationTest, ARenewalRefusedForNowIsAskedForAgain) {
  auto conversation = Connect("request");
  ASSERT_TRUE(Give(*conversation, WelcomeFrame(log_)).ok());
  EXPECT_EQ(Take(*conversation).at(0).renew().csr_der(), "request");
  conversation->Ping(1);
  EXPECT_EQ(Take(*conversation).size(), 1u) << "nothing while no answer has come";
  v1::HubFrame frame;
  frame.mutable_certificate()->set_error("overloaded: too many enrolments; try again later");
  ASSERT_TRUE(Give(*conversation, frame).ok());
  conversation->Ping(2);
  const auto again = Take(*conversation);
  ASSERT_EQ(again.size(), 2u);
  EXPECT_EQ(again[1].renew().csr_der(), "request");
  frame.mutable_certificate()->set_error("may_not_renew: enrol again with a new token");
  ASSERT_TRUE(Give(*conversation, frame).ok());
  conversation->Ping(3);
  EXPECT_EQ(Take(*conversation).size(), 1u);
}

TEST(BackoffTest, DoublesUpToItsCapWithJitter) {
  FakeRandom random;
  Backoff backoff(random);
  auto full = Backoff::kInitial;
  for (int i = 0; i < 20; ++i) {
    const auto wait = backoff.Next();
    EXPECT_GE(wait, full / 2);
    EXPECT_LE(wait, full);
    full = std::min(full * 2, Backoff::kLongest);
  }
  EXPECT_GE(backoff.Next(milliseconds(100'000)), milliseconds(100'000));
  EXPECT_EQ(backoff.Next(std::chrono::hours(24)), Backoff::kAdviceLongest);
  backoff.Reset();
  EXPECT_LE(backoff.Next(), Backoff::kInitial);
}

}  // namespace
}  // namespace noroshi::session
