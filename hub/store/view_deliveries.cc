// Reading outboxes and deliveries, whose rows many share.
#include <algorithm>

#include "hub/store/keys.h"
#include "hub/store/view.h"
#include "hub/store/view_impl.h"

namespace noroshi::store {

// ---- places and cursors ----

Found<PlacesRow> View::Places(uint64_t row) const {
  return Find<PlacesRow>(keys::Number(keys::kPlaces, row));
}

Found<CursorsRow> View::Cursors(uint64_t row) const {
  return Find<CursorsRow>(keys::Number(keys::kCursors, row));
}

Result<uint64_t> View::CursorOf(const AgentRow& agent) const {
  const uint64_t number = agent.number() / kCursorsPerRow;
  NOROSHI_ASSIGN_OR_RETURN(const auto row, Cursors(number));
  const auto at = static_cast<int>(agent.number() % kCursorsPerRow);
  if (!row || at >= row->cursors_size()) return NotARow(keys::Number(keys::kCursors, number));
  return row->cursors(at);
}

// ---- deliveries ----

Found<DeliveryRow> View::Delivery(std::string_view alert_id, std::string_view organization) const {
  NOROSHI_ASSIGN_OR_RETURN(auto row, DeliveriesAt(alert_id, organization));
  if (!row) return std::optional<DeliveryRow>();
  for (DeliveryRow& delivery : *row->mutable_deliveries()) {
    if (delivery.organization() == organization) {
      return std::optional<DeliveryRow>(std::move(delivery));
    }
  }
  return std::optional<DeliveryRow>();
}

Found<DeliveriesRow> View::DeliveriesAt(std::string_view alert_id,
                                        std::string_view organization) const {
  // The last row that begins with this name or before it.
  const std::string behind = keys::Deliveries(alert_id, organization) + '\0';
  NOROSHI_ASSIGN_OR_RETURN(
      auto rows, ReadList<DeliveriesRow>(false, keys::Text(keys::kDelivery, alert_id), behind, 1));
  if (rows.empty()) return std::optional<DeliveriesRow>();
  if (rows[0].deliveries().empty()) return NotARow(behind);
  return std::optional<DeliveriesRow>(std::move(rows[0]));
}

Result<std::vector<DeliveryRow>> View::DeliveriesOfAlert(std::string_view alert_id,
                                                         std::string_view after_organization,
                                                         size_t limit) const {
  std::vector<DeliveryRow> found;
  limit = std::min(limit, kListMax);
  const auto take = [&](DeliveriesRow row) {
    for (DeliveryRow& delivery : *row.mutable_deliveries()) {
      if (found.size() < limit && delivery.organization() > after_organization) {
        found.push_back(std::move(delivery));
      }
    }
  };
  std::string from;
  NOROSHI_ASSIGN_OR_RETURN(auto first, DeliveriesAt(alert_id, after_organization));
  if (first) {
    from = keys::Deliveries(alert_id, first->deliveries(0).organization());
    take(*std::move(first));
  }
  if (found.size() >= limit) return found;
  const size_t rows_max = limit / kDeliveriesPerRow + 1;
  NOROSHI_ASSIGN_OR_RETURN(
      auto rows,
      ReadList<DeliveriesRow>(true, keys::Text(keys::kDelivery, alert_id), from, rows_max));
  for (DeliveriesRow& row : rows) take(std::move(row));
  return found;
}

Result<std::vector<DeliveriesRow>> View::DeliveriesRows(std::string_view alert_id) const {
  return ReadList<DeliveriesRow>(true, keys::Text(keys::kDelivery, alert_id), "", kListMax);
}

// ---- outboxes ----

namespace {

// Of a row, newest first.
Result<void> TakeBefore(const OutboxAlertsRow& row, std::string_view organization, uint64_t before,
                        size_t limit, std::vector<OutboxAlert>* found) {
  if (row.positions_size() != row.numbers_size()) {
    return NotARow(keys::Pair(keys::kOutboxAlerts, organization, ""));
  }
  for (int i = row.positions_size(); i-- > 0 && found->size() < limit;) {
    if (row.positions(i) < before) found->push_back({row.positions(i), row.numbers(i)});
  }
  return {};
}

}  // namespace

Result<OutboxAlertsRow> View::OpenAlerts(std::string_view organization) const {
  NOROSHI_ASSIGN_OR_RETURN(const auto row, Organization(organization));
  if (!row) return OutboxAlertsRow();
  const uint64_t number = row->number() / kPlacesPerRow;
  NOROSHI_ASSIGN_OR_RETURN(auto places, Places(number));
  const auto at = static_cast<int>(row->number() % kPlacesPerRow);
  if (!places || at >= places->places_size()) return NotARow(keys::Number(keys::kPlaces, number));
  return std::move(*places->mutable_places(at)->mutable_alerts());
}

Result<std::vector<OutboxAlert>> View::FiledAlerts(std::string_view organization, uint64_t before,
                                                   size_t limit) const {
  std::vector<OutboxAlert> found;
  const std::string prefix = keys::Pair(keys::kOutboxAlerts, organization, "");
  const std::string from = keys::OutboxAlerts(organization, before);
  const size_t rows_max = limit / kAlertsPerRow + 2;  // Of the first, only the older part.
  NOROSHI_ASSIGN_OR_RETURN(const auto rows,
                           ReadList<OutboxAlertsRow>(false, prefix, from, rows_max));
  for (const auto& row : rows) {
    NOROSHI_RETURN_IF_ERROR(TakeBefore(row, organization, before, limit, &found));
  }
  return found;
}

Result<std::vector<OutboxAlert>> View::AlertsBefore(std::string_view organization, uint64_t before,
                                                    size_t limit) const {
  std::vector<OutboxAlert> found;
  NOROSHI_ASSIGN_OR_RETURN(const auto open, OpenAlerts(organization));
  NOROSHI_RETURN_IF_ERROR(TakeBefore(open, organization, before, limit, &found));
  if (found.size() >= limit) return found;
  NOROSHI_ASSIGN_OR_RETURN(const auto filed,
                           FiledAlerts(organization, before, limit - found.size()));
  found.insert(found.end(), filed.begin(), filed.end());
  return found;
}

// An alert's item: the organisation's delivery says the rest.
Result<OutboxRow> View::OutboxOfAlert(std::string_view organization, uint64_t number) const {
  NOROSHI_ASSIGN_OR_RETURN(auto id, AlertId(number));
  if (!id) return NotARow(keys::Number(keys::kAlertNumber, number));
  NOROSHI_ASSIGN_OR_RETURN(auto delivery, Delivery(*id, organization));
  if (!delivery) return NotARow(keys::Deliveries(*id, organization));
  OutboxRow row;
  row.set_alert_id(*std::move(id));
  row.set_reason(std::move(*delivery->mutable_reason()));
  return row;
}

Found<OutboxRow> View::Outbox(std::string_view organization, uint64_t position) const {
  NOROSHI_ASSIGN_OR_RETURN(auto own, Find<OutboxRow>(keys::Outbox(organization, position)));
  if (own) return own;
  NOROSHI_ASSIGN_OR_RETURN(const auto alerts, AlertsBefore(organization, position + 1, 1));
  if (alerts.empty() || alerts[0].position != position) return std::optional<OutboxRow>();
  NOROSHI_ASSIGN_OR_RETURN(OutboxRow row, OutboxOfAlert(organization, alerts[0].number));
  return std::optional<OutboxRow>(std::move(row));
}

Result<std::vector<std::pair<uint64_t, OutboxRow>>> View::OutboxBefore(
    std::string_view organization, uint64_t before, size_t limit) const {
  std::vector<std::pair<uint64_t, OutboxRow>> rows;
  limit = std::min(limit, kListMax);
  if (limit == 0) return rows;
  if (before == 0) before = UINT64_MAX;
  NOROSHI_ASSIGN_OR_RETURN(auto own, OwnItemsBefore(organization, before, limit));
  NOROSHI_ASSIGN_OR_RETURN(const auto alerts, AlertsBefore(organization, before, limit));
  auto next_own = own.begin();
  auto next_alert = alerts.begin();
  while (rows.size() < limit && (next_own != own.end() || next_alert != alerts.end())) {
    const bool is_alert = next_own == own.end() ||
                          (next_alert != alerts.end() && next_alert->position > next_own->first);
    if (is_alert) {
      NOROSHI_ASSIGN_OR_RETURN(OutboxRow row, OutboxOfAlert(organization, next_alert->number));
      rows.emplace_back(next_alert++->position, std::move(row));
    } else {
      rows.push_back(std::move(*next_own++));
    }
  }
  return rows;
}

Result<std::vector<std::pair<uint64_t, OutboxRow>>> View::OwnItemsBefore(
    std::string_view organization, uint64_t before, size_t limit) const {
  const std::string prefix = keys::Pair(keys::kOutbox, organization, "");
  std::vector<std::pair<uint64_t, OutboxRow>> rows;
  std::optional<Error> error;
  const std::string from = keys::Outbox(organization, before);
  NOROSHI_RETURN_IF_ERROR(Descend(prefix, from, [&](std::string_view key, std::string_view value) {
    auto row = Parse<OutboxRow>(key, value);
    if (!row.ok()) error = row.error();
    if (!error && key.size() != prefix.size() + 8) error = NotARow(key);
    if (error) return false;
    rows.emplace_back(ReadBigEndian64(key.substr(prefix.size())), std::move(row).value());
    return rows.size() < limit;
  }));
  if (error) return *error;
  return rows;
}

// ---- deadlines ----

Found<int64_t> View::NextDeadline() const {
  NOROSHI_ASSIGN_OR_RETURN(const auto first, ListKeys(keys::kDeadline, "", 1));
  if (first.empty()) return std::optional<int64_t>();
  if (first[0].size() < 8) return NotARow(first[0]);
  return std::optional<int64_t>(static_cast<int64_t>(ReadBigEndian64(first[0])));
}

Result<std::vector<Deadline>> View::DeadlinesUntil(int64_t time_ms, size_t limit) const {
  std::vector<Deadline> deadlines;
  limit = std::min(limit, kListMax);
  constexpr size_t kFixed = 8 + keys::kAlertIdBytes;
  std::optional<Error> error;
  NOROSHI_RETURN_IF_ERROR(Ascend(keys::kDeadline, "", [&](std::string_view key, std::string_view) {
    const std::string_view rest = key.substr(keys::kDeadline.size());
    if (rest.size() != kFixed) {
      error = NotARow(key);
      return false;
    }
    const auto time = static_cast<int64_t>(ReadBigEndian64(rest));
    if (time > time_ms || deadlines.size() >= limit) return false;
    deadlines.push_back({time, std::string(rest.substr(8))});
    return true;
  }));
  if (error) return *error;
  return deadlines;
}

}  // namespace noroshi::store
