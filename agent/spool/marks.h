// Marks: what the organisation says about alerts, queued on disk until the hub
// has answered; and the newest tree head that the agent verified.
//
//   marks/<uuid>                one MarkAlert, sent in the order of the ids
//   marks/answered/<uuid>.json  the hub's answer, kept for kAnswersKeptDays
//
// Threads: Add() and reading from any process; Take() and Answer() by the runner.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "common/base/uuid.h"
#include "common/runtime/file.h"
#include "noroshi/v1/agent.pb.h"

namespace noroshi::spool {

inline constexpr size_t kMarksMax = 10'000;  // Waiting.
inline constexpr int kAnswersKeptDays = 30;

class Marks {
 public:
  static Result<Marks> Open(FileSystem& files, const std::string& folder);

  // On disk when this returns. kOverloaded beyond kMarksMax.
  Result<void> Add(const Uuid& id, const v1::MarkAlert& mark);
  // Ids that wait for an answer, oldest first.
  Result<std::vector<Uuid>> Waiting();
  // The oldest that waits; absent: none. A damaged one is reported and removed.
  Result<std::optional<std::pair<Uuid, v1::MarkAlert>>> Oldest();
  // Writes the hub's answer (JSON) and removes the mark.
  Result<void> Answer(const Uuid& id, const v1::Marked& answer);
  // The answer; kNotFound: none yet.
  Result<std::string> FindAnswer(const Uuid& id);
  Result<void> Prune(int64_t now_ms);

  const std::string& folder() const { return folder_; }

 private:
  Marks(FileSystem& files, std::string folder) : files_(&files), folder_(std::move(folder)) {}
  FileSystem* files_;
  std::string folder_;
};

// "read", "acted", "not-applicable"; "" for none of them.
std::string_view MarkWord(v1::DeliveryMark mark);
std::optional<v1::DeliveryMark> MarkFromWord(std::string_view word);

// The newest head that is proven to continue all before it.
class HeadFile {
 public:
  HeadFile(FileSystem& files, std::string path) : files_(&files), path_(std::move(path)) {}
  // Absent: first contact. kCorruption: damaged; it is never taken for absent.
  Result<std::optional<v1::TreeHead>> Load();
  Result<void> Store(const v1::TreeHead& head);

 private:
  FileSystem* files_;
  std::string path_;
};

}  // namespace noroshi::spool
