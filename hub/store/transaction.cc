#include "hub/store/transaction.h"

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <algorithm>

#include "common/base/check.h"
#include "hub/store/keys.h"
#include "hub/store/rocks.h"
#include "hub/store/transaction_state.h"

namespace noroshi::store {
namespace {

using Scan = std::function<Result<void>(const RowVisit& visit)>;

// Merges changed rows, already in the order of the scan, into the database's.
template <typename Iterator, bool ascending>
class Merge {
 public:
  Merge(Iterator begin, Iterator end, const RowVisit& visit)
      : next_(begin), end_(end), visit_(visit) {}

  // below: scans the rows that these changes lie over.
  Result<void> Run(const Scan& below) {
    NOROSHI_RETURN_IF_ERROR(
        below([this](std::string_view key, std::string_view value) { return OnRow(key, value); }));
    while (going_ && next_ != end_) Emit(**next_++);
    return {};
  }

 private:
  // One row from below. False: stop.
  bool OnRow(std::string_view key, std::string_view value) {
    while (next_ != end_ && Before((*next_)->first, key)) {
      if (!Emit(**next_++)) return false;
    }
    if (next_ != end_ && (*next_)->first == key) return Emit(**next_++);
    return going_ = visit_(key, value);
  }

  static bool Before(std::string_view a, std::string_view b) { return ascending ? a < b : b < a; }
  bool Emit(const Changes::Row& change) {
    const auto& value = change.second.value;
    return going_ = !value || visit_(change.first, *value);
  }

  Iterator next_;
  const Iterator end_;
  const RowVisit& visit_;
  bool going_ = true;
};

// over(changes, visit, below) scans changes over what lies below. Here: these changes
// over older ones, if there are any, over the database.
template <typename Over>
Result<void> ScanLayers(const Over& over, const Changes& newest, const Changes* older,
                        const Scan& database, const RowVisit& visit) {
  if (older == nullptr) return over(newest, visit, database);
  return over(newest, visit, [&](const RowVisit& next) { return over(*older, next, database); });
}

// The first of those that do not start with the prefix and lie behind those that do.
Changes::Ordered::const_iterator EndOf(const Changes::Ordered& rows, std::string_view prefix) {
  const std::string end = keys::After(prefix);
  return end.empty() ? rows.end() : rows.lower_bound(std::string_view(end));
}

}  // namespace

Transaction::Transaction(std::unique_ptr<State> state) : state_(std::move(state)) {}

Transaction::~Transaction() { *state_->open = false; }

// ---- reading ----

Result<bool> Transaction::Get(std::string_view key, std::string* value) const {
  const Change* change = state_->changes().Find(key);
  if (change == nullptr && state_->older() != nullptr) change = state_->older()->Find(key);
  if (change == nullptr) return GetRow(state_->db, nullptr, key, value);
  if (!change->value) return false;
  *value = *change->value;
  return true;
}

Result<void> Transaction::Ascend(std::string_view prefix, std::string_view after,
                                 const Visit& visit) const {
  const auto over = [&](const Changes& changes, const Visit& next, const Scan& below) {
    const Changes::Ordered& rows = changes.InOrder(prefix);
    const auto begin = after.empty() ? rows.lower_bound(prefix) : rows.upper_bound(after);
    return Merge<Changes::Ordered::const_iterator, true>(begin, EndOf(rows, prefix), next)
        .Run(below);
  };
  const Scan database = [&](const Visit& next) {
    return AscendRows(state_->db, nullptr, prefix, after, next);
  };
  return ScanLayers(over, state_->changes(), state_->older(), database, visit);
}

Result<void> Transaction::Descend(std::string_view prefix, std::string_view before,
                                  const Visit& visit) const {
  const auto over = [&](const Changes& changes, const Visit& next, const Scan& below) {
    const Changes::Ordered& rows = changes.InOrder(prefix);
    const auto end = before.empty() ? EndOf(rows, prefix) : rows.lower_bound(before);
    using Iterator = Changes::Ordered::const_reverse_iterator;
    return Merge<Iterator, false>(Iterator(end), Iterator(rows.lower_bound(prefix)), next)
        .Run(below);
  };
  const Scan database = [&](const Visit& next) {
    return DescendRows(state_->db, nullptr, prefix, before, next);
  };
  return ScanLayers(over, state_->changes(), state_->older(), database, visit);
}

// ---- writing ----

void Transaction::Put(std::string key, std::string value) {
  state_->changes().Put(std::move(key), std::move(value));
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

void Transaction::Remove(std::string key) { state_->changes().Remove(std::move(key)); }

void Transaction::RemoveOnce(std::string key) { state_->changes().RemoveOnce(std::move(key)); }

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

void Transaction::SetPlaces(uint64_t number, const PlacesRow& row) {
  PutRow(keys::Number(keys::kPlaces, number), row);
}

void Transaction::SetCursors(uint64_t number, const CursorsRow& row) {
  PutRow(keys::Number(keys::kCursors, number), row);
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

void Transaction::SetVariant(uint64_t sequence, const VariantRow& row) {
  PutRow(keys::Number(keys::kVariant, sequence), row);
}

void Transaction::SetBand(std::string_view realm, std::string_view key, const BandRow& row) {
  PutRow(keys::Pair(keys::kBand, realm, key), row);
}

void Transaction::SetTie(std::string_view realm, std::string_view key, const TieRow& row) {
  PutRow(keys::Pair(keys::kTie, realm, key), row);
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

void Transaction::SetAudience(std::string_view alert_id, const AudienceRow& row) {
  PutRow(keys::Text(keys::kAudience, alert_id), row);
}

void Transaction::SetReads(std::string_view alert_id, uint64_t reads) {
  PutNumber(keys::Text(keys::kAlertReads, alert_id), reads);
}

void Transaction::SetDeliveries(const DeliveriesRow& row) {
  NOROSHI_CHECK(!row.deliveries().empty() &&
                row.deliveries_size() <= static_cast<int>(kDeliveriesPerRow) &&
                std::ranges::is_sorted(row.deliveries(), {}, &DeliveryRow::organization));
  const DeliveryRow& first = row.deliveries(0);
  PutRow(keys::Deliveries(first.alert_id(), first.organization()), row);
}

void Transaction::AddDeadline(const Deadline& deadline) { Put(keys::Deadline(deadline), ""); }

void Transaction::RemoveDeadline(const Deadline& deadline) { RemoveOnce(keys::Deadline(deadline)); }

void Transaction::SetOutbox(std::string_view organization, uint64_t position,
                            const OutboxRow& row) {
  NOROSHI_CHECK(row.alert_id().empty());
  PutRow(keys::Outbox(organization, position), row);
}

void Transaction::SetOutboxAlerts(std::string_view organization, const OutboxAlertsRow& row) {
  NOROSHI_CHECK(row.positions_size() == static_cast<int>(kAlertsPerRow) &&
                row.numbers_size() == row.positions_size());
  PutRow(keys::OutboxAlerts(organization, row.positions(0)), row);
}

void Transaction::AddRestore(uint64_t index, const RestoreRow& row) {
  PutRow(keys::Number(keys::kRestore, index), row);
}

Result<void> Transaction::Commit() {
  if (state_->bulk != nullptr) return state_->bulk->SpillIfFull(state_->db);
  rocksdb::WriteBatch batch;
  // In key order, which the memtable takes several times faster.
  for (const Changes::Row* row : state_->own.Sorted()) {
    const rocksdb::Slice key = ToSlice(row->first);
    const Change& change = row->second;
    const rocksdb::Status status = change.value          ? batch.Put(key, ToSlice(*change.value))
                                   : change.written_once ? batch.SingleDelete(key)
                                                         : batch.Delete(key);
    if (!status.ok()) return FromStatus(status, "state: collecting changes");
  }
  const rocksdb::Status status = state_->db->Write(rocksdb::WriteOptions(), &batch);
  if (!status.ok()) return FromStatus(status, "state: writing");
  state_->own.Clear();
  return {};
}

}  // namespace noroshi::store
