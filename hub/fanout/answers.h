// Answers: what organisations answer to the centre's questions, on its way through
// journal and engine. The engine decides which answer counts; only its verdict is told.
//
// Of one question one answer is under way at a time: the same words wait with it,
// others are asked to come again. So two agents cannot both believe that theirs counts.
//
// Limits: kAnswersPendingMax callers wait at once. They wait as long as the engine
// stands still: the agent keeps its answer until it is told.
//
// Threads: thread-safe; `done` runs on the caller's, the journal's or the engine's
// thread and must be short. Lifetime: journal and store outlive Stop(); appends in
// flight share the object.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "hub/journal/journal.h"
#include "hub/store/store.h"
#include "noroshi/v1/agent.pb.h"

namespace noroshi::fanout {

class Answers : public std::enable_shared_from_this<Answers> {
 public:
  using Done = std::function<void(Result<void>)>;

  Answers(journal::Journal* journal, const store::Store* store)
      : journal_(journal), store_(store) {}

  // See Fanout::Answer.
  void Add(const std::string& organization, const std::string& agent,
           const v1::AnswerQuestion& answer, Done done);
  // The engine has applied every entry before `next`.
  void OnApplied(uint64_t next);
  // Whoever waits is not told any more; the store is not read any more.
  void Stop();
  // Callers that wait.
  size_t size() const;

 private:
  struct Pending {
    std::string text;
    std::vector<Done> waiters;
    std::optional<uint64_t> sequence;  // Once it is durable.
  };
  using Told = std::pair<std::vector<Done>, Result<void>>;

  // True: exactly this has been accepted before.
  Result<bool> Check(const std::string& organization, const std::string& agent,
                     const v1::AnswerQuestion& answer) const;
  // Makes room for the answer. True: it is to be appended; false: it waits with another.
  Result<bool> Enter(const v1::AnswerQuestion& answer, const Done& done);
  void OnAppended(const std::string& question_id, const Result<journal::Acceptance>& accepted);
  // What the engine made of it. REQUIRES: the entry is applied; the mutex is held.
  Result<void> Verdict(const std::string& question_id, const Pending& pending) const;
  // REQUIRES: the mutex is held.
  Told Take(std::map<std::string, Pending>::iterator pending, Result<void> result);

  journal::Journal* const journal_;
  const store::Store* const store_;
  mutable std::mutex mutex_;
  std::map<std::string, Pending> pending_;  // By question id.
  size_t waiting_ = 0;
  uint64_t applied_ = 0;
  bool stopped_ = false;
};

}  // namespace noroshi::fanout
