// The committer: one thread that turns whatever waits into one synced write.
#include <pthread.h>

#include "common/base/encoding.h"
#include "common/log/log.h"
#include "common/merkle/merkle.h"
#include "hub/journal/rocks_journal_impl.h"

namespace noroshi::journal {
namespace {

// All nodes that a proof within the newest batch needs are still in memory.
class NodesInMemory final : public NodeReader {
 public:
  explicit NodesInMemory(const Tree& tree) : tree_(tree) {}
  Result<void> AppendNode(unsigned height, uint64_t index, std::string* out) override {
    const std::string_view node = tree_.Find(height, index);
    NOROSHI_CHECK(!node.empty());
    *out += node;
    return {};
  }

 private:
  const Tree& tree_;
};

}  // namespace

void RocksJournal::Start() {
  committer_ = std::thread([this] { Run(); });
  pthread_setname_np(committer_.native_handle(), "commit");
}

void RocksJournal::Run() {
  for (;;) {
    std::vector<std::pair<AppendDone, Result<Acceptance>>> answers;
    std::vector<Waiting> batch;
    bool latched = false;
    {
      std::unique_lock lock(mutex_);
      WaitForWork(&lock);
      answers.swap(answers_);
      queued_bytes_ -= answers.size() * kDraftOverheadBytes;
      latched = !latched_.empty();
      if (!latched) batch = TakeBatch();
      if (stopping_ && batch.empty() && answers.empty() && Idle()) return;
    }
    for (auto& [done, answer] : answers) done(std::move(answer));
    if (latched) {
      FailAll({});
    } else if (!batch.empty()) {
      rocksdb::WriteBatch writes;
      if (const auto committed = Commit(&batch, &writes); !committed.ok()) {
        Latch(committed.error().message);
        FailAll(std::move(batch));
      }
    }
  }
}

void RocksJournal::WaitForWork(std::unique_lock<std::mutex>* lock) {
  work_.wait(*lock, [this] { return stopping_ || !Idle(); });
  // A sync for each finding costs more than everything else about it.
  work_.wait_for(*lock, kFindingsLinger, [this] {
    return stopping_ || !queue_.empty() || !answers_.empty() || !latched_.empty() ||
           findings_.size() >= kBatchFindingsMax;
  });
}

std::vector<RocksJournal::Waiting> RocksJournal::TakeBatch() {
  std::vector<Waiting> batch;
  size_t bytes = 0;
  const auto take = [&](std::deque<Waiting>* queue, size_t most) {
    for (; !queue->empty() && most > 0; --most) {
      bytes += queue->front().body.sealed.size();
      if (!batch.empty() && bytes > kBatchBytesMax) return;
      batch.push_back(std::move(queue->front()));
      queue->pop_front();
    }
  };
  take(&queue_, kBatchEntriesMax - std::min(findings_.size(), kBatchFindingsMax));
  take(&findings_, kBatchFindingsMax);
  return batch;
}

Result<void> RocksJournal::Commit(std::vector<Waiting>* batch, rocksdb::WriteBatch* writes) {
  const int64_t time_ms = std::max(last_time_ms_, options_.clock->NowMs());
  std::vector<Committed> committed;
  committed.reserve(batch->size());
  {
    const std::lock_guard lock(tree_mutex_);
    for (const Waiting& waiting : *batch) {
      committed.push_back(AddEntry(waiting, tree_.size(), time_ms, writes));
      tree_.Append(committed.back().leaf_hash);
    }
  }
  for (const Tree::FullTile& full : tree_.unsettled()) {
    database_->Put(writes, Family::kTiles, TileKey(full.id), full.tile.hashes());
  }
  NodesInMemory nodes(tree_);
  const RightEdge edge = ReadRightEdge(tree_.size(), &nodes).value();
  const auto head = SignHead(edge, time_ms);
  database_->Put(writes, Family::kMeta, kHeadKey, head->SerializeAsString());
  NOROSHI_RETURN_IF_ERROR(database_->Write(writes, !options_.unsafe_no_sync_for_tests));

  last_time_ms_ = time_ms;
  std::vector<Acceptance> acceptances;
  acceptances.reserve(batch->size());
  for (size_t i = 0; i < batch->size(); ++i) {
    acceptances.push_back(Accept((*batch)[i], committed[i], head, edge));
  }
  {
    const std::lock_guard lock(tree_mutex_);
    tree_.Settle();
  }
  auto attached = Publish(batch, &committed, head);
  for (size_t i = 0; i < batch->size(); ++i) {
    Answer((*batch)[i], std::move(acceptances[i]), std::move(attached[i]));
  }
  return {};
}

RocksJournal::Committed RocksJournal::AddEntry(const Waiting& waiting, uint64_t sequence,
                                               int64_t time_ms, rocksdb::WriteBatch* writes) {
  const Draft& draft = waiting.draft;
  Committed committed;
  v1::EntryHeader& header = committed.header;
  header.set_sequence(sequence);
  header.set_time_ms(time_ms);
  header.set_kind(draft.kind);
  header.set_organization(draft.organization);
  header.set_agent(draft.agent);
  if (draft.submission_id) header.set_submission_id(draft.submission_id->bytes());
  header.set_body_digest(waiting.body.digest);
  header.set_body_size(waiting.body.sealed.size() - merkle::kSaltBytes - kGcmTagBytes);
  committed.header_bytes = header.SerializeAsString();
  committed.leaf_hash = merkle::LeafHash(committed.header_bytes);

  const std::string key = BigEndian64(sequence);
  database_->Put(writes, Family::kEntries, key, committed.header_bytes);
  database_->Put(writes, Family::kBodies, key, waiting.body.sealed);
  database_->Put(writes, Family::kKeys, key, waiting.body.wrapped_key);
  if (!waiting.id_key.empty()) database_->Put(writes, Family::kIds, waiting.id_key, key);
  return committed;
}

std::shared_ptr<const v1::TreeHead> RocksJournal::SignHead(const RightEdge& edge,
                                                           int64_t time_ms) const {
  auto head = std::make_shared<v1::TreeHead>();
  head->set_log_id(log_id_);
  head->set_tree_size(tree_.size());
  head->set_root_hash(RootOf(edge));
  head->set_timestamp_ms(time_ms);
  head->set_signature(signer_.Sign(merkle::TreeHeadSignedBytes(*head)));
  return head;
}

Acceptance RocksJournal::Accept(const Waiting& waiting, const Committed& committed,
                                const std::shared_ptr<const v1::TreeHead>& head,
                                const RightEdge& edge) {
  Acceptance acceptance;
  acceptance.sequence = committed.header.sequence();
  acceptance.head = head;
  if (waiting.id_key.empty()) return acceptance;
  v1::Receipt& receipt = acceptance.receipt;
  receipt.set_submission_id(committed.header.submission_id());
  receipt.set_sequence(acceptance.sequence);
  receipt.set_header(committed.header_bytes);
  receipt.set_salt(waiting.body.salt);
  receipt.set_leaf_hash(committed.leaf_hash);
  NodesInMemory nodes(tree_);
  const auto proved = AppendInclusionProof(acceptance.sequence, head->tree_size(), edge, &nodes,
                                           receipt.mutable_inclusion_proof());
  NOROSHI_CHECK(proved.ok());
  return acceptance;
}

std::vector<std::vector<RocksJournal::Attached>> RocksJournal::Publish(
    std::vector<Waiting>* batch, std::vector<Committed>* committed,
    std::shared_ptr<const v1::TreeHead> head) {
  std::vector<std::vector<Attached>> attached(batch->size());
  {
    const std::lock_guard lock(mutex_);
    head_ = std::move(head);
    for (size_t i = 0; i < batch->size(); ++i) {
      Waiting& waiting = (*batch)[i];
      queued_bytes_ -= waiting.charge;
      AddToCache(&waiting, &(*committed)[i]);
      if (waiting.id_key.empty()) continue;
      auto in_flight = in_flight_.extract(waiting.id_key);
      attached[i] = std::move(in_flight.mapped().attached);
      queued_bytes_ -= attached[i].size() * kDraftOverheadBytes;
    }
  }
  grown_.notify_all();
  return attached;
}

void RocksJournal::AddToCache(Waiting* waiting, Committed* committed) {
  if (!waiting->keep_body || waiting->draft.body.size() > kCacheBytesMax) {
    cache_.clear();
    cache_bytes_ = 0;
    return;
  }
  auto entry = std::make_shared<Entry>();
  entry->sequence = committed->header.sequence();
  entry->header = std::move(committed->header);
  entry->body = std::move(waiting->draft.body);
  cache_bytes_ += entry->body.size() + kDraftOverheadBytes;
  cache_.push_back(std::move(entry));
  while (cache_bytes_ > kCacheBytesMax) {
    cache_bytes_ -= cache_.front()->body.size() + kDraftOverheadBytes;
    cache_.pop_front();
  }
}

void RocksJournal::Answer(const Waiting& waiting, Acceptance acceptance,
                          std::vector<Attached> attached) {
  for (Attached& second : attached) {
    if (second.same) {
      Acceptance repeated = acceptance;
      repeated.repeated = true;
      second.done(std::move(repeated));
    } else {
      RecordConflict(std::move(second.conflict), acceptance.sequence, std::move(second.done));
    }
  }
  if (waiting.done) waiting.done(std::move(acceptance));
}

void RocksJournal::FailAll(std::vector<Waiting> batch) {
  std::vector<AppendDone> refused;
  Error error;
  {
    const std::lock_guard lock(mutex_);
    error = LatchedError();
    for (Waiting& waiting : batch) refused.push_back(std::move(waiting.done));
    for (auto* queue : {&queue_, &findings_}) {
      for (Waiting& waiting : *queue) refused.push_back(std::move(waiting.done));
      queue->clear();
    }
    for (auto& answer : answers_) refused.push_back(std::move(answer.first));
    for (auto& [key, in_flight] : in_flight_) {
      for (Attached& attached : in_flight.attached) refused.push_back(std::move(attached.done));
    }
    answers_.clear();
    in_flight_.clear();
  }
  for (const AppendDone& done : refused) done(error);
}

void RocksJournal::Latch(const std::string& why) {
  {
    const std::lock_guard lock(mutex_);
    if (!latched_.empty()) return;
    latched_ = why;
  }
  Log(Level::kError, "journal_latched", {{"reason", why}});
  work_.notify_one();
}

Error RocksJournal::LatchedError() const {
  return Error{ErrorCode::kUnavailable, "the journal stopped until restart: " + latched_};
}

Result<void> RocksJournal::Latched() const {
  const std::lock_guard lock(mutex_);
  if (!latched_.empty()) return LatchedError();
  return {};
}

}  // namespace noroshi::journal
