// What becomes of deliveries: received, read, acted, late.
#include <algorithm>

#include "hub/engine/batch.h"
#include "hub/engine/refusals.h"

namespace noroshi::engine {

Result<void> Batch::ApplyCursors(const v1::CursorsAdvanced& advanced) {
  for (const v1::CursorAdvanced& cursor : advanced.cursors()) {
    store::OrganizationRow* organization = FindOrganization(cursor.organization());
    NOROSHI_ASSIGN_OR_RETURN(auto agent, state_.Agent(cursor.organization(), cursor.agent()));
    if (organization == nullptr || !agent || cursor.position() <= agent->cursor() ||
        cursor.position() >= organization->outbox_next()) {
      continue;
    }
    agent->set_cursor(cursor.position());
    state_.SetAgent(*agent);
    NOROSHI_RETURN_IF_ERROR(Receive(organization, cursor.position()));
  }
  return {};
}

// The organisation's first agent has everything up to here.
Result<void> Batch::Receive(store::OrganizationRow* organization, uint64_t position) {
  const std::string& id = organization->organization().id();
  // Most of what is received are updates, which nobody follows up.
  const uint64_t last = std::min(position, organization->newest_alert());
  for (uint64_t next = organization->received() + 1; next <= last; ++next) {
    NOROSHI_ASSIGN_OR_RETURN(const auto item, state_.Outbox(id, next));
    if (!item || item->alert_id().empty()) continue;
    NOROSHI_ASSIGN_OR_RETURN(auto row, state_.Delivery(item->alert_id(), id));
    if (!row || row->received_at_ms() != 0) continue;
    row->set_received_at_ms(at_.time_ms);
    row->set_state(std::max(row->state(), store::v1::DELIVERY_STATE_RECEIVED));
    state_.SetDelivery(*row);
  }
  if (position > organization->received()) {
    organization->set_received(position);
    Touch(*organization);
  }
  return {};
}

Batch::Effect Batch::ApplyMarked(const v1::AlertMarked& marked) {
  NOROSHI_ASSIGN_OR_RETURN(auto row, state_.Delivery(marked.alert_id(), at_.organization));
  if (!row) return kRefusedNotFound;
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
    RemoveDeadlineOf(*row);
    NOROSHI_ASSIGN_OR_RETURN(const uint64_t reads, state_.ReadsOf(row->alert_id()));
    state_.SetReads(row->alert_id(), reads + 1);
  }
  if (row->received_at_ms() == 0) row->set_received_at_ms(at_.time_ms);
  row->set_person(marked.person());
  row->set_note(marked.note());
  state_.SetDelivery(*row);
  return std::string();
}

void Batch::RemoveDeadlineOf(const store::DeliveryRow& row) {
  if (row.acknowledge_by_ms() == 0 || row.late()) return;
  state_.RemoveDeadline({row.acknowledge_by_ms(), row.alert_id(), row.organization()});
  applied_.deadlines_changed = true;
}

Result<void> Batch::ApplyTime(const v1::TimeReached& reached) {
  memory_.meta.set_time_reached_ms(std::max(memory_.meta.time_reached_ms(), reached.time_ms()));
  NOROSHI_ASSIGN_OR_RETURN(const auto deadlines,
                           state_.DeadlinesUntil(reached.time_ms(), kDeadlinesPerEntryMax));
  for (const store::Deadline& deadline : deadlines) {
    NOROSHI_ASSIGN_OR_RETURN(auto row, state_.Delivery(deadline.alert_id, deadline.organization));
    state_.RemoveDeadline(deadline);
    if (!row) continue;
    row->set_late(true);
    state_.SetDelivery(*row);
  }
  applied_.deadlines_changed = true;
  return {};
}

}  // namespace noroshi::engine
