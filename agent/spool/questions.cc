#include "agent/spool/questions.h"

#include <boost/json.hpp>

#include "agent/spool/record.h"
#include "common/log/log.h"
#include "common/runtime/clock.h"

namespace noroshi::spool {
namespace {

namespace json = boost::json;

constexpr uint32_t kFileMode = 0600;
constexpr uint32_t kFolderMode = 0700;
constexpr size_t kQuestionBytesMax = 512 * 1024;  // A frame holds less.
constexpr size_t kAnswerBytesMax = 32 * 1024;
constexpr size_t kVerdictBytesMax = 1024 * 1024;
// Beside the files that count, leftovers of writes that a crash cut short.
constexpr size_t kNamesMax = 2 * kQuestionsMax;

// Names that are ids, oldest first.
Result<std::vector<Uuid>> Ids(FileSystem& files, const std::string& folder) {
  NOROSHI_ASSIGN_OR_RETURN(const auto names, files.List(folder, kNamesMax));
  std::vector<Uuid> ids;
  for (const std::string& name : names) {
    const auto id = Uuid::Parse(name);
    if (id.ok() && id->ToString() == name) ids.push_back(*id);
  }
  return ids;
}

Result<v1::AnswerQuestion> LoadAnswer(FileSystem& files, const std::string& path) {
  NOROSHI_ASSIGN_OR_RETURN(const auto bytes, files.Read(path, kAnswerBytesMax));
  const auto payload = OpenRecord(kAnswerMagic, bytes);
  v1::AnswerQuestion answer;
  if (!payload.ok() || !answer.ParseFromString(*payload)) {
    return Error{ErrorCode::kCorruption, path + ": damaged"};
  }
  return answer;
}

std::string TextOf(const json::object& object, const char* key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

}  // namespace

Result<Questions> Questions::Open(FileSystem& files, const std::string& folder) {
  NOROSHI_RETURN_IF_ERROR(files.MakeFolder(folder + "/answers", kFolderMode));
  NOROSHI_RETURN_IF_ERROR(files.MakeFolder(folder + "/settled", kFolderMode));
  return Questions(files, folder);
}

std::string Questions::waiting_path(const Uuid& id) const {
  return waiting_folder() + "/" + id.ToString();
}

std::string Questions::settled_path(const Uuid& id) const {
  return folder_ + "/settled/" + id.ToString();
}

// ---- what was asked ----

Result<void> Questions::Keep(const v1::Question& question) {
  NOROSHI_ASSIGN_OR_RETURN(const Uuid id, Uuid::FromBytes(question.question_id()));
  const std::string path = folder_ + "/" + id.ToString();
  const bool is_new = !files_->Exists(path);
  NOROSHI_RETURN_IF_ERROR(files_->WriteDurably(
      path, SealRecord(kQuestionMagic, question.SerializeAsString()), kFileMode));
  return is_new ? DropOldest() : Result<void>();
}

Result<void> Questions::DropOldest() {
  NOROSHI_ASSIGN_OR_RETURN(const auto ids, Ids(*files_, folder_));
  if (ids.size() <= kQuestionsMax) return {};
  const Uuid& oldest = ids.front();
  for (const std::string& path : {settled_path(oldest), settled_path(oldest) + ".json"}) {
    if (files_->Exists(path)) NOROSHI_RETURN_IF_ERROR(files_->Remove(path));
  }
  return files_->Remove(folder_ + "/" + oldest.ToString());
}

Result<v1::Question> Questions::Load(const std::string& name) {
  const std::string path = folder_ + "/" + name;
  NOROSHI_ASSIGN_OR_RETURN(const auto bytes, files_->Read(path, kQuestionBytesMax));
  const auto payload = OpenRecord(kQuestionMagic, bytes);
  v1::Question question;
  if (!payload.ok() || !question.ParseFromString(*payload)) {
    return Error{ErrorCode::kCorruption, path + ": damaged"};
  }
  return question;
}

Result<std::vector<v1::Question>> Questions::List() {
  NOROSHI_ASSIGN_OR_RETURN(const auto ids, Ids(*files_, folder_));
  std::vector<v1::Question> questions;
  for (const Uuid& id : ids) {
    auto question = Load(id.ToString());
    if (question.ok()) {
      questions.push_back(*std::move(question));
    } else if (question.error().code != ErrorCode::kNotFound) {  // Dropped in the meantime.
      Log(Level::kError, "question_corrupt", {{"error", question.error().message}});
    }
  }
  return questions;
}

Result<v1::Question> Questions::Find(const Uuid& id) { return Load(id.ToString()); }

// ---- answers ----

Result<void> Questions::Answer(const v1::AnswerQuestion& answer) {
  NOROSHI_ASSIGN_OR_RETURN(const Uuid id, Uuid::FromBytes(answer.question_id()));
  NOROSHI_ASSIGN_OR_RETURN(const AnswerStanding standing, StandingOf(id));
  if (standing.state == AnswerState::kAccepted) {
    return Error{ErrorCode::kConflict, "the question has been answered"};
  }
  return files_->CreateDurably(waiting_path(id),
                               SealRecord(kAnswerMagic, answer.SerializeAsString()), kFileMode);
}

// Settle() writes the verdict before it empties the queue: looked at in this order, an
// answer is never missed.
Result<AnswerStanding> Questions::StandingOf(const Uuid& id) {
  AnswerStanding standing;
  auto answer = LoadAnswer(*files_, waiting_path(id));
  if (answer.ok() || answer.error().code != ErrorCode::kNotFound) {
    standing.state = AnswerState::kWaiting;
    if (answer.ok()) standing.answer = *std::move(answer);
    return standing;
  }
  const std::string path = settled_path(id) + ".json";
  const auto text = files_->Read(path, kVerdictBytesMax);
  if (!text.ok() && text.error().code == ErrorCode::kNotFound) return standing;
  if (!text.ok()) return text.error();
  json::error_code error;
  const json::value verdict = json::parse(*text, error);
  const auto* accepted =
      error || !verdict.is_object() ? nullptr : verdict.get_object().if_contains("accepted");
  if (accepted == nullptr || !accepted->is_bool()) {
    return Error{ErrorCode::kCorruption, path + ": damaged"};
  }
  standing.state = accepted->get_bool() ? AnswerState::kAccepted : AnswerState::kRefused;
  standing.reason = TextOf(verdict.get_object(), "reason");
  standing.at = TextOf(verdict.get_object(), "at");
  answer = LoadAnswer(*files_, settled_path(id));
  if (answer.ok()) standing.answer = *std::move(answer);
  return standing;
}

Result<std::vector<Uuid>> Questions::Waiting() { return Ids(*files_, waiting_folder()); }

Result<std::optional<v1::AnswerQuestion>> Questions::Oldest(int64_t now_ms) {
  NOROSHI_ASSIGN_OR_RETURN(const auto ids, Waiting());
  for (const Uuid& id : ids) {
    auto answer = LoadAnswer(*files_, waiting_path(id));
    const bool is_whole = answer.ok() && answer->question_id() == id.bytes();
    if (is_whole) return std::optional(*std::move(answer));
    if (!answer.ok() && answer.error().code != ErrorCode::kCorruption) return answer.error();
    Log(Level::kError, "answer_corrupt", {{"file", waiting_path(id)}});
    v1::Answered refused;
    refused.set_question_id(id.bytes());
    refused.set_reason("the queued answer was damaged on disk; answer again");
    NOROSHI_RETURN_IF_ERROR(Settle(id, refused, now_ms));
  }
  return std::optional<v1::AnswerQuestion>();
}

Result<void> Questions::Settle(const Uuid& id, const v1::Answered& answered, int64_t now_ms) {
  const json::object verdict = {{"question_id", id.ToString()},
                                {"accepted", answered.accepted()},
                                {"reason", answered.reason()},
                                {"at", FormatUtc(now_ms)}};
  NOROSHI_RETURN_IF_ERROR(
      files_->WriteDurably(settled_path(id) + ".json", json::serialize(verdict) + "\n", kFileMode));
  return files_->Rename(waiting_path(id), settled_path(id));
}

Result<size_t> Questions::PutBack() {
  NOROSHI_ASSIGN_OR_RETURN(const auto names, files_->List(folder_ + "/settled", 2 * kNamesMax));
  size_t put_back = 0;
  for (const std::string& name : names) {
    const auto id = Uuid::Parse(name);
    if (!id.ok() || id->ToString() != name) continue;
    const auto standing = StandingOf(*id);
    if (!standing.ok() || standing->state != AnswerState::kAccepted) continue;
    NOROSHI_RETURN_IF_ERROR(files_->Rename(settled_path(*id), waiting_path(*id)));
    ++put_back;
  }
  if (put_back > 0) NOROSHI_RETURN_IF_ERROR(files_->SyncFolder(waiting_folder()));
  return put_back;
}

}  // namespace noroshi::spool
