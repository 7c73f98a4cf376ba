// Issuing: an alert, its audience and its way into the outboxes.
#include "hub/engine/batch.h"
#include "hub/engine/refusals.h"

namespace noroshi::engine {
namespace {

void AddDecided(const std::vector<sharing::Decided>& decided,
                google::protobuf::RepeatedPtrField<store::v1::RecipientRow>* rows) {
  for (const sharing::Decided& one : decided) {
    store::v1::RecipientRow& row = *rows->Add();
    row.set_organization(one.organization);
    row.set_reason(one.reason);
  }
}

// As many as make a row. The newest stay: what is not received yet is mostly among them.
store::OutboxAlertsRow TakeOldest(store::OutboxAlertsRow* alerts) {
  constexpr auto kCount = static_cast<int>(store::kAlertsPerRow);
  store::OutboxAlertsRow oldest;
  oldest.mutable_positions()->Add(alerts->positions().begin(),
                                  alerts->positions().begin() + kCount);
  oldest.mutable_numbers()->Add(alerts->numbers().begin(), alerts->numbers().begin() + kCount);
  alerts->mutable_positions()->ExtractSubrange(0, kCount, nullptr);
  alerts->mutable_numbers()->ExtractSubrange(0, kCount, nullptr);
  return oldest;
}

}  // namespace

bool CanBeIssued(const v1::Alert& alert) {
  return alert.alert_id().size() == Uuid::kBytes && alert.acknowledge_by_ms() >= 0 &&
         alert.ByteSizeLong() <= kAlertBytesMax;
}

Addressing AddressingOf(const v1::Alert& alert, uint64_t case_id, const store::CaseRow* about) {
  Addressing addressing;
  if (alert.tlp() == v1::TLP_RED) addressing.purpose = sharing::Purpose::kNotice;
  addressing.content.tlp = alert.tlp();
  addressing.content.circle = alert.circle();
  addressing.content.exercise_id = alert.exercise_id();
  // About a case that does not exist: the strictest marking, so nobody.
  if (case_id != 0) {
    addressing.content.source = about != nullptr ? MarkingOfCase(*about) : sharing::Marking();
  }
  return addressing;
}

Batch::Effect Batch::ApplyAlertIssued(v1::AlertIssued& issued) {
  Issue issue;
  issue.original.Swap(issued.mutable_alert());
  v1::Alert& alert = issue.original;
  if (!CanBeIssued(alert)) return kRefusedAlert;
  NOROSHI_ASSIGN_OR_RETURN(const auto known, state_.Alert(alert.alert_id()));
  if (known) return kRefusedUsed;  // Issued twice: the first stands.

  std::optional<store::CaseRow> about;
  if (issued.case_id() != 0) {
    NOROSHI_ASSIGN_OR_RETURN(about, LiveCase(issued.case_id()));
  }
  const auto [purpose, content] = AddressingOf(alert, issued.case_id(), about ? &*about : nullptr);
  if (!content.source || !sharing::MayName(*content.source)) alert.clear_originator();
  alert.set_issued_at_ms(at_.time_ms);
  alert.clear_content_withheld();
  issue.purpose = purpose;
  issue.selectors.assign(issued.audience().begin(), issued.audience().end());
  issue.case_id = about ? about->case_id() : issued.case_id();
  issue.issued_by = issued.issued_by();
  auto audience = sharing::DecideAudience(issue.purpose, content, issue.selectors, Candidates());
  // Selectors that mean nothing address nobody; the alert is on record all the same.
  if (audience.ok()) issue.audience = std::move(audience).value();
  Send(issue);
  if (about) {
    about->add_alerts(alert.alert_id());
    PutCase(&*about);
  }
  return std::string();
}

void Batch::Send(const Issue& issue) {
  store::AlertRow row;
  row.set_alert_id(issue.original.alert_id());
  NOROSHI_CHECK(
      sharing::RenderAlert(issue.original, issue.purpose).SerializeToString(row.mutable_alert()));
  *row.mutable_original() = issue.original;
  row.set_case_id(issue.case_id);
  row.set_rule(issue.rule);
  row.set_issued_by(issue.issued_by);
  for (const std::string& selector : issue.selectors) row.add_audience(selector);
  store::AudienceRow audience;
  AddDecided(issue.audience.recipients, audience.mutable_recipients());
  AddDecided(issue.audience.excluded, audience.mutable_excluded());
  state_.SetAudience(row.alert_id(), audience);
  row.set_recipient_count(issue.audience.recipients.size());
  row.set_sequence(at_.sequence);
  row.set_number(memory_.meta.alert_number() + 1);
  memory_.meta.set_alert_number(row.number());
  if (issue.original.exercise_id().empty()) memory_.meta.set_alerts(memory_.meta.alerts() + 1);
  state_.SetAlert(row);
  store::DeliveriesRow deliveries;
  const auto put = [&] {
    KeepDeliveries(std::move(deliveries));
    deliveries = store::DeliveriesRow();
  };
  for (const sharing::Decided& recipient : issue.audience.recipients) {
    *deliveries.add_deliveries() = Deliver(issue, row.number(), recipient);
    if (deliveries.deliveries_size() == store::kDeliveriesPerRow) put();
  }
  if (!deliveries.deliveries().empty()) put();
  if (row.recipient_count() != 0 && issue.original.acknowledge_by_ms() != 0) {
    state_.AddDeadline({issue.original.acknowledge_by_ms(), row.alert_id()});
    applied_.deadlines_changed = true;
  }
  applied_.alerts.push_back(row.alert_id());
}

store::DeliveryRow Batch::Deliver(const Issue& issue, uint64_t number,
                                  const sharing::Decided& recipient) {
  const store::OrganizationRow* organization = FindOrganization(recipient.organization);
  NOROSHI_CHECK(organization != nullptr);
  store::OutboxRow item;
  item.set_alert_id(issue.original.alert_id());
  item.set_reason(recipient.reason);
  store::DeliveryRow row;
  row.set_alert_id(issue.original.alert_id());
  row.set_organization(recipient.organization);
  row.set_reason(recipient.reason);
  row.set_state(store::v1::DELIVERY_STATE_QUEUED);
  row.set_queued_at_ms(at_.time_ms);
  row.set_acknowledge_by_ms(issue.original.acknowledge_by_ms());
  const uint64_t position = AddToOutbox(*organization, std::move(item));
  row.set_position(position);
  store::OutboxAlertsRow& alerts = *MovePlace(*organization)->mutable_alerts();
  alerts.add_positions(position);
  alerts.add_numbers(number);
  if (alerts.positions_size() == 2 * store::kAlertsPerRow) {
    state_.SetOutboxAlerts(recipient.organization, TakeOldest(&alerts));
  }
  return row;
}

uint64_t Batch::AddToOutbox(const store::OrganizationRow& organization, store::OutboxRow item) {
  store::PlaceRow* place = MovePlace(organization);
  const uint64_t position = place->outbox_next();
  const std::string& id = organization.organization().id();
  if (item.alert_id().empty()) state_.SetOutbox(id, position, item);
  place->set_outbox_next(position + 1);
  applied_.outboxes.push_back({id, position, std::move(item)});
  return position;
}

}  // namespace noroshi::engine
