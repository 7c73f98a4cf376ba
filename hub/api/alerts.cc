// Alerts (発信): who may read which, what became of each, and an organisation's outbox.
#include "hub/api/alerts.h"

#include "common/base/encoding.h"
#include "hub/api/alert_json.h"
#include "hub/api/call.h"
#include "hub/api/questions.h"
#include "hub/render/json.h"
#include "hub/sharing/audience.h"

namespace noroshi::api {
namespace {

using access::Deed;
using render::UuidText;

// An alert for somebody who may see at least that there is one.
struct Seen {
  store::AlertRow row;
  std::optional<store::DeliveryRow> delivery;  // To the caller's organisation.
  bool may_have_content = true;
};

// What is known to everybody at an organisation that received it.
access::Object NoticeObject() {
  access::Object object;
  object.received = true;
  return object;
}

access::Object ReceivedObject(const v1::Alert& alert, bool received) {
  access::Object object = ObjectOf(alert);
  object.received = received;
  return object;
}

// The alert that the path names, authorised by the route's deed. That there is one may be
// known where it was sent, also to a person who may not have the content.
Result<Seen> FindAlert(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const std::string id, call.IdParam("alert_id"));
  NOROSHI_ASSIGN_OR_RETURN(auto row, call.view().Alert(id));
  if (!row) {
    NOROSHI_RETURN_IF_ERROR(call.Authorize(NoObject()));
    return Error{ErrorCode::kNotFound, "there is no such resource"};
  }
  Seen seen;
  if (!call.is_centre()) {
    NOROSHI_ASSIGN_OR_RETURN(seen.delivery, call.view().Delivery(id, call.actor().organization));
  }
  const Deed deed = call.route().deed;
  const access::Object object = ReceivedObject(row->original(), seen.delivery.has_value());
  seen.may_have_content = call.Decide(deed, object).allowed;
  if (!seen.may_have_content && seen.delivery) {
    if (deed != Deed::kAlertRead) {
      return Error{ErrorCode::kDenied, "your roles do not permit this for an alert so marked"};
    }
    NOROSHI_RETURN_IF_ERROR(call.Authorize(NoticeObject()));
  } else {
    NOROSHI_RETURN_IF_ERROR(call.Authorize(object));
  }
  seen.row = *std::move(row);
  return seen;
}

// ---- lists ----

// content: what the caller may have without a record of its reading; else the notice.
json::object MemberSummary(const store::AlertRow& row, bool may_have_content) {
  const v1::Alert alert = AlertForMember(row, may_have_content);
  json::object object = AlertHeadJson(alert);
  AddTitles(alert, &object);
  return object;
}

json::object CentreSummary(const store::AlertRow& row, bool may_have_content) {
  json::object object = AlertHeadJson(row.original());
  if (may_have_content) AddTitles(row.original(), &object);
  object["case_id"] = CaseIdJson(row.case_id());
  object["rule"] = row.rule();
  object["issued_by"] = row.issued_by();
  object["recipient_count"] = row.recipient_count();
  return object;
}

Result<Reply> ListAllAlerts(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const size_t limit, call.Limit());
  NOROSHI_ASSIGN_OR_RETURN(const uint64_t before, call.NumberCursor());
  NOROSHI_ASSIGN_OR_RETURN(const auto rows, call.view().Alerts(before, limit));
  json::array items;
  for (const store::AlertRow& row : rows) {
    const access::Decision decision = call.Decide(Deed::kAlertRead, ObjectOf(row.original()));
    if (decision.allowed) items.emplace_back(CentreSummary(row, !decision.record));
  }
  const bool more = rows.size() == limit;
  return Page("alerts", std::move(items), more ? BigEndian64(rows.back().number()) : "");
}

// What was sent to the caller's organisation.
Result<json::object> ReceivedSummary(Call& call, const store::AlertRow& row) {
  const access::Object object = ReceivedObject(row.original(), true);
  const access::Decision decision = call.Decide(Deed::kAlertRead, object);
  json::object item = MemberSummary(row, decision.allowed && !decision.record);
  NOROSHI_ASSIGN_OR_RETURN(const auto delivery,
                           call.view().Delivery(row.alert_id(), call.actor().organization));
  if (delivery) item["delivery"] = DeliveryJson(*delivery);
  return item;
}

Result<Reply> ListReceivedAlerts(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const size_t limit, call.Limit());
  NOROSHI_ASSIGN_OR_RETURN(uint64_t position, call.NumberCursor());
  json::array items;
  size_t looked_at = 0;
  bool more = true;
  while (more && items.size() < limit && looked_at < kLookedAtMax) {
    const size_t wanted = std::min(kLookedAtMax - looked_at, std::max<size_t>(limit, kPageDefault));
    NOROSHI_ASSIGN_OR_RETURN(const auto rows,
                             call.view().OutboxBefore(call.actor().organization, position, wanted));
    more = rows.size() == wanted;
    for (const auto& [at, item] : rows) {
      position = at;
      ++looked_at;
      if (item.alert_id().empty()) continue;
      NOROSHI_ASSIGN_OR_RETURN(const auto row, call.view().Alert(item.alert_id()));
      if (!row) continue;
      NOROSHI_ASSIGN_OR_RETURN(auto summary, ReceivedSummary(call, *row));
      items.emplace_back(std::move(summary));
      if (items.size() < limit) continue;
      more = true;
      break;
    }
  }
  return Page("alerts", std::move(items), more ? BigEndian64(position) : "");
}

Result<Reply> ListAlerts(Call& call) {
  NOROSHI_RETURN_IF_ERROR(call.Authorize(call.is_centre() ? access::Object() : NoticeObject()));
  return call.is_centre() ? ListAllAlerts(call) : ListReceivedAlerts(call);
}

// ---- one ----

void AddOffice(const store::AlertRow& row, const store::AudienceRow& decided,
               json::object* object) {
  json::array audience;
  for (const auto& selector : row.audience()) audience.emplace_back(selector);
  json::array recipients;
  for (const auto& one : decided.recipients()) {
    recipients.emplace_back(RecipientJson(one.organization(), one.reason()));
  }
  json::array excluded;
  for (const auto& one : decided.excluded()) {
    excluded.emplace_back(RecipientJson(one.organization(), one.reason()));
  }
  (*object)["audience"] = std::move(audience);
  (*object)["recipients"] = std::move(recipients);
  (*object)["excluded"] = std::move(excluded);
}

Result<Reply> ShowAlert(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const Seen seen, FindAlert(call));
  if (call.is_centre()) {
    json::object body = CentreSummary(seen.row, true);
    AddContent(seen.row.original(), &body);
    NOROSHI_ASSIGN_OR_RETURN(const auto decided, call.view().AudienceOf(seen.row.alert_id()));
    AddOffice(seen.row, decided, &body);
    return Reply{200, std::move(body), {}, {}};
  }
  const v1::Alert alert = AlertForMember(seen.row, seen.may_have_content);
  json::object body = AlertHeadJson(alert);
  AddContent(alert, &body);
  body["delivery"] = DeliveryJson(*seen.delivery);
  return Reply{200, std::move(body), {}, {}};
}

// ---- deliveries ----

Result<Reply> ListAllDeliveries(Call& call, const store::AlertRow& row) {
  NOROSHI_ASSIGN_OR_RETURN(const size_t limit, call.Limit());
  NOROSHI_ASSIGN_OR_RETURN(const std::string cursor, call.Cursor());
  NOROSHI_ASSIGN_OR_RETURN(const auto rows,
                           call.view().DeliveriesOfAlert(row.alert_id(), cursor, limit));
  NOROSHI_ASSIGN_OR_RETURN(const auto decided, call.view().AudienceOf(row.alert_id()));
  std::map<std::string_view, const std::string*> reasons;
  for (const auto& recipient : decided.recipients()) {
    reasons[recipient.organization()] = &recipient.reason();
  }
  json::array items;
  for (const store::DeliveryRow& delivery : rows) {
    json::object item = DeliveryJson(delivery);
    const auto reason = reasons.find(delivery.organization());
    if (reason != reasons.end()) item["reason"] = *reason->second;
    items.emplace_back(std::move(item));
  }
  return Page("deliveries", std::move(items),
              rows.size() == limit ? rows.back().organization() : "");
}

// Members learn of their own alone.
Result<Reply> ListAlertDeliveries(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const std::string id, call.IdParam("alert_id"));
  NOROSHI_ASSIGN_OR_RETURN(const auto row, call.view().Alert(id));
  if (call.is_centre()) {
    NOROSHI_RETURN_IF_ERROR(call.Authorize(row ? ObjectOf(row->original()) : NoObject()));
    if (!row) return Error{ErrorCode::kNotFound, "there is no such resource"};
    return ListAllDeliveries(call, *row);
  }
  const std::string& own = call.actor().organization;
  NOROSHI_ASSIGN_OR_RETURN(const auto delivery, call.view().Delivery(id, own));
  NOROSHI_RETURN_IF_ERROR(call.Authorize(delivery ? OwnedBy(own) : NoObject()));
  return Page("deliveries", {DeliveryJson(*delivery)}, "");
}

Result<Reply> MarkAlert(Call& call) {
  NOROSHI_ASSIGN_OR_RETURN(const Seen seen, FindAlert(call));
  const auto mark = render::FromWord<v1::DeliveryMark>(call.Text("mark"));
  if (!mark.ok()) return mark.error().Prefixed("mark");
  v1::Action action;
  v1::AlertMarked& marked = *action.mutable_alert_marked();
  marked.set_alert_id(seen.row.alert_id());
  marked.set_mark(*mark);
  marked.set_note(call.Text("note"));
  const std::string person = call.actor().id.substr(call.actor().id.find(':') + 1);
  NOROSHI_ASSIGN_OR_RETURN(const auto who, call.view().Person(person));
  if (who) marked.set_person(who->person().name());
  NOROSHI_RETURN_IF_ERROR(
      call.Commit(std::move(action), "/alerts/" + UuidText(seen.row.alert_id())));
  NOROSHI_ASSIGN_OR_RETURN(const auto delivery,
                           call.view().Delivery(seen.row.alert_id(), call.actor().organization));
  if (!delivery) return Error{ErrorCode::kInternal, "the delivery's row is gone"};
  return Reply{200, DeliveryJson(*delivery), {}, {}};
}

// ---- the outbox ----

// What became of a submission of the caller's organisation.
Result<json::object> UpdateJson(Call& call, const v1::Update& update) {
  json::object object{{"submission_id", UuidText(update.submission_id())},
                      {"case_reference", update.case_reference().empty()
                                             ? json::value(nullptr)
                                             : json::value(UuidText(update.case_reference()))},
                      {"relation", render::Word(update.relation())},
                      {"exercise_id", update.exercise_id()},
                      {"withheld", true}};
  NOROSHI_ASSIGN_OR_RETURN(const auto row, call.view().Submission(update.sequence()));
  if (!row) return object;
  const access::Decision decision = call.Decide(Deed::kReportRead, ObjectOf(*row));
  if (!decision.allowed || decision.record) return object;
  object["classification"] = render::ToJson(update.classification());
  object["analysis_error"] = update.analysis_error();
  object["withheld"] = false;
  return object;
}

Result<json::object> OutboxJson(Call& call, uint64_t position, const store::OutboxRow& item) {
  json::object object{{"position", position}, {"reason", item.reason()}};
  if (!item.alert_id().empty()) {
    object["kind"] = "alert";
    NOROSHI_ASSIGN_OR_RETURN(const auto row, call.view().Alert(item.alert_id()));
    if (!row) return object;
    NOROSHI_ASSIGN_OR_RETURN(object["alert"], ReceivedSummary(call, *row));
  } else if (!item.question_id().empty()) {
    object["kind"] = "question";
    NOROSHI_ASSIGN_OR_RETURN(const auto row, call.view().Question(item.question_id()));
    if (!row) return object;
    NOROSHI_ASSIGN_OR_RETURN(auto question, QuestionSummary(call, *row));
    if (question) object["question"] = *std::move(question);
  } else {
    object["kind"] = "update";
    v1::Update update;
    if (!update.ParseFromString(item.update())) {
      return Error{ErrorCode::kCorruption, "state: an outbox holds an unreadable update"};
    }
    NOROSHI_ASSIGN_OR_RETURN(object["update"], UpdateJson(call, update));
  }
  return object;
}

Result<Reply> ListOutbox(Call& call) {
  const std::string& own = call.actor().organization;
  NOROSHI_RETURN_IF_ERROR(call.Authorize(OwnedBy(own)));
  NOROSHI_ASSIGN_OR_RETURN(const size_t limit, call.Limit());
  NOROSHI_ASSIGN_OR_RETURN(const uint64_t before, call.NumberCursor());
  NOROSHI_ASSIGN_OR_RETURN(const auto rows, call.view().OutboxBefore(own, before, limit));
  json::array items;
  for (const auto& [position, item] : rows) {
    NOROSHI_ASSIGN_OR_RETURN(auto object, OutboxJson(call, position, item));
    items.emplace_back(std::move(object));
  }
  const bool more = rows.size() == limit;
  return Page("deliveries", std::move(items), more ? BigEndian64(rows.back().first) : "");
}

}  // namespace

Result<json::object> AlertSummary(Call& call, const store::AlertRow& row) {
  if (!call.is_centre()) return ReceivedSummary(call, row);
  return CentreSummary(row, !call.Decide(Deed::kAlertRead, ObjectOf(row.original())).record);
}

void AddAlertRoutes(std::vector<Route>* routes) {
  const auto add = [&](Route route) { routes->push_back(std::move(route)); };
  add({"GET",
       "/alerts",
       Deed::kAlertRead,
       ListAlerts,
       "Alerts, newest first; at an organisation those that it received",
       "",
       "AlertPage",
       {"limit", "cursor"}});
  add({"GET", "/alerts/{alert_id}", Deed::kAlertRead, ShowAlert, "One alert", "", "Alert", {}});
  add({"GET",
       "/alerts/{alert_id}/deliveries",
       Deed::kDeliveryRead,
       ListAlertDeliveries,
       "Who received it, by organisation; at an organisation its own delivery",
       "",
       "DeliveryPage",
       {"limit", "cursor"}});
  add({"POST",
       "/alerts/{alert_id}/marks",
       Deed::kDeliveryMark,
       MarkAlert,
       "Say that it was read, acted on, or does not apply",
       "AlertMark",
       "Delivery",
       {}});
  add({"GET",
       "/deliveries",
       Deed::kDeliveryRead,
       ListOutbox,
       "What was sent to my organisation, newest first: alerts, updates, questions",
       "",
       "OutboxPage",
       {"limit", "cursor"}});
}

}  // namespace noroshi::api
