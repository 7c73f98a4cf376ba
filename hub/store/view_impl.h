// How View reads rows: shared by its source files. For hub/store only.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "hub/store/keys.h"
#include "hub/store/view.h"

namespace noroshi::store {

inline Error NotARow(std::string_view key) {
  return {ErrorCode::kCorruption,
          "state: the row " + keys::Printable(key) + " cannot be read; rebuild the state"};
}

template <typename Row>
Result<Row> Parse(std::string_view key, std::string_view value) {
  Row row;
  if (!row.ParseFromArray(value.data(), static_cast<int>(value.size()))) return NotARow(key);
  return row;
}

template <typename Row>
Found<Row> View::Find(std::string_view key) const {
  std::string value;
  NOROSHI_ASSIGN_OR_RETURN(const bool found, Get(key, &value));
  if (!found) return std::optional<Row>();
  NOROSHI_ASSIGN_OR_RETURN(Row row, Parse<Row>(key, value));
  return std::optional<Row>(std::move(row));
}

template <typename Row>
Result<std::vector<Row>> View::ReadList(bool ascending, std::string_view prefix,
                                        std::string_view from, size_t limit) const {
  std::vector<Row> rows;
  std::optional<Error> error;
  limit = std::min(limit, kListMax);
  const Visit visit = [&](std::string_view key, std::string_view value) {
    if (rows.size() >= limit) return false;
    auto row = Parse<Row>(key, value);
    if (!row.ok()) error = row.error();
    if (row.ok()) rows.push_back(std::move(row).value());
    return !error && rows.size() < limit;
  };
  NOROSHI_RETURN_IF_ERROR(ascending ? Ascend(prefix, from, visit) : Descend(prefix, from, visit));
  if (error) return *error;
  return rows;
}

}  // namespace noroshi::store
