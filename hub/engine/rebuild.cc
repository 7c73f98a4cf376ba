#include "hub/engine/rebuild.h"

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "hub/engine/engine.h"
#include "hub/engine/prepare.h"

namespace noroshi::engine {
namespace {

constexpr size_t kChunkEntries = kRebuildBatchMax;
constexpr size_t kReadBytesMax = 8 * 1024 * 1024;  // Of bodies in memory, for each worker.
constexpr size_t kChunksAheadPerWorker = 2;

// Entries [from, to), read and parsed, or why not.
using Chunk = Result<std::vector<Prepared>>;

Chunk ReadChunk(journal::Journal* journal, uint64_t from, uint64_t to) {
  std::vector<Prepared> chunk;
  chunk.reserve(to - from);
  while (from < to) {
    NOROSHI_ASSIGN_OR_RETURN(const auto entries, journal->Read(from, to - from, kReadBytesMax));
    if (entries.empty()) {
      return Error{ErrorCode::kCorruption, "journal: ends at entry " + std::to_string(from)};
    }
    for (const journal::Entry& entry : entries) {
      NOROSHI_ASSIGN_OR_RETURN(Prepared prepared, Prepare(entry));
      chunk.push_back(std::move(prepared));
    }
    from += entries.size();
  }
  return chunk;
}

// Threads that read chunks ahead of the one that takes them, in order.
class ReadAhead {
 public:
  ReadAhead(journal::Journal* journal, uint64_t size, size_t workers)
      : journal_(journal), size_(size), ahead_(workers * kChunksAheadPerWorker) {
    for (size_t i = 0; i < workers; ++i) threads_.emplace_back([this] { Work(); });
  }

  ~ReadAhead() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  // The next chunk; nullopt at the end.
  std::optional<Chunk> Take() {
    std::unique_lock lock(mutex_);
    if (taken_ * kChunkEntries >= size_) return std::nullopt;
    changed_.wait(lock, [&] { return ready_.contains(taken_); });
    Chunk chunk = std::move(ready_.extract(taken_).mapped());
    ++taken_;
    changed_.notify_all();
    return chunk;
  }

 private:
  void Work() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [&] { return stopping_ || begun_ < taken_ + ahead_; });
      if (stopping_ || begun_ * kChunkEntries >= size_) return;
      const uint64_t index = begun_++;
      lock.unlock();
      const uint64_t from = index * kChunkEntries;
      Chunk chunk = ReadChunk(journal_, from, std::min<uint64_t>(from + kChunkEntries, size_));
      lock.lock();
      ready_.emplace(index, std::move(chunk));
      changed_.notify_all();
    }
  }

  journal::Journal* journal_;
  const uint64_t size_;
  const size_t ahead_;
  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t begun_ = 0;
  uint64_t taken_ = 0;
  bool stopping_ = false;
  std::map<uint64_t, Chunk> ready_;
  std::vector<std::thread> threads_;
};

Result<void> ApplyAll(ReadAhead* ahead, size_t batch, Engine* engine) {
  while (auto chunk = ahead->Take()) {
    if (!chunk->ok()) return chunk->error();
    const std::span<Prepared> entries(chunk->value());
    for (size_t at = 0; at < entries.size(); at += batch) {
      const auto applied =
          engine->ApplyPrepared(entries.subspan(at, std::min(batch, entries.size() - at)));
      if (!applied.ok()) return applied.error();
    }
  }
  return {};
}

Result<Rebuilt> RebuildInto(journal::Journal* journal, const RebuildOptions& options) {
  NOROSHI_ASSIGN_OR_RETURN(
      const auto store,
      store::Store::Open({options.folder, /*create_if_missing=*/true, /*read_only=*/false,
                          /*bulk=*/true}));
  NOROSHI_ASSIGN_OR_RETURN(const auto engine, Engine::Create(store.get()));
  {
    ReadAhead ahead(journal, std::min(options.until, journal->size()), options.workers);
    NOROSHI_RETURN_IF_ERROR(ApplyAll(&ahead, options.batch, engine.get()));
  }
  NOROSHI_RETURN_IF_ERROR(store->Flush());
  Rebuilt rebuilt;
  rebuilt.applied = engine->next();
  NOROSHI_ASSIGN_OR_RETURN(rebuilt.digest, store->Snapshot()->Digest());
  return rebuilt;
}

}  // namespace

Result<Rebuilt> Rebuild(journal::Journal* journal, const RebuildOptions& options) {
  if (options.workers < 1 || options.workers > kRebuildWorkersMax) {
    return Error{ErrorCode::kInvalid,
                 "rebuild: 1 to " + std::to_string(kRebuildWorkersMax) + " workers"};
  }
  if (options.batch < 1 || options.batch > kRebuildBatchMax) {
    return Error{ErrorCode::kInvalid,
                 "rebuild: batches of 1 to " + std::to_string(kRebuildBatchMax) + " entries"};
  }
  if (std::filesystem::exists(options.folder)) {
    return Error{ErrorCode::kConflict, "rebuild: " + options.folder + " exists already"};
  }
  auto rebuilt = RebuildInto(journal, options);
  if (!rebuilt.ok()) (void)store::WipeStore(options.folder);  // The first error is the one to tell.
  return rebuilt;
}

}  // namespace noroshi::engine
