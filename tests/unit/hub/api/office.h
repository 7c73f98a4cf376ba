// Office: a desk with a centre, two organisations and persons of many roles.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/json.h"
#include "tests/unit/hub/api/desk.h"

namespace noroshi::api {

class Office : public testing::Test {
 protected:
  using Session = Desk::Session;

  void SetUp() override {
    desk_.AddOrganization("centre", v1::ORGANIZATION_KIND_CENTRE);
    desk_.AddOrganization("moj", v1::ORGANIZATION_KIND_MINISTRY, {"council"});
    desk_.AddOrganization("nict", v1::ORGANIZATION_KIND_INCORPORATED_AGENCY);
    reader_ = desk_.SignIn("reader", "centre", {v1::ROLE_READER});
    analyst_ = desk_.SignIn("analyst", "centre", {v1::ROLE_ANALYST}, {"council"});
    approver_ = desk_.SignIn("approver", "centre", {v1::ROLE_APPROVER}, {"council"});
    admin_ = desk_.SignIn("admin", "centre", {v1::ROLE_ADMINISTRATOR});
    reporter_ = desk_.SignIn("reporter", "moj", {v1::ROLE_REPORTER});
    liaison_ = desk_.SignIn("liaison", "moj", {v1::ROLE_LIAISON});
    other_ = desk_.SignIn("other", "nict", {v1::ROLE_LIAISON, v1::ROLE_REPORTER});
  }

  // The answer's body, which has this status.
  json::value Call(const Session& who, const std::string& method, const std::string& path,
                   int status, const json::value& body = nullptr,
                   const http::Parameters& query = {}) {
    const http::Response response = desk_.Call(who, method, path, body, query);
    EXPECT_EQ(response.status, status) << method << " " << path << ": " << response.body;
    return Body(response);
  }
  json::value Get(const Session& who, const std::string& path, int status = 200,
                  const http::Parameters& query = {}) {
    return Call(who, "GET", path, status, nullptr, query);
  }
  json::value Post(const Session& who, const std::string& path, const json::value& body,
                   int status) {
    return Call(who, "POST", path, status, body);
  }

  // A report that opens a case, whose number it is.
  uint64_t Report(const std::string& organization, v1::Tlp tlp = v1::TLP_GREEN) {
    const Uuid id = SystemRandom().UuidV7(desk_.now_ms());
    v1::Submission submission;
    submission.set_id(id.bytes());
    submission.set_created_at_ms(desk_.now_ms());
    submission.mutable_handling()->set_tlp(tlp);
    submission.mutable_incident()->set_stage(v1::REPORT_STAGE_FIRST);
    submission.mutable_incident()->set_what_happened("障害");
    last_submission_ = id.ToString();
    return desk_.Append(v1::ENTRY_KIND_INCIDENT_REPORT, organization, "agent",
                        submission.SerializeAsString(), id);
  }

  static json::object Draft(const std::string& tlp, json::array to) {
    return {{"kind", "warning"},   {"tlp", tlp},          {"to", std::move(to)},
            {"title_ja", "題"},    {"title_en", "title"}, {"text_ja", "本文の秘密"},
            {"text_en", "secret"}, {"reason", "because"}};
  }
  // Proposed by the analyst; the proposal.
  json::value Propose(const json::object& draft) {
    return Post(analyst_, "/alerts/proposals", draft, 201);
  }
  // Proposed, approved by the approver and so sent. The alert's id.
  std::string Send(const json::object& draft) {
    const json::value proposal = Propose(draft);
    const json::value decided =
        Post(approver_, "/proposals/" + support::TextAt(proposal, "/proposal_id") + "/decision",
             json::object{{"approved", true}}, 200);
    EXPECT_EQ(support::TextAt(decided, "/state"), "approved");
    return support::TextAt(decided, "/alert_id");
  }

  // Objects of the readings of RED and circle content on record, oldest first.
  std::vector<std::string> Readings() {
    const auto rows = *desk_.store().Snapshot()->Audit(0, 1'000);
    std::vector<std::string> readings;
    for (const store::AuditRow& row : rows) {
      if (row.what() == "content_read") readings.push_back(row.actor() + " " + row.object());
    }
    std::reverse(readings.begin(), readings.end());
    return readings;
  }

  Desk desk_;
  Session reader_, analyst_, approver_, admin_, reporter_, liaison_, other_;
  std::string last_submission_;
};

// The values of one member in a list of objects.
inline std::vector<std::string> Column(const json::value& page, std::string_view list,
                                       std::string_view name) {
  std::vector<std::string> column;
  for (const auto& item : page.at(list).as_array()) {
    column.emplace_back(item.at(name).as_string());
  }
  return column;
}

}  // namespace noroshi::api
