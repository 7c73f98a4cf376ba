#include "agent/spool/inbox.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "agent/spool/record.h"
#include "common/log/log.h"
#include "noroshi/v1/sharing.pb.h"

namespace noroshi::spool {
namespace {

constexpr uint32_t kFileMode = 0600;
constexpr uint32_t kFolderMode = 0700;
constexpr size_t kIndexDigits = 20;

// The id of an alert's delivery; empty for an update or a skipped item.
std::string AlertId(const v1::Delivery& delivery) {
  v1::Alert alert;
  if (delivery.alert().empty() || !alert.ParseFromString(delivery.alert())) return "";
  return alert.alert_id();
}

bool IsSkipped(const v1::Delivery& delivery) {
  return delivery.alert().empty() && !delivery.has_update() && !delivery.has_question();
}

}  // namespace

Result<Inbox> Inbox::Open(FileSystem& files, const std::string& folder) {
  NOROSHI_RETURN_IF_ERROR(files.MakeFolder(folder, kFolderMode));
  return Inbox(files, folder);
}

Result<std::vector<Inbox::File>> Inbox::Files() {
  NOROSHI_ASSIGN_OR_RETURN(const auto names, files_->List(folder_, 2 * kInboxFilesMax));
  std::vector<File> files;
  for (const std::string& name : names) {
    File file{0, 0, name};
    const char* end = name.data() + name.size();
    if (name.size() <= kIndexDigits + 1 || name[kIndexDigits] != '-') continue;
    const auto index = std::from_chars(name.data(), name.data() + kIndexDigits, file.index);
    const auto count = std::from_chars(name.data() + kIndexDigits + 1, end, file.count);
    if (index.ptr != name.data() + kIndexDigits || count.ptr != end) continue;
    if (file.index > 0 && file.count > 0) files.push_back(std::move(file));
  }
  return files;
}

Result<v1::Deliveries> Inbox::Load(const File& file) {
  const std::string path = folder_ + "/" + file.name;
  NOROSHI_ASSIGN_OR_RETURN(const auto bytes, files_->Read(path, kInboxFileBytesMax));
  const auto payload = OpenRecord(kInboxMagic, bytes);
  if (!payload.ok()) return payload.error().Prefixed(path);
  v1::Deliveries deliveries;
  if (!deliveries.ParseFromString(*payload) ||
      static_cast<uint64_t>(deliveries.deliveries_size()) != file.count)
    return Error{ErrorCode::kCorruption, path + ": not the deliveries that its name says"};
  return deliveries;
}

Result<void> Inbox::Recover() {
  NOROSHI_ASSIGN_OR_RETURN(const auto files, Files());
  file_count_ = files.size();
  for (const File& file : files) {
    next_index_ = file.index + file.count;
    const auto deliveries = Load(file);
    if (!deliveries.ok()) {
      // The hub's cursor may be behind it: then it comes again. Never silently.
      Log(Level::kError, "inbox_corrupt", {{"error", deliveries.error().message}});
      continue;
    }
    log_id_ = deliveries->log_id();
    for (const auto& delivery : deliveries->deliveries()) {
      position_ = delivery.position();
      Note(delivery);
    }
  }
  return {};
}

Inbox::Wanted Inbox::WantedBy(const v1::Question& question) {
  if (question.withdrawn()) return Wanted::kWithdrawn;
  return question.answered() ? Wanted::kAnswered : Wanted::kYes;
}

// Whether the delivery is new; remembers it.
bool Inbox::Note(const v1::Delivery& delivery) {
  if (delivery.has_question()) {
    const v1::Question& question = delivery.question();
    const Wanted wanted = WantedBy(question);
    const auto [known, is_new] = known_questions_.try_emplace(question.question_id(), wanted);
    return std::exchange(known->second, wanted) != wanted || is_new;
  }
  std::string id = AlertId(delivery);
  // What cannot be read is kept, too: somebody has to see it.
  if (id.empty()) return !IsSkipped(delivery);
  return known_alerts_.insert(std::move(id)).second;
}

// What could not be stored will come again, and must not then be taken for known.
void Inbox::Forget(const v1::Deliveries& deliveries) {
  for (const auto& delivery : deliveries.deliveries()) {
    known_alerts_.erase(AlertId(delivery));
    known_questions_.erase(delivery.question().question_id());
  }
}

Result<size_t> Inbox::Append(const v1::Deliveries& deliveries) {
  const bool same_log = deliveries.log_id() == log_id_;
  uint64_t position = same_log ? position_ : 0;
  v1::Deliveries fresh;
  fresh.set_log_id(deliveries.log_id());
  size_t added = 0;
  for (const auto& delivery : deliveries.deliveries()) {
    if (delivery.position() <= position) continue;
    if (delivery.position() != position + 1 && (same_log || position != 0)) {
      Log(Level::kError, "delivery_gap",
          {{"after", position}, {"position", uint64_t{delivery.position()}}});
    }
    position = delivery.position();
    if (Note(delivery)) {
      *fresh.add_deliveries() = delivery;
      ++added;
    } else {
      fresh.add_deliveries()->set_position(position);
    }
  }
  if (fresh.deliveries().empty()) return size_t{0};
  const auto count = static_cast<uint64_t>(fresh.deliveries_size());
  const std::string path = fmt::format("{}/{:020}-{}", folder_, next_index_, count);
  if (auto written =
          files_->WriteDurably(path, SealRecord(kInboxMagic, fresh.SerializeAsString()), kFileMode);
      !written.ok()) {
    Forget(fresh);
    return written.error();
  }
  log_id_ = deliveries.log_id();
  position_ = position;
  next_index_ += count;
  if (++file_count_ > kInboxFilesMax) {
    NOROSHI_ASSIGN_OR_RETURN(const auto files, Files());
    NOROSHI_RETURN_IF_ERROR(files_->Remove(folder_ + "/" + files.front().name));
    --file_count_;
  }
  return added;
}

Result<std::vector<InboxItem>> Inbox::After(uint64_t after, size_t max, uint64_t* last_index) {
  *last_index = after;
  std::vector<InboxItem> items;
  NOROSHI_ASSIGN_OR_RETURN(const auto files, Files());
  for (const File& file : files) {
    if (file.index + file.count <= after + 1) continue;
    if (items.size() >= max) break;
    const auto deliveries = Load(file);
    if (!deliveries.ok()) {
      Log(Level::kError, "inbox_corrupt", {{"error", deliveries.error().message}});
      *last_index = file.index + file.count - 1;
      continue;
    }
    for (uint64_t i = 0; i < file.count && items.size() < max; ++i) {
      const uint64_t index = file.index + i;
      if (index <= after) continue;
      *last_index = index;
      const auto& delivery = deliveries->deliveries(static_cast<int>(i));
      if (!IsSkipped(delivery)) items.push_back({index, delivery});
    }
  }
  return items;
}

Result<std::vector<InboxItem>> Inbox::NewestAlerts(size_t max) {
  std::vector<InboxItem> items;
  NOROSHI_ASSIGN_OR_RETURN(const auto files, Files());
  for (auto file = files.rbegin(); file != files.rend() && items.size() < max; ++file) {
    NOROSHI_ASSIGN_OR_RETURN(const auto deliveries, Load(*file));
    for (uint64_t i = file->count; i > 0 && items.size() < max; --i) {
      const auto& delivery = deliveries.deliveries(static_cast<int>(i - 1));
      if (!delivery.alert().empty()) items.push_back({file->index + i - 1, delivery});
    }
  }
  std::reverse(items.begin(), items.end());
  return items;
}

}  // namespace noroshi::spool
