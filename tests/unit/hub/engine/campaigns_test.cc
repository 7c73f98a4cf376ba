// Mails that belong together become one case, and what a person decides about that lasts.
#include <gmock/gmock.h>

#include "tests/unit/hub/engine/deeds.h"

namespace noroshi::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kHourMs = 3'600'000;

class CampaignsTest : public DeedScene {
 protected:
  // A mail with a text (see Script::AddText), and what else it is recognised by.
  uint64_t Take(const std::string& organization, const v1::MailSketch& sketch,
                const std::string& marker = "", const std::string& exercise = "") {
    const uint64_t sequence = script_.Submit(organization, script_.Mail(v1::TLP_GREEN, exercise));
    v1::AnalysisResult result = Script::Findings(sequence);
    *result.mutable_mail()->mutable_sketch() = sketch;
    if (!marker.empty()) result.mutable_mail()->add_attachments()->add_markers(marker);
    script_.Analysed(result);
    Follow();
    return sequence;
  }
  static v1::MailSketch Text(uint32_t seed, uint32_t others = 0, uint32_t own = 0) {
    v1::MailSketch sketch;
    Script::AddText(seed, others, own, &sketch);
    return sketch;
  }
  static v1::MailSketch With(v1::MailSketch sketch, v1::TieKind kind, const std::string& value) {
    Script::AddTie(kind, value, &sketch);
    return sketch;
  }
  static v1::MailSketch File(const std::string& value) {
    return With({}, v1::TIE_KIND_ATTACHMENT, value);
  }
};

TEST_F(CampaignsTest, ASimilarTextJoinsAndSaysWhy) {
  const uint64_t one = Take("moj", Text(1));
  const uint64_t two = Take("nict", With(Text(1, 40, 7), v1::TIE_KIND_SUBJECT, "請求書"));
  EXPECT_EQ(Submission(one).relation(), v1::RELATION_NEW_CASE);
  EXPECT_THAT(Submission(one).links(), IsEmpty());
  const store::SubmissionRow row = Submission(two);
  EXPECT_EQ(row.case_id(), one);
  EXPECT_EQ(row.relation(), v1::RELATION_CAMPAIGN);
  EXPECT_THAT(row.joined_reason(), HasSubstr("similar text 88/128 (100)"));
  ASSERT_EQ(row.links_size(), 1);
  EXPECT_EQ(row.links(0).kind(), v1::TIE_KIND_TEXT);
  EXPECT_EQ(row.links(0).strength(), 100U);
  EXPECT_EQ(row.links(0).submission(), one);
}

TEST_F(CampaignsTest, ExercisesHaveCampaignsOfTheirOwn) {
  const uint64_t real = Take("moj", With(Text(1), v1::TIE_KIND_ATTACHMENT, "f"));
  const uint64_t exercise = Take("moj", With(Text(1), v1::TIE_KIND_ATTACHMENT, "f"), "", "ex1");
  EXPECT_EQ(Submission(exercise).case_id(), exercise);
  EXPECT_EQ(Submission(Take("nict", Text(1), "", "ex1")).case_id(), exercise);
  EXPECT_EQ(Submission(Take("nict", Text(1))).case_id(), real);
}

TEST_F(CampaignsTest, ABridgeJoinsOneAndNeverTwo) {
  const uint64_t text = Take("moj", Text(1));
  const uint64_t file = Take("nict", File("f"));
  const uint64_t both = Take("bank", With(Text(1), v1::TIE_KIND_ATTACHMENT, "f"));
  EXPECT_EQ(Submission(both).case_id(), text);
  EXPECT_EQ(Submission(file).case_id(), file);
  EXPECT_EQ(Case(file).submissions(), 1U);
}

TEST_F(CampaignsTest, WhatIsKnownOfACampaign) {
  const uint64_t one = Take("moj", Text(1), "macro");
  const int64_t first = Submission(one).accepted_at_ms();
  journal_.set_time_ms(journal_.time_ms() + kHourMs);
  Take("nict", Text(1), "lnk");
  const uint64_t last = Take("nict", Text(1, 40, 3), "macro");
  const store::v1::CampaignFacts facts = Case(one).campaign();
  EXPECT_EQ(facts.first_seen_ms(), first);
  EXPECT_EQ(facts.last_seen_ms(), Submission(last).accepted_at_ms());
  EXPECT_EQ(facts.variants(), 2U) << "two of the three have the same text";
  EXPECT_THAT(facts.attachment_markers(), ElementsAre("lnk", "macro"));
}

TEST_F(CampaignsTest, ARuleMayAskForMarkersOfAttachments) {
  v1::AlertRule rule = Script::Rule("macro", 2);
  rule.set_within_ms(24 * kHourMs);
  rule.add_attachment_markers("macro");
  rule.add_attachment_markers("lnk");
  script_.Rules({rule});
  const uint64_t one = Take("moj", Text(1), "archive");
  Take("nict", Text(1));
  EXPECT_THAT(Case(one).fired_rules(), IsEmpty()) << "two organisations, no marker";
  Take("nict", Text(1), "lnk");
  EXPECT_THAT(Case(one).fired_rules(), ElementsAre("macro"));
}

TEST_F(CampaignsTest, ASplitLasts) {
  const uint64_t one = Take("moj", With(Text(1), v1::TIE_KIND_ATTACHMENT, "f1"));
  const uint64_t two = Take("nict", With(Text(1, 40, 7), v1::TIE_KIND_ATTACHMENT, "f2"), "macro");
  ASSERT_EQ(Submission(two).case_id(), one);
  ASSERT_EQ(Do(deeds::Split(one, {two})), "");
  const uint64_t split = last_;
  EXPECT_THAT(Submission(two).links(), IsEmpty()) << "a person decided";
  // What comes later goes to the part that it is like.
  EXPECT_EQ(Submission(Take("bank", Text(1))).case_id(), one);
  EXPECT_EQ(Submission(Take("bank", Text(1, 40, 7))).case_id(), split);
  EXPECT_EQ(Submission(Take("bank", File("f1"))).case_id(), one);
  EXPECT_EQ(Submission(Take("bank", File("f2"))).case_id(), split);
  EXPECT_EQ(Submission(two).case_id(), split);
  EXPECT_EQ(Case(one).campaign().variants(), 1U);
  EXPECT_THAT(Case(one).campaign().attachment_markers(), IsEmpty());
  EXPECT_THAT(Case(split).campaign().attachment_markers(), ElementsAre("macro"));
}

TEST_F(CampaignsTest, AJoinLasts) {
  const uint64_t one = Take("moj", With(Text(1), v1::TIE_KIND_HOST, "h"));
  const uint64_t two = Take("nict", With(Text(2), v1::TIE_KIND_ATTACHMENT, "f"), "macro");
  ASSERT_NE(Submission(two).case_id(), one);
  ASSERT_EQ(Do(deeds::Join(one, two)), "");
  EXPECT_EQ(Submission(Take("bank", Text(1))).case_id(), two);
  EXPECT_EQ(Submission(Take("bank", Text(2))).case_id(), two);
  EXPECT_EQ(Submission(Take("bank", File("f"))).case_id(), two);
  EXPECT_EQ(Case(two).campaign().variants(), 2U);
  EXPECT_THAT(Case(two).campaign().attachment_markers(), ElementsAre("macro"));
}

TEST_F(CampaignsTest, WhatWasJoinedByHandCountsAsOneCampaign) {
  // The file is known in four campaigns: frequent. Joined, they are two.
  std::vector<uint64_t> cases;
  for (uint32_t i = 1; i <= 4; ++i) {
    cases.push_back(
        Take("moj", With(With(Text(i), v1::TIE_KIND_SUBJECT, "s"), v1::TIE_KIND_DOMAIN, "d")));
  }
  const v1::MailSketch weak =
      With(With(Text(1, 92, 5), v1::TIE_KIND_SUBJECT, "s"), v1::TIE_KIND_DOMAIN, "d");
  EXPECT_EQ(Submission(Take("nict", weak)).relation(), v1::RELATION_NEW_CASE);
  for (size_t i = 1; i < cases.size(); ++i) {
    ASSERT_EQ(Do(deeds::Join(cases[i], cases[0])), "");
  }
  EXPECT_EQ(Submission(Take("nict", With(With(Text(1, 88, 6), v1::TIE_KIND_SUBJECT, "s"),
                                         v1::TIE_KIND_DOMAIN, "d")))
                .case_id(),
            cases[0]);
}

TEST_F(CampaignsTest, AnotherAnalysisMovesNothingAndHelpsLaterMails) {
  const uint64_t one = Take("moj", Text(1));
  const uint64_t two = Take("nict", Text(2));
  v1::AnalysisResult again = Script::Findings(two);
  *again.mutable_mail()->mutable_sketch() = With(Text(1), v1::TIE_KIND_ATTACHMENT, "f");
  again.set_reanalysis(true);
  script_.Analysed(again);
  Follow();
  EXPECT_EQ(Submission(two).case_id(), two);
  EXPECT_EQ(Submission(one).case_id(), one);
  EXPECT_EQ(Submission(Take("bank", File("f"))).case_id(), two);
}

TEST_F(CampaignsTest, AnErasedMailKeepsNoWords) {
  Take("moj", File("secret name.doc"));
  const uint64_t two = Take("nict", File("secret name.doc"));
  ASSERT_EQ(Submission(two).links_size(), 1);
  v1::BodyErased erased;
  erased.set_sequence(two);
  script_.Add(v1::ENTRY_KIND_BODY_ERASED, erased);
  Follow();
  EXPECT_THAT(Submission(two).links(), IsEmpty());
  EXPECT_THAT(Submission(two).joined_reason(), ::testing::Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace noroshi::engine
