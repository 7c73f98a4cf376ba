// A journal whose rows were changed: it opens, or says what does not fit, and
// Verify names every change of what it covers.
//
// Input: edits of 5 bytes and their data: family, kind, number of the row (2), size.
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "common/base/check.h"
#include "common/log/log.h"
#include "hub/journal/database.h"
#include "hub/journal/rocks_journal.h"

namespace noroshi::journal {
namespace {

constexpr uint64_t kEntries = 260;  // More than one tile holds.
constexpr size_t kEditsMax = 8;
constexpr uint64_t kEditsPerOpening = 64;

// Every run of this program has the same journal.
class RepeatableRandom final : public Random {
 public:
  void Fill(void* data, size_t size) override {
    for (size_t i = 0; i < size; ++i) static_cast<uint8_t*>(data)[i] = engine_() & 0xff;
  }

 private:
  std::mt19937 engine_;
};

// Files in memory, on a disk that is never full.
class MemoryDisk final : public rocksdb::FileSystemWrapper {
 public:
  MemoryDisk() : FileSystemWrapper(Memory()->GetFileSystem()) {}
  const char* Name() const override { return "noroshi.MemoryDisk"; }
  rocksdb::IOStatus GetFreeSpace(const std::string&, const rocksdb::IOOptions&, uint64_t* bytes,
                                 rocksdb::IODebugContext*) override {
    *bytes = uint64_t{1} << 40;
    return rocksdb::IOStatus::OK();
  }

 private:
  static rocksdb::Env* Memory() {
    static rocksdb::Env* const memory = rocksdb::NewMemEnv(rocksdb::Env::Default());
    return memory;
  }
};

class StandingClock final : public Clock {
 public:
  int64_t NowMs() const override { return 1'795'000'000'000; }
  std::chrono::steady_clock::time_point Steady() const override { return {}; }
};

using Row = std::pair<std::string, std::string>;

class Scene {
 public:
  Scene() {
    Fill();
    const auto database = Open();
    for (size_t family = 0; family < kFamilyCount; ++family) {
      const auto rows = database->Iterate(static_cast<Family>(family), {});
      for (rows->SeekToFirst(); rows->Valid(); rows->Next()) {
        rows_[family].emplace_back(rows->key().ToString(), rows->value().ToString());
      }
    }
  }

  // Puts back what the edits before changed, then makes these. True: something
  // differs that Verify covers; what `meta` holds beside the head it need not.
  bool Edit(std::string_view input) {
    Changes changes = Parse(input);
    bool covered = false;
    for (const auto& [place, value] : changes) {
      const bool same = value == At(place).second;
      covered = covered || (!same && place.first != static_cast<size_t>(Family::kMeta));
    }
    // Opening is most of the cost of an input, and so would be a long log's replay.
    if (edits_++ % kEditsPerOpening == 0) {
      writer_.reset();
      writer_ = Open();
    }
    rocksdb::WriteBatch batch;
    for (const auto& [place, value] : changed_) Put(*writer_, &batch, place, At(place).second);
    for (const auto& [place, value] : changes) Put(*writer_, &batch, place, value);
    NOROSHI_CHECK(writer_->Write(&batch, /*sync=*/false).ok());
    changed_ = std::move(changes);
    return covered;
  }

  RocksJournalOptions Options() {
    RocksJournalOptions options;
    options.folder = "/journal";
    options.hub_name = "fuzzed";
    options.master_key = std::string(32, 'm');
    options.signing_seed = std::string(32, 's');
    options.free_space_reserve_bytes = 0;
    options.clock = &clock_;
    options.random = &random_;
    options.env = env_.get();
    return options;
  }

 private:
  using Place = std::pair<size_t, size_t>;  // Family, number of the row.
  using Changes = std::map<Place, std::string>;

  void Fill() {
    RocksJournalOptions options = Options();
    options.create_if_missing = true;
    const auto journal = OpenRocksJournal(options).value();
    for (uint64_t i = 1; i < kEntries; ++i) {
      Draft draft;
      draft.kind = v1::ENTRY_KIND_INCIDENT_REPORT;
      draft.organization = "moj";
      draft.agent = "a";
      draft.submission_id = random_.UuidV7(clock_.NowMs());
      draft.body = "body " + std::to_string(i);
      journal->Append(std::move(draft),
                      [](const Result<Acceptance>& done) { NOROSHI_CHECK(done.ok()); });
    }
  }

  std::unique_ptr<Database> Open() {
    DatabaseOptions options;
    options.folder = "/journal";
    options.env = env_.get();
    options.background_error = [](const std::string&) {};
    return Database::Open(options).value();
  }

  const Row& At(const Place& place) const { return rows_[place.first][place.second]; }

  void Put(const Database& database, rocksdb::WriteBatch* batch, const Place& place,
           const std::string& value) const {
    database.Put(batch, static_cast<Family>(place.first), At(place).first, value);
  }

  Changes Parse(std::string_view input) const {
    Changes changes;
    while (input.size() >= 5 && changes.size() < kEditsMax) {
      const auto byte = [&](size_t i) { return static_cast<uint8_t>(input[i]); };
      const size_t family = byte(0) % kFamilyCount;
      const size_t row = (byte(2) * 256U + byte(3)) % rows_[family].size();
      const uint8_t kind = byte(1);
      const std::string data(input.substr(5, byte(4)));
      input.remove_prefix(5 + data.size());
      std::string& value =
          changes.try_emplace({family, row}, At({family, row}).second).first->second;
      Change(kind, data, At({family, (row + 1) % rows_[family].size()}).second, &value);
    }
    return changes;
  }

  static void Change(uint8_t kind, const std::string& data, const std::string& next,
                     std::string* value) {
    switch (kind % 5) {
      case 0:
        *value = data;
        break;
      case 1:
        *value += data;
        break;
      case 2:
        value->resize(std::min(value->size(), data.size()));
        break;
      case 3:
        *value = next;
        break;
      default:  // Flips these bits, from as many bytes on as the first one says.
        for (size_t i = 1; i < data.size(); ++i) {
          const size_t at = static_cast<uint8_t>(data[0]) + i - 1;
          if (at < value->size()) (*value)[at] = static_cast<char>((*value)[at] ^ data[i]);
        }
    }
  }

  StandingClock clock_;
  RepeatableRandom random_;
  std::unique_ptr<rocksdb::Env> env_ = rocksdb::NewCompositeEnv(std::make_shared<MemoryDisk>());
  std::array<std::vector<Row>, kFamilyCount> rows_;
  Changes changed_;
  std::unique_ptr<Database> writer_;  // Others read what it wrote, beside it.
  uint64_t edits_ = 0;
};

void Examine(std::string_view input) {
  static Scene& scene = *new Scene;  // RocksDB's threads outlive main's statics.
  const bool damaged = scene.Edit(input);
  RocksJournalOptions options = scene.Options();
  options.read_only = true;
  const auto opened = OpenRocksJournal(options);
  if (opened.ok()) {
    const auto entries = (*opened)->Read(0, kEntries, SIZE_MAX);
    if (!damaged) NOROSHI_CHECK(entries.ok() && entries->size() == kEntries);
    for (const uint64_t sequence : {uint64_t{1}, kEntries - 1})
      (void)(*opened)->Prove(sequence).ok();
    (void)(*opened)->ProveConsistency(1, (*opened)->size()).ok();
  }
  options.open_damaged = true;
  const auto suspect = OpenRocksJournal(options);
  if (!suspect.ok()) return;  // Its head or keys are gone: that is said, too.
  size_t findings = 0;
  const auto checked = (*suspect)->Verify([&](const Finding&) { ++findings; }, 1000);
  NOROSHI_CHECK(!damaged || !checked.ok() || findings > 0);
}

}  // namespace
}  // namespace noroshi::journal

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  noroshi::SetLogLevel(noroshi::Level::kError);
  noroshi::journal::Examine({reinterpret_cast<const char*>(data), size});
  return 0;
}
