#include "hub/fanout/tails.h"

namespace noroshi::fanout {

Result<std::optional<std::string>> Tails::Get(const std::string& organization, uint64_t position,
                                              const Read& read) {
  Tail& tail = tails_[organization];
  const uint64_t next = tail.first + tail.items.size();
  if (position >= tail.first && position < next) {
    return std::optional<std::string>(tail.items[position - tail.first]);
  }
  if (position == next && tail.ends) return std::optional<std::string>();
  NOROSHI_ASSIGN_OR_RETURN(auto delivery, read(position));
  if (tail.items.empty()) tail.first = position;
  if (position != tail.first + tail.items.size()) return delivery;  // Far behind, or beyond.
  tail.ends = !delivery;
  if (delivery) Keep(&tail, position, *delivery);
  return delivery;
}

void Tails::Keep(Tail* tail, uint64_t position, const std::string& delivery) {
  if (bytes_ + delivery.size() > bytes_max_) {
    for (auto& [organization, other] : tails_) other = Tail();
    tail->first = position;
    bytes_ = 0;
  }
  tail->items.push_back(delivery);
  bytes_ += delivery.size();
  if (tail->items.size() <= items_max_) return;
  bytes_ -= tail->items.front().size();
  tail->items.pop_front();
  ++tail->first;
}

void Tails::Grown(const std::string& organization) {
  const auto found = tails_.find(organization);
  if (found != tails_.end()) found->second.ends = false;
}

void Tails::Forget(const std::string& organization) {
  const auto found = tails_.find(organization);
  if (found == tails_.end()) return;
  for (const std::string& item : found->second.items) bytes_ -= item.size();
  tails_.erase(found);
}

}  // namespace noroshi::fanout
