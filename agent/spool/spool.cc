#include "agent/spool/spool.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>

#include "agent/spool/record.h"
#include "common/log/log.h"
#include "common/runtime/clock.h"
#include "common/wire/frame.h"

namespace noroshi::spool {
namespace {

constexpr uint32_t kFileMode = 0600;
constexpr uint32_t kFolderMode = 0700;
constexpr int64_t kDayMs = 24 * 3600 * 1000;
constexpr int kClockSkewDays = 2;  // A clock that was set back must not hide what was sent.
constexpr size_t kListMax = 2 * kEntriesMaxLimit;
constexpr size_t kReceiptsBytesMax = 1024 * 1024;
constexpr size_t kAnswerBytesMax = 64 * 1024;
constexpr std::string_view kReceiptsSuffix = ".receipts";
constexpr std::string_view kAnswerSuffix = ".json";
constexpr std::string_view kTemporarySuffix = ".tmp";
constexpr int64_t kTemporaryAgeMs = kDayMs;  // A writer is done long before.

std::string DayOf(int64_t time_ms) { return FormatUtc(time_ms).substr(0, 10); }

}  // namespace

std::string Item::name() const {
  return fmt::format("{}-{}-{}", static_cast<int>(priority), id.ToString(), bytes);
}

std::optional<Item> Item::FromName(std::string_view name) {
  constexpr size_t kUuidText = 36;
  constexpr size_t kSizeAt = 2 + kUuidText + 1;
  if (name.size() <= kSizeAt || name[0] < '0' || name[0] > '2' || name[1] != '-' ||
      name[kSizeAt - 1] != '-')
    return std::nullopt;
  const auto id = Uuid::Parse(name.substr(2, kUuidText));
  if (!id.ok()) return std::nullopt;
  Item item{static_cast<Priority>(name[0] - '0'), *id, 0};
  const char* end = name.data() + name.size();
  const auto parsed = std::from_chars(name.data() + kSizeAt, end, item.bytes);
  if (parsed.ec != std::errc{} || parsed.ptr != end || item.name() != name) return std::nullopt;
  return item;
}

Priority PriorityOf(const v1::Submission& submission) {
  if (submission.has_mail()) return Priority::kMail;
  if (submission.has_observation()) return Priority::kObservation;
  return Priority::kIncident;
}

Result<Spool> Spool::Open(FileSystem& files, const std::string& folder, const Limits& limits) {
  for (const char* part : {"/new", "/sent", "/rejected", "/corrupt"})
    NOROSHI_RETURN_IF_ERROR(files.MakeFolder(folder + part, kFolderMode));
  return Spool(files, folder, limits);
}

Result<void> Spool::Add(const Item& item, std::string_view submission) {
  NOROSHI_CHECK(item.bytes == submission.size());
  const auto full = [&] {
    return entries_ >= limits_.entries_max || bytes_ + item.bytes > limits_.bytes_max;
  };
  if (adds_until_look_ == 0 || full()) {
    NOROSHI_ASSIGN_OR_RETURN(const auto waiting, Waiting());
    entries_ = waiting.size();
    bytes_ = 0;
    for (const Item& other : waiting) bytes_ += other.bytes;
    adds_until_look_ = kAddsPerLook;
  }
  if (full()) {
    return Error{
        ErrorCode::kOverloaded,
        fmt::format(
            "送信待ちがいっぱいです。`run` が動いているか確かめてください / the spool is full: see "
            "that `run` is at work; {} entries wait (limit {}), {} bytes with this one "
            "(limit {})",
            entries_, limits_.entries_max, bytes_ + item.bytes, limits_.bytes_max)};
  }
  NOROSHI_RETURN_IF_ERROR(files_->CreateDurably(
      waiting_folder() + "/" + item.name(), SealRecord(kSubmissionMagic, submission), kFileMode));
  --adds_until_look_;
  ++entries_;
  bytes_ += item.bytes;
  return {};
}

Result<std::vector<Item>> Spool::Waiting() {
  NOROSHI_ASSIGN_OR_RETURN(const auto names, files_->List(waiting_folder(), kListMax));
  std::vector<Item> items;
  items.reserve(names.size());
  for (const std::string& name : names) {
    if (const auto item = Item::FromName(name)) items.push_back(*item);
  }
  std::sort(items.begin(), items.end());
  return items;
}

Result<std::string> Spool::LoadFrom(const std::string& folder, const Item& item) {
  const std::string path = folder + "/" + item.name();
  NOROSHI_ASSIGN_OR_RETURN(const std::string bytes,
                           files_->Read(path, wire::kSubmissionBytesMax + kRecordOverheadBytes));
  auto submission = OpenRecord(kSubmissionMagic, bytes);
  if (!submission.ok()) return submission.error().Prefixed(path);
  if (submission->size() != item.bytes)
    return Error{ErrorCode::kCorruption, path + ": another size than its name says"};
  return submission;
}

Result<std::string> Spool::Load(const Item& item) {
  auto submission = LoadFrom(waiting_folder(), item);
  if (submission.ok()) return submission;
  const ErrorCode code = submission.error().code;
  // Too large is damage too: Add() never wrote such a file.
  if (code != ErrorCode::kCorruption && code != ErrorCode::kInvalid) return submission;
  Log(Level::kError, "spool_corrupt",
      {{"file", item.name()}, {"error", submission.error().message}});
  NOROSHI_RETURN_IF_ERROR(
      files_->Rename(waiting_folder() + "/" + item.name(), folder_ + "/corrupt/" + item.name()));
  return Error{ErrorCode::kCorruption, submission.error().message};
}

Result<void> Spool::Accept(const v1::Receipts& receipts, const std::vector<Item>& items,
                           int64_t now_ms) {
  if (items.empty()) return {};
  const std::string folder = folder_ + "/sent/" + DayOf(now_ms);
  if (!made_.contains(folder)) {
    NOROSHI_RETURN_IF_ERROR(files_->MakeFolder(folder, kFolderMode));
    made_.insert(folder);
  }
  // Sorted by time, so that the newest head is in the last file.
  const std::string name =
      fmt::format("{:014}-{}{}", now_ms, items.front().id.ToString(), kReceiptsSuffix);
  NOROSHI_RETURN_IF_ERROR(files_->WriteDurably(
      folder + "/" + name, SealRecord(kReceiptsMagic, receipts.SerializeAsString()), kFileMode));
  for (const Item& item : items) {
    const std::string from = waiting_folder() + "/" + item.name();
    NOROSHI_RETURN_IF_ERROR(files_->Rename(from, folder + "/" + item.name()));
  }
  return {};
}

Result<void> Spool::Reject(const Item& item, const v1::Rejection& rejection) {
  const boost::json::object answer = {{"submission_id", item.id.ToString()},
                                      {"code", rejection.code()},
                                      {"field", rejection.field()},
                                      {"reason", rejection.reason()},
                                      {"rule", rejection.rule()}};
  NOROSHI_RETURN_IF_ERROR(
      files_->WriteDurably(folder_ + "/rejected/" + item.id.ToString() + std::string(kAnswerSuffix),
                           boost::json::serialize(answer) + "\n", kFileMode));
  return files_->Rename(waiting_folder() + "/" + item.name(), folder_ + "/rejected/" + item.name());
}

std::vector<std::string> Spool::SentFolders(int64_t now_ms, int days_back) {
  std::vector<std::string> folders;
  for (int64_t day = -days_back; day <= kClockSkewDays; ++day) {
    std::string folder = folder_ + "/sent/" + DayOf(now_ms + day * kDayMs);
    if (files_->Exists(folder)) folders.push_back(std::move(folder));
  }
  return folders;
}

std::vector<std::string> Spool::KeptFolders(int64_t now_ms) {
  return SentFolders(now_ms, kKeepSentDays + kClockSkewDays);
}

Result<void> Spool::ForEachKept(int64_t now_ms, const std::function<bool(const Kept&)>& visit) {
  const auto folders = KeptFolders(now_ms);
  for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder) {
    NOROSHI_ASSIGN_OR_RETURN(const auto names, files_->List(*folder, kListMax));
    for (auto name = names.rbegin(); name != names.rend(); ++name) {
      if (name->ends_with(kReceiptsSuffix) && !visit(LoadKept(*folder, *name))) return {};
    }
  }
  return {};
}

Spool::Kept Spool::LoadKept(const std::string& folder, const std::string& name) {
  Kept kept{folder, name, v1::Receipts()};
  const auto bytes = files_->Read(folder + "/" + name, kReceiptsBytesMax);
  const auto payload = bytes.ok() ? OpenRecord(kReceiptsMagic, *bytes) : bytes;
  if (!payload.ok()) {
    kept.content = payload.error();
  } else if (!kept.content->ParseFromString(*payload)) {
    kept.content = Error{ErrorCode::kCorruption, "not a list of receipts"};
  } else {
    for (auto& receipt : *kept.content->mutable_receipts()) {
      if (!receipt.has_head()) *receipt.mutable_head() = kept.content->head();
    }
  }
  return kept;
}

Result<std::vector<Item>> Spool::SentIn(const std::string& folder) {
  NOROSHI_ASSIGN_OR_RETURN(const auto names, files_->List(folder, kListMax));
  std::vector<Item> items;
  for (const std::string& name : names) {
    if (const auto item = Item::FromName(name)) items.push_back(*item);
  }
  return items;
}

Result<std::string> Spool::LoadSent(const std::string& folder, const Item& item) {
  return LoadFrom(folder, item);
}

Result<std::vector<Item>> Spool::PutBack(const Survivors& survivors, int64_t now_ms) {
  // A submission may have several receipts (it was put back before): one that
  // survives is enough.
  std::set<std::string> alive;
  NOROSHI_RETURN_IF_ERROR(ForEachKept(now_ms, [&](const Kept& kept) {
    if (!kept.content.ok()) return true;
    for (const v1::Receipt& receipt : kept.content->receipts()) {
      const auto log = survivors.find(receipt.head().log_id());
      if (log != survivors.end() && receipt.sequence() < log->second)
        alive.insert(receipt.submission_id());
    }
    return true;
  }));
  std::vector<Item> back;
  for (const std::string& folder : KeptFolders(now_ms)) {
    NOROSHI_ASSIGN_OR_RETURN(const auto items, SentIn(folder));
    for (const Item& item : items) {
      if (alive.contains(item.id.bytes())) continue;
      NOROSHI_RETURN_IF_ERROR(
          files_->Rename(folder + "/" + item.name(), waiting_folder() + "/" + item.name()));
      back.push_back(item);
    }
  }
  if (!back.empty()) NOROSHI_RETURN_IF_ERROR(files_->SyncFolder(waiting_folder()));
  return back;
}

Result<void> Spool::RemoveAll(const std::string& folder) {
  NOROSHI_ASSIGN_OR_RETURN(const auto names, files_->List(folder, kListMax));
  for (const std::string& name : names)
    NOROSHI_RETURN_IF_ERROR(files_->Remove(fmt::format("{}/{}", folder, name)));
  ::rmdir(folder.c_str());  // An empty folder carries nothing: no need to know whether it went.
  return {};
}

Result<size_t> Spool::Prune(int64_t now_ms) {
  const int64_t oldest_kept = now_ms - int64_t{kKeepSentDays + kClockSkewDays} * kDayMs;
  size_t pruned = 0;
  for (const std::string& folder : SentFolders(
           now_ms - int64_t{kKeepSentDays + kClockSkewDays} * kDayMs, kSentDaysScannedMax)) {
    if (folder >= folder_ + "/sent/" + DayOf(oldest_kept)) continue;
    NOROSHI_RETURN_IF_ERROR(RemoveAll(folder));
    ++pruned;
  }
  NOROSHI_ASSIGN_OR_RETURN(const auto names, files_->List(waiting_folder(), kListMax));
  for (const std::string& name : names) {
    if (!name.ends_with(kTemporarySuffix)) continue;
    const auto item = Item::FromName(name.substr(0, name.find('.')));
    if (item && item->id.IsV7() && item->id.time_ms() > now_ms - kTemporaryAgeMs) continue;
    NOROSHI_RETURN_IF_ERROR(files_->Remove(waiting_folder() + "/" + name));
  }
  return pruned;
}

Result<Spool::Proof> Spool::FindReceipt(const Uuid& id, int64_t now_ms) {
  std::optional<Proof> found;
  NOROSHI_RETURN_IF_ERROR(ForEachKept(now_ms, [&](const Kept& kept) {
    if (!kept.content.ok()) return true;
    for (const v1::Receipt& receipt : kept.content->receipts()) {
      if (receipt.submission_id() == id.bytes()) found = Proof{receipt, kept.folder};
    }
    return !found.has_value();
  }));
  if (found) return *std::move(found);
  return Error{ErrorCode::kNotFound, "no receipt for " + id.ToString()};
}

Result<std::optional<v1::TreeHead>> Spool::NewestReceiptHead(int64_t now_ms) {
  std::optional<v1::TreeHead> head;
  NOROSHI_RETURN_IF_ERROR(ForEachKept(now_ms, [&](const Kept& kept) {
    // A damaged one is told by `verify`; the one before it will do here.
    if (kept.content.ok()) head = kept.content->head();
    return !head.has_value();
  }));
  return head;
}

Result<std::string> Spool::FindRejection(const Uuid& id) {
  return files_->Read(folder_ + "/rejected/" + id.ToString() + std::string(kAnswerSuffix),
                      kAnswerBytesMax);
}

Result<std::vector<std::string>> Spool::NewestRejections(size_t max) {
  const std::string folder = folder_ + "/rejected/";
  NOROSHI_ASSIGN_OR_RETURN(const auto names, files_->List(folder, kListMax));
  std::vector<std::string> rejections;
  // An id begins with its time: the last name is the newest.
  for (auto name = names.rbegin(); name != names.rend() && rejections.size() < max; ++name) {
    if (!name->ends_with(kAnswerSuffix)) continue;
    NOROSHI_ASSIGN_OR_RETURN(rejections.emplace_back(),
                             files_->Read(folder + *name, kAnswerBytesMax));
  }
  return rejections;
}

Result<Counts> Spool::Count(int64_t now_ms) {
  Counts counts;
  NOROSHI_ASSIGN_OR_RETURN(const auto waiting, Waiting());
  counts.waiting = waiting.size();
  for (const Item& item : waiting) {
    counts.waiting_bytes += item.bytes;
    ++counts.waiting_by_priority[static_cast<int>(item.priority)];
  }
  for (const std::string& folder : KeptFolders(now_ms)) {
    NOROSHI_ASSIGN_OR_RETURN(const auto items, SentIn(folder));
    counts.sent += items.size();
  }
  NOROSHI_ASSIGN_OR_RETURN(const auto rejected, SentIn(folder_ + "/rejected"));
  NOROSHI_ASSIGN_OR_RETURN(const auto corrupt, SentIn(folder_ + "/corrupt"));
  counts.rejected = rejected.size();
  counts.corrupt = corrupt.size();
  return counts;
}

Result<RunnerLock> RunnerLock::Take(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kFileMode);
  if (fd < 0) return ErrnoError("open " + path);
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return RunnerLock(fd);
  const bool taken = errno == EWOULDBLOCK;
  const Error error = taken ? Error{ErrorCode::kConflict, path + ": held by another process"}
                            : ErrnoError("lock " + path);
  ::close(fd);
  return error;
}

RunnerLock::~RunnerLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace noroshi::spool
