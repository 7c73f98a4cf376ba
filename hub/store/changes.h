// Changes: rows on their way to the database, each with its newest value. For
// hub/store only.
//
// Looking one up costs a hash. A table that somebody scans is kept in order from
// then on; the others are not.
//
// Threads: one thread at a time.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace noroshi::store {

// What becomes of a row: a new value, or none.
struct Change {
  std::optional<std::string> value;
  bool written_once = false;  // Removed, and only ever written by one earlier batch.
};

class Changes {
 public:
  using Row = std::pair<const std::string, Change>;
  struct ByKey {
    using is_transparent = void;
    bool operator()(const Row* a, const Row* b) const { return a->first < b->first; }
    bool operator()(const Row* a, std::string_view key) const { return a->first < key; }
    bool operator()(std::string_view key, const Row* b) const { return key < b->first; }
  };
  using Ordered = std::set<const Row*, ByKey>;

  void Put(std::string key, std::string value);
  void Remove(std::string key);
  // For rows that come and go in great numbers and are written once in their life:
  // if it was put here, nothing happened; if not, RocksDB may drop the removal
  // together with the row at the next flush, so scans do not stumble over them.
  void RemoveOnce(std::string key);

  const Change* Find(std::string_view key) const;  // nullptr: unchanged.
  // At least the rows whose keys start with prefix. Until the next change.
  const Ordered& InOrder(std::string_view prefix) const;
  std::vector<const Row*> Sorted() const;  // All, by key.

  // Of keys and values, and what a row costs beside them.
  size_t bytes() const { return bytes_; }
  void Clear();

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view key) const { return std::hash<std::string_view>()(key); }
  };
  using Rows = std::unordered_map<std::string, Change, Hash, std::equal_to<>>;
  void Set(std::string key, Change change);
  void Erase(Rows::iterator row);

  Rows rows_;
  mutable std::map<std::string, Ordered, std::less<>> ordered_;  // By table.
  size_t bytes_ = 0;
};

}  // namespace noroshi::store
