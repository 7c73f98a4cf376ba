#include "tests/bench/journal_growth.h"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <vector>

#include "common/runtime/clock.h"
#include "common/runtime/file.h"
#include "common/runtime/random.h"
#include "hub/app/hub_config.h"
#include "hub/app/secrets.h"
#include "hub/journal/rocks_journal.h"

namespace noroshi::bench {
namespace {

constexpr size_t kAtATime = 4096;  // Drafts that wait for their sync together.
constexpr size_t kReadEntries = 1024;
constexpr size_t kReadBytes = 16 * 1024 * 1024;

// Appends all and waits; their sequences.
Result<std::vector<uint64_t>> AppendAll(journal::Journal* journal,
                                        std::vector<journal::Draft> drafts) {
  struct Answers {
    std::mutex mutex;
    std::condition_variable changed;
    size_t missing = 0;
    std::vector<uint64_t> sequences;
    std::optional<Error> failed;
  } answers;
  answers.missing = drafts.size();
  answers.sequences.resize(drafts.size());
  for (size_t i = 0; i < drafts.size(); ++i) {
    journal->Append(std::move(drafts[i]), [&answers, i](Result<journal::Acceptance> done) {
      const std::lock_guard lock(answers.mutex);
      if (done.ok()) {
        answers.sequences[i] = done->sequence;
      } else {
        answers.failed = done.error();
      }
      if (--answers.missing == 0) answers.changed.notify_one();
    });
  }
  std::unique_lock lock(answers.mutex);
  answers.changed.wait(lock, [&] { return answers.missing == 0; });
  if (answers.failed) return *answers.failed;
  return std::move(answers.sequences);
}

// What analysis found in some report: the next ones are of the same kinds.
Result<v1::AnalysisResult> FindAnalysis(journal::Journal* journal) {
  for (uint64_t from = 0; from < journal->size();) {
    NOROSHI_ASSIGN_OR_RETURN(const auto entries, journal->Read(from, kReadEntries, kReadBytes));
    for (const journal::Entry& entry : entries) {
      v1::AnalysisResult result;
      if (entry.header.kind() == v1::ENTRY_KIND_ANALYSIS_RESULT &&
          result.ParseFromString(entry.body)) {
        return result;
      }
    }
    from += entries.size();
  }
  return Error{ErrorCode::kNotFound, "the journal holds no analysis"};
}

Result<std::unique_ptr<journal::Journal>> OpenJournal(const std::string& data_folder) {
  const app::Layout layout(data_folder);
  NOROSHI_ASSIGN_OR_RETURN(const auto secrets, app::LoadSecrets(SystemFileSystem(), layout));
  journal::RocksJournalOptions options;
  options.folder = layout.journal;
  options.master_key = secrets.master_key;
  options.signing_seed = secrets.signing_seed;
  options.clock = &SystemClock();
  options.random = &SystemRandom();
  return journal::OpenRocksJournal(options);
}

}  // namespace

Result<uint64_t> GrowJournal(const std::string& data_folder, uint64_t entries,
                             SubmissionSource* source) {
  NOROSHI_ASSIGN_OR_RETURN(const auto journal, OpenJournal(data_folder));
  NOROSHI_ASSIGN_OR_RETURN(v1::AnalysisResult analysis, FindAnalysis(journal.get()));
  uint64_t added = 0;
  while (journal->size() < entries) {
    const uint64_t count = std::min<uint64_t>(kAtATime, (entries - journal->size() + 1) / 2);
    std::vector<journal::Draft> reports(count);
    for (journal::Draft& draft : reports) {
      draft.kind = v1::ENTRY_KIND_INCIDENT_REPORT;
      draft.organization = "bench-0";
      draft.agent = "agent-0";
      draft.submission_id = SystemRandom().UuidV7(SystemClock().NowMs());
      draft.body = source->Next(draft.submission_id->bytes());
    }
    NOROSHI_ASSIGN_OR_RETURN(const auto sequences, AppendAll(journal.get(), std::move(reports)));
    std::vector<journal::Draft> analyses(count);
    for (size_t i = 0; i < count; ++i) {
      analyses[i].kind = v1::ENTRY_KIND_ANALYSIS_RESULT;
      analyses[i].agent = "analysis";
      analysis.set_subject_sequence(sequences[i]);
      analyses[i].body = analysis.SerializeAsString();
    }
    const auto done = AppendAll(journal.get(), std::move(analyses));
    if (!done.ok()) return done.error();
    added += count;
  }
  return added;
}

}  // namespace noroshi::bench
