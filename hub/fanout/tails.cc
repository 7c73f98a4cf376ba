#include "hub/fanout/tails.h"

namespace noroshi::fanout {

Result<const store::OutboxRow*> Tails::Get(const std::string& organization, uint64_t position,
                                           const Read& read) {
  Tail& tail = tails_[organization];
  if (position >= tail.first && position < tail.next()) {
    return static_cast<const store::OutboxRow*>(&tail.items[position - tail.first]);
  }
  constexpr const store::OutboxRow* kNone = nullptr;
  if (position == tail.next() && tail.ends) return kNone;
  NOROSHI_ASSIGN_OR_RETURN(auto item, read(position));
  if (tail.items.empty()) tail.first = position;
  if (position == tail.next()) {
    tail.ends = !item;
    if (!item) return kNone;
    Push(&tail, position, *std::move(item));
    return static_cast<const store::OutboxRow*>(&tail.items.back());
  }
  if (!item) return kNone;
  passing_ = *std::move(item);  // Far behind, or beyond.
  return static_cast<const store::OutboxRow*>(&passing_);
}

void Tails::Add(const store::OutboxItem& item) {
  const auto found = tails_.find(item.organization);
  if (found == tails_.end()) return;
  Tail& tail = found->second;
  if (item.position < tail.next()) return;  // It was read before it was told of.
  if (item.position > tail.next()) Clear(&tail);
  Push(&tail, item.position, item.row);
  tail.ends = true;
}

size_t Tails::BytesOf(const store::OutboxRow& item) { return sizeof item + item.ByteSizeLong(); }

void Tails::Push(Tail* tail, uint64_t position, store::OutboxRow item) {
  const size_t bytes = BytesOf(item);
  if (bytes_ + bytes > bytes_max_) {
    for (auto& [organization, other] : tails_) other = Tail();
    bytes_ = 0;
  }
  if (tail->items.empty()) tail->first = position;
  bytes_ += bytes;
  tail->items.push_back(std::move(item));
  if (tail->items.size() <= items_max_) return;
  bytes_ -= BytesOf(tail->items.front());
  tail->items.pop_front();
  ++tail->first;
}

void Tails::Clear(Tail* tail) {
  for (const store::OutboxRow& item : tail->items) bytes_ -= BytesOf(item);
  *tail = Tail();
}

void Tails::Forget(const std::string& organization) {
  const auto found = tails_.find(organization);
  if (found == tails_.end()) return;
  Clear(&found->second);
  tails_.erase(found);
}

}  // namespace noroshi::fanout
