#include "tests/unit/hub/journal/journal_fixture.h"

#include <stdlib.h>

namespace noroshi::journal {

AppendDone Answers::Next() {
  auto promise = std::make_shared<std::promise<Result<Acceptance>>>();
  futures_.push_back(promise->get_future());
  return [promise](Result<Acceptance> answer) { promise->set_value(std::move(answer)); };
}

std::vector<Result<Acceptance>> Answers::Take() {
  std::vector<Result<Acceptance>> answers;
  for (auto& future : futures_) answers.push_back(future.get());
  futures_.clear();
  return answers;
}

JournalFixture::JournalFixture() {
  std::string name = testing::TempDir() + "noroshi_journal_XXXXXX";
  NOROSHI_CHECK(::mkdtemp(name.data()) != nullptr);
  root_ = name;
}

JournalFixture::~JournalFixture() { std::filesystem::remove_all(root_); }

RocksJournalOptions JournalFixture::Options() {
  RocksJournalOptions options;
  options.folder = Path("journal");
  options.hub_name = "test hub";
  options.master_key = std::string(32, 'm');
  options.signing_seed = std::string(32, 's');
  options.create_if_missing = true;
  options.free_space_reserve_bytes = 0;
  options.clock = &clock_;
  options.random = &SystemRandom();
  options.env = env_.get();
  return options;
}

std::unique_ptr<Journal> JournalFixture::MustOpen() { return MustOpen(Options()); }

std::unique_ptr<Journal> JournalFixture::MustOpen(const RocksJournalOptions& options) {
  auto journal = OpenRocksJournal(options);
  if (!journal.ok()) {
    ADD_FAILURE() << journal.error().message;
    return nullptr;
  }
  return *std::move(journal);
}

std::unique_ptr<Database> JournalFixture::Raw() {
  DatabaseOptions options;
  options.folder = Path("journal");
  return Database::Open(options).value();
}

Uuid JournalFixture::Id(uint64_t number) {
  std::array<uint8_t, 10> random{};
  for (int i = 0; i < 8; ++i) random[2 + i] = static_cast<uint8_t>(number >> (56 - 8 * i));
  return Uuid::MakeV7(1'700'000'000'000, random);
}

Draft JournalFixture::Report(uint64_t number, std::string body) {
  Draft draft;
  draft.kind = v1::ENTRY_KIND_INCIDENT_REPORT;
  draft.organization = "ministry";
  draft.agent = "agent-1";
  draft.submission_id = Id(number);
  draft.body = std::move(body);
  return draft;
}

Draft JournalFixture::Command(std::string body) {
  Draft draft;
  draft.kind = v1::ENTRY_KIND_ORGANIZATION_SET;
  draft.organization = "admin";
  draft.body = std::move(body);
  return draft;
}

Result<Acceptance> JournalFixture::AppendNow(Journal* journal, Draft draft) {
  Answers answers;
  journal->Append(std::move(draft), answers.Next());
  return answers.Take().front();
}

std::vector<Acceptance> JournalFixture::Fill(Journal* journal, uint64_t first_number,
                                             uint64_t count) {
  Answers answers;
  for (uint64_t i = first_number; i < first_number + count; ++i) {
    journal->Append(Report(i, "body " + std::to_string(i)), answers.Next());
  }
  std::vector<Acceptance> accepted;
  for (auto& answer : answers.Take()) {
    EXPECT_TRUE(answer.ok()) << answer.error().message;
    if (answer.ok()) accepted.push_back(*std::move(answer));
  }
  return accepted;
}

Result<void> JournalFixture::Check(const Acceptance& acceptance, const std::string& body,
                                   const std::string& public_key) {
  v1::Receipt receipt = acceptance.receipt;
  *receipt.mutable_head() = *acceptance.head;
  return merkle::VerifyReceipt(receipt, body, "ministry", public_key);
}

std::vector<std::string> JournalFixture::Findings(Journal* journal, size_t max) {
  std::vector<std::string> findings;
  const auto checked = journal->Verify(
      [&](const Finding& finding) {
        findings.push_back(std::to_string(finding.sequence) + ": " + finding.what);
      },
      max);
  EXPECT_TRUE(checked.ok());
  return findings;
}

}  // namespace noroshi::journal
