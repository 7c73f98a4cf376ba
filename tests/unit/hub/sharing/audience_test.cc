#include "hub/sharing/audience.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

namespace noroshi::sharing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr v1::Tlp kTlps[] = {v1::TLP_CLEAR, v1::TLP_GREEN, v1::TLP_AMBER, v1::TLP_AMBER_STRICT,
                             v1::TLP_RED};

v1::OrganizationSet Org(const std::string& id, v1::OrganizationKind kind,
                        const std::string& sector = "", const std::string& circle = "") {
  v1::OrganizationSet organization;
  organization.set_id(id);
  organization.set_kind(kind);
  organization.set_sector(sector);
  if (!circle.empty()) organization.add_circles(circle);
  return organization;
}

// One of every kind, with and without sector and circle, and a disabled one.
std::vector<v1::OrganizationSet> World() {
  std::vector<v1::OrganizationSet> world;
  for (int kind = v1::ORGANIZATION_KIND_MINISTRY; kind <= v1::ORGANIZATION_KIND_CENTRE; ++kind) {
    const auto typed = static_cast<v1::OrganizationKind>(kind);
    const std::string word(KindWord(typed));
    world.push_back(Org(word, typed));
    world.push_back(Org(word + ".finance", typed, "finance"));
    world.push_back(Org(word + ".circle", typed, "finance", "council"));
  }
  world.push_back(Org("ceptoar.bank", v1::ORGANIZATION_KIND_CEPTOAR, "finance"));
  world.back().set_ceptoar("bank");
  world.push_back(Org("off", v1::ORGANIZATION_KIND_MINISTRY, "finance", "council"));
  world.back().set_disabled(true);
  return world;
}

// Of the world's organisations: `all` does not mean the centre itself.
constexpr size_t kOfTheCentre = 3;

class AudienceTest : public ::testing::Test {
 protected:
  AudienceTest() : world_(World()) {
    for (const auto& organization : world_) candidates_.push_back(&organization);
  }

  Audience Decide(Purpose purpose, const Content& content,
                  const std::vector<std::string>& selectors) const {
    auto audience = DecideAudience(purpose, content, selectors, candidates_);
    EXPECT_TRUE(audience.ok()) << audience.error().message;
    return audience.ok() ? *audience : Audience();
  }
  static std::set<std::string> Names(const std::vector<Decided>& decided) {
    std::set<std::string> names;
    for (const Decided& one : decided) names.insert(one.organization);
    return names;
  }
  std::set<std::string> Recipients(Purpose purpose, const Content& content,
                                   const std::vector<std::string>& selectors) const {
    return Names(Decide(purpose, content, selectors).recipients);
  }
  const v1::OrganizationSet& Find(const std::string& id) const {
    for (const auto& organization : world_) {
      if (organization.id() == id) return organization;
    }
    ADD_FAILURE() << id;
    return world_.front();
  }

  std::vector<v1::OrganizationSet> world_;
  std::vector<const v1::OrganizationSet*> candidates_;
};

Content Plain(v1::Tlp tlp, const std::string& circle = "") {
  Content content;
  content.tlp = tlp;
  content.circle = circle;
  return content;
}

Content Derived(v1::Tlp tlp, bool police, bool ministry, const std::string& circle = "") {
  Content content = Plain(tlp, circle);
  Marking source;
  source.tlp = tlp;
  source.circle = circle;
  source.may_tell_police = police;
  source.may_tell_competent_ministry = ministry;
  source.sectors = {"finance"};
  content.source = source;
  return content;
}

TEST_F(AudienceTest, EmptyOrUnknownSelectorsReachNobody) {
  EXPECT_EQ(DecideAudience(Purpose::kAlert, Plain(v1::TLP_CLEAR), {}, candidates_).error().code,
            ErrorCode::kInvalid);
  for (const char* bad : {"", "everyone", "ALL", "all ", "org:", "org:a b", "kind:spy",
                          "kind:", "sector", ":x", "org:a:b", "team:x"}) {
    const std::vector<std::string> selectors = {"all", bad};
    const auto audience =
        DecideAudience(Purpose::kAlert, Plain(v1::TLP_CLEAR), selectors, candidates_);
    ASSERT_FALSE(audience.ok()) << bad;
    EXPECT_EQ(audience.error().code, ErrorCode::kInvalid);
  }
}

TEST_F(AudienceTest, MoreThanTheMaximumOfSelectorsIsRefused) {
  const std::vector<std::string> most(kSelectorsMax, "org:ministry");
  EXPECT_TRUE(DecideAudience(Purpose::kAlert, Plain(v1::TLP_CLEAR), most, candidates_).ok());
  const std::vector<std::string> more(kSelectorsMax + 1, "org:ministry");
  EXPECT_FALSE(DecideAudience(Purpose::kAlert, Plain(v1::TLP_CLEAR), more, candidates_).ok());
}

TEST_F(AudienceTest, ContentWithoutMarkingReachesNobody) {
  const std::vector<std::string> all = {"all"};
  EXPECT_FALSE(DecideAudience(Purpose::kAlert, Plain(v1::TLP_UNSPECIFIED), all, candidates_).ok());
  EXPECT_FALSE(
      DecideAudience(Purpose::kAlert, Plain(static_cast<v1::Tlp>(99)), all, candidates_).ok());
}

TEST_F(AudienceTest, GreenGoesToAllThatAreSelectedWithTheReason) {
  const Audience audience = Decide(Purpose::kAlert, Plain(v1::TLP_GREEN), {"sector:finance"});
  ASSERT_FALSE(audience.recipients.empty());
  for (const Decided& one : audience.recipients) {
    EXPECT_EQ(Find(one.organization).sector(), "finance");
    EXPECT_EQ(one.reason, "sector:finance");
  }
  ASSERT_EQ(audience.excluded.size(), 1u);
  EXPECT_EQ(audience.excluded[0].organization, "off");
  EXPECT_EQ(audience.excluded[0].reason, "disabled");
}

TEST_F(AudienceTest, AmberNeedsSomethingNarrowerThanAll) {
  EXPECT_THAT(Recipients(Purpose::kAlert, Plain(v1::TLP_AMBER), {"all"}), IsEmpty());
  EXPECT_EQ(Recipients(Purpose::kAlert, Plain(v1::TLP_AMBER), {"all", "kind:operator"}).size(), 3u);
  const auto excluded = Decide(Purpose::kAlert, Plain(v1::TLP_AMBER), {"all"}).excluded;
  EXPECT_EQ(excluded.size(), world_.size() - kOfTheCentre);
  EXPECT_EQ(excluded[0].reason, "tlp_amber");
}

TEST_F(AudienceTest, TheCentreIsNotAmongAllButCanBeNamed) {
  const auto all = Recipients(Purpose::kAlert, Plain(v1::TLP_GREEN), {"all"});
  for (const std::string& id : all) EXPECT_EQ(id.find("centre"), std::string::npos) << id;
  EXPECT_EQ(Recipients(Purpose::kAlert, Plain(v1::TLP_GREEN), {"kind:centre"}).size(),
            kOfTheCentre);
  EXPECT_THAT(Recipients(Purpose::kAlert, Plain(v1::TLP_GREEN), {"org:centre"}),
              ElementsAre("centre"));
}

TEST_F(AudienceTest, AmberStrictGoesToNamedOrganisationsOnly) {
  EXPECT_THAT(
      Recipients(Purpose::kAlert, Plain(v1::TLP_AMBER_STRICT),
                 {"all", "kind:operator", "sector:finance", "circle:council", "org:partner"}),
      ElementsAre("partner"));
}

TEST_F(AudienceTest, RedNeverGoesToAgentsButNamedOnesGetANotice) {
  EXPECT_THAT(Recipients(Purpose::kAlert, Plain(v1::TLP_RED), {"all", "org:ministry"}), IsEmpty());
  EXPECT_THAT(
      Recipients(Purpose::kNotice, Plain(v1::TLP_RED), {"all", "kind:police", "org:ministry"}),
      ElementsAre("ministry"));
}

TEST_F(AudienceTest, CircleConfinesWhateverTheSelector) {
  const auto members = Recipients(Purpose::kAlert, Plain(v1::TLP_GREEN, "council"), {"all"});
  EXPECT_EQ(members.size(), 6u);  // One of each kind but the centre's.
  for (const std::string& id : members) EXPECT_NE(id.find(".circle"), std::string::npos);
  EXPECT_THAT(Recipients(Purpose::kAlert, Plain(v1::TLP_GREEN, "council"), {"org:ministry"}),
              IsEmpty());
  // The source's circle holds even where the content forgot it.
  Content content = Derived(v1::TLP_GREEN, true, true, "council");
  content.circle.clear();
  EXPECT_EQ(Recipients(Purpose::kAlert, content, {"all"}), members);
}

TEST_F(AudienceTest, PoliceOnlyWithConsent) {
  EXPECT_THAT(Recipients(Purpose::kAlert, Derived(v1::TLP_GREEN, false, true),
                         {"kind:police", "org:police", "all"}),
              ::testing::Not(::testing::Contains("police")));
  EXPECT_THAT(Recipients(Purpose::kAlert, Derived(v1::TLP_GREEN, true, true), {"kind:police"}),
              ::testing::Contains("police"));
  // What the centre writes by itself is not the reporters' to withhold.
  EXPECT_THAT(Recipients(Purpose::kAlert, Plain(v1::TLP_GREEN), {"kind:police"}),
              ::testing::Contains("police"));
}

TEST_F(AudienceTest, SectorOfTheSubmitterCountsAsThatOfItsReport) {
  v1::Handling handling;
  handling.set_tlp(v1::TLP_GREEN);
  const Source mail{&handling, "", "", "finance"};
  Content content{v1::TLP_GREEN, "", "", MarkingOf({&mail, 1}), ""};
  EXPECT_THAT(content.source->sectors, ElementsAre("finance"));
  const Audience audience = Decide(Purpose::kAlert, content, {"org:ministry.finance"});
  EXPECT_THAT(audience.recipients, IsEmpty());
  ASSERT_EQ(audience.excluded.size(), 1u);
  EXPECT_EQ(audience.excluded[0].reason, "consent_competent_ministry");
  const Source incident{&handling, "", "energy", "finance"};
  EXPECT_THAT(Combine(*content.source, incident).sectors, ElementsAre("finance", "energy"));
}

TEST_F(AudienceTest, CompetentMinistryIsNotSelectedForItsCompetenceWithoutConsent) {
  const Content content = Derived(v1::TLP_GREEN, true, false);
  EXPECT_THAT(Recipients(Purpose::kAlert, content, {"sector:finance", "org:ministry.finance"}),
              ::testing::Not(::testing::Contains("ministry.finance")));
  const Audience audience = Decide(Purpose::kAlert, content, {"org:ministry.finance"});
  ASSERT_EQ(audience.excluded.size(), 1u);
  EXPECT_EQ(audience.excluded[0].reason, "consent_competent_ministry");
  // One reader among many of an anonymous text.
  EXPECT_THAT(Recipients(Purpose::kAlert, content, {"all"}),
              ::testing::Contains("ministry.finance"));
  EXPECT_THAT(Recipients(Purpose::kAlert, content, {"sector:finance"}),
              ::testing::Contains("operator.finance"));
  EXPECT_THAT(Recipients(Purpose::kAlert, Derived(v1::TLP_GREEN, true, true), {"sector:finance"}),
              ::testing::Contains("ministry.finance"));
}

TEST_F(AudienceTest, LooserThanItsSourceReachesNobody) {
  for (const v1::Tlp source : kTlps) {
    for (const v1::Tlp tlp : kTlps) {
      Content content = Derived(source, true, true);
      content.tlp = tlp;
      const Purpose purpose = tlp == v1::TLP_RED ? Purpose::kNotice : Purpose::kAlert;
      EXPECT_EQ(Recipients(purpose, content, {"org:partner"}).empty(), tlp < source)
          << TlpWord(tlp) << " of " << TlpWord(source);
    }
  }
}

TEST_F(AudienceTest, ExerciseAndRealThingNeverMeet) {
  Content content = Derived(v1::TLP_GREEN, true, true);
  content.source->exercise_id = "ex1";
  EXPECT_THAT(Recipients(Purpose::kAlert, content, {"all"}), IsEmpty());
  content.exercise_id = "ex2";
  EXPECT_THAT(Recipients(Purpose::kAlert, content, {"all"}), IsEmpty());
  content.exercise_id = "ex1";
  EXPECT_FALSE(Recipients(Purpose::kAlert, content, {"all"}).empty());
}

TEST_F(AudienceTest, ConflictingSourcesReachNobody) {
  Content content = Derived(v1::TLP_CLEAR, true, true);
  content.source->conflict = true;
  EXPECT_THAT(Recipients(Purpose::kAlert, content, {"all", "org:ministry"}), IsEmpty());
}

TEST_F(AudienceTest, UpdateGoesToItsSubmitterAloneWhateverTheMarking) {
  for (const v1::Tlp tlp : kTlps) {
    Content content = Plain(tlp, "council");
    content.submitter = "partner";
    EXPECT_THAT(Recipients(Purpose::kUpdate, content, {"all"}), ElementsAre("partner"));
    content.submitter = "off";
    EXPECT_THAT(Recipients(Purpose::kUpdate, content, {}), IsEmpty());
    content.submitter = "";
    EXPECT_THAT(Recipients(Purpose::kUpdate, content, {}), IsEmpty());
  }
}

// Every combination against the rules, written down a second time, one by one.
TEST_F(AudienceTest, EveryCombinationFollowsTheRules) {
  const std::vector<std::string> selectors = {"all",
                                              "kind:ministry",
                                              "kind:police",
                                              "kind:operator",
                                              "sector:finance",
                                              "ceptoar:bank",
                                              "circle:council",
                                              "org:ministry",
                                              "org:ministry.finance",
                                              "org:police.circle"};
  size_t decided = 0;
  for (const v1::Tlp tlp : kTlps) {
    for (const std::string circle : {"", "council"}) {
      for (int consent = 0; consent < 5; ++consent) {  // 4: not derived from submissions.
        const Content content = consent == 4
                                    ? Plain(tlp, circle)
                                    : Derived(tlp, (consent & 1) != 0, (consent & 2) != 0, circle);
        for (const std::string& selector : selectors) {
          for (const Purpose purpose : {Purpose::kAlert, Purpose::kNotice}) {
            const auto got = Recipients(purpose, content, {selector});
            for (const auto& org : world_) {
              const bool named = selector == "org:" + org.id();
              const bool member = org.circles_size() > 0;
              const bool finance = org.sector() == "finance";
              const bool is_centre = org.kind() == v1::ORGANIZATION_KIND_CENTRE;
              const bool selected = named || (selector == "all" && !is_centre) ||
                                    selector == "kind:" + std::string(KindWord(org.kind())) ||
                                    (selector == "sector:finance" && finance) ||
                                    (selector == "ceptoar:bank" && org.ceptoar() == "bank") ||
                                    (selector == "circle:council" && member);
              bool may = selected && !org.disabled() && (circle.empty() || member);
              if (tlp == v1::TLP_RED) may = may && named && purpose == Purpose::kNotice;
              if (tlp == v1::TLP_AMBER_STRICT) may = may && named;
              if (tlp == v1::TLP_AMBER) may = may && selector != "all";
              if (content.source) {
                const bool police = org.kind() == v1::ORGANIZATION_KIND_POLICE;
                const bool competent = org.kind() == v1::ORGANIZATION_KIND_MINISTRY && finance;
                if (police) may = may && content.source->may_tell_police;
                if (competent && (named || selector == "sector:finance")) {
                  may = may && content.source->may_tell_competent_ministry;
                }
              }
              EXPECT_EQ(got.contains(org.id()), may)
                  << org.id() << " by " << selector << " at " << TlpWord(tlp) << " in \"" << circle
                  << "\" with consent " << consent;
              ++decided;
            }
          }
        }
      }
    }
  }
  EXPECT_EQ(decided, 5u * 2 * 5 * 10 * 2 * world_.size());
}

// A stricter marking, a circle or less consent only ever takes recipients away.
TEST_F(AudienceTest, TighteningNeverAddsARecipient) {
  const std::vector<std::vector<std::string>> audiences = {{"all"},
                                                           {"all", "sector:finance"},
                                                           {"kind:police", "org:ministry.finance"},
                                                           {"circle:council"}};
  const auto within = [&](const Content& tighter, const Content& looser) {
    for (const auto& selectors : audiences) {
      const auto few = Recipients(Purpose::kAlert, tighter, selectors);
      const auto many = Recipients(Purpose::kAlert, looser, selectors);
      EXPECT_TRUE(std::includes(many.begin(), many.end(), few.begin(), few.end()));
    }
  };
  for (size_t i = 0; i + 1 < std::size(kTlps); ++i) {
    for (int consent = 0; consent < 4; ++consent) {
      const bool police = (consent & 1) != 0;
      const bool ministry = (consent & 2) != 0;
      const Content base = Derived(kTlps[i], police, ministry);
      within(Derived(kTlps[i + 1], police, ministry), base);
      within(Derived(kTlps[i], police, ministry, "council"), base);
      within(Derived(kTlps[i], false, ministry), base);
      within(Derived(kTlps[i], police, false), base);
    }
  }
}

TEST(MarkingTest, StrictestTlpAndOnlyConsentOfAll) {
  v1::Handling open;
  open.set_tlp(v1::TLP_GREEN);
  open.set_may_share_name(true);
  open.set_may_tell_police(true);
  open.set_may_tell_competent_ministry(true);
  v1::Handling close = open;
  close.set_tlp(v1::TLP_AMBER);
  close.set_circle("council");
  close.set_may_tell_police(false);
  const Source sources[] = {{&open, "", "finance"}, {&close, "", "power"}, {&open, "", "finance"}};
  const Marking marking = MarkingOf(sources);
  EXPECT_EQ(marking.tlp, v1::TLP_AMBER);
  EXPECT_EQ(marking.circle, "council");
  EXPECT_FALSE(marking.conflict);
  EXPECT_TRUE(marking.may_share_name);
  EXPECT_FALSE(marking.may_tell_police);
  EXPECT_TRUE(marking.may_tell_competent_ministry);
  EXPECT_THAT(marking.sectors, ElementsAre("finance", "power"));
  EXPECT_EQ(Combine(Combine(MarkingOf({sources, 1}), sources[1]), sources[2]), marking);
}

TEST(MarkingTest, DifferentCirclesOrRealmsConflict) {
  v1::Handling one, two;
  one.set_tlp(v1::TLP_CLEAR);
  one.set_circle("a");
  two.set_tlp(v1::TLP_CLEAR);
  two.set_circle("b");
  const Source circles[] = {{&one, "", ""}, {&two, "", ""}};
  EXPECT_TRUE(MarkingOf(circles).conflict);
  const Source realms[] = {{&one, "", ""}, {&one, "ex", ""}};
  EXPECT_TRUE(MarkingOf(realms).conflict);
  EXPECT_FALSE(MayName(MarkingOf(circles)));
}

TEST(MarkingTest, UnspecifiedTlpCountsAsRed) {
  v1::Handling none, green;
  green.set_tlp(v1::TLP_GREEN);
  const Source sources[] = {{&green, "", ""}, {&none, "", ""}};
  EXPECT_EQ(MarkingOf(sources).tlp, v1::TLP_RED);
  EXPECT_EQ(MarkingOf({sources + 1, 1}).tlp, v1::TLP_RED);
  EXPECT_EQ(Marking().tlp, v1::TLP_RED);
}

v1::Alert FullAlert() {
  v1::Alert alert;
  alert.set_alert_id(std::string(16, 'a'));
  alert.set_kind(v1::ALERT_KIND_WARNING);
  alert.set_tlp(v1::TLP_RED);
  alert.set_title_ja("秘密の題");
  alert.set_title_en("secret title");
  alert.set_text_ja("秘密の本文");
  alert.set_text_en("secret text");
  alert.set_originator("secret ministry");
  alert.set_circle("council");
  alert.add_indicators()->set_value("secret.example");
  return alert;
}

TEST(RenderTest, NoticeKeepsMarkingAndWithholdsContent) {
  const v1::Alert notice = RenderAlert(FullAlert(), Purpose::kNotice);
  EXPECT_TRUE(notice.content_withheld());
  EXPECT_EQ(notice.tlp(), v1::TLP_RED);
  EXPECT_EQ(notice.circle(), "council");
  EXPECT_FALSE(notice.title_ja().empty());
  const std::string bytes = notice.SerializeAsString();
  EXPECT_EQ(bytes.find("secret"), std::string::npos);
  EXPECT_EQ(bytes.find("秘密"), std::string::npos);
}

TEST(RenderTest, AlertKeepsItsContentAndAnExerciseSaysSo) {
  v1::Alert alert = FullAlert();
  EXPECT_EQ(RenderAlert(alert, Purpose::kAlert).SerializeAsString(), alert.SerializeAsString());
  alert.set_exercise_id("ex1");
  const v1::Alert rendered = RenderAlert(alert, Purpose::kAlert);
  EXPECT_EQ(rendered.title_ja(), "【演習】秘密の題");
  EXPECT_EQ(rendered.title_en(), "[EXERCISE] secret title");
  EXPECT_EQ(rendered.exercise_id(), "ex1");
  EXPECT_EQ(RenderAlert(alert, Purpose::kNotice).exercise_id(), "ex1");
}

TEST(WordsTest, EveryWordComesBack) {
  for (const v1::Tlp tlp : kTlps) {
    EXPECT_FALSE(TlpWord(tlp).empty());
    EXPECT_EQ(TlpFromWord(TlpWord(tlp)), tlp);
  }
  EXPECT_EQ(TlpFromWord("amber+strict"), v1::TLP_AMBER_STRICT);
  EXPECT_EQ(TlpFromWord("AMBER STRICT"), v1::TLP_UNSPECIFIED);
  for (int kind = 1; kind <= v1::ORGANIZATION_KIND_CENTRE; ++kind) {
    const auto typed = static_cast<v1::OrganizationKind>(kind);
    EXPECT_FALSE(KindWord(typed).empty());
    EXPECT_EQ(KindFromWord(KindWord(typed)), typed);
  }
  EXPECT_EQ(KindFromWord("spy"), v1::ORGANIZATION_KIND_UNSPECIFIED);
}

}  // namespace
}  // namespace noroshi::sharing
