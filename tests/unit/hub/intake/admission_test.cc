#include "hub/intake/admission.h"

#include <gtest/gtest.h>

#include "common/wire/frame.h"
#include "hub/intake/assembly.h"
#include "hub/intake/codes.h"

namespace noroshi::intake {
namespace {

TEST(TokenBucketTest, BurstThenRate) {
  TokenBucket bucket(10, 20);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(bucket.Take(1, 1000), 0U);
  EXPECT_EQ(bucket.Take(1, 1000), 100U);
  EXPECT_EQ(bucket.Take(1, 1099), 1U);
  EXPECT_EQ(bucket.Take(1, 1100), 0U);
  EXPECT_EQ(bucket.Take(20, 1100), 2000U);
  EXPECT_EQ(bucket.Take(20, 3100), 0U);
}

TEST(TokenBucketTest, MoreThanTheBurstWaitsForAFullBucket) {
  TokenBucket bucket(10, 20);
  EXPECT_EQ(bucket.Take(1000, 1000), 0U);
  EXPECT_EQ(bucket.Take(1000, 1000), 2000U);
  EXPECT_FALSE(bucket.Full(2999));
  EXPECT_TRUE(bucket.Full(3000));
}

TEST(TokenBucketTest, NeverOverflowsAfterALongTime) {
  TokenBucket bucket(UINT32_MAX, UINT32_MAX);
  EXPECT_EQ(bucket.Take(UINT32_MAX, 1), 0U);
  EXPECT_TRUE(bucket.Full(INT64_MAX));
  EXPECT_EQ(bucket.Take(UINT32_MAX, INT64_MAX), 0U);
  EXPECT_NE(bucket.Take(UINT32_MAX, INT64_MAX), 0U);
}

TEST(AdmissionTest, SessionsOfOneOrganisationAreCapped) {
  Limits limits;
  limits.sessions_per_organization_max = 2;
  Admission admission(limits);
  EXPECT_TRUE(admission.OpenSession("mof", 0));
  EXPECT_TRUE(admission.OpenSession("mof", 0));
  EXPECT_FALSE(admission.OpenSession("mof", 0));
  EXPECT_TRUE(admission.OpenSession("meti", 0));
  admission.CloseSession("mof", 0);
  EXPECT_TRUE(admission.OpenSession("mof", 0));
}

TEST(AdmissionTest, ReconnectingDoesNotRefillABudget) {
  Limits limits;
  limits.organization_submissions_per_second = 1;
  limits.organization_submissions_burst = 2;
  Admission admission(limits);
  ASSERT_TRUE(admission.OpenSession("mof", 0));
  EXPECT_EQ(admission.Admit("mof", 1, 0), 0U);
  EXPECT_EQ(admission.Admit("mof", 1, 0), 0U);
  EXPECT_GT(admission.Admit("mof", 1, 0), 0U);
  admission.CloseSession("mof", 0);
  ASSERT_TRUE(admission.OpenSession("mof", 0));
  EXPECT_GT(admission.Admit("mof", 1, 0), 0U);
  ASSERT_TRUE(admission.OpenSession("meti", 0));  // Others are not held back.
  EXPECT_EQ(admission.Admit("meti", 1, 0), 0U);
}

TEST(AdmissionTest, ReconnectingDoesNotRefillTheLinesOfTheLog) {
  Limits limits;
  limits.log_lines_per_second = 1;
  limits.log_lines_burst = 2;
  Admission admission(limits);
  ASSERT_TRUE(admission.OpenSession("mof", 0));
  EXPECT_TRUE(admission.MayLog("mof", 0));
  EXPECT_TRUE(admission.MayLog("mof", 0));
  EXPECT_FALSE(admission.MayLog("mof", 0));
  admission.CloseSession("mof", 0);
  ASSERT_TRUE(admission.OpenSession("mof", 0));
  EXPECT_FALSE(admission.MayLog("mof", 0));
  EXPECT_TRUE(admission.MayLog("mof", 1000));
}

TEST(AdmissionTest, TheSameRefusalIsNewsOnceAMinute) {
  Admission admission((Limits()));
  ASSERT_TRUE(admission.OpenSession("mof", 0));
  ASSERT_TRUE(admission.OpenSession("meti", 0));
  EXPECT_TRUE(admission.IsNews("mof", "no_space", 0));
  EXPECT_FALSE(admission.IsNews("mof", "no_space", 59'999));
  EXPECT_TRUE(admission.IsNews("mof", "over_budget", 0));
  EXPECT_TRUE(admission.IsNews("meti", "no_space", 0));
  EXPECT_TRUE(admission.IsNews("mof", "no_space", 60'000));
}

TEST(AdmissionTest, TrackedOrganisationsAreBoundedAndForgotten) {
  Limits limits;
  limits.organizations_tracked_max = 1;
  limits.organization_submissions_per_second = 1;
  limits.organization_submissions_burst = 1;
  Admission admission(limits);
  ASSERT_TRUE(admission.OpenSession("mof", 0));
  EXPECT_FALSE(admission.OpenSession("meti", 0));
  EXPECT_EQ(admission.Admit("mof", 1, 0), 0U);
  admission.CloseSession("mof", 0);
  EXPECT_FALSE(admission.OpenSession("meti", 0));    // mof's empty bucket is remembered …
  EXPECT_TRUE(admission.OpenSession("meti", 1000));  // … until it is full again.
  EXPECT_EQ(admission.organizations(), 1U);
}

TEST(AdmissionTest, MemoryIsSharedAndGivenBack) {
  Limits limits;
  limits.memory_bytes_max = 100;
  limits.organization_memory_bytes_max = 60;
  Admission admission(limits);
  ASSERT_TRUE(admission.OpenSession("mof", 0));
  ASSERT_TRUE(admission.OpenSession("meti", 0));
  auto first = admission.NewLease("mof");
  EXPECT_TRUE(first->Grow(60));
  EXPECT_FALSE(first->Grow(1));  // The organisation's share.
  auto second = admission.NewLease("meti");
  EXPECT_TRUE(second->Grow(40));
  EXPECT_FALSE(second->Grow(1));  // The whole.
  EXPECT_EQ(admission.memory_used(), 100U);
  first.reset();
  EXPECT_EQ(admission.memory_used(), 40U);
  EXPECT_TRUE(second->Grow(20));
  second.reset();
  EXPECT_EQ(admission.memory_used(), 0U);
}

class AssembliesTest : public testing::Test {
 protected:
  AssembliesTest() {
    limits_.assemblies_max = 2;
    limits_.memory_bytes_max = 1000;
    limits_.organization_memory_bytes_max = 1000;
    admission_ = std::make_unique<Admission>(limits_);
    EXPECT_TRUE(admission_->OpenSession("mof", 0));
    assemblies_ =
        std::make_unique<Assemblies>(limits_, [this] { return admission_->NewLease("mof"); });
  }
  ChunkOutcome Add(char id, uint64_t total, uint64_t offset, const std::string& data,
                   int64_t now_ms = 0) {
    v1::SubmitChunk chunk;
    chunk.set_submission_id(std::string(16, id));
    chunk.set_total_size(total);
    chunk.set_offset(offset);
    chunk.set_data(data);
    return assemblies_->Add(&chunk, now_ms);
  }
  using Kind = ChunkOutcome::Kind;

  Limits limits_;
  std::unique_ptr<Admission> admission_;
  std::unique_ptr<Assemblies> assemblies_;
};

TEST_F(AssembliesTest, PiecesOfTwoInterleave) {
  EXPECT_EQ(Add('a', 6, 0, "abc").kind, Kind::kMore);
  EXPECT_EQ(Add('b', 4, 0, "xy").kind, Kind::kMore);
  const ChunkOutcome first = Add('a', 6, 3, "def");
  EXPECT_EQ(first.kind, Kind::kComplete);
  EXPECT_EQ(first.assembled.bytes, "abcdef");
  const ChunkOutcome second = Add('b', 4, 2, "zw");
  EXPECT_EQ(second.assembled.bytes, "xyzw");
  EXPECT_TRUE(assemblies_->empty());
  EXPECT_EQ(admission_->memory_used(), 10U);  // Both are still leased.
}

TEST_F(AssembliesTest, OnePieceMayBeTheWhole) {
  EXPECT_EQ(Add('a', 3, 0, "abc").kind, Kind::kComplete);
}

TEST_F(AssembliesTest, ViolationsAreNamed) {
  EXPECT_EQ(Add('a', 6, 0, "").reason, "a piece without data");
  EXPECT_EQ(Add('a', 6, 3, "x").reason, "a first piece that does not begin at 0");
  EXPECT_EQ(Add('a', 2, 0, "xyz").reason, "a piece beyond total_size");
  EXPECT_EQ(Add('a', 2, UINT64_MAX, "xyz").reason, "a piece beyond total_size");
  EXPECT_NE(Add('a', wire::kSubmissionBytesMax + 1, 0, "x").reason, "");
  ASSERT_EQ(Add('a', wire::kSubmissionBytesMax, 0, "abc").kind, Kind::kMore);
  EXPECT_EQ(Add('a', wire::kSubmissionBytesMax, 2, "x").reason, "a gap or a repeated piece");
  EXPECT_EQ(Add('a', wire::kSubmissionBytesMax, 4, "x").reason, "a gap or a repeated piece");
  EXPECT_EQ(Add('a', 6, 3, "x").reason, "total_size changed");
  v1::SubmitChunk chunk;
  chunk.set_submission_id("short");
  chunk.set_total_size(1);
  chunk.set_data("x");
  EXPECT_EQ(assemblies_->Add(&chunk, 0).reason, "submission_id is not 16 bytes");
}

TEST_F(AssembliesTest, OneMoreThanTheMaximumIsRefusedRetryably) {
  EXPECT_EQ(Add('a', 6, 0, "x").kind, Kind::kMore);
  EXPECT_EQ(Add('b', 6, 0, "x").kind, Kind::kMore);
  const ChunkOutcome refused = Add('c', 6, 0, "x");
  EXPECT_EQ(refused.kind, Kind::kRefused);
  EXPECT_EQ(refused.rejection.code(), rejection::kTooManyChunked);
  EXPECT_TRUE(refused.rejection.retryable());
  EXPECT_EQ(Add('c', 6, 1, "x").kind, Kind::kIgnored);
  EXPECT_EQ(Add('a', 6, 1, "xxxxx").kind, Kind::kComplete);
  EXPECT_EQ(Add('c', 6, 0, "x").kind, Kind::kMore);  // Sent again.
  EXPECT_EQ(Add('c', 6, 1, "x").kind, Kind::kMore);
}

TEST_F(AssembliesTest, AnnouncingCostsNothingAndMemoryIsBounded) {
  EXPECT_EQ(Add('a', wire::kSubmissionBytesMax, 0, std::string(600, 'x')).kind, Kind::kMore);
  EXPECT_EQ(admission_->memory_used(), 600U);
  EXPECT_EQ(Add('a', wire::kSubmissionBytesMax, 600, std::string(400, 'x')).kind, Kind::kMore);
  const ChunkOutcome refused = Add('a', wire::kSubmissionBytesMax, 1000, "x");
  EXPECT_EQ(refused.kind, Kind::kRefused);
  EXPECT_EQ(refused.rejection.code(), rejection::kOverloaded);
  EXPECT_EQ(refused.released, 1000U);
  EXPECT_EQ(admission_->memory_used(), 0U);
}

TEST_F(AssembliesTest, StalledOnesExpire) {
  EXPECT_EQ(Add('a', 6, 0, "xyz", 1000).kind, Kind::kMore);
  const int64_t end = 1000 + limits_.assembly_timeout.count();
  EXPECT_TRUE(assemblies_->Expire(end - 1).empty());
  const auto expired = assemblies_->Expire(end);
  ASSERT_EQ(expired.size(), 1U);
  EXPECT_EQ(expired[0].id, std::string(16, 'a'));
  EXPECT_EQ(expired[0].bytes, 3U);
  EXPECT_EQ(Add('a', 6, 3, "x", end).kind, Kind::kIgnored);
  EXPECT_EQ(admission_->memory_used(), 0U);
}

TEST_F(AssembliesTest, RememberedRefusalsAreBounded) {
  EXPECT_EQ(Add('a', 6, 0, "x").kind, Kind::kMore);
  EXPECT_EQ(Add('b', 6, 0, "x").kind, Kind::kMore);
  for (size_t i = 0; i <= kRefusedRememberedMax; ++i) {
    EXPECT_EQ(Add(static_cast<char>(i), 6, 0, "x").kind, Kind::kRefused);
  }
  EXPECT_EQ(Add(static_cast<char>(0), 6, 1, "x").kind, Kind::kViolation);  // Forgotten.
  EXPECT_EQ(Add(static_cast<char>(1), 6, 1, "x").kind, Kind::kIgnored);
}

}  // namespace
}  // namespace noroshi::intake
