#include "hub/campaign/campaign.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "hub/campaign/memory_index.h"

namespace noroshi::campaign {
namespace {

std::string Key(v1::TieKind kind, const std::string& value) { return std::to_string(kind) + value; }

class CampaignTest : public ::testing::Test {
 protected:
  // A mail whose text agrees with that of `seed` in all but the last `others` slots.
  static v1::MailSketch Text(uint32_t seed, uint32_t others = 0, uint32_t own = 0) {
    v1::MailSketch sketch;
    sketch.set_version(1);
    for (uint32_t slot = 0; slot < kSlots; ++slot) {
      const bool differs = slot + others >= kSlots;
      sketch.add_minhash(differs ? (own + 1) * 1'000'003 + slot : seed * 7919 + slot);
    }
    return sketch;
  }
  static void AddTie(v1::TieKind kind, const std::string& value, v1::MailSketch* sketch) {
    v1::MailTie* tie = sketch->add_ties();
    tie->set_kind(kind);
    tie->set_key(Key(kind, value));
    tie->set_shown(value);
  }
  static v1::MailSketch With(v1::TieKind kind, const std::string& value) {
    v1::MailSketch sketch;
    AddTie(kind, value, &sketch);
    return sketch;
  }

  // The campaign of the next mail; a new one is called by its first mail.
  uint64_t Take(const v1::MailSketch& sketch) {
    ++mail_;
    last_ = Decide(sketch, index_).value();
    const uint64_t case_id = last_.case_id == 0 ? mail_ : last_.case_id;
    variant_ = Record(sketch, mail_, case_id, last_.variant, true, &index_).value();
    return case_id;
  }

  MemoryIndex index_;
  uint64_t mail_ = 0;
  uint64_t variant_ = 0;  // Of the last mail.
  Decision last_;
};

TEST_F(CampaignTest, TextsThatAgreeInHalfOfTheirSlotsAreOneCampaign) {
  ASSERT_EQ(Take(Text(1)), 1U);
  EXPECT_EQ(Take(Text(1, kSlots - kJoinSlots, 5)), 1U);
  ASSERT_EQ(last_.links.size(), 1U);
  EXPECT_EQ(last_.links[0].kind(), v1::TIE_KIND_TEXT);
  EXPECT_EQ(last_.links[0].strength(), 100U);
  EXPECT_EQ(last_.links[0].shown(), "64/128");
  EXPECT_EQ(last_.links[0].submission(), 1U);
}

TEST_F(CampaignTest, TextsThatAgreeLessAreNot) {
  ASSERT_EQ(Take(Text(1)), 1U);
  EXPECT_EQ(Take(Text(1, kSlots - kJoinSlots + 1, 5)), 2U);
  EXPECT_TRUE(last_.links.empty());
}

TEST_F(CampaignTest, NearlyTheSameTextIsTheSameVariant) {
  Take(Text(1));
  Take(Text(1, kSlots - kSameVariantSlots, 5));
  EXPECT_EQ(variant_, 1U);
  Take(Text(1, kSlots - kSameVariantSlots + 1, 6));
  EXPECT_EQ(variant_, 3U);
}

TEST_F(CampaignTest, ALikenessTooSmallAloneCountsWithSomethingRare) {
  v1::MailSketch first = Text(1);
  AddTie(v1::TIE_KIND_HOST, "evil.example", &first);
  Take(first);
  v1::MailSketch second = Text(1, kSlots - 40, 5);
  EXPECT_EQ(Decide(second, index_)->case_id, 0U);
  AddTie(v1::TIE_KIND_HOST, "evil.example", &second);
  EXPECT_EQ(Take(second), 1U);
  ASSERT_EQ(last_.links.size(), 2U);
  EXPECT_EQ(last_.links[0].kind(), v1::TIE_KIND_HOST) << "the strongest comes first";
  EXPECT_EQ(last_.links[1].kind(), v1::TIE_KIND_TEXT);
}

TEST_F(CampaignTest, ARareFileIsEnoughAHostAloneIsNot) {
  EXPECT_EQ(Take(With(v1::TIE_KIND_ATTACHMENT, "f")), 1U);
  EXPECT_EQ(Take(With(v1::TIE_KIND_ATTACHMENT, "f")), 1U);
  EXPECT_EQ(Take(With(v1::TIE_KIND_HOST, "h")), 3U);
  EXPECT_EQ(Take(With(v1::TIE_KIND_HOST, "h")), 4U);
  EXPECT_EQ(Take(With(v1::TIE_KIND_SUBJECT, "s")), 5U);
  EXPECT_EQ(Take(With(v1::TIE_KIND_SUBJECT, "s")), 6U);
}

TEST_F(CampaignTest, WhatIsTiedIsComparedThoughNoBandAgrees) {
  v1::MailSketch first = With(v1::TIE_KIND_SUBJECT, "s");
  v1::MailSketch second = With(v1::TIE_KIND_SUBJECT, "s");
  for (uint32_t slot = 0; slot < kSlots; ++slot) {
    first.add_minhash(slot);
    second.add_minhash(slot % 2 == 0 ? slot : 1000 + slot);  // Half of each band.
  }
  Take(first);
  EXPECT_EQ(Take(second), 1U);
  ASSERT_EQ(last_.links.size(), 2U);
  EXPECT_EQ(last_.links[0].shown(), "64/128");
}

TEST_F(CampaignTest, TiesOfOneGroupCountOnce) {
  v1::MailSketch sketch = With(v1::TIE_KIND_HOST, "a");
  AddTie(v1::TIE_KIND_DOMAIN, "b", &sketch);
  AddTie(v1::TIE_KIND_HOST, "c", &sketch);
  EXPECT_EQ(Take(sketch), 1U);
  EXPECT_EQ(Take(sketch), 2U);
}

TEST_F(CampaignTest, WhatManyCampaignsHaveTiesNothing) {
  // Four campaigns, told apart by their texts, attach the same harmless file.
  for (uint32_t i = 1; i <= kTieCasesMax + 1; ++i) {
    v1::MailSketch sketch = Text(i * 1000);
    TieUse use = index_.Tie(Key(v1::TIE_KIND_ATTACHMENT, "logo")).value();
    use.cases.push_back(Take(sketch));
    index_.SetTie(Key(v1::TIE_KIND_ATTACHMENT, "logo"), use);
  }
  EXPECT_EQ(Take(With(v1::TIE_KIND_ATTACHMENT, "logo")), mail_);
  EXPECT_EQ(index_.Tie(Key(v1::TIE_KIND_ATTACHMENT, "logo"))->cases.size(), kTieCasesMax + 1)
      << "and it is not remembered for more";
}

TEST_F(CampaignTest, ABridgeJoinsOneCampaignAndNeverTwo) {
  Take(Text(1));
  Take(With(v1::TIE_KIND_ATTACHMENT, "f"));
  v1::MailSketch bridge = Text(1);
  AddTie(v1::TIE_KIND_ATTACHMENT, "f", &bridge);
  EXPECT_EQ(Take(bridge), 1U) << "of equals the eldest";
  EXPECT_EQ(Take(Text(1)), 1U);
}

TEST_F(CampaignTest, TheMostAlikeTakesTheMail) {
  Take(Text(1));
  v1::MailSketch apart = Text(1, 40, 5);
  // As after a split: alike enough, and yet two campaigns.
  ASSERT_EQ(Record(apart, ++mail_, 2, 0, true, &index_).value(), 2U);
  EXPECT_EQ(Take(Text(1, 40, 5)), 2U);
  EXPECT_EQ(last_.links[0].strength(), 100U) << "a person is told no more";
  EXPECT_EQ(Take(Text(1)), 1U);
}

TEST_F(CampaignTest, SketchesWithoutAnythingStayAlone) {
  EXPECT_EQ(Take(v1::MailSketch()), 1U);
  EXPECT_EQ(Take(v1::MailSketch()), 2U);
  EXPECT_EQ(variant_, 0U);
  v1::MailSketch cut = Text(1);
  cut.mutable_minhash()->RemoveLast();
  EXPECT_TRUE(BandKeys(cut).empty());
}

TEST_F(CampaignTest, NoBandKeepsMoreThanItsMaximum) {
  // All agree in one band only: each is a campaign of its own.
  v1::MailSketch sketch;
  for (uint32_t own = 1; own <= kBandVariantsMax + 1; ++own) {
    sketch = Text(1, kSlots - kSlots / kBands, own);
    EXPECT_EQ(Take(sketch), own);
  }
  size_t fullest = 0;
  for (const std::string& key : BandKeys(sketch)) {
    fullest = std::max(fullest, index_.Band(key)->size());
  }
  EXPECT_EQ(fullest, kBandVariantsMax);
}

// However the mails are, what one of them costs is bounded.
class CountingIndex : public MemoryIndex {
 public:
  Result<std::vector<uint64_t>> Band(std::string_view key) const override {
    ++reads;
    return MemoryIndex::Band(key);
  }
  Result<std::optional<Variant>> FindVariant(uint64_t id) const override {
    ++reads;
    return MemoryIndex::FindVariant(id);
  }
  Result<TieUse> Tie(std::string_view key) const override {
    ++reads;
    return MemoryIndex::Tie(key);
  }
  mutable size_t reads = 0;
};

TEST(CampaignCostTest, ReadsAreBoundedHoweverManyMailsAreKnown) {
  CountingIndex index;
  std::mt19937 random(1);
  for (uint64_t mail = 1; mail <= 3000; ++mail) {
    v1::MailSketch sketch;
    // Few values: everything meets everything in many bands.
    for (size_t slot = 0; slot < kTextsMax * kSlots; ++slot) sketch.add_minhash(random() % 3);
    for (int i = 0; i < 60; ++i) {
      v1::MailTie* tie = sketch.add_ties();
      tie->set_kind(v1::TIE_KIND_HOST);
      tie->set_key(std::to_string(random() % 100));
    }
    index.reads = 0;
    const Decision decision = Decide(sketch, index).value();
    ASSERT_LE(index.reads, kTextsMax * kBands + kComparedMax + kTiedMax + kTiesRead) << mail;
    ASSERT_TRUE(Record(sketch, mail, decision.case_id == 0 ? mail : decision.case_id,
                       decision.variant, true, &index)
                    .ok());
  }
}

}  // namespace
}  // namespace noroshi::campaign
