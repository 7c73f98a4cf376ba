// Engine: turns the journal's entries into state, in order.
//
// Deterministic: no clock, no randomness, no threads, no floating point. The
// state after an entry depends on the entries so far and on nothing else; how
// they were batched does not matter. What each kind of entry does:
//
//   submissions     recorded; incident reports join their thread's case (same
//                   organisation, same realm) or open one; mails wait for their
//                   analysis. One that cannot be read is recorded as such.
//   AnalysisResult  the first one for a submission joins its mail to the campaign
//                   that it has enough in common with (hub/campaign), or opens one,
//                   classifies, evaluates the alert rules and tells the submitter
//                   (Update).
//                   Later ones change proposals only, and only if marked
//                   reanalysis. Unknown or erased subjects: nothing.
//   OrganizationSet, AgentTokenIssued, AgentCertified, AgentRevoked
//                   identities. A certificate is taken if its token is good
//                   (known, unused, unexpired, newer than a revocation) or it
//                   renews an unrevoked agent; else the entry changes nothing.
//   AlertRulesSet   the rules for cases that change from now on.
//   AlertIssued     an alert by a person: audience resolved and kept, delivered.
//   Action          what a person did (noroshi/v1/action.proto). What does not fit
//                   the state changes nothing but the audit, which says why.
//   CursorsAdvanced, AlertMarked, TimeReached
//                   deliveries become received, read, acted, late.
//   others          recorded. An unknown kind stops: a newer hub wrote it.
//
// Realms: submissions with an exercise id meet only those with the same one.
//
// Threads: one thread. Lifetime: the Store outlives the Engine; nobody else
// writes to it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "hub/journal/journal.h"
#include "hub/store/store.h"

namespace noroshi::engine {

// Bounds of what one automatic alert carries and a case keeps.
inline constexpr size_t kIndicatorsMax = 256;
inline constexpr size_t kIndicatorBytesMax = 64 * 1024;  // All values together.
inline constexpr size_t kCaseNotesMax = 64;
// A serialised alert fits a frame with room to spare; a larger one is not issued.
inline constexpr size_t kAlertBytesMax = 200 * 1024;
// Submissions of the cases that one join or split concerns, and chains of joined cases.
inline constexpr size_t kMovedMax = 10'000;
inline constexpr uint32_t kJoinDepthMax = 64;
// Cases that a submission was split off from, and submissions split off from a case, that
// loosening a marking looks at; beyond them the case stays as strict as it was.
inline constexpr int kLeftMax = 64;
// Of one person; the oldest ends when another is opened.
inline constexpr size_t kSessionsPerPersonMax = 16;
// Of a question and of its answer, in bytes of UTF-8.
inline constexpr size_t kQuestionBytesMax = 16 * 1024;
inline constexpr size_t kAnswerBytesMax = 64 * 1024;
// How long a call is known by its Idempotency-Key; each later one that has a key lets so
// many forget that are older.
inline constexpr int64_t kRequestLifeMs = int64_t{24} * 3600 * 1000;
inline constexpr size_t kRequestsForgottenMax = 8;
// Submissions looked at, from the newest back, for a rule with a time window.
inline constexpr size_t kRuleWindowMax = 1'000;
// Alerts whose deadline one TimeReached handles; another entry takes the rest.
inline constexpr size_t kDeadlinesPerEntryMax = 64;
// Rows of deliveries, and ids of alerts, that are kept at hand.
inline constexpr size_t kDeliveriesRowsMax = 1'024;
inline constexpr size_t kAlertIdsMax = 1'024;

// Whether a call of then is still known now.
inline bool IsRemembered(const store::RequestRow& row, int64_t now_ms) {
  return now_ms - row.time_ms() <= kRequestLifeMs;
}

// What one Apply changed that somebody may want to act on.
struct Applied {
  uint64_t next = 0;                        // The next sequence to apply.
  std::vector<store::OutboxItem> outboxes;  // What is new, in order for each organisation.
  std::vector<std::string> alerts;          // Ids of alerts issued.
  std::vector<uint64_t> cases;              // Cases that changed, each once, sorted.
  std::vector<std::string> questions;       // Ids of questions asked, answered, withdrawn.
  std::vector<std::string> samples;         // Ids of samples with news, requests included.
  std::vector<std::string> proposals;       // Ids of proposals made or decided.
  bool identities_changed = false;          // Organisations, agents or tokens.
  bool deadlines_changed = false;           // NextDeadline may be another.
};

struct Prepared;

class Engine {
 public:
  // Reads what it keeps in memory (organisations, rules). kInvalid: see Store.
  static Result<std::unique_ptr<Engine>> Create(store::Store* store);
  ~Engine();

  // The next sequence to apply.
  uint64_t next() const;

  // Applies entries and commits them as one. They begin at next() and are dense;
  // else kCorruption. kInvalid "newer journal" for an unknown kind, kIo and
  // kCorruption from the store. After an error the engine refuses everything
  // (kUnavailable): the state on disk is the one before this batch.
  Result<Applied> Apply(std::span<const journal::Entry> entries);
  // The same for entries that other threads have parsed (hub/engine/prepare.h).
  // It takes their content.
  Result<Applied> ApplyPrepared(std::span<Prepared> entries);

 private:
  struct State;
  explicit Engine(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace noroshi::engine
