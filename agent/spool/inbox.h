// Inbox: what the hub delivered to this agent, durable before it is acknowledged.
//
//   inbox/<index>-<count>   one frame's items; index counts items from 1, densely
//
// Nothing is kept twice: within a log a position at or below the last one is
// skipped, and an alert whose id is known is skipped in any log (a restored hub
// starts a new log and may deliver it again), and so is a question that says nothing
// new. A skipped one leaves an item with position only, so that the position is
// remembered.
//
// Limits: kInboxFilesMax files; the oldest go first.
// Threads: Append() by the runner only; After() and Newest() from any thread or
// process (own object each).
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/runtime/file.h"
#include "noroshi/v1/agent.pb.h"

namespace noroshi::spool {

inline constexpr size_t kInboxFilesMax = 50'000;
inline constexpr size_t kInboxFileBytesMax = 1024 * 1024;

struct InboxItem {
  uint64_t index = 0;  // Of this inbox: dense from 1, never reused.
  v1::Delivery delivery;
};

class Inbox {
 public:
  static Result<Inbox> Open(FileSystem& files, const std::string& folder);

  // Reads the newest file: log_id() and position() are known after it. For Append().
  Result<void> Recover();
  // On disk when this returns. Returns how many items are new. REQUIRES: Recover().
  Result<size_t> Append(const v1::Deliveries& deliveries);
  const std::string& log_id() const { return log_id_; }
  uint64_t position() const { return position_; }

  // Items with index > after, in order, at most max of them; skipped ones are left out.
  // *last_index is the last index looked at (after, when there is nothing).
  Result<std::vector<InboxItem>> After(uint64_t after, size_t max, uint64_t* last_index);
  // The newest alerts (no updates), oldest first.
  Result<std::vector<InboxItem>> NewestAlerts(size_t max);

 private:
  struct File {
    uint64_t index;  // Of its first item.
    uint64_t count;
    std::string name;
  };
  Inbox(FileSystem& files, std::string folder) : files_(&files), folder_(std::move(folder)) {}
  Result<std::vector<File>> Files();
  Result<v1::Deliveries> Load(const File& file);
  bool Note(const v1::Delivery& delivery);
  void Forget(const v1::Deliveries& deliveries);

  FileSystem* files_;
  std::string folder_;
  std::string log_id_;
  uint64_t position_ = 0;
  uint64_t next_index_ = 1;
  size_t file_count_ = 0;
  std::set<std::string> known_alerts_;
  // What a question said last: whether an answer is wanted.
  enum class Wanted { kYes, kAnswered, kWithdrawn };
  static Wanted WantedBy(const v1::Question& question);
  std::map<std::string, Wanted> known_questions_;  // By id.
};

}  // namespace noroshi::spool
