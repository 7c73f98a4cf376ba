#include "tests/support/journal_inspector.h"

#include <functional>
#include <future>
#include <memory>
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

Result<std::unique_ptr<journal::Journal>> OpenJournal(const std::string& hub_data, bool read_only) {
  const app::Layout layout(hub_data);
  NOROSHI_ASSIGN_OR_RETURN(const app::Secrets secrets,
                           app::LoadSecrets(SystemFileSystem(), layout));
  journal::RocksJournalOptions options;
  options.folder = layout.journal;
  options.master_key = secrets.master_key;
  options.signing_seed = secrets.signing_seed;
  options.read_only = read_only;
  options.clock = &SystemClock();
  options.random = &SystemRandom();
  return journal::OpenRocksJournal(options);
}

// Visits every entry of a stopped hub's journal, in order.
Result<void> ForEachEntry(const std::string& hub_data,
                          const std::function<void(journal::Entry&)>& visit) {
  NOROSHI_ASSIGN_OR_RETURN(const auto journal, OpenJournal(hub_data, /*read_only=*/true));
  for (uint64_t next = 0; next < journal->size();) {
    NOROSHI_ASSIGN_OR_RETURN(auto entries, journal->Read(next, kEntriesAtOnce, kBytesAtOnce));
    for (journal::Entry& entry : entries) visit(entry);
    next += entries.size();
  }
  return {};
}

}  // namespace

Result<std::vector<JournaledSubmission>> ReadSubmissions(const std::string& hub_data) {
  std::vector<JournaledSubmission> submissions;
  NOROSHI_RETURN_IF_ERROR(ForEachEntry(hub_data, [&](journal::Entry& entry) {
    if (!IsSubmission(entry.header.kind())) return;
    submissions.push_back({entry.sequence, entry.header.organization(),
                           entry.header.submission_id(), std::move(entry.body)});
  }));
  return submissions;
}

Result<std::vector<JournaledAction>> ReadActions(const std::string& hub_data) {
  std::vector<JournaledAction> actions;
  bool readable = true;
  NOROSHI_RETURN_IF_ERROR(ForEachEntry(hub_data, [&](journal::Entry& entry) {
    if (entry.header.kind() != v1::ENTRY_KIND_ACTION) return;
    actions.push_back({entry.sequence, entry.header.organization(), entry.header.agent(), {}});
    readable = actions.back().action.ParseFromString(entry.body) && readable;
  }));
  if (!readable) return Error{ErrorCode::kCorruption, "an action cannot be read"};
  return actions;
}

Result<void> AppendAction(const std::string& hub_data, const v1::Action& action) {
  NOROSHI_ASSIGN_OR_RETURN(const auto journal, OpenJournal(hub_data, /*read_only=*/false));
  journal::Draft draft;
  draft.kind = v1::ENTRY_KIND_ACTION;
  draft.agent = "admin:test";
  draft.body = action.SerializeAsString();
  std::promise<Result<void>> promise;
  journal->Append(std::move(draft), [&](const Result<journal::Acceptance>& accepted) {
    promise.set_value(accepted.ok() ? Result<void>() : Result<void>(accepted.error()));
  });
  return promise.get_future().get();
}

}  // namespace noroshi::support
