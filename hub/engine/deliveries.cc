// What becomes of deliveries: received, read, acted, late.
#include <algorithm>

#include "hub/engine/batch.h"
#include "hub/engine/refusals.h"

namespace noroshi::engine {

Result<void> Batch::ApplyCursors(const v1::CursorsAdvanced& advanced) {
  for (const v1::CursorAdvanced& cursor : advanced.cursors()) {
    const store::OrganizationRow* organization = FindOrganization(cursor.organization());
    const auto agent = memory_.agents.find(AgentName(cursor.organization(), cursor.agent()));
    if (organization == nullptr || agent == memory_.agents.end() ||
        cursor.position() <= CursorOf(agent->second) ||
        cursor.position() >= PlaceOf(*organization).outbox_next()) {
      continue;
    }
    MoveCursor(agent->second, cursor.position());
    NOROSHI_RETURN_IF_ERROR(Receive(*organization, cursor.position()));
  }
  return {};
}

// The organisation's first agent has everything up to here.
Result<void> Batch::Receive(const store::OrganizationRow& organization, uint64_t position) {
  const store::PlaceRow& place = PlaceOf(organization);
  if (position <= place.received()) return {};
  const std::string& id = organization.organization().id();
  // The newest alerts are at hand; most of what is received besides are updates, which
  // nobody follows up.
  const store::OutboxAlertsRow& alerts = place.alerts();
  if (!alerts.positions().empty()) {
    const uint64_t filed = std::min(position + 1, alerts.positions(0));
    NOROSHI_RETURN_IF_ERROR(ReceiveFiled(id, place.received(), filed));
  }
  for (int i = 0; i < alerts.positions_size() && alerts.positions(i) <= position; ++i) {
    if (alerts.positions(i) <= place.received()) continue;
    NOROSHI_ASSIGN_OR_RETURN(const std::string alert_id, AlertId(alerts.numbers(i)));
    NOROSHI_RETURN_IF_ERROR(ReceiveAlert(alert_id, id));
  }
  MovePlace(organization)->set_received(position);
  return {};
}

// Alerts between those positions, neither included.
Result<void> Batch::ReceiveFiled(const std::string& organization, uint64_t after, uint64_t before) {
  constexpr size_t kAtOnce = 256;
  while (after + 1 < before) {
    NOROSHI_ASSIGN_OR_RETURN(const auto alerts, state_.FiledAlerts(organization, before, kAtOnce));
    for (const store::OutboxAlert& alert : alerts) {
      if (alert.position <= after) return {};
      NOROSHI_ASSIGN_OR_RETURN(const std::string alert_id, AlertId(alert.number));
      NOROSHI_RETURN_IF_ERROR(ReceiveAlert(alert_id, organization));
    }
    if (alerts.size() < kAtOnce) return {};
    before = alerts.back().position;
  }
  return {};
}

Result<void> Batch::ReceiveAlert(const std::string& alert_id, const std::string& organization) {
  NOROSHI_ASSIGN_OR_RETURN(store::DeliveryRow* const row, FindDelivery(alert_id, organization));
  if (row == nullptr || row->received_at_ms() != 0) return {};
  row->set_received_at_ms(at_.time_ms);
  row->set_state(std::max(row->state(), store::v1::DELIVERY_STATE_RECEIVED));
  return {};
}

Result<std::string> Batch::AlertId(uint64_t number) {
  const auto known = alert_ids_.find(number);
  if (known != alert_ids_.end()) return known->second;
  NOROSHI_ASSIGN_OR_RETURN(auto id, state_.AlertId(number));
  if (!id) return Error{ErrorCode::kCorruption, "state: an outbox names an alert of nobody's"};
  if (alert_ids_.size() >= kAlertIdsMax) alert_ids_.clear();
  alert_ids_.emplace(number, *id);
  return *std::move(id);
}

Result<store::DeliveryRow*> Batch::FindDelivery(const std::string& alert_id,
                                                const std::string& organization) {
  const auto find_in = [&](store::DeliveriesRow* row) -> store::DeliveryRow* {
    const auto found = std::ranges::find(*row->mutable_deliveries(), organization,
                                         &store::DeliveryRow::organization);
    return found == row->mutable_deliveries()->end() ? nullptr : &*found;
  };
  // Among those at hand it would be in the last that begins with this name or before it.
  auto at_hand = memory_.deliveries.upper_bound({alert_id, organization});
  if (at_hand != memory_.deliveries.begin() && (--at_hand)->first.first == alert_id) {
    if (store::DeliveryRow* delivery = find_in(&at_hand->second)) {
      deliveries_.insert(at_hand->first);
      return delivery;
    }
  }
  NOROSHI_ASSIGN_OR_RETURN(auto row, state_.DeliveriesAt(alert_id, organization));
  if (!row || find_in(&*row) == nullptr) return static_cast<store::DeliveryRow*>(nullptr);
  return find_in(KeepDeliveries(*std::move(row)));
}

store::DeliveriesRow* Batch::KeepDeliveries(store::DeliveriesRow row) {
  if (memory_.deliveries.size() >= kDeliveriesRowsMax) {
    WriteDeliveries();
    memory_.deliveries.clear();
  }
  auto key = std::make_pair(row.deliveries(0).alert_id(), row.deliveries(0).organization());
  deliveries_.insert(key);
  return &memory_.deliveries.insert_or_assign(std::move(key), std::move(row)).first->second;
}

void Batch::WriteDeliveries() {
  for (const auto& key : deliveries_) state_.SetDeliveries(memory_.deliveries.at(key));
  deliveries_.clear();
}

Batch::Effect Batch::ApplyMarked(const v1::AlertMarked& marked) {
  NOROSHI_ASSIGN_OR_RETURN(store::DeliveryRow* const row,
                           FindDelivery(marked.alert_id(), std::string(at_.organization)));
  if (row == nullptr) return kRefusedNotFound;
  const bool closed = row->closed_at_ms() != 0;
  switch (marked.mark()) {
    case v1::DELIVERY_MARK_READ:
      if (closed || row->read_at_ms() != 0) return std::string();
      row->set_state(store::v1::DELIVERY_STATE_READ);
      break;
    case v1::DELIVERY_MARK_ACTED:
      row->set_state(store::v1::DELIVERY_STATE_ACTED);
      row->set_closed_at_ms(at_.time_ms);
      break;
    case v1::DELIVERY_MARK_NOT_APPLICABLE:
      row->set_state(store::v1::DELIVERY_STATE_NOT_APPLICABLE);
      row->set_closed_at_ms(at_.time_ms);
      break;
    default:
      return kRefusedState;
  }
  // Who answers has read, and who has read has received.
  if (row->read_at_ms() == 0) {
    row->set_read_at_ms(at_.time_ms);
    NOROSHI_RETURN_IF_ERROR(CountRead(row->alert_id()));
  }
  if (row->received_at_ms() == 0) row->set_received_at_ms(at_.time_ms);
  row->set_person(marked.person());
  row->set_note(marked.note());
  return std::string();
}

// The deadline ends with the last reader.
Result<void> Batch::CountRead(const std::string& alert_id) {
  NOROSHI_ASSIGN_OR_RETURN(const uint64_t before, state_.ReadsOf(alert_id));
  state_.SetReads(alert_id, before + 1);
  NOROSHI_ASSIGN_OR_RETURN(const auto alert, state_.Alert(alert_id));
  if (!alert || before + 1 < alert->recipient_count()) return {};
  const int64_t deadline = alert->original().acknowledge_by_ms();
  if (deadline == 0 || deadline <= memory_.meta.time_reached_ms()) return {};
  state_.RemoveDeadline({deadline, alert_id});
  applied_.deadlines_changed = true;
  return {};
}

Result<void> Batch::ApplyTime(const v1::TimeReached& reached) {
  memory_.meta.set_time_reached_ms(std::max(memory_.meta.time_reached_ms(), reached.time_ms()));
  NOROSHI_ASSIGN_OR_RETURN(const auto deadlines,
                           state_.DeadlinesUntil(reached.time_ms(), kDeadlinesPerEntryMax));
  for (const store::Deadline& deadline : deadlines) {
    state_.RemoveDeadline(deadline);
    NOROSHI_RETURN_IF_ERROR(MarkLate(deadline.alert_id));
  }
  applied_.deadlines_changed = true;
  return {};
}

// Whoever has not read it.
Result<void> Batch::MarkLate(const std::string& alert_id) {
  WriteDeliveries();
  NOROSHI_ASSIGN_OR_RETURN(auto rows, state_.DeliveriesRows(alert_id));
  for (store::DeliveriesRow& row : rows) {
    for (store::DeliveryRow& delivery : *row.mutable_deliveries()) {
      if (delivery.read_at_ms() == 0) delivery.set_late(true);
    }
    KeepDeliveries(std::move(row));
  }
  return {};
}

}  // namespace noroshi::engine
