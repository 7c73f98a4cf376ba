#include "hub/store/transaction.h"

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <vector>

#include "common/base/check.h"
#include "hub/store/keys.h"
#include "hub/store/rocks.h"
#include "hub/store/transaction_state.h"

namespace noroshi::store {
namespace {

using KeyedChange = std::pair<const std::string, Change>;

void SortAscending(std::vector<const KeyedChange*>* changes) {
  std::sort(changes->begin(), changes->end(),
            [](const KeyedChange* a, const KeyedChange* b) { return a->first < b->first; });
}

// Merges changed rows, already in the order of the scan, into the database's.
class Merge {
 public:
  Merge(const std::vector<const KeyedChange*>& changes, bool ascending, const RowVisit& visit)
      : next_(changes.begin()), end_(changes.end()), ascending_(ascending), visit_(visit) {}

  // One row of the database. False: stop.
  bool OnRow(std::string_view key, std::string_view value) {
    while (next_ != end_ && Before((*next_)->first, key)) {
      if (!Emit(**next_++)) return false;
    }
    if (next_ != end_ && (*next_)->first == key) return Emit(**next_++);
    return going_ = visit_(key, value);
  }

  // The database has no more rows.
  void OnEnd() {
    while (going_ && next_ != end_) Emit(**next_++);
  }

 private:
  bool Before(std::string_view a, std::string_view b) const { return ascending_ ? a < b : b < a; }
  bool Emit(const KeyedChange& change) {
    const auto& value = change.second.value;
    return going_ = !value || visit_(change.first, *value);
  }

  std::vector<const KeyedChange*>::const_iterator next_;
  std::vector<const KeyedChange*>::const_iterator end_;
  bool ascending_;
  const RowVisit& visit_;
  bool going_ = true;
};

}  // namespace

Transaction::Transaction(std::unique_ptr<State> state) : state_(std::move(state)) {}

Transaction::~Transaction() { *state_->open = false; }

// ---- reading ----

Result<bool> Transaction::Get(std::string_view key, std::string* value) const {
  const auto change = state_->changes.find(key);
  if (change == state_->changes.end()) return GetRow(state_->db, nullptr, key, value);
  if (!change->second.value) return false;
  *value = *change->second.value;
  return true;
}

Result<void> Transaction::Ascend(std::string_view prefix, std::string_view after,
                                 const Visit& visit) const {
  std::vector<const KeyedChange*> changes;
  for (const auto& change : state_->changes) {
    if (change.first.starts_with(prefix) && change.first > after) changes.push_back(&change);
  }
  SortAscending(&changes);
  Merge merge(changes, true, visit);
  NOROSHI_RETURN_IF_ERROR(AscendRows(
      state_->db, nullptr, prefix, after,
      [&](std::string_view key, std::string_view value) { return merge.OnRow(key, value); }));
  merge.OnEnd();
  return {};
}

Result<void> Transaction::Descend(std::string_view prefix, std::string_view before,
                                  const Visit& visit) const {
  std::vector<const KeyedChange*> changes;
  for (const auto& change : state_->changes) {
    const std::string_view key = change.first;
    if (key.starts_with(prefix) && (before.empty() || key < before)) changes.push_back(&change);
  }
  SortAscending(&changes);
  std::reverse(changes.begin(), changes.end());
  Merge merge(changes, false, visit);
  NOROSHI_RETURN_IF_ERROR(DescendRows(
      state_->db, nullptr, prefix, before,
      [&](std::string_view key, std::string_view value) { return merge.OnRow(key, value); }));
  merge.OnEnd();
  return {};
}

// ---- writing ----

void Transaction::Put(std::string key, std::string value) {
  state_->changes.insert_or_assign(std::move(key), Change{std::move(value)});
}

void Transaction::PutNumber(std::string key, uint64_t number) {
  Put(std::move(key), BigEndian64(number));
}

void Transaction::PutRow(std::string key, const google::protobuf::MessageLite& row) {
  // Rows hold no maps (a test says so): their bytes follow from their content.
  std::string value;
  NOROSHI_CHECK(row.SerializeToString(&value));
  Put(std::move(key), std::move(value));
}

void Transaction::Remove(std::string key) {
  state_->changes.insert_or_assign(std::move(key), Change{});
}

// For rows that come and go in great numbers and are written once in their life:
// if this batch wrote it, nothing happened; if not, RocksDB may drop the removal
// together with the row at the next flush, so scans do not stumble over them.
void Transaction::RemoveOnce(std::string key) {
  const auto change = state_->changes.find(key);
  if (change != state_->changes.end() && change->second.value) {
    state_->changes.erase(change);
  } else {
    state_->changes.insert_or_assign(std::move(key), Change{std::nullopt, /*written_once=*/true});
  }
}

void Transaction::SetMeta(const MetaRow& row) {
  MetaRow meta = row;
  meta.set_format(kFormat);
  PutRow(std::string(keys::kMeta), meta);
}

void Transaction::SetRules(const noroshi::v1::AlertRulesSet& rules) {
  PutRow(std::string(keys::kRules), rules);
}

void Transaction::SetOrganization(const OrganizationRow& row) {
  PutRow(keys::Text(keys::kOrganization, row.organization().id()), row);
}

void Transaction::SetAgent(const AgentRow& row) {
  PutRow(keys::Pair(keys::kAgent, row.organization(), row.agent()), row);
}

void Transaction::SetToken(std::string_view secret_sha256, const TokenRow& row) {
  PutRow(keys::Text(keys::kToken, secret_sha256), row);
}

void Transaction::RemoveToken(std::string_view secret_sha256) {
  Remove(keys::Text(keys::kToken, secret_sha256));
}

void Transaction::SetSubmission(const SubmissionRow& row) {
  PutRow(keys::Number(keys::kSubmission, row.sequence()), row);
}

void Transaction::SetSubmissionId(std::string_view organization, std::string_view submission_id,
                                  uint64_t sequence) {
  PutNumber(keys::Pair(keys::kSubmissionId, organization, submission_id), sequence);
}

void Transaction::SetCase(const CaseRow& row) {
  PutRow(keys::Number(keys::kCase, row.case_id()), row);
}

void Transaction::AddToCase(uint64_t case_id, const CaseMember& member) {
  std::string value = BigEndian64(static_cast<uint64_t>(member.accepted_at_ms));
  value.append(member.organization);
  Put(keys::CaseMember(case_id, member.sequence), std::move(value));
}

void Transaction::AddOrganizationToCase(uint64_t case_id, std::string_view organization,
                                        std::string_view submission_id) {
  Put(keys::CaseOrganization(case_id, organization), std::string(submission_id));
}

void Transaction::SetThread(std::string_view organization, std::string_view realm,
                            std::string_view thread_id, uint64_t case_id) {
  PutNumber(keys::Thread(organization, realm, thread_id), case_id);
}

void Transaction::SetFingerprint(std::string_view realm, Fingerprint kind,
                                 std::string_view fingerprint, uint64_t case_id) {
  PutNumber(keys::Fingerprint(realm, kind, fingerprint), case_id);
}

void Transaction::AddPending(const PendingAnalysis& pending) { Put(keys::Pending(pending), ""); }

void Transaction::RemovePending(const PendingAnalysis& pending) {
  RemoveOnce(keys::Pending(pending));
}

void Transaction::SetAlert(const AlertRow& row) {
  NOROSHI_CHECK(row.alert_id().size() == keys::kAlertIdBytes);
  PutRow(keys::Text(keys::kAlert, row.alert_id()), row);
  Put(keys::Number(keys::kAlertNumber, row.number()), row.alert_id());
}

void Transaction::SetDelivery(const DeliveryRow& row) {
  PutRow(keys::Delivery(row.alert_id(), row.organization()), row);
}

void Transaction::AddDeadline(const Deadline& deadline) { Put(keys::Deadline(deadline), ""); }

void Transaction::RemoveDeadline(const Deadline& deadline) { RemoveOnce(keys::Deadline(deadline)); }

void Transaction::SetOutbox(std::string_view organization, uint64_t position,
                            const OutboxRow& row) {
  PutRow(keys::Outbox(organization, position), row);
}

void Transaction::AddRestore(uint64_t index, const RestoreRow& row) {
  PutRow(keys::Number(keys::kRestore, index), row);
}

Result<void> Transaction::Commit() {
  // In key order, which the memtable takes several times faster.
  std::vector<const KeyedChange*> ordered;
  ordered.reserve(state_->changes.size());
  for (const KeyedChange& change : state_->changes) ordered.push_back(&change);
  SortAscending(&ordered);
  rocksdb::WriteBatch batch;
  for (const KeyedChange* keyed : ordered) {
    const rocksdb::Slice key = ToSlice(keyed->first);
    const Change& change = keyed->second;
    const rocksdb::Status status = change.value          ? batch.Put(key, ToSlice(*change.value))
                                   : change.written_once ? batch.SingleDelete(key)
                                                         : batch.Delete(key);
    if (!status.ok()) return FromStatus(status, "state: collecting changes");
  }
  rocksdb::WriteOptions options;
  options.disableWAL = state_->bulk;
  const rocksdb::Status status = state_->db->Write(options, &batch);
  if (!status.ok()) return FromStatus(status, "state: writing");
  state_->changes.clear();
  return {};
}

}  // namespace noroshi::store
