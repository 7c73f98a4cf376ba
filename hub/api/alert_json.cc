#include "hub/api/alert_json.h"

#include <boost/json/array.hpp>

#include "common/base/check.h"
#include "hub/render/json.h"
#include "hub/sharing/audience.h"

namespace noroshi::api {

namespace json = boost::json;
using render::TimeJson;
using render::UuidText;
using render::Word;

access::Object ObjectOf(const v1::Alert& alert) {
  access::Object object;
  object.tlp = alert.tlp();
  if (!alert.circle().empty()) object.circles.push_back(alert.circle());
  return object;
}

json::object AlertHeadJson(const v1::Alert& alert) {
  return {{"alert_id", UuidText(alert.alert_id())},
          {"kind", Word(alert.kind())},
          {"tlp", render::TlpLabel(alert.tlp())},
          {"circle", alert.circle()},
          {"exercise_id", alert.exercise_id()},
          {"issued_at", TimeJson(alert.issued_at_ms())},
          {"acknowledge_by", TimeJson(alert.acknowledge_by_ms())},
          {"withheld", true}};
}

void AddTitles(const v1::Alert& alert, json::object* object) {
  (*object)["title_ja"] = alert.title_ja();
  (*object)["title_en"] = alert.title_en();
  (*object)["withheld"] = alert.content_withheld();
}

void AddContent(const v1::Alert& alert, json::object* object) {
  AddTitles(alert, object);
  (*object)["text_ja"] = alert.text_ja();
  (*object)["text_en"] = alert.text_en();
  (*object)["originator"] = alert.originator();
  json::array indicators;
  for (const auto& indicator : alert.indicators()) {
    indicators.emplace_back(json::object{{"type", indicator.type()}, {"value", indicator.value()}});
  }
  (*object)["indicators"] = std::move(indicators);
}

v1::Alert AlertForMember(const store::AlertRow& row, bool may_have_content) {
  if (!may_have_content) return sharing::RenderAlert(row.original(), sharing::Purpose::kNotice);
  v1::Alert sent;
  NOROSHI_CHECK(sent.ParseFromString(row.alert()));
  if (!sent.content_withheld()) return sent;
  return sharing::RenderAlert(row.original(), sharing::Purpose::kAlert);
}

json::object DeliveryJson(const store::DeliveryRow& row) {
  json::object object = render::ToJson(row);
  object["alert_id"] = UuidText(row.alert_id());
  object["acknowledge_by"] = TimeJson(row.acknowledge_by_ms());
  return object;
}

json::object RecipientJson(const std::string& organization, const std::string& reason) {
  return {{"organization", organization}, {"reason", reason}};
}

json::value CaseIdJson(uint64_t case_id) {
  return case_id == 0 ? json::value(nullptr) : json::value(case_id);
}

}  // namespace noroshi::api
