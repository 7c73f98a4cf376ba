#include "tests/support/journal_inspector.h"

#include <utility>

#include "common/runtime/clock.h"
#include "common/runtime/file.h"
#include "common/runtime/random.h"
#include "hub/app/hub_config.h"
#include "hub/app/secrets.h"
#include "hub/journal/rocks_journal.h"

namespace noroshi::support {
namespace {

constexpr size_t kEntriesAtOnce = 1000;
constexpr size_t kBytesAtOnce = 16 * 1024 * 1024;

bool IsSubmission(v1::EntryKind kind) {
  return kind == v1::ENTRY_KIND_INCIDENT_REPORT || kind == v1::ENTRY_KIND_SUSPICIOUS_MAIL ||
         kind == v1::ENTRY_KIND_OBSERVATION;
}

}  // namespace

Result<std::vector<JournaledSubmission>> ReadSubmissions(const std::string& hub_data) {
  const app::Layout layout(hub_data);
  NOROSHI_ASSIGN_OR_RETURN(const app::Secrets secrets,
                           app::LoadSecrets(SystemFileSystem(), layout));
  journal::RocksJournalOptions options;
  options.folder = layout.journal;
  options.master_key = secrets.master_key;
  options.signing_seed = secrets.signing_seed;
  options.read_only = true;
  options.clock = &SystemClock();
  options.random = &SystemRandom();
  NOROSHI_ASSIGN_OR_RETURN(const auto journal, journal::OpenRocksJournal(options));
  std::vector<JournaledSubmission> submissions;
  for (uint64_t next = 0; next < journal->size();) {
    NOROSHI_ASSIGN_OR_RETURN(auto entries, journal->Read(next, kEntriesAtOnce, kBytesAtOnce));
    for (journal::Entry& entry : entries) {
      if (!IsSubmission(entry.header.kind())) continue;
      submissions.push_back({entry.sequence, entry.header.organization(),
                             entry.header.submission_id(), std::move(entry.body)});
    }
    next += entries.size();
  }
  return submissions;
}

}  // namespace noroshi::support
