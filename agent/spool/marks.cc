#include "agent/spool/marks.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "agent/spool/record.h"
#include "common/base/encoding.h"
#include "common/log/log.h"

namespace noroshi::spool {
namespace {

constexpr uint32_t kFileMode = 0600;
constexpr uint32_t kFolderMode = 0700;
constexpr size_t kMarkBytesMax = 8 * 1024;
constexpr size_t kHeadBytesMax = 4 * 1024;
constexpr size_t kAnswerBytesMax = 16 * 1024;
constexpr size_t kAnswersMax = 1'000'000;
constexpr size_t kUuidText = 36;
constexpr int64_t kDayMs = 24 * 3600 * 1000;

}  // namespace

Result<Marks> Marks::Open(FileSystem& files, const std::string& folder) {
  NOROSHI_RETURN_IF_ERROR(files.MakeFolder(folder + "/answered", kFolderMode));
  return Marks(files, folder);
}

Result<void> Marks::Add(const Uuid& id, const v1::MarkAlert& mark) {
  NOROSHI_ASSIGN_OR_RETURN(const auto waiting, Waiting());
  if (waiting.size() >= kMarksMax)
    return Error{ErrorCode::kOverloaded, fmt::format("{} marks wait already", kMarksMax)};
  return files_->CreateDurably(folder_ + "/" + id.ToString(),
                               SealRecord(kMarkMagic, mark.SerializeAsString()), kFileMode);
}

Result<std::vector<Uuid>> Marks::Waiting() {
  NOROSHI_ASSIGN_OR_RETURN(const auto names, files_->List(folder_, 2 * kMarksMax));
  std::vector<Uuid> ids;
  for (const std::string& name : names) {
    const auto id = Uuid::Parse(name);
    if (id.ok() && id->ToString() == name) ids.push_back(*id);
  }
  return ids;
}

Result<std::optional<std::pair<Uuid, v1::MarkAlert>>> Marks::Oldest() {
  NOROSHI_ASSIGN_OR_RETURN(const auto ids, Waiting());
  for (const Uuid& id : ids) {
    const std::string path = folder_ + "/" + id.ToString();
    NOROSHI_ASSIGN_OR_RETURN(const auto bytes, files_->Read(path, kMarkBytesMax));
    const auto payload = OpenRecord(kMarkMagic, bytes);
    v1::MarkAlert mark;
    if (payload.ok() && mark.ParseFromString(*payload)) return std::optional(std::pair(id, mark));
    Log(Level::kError, "mark_corrupt", {{"file", path}});
    v1::Marked answer;
    answer.set_reason("the queued mark was damaged on disk; mark the alert again");
    NOROSHI_RETURN_IF_ERROR(Answer(id, answer));
  }
  return std::optional<std::pair<Uuid, v1::MarkAlert>>();
}

Result<void> Marks::Answer(const Uuid& id, const v1::Marked& answer) {
  const boost::json::object text = {{"mark_id", id.ToString()},
                                    {"alert_id", ToHex(answer.alert_id())},
                                    {"mark", MarkWord(answer.mark())},
                                    {"accepted", answer.accepted()},
                                    {"reason", answer.reason()}};
  NOROSHI_RETURN_IF_ERROR(files_->WriteDurably(folder_ + "/answered/" + id.ToString() + ".json",
                                               boost::json::serialize(text) + "\n", kFileMode));
  return files_->Remove(folder_ + "/" + id.ToString());
}

Result<std::string> Marks::FindAnswer(const Uuid& id) {
  return files_->Read(folder_ + "/answered/" + id.ToString() + ".json", kAnswerBytesMax);
}

Result<void> Marks::Prune(int64_t now_ms) {
  const std::string answered = folder_ + "/answered";
  NOROSHI_ASSIGN_OR_RETURN(const auto names, files_->List(answered, kAnswersMax));
  for (const std::string& name : names) {
    const auto id = Uuid::Parse(name.substr(0, kUuidText));
    if (!id.ok() || !id->IsV7()) continue;
    if (id->time_ms() < now_ms - int64_t{kAnswersKeptDays} * kDayMs)
      NOROSHI_RETURN_IF_ERROR(files_->Remove(answered + "/" + name));
  }
  return {};
}

std::string_view MarkWord(v1::DeliveryMark mark) {
  switch (mark) {
    case v1::DELIVERY_MARK_READ:
      return "read";
    case v1::DELIVERY_MARK_ACTED:
      return "acted";
    case v1::DELIVERY_MARK_NOT_APPLICABLE:
      return "not-applicable";
    default:
      return "";
  }
}

std::optional<v1::DeliveryMark> MarkFromWord(std::string_view word) {
  for (const auto mark :
       {v1::DELIVERY_MARK_READ, v1::DELIVERY_MARK_ACTED, v1::DELIVERY_MARK_NOT_APPLICABLE}) {
    if (MarkWord(mark) == word) return mark;
  }
  return std::nullopt;
}

Result<std::optional<v1::TreeHead>> HeadFile::Load() {
  const auto bytes = files_->Read(path_, kHeadBytesMax);
  if (!bytes.ok()) {
    if (bytes.error().code == ErrorCode::kNotFound) return std::optional<v1::TreeHead>();
    return bytes.error();
  }
  const auto payload = OpenRecord(kHeadMagic, *bytes);
  v1::TreeHead head;
  if (!payload.ok() || !head.ParseFromString(*payload))
    return Error{ErrorCode::kCorruption, path_ + ": damaged"};
  return std::optional(head);
}

Result<void> HeadFile::Store(const v1::TreeHead& head) {
  return files_->WriteDurably(path_, SealRecord(kHeadMagic, head.SerializeAsString()), kFileMode);
}

}  // namespace noroshi::spool
