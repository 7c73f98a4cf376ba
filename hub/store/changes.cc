#include "hub/store/changes.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "common/base/encoding.h"

namespace noroshi::store {
namespace {

constexpr size_t kRowOverheadBytes = 128;  // Node, bucket, two strings.

size_t BytesOf(const Changes::Row& row) {
  const auto& value = row.second.value;
  return kRowOverheadBytes + row.first.size() + (value ? value->size() : 0);
}

// A key up to its first '/'; empty, which every key starts with, if it has none.
std::string_view TableOf(std::string_view prefix) { return prefix.substr(0, prefix.find('/') + 1); }

// The first 16 bytes of a key, shorter ones filled with zeros: in the keys' order.
using KeyHead = std::array<uint64_t, 2>;

KeyHead HeadOf(std::string_view key) {
  char bytes[sizeof(KeyHead)] = {};
  std::memcpy(bytes, key.data(), std::min(key.size(), sizeof bytes));
  const std::string_view all(bytes, sizeof bytes);
  return {ReadBigEndian64(all), ReadBigEndian64(all.substr(sizeof(uint64_t)))};
}

}  // namespace

void Changes::Put(std::string key, std::string value) {
  Set(std::move(key), Change{std::move(value)});
}

void Changes::Remove(std::string key) { Set(std::move(key), Change{}); }

void Changes::RemoveOnce(std::string key) {
  const auto row = rows_.find(key);
  if (row != rows_.end() && row->second.value) {
    Erase(row);
  } else {
    Set(std::move(key), Change{std::nullopt, /*written_once=*/true});
  }
}

const Change* Changes::Find(std::string_view key) const {
  const auto row = rows_.find(key);
  return row == rows_.end() ? nullptr : &row->second;
}

const Changes::Ordered& Changes::InOrder(std::string_view prefix) const {
  const std::string_view table = TableOf(prefix);
  const auto known = ordered_.find(table);
  if (known != ordered_.end()) return known->second;
  Ordered& ordered = ordered_[std::string(table)];
  for (const Row& row : rows_) {
    if (row.first.starts_with(table)) ordered.insert(&row);
  }
  return ordered;
}

std::vector<const Changes::Row*> Changes::Sorted() const {
  // The beginnings of most keys differ: few comparisons fetch the rows themselves.
  std::vector<std::pair<KeyHead, const Row*>> headed;
  headed.reserve(rows_.size());
  for (const Row& row : rows_) headed.emplace_back(HeadOf(row.first), &row);
  std::sort(headed.begin(), headed.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first < b.first : a.second->first < b.second->first;
  });
  std::vector<const Row*> sorted;
  sorted.reserve(headed.size());
  for (const auto& [head, row] : headed) sorted.push_back(row);
  return sorted;
}

void Changes::Clear() {
  rows_.clear();
  ordered_.clear();
  bytes_ = 0;
}

void Changes::Set(std::string key, Change change) {
  const auto [row, added] = rows_.try_emplace(std::move(key));
  if (!added) bytes_ -= BytesOf(*row);
  row->second = std::move(change);
  bytes_ += BytesOf(*row);
  if (!added) return;
  for (auto& [table, ordered] : ordered_) {
    if (row->first.starts_with(table)) ordered.insert(&*row);
  }
}

void Changes::Erase(Rows::iterator row) {
  for (auto& [table, ordered] : ordered_) {
    if (row->first.starts_with(table)) ordered.erase(&*row);
  }
  bytes_ -= BytesOf(*row);
  rows_.erase(row);
}

}  // namespace noroshi::store
