// Questions: what the centre asked this organisation (照会), and what it answers,
// queued on disk until the hub has taken or refused it.
//
//   questions/<uuid>           a Question, as the hub sent it last
//   questions/answers/<uuid>   the answer to that question, waiting; sent in the order of the ids
//   questions/settled/<uuid>   the same file once the hub has answered, and in <uuid>.json how
//
// To one question one answer waits at a time, and none after one was accepted: a
// command that is repeated answers once. The move to settled/ is not synced: after a
// crash the answer may be sent again, and the hub takes the same words for the same answer.
//
// Limits: kQuestionsMax; the oldest go first, with their answers.
// Threads: Keep(), Oldest(), Settle() and PutBack() by the runner only; the others from
// any process.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/uuid.h"
#include "common/runtime/file.h"
#include "noroshi/v1/agent.pb.h"

namespace noroshi::spool {

inline constexpr size_t kQuestionsMax = 10'000;
inline constexpr size_t kAnswerTextBytesMax = 16 * 1024;
inline constexpr size_t kAnswerPersonBytesMax = 128;

enum class AnswerState { kNone, kWaiting, kAccepted, kRefused };

// What became of the answer to one question.
struct AnswerStanding {
  AnswerState state = AnswerState::kNone;
  v1::AnswerQuestion answer;  // Its words, as far as they can still be read.
  std::string reason;         // kRefused: the hub's.
  std::string at;             // When the hub answered; empty before.
};

class Questions {
 public:
  static Result<Questions> Open(FileSystem& files, const std::string& folder);

  // On disk when this returns; in place of an earlier one with this id. kInvalid: no id.
  Result<void> Keep(const v1::Question& question);
  // Oldest id first. A damaged one is reported and left out.
  Result<std::vector<v1::Question>> List();
  // kNotFound: never asked here.
  Result<v1::Question> Find(const Uuid& id);

  // On disk when this returns. kConflict: an answer waits, or was accepted.
  Result<void> Answer(const v1::AnswerQuestion& answer);
  Result<AnswerStanding> StandingOf(const Uuid& id);
  // Ids of the questions whose answers wait.
  Result<std::vector<Uuid>> Waiting();
  // The first answer that waits; absent: none. A damaged one is reported, and refused.
  Result<std::optional<v1::AnswerQuestion>> Oldest(int64_t now_ms);
  // Writes the hub's answer, then takes ours out of the queue.
  Result<void> Settle(const Uuid& id, const v1::Answered& answered, int64_t now_ms);
  // The hub was restored from a backup: what it had accepted is sent again.
  Result<size_t> PutBack();

  std::string waiting_folder() const { return folder_ + "/answers"; }

 private:
  Questions(FileSystem& files, std::string folder) : files_(&files), folder_(std::move(folder)) {}
  Result<v1::Question> Load(const std::string& name);
  std::string waiting_path(const Uuid& id) const;
  std::string settled_path(const Uuid& id) const;
  Result<void> DropOldest();

  FileSystem* files_;
  std::string folder_;
};

}  // namespace noroshi::spool
