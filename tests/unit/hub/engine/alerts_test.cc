#include <gmock/gmock.h>

#include "hub/engine/compose.h"
#include "tests/unit/hub/engine/scene.h"

namespace noroshi::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::vector<std::string> Names(
    const google::protobuf::RepeatedPtrField<store::v1::RecipientRow>& rows) {
  std::vector<std::string> names;
  for (const auto& row : rows) names.push_back(row.organization());
  return names;
}

class AlertsTest : public Scene {};

TEST_F(AlertsTest, RuleFiresOnceForACase) {
  script_.Rules({Script::Rule("two-orgs", 2)});
  const uint64_t opened = script_.AnalysedMail("moj", "m");
  EXPECT_THAT(Follow().alerts, IsEmpty());
  script_.AnalysedMail("nict", "m");
  EXPECT_EQ(Follow().alerts.size(), 1u);
  script_.AnalysedMail("bank", "m");
  EXPECT_THAT(Follow().alerts, IsEmpty());
  EXPECT_THAT(Case(opened).fired_rules(), ElementsAre("two-orgs"));
  const store::AlertRow alert = OnlyAlert();
  EXPECT_THAT(Case(opened).alerts(), ElementsAre(alert.alert_id()));
  EXPECT_EQ(alert.rule(), "two-orgs");
  EXPECT_EQ(alert.case_id(), opened);
  EXPECT_THAT(Names(OnlyAudience().recipients()), ElementsAre("bank", "moj", "nict"));
  EXPECT_EQ(OnlyAudience().recipients(0).reason(), "all");
  EXPECT_EQ(alert.recipient_count(), 3u);
  EXPECT_EQ(Delivery(alert.alert_id(), "bank").state(), store::v1::DELIVERY_STATE_QUEUED);
  EXPECT_EQ(Delivery(alert.alert_id(), "bank").position(), 1u);
  EXPECT_EQ(View()->Meta()->alerts(), 1u);
}

TEST_F(AlertsTest, AutomaticAlertTellsWhatTwoSawAndNotWhoReported) {
  script_.Rules({Script::Rule("two-orgs", 2)});
  script_.AnalysedMail("moj", "m");
  script_.AnalysedMail("nict", "m");
  Follow();
  v1::Alert alert;
  ASSERT_TRUE(alert.ParseFromString(OnlyAlert().alert()));
  EXPECT_EQ(alert.title_ja(), "注意: 請求書");
  EXPECT_EQ(alert.text_ja(), "複数件 複数機関");
  EXPECT_EQ(alert.text_en(), "several from several");
  EXPECT_EQ(alert.tlp(), v1::TLP_GREEN);
  ASSERT_EQ(alert.indicators_size(), 2);
  EXPECT_EQ(alert.indicators(0).type(), "subject");
  EXPECT_EQ(alert.indicators(1).value(), "http://evil.example/");
  EXPECT_THAT(OnlyAlert().alert(), Not(HasSubstr("moj")));
  EXPECT_THAT(OnlyAlert().alert(), Not(HasSubstr("nict")));
}

TEST_F(AlertsTest, CountsAreForTheCentreOnly) {
  script_.Organization(Script::Org("nisc", v1::ORGANIZATION_KIND_CENTRE));
  script_.Rules({Script::Rule("centre", 2, "kind:centre")});
  script_.AnalysedMail("moj", "m");
  script_.AnalysedMail("nict", "m");
  Follow();
  EXPECT_EQ(OnlyAlert().original().text_en(), "2 from 2");
}

TEST_F(AlertsTest, TitleOfAReportNeedsConsentToBeShown) {
  v1::AlertRule rule = Script::Rule("any", 1);
  rule.set_case_kind("incident");
  script_.Rules({rule});
  script_.Submit("moj", script_.Incident("法務省のサーバ"));
  v1::Submission open = script_.Incident("公開の題");
  open.mutable_handling()->set_may_share_name(true);
  script_.Submit("moj", open);
  Follow();
  const auto alerts = *View()->Alerts(0, 10);
  ASSERT_EQ(alerts.size(), 2u);
  EXPECT_EQ(alerts[1].original().title_ja(), "注意: (件名非公開)");
  EXPECT_EQ(alerts[1].original().originator(), "");
  EXPECT_EQ(alerts[0].original().title_ja(), "注意: 公開の題");
  EXPECT_EQ(alerts[0].original().originator(), "機関moj");
}

TEST_F(AlertsTest, RuleNeedsItsEventTypeAtItsConfidence) {
  v1::AlertRule rule = Script::Rule("phishing", 1);
  rule.add_event_types("phishing");
  rule.set_confidence_at_least(60);
  script_.Rules({rule});
  const auto analysed = [&](const std::string& type, uint32_t confidence) {
    const uint64_t sequence = script_.Submit("moj", script_.Mail());
    v1::AnalysisResult result = Script::Findings(sequence, type + std::to_string(confidence));
    result.mutable_classification()->mutable_event_type()->set_id(type);
    result.mutable_classification()->mutable_event_type()->set_confidence_percent(confidence);
    script_.Analysed(result);
    return Follow().alerts.size();
  };
  EXPECT_EQ(analysed("spam", 90), 0u);
  EXPECT_EQ(analysed("", 0), 0u);
  EXPECT_EQ(analysed("phishing", 59), 0u);
  EXPECT_EQ(analysed("phishing", 60), 1u);
}

TEST_F(AlertsTest, WindowCountsOnlyWhatIsCloseTogether) {
  v1::AlertRule rule = Script::Rule("burst", 2);
  rule.set_submissions_at_least(3);
  rule.set_within_ms(1000);
  script_.Rules({rule});
  const auto at = [&](int64_t time_ms, const std::string& organization) {
    journal_.set_time_ms(time_ms);
    script_.AnalysedMail(organization, "m");
    return Follow().alerts.size();
  };
  EXPECT_EQ(at(10'000, "nict"), 0u);
  EXPECT_EQ(at(20'000, "moj"), 0u);
  EXPECT_EQ(at(20'500, "moj"), 0u);
  EXPECT_EQ(at(21'000, "moj"), 0u);   // Three in the window, of one organisation.
  EXPECT_EQ(at(21'501, "nict"), 0u);  // Two organisations, but two submissions.
  EXPECT_EQ(at(21'600, "moj"), 1u);
}

TEST_F(AlertsTest, StrictContentIsNotSentAutomaticallyAndTheCaseSaysSo) {
  script_.Rules({Script::Rule("two-orgs", 2), Script::Rule("named", 2, "org:bank")});
  for (const v1::Tlp tlp : {v1::TLP_AMBER_STRICT, v1::TLP_RED}) {
    const std::string exact = "m" + std::to_string(tlp);
    const uint64_t opened = script_.AnalysedMail("moj", exact, "", "", v1::TLP_GREEN);
    script_.AnalysedMail("nict", exact, "", "", tlp);
    EXPECT_THAT(Follow().alerts, IsEmpty());
    EXPECT_EQ(Case(opened).notes_size(), 2);
    EXPECT_THAT(Case(opened).notes(0), HasSubstr("TLP:"));
    EXPECT_EQ(Case(opened).fired_rules_size(), 2);
  }
}

TEST_F(AlertsTest, DifferentCirclesSendNothing) {
  script_.Rules({Script::Rule("two-orgs", 2)});
  uint64_t opened = 0;
  for (const char* circle : {"a", "b"}) {
    v1::Submission mail = script_.Mail();
    mail.mutable_handling()->set_circle(circle);
    const uint64_t sequence = script_.Submit(circle == std::string("a") ? "moj" : "nict", mail);
    script_.Analysed(Script::Findings(sequence, "m"));
    if (opened == 0) opened = sequence;
  }
  EXPECT_THAT(Follow().alerts, IsEmpty());
  EXPECT_TRUE(Case(opened).circles_conflict());
  EXPECT_EQ(Case(opened).notes_size(), 1);
}

TEST_F(AlertsTest, AmberReachesNarrowSelectorsOnly) {
  script_.Rules({Script::Rule("wide", 2, "all"), Script::Rule("narrow", 2, "kind:ceptoar")});
  const uint64_t opened = script_.AnalysedMail("moj", "m", "", "", v1::TLP_AMBER);
  script_.AnalysedMail("nict", "m", "", "", v1::TLP_GREEN);
  EXPECT_EQ(Follow().alerts.size(), 1u);
  EXPECT_THAT(Names(OnlyAudience().recipients()), ElementsAre("bank"));
  EXPECT_THAT(Case(opened).notes(0), HasSubstr("nobody may have it"));
}

TEST_F(AlertsTest, ExerciseAlertsSayThatTheyAre) {
  script_.Rules({Script::Rule("two-orgs", 2)});
  script_.AnalysedMail("moj", "m", "", "ex1");
  script_.AnalysedMail("nict", "m", "", "ex1");
  EXPECT_EQ(Follow().alerts.size(), 1u);
  v1::Alert alert;
  ASSERT_TRUE(alert.ParseFromString(OnlyAlert().alert()));
  EXPECT_EQ(alert.exercise_id(), "ex1");
  EXPECT_THAT(alert.title_ja(), HasSubstr("【演習】"));
  EXPECT_EQ(View()->Meta()->alerts(), 0u);
}

TEST_F(AlertsTest, ReanalysisFiresNoRule) {
  v1::AlertRule rule = Script::Rule("phishing", 1);
  rule.add_event_types("phishing");
  script_.Rules({rule});
  const uint64_t sequence = script_.AnalysedMail("moj", "m");
  v1::AnalysisResult again = Script::Findings(sequence, "m");
  again.set_reanalysis(true);
  again.mutable_classification()->mutable_event_type()->set_id("phishing");
  script_.Analysed(again);
  EXPECT_THAT(Follow().alerts, IsEmpty());
}

TEST_F(AlertsTest, AutomaticIdFollowsFromRuleAndOpeningSubmission) {
  store::SubmissionRow opener;
  opener.set_organization("moj");
  opener.set_submission_id(std::string(16, 'i'));
  opener.set_sequence(7);
  const v1::AlertRule rule = Script::Rule("r", 1);
  const std::string id = AutomaticAlertId(rule, opener);
  const Uuid uuid = *Uuid::FromBytes(id);
  EXPECT_EQ(uuid.version(), 8);
  EXPECT_EQ(static_cast<unsigned char>(id[8]) & 0xc0, 0x80);
  opener.set_sequence(8);  // Elsewhere in another log: the same alert.
  EXPECT_EQ(AutomaticAlertId(rule, opener), id);
  EXPECT_NE(AutomaticAlertId(Script::Rule("s", 1), opener), id);
  opener.set_organization("nict");
  EXPECT_NE(AutomaticAlertId(rule, opener), id);
}

TEST_F(AlertsTest, ComposedAlertKeepsItsBounds) {
  v1::AlertRule rule = Script::Rule("r", 1);
  rule.set_text_ja(std::string(kAlertTextBytesMax + 1, 'x'));
  std::vector<store::SubmissionRow> members(2);
  for (size_t i = 0; i < 2; ++i) {
    members[i].set_organization(std::to_string(i));
    members[i].mutable_mail()->set_subject(std::string(kIndicatorValueBytesMax + 1, 's'));
    for (size_t url = 0; url <= kIndicatorsMax; ++url) {
      members[i].mutable_mail()->add_urls("u" + std::to_string(url));
    }
  }
  store::CaseRow row;
  row.set_kind(store::v1::CASE_KIND_CAMPAIGN);
  const v1::Alert alert = ComposeAlert({&rule, &row, &members[0], members, "", 5});
  EXPECT_EQ(alert.text_ja().size(), kAlertTextBytesMax);
  EXPECT_EQ(alert.indicators_size(), static_cast<int>(kIndicatorsMax));
  EXPECT_EQ(alert.indicators(0).value(), "u0");

  for (auto& member : members) {
    member.clear_mail();
    for (int url = 0; url < 40; ++url) {
      member.mutable_mail()->add_urls(std::to_string(url) + std::string(2000, 'u'));
    }
  }
  const v1::Alert large = ComposeAlert({&rule, &row, &members[0], members, "", 5});
  EXPECT_LE(large.ByteSizeLong(), kAlertBytesMax);
  EXPECT_EQ(large.indicators_size(), 32);  // 64 KiB of values.
}

TEST_F(AlertsTest, AnAlertDoesNotWarnOfInnocentHosts) {
  std::vector<store::SubmissionRow> members(2);
  for (size_t i = 0; i < 2; ++i) {
    members[i].set_organization(std::to_string(i));
    v1::MailFacts& mail = *members[i].mutable_mail();
    mail.add_urls("https://brand.example/");
    mail.add_links()->add_markers("innocent");
    mail.add_urls("https://evil.example/");
    mail.add_links()->add_markers("idn");
    for (const char* page : {"https://page.example/", "https://font.example/"}) {
      mail.add_links()->set_url(page);
    }
    mail.mutable_links(2)->set_place(v1::LINK_PLACE_ATTACHMENT);
    mail.mutable_links(3)->set_place(v1::LINK_PLACE_RESOURCE);
  }
  const v1::AlertRule rule = Script::Rule("r", 1);
  const v1::Alert alert =
      ComposeAlert({&rule, &store::CaseRow::default_instance(), &members[0], members, "", 5});
  ASSERT_EQ(alert.indicators_size(), 2);
  EXPECT_EQ(alert.indicators(0).value(), "https://evil.example/");
  EXPECT_EQ(alert.indicators(1).value(), "https://page.example/");
}

TEST_F(AlertsTest, PlaceholdersAreReplacedOnce) {
  v1::AlertRule rule = Script::Rule("r", 1);
  rule.set_title_en("{title}{unknown}{");
  store::CaseRow row;
  row.set_title("{count_submissions}");
  row.set_may_share_name(true);
  const v1::Alert alert = ComposeAlert({&rule, &row, nullptr, {}, "", 5});
  EXPECT_EQ(alert.title_en(), "{count_submissions}{unknown}{");
}

// ---- alerts by persons ----

TEST_F(AlertsTest, PersonsAlertIsDeliveredWithTheReasonAndKeptForEver) {
  v1::AlertIssued issued = Script::Warning('w', v1::TLP_AMBER, "kind:ceptoar");
  issued.add_audience("org:moj");
  issued.mutable_alert()->set_acknowledge_by_ms(journal_.time_ms() + 5000);
  issued.mutable_alert()->set_originator("moj");
  script_.Alert(issued);
  const Applied applied = Follow();
  EXPECT_THAT(Receivers(applied), ElementsAre("bank", "moj"));
  EXPECT_TRUE(applied.deadlines_changed);
  const store::AlertRow row = OnlyAlert();
  EXPECT_EQ(row.issued_by(), "tanaka");
  EXPECT_EQ(OnlyAudience().recipients(0).reason(), "kind:ceptoar");
  EXPECT_EQ(OnlyAudience().recipients(1).reason(), "org:moj");
  EXPECT_EQ(row.original().issued_at_ms(), journal_.time_ms());
  EXPECT_EQ(row.original().originator(), "");  // No submission that would consent.
  EXPECT_EQ((*View()->Outbox("bank", 1))->alert_id(), row.alert_id());
  EXPECT_EQ(**View()->NextDeadline(), journal_.time_ms() + 5000);
}

TEST_F(AlertsTest, RedGoesAsNoticeToNamedOrganisationsOnly) {
  v1::AlertIssued issued = Script::Warning('r', v1::TLP_RED, "org:moj");
  issued.add_audience("all");
  script_.Alert(issued);
  Follow();
  const store::AlertRow row = OnlyAlert();
  EXPECT_THAT(Names(OnlyAudience().recipients()), ElementsAre("moj"));
  EXPECT_THAT(Names(OnlyAudience().excluded()), ElementsAre("bank", "nict"));
  v1::Alert sent;
  ASSERT_TRUE(sent.ParseFromString(row.alert()));
  EXPECT_TRUE(sent.content_withheld());
  EXPECT_EQ(sent.text_ja(), "");
  EXPECT_EQ(row.original().text_ja(), "本文");
}

TEST_F(AlertsTest, AlertAboutACaseKeepsTheCasesMarkingAndConsent) {
  script_.Organization(Script::Org("npa", v1::ORGANIZATION_KIND_POLICE));
  const uint64_t opened = script_.Submit("moj", script_.Incident("障害", v1::TLP_AMBER));
  Follow();
  v1::AlertIssued loose = Script::Warning('l', v1::TLP_GREEN, "org:bank");
  loose.set_case_id(opened);
  script_.Alert(loose);
  Follow();
  EXPECT_THAT(Names(OnlyAudience().recipients()), IsEmpty());
  EXPECT_EQ(OnlyAudience().excluded(0).reason(), "marking_loosened");

  v1::AlertIssued same = Script::Warning('s', v1::TLP_AMBER, "org:bank");
  same.add_audience("org:npa");
  same.set_case_id(opened);
  script_.Alert(same);
  Follow();
  const store::AudienceRow row = *View()->AudienceOf(std::string(16, 's'));
  EXPECT_THAT(Names(row.recipients()), ElementsAre("bank"));
  EXPECT_EQ(row.excluded(0).reason(), "consent_police");
  EXPECT_EQ(Case(opened).alerts_size(), 2);
}

TEST_F(AlertsTest, AMailIsOfTheSectorOfItsSubmitter) {
  script_.Organization(Script::Org("fsa", v1::ORGANIZATION_KIND_MINISTRY, "finance"));
  const uint64_t mail = script_.AnalysedMail("bank", "m");
  v1::AlertIssued issued = Script::Warning('A', v1::TLP_GREEN, "sector:finance");
  issued.add_audience("org:fsa");
  issued.set_case_id(mail);
  script_.Alert(issued);
  Follow();
  EXPECT_THAT(Case(mail).sectors(), ElementsAre("finance"));
  EXPECT_THAT(Names(OnlyAudience().recipients()), ElementsAre("bank"));
  ASSERT_THAT(Names(OnlyAudience().excluded()), ElementsAre("fsa"));
  EXPECT_EQ(OnlyAudience().excluded(0).reason(), "consent_competent_ministry");
}

TEST_F(AlertsTest, AMinistrysConsentIsNotAboutItself) {
  script_.Organization(Script::Org("fsa", v1::ORGANIZATION_KIND_MINISTRY, "finance"));
  const uint64_t mail = script_.AnalysedMail("fsa", "m");
  v1::AlertIssued issued = Script::Warning('A', v1::TLP_GREEN, "org:fsa");
  issued.set_case_id(mail);
  script_.Alert(issued);
  Follow();
  EXPECT_THAT(Names(OnlyAudience().recipients()), ElementsAre("fsa"));
}

TEST_F(AlertsTest, AlertAboutAnUnknownCaseReachesNobody) {
  v1::AlertIssued issued = Script::Warning('u', v1::TLP_CLEAR, "all");
  issued.set_case_id(4711);
  script_.Alert(issued);
  Follow();
  EXPECT_THAT(Names(OnlyAudience().recipients()), IsEmpty());
}

TEST_F(AlertsTest, AlertIsIssuedOnceAndOnlyIfItIsOne) {
  script_.Alert(Script::Warning('w', v1::TLP_GREEN, "all"));
  script_.Alert(Script::Warning('w', v1::TLP_CLEAR, "org:moj"));
  v1::AlertIssued without_id = Script::Warning('x', v1::TLP_GREEN, "all");
  without_id.mutable_alert()->set_alert_id("short");
  script_.Alert(without_id);
  v1::AlertIssued large = Script::Warning('y', v1::TLP_GREEN, "all");
  large.mutable_alert()->set_text_ja(std::string(kAlertBytesMax, 'x'));
  script_.Alert(large);
  v1::AlertIssued past = Script::Warning('z', v1::TLP_GREEN, "all");
  past.mutable_alert()->set_acknowledge_by_ms(-1);
  script_.Alert(past);
  EXPECT_EQ(Follow().alerts.size(), 1u);
  EXPECT_EQ(OnlyAlert().original().tlp(), v1::TLP_GREEN);
}

TEST_F(AlertsTest, UnknownSelectorReachesNobody) {
  script_.Alert(Script::Warning('w', v1::TLP_CLEAR, "everyone"));
  EXPECT_THAT(Follow().outboxes, IsEmpty());
  EXPECT_THAT(Names(OnlyAudience().recipients()), IsEmpty());
}

TEST_F(AlertsTest, PositionsAreDensePerOrganisation) {
  for (const char id : {'a', 'b', 'c'}) {
    script_.Alert(Script::Warning(id, v1::TLP_GREEN, id == 'b' ? "org:moj" : "all"));
  }
  Follow();
  const auto moj = Outbox("moj");
  ASSERT_EQ(moj.size(), 3u);
  EXPECT_EQ(moj[2].first, 3u);
  const auto bank = Outbox("bank");
  ASSERT_EQ(bank.size(), 2u);
  EXPECT_EQ(bank[1].first, 2u);
  EXPECT_EQ(bank[1].second.alert_id(), std::string(16, 'c'));
}

// ---- what becomes of deliveries ----

class DeliveriesTest : public Scene {
 protected:
  void SetUp() override {
    Scene::SetUp();
    script_.Enrol("moj", "a", "s1");
    script_.Enrol("moj", "b", "s2");
    v1::AlertIssued issued = Script::Warning('w', v1::TLP_GREEN, "all");
    issued.mutable_alert()->set_acknowledge_by_ms(journal_.time_ms() + 1000);
    script_.Alert(issued);
    script_.Alert(Script::Warning('x', v1::TLP_GREEN, "all"));
    Follow();
  }
  store::DeliveryRow Moj(char id = 'w') const { return Delivery(std::string(16, id), "moj"); }
  uint64_t CursorOf(const std::string& agent) const {
    return *View()->CursorOf(**View()->Agent("moj", agent));
  }
};

TEST_F(DeliveriesTest, ReceivedWhenTheFirstAgentHasIt) {
  journal_.set_time_ms(journal_.time_ms() + 10);
  script_.Cursor("moj", "a", 1);
  Follow();
  EXPECT_EQ(Moj().state(), store::v1::DELIVERY_STATE_RECEIVED);
  EXPECT_EQ(Moj('x').state(), store::v1::DELIVERY_STATE_QUEUED);
  const int64_t first = Moj().received_at_ms();
  journal_.set_time_ms(journal_.time_ms() + 10);
  script_.Cursor("moj", "b", 2);
  Follow();
  EXPECT_EQ(Moj().received_at_ms(), first);
  EXPECT_EQ(Moj('x').received_at_ms(), first + 10);
  EXPECT_EQ(CursorOf("a"), 1u);
  EXPECT_EQ(CursorOf("b"), 2u);
}

TEST_F(DeliveriesTest, CursorsNeverGoBackNorBeyondTheOutbox) {
  script_.Cursor("moj", "a", 2);
  script_.Cursor("moj", "a", 1);
  script_.Cursor("moj", "a", 3);
  script_.Cursor("moj", "unknown", 1);
  script_.Cursor("unknown", "a", 1);
  Follow();
  EXPECT_EQ(CursorOf("a"), 2u);
}

TEST_F(DeliveriesTest, MarksMoveForward) {
  script_.Mark("moj", std::string(16, 'w'), v1::DELIVERY_MARK_READ);
  Follow();
  EXPECT_EQ(Moj().state(), store::v1::DELIVERY_STATE_READ);
  EXPECT_EQ(Moj().person(), "suzuki");
  EXPECT_NE(Moj().received_at_ms(), 0);
  script_.Mark("moj", std::string(16, 'w'), v1::DELIVERY_MARK_ACTED);
  script_.Mark("moj", std::string(16, 'w'), v1::DELIVERY_MARK_READ);
  script_.Cursor("moj", "a", 1);
  Follow();
  EXPECT_EQ(Moj().state(), store::v1::DELIVERY_STATE_ACTED);
  script_.Mark("moj", std::string(16, 'w'), v1::DELIVERY_MARK_NOT_APPLICABLE);
  script_.Mark("moj", std::string(16, 'w'), static_cast<v1::DeliveryMark>(77));
  Follow();
  EXPECT_EQ(Moj().state(), store::v1::DELIVERY_STATE_NOT_APPLICABLE);
}

TEST_F(DeliveriesTest, MarkOfAnotherOrganisationOrAlertChangesNothing) {
  script_.Mark("npa", std::string(16, 'w'), v1::DELIVERY_MARK_READ);
  script_.Mark("moj", std::string(16, 'q'), v1::DELIVERY_MARK_READ);
  const std::string digest = *View()->Digest();
  Follow();
  EXPECT_EQ(Moj().state(), store::v1::DELIVERY_STATE_QUEUED);
  EXPECT_NE(*View()->Digest(), digest);  // The applied sequence alone.
}

TEST_F(DeliveriesTest, DeadlineMakesUnreadOnesLate) {
  const int64_t deadline = **View()->NextDeadline();
  script_.Mark("moj", std::string(16, 'w'), v1::DELIVERY_MARK_READ);
  script_.Cursor("moj", "a", 1);
  script_.Time(deadline - 1);
  Follow();
  EXPECT_FALSE(Delivery(std::string(16, 'w'), "bank").late());
  EXPECT_EQ(**View()->NextDeadline(), deadline);
  script_.Time(deadline);
  EXPECT_TRUE(Follow().deadlines_changed);
  EXPECT_TRUE(Delivery(std::string(16, 'w'), "bank").late());
  EXPECT_FALSE(Moj().late());
  EXPECT_FALSE(Delivery(std::string(16, 'x'), "bank").late());
  EXPECT_FALSE(View()->NextDeadline()->has_value());
  EXPECT_EQ(View()->Meta()->time_reached_ms(), deadline);
  // Read at last, and still late.
  script_.Mark("bank", std::string(16, 'w'), v1::DELIVERY_MARK_READ);
  Follow();
  EXPECT_TRUE(Delivery(std::string(16, 'w'), "bank").late());
}

}  // namespace
}  // namespace noroshi::engine
