// Index: the full-text index of what the hub holds, in Xapian. A hint and never the
// truth: whoever asks looks every hit up in the state, and asks the policy, before it is
// shown. It may be deleted at any time and is then made anew.
//
// Order: newest first, not by relevance: how often a word occurs tells of documents that
// the caller may not see. Nothing is counted, for the same reason. A document keeps its
// place when its content changes.
//
// Bounds: a search looks at no more than kStepsMax places in the lists of its terms and
// says where it stopped.
//
// Durability: written without syncing. What the process wrote survives the process; when
// the machine has been started since without a clean Close, the index is made anew.
//
// Threads: Index is used by one thread, the writer. Searcher is thread-safe, also while an
// Index writes the same folder.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/runtime/file.h"
#include "noroshi/v1/submission.pb.h"

namespace noroshi::search {

// Of terms, values and data. An index of another format is made anew.
inline constexpr uint32_t kFormat = 2;
inline constexpr size_t kHitsMax = 1'000;
// Steps of one search; asking the policy about a document counts as ten.
inline constexpr uint32_t kStepsMax = 100'000;

enum class Kind : char {
  kCase = 'c',          // Id: BigEndian64 of its number.
  kReport = 'r',        // Id: BigEndian64 of its sequence.
  kAlert = 'a',         // Id: 16 bytes.
  kOrganization = 'o',  // Id: identifier.
  kPerson = 'p',        // Id: identifier.
};

struct Object {
  Kind kind = Kind::kReport;
  std::string id;

  // clang-tidy takes the 0 that "default" compares with for a pointer.
  auto operator<=>(const Object&) const = default;  // NOLINT(modernize-use-nullptr)
};

// What decides who may see it; as of when it was indexed.
struct Facts {
  std::string owner;  // Organisation; empty: the centre.
  v1::Tlp tlp = v1::TLP_CLEAR;
  std::vector<std::string> circles;
  std::string exercise_id;
};

struct Document {
  Object object;
  Facts facts;
  int64_t time_ms = 0;                 // Of the entry that brought it; ascending.
  std::vector<std::string> receivers;  // Organisations that it was sent to.
  std::vector<std::string> terms;      // See TermList.
};

// How far an index has followed the journal.
struct Progress {
  std::string log_id;
  uint64_t entries = 0;  // Entries taken: the next sequence.
  uint64_t alerts = 0;   // Number of the newest alert taken.
};

class Index {
 public:
  // Opens the index in this folder, or makes an empty one if there is none that is of use.
  static Result<std::unique_ptr<Index>> Open(const std::string& folder, FileSystem* files);
  ~Index();
  Index(const Index&) = delete;
  Index& operator=(const Index&) = delete;

  const Progress& progress() const;
  // A new document, or another content for one that is there: it keeps its place and time.
  Result<void> Put(const Document& document);
  Result<void> Remove(const Object& object);
  // Whether there is a document of this object.
  Result<bool> Has(const Object& object) const;
  // Everything put so far can be found, atomically with the progress.
  Result<void> Commit(const Progress& progress);
  // On disk, whatever happens to the machine.
  Result<void> Close();

 private:
  struct State;
  explicit Index(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Removes the index. Nobody writes it.
Result<void> WipeIndex(const std::string& folder);

struct Request {
  std::vector<std::string> terms;  // All of them; not empty.
  std::optional<Kind> kind;
  // Only what this organisation owns or received, and cases, if they are wanted; empty:
  // whatever.
  std::string organization;
  bool with_cases = true;
  std::optional<int64_t> from_ms;   // Inclusive.
  std::optional<int64_t> until_ms;  // Exclusive.
  uint32_t after = 0;               // Place of the last one seen; 0: from the newest.
  size_t limit = 50;                // 1 to kHitsMax.
  // The policy, asked about what is in the index.
  std::function<bool(Kind, const Facts&)> may_show;
};

struct Hit {
  Object object;
  uint32_t place = 0;
};

struct Hits {
  std::vector<Hit> hits;
  uint32_t next = 0;     // Where to go on; 0: that was all.
  uint64_t entries = 0;  // Entries of the journal that the index had taken.
};

class Searcher {
 public:
  explicit Searcher(std::string folder) : folder_(std::move(folder)) {}

  // kUnavailable while there is no index.
  Result<Hits> Find(const Request& request) const;

 private:
  const std::string folder_;
};

}  // namespace noroshi::search
