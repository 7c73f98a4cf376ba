// What happens on the thread of Append's caller: admission, idempotency, sealing.
#include "common/base/encoding.h"
#include "common/merkle/merkle.h"
#include "hub/journal/rocks_journal_impl.h"

namespace noroshi::journal {
namespace {

Error Conflict(uint64_t first_sequence) {
  return Error{ErrorCode::kConflict,
               "the submission id was used before, with other content (entry " +
                   std::to_string(first_sequence) + ")"};
}

Result<void> CheckPrincipal(std::string_view text, const char* name) {
  if (text.size() > kPrincipalBytesMax || !IsValidUtf8(text)) {
    return Error{ErrorCode::kInvalid,
                 std::string(name) + " is longer than 256 bytes or not valid UTF-8"};
  }
  return {};
}

// The entry that records a conflict, lacking its body.
Draft ConflictDraft(const Draft& refused) {
  Draft conflict;
  conflict.kind = v1::ENTRY_KIND_SUBMISSION_CONFLICT;
  conflict.organization = refused.organization;
  conflict.agent = refused.agent;
  v1::SubmissionConflict body;
  body.set_submission_id(refused.submission_id->bytes());
  body.set_second_digest(Sha256Of(refused.body));
  conflict.body = body.SerializeAsString();
  return conflict;
}

}  // namespace

void RocksJournal::Append(Draft draft, AppendDone done) {
  if (const auto admitted = Admit(draft); !admitted.ok()) return done(admitted.error());
  if (draft.submission_id) return AppendSubmission(std::move(draft), std::move(done));
  AppendOther(std::move(draft), std::move(done));
}

Result<void> RocksJournal::Admit(const Draft& draft) const {
  if (options_.read_only) return Error{ErrorCode::kDenied, "the journal is open for reading only"};
  if (draft.kind == v1::ENTRY_KIND_UNSPECIFIED) {
    return Error{ErrorCode::kInvalid, "an entry without a kind"};
  }
  if (draft.submission_id.has_value() != IsSubmission(draft.kind)) {
    return Error{ErrorCode::kInvalid, "exactly submissions have a submission id"};
  }
  if (draft.submission_id && !IsIdentifier(draft.organization)) {
    return Error{ErrorCode::kInvalid, "a submission's organisation must be an identifier"};
  }
  NOROSHI_RETURN_IF_ERROR(CheckPrincipal(draft.organization, "organization"));
  NOROSHI_RETURN_IF_ERROR(CheckPrincipal(draft.agent, "agent"));
  if (draft.body.size() > kBodyBytesMax) {
    return Error{ErrorCode::kInvalid,
                 "a body has at most " + std::to_string(kBodyBytesMax) + " bytes"};
  }
  return space_.Check(draft.body.size());
}

Result<std::optional<uint64_t>> RocksJournal::FindId(const std::string& id_key) const {
  NOROSHI_ASSIGN_OR_RETURN(const auto stored, database_->Get(Family::kIds, id_key));
  if (!stored) return std::optional<uint64_t>();
  NOROSHI_ASSIGN_OR_RETURN(const uint64_t sequence, ParseSequence(*stored));
  return std::optional(sequence);
}

Result<void> RocksJournal::Reserve(size_t charge) {
  if (!latched_.empty()) return LatchedError();
  if (queued_bytes_ + charge > kQueueBytesMax) {
    return Error{ErrorCode::kOverloaded, "too much waits for the journal's disk"};
  }
  queued_bytes_ += charge;
  return {};
}

void RocksJournal::AppendOther(Draft draft, AppendDone done) {
  Waiting waiting;
  waiting.charge = draft.body.size() + kDraftOverheadBytes;
  Result<void> reserved;
  {
    const std::lock_guard lock(mutex_);
    reserved = Reserve(waiting.charge);
    waiting.keep_body = queued_bytes_ <= kCacheBytesMax;
  }
  if (!reserved.ok()) return done(reserved.error());
  Secrets secrets(options_.random);
  std::string digest = BodyDigest(secrets.salt, draft.body);
  waiting.body = Seal(draft, std::move(secrets), std::move(digest), options_.master_key);
  waiting.draft = std::move(draft);
  waiting.done = std::move(done);
  Enqueue(std::move(waiting));
}

void RocksJournal::AppendSubmission(Draft draft, AppendDone done) {
  Waiting waiting;
  waiting.charge = draft.body.size() + kDraftOverheadBytes;
  waiting.id_key = IdKey(draft.organization, draft.submission_id->bytes());
  Secrets secrets(options_.random);
  std::string digest = BodyDigest(secrets.salt, draft.body);
  // Only an id that is neither on disk nor in flight is new. The size tells
  // whether a commit came between the two looks; then look again.
  for (;;) {
    const uint64_t known_size = size();
    const auto stored = FindId(waiting.id_key);
    if (!stored.ok()) return done(stored.error());
    // RocksDB shows a batch a moment before it is published: until then its ids
    // are in flight.
    if (stored->has_value() && **stored < known_size) {
      return AnswerRepeat(**stored, std::move(draft), std::move(done));
    }
    if (AttachToInFlight(waiting.id_key, &draft, &done)) return;
    if (stored->has_value()) {
      if (const auto health = Latched(); !health.ok()) return done(health.error());
      continue;
    }
    Result<void> reserved;
    {
      const std::lock_guard lock(mutex_);
      if (head_->tree_size() != known_size || in_flight_.contains(waiting.id_key)) continue;
      reserved = Reserve(waiting.charge);
      waiting.keep_body = queued_bytes_ <= kCacheBytesMax;
      if (reserved.ok()) {
        in_flight_.emplace(waiting.id_key,
                           InFlight{.salt = secrets.salt, .digest = digest, .attached = {}});
      }
    }
    if (!reserved.ok()) return done(reserved.error());
    break;
  }
  waiting.body = Seal(draft, std::move(secrets), std::move(digest), options_.master_key);
  waiting.draft = std::move(draft);
  waiting.done = std::move(done);
  Enqueue(std::move(waiting));
}

bool RocksJournal::AttachToInFlight(const std::string& id_key, Draft* draft, AppendDone* done) {
  std::string salt;
  std::string digest;
  {
    const std::lock_guard lock(mutex_);
    const auto found = in_flight_.find(id_key);
    if (found == in_flight_.end()) return false;
    salt = found->second.salt;
    digest = found->second.digest;
  }
  Attached attached;  // Made without the lock: bodies are large.
  attached.same = BodyDigest(salt, draft->body) == digest;
  if (!attached.same) attached.conflict = ConflictDraft(*draft);
  Result<void> reserved;
  {
    const std::lock_guard lock(mutex_);
    const auto found = in_flight_.find(id_key);
    if (found == in_flight_.end() || found->second.digest != digest) return false;
    reserved = Reserve(kDraftOverheadBytes);
    if (reserved.ok()) {
      attached.done = std::move(*done);
      found->second.attached.push_back(std::move(attached));
    }
  }
  if (!reserved.ok()) (*done)(reserved.error());
  return true;
}

void RocksJournal::AnswerRepeat(uint64_t sequence, Draft draft, AppendDone done) {
  std::string header_bytes;
  const auto stored = ReadOne(sequence, &header_bytes);
  if (!stored.ok()) return done(stored.error());
  if (stored->erased) {
    return done(Error{ErrorCode::kConflict, "the submission with this id has been erased (entry " +
                                                std::to_string(sequence) + ")"});
  }
  if (BodyDigest(stored->salt, draft.body) != stored->header.body_digest()) {
    return RecordConflict(ConflictDraft(draft), sequence, std::move(done));
  }
  auto receipt = MakeReceipt(sequence, header_bytes, *stored);
  if (!receipt.ok()) return done(receipt.error());
  Acceptance acceptance;
  acceptance.sequence = sequence;
  acceptance.repeated = true;
  acceptance.head = std::make_shared<const v1::TreeHead>(receipt->head());
  receipt->clear_head();
  acceptance.receipt = *std::move(receipt);
  HandOver(std::move(done), std::move(acceptance));
}

void RocksJournal::RecordConflict(Draft conflict, uint64_t first_sequence, AppendDone done) {
  v1::SubmissionConflict body;
  NOROSHI_CHECK(body.ParseFromString(conflict.body));
  body.set_first_sequence(first_sequence);
  conflict.body = body.SerializeAsString();
  AppendOther(std::move(conflict),
              [first_sequence, done = std::move(done)](const Result<Acceptance>& recorded) {
                done(recorded.ok() ? Conflict(first_sequence) : recorded.error());
              });
}

void RocksJournal::Enqueue(Waiting waiting) {
  if (!waiting.keep_body) waiting.draft.body = std::string();
  {
    const std::lock_guard lock(mutex_);
    auto& queue = waiting.draft.kind == v1::ENTRY_KIND_ANALYSIS_RESULT ? findings_ : queue_;
    queue.push_back(std::move(waiting));
  }
  work_.notify_one();
}

void RocksJournal::HandOver(AppendDone done, Result<Acceptance> answer) {
  Result<void> reserved;
  {
    const std::lock_guard lock(mutex_);
    reserved = Reserve(kDraftOverheadBytes);
    if (reserved.ok()) answers_.emplace_back(std::move(done), std::move(answer));
  }
  if (!reserved.ok()) return done(reserved.error());
  work_.notify_one();
}

}  // namespace noroshi::journal
