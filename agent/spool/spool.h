// Spool: the agent's durable queue of submissions, and what became of them.
//
//   new/       P-<uuid>-<bytes>: waiting; P is the priority. Written whole or not at all.
//   sent/DAY/  the same files once their receipt verified, and *.receipts beside
//              them; kept for kKeepSentDays, so that a restored hub can be given
//              what it lacks and an agency can prove what it sent.
//   rejected/  what the hub refused for good, with its answer in <uuid>.json.
//   corrupt/   files whose content is not what was written.
//
// A submission leaves new/ only after its receipt is on disk. The move itself is
// not synced: a crash may put it back, the same id is then sent again, and the
// hub answers with the same receipt.
//
// Limits: bytes and entries waiting; Add() then says kOverloaded. Writers do not
// lock each other out, and look at the folder for every kAddsPerLook submissions
// only: each may exceed the limits by what the others added since.
//
// Threads: Add() and Waiting() from any thread or process; everything else only
// by the runner that holds the RunnerLock. Lifetime: files outlives the Spool.
#pragma once

#include <chrono>
#include <compare>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/uuid.h"
#include "common/runtime/file.h"
#include "noroshi/v1/agent.pb.h"
#include "noroshi/v1/submission.pb.h"

namespace noroshi::spool {

inline constexpr uint64_t kBytesMaxDefault = uint64_t{4} << 30;
inline constexpr size_t kEntriesMaxDefault = 100'000;
inline constexpr size_t kEntriesMaxLimit = 1'000'000;  // Of any configuration.
inline constexpr size_t kAddsPerLook = 256;
inline constexpr int kKeepSentDays = 30;
inline constexpr int kSentDaysScannedMax = 1000;  // How far back pruning looks.

// Lower goes first.
enum class Priority { kIncident = 0, kMail = 1, kObservation = 2 };

struct Item {
  Priority priority = Priority::kIncident;
  Uuid id;
  uint64_t bytes = 0;  // Of the submission.

  std::string name() const;  // "0-01234567-…-1234"
  static std::optional<Item> FromName(std::string_view name);
  auto operator<=>(const Item&) const = default;
};

Priority PriorityOf(const v1::Submission& submission);

struct Limits {
  uint64_t bytes_max = kBytesMaxDefault;
  size_t entries_max = kEntriesMaxDefault;
};

struct Counts {
  size_t waiting = 0;
  uint64_t waiting_bytes = 0;
  size_t waiting_by_priority[3] = {0, 0, 0};
  size_t sent = 0;  // Kept.
  size_t rejected = 0;
  size_t corrupt = 0;
};

// For each log, how many of its entries survive in the present log (from the
// hub's Restored statements).
using Survivors = std::map<std::string, uint64_t>;

class Spool {
 public:
  // Makes the folders (0700).
  static Result<Spool> Open(FileSystem& files, const std::string& folder, const Limits& limits);

  // On disk when this returns. kOverloaded: full; kNoSpace: the disk is full.
  Result<void> Add(const Item& item, std::string_view submission);
  // Everything that waits, in the order of sending.
  Result<std::vector<Item>> Waiting();

  // The submission's bytes. A damaged file is moved to corrupt/ and is kCorruption.
  Result<std::string> Load(const Item& item);
  // Writes the receipts (all verified, of these items; those without a head have that of
  // all), then moves the items to sent/.
  Result<void> Accept(const v1::Receipts& receipts, const std::vector<Item>& items, int64_t now_ms);
  // Writes the hub's answer, then moves the item to rejected/.
  Result<void> Reject(const Item& item, const v1::Rejection& rejection);
  // Puts back what the present log lacks. Returns the items.
  Result<std::vector<Item>> PutBack(const Survivors& survivors, int64_t now_ms);

  // Removes what was sent more than kKeepSentDays ago, and leftovers of crashes.
  Result<size_t> Prune(int64_t now_ms);

  // ---- reading what was sent; any process ----

  // One file of receipts, each with its head filled in; or why it cannot be read.
  struct Kept {
    std::string folder;    // sent/DAY
    std::string receipts;  // Name of the receipts' file.
    Result<v1::Receipts> content;
  };
  // Visits every file of receipts, the newest first, until visit says false.
  Result<void> ForEachKept(int64_t now_ms, const std::function<bool(const Kept&)>& visit);
  // Folders sent/DAY that may hold what is kept, oldest first.
  std::vector<std::string> KeptFolders(int64_t now_ms);
  // Items kept in sent/DAY.
  Result<std::vector<Item>> SentIn(const std::string& folder);
  Result<std::string> LoadSent(const std::string& folder, const Item& item);
  // The newest receipt of this submission, its head filled in, and the folder where
  // both lie; kNotFound: none yet.
  struct Proof {
    v1::Receipt receipt;
    std::string folder;
  };
  Result<Proof> FindReceipt(const Uuid& id, int64_t now_ms);
  // The newest head of a kept receipt; absent: none.
  Result<std::optional<v1::TreeHead>> NewestReceiptHead(int64_t now_ms);
  // The hub's refusal of this submission (JSON); kNotFound: none.
  Result<std::string> FindRejection(const Uuid& id);
  // The refusals of the newest submissions (JSON), newest first, at most max.
  Result<std::vector<std::string>> NewestRejections(size_t max);
  Result<Counts> Count(int64_t now_ms);

  std::string waiting_folder() const { return folder_ + "/new"; }

 private:
  Spool(FileSystem& files, std::string folder, const Limits& limits)
      : files_(&files), folder_(std::move(folder)), limits_(limits) {}
  std::vector<std::string> SentFolders(int64_t now_ms, int days_back);
  Kept LoadKept(const std::string& folder, const std::string& name);
  Result<std::string> LoadFrom(const std::string& folder, const Item& item);
  Result<void> RemoveAll(const std::string& folder);

  FileSystem* files_;
  std::string folder_;
  Limits limits_;
  std::set<std::string> made_;  // Folders of days that exist.
  // What waited at the last look, and what was added here since.
  size_t entries_ = 0;
  uint64_t bytes_ = 0;
  size_t adds_until_look_ = 0;
};

// Taken by the one process that drains the spool. Released by its destructor.
class RunnerLock {
 public:
  // kConflict: another process holds it.
  static Result<RunnerLock> Take(const std::string& path);
  RunnerLock(RunnerLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  RunnerLock& operator=(RunnerLock&&) = delete;
  ~RunnerLock();

 private:
  explicit RunnerLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace noroshi::spool
