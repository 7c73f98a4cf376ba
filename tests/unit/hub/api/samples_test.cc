// Samples: handed over, hidden, taken out, and analysed.
#include "hub/api/samples.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/encoding.h"
#include "common/crypto/crypto.h"
#include "hub/api/sample_zip.h"
#include "tests/support/archives.h"
#include "tests/support/json.h"
#include "tests/unit/hub/api/desk.h"

namespace noroshi::api {
namespace {

using support::ArrayAt;
using support::At;
using support::NumberAt;
using support::OpenedArchive;
using support::TextAt;
using testing::HasSubstr;
using testing::Not;

constexpr char kOwn[] = "kasumi-ministry";
constexpr char kOther[] = "shinko-agency";
OpenedArchive Open(const std::string& archive, const std::string& password) {
  auto opened = support::OpenArchive(archive, password);
  EXPECT_TRUE(opened.ok()) << opened.error().message;
  return opened.ok() ? *std::move(opened) : OpenedArchive{-1, {}, ""};
}

class SamplesTest : public testing::Test {
 protected:
  void SetUp() override {
    desk_.AddOrganization("centre", v1::ORGANIZATION_KIND_CENTRE);
    desk_.AddOrganization(kOwn, v1::ORGANIZATION_KIND_MINISTRY);
    desk_.AddOrganization(kOther, v1::ORGANIZATION_KIND_INCORPORATED_AGENCY);
    reader_ = desk_.SignIn("reader", "centre", {v1::ROLE_READER});
    analyst_ = desk_.SignIn("analyst", "centre", {v1::ROLE_ANALYST, v1::ROLE_AUDITOR});
    reporter_ = desk_.SignIn("reporter", kOwn, {v1::ROLE_REPORTER});
    liaison_ = desk_.SignIn("liaison", kOwn, {v1::ROLE_LIAISON});
    stranger_ = desk_.SignIn("stranger", kOther, {v1::ROLE_LIAISON, v1::ROLE_REPORTER});
  }

  http::Response Store(const Desk::Session& session, const std::string& content,
                       http::Parameters query, const std::string& key = "") {
    http::Request request;
    request.body = content;
    request.headers.Set("Content-Type", "application/octet-stream");
    if (!key.empty()) request.headers.Set("Idempotency-Key", key);
    return desk_.Send(session, "POST", "/samples", std::move(request), query);
  }
  std::string MustStore(const Desk::Session& session, const std::string& content,
                        const std::string& tlp = "AMBER") {
    const auto answer = Store(session, content, {{"name", "sample.exe"}, {"tlp", tlp}});
    EXPECT_EQ(answer.status, 201) << answer.body;
    return TextAt(Body(answer), "/sample_id");
  }
  http::Response Get(const Desk::Session& session, const std::string& path,
                     const http::Parameters& query = {}) {
    return desk_.Call(session, "GET", path, nullptr, query);
  }
  http::Response Post(const Desk::Session& session, const std::string& path, json::object body) {
    return desk_.Call(session, "POST", path, std::move(body));
  }
  http::Response Take(const Desk::Session& session, const std::string& id,
                      const std::string& password = "") {
    json::object body{{"purpose", "analysis"}};
    if (!password.empty()) body["password"] = password;
    return Post(session, "/samples/" + id + "/content", std::move(body));
  }
  json::value NewestAudit() {
    return At(Body(Get(analyst_, "/audit", {{"limit", "1"}})), "/entries/0");
  }
  void ExpectField(const http::Response& answer, const std::string& pointer) {
    EXPECT_EQ(answer.status, 422) << answer.body;
    EXPECT_EQ(TextAt(Body(answer), "/errors/0/pointer"), pointer) << answer.body;
  }
  uint64_t MustReport(const Desk::Session& session) {
    const auto answer = Post(session, "/reports",
                             {{"handling", json::object{{"tlp", "AMBER"}}},
                              {"incident", json::object{{"stage", "first"}, {"title", "t"}}}});
    EXPECT_EQ(answer.status, 201) << answer.body;
    return static_cast<uint64_t>(NumberAt(Body(answer), "/sequence"));
  }

  Desk desk_;
  Desk::Session reader_, analyst_, reporter_, liaison_, stranger_;
};

// ---- the archive ----

TEST(SampleZipTest, OpensWithThePasswordAndOnlyWithIt) {
  std::string content(100'000, '\0');
  for (size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * i);
  const std::string hash = Sha256Of(content);
  const auto archive = ZipSample(content, hash, kSamplePassword, 1'774'965'599'999);
  ASSERT_TRUE(archive.ok()) << archive.error().message;
  EXPECT_LE(archive->size(), content.size() + kZipOverheadMax);
  EXPECT_EQ(archive->find(content.substr(0, 64)), std::string::npos);
  const OpenedArchive opened = Open(*archive, kSamplePassword);
  EXPECT_EQ(opened.status, 0);
  EXPECT_THAT(opened.files, testing::ElementsAre(testing::Pair(ToHex(hash) + ".bin", content)));
  EXPECT_THAT(opened.listing, HasSubstr("AES-256"));
  EXPECT_NE(Open(*archive, "infectee").status, 0);
}

TEST(SampleZipTest, TheLargestSampleFits) {
  const std::string content(kSampleBytesMax, 'x');
  const auto archive = ZipSample(content, Sha256Of(content), "another password", 0);
  ASSERT_TRUE(archive.ok()) << archive.error().message;
  EXPECT_LE(archive->size(), content.size() + kZipOverheadMax);
  EXPECT_EQ(Open(*archive, "another password").files.begin()->second, content);
}

// ---- handing over ----

TEST_F(SamplesTest, WhatWasHandedOverComesOutEncrypted) {
  const std::string content = "MZ not really";
  const std::string id = MustStore(reporter_, content);
  const json::value shown = Body(Get(analyst_, "/samples/" + id));
  EXPECT_EQ(TextAt(shown, "/sha256"), ToHex(Sha256Of(content)));
  EXPECT_EQ(NumberAt(shown, "/size"), static_cast<int64_t>(content.size()));
  EXPECT_EQ(TextAt(shown, "/organization"), kOwn);
  const http::Response taken = Take(analyst_, id, "a password of ours");
  ASSERT_EQ(taken.status, 200) << taken.body;
  EXPECT_EQ(*taken.headers.Find("Content-Type"), "application/zip");
  EXPECT_EQ(*taken.headers.Find("Content-Disposition"),
            "attachment; filename=\"sample-" + id + ".zip\"");
  const OpenedArchive opened = Open(taken.body, "a password of ours");
  EXPECT_EQ(opened.status, 0);
  EXPECT_EQ(opened.files.begin()->second, content);
  EXPECT_NE(Open(taken.body, "infected").status, 0);
}

TEST_F(SamplesTest, ADeceivingNameIsShownAndNeverUsed) {
  const std::string name = "../../etc/\"; x=\xe2\x80\xaegpj.exe";  // With a right-to-left override.
  const auto stored = Store(reporter_, "x", {{"name", name}, {"tlp", "GREEN"}});
  ASSERT_EQ(stored.status, 201) << stored.body;
  EXPECT_EQ(TextAt(Body(stored), "/name"), name);
  const http::Response taken = Take(liaison_, TextAt(Body(stored), "/sample_id"));
  ASSERT_EQ(taken.status, 200) << taken.body;
  EXPECT_THAT(*taken.headers.Find("Content-Disposition"), Not(HasSubstr("etc")));
  EXPECT_EQ(Open(taken.body, kSamplePassword).files.begin()->first, ToHex(Sha256Of("x")) + ".bin");
  EXPECT_EQ(taken.body.find("exe"), std::string::npos);
}

TEST_F(SamplesTest, EveryLimitIsNamed) {
  const auto with = [&](const std::string& name, const std::string& value) {
    http::Parameters query = {{name, value}};
    if (name != "name") query.emplace_back("name", "n");
    if (name != "tlp") query.emplace_back("tlp", "GREEN");
    return Store(reporter_, "x", query);
  };
  EXPECT_EQ(with("name", std::string(kSampleNameBytesMax, 'n')).status, 201);
  ExpectField(with("name", std::string(kSampleNameBytesMax + 1, 'n')), "/name");
  ExpectField(with("name", ""), "/name");
  ExpectField(with("name", "two\nlines"), "/name");
  ExpectField(with("tlp", ""), "/tlp");
  ExpectField(with("circle", "No Circle"), "/circle");
  EXPECT_EQ(with("note", std::string(kSampleNoteBytesMax, 'n')).status, 201);
  ExpectField(with("note", std::string(kSampleNoteBytesMax + 1, 'n')), "/note");
  ExpectField(with("report", "1e3"), "/report");
  const http::Parameters good = {{"name", "n"}, {"tlp", "GREEN"}};
  ExpectField(Store(reporter_, "", good), "/body");
  ExpectField(Store(reporter_, std::string(kSampleBytesMax + 1, 'x'), good), "/body");
  EXPECT_EQ(Store(reporter_, std::string(kSampleBytesMax, 'x'), good).status, 201);
}

TEST_F(SamplesTest, OneKeyStoresOneSample) {
  const http::Parameters query = {{"name", "n"}, {"tlp", "GREEN"}};
  const auto first = Store(reporter_, "x", query, "key");
  ASSERT_EQ(first.status, 201);
  const auto again = Store(reporter_, "x", query, "key");
  ASSERT_EQ(again.status, 200) << again.body;
  EXPECT_EQ(*again.headers.Find("Location"), *first.headers.Find("Location"));
  EXPECT_EQ(ArrayAt(Body(Get(reporter_, "/samples")), "/samples").size(), 1U);
}

TEST_F(SamplesTest, TheCentreNamesTheOwnerAndTheCase) {
  const uint64_t report = MustReport(reporter_);
  http::Parameters query = {{"name", "n"}, {"tlp", "GREEN"}};
  ExpectField(Store(analyst_, "x", query), "/organization");
  query.emplace_back("organization", kOwn);
  query.emplace_back("case_id", "999999");
  ExpectField(Store(analyst_, "x", query), "/case_id");
  query.back().second = std::to_string(report);
  const auto stored = Store(analyst_, "x", query);
  ASSERT_EQ(stored.status, 201) << stored.body;
  EXPECT_EQ(NumberAt(Body(stored), "/case_id"), static_cast<int64_t>(report));
  const auto of_case = Get(analyst_, "/samples", {{"case_id", std::to_string(report)}});
  EXPECT_EQ(ArrayAt(Body(of_case), "/samples").size(), 1U);
  const json::value seen = At(Body(Get(reporter_, "/samples")), "/samples/0");
  EXPECT_EQ(TextAt(seen, "/stored_by"), "centre");
  EXPECT_FALSE(seen.as_object().contains("case_id"));
}

TEST_F(SamplesTest, AMemberNamesAReportOfItsOwnInstead) {
  const uint64_t own = MustReport(reporter_);
  const uint64_t others = MustReport(stranger_);
  const auto with = [&](const std::string& name, uint64_t value) {
    return Store(reporter_, "x", {{"name", "n"}, {"tlp", "GREEN"}, {name, std::to_string(value)}});
  };
  ExpectField(with("case_id", own), "/case_id");
  const auto hidden = with("report", others);
  ExpectField(hidden, "/report");
  EXPECT_EQ(hidden.body, with("report", others + 1000).body) << "absent and hidden look alike";
  ExpectField(Store(analyst_, "x",
                    {{"name", "n"},
                     {"tlp", "GREEN"},
                     {"organization", kOwn},
                     {"report", std::to_string(others)}}),
              "/report");
  const auto stored = with("report", own);
  ASSERT_EQ(stored.status, 201) << stored.body;
  EXPECT_FALSE(Body(stored).as_object().contains("case_id"));
  const std::string reference = TextAt(Body(stored), "/case_reference");
  EXPECT_EQ(reference,
            TextAt(Body(Get(reporter_, "/reports/" + std::to_string(own))), "/submission_id"));
  const std::string path = "/samples/" + TextAt(Body(stored), "/sample_id");
  EXPECT_EQ(NumberAt(Body(Get(analyst_, path)), "/case_id"), static_cast<int64_t>(own));
  EXPECT_EQ(Get(reporter_, "/samples", {{"case_id", std::to_string(own)}}).status, 422);
}

// ---- who may ----

TEST_F(SamplesTest, SamplesOfOthersAreNotThere) {
  const std::string id = MustStore(reporter_, "x");
  const auto asked = Post(reporter_, "/samples/" + id + "/requests", {{"text", "what is it?"}});
  ASSERT_EQ(asked.status, 201) << asked.body;
  const std::string request = TextAt(Body(asked), "/request_id");
  const std::string absent = SystemRandom().UuidV7(desk_.now_ms()).ToString();
  const auto alike = [&](const std::string& method, const std::string& before,
                         const std::string& present, const std::string& after, json::value body) {
    const auto hidden = desk_.Call(stranger_, method, before + present + after, body);
    const auto missing = desk_.Call(stranger_, method, before + absent + after, body);
    const auto odd = desk_.Call(stranger_, method, before + "no-uuid" + after, body);
    EXPECT_EQ(hidden.status, 404) << before << after << hidden.body;
    EXPECT_EQ(hidden.body, missing.body);
    EXPECT_EQ(hidden.body, odd.body);
  };
  alike("GET", "/samples/", id, "", nullptr);
  alike("POST", "/samples/", id, "/content", json::object{{"purpose", "p"}});
  alike("POST", "/samples/", id, "/requests", json::object{{"text", "t"}});
  alike("GET", "/samples/", id, "/requests", nullptr);
  alike("GET", "/analysis-requests/", request, "", nullptr);
  alike("POST", "/analysis-requests/", request, "/state", json::object{{"state", "accepted"}});
  EXPECT_EQ(Get(stranger_, "/samples").body, R"({"samples":[],"next":null})");
  EXPECT_EQ(Get(stranger_, "/samples", {{"organization", kOwn}}).body,
            R"({"samples":[],"next":null})");
  EXPECT_EQ(Get(stranger_, "/analysis-requests").body, R"({"requests":[],"next":null})");
  EXPECT_EQ(Get(stranger_, "/analysis-requests", {{"state", "asked"}}).body,
            R"({"requests":[],"next":null})");
}

TEST_F(SamplesTest, WhoTakesAndWhyIsOnDiskBeforeAByteLeaves) {
  const std::string id = MustStore(reporter_, "secret content");
  EXPECT_EQ(Take(reporter_, id).status, 403);
  EXPECT_EQ(Take(reader_, id).status, 403);
  desk_.journal().set_refusal(Error{ErrorCode::kNoSpace, "full"});
  const http::Response refused = Take(analyst_, id);
  EXPECT_EQ(refused.status, 503);
  EXPECT_THAT(refused.body, Not(testing::StartsWith("PK")));
  desk_.journal().set_refusal(std::nullopt);
  EXPECT_EQ(NumberAt(Body(Get(analyst_, "/samples/" + id)), "/taken"), 0);
  ASSERT_EQ(Take(analyst_, id).status, 200);
  EXPECT_EQ(TextAt(NewestAudit(), "/what"), "sample_taken");
  EXPECT_EQ(TextAt(NewestAudit(), "/object"), "/samples/" + id);
  EXPECT_EQ(NumberAt(Body(Get(analyst_, "/samples/" + id)), "/taken"), 1);
}

TEST_F(SamplesTest, APasswordIsLongAndPlainOrTheUsualOne) {
  const std::string id = MustStore(reporter_, "x");
  EXPECT_EQ(Take(analyst_, id, "7 chars").status, 422);
  EXPECT_EQ(Take(analyst_, id, "8 chars.").status, 200);
  EXPECT_EQ(Take(analyst_, id, std::string(128, 'p')).status, 200);
  EXPECT_EQ(Take(analyst_, id, std::string(129, 'p')).status, 422);
  EXPECT_EQ(Take(analyst_, id, "パスワードです長い").status, 422);
  EXPECT_EQ(Post(analyst_, "/samples/" + id + "/content", {{"purpose", ""}}).status, 422);
}

TEST_F(SamplesTest, ReadingARedOneIsRecorded) {
  const auto stored = Store(reporter_, "x", {{"name", "plan.docx"}, {"tlp", "RED"}});
  const std::string id = TextAt(Body(stored), "/sample_id");
  EXPECT_EQ(Get(reader_, "/samples/" + id).status, 404);
  const http::Response list = Get(analyst_, "/samples");
  EXPECT_EQ(At(Body(list), "/samples/0/withheld"), json::value(true));
  EXPECT_THAT(list.body, Not(HasSubstr("plan.docx")));
  EXPECT_THAT(Get(analyst_, "/samples/" + id).body, HasSubstr("plan.docx"));
  EXPECT_EQ(TextAt(NewestAudit(), "/what"), "content_read");
  EXPECT_EQ(TextAt(NewestAudit(), "/object"), "/samples/" + id);
}

TEST_F(SamplesTest, AnswersFitTheirSchemas) {
  for (const char* tlp : {"GREEN", "RED"}) {
    const std::string id = MustStore(reporter_, "x", tlp);
    const auto asked = Post(reporter_, "/samples/" + id + "/requests", {{"text", "t"}});
    EXPECT_EQ(Misfits("AnalysisRequest", asked), "");
    for (const Desk::Session& session : {reporter_, analyst_}) {
      EXPECT_EQ(Misfits("Sample", Get(session, "/samples/" + id)), "");
      EXPECT_EQ(Misfits("SamplePage", Get(session, "/samples")), "");
      EXPECT_EQ(Misfits("AnalysisRequestPage", Get(session, "/analysis-requests")), "");
      EXPECT_EQ(Misfits("AnalysisRequestPage", Get(session, "/samples/" + id + "/requests")), "");
    }
  }
}

// ---- requests ----

TEST_F(SamplesTest, ARequestGoesForwardToItsResult) {
  const std::string id = MustStore(reporter_, "x");
  const auto asked = Post(reporter_, "/samples/" + id + "/requests", {{"text", "what is it?"}});
  ASSERT_EQ(asked.status, 201) << asked.body;
  const std::string path = asked.headers.Find("Location")->substr(sizeof("/api/v1") - 1);
  EXPECT_EQ(path, "/analysis-requests/" + TextAt(Body(asked), "/request_id"));
  const auto move = [&](const Desk::Session& session, json::object body) {
    return Post(session, path + "/state", std::move(body));
  };
  const auto in = [&](const Desk::Session& session, const char* state) {
    return ArrayAt(Body(Get(session, "/analysis-requests", {{"state", state}})), "/requests")
        .size();
  };
  EXPECT_EQ(move(liaison_, {{"state", "accepted"}}).status, 403);
  EXPECT_EQ(move(analyst_, {{"state", "accepted"}}).status, 200);
  EXPECT_EQ(in(analyst_, "asked"), 0U);
  EXPECT_EQ(in(analyst_, "accepted"), 1U);
  EXPECT_EQ(in(liaison_, "accepted"), 1U);
  EXPECT_EQ(move(analyst_, {{"state", "running"}}).status, 200);
  EXPECT_EQ(move(analyst_, {{"state", "accepted"}}).status, 409);
  ExpectField(move(analyst_, {{"state", "done"}}), "/result");
  EXPECT_EQ(move(analyst_, {{"state", "done"}, {"result", "harmless"}}).status, 200);
  EXPECT_EQ(move(analyst_, {{"state", "declined"}, {"result", "r"}}).status, 409);
  EXPECT_EQ(Get(analyst_, "/analysis-requests", {{"state", "lost"}}).status, 422);
  const json::value seen = Body(Get(liaison_, path));
  EXPECT_EQ(TextAt(seen, "/state"), "done");
  EXPECT_EQ(TextAt(seen, "/result"), "harmless");
  EXPECT_EQ(TextAt(seen, "/asked_by"), "person:reporter");
  EXPECT_EQ(TextAt(seen, "/moved_by"), "centre");
  EXPECT_EQ(TextAt(Body(Get(reporter_, "/samples/" + id + "/requests")), "/requests/0/text"),
            "what is it?");
}

TEST_F(SamplesTest, ListsAreReadToTheEndPageByPage) {
  for (int i = 0; i < 3; ++i) {
    const std::string id = MustStore(reporter_, "x" + std::to_string(i));
    Post(reporter_, "/samples/" + id + "/requests", {{"text", "t"}});
  }
  for (const char* name : {"samples", "requests"}) {
    const std::string path = std::string(name) == "samples" ? "/samples" : "/analysis-requests";
    for (const Desk::Session& session : {reporter_, analyst_}) {
      size_t seen = 0;
      std::string cursor;
      int pages = 0;
      do {
        http::Parameters query = {{"limit", "2"}};
        if (!cursor.empty()) query.emplace_back("cursor", cursor);
        const json::value page = Body(Get(session, path, query));
        seen += ArrayAt(page, std::string("/") + name).size();
        cursor = TextAt(page, "/next");
      } while (!cursor.empty() && ++pages < 10);
      EXPECT_EQ(seen, 3U) << path;
    }
  }
}

}  // namespace
}  // namespace noroshi::api
