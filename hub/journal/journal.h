// Journal: the ordered, durable, provable record of everything that changes the
// hub. All other state can be rebuilt from it. Byte layout: docs/journal.md.
//
// Group commit: drafts that arrive during a sync share the next one. A lone
// draft never waits for company. `done` is called only after the entry is on
// disk.
//
// Idempotent: (organisation, submission id) is indexed, ids still in flight
// included. The same id with the same content gets the first entry's sequence
// and leaf again; with other content it is kConflict, and the journal records a
// SubmissionConflict entry of its own.
//
// Failure: after one failed write or sync every waiting and later Append gets
// kUnavailable until restart; readers go on. A sync is never retried: the kernel
// may have dropped the dirty pages and then report success. Below the free-space
// reserve Append gets kNoSpace, and works again by itself when there is space.
//
// Limits: kBodyBytesMax for a body; kQueueBytesMax waiting: beyond it Append
// gets kOverloaded at once.
//
// Threads: thread-safe. `done` runs on the journal's commit thread (or, for
// immediate refusals, on the caller's): it must be short and must not block or
// call the journal. Lifetime: Clock and Random outlive the journal; the
// destructor commits what waits and joins its thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/uuid.h"
#include "noroshi/v1/agent.pb.h"
#include "noroshi/v1/journal.pb.h"

namespace noroshi::journal {

inline constexpr size_t kBodyBytesMax = 26 * 1024 * 1024;
inline constexpr size_t kQueueBytesMax = 256 * 1024 * 1024;

// What somebody wants appended. Sequence, time and digest are the journal's.
struct Draft {
  v1::EntryKind kind = v1::ENTRY_KIND_UNSPECIFIED;
  std::string organization;
  std::string agent;
  std::optional<Uuid> submission_id;  // Set exactly for submissions.
  std::string body;                   // Submissions: bytes exactly as received.
};

// What became of a draft.
struct Acceptance {
  uint64_t sequence = 0;
  bool repeated = false;  // An earlier entry answers for this draft.
  // Submissions only: the receipt, all but its head, and the head that all of
  // the batch share.
  v1::Receipt receipt;
  std::shared_ptr<const v1::TreeHead> head;
};

using AppendDone = std::function<void(Result<Acceptance>)>;

// One entry as read back.
struct Entry {
  uint64_t sequence = 0;
  v1::EntryHeader header;
  std::string body;  // Empty if erased.
  bool erased = false;
};

// One thing that does not fit.
struct Finding {
  uint64_t sequence = 0;
  std::string what;  // For a person, e.g. "body does not match its digest".
};

class Journal {
 public:
  virtual ~Journal() = default;

  virtual void Append(Draft draft, AppendDone done) = 0;

  // Entries from `from` on, in order: at most max_entries, and no more after
  // max_bytes of bodies (but at least one). Empty at the end. kCorruption names
  // the entry.
  virtual Result<std::vector<Entry>> Read(uint64_t from, size_t max_entries, size_t max_bytes) = 0;

  // Entries on disk: the next sequence. Never ahead of what is durable.
  virtual uint64_t size() const = 0;
  // Blocks until size() > known, Stop was called or the timeout passed. Returns size().
  virtual uint64_t WaitBeyond(uint64_t known, int64_t timeout_ms) = 0;

  virtual std::string log_id() const = 0;
  virtual std::string log_public_key() const = 0;
  virtual v1::TreeHead Head() const = 0;
  // Restores that this log has been through, oldest first, signed.
  virtual std::vector<v1::Restored> Restores() const = 0;
  // Full receipt of an existing submission against the present head.
  virtual Result<v1::Receipt> Prove(uint64_t sequence) = 0;
  // RFC 6962 consistency proof between two sizes of this log, old <= new <= size().
  virtual Result<std::string> ProveConsistency(uint64_t old_size, uint64_t new_size) = 0;
  // Root of the first `tree_size` entries.
  virtual Result<std::string> RootAt(uint64_t tree_size) = 0;

  // Destroys the key of one entry's body, physically. The proof stays. The
  // caller has appended the BodyErased entry before.
  virtual Result<void> EraseBody(uint64_t sequence) = 0;

  // Not ok: latched, and why; or kNoSpace while below the reserve.
  virtual Result<void> Health() const = 0;

  // Reads everything: sequences dense, headers, leaves, tiles, roots, heads,
  // bodies against digests, id index. Calls `found` for each thing that does not
  // fit, at most max_findings times, and returns how many entries were checked.
  virtual Result<uint64_t> Verify(const std::function<void(const Finding&)>& found,
                                  size_t max_findings) = 0;

  // A consistent copy that shares nothing writable with this journal; folder
  // must not exist. Online: appends go on.
  virtual Result<void> Backup(const std::string& folder) = 0;
};

}  // namespace noroshi::journal
