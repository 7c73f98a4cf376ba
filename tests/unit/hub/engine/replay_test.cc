// State is a function of the journal: however it is replayed, every byte is the
// same.
#include <gmock/gmock.h>

#include <random>

#include "common/runtime/clock.h"
#include "common/runtime/random.h"
#include "hub/engine/prepare.h"
#include "hub/engine/rebuild.h"
#include "hub/journal/rocks_journal.h"
#include "tests/unit/hub/engine/scene.h"

namespace noroshi::engine {
namespace {

// Entries of every kind, in an order that a seed decides.
class RandomScript {
 public:
  RandomScript(MemoryJournal* journal, uint32_t seed)
      : journal_(*journal), script_(journal), random_(seed) {}

  void Write(size_t count) {
    script_.Start();
    for (const char* id : {"moj", "nict", "bank", "npa", "op"}) {
      script_.Organization(Org(id));
      script_.Enrol(id, "a", "s");
    }
    script_.Rules({Script::Rule("two", 2, "kind:ministry"), Script::Rule("three", 3, "all")});
    while (journal_.size() < count) Step();
  }

 private:
  uint32_t Below(uint32_t bound) { return static_cast<uint32_t>(random_() % bound); }
  std::string AnyOrg() {
    static constexpr const char* kIds[] = {"moj", "nict", "bank", "npa", "op"};
    return kIds[Below(5)];
  }
  v1::OrganizationSet Org(const std::string& id) {
    auto organization = Script::Org(id, static_cast<v1::OrganizationKind>(1 + id.size() % 5),
                                    Below(2) == 0 ? "finance" : "", Below(2) == 0 ? "c" : "");
    organization.set_disabled(Below(6) == 0);
    return organization;
  }
  std::string Realm() { return Below(5) == 0 ? "ex" + std::to_string(Below(2)) : ""; }
  v1::Tlp AnyTlp() { return static_cast<v1::Tlp>(1 + Below(10) % 5); }
  std::string Print(const char* kind) { return kind + std::to_string(Below(12)); }
  std::string AlertId() { return std::string(16, static_cast<char>('A' + Below(alerts_ + 1))); }

  void Step() {
    journal_.set_time_ms(journal_.time_ms() + Below(2000));
    switch (Below(14)) {
      case 0:
      case 1:
        return Incident();
      case 2:
      case 3:
        pending_.push_back(script_.Submit(AnyOrg(), script_.Mail(AnyTlp(), Realm())));
        return;
      case 4:
      case 5:
      case 6:
        return Analysis();
      case 7:
        script_.Cursor(AnyOrg(), "a", Below(30));
        return;
      case 8:
        script_.Mark(AnyOrg(), AlertId(), static_cast<v1::DeliveryMark>(1 + Below(3)));
        return;
      case 9:
        return Alert();
      case 10:
        script_.Time(journal_.time_ms() - Below(5000));
        return;
      case 11:
        return Identity();
      case 12:
        return Observation();
      default:
        return Rare();
    }
  }
  void Incident() {
    const std::string organization = AnyOrg();
    std::string& thread = threads_[organization];
    v1::Submission incident =
        script_.Incident("題" + std::to_string(Below(9)), AnyTlp(), Below(2) == 0 ? thread : "");
    incident.mutable_handling()->set_circle(Below(8) == 0 ? "c" : "");
    thread = incident.id();
    pending_.push_back(script_.Submit(organization, incident));
  }
  void Analysis() {
    if (pending_.empty()) return;
    const uint64_t subject = pending_[Below(static_cast<uint32_t>(pending_.size()))];
    v1::AnalysisResult result = Script::Findings(subject, Print("e"), Print("t"));
    result.set_reanalysis(Below(4) == 0);
    v1::MailSketch& sketch = *result.mutable_mail()->mutable_sketch();
    if (Below(2) == 0) Script::AddText(Below(4), 8 * Below(12), Below(50), &sketch);
    if (Below(2) == 0) Script::AddTie(v1::TIE_KIND_HOST, Print("h"), &sketch);
    if (Below(2) == 0) Script::AddTie(v1::TIE_KIND_ATTACHMENT, Print("f"), &sketch);
    if (Below(4) == 0) result.mutable_mail()->add_attachments()->add_markers(Print("m"));
    result.mutable_mail()->set_subject("件名" + std::to_string(Below(3)));
    result.mutable_mail()->add_urls("http://u" + std::to_string(Below(3)));
    auto& label = *result.mutable_classification()->mutable_event_type();
    label.set_id(Below(3) == 0 ? "" : "phishing");
    label.add_evidence()->set_words("words");
    script_.Analysed(result);
  }
  void Alert() {
    if (alerts_ > 30) return;
    auto issued = Script::Warning(static_cast<char>('A' + ++alerts_), AnyTlp(),
                                  Below(2) == 0 ? "all" : "org:" + AnyOrg());
    if (Below(2) == 0)
      issued.mutable_alert()->set_acknowledge_by_ms(journal_.time_ms() + Below(9000));
    if (!pending_.empty() && Below(3) == 0) issued.set_case_id(pending_.front());
    script_.Alert(issued);
  }
  void Identity() {
    const std::string organization = AnyOrg();
    if (Below(3) == 0) script_.Organization(Org(organization));
    if (Below(4) == 0) script_.Revoke(organization, "a");
    script_.Enrol(organization, "a", "s" + std::to_string(Below(100)));
    script_.Certify(organization, "a", "r" + std::to_string(Below(100)), "");
  }
  void Observation() {
    v1::Submission observation = script_.Draft(AnyTlp(), Realm());
    observation.mutable_observation()->set_event("scan");
    script_.Submit(AnyOrg(), observation);
  }
  void Rare() {
    v1::SubmissionConflict conflict;
    conflict.set_first_sequence(Below(static_cast<uint32_t>(journal_.size())));
    script_.Add(v1::ENTRY_KIND_SUBMISSION_CONFLICT, conflict);
    if (Below(4) != 0) return;
    v1::BodyErased erased;
    erased.set_sequence(Below(static_cast<uint32_t>(journal_.size())));
    script_.Add(v1::ENTRY_KIND_BODY_ERASED, erased);
    v1::LogRestored restored;
    restored.set_log_id(journal_.log_id());
    script_.Add(v1::ENTRY_KIND_LOG_RESTORED, restored);
  }

  MemoryJournal& journal_;
  Script script_;
  std::mt19937 random_;
  std::vector<uint64_t> pending_;
  std::map<std::string, std::string> threads_;
  uint32_t alerts_ = 0;
};

class ReplayTest : public ::testing::Test {
 protected:
  ReplayTest() : root_(MakeFolder()) {}
  ~ReplayTest() override { std::filesystem::remove_all(root_); }

  std::string Folder() { return root_ + "/" + std::to_string(++folders_); }

  // Applies in batches of this size through the ordinary engine.
  std::string DigestByBatches(journal::Journal& journal, size_t batch) {
    const auto store = *store::Store::Open({Folder()});
    const auto engine = *Engine::Create(store.get());
    while (engine->next() < journal.size()) {
      const auto applied = engine->Apply(*journal.Read(engine->next(), batch, SIZE_MAX));
      EXPECT_TRUE(applied.ok()) << applied.error().message;
      if (!applied.ok()) return "";
    }
    return *store->Snapshot()->Digest();
  }
  std::string DigestByRebuild(journal::Journal& journal, size_t workers, size_t batch) {
    const auto rebuilt = Rebuild(&journal, {Folder(), workers, batch});
    EXPECT_TRUE(rebuilt.ok()) << rebuilt.error().message;
    return rebuilt.ok() ? rebuilt->digest : "";
  }

  std::string root_;
  int folders_ = 0;
};

TEST_F(ReplayTest, DigestIsTheSameForAnyBatchAndAnyNumberOfWorkers) {
  for (const uint32_t seed : {1u, 2u, 3u}) {
    MemoryJournal journal;
    RandomScript(&journal, seed).Write(2500);
    const std::string digest = DigestByBatches(journal, 1);
    ASSERT_EQ(digest.size(), 32u);
    EXPECT_EQ(DigestByBatches(journal, 256), digest) << seed;
    for (const size_t workers : {1, 8}) {
      for (const size_t batch : {1, 256}) {
        EXPECT_EQ(DigestByRebuild(journal, workers, batch), digest)
            << "seed " << seed << ", workers " << workers << ", batch " << batch;
      }
    }
  }
}

TEST_F(ReplayTest, DigestDependsOnTheEntries) {
  MemoryJournal one, two;
  RandomScript(&one, 1).Write(500);
  RandomScript(&two, 2).Write(500);
  EXPECT_NE(DigestByBatches(one, 64), DigestByBatches(two, 64));
}

TEST_F(ReplayTest, RealJournalReplaysToTheSameState) {
  MemoryJournal script;
  RandomScript(&script, 7).Write(600);
  journal::RocksJournalOptions options;
  options.folder = Folder();
  options.hub_name = "test";
  options.master_key = std::string(32, 'm');
  options.signing_seed = std::string(32, 's');
  options.create_if_missing = true;
  options.free_space_reserve_bytes = 0;
  options.clock = &SystemClock();
  options.random = &SystemRandom();
  auto opened = journal::OpenRocksJournal(options);
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  const auto journal = *std::move(opened);
  size_t taken = 0;
  for (const journal::Entry& entry : script.entries()) {
    if (entry.sequence == 0) continue;  // The journal begins its log itself.
    journal::Draft draft{
        entry.header.kind(), entry.header.organization(), entry.header.agent(), {}, entry.body};
    if (!entry.header.submission_id().empty()) {
      draft.submission_id = *Uuid::FromBytes(entry.header.submission_id());
    }
    ++taken;
    journal->Append(std::move(draft),
                    [](const Result<journal::Acceptance>& done) { NOROSHI_CHECK(done.ok()); });
  }
  uint64_t size = journal->size();
  while (size < taken + 1) size = journal->WaitBeyond(size, 10'000);
  const std::string digest = DigestByRebuild(*journal, 1, 1);
  EXPECT_EQ(digest.size(), 32u);
  EXPECT_EQ(DigestByRebuild(*journal, 8, 256), digest);
  EXPECT_EQ(DigestByBatches(*journal, 100), digest);
}

TEST_F(ReplayTest, ErasedBodiesReplayTheSameWhateverTheWorkers) {
  MemoryJournal journal;
  RandomScript(&journal, 5).Write(800);
  for (uint64_t sequence = 50; sequence < 800; sequence += 37) journal.Erase(sequence);
  const std::string digest = DigestByBatches(journal, 1);
  EXPECT_EQ(DigestByRebuild(journal, 8, 256), digest);
}

TEST_F(ReplayTest, RebuildStopsWhereItIsTold) {
  MemoryJournal journal;
  RandomScript(&journal, 1).Write(300);
  RebuildOptions options{Folder()};
  options.until = 123;
  const auto rebuilt = Rebuild(&journal, options);
  ASSERT_TRUE(rebuilt.ok());
  EXPECT_EQ(rebuilt->applied, 123u);
}

TEST_F(ReplayTest, RebuiltStateIsOnDisk) {
  MemoryJournal journal;
  RandomScript(&journal, 1).Write(300);
  const RebuildOptions options{Folder()};
  const auto rebuilt = Rebuild(&journal, options);
  ASSERT_TRUE(rebuilt.ok());
  const auto store = *store::Store::Open({options.folder});
  EXPECT_EQ(store->Snapshot()->Meta()->applied(), rebuilt->applied);
  EXPECT_EQ(*store->Snapshot()->Digest(), rebuilt->digest);
}

TEST_F(ReplayTest, RebuildRefusesFiguresBeyondItsLimits) {
  MemoryJournal journal;
  const auto code = [&](size_t workers, size_t batch) {
    const auto rebuilt = Rebuild(&journal, {Folder(), workers, batch});
    return rebuilt.ok() ? std::optional<ErrorCode>() : rebuilt.error().code;
  };
  EXPECT_EQ(code(0, 1), ErrorCode::kInvalid);
  EXPECT_EQ(code(kRebuildWorkersMax + 1, 1), ErrorCode::kInvalid);
  EXPECT_EQ(code(1, 0), ErrorCode::kInvalid);
  EXPECT_EQ(code(1, kRebuildBatchMax + 1), ErrorCode::kInvalid);
  EXPECT_EQ(code(kRebuildWorkersMax, kRebuildBatchMax), std::nullopt);
}

TEST_F(ReplayTest, FailedRebuildLeavesNothing) {
  MemoryJournal journal;
  RandomScript(&journal, 1).Write(100);
  Script(&journal).Add(static_cast<v1::EntryKind>(99), v1::TimeReached());
  const RebuildOptions options{Folder(), 8, 16};
  EXPECT_EQ(Rebuild(&journal, options).error().code, ErrorCode::kInvalid);
  EXPECT_FALSE(std::filesystem::exists(options.folder));
  std::filesystem::create_directory(options.folder);
  EXPECT_EQ(Rebuild(&journal, options).error().code, ErrorCode::kConflict);
  EXPECT_TRUE(std::filesystem::exists(options.folder));
}

}  // namespace
}  // namespace noroshi::engine
