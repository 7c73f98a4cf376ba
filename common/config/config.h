// Reading TOML configuration, so that a mistake is told with file, line, column
// and key, all mistakes at once.
//
//   NOROSHI_ASSIGN_OR_RETURN(auto document, config::Document::Parse("hub.toml", text));
//   config::Table root = document.root();
//   options.name = root.String("name");                              // required
//   options.listen = root.String("listen", "127.0.0.1:8443");        // optional
//   options.reserve = root.Size("reserve", {1 << 20, 1 << 30}, 64 << 20);
//   for (config::Table rule : root.Tables("rules")) rules.push_back(ReadRule(rule));
//   NOROSHI_RETURN_IF_ERROR(document.Finish());                       // every error, or none
//
// A getter that fails notes the error and returns its fallback (or an empty
// value), so that reading goes on and Finish() tells everything. A key that no
// getter asked for is an error too: "unknown key 'lisen'; did you mean 'listen'?".
//
// Limits: kDocumentBytesMax, kErrorsMax (later errors are only counted).
// Threads: external. Lifetime: a Table refers to its Document.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/runtime/file.h"

namespace noroshi::config {

inline constexpr size_t kDocumentBytesMax = 1024 * 1024;
inline constexpr size_t kErrorsMax = 20;
inline constexpr size_t kStringBytesMax = 64 * 1024;  // Of one value, unless told otherwise.
inline constexpr size_t kListItemsMax = 1000;         // Of one list or array of tables.

// Both ends are allowed.
template <typename T>
struct Range {
  T min;
  T max;
};

// "512", "512B", "64KiB", "64MiB", "2GiB", "1TiB". kInvalid otherwise.
Result<uint64_t> ParseSize(std::string_view text);
// "250ms", "30s", "5m", "24h", "30d", or "0". kInvalid otherwise.
Result<std::chrono::milliseconds> ParseDuration(std::string_view text);

class Table;

class Document {
 public:
  // kInvalid "file:line:column: what" on a syntax error. name is only for messages.
  static Result<Document> Parse(const std::string& name, std::string_view text);
  static Result<Document> Load(FileSystem& files, const std::string& path);

  Document(Document&&) noexcept;
  Document& operator=(Document&&) noexcept;
  ~Document();

  Table root();
  // kInvalid with every error that getters noted and every unknown key, in the
  // order of the file, one a line.
  Result<void> Finish();

  struct Impl;

 private:
  explicit Document(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// One table. Without a fallback a key is required.
class Table {
 public:
  bool Has(std::string_view key) const;

  // A string is valid UTF-8 and at most max_bytes long; a required one is not empty.
  std::string String(std::string_view key, std::optional<std::string> fallback = std::nullopt,
                     size_t max_bytes = kStringBytesMax);
  // One of these words.
  std::string Word(std::string_view key, const std::vector<std::string>& words,
                   std::optional<std::string> fallback = std::nullopt);
  bool Bool(std::string_view key, std::optional<bool> fallback = std::nullopt);
  int64_t Integer(std::string_view key, Range<int64_t> range,
                  std::optional<int64_t> fallback = std::nullopt);
  // A string as ParseSize reads it, or an integer of bytes.
  uint64_t Size(std::string_view key, Range<uint64_t> range,
                std::optional<uint64_t> fallback = std::nullopt);
  // A string as ParseDuration reads it.
  std::chrono::milliseconds Duration(
      std::string_view key, Range<std::chrono::milliseconds> range,
      std::optional<std::chrono::milliseconds> fallback = std::nullopt);
  // A list of strings; absent: empty.
  std::vector<std::string> Strings(std::string_view key, size_t max_items = kListItemsMax);

  // A nested table; absent: a table without keys (its required keys then fail).
  Table Sub(std::string_view key);
  // An array of tables ([[key]]); absent: empty.
  std::vector<Table> Tables(std::string_view key, size_t max_items = kListItemsMax);

  // Notes an error of the caller's own at this key's place, e.g.
  // table.Fail("listen", "not HOST:PORT").
  void Fail(std::string_view key, const std::string& what);

 private:
  friend class Document;
  Table(Document::Impl* document, const void* node, std::string path);

  Document::Impl* document_;
  const void* node_;  // toml::table, null when absent.
  std::string path_;  // "" or "journal." or "rules[2].".
};

}  // namespace noroshi::config
