// The newest alerts' bytes, read from the state once however many agents want
// them. For hub/fanout only.
//
// Threads: thread-safe. Readers of an alert that is being read wait for it.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "common/base/result.h"
#include "hub/store/view.h"

namespace noroshi::fanout {

class AlertCache {
 public:
  explicit AlertCache(size_t bytes_max) : bytes_max_(bytes_max) {}

  // The serialised v1::Alert that every recipient gets.
  Result<std::shared_ptr<const std::string>> Get(const store::View& view,
                                                 const std::string& alert_id);
  size_t bytes() const;

 private:
  const size_t bytes_max_;
  mutable std::mutex mutex_;
  size_t bytes_ = 0;
  std::deque<std::string> order_;  // Oldest first.
  // Shared with the readers that copy from them.
  std::unordered_map<std::string, std::shared_ptr<const std::string>> alerts_;
};

}  // namespace noroshi::fanout
