#include "hub/fanout/alert_cache.h"

#include "common/base/encoding.h"

namespace noroshi::fanout {

Result<std::shared_ptr<const std::string>> AlertCache::Get(const store::View& view,
                                                           const std::string& alert_id) {
  const std::lock_guard lock(mutex_);
  const auto known = alerts_.find(alert_id);
  if (known != alerts_.end()) return known->second;
  NOROSHI_ASSIGN_OR_RETURN(auto row, view.Alert(alert_id));
  if (!row) {
    return Error{ErrorCode::kCorruption,
                 "state: alert " + ToHex(alert_id) + " is missing; rebuild the state"};
  }
  auto alert = std::make_shared<const std::string>(std::move(*row->mutable_alert()));
  bytes_ += alert->size();
  order_.push_back(alert_id);
  alerts_.emplace(alert_id, alert);
  while (bytes_ > bytes_max_ && order_.size() > 1) {
    const auto oldest = alerts_.find(order_.front());
    bytes_ -= oldest->second->size();
    alerts_.erase(oldest);
    order_.pop_front();
  }
  return alert;
}

size_t AlertCache::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace noroshi::fanout
