#include "common/merkle/merkle.h"

#include <gtest/gtest.h>

#include <bit>
#include <functional>
#include <vector>

#include "common/base/encoding.h"
#include "common/crypto/crypto.h"
#include "noroshi/v1/journal.pb.h"

namespace noroshi::merkle {
namespace {

// RFC 6962 section 2.1, word for word: slow, and independent of the code under test.
using Leaves = std::vector<std::string>;

size_t Split(size_t n) { return std::bit_floor(n - 1); }

std::string Root(const Leaves& d, size_t from, size_t to) {
  if (from == to) return Sha256Of("");
  if (to - from == 1) return Sha256Of(std::string(1, '\0') + d[from]);
  const size_t k = Split(to - from);
  return Sha256Of("\1" + Root(d, from, from + k) + Root(d, from + k, to));
}

std::string Path(size_t m, const Leaves& d, size_t from, size_t to) {
  if (to - from == 1) return "";
  const size_t k = Split(to - from);
  if (m < k) return Path(m, d, from, from + k) + Root(d, from + k, to);
  return Path(m - k, d, from + k, to) + Root(d, from, from + k);
}

std::string SubProof(size_t m, const Leaves& d, size_t from, size_t to, bool whole) {
  const size_t n = to - from;
  if (m == n) return whole ? "" : Root(d, from, to);
  const size_t k = Split(n);
  if (m <= k) return SubProof(m, d, from, from + k, whole) + Root(d, from + k, to);
  return SubProof(m - k, d, from + k, to, false) + Root(d, from, from + k);
}

Leaves MakeLeaves(size_t count) {
  Leaves leaves;
  for (size_t i = 0; i < count; ++i) leaves.push_back("leaf " + std::to_string(i));
  return leaves;
}

constexpr size_t kSizeMax = 70;

TEST(MerkleTest, HashesMatchCertificateTransparencyVectors) {
  EXPECT_EQ(ToHex(EmptyRoot()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(ToHex(LeafHash("")),
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
  const std::string left = LeafHash("");
  const std::string right = LeafHash(std::string(1, '\0'));
  EXPECT_EQ(ToHex(NodeHash(left, right)),
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125");
}

TEST(MerkleTest, InclusionVerifiesForEveryLeafOfEverySize) {
  const Leaves leaves = MakeLeaves(kSizeMax);
  for (size_t size = 1; size <= kSizeMax; ++size) {
    const std::string root = Root(leaves, 0, size);
    for (size_t i = 0; i < size; ++i) {
      const std::string proof = Path(i, leaves, 0, size);
      ASSERT_TRUE(VerifyInclusion(i, size, LeafHash(leaves[i]), proof, root).ok());
      ASSERT_FALSE(VerifyInclusion(i, size, LeafHash("another"), proof, root).ok());
      ASSERT_FALSE(VerifyInclusion(i, size, LeafHash(leaves[i]), proof + root, root).ok());
      ASSERT_FALSE(VerifyInclusion(size, size, LeafHash(leaves[i]), proof, root).ok());
      if (proof.empty()) continue;
      ASSERT_FALSE(VerifyInclusion(i ^ 1, size, LeafHash(leaves[i]), proof, root).ok());
      ASSERT_FALSE(
          VerifyInclusion(i, size, LeafHash(leaves[i]), proof.substr(kHashBytes), root).ok());
      ASSERT_FALSE(VerifyInclusion(i, size, LeafHash(leaves[i]), proof.substr(1), root).ok());
    }
  }
}

TEST(MerkleTest, ConsistencyVerifiesForEveryPairOfSizes) {
  const Leaves leaves = MakeLeaves(kSizeMax);
  std::vector<std::string> roots;
  for (size_t size = 0; size <= kSizeMax; ++size) roots.push_back(Root(leaves, 0, size));
  for (size_t n = 0; n <= kSizeMax; ++n) {
    for (size_t m = 0; m <= n; ++m) {
      const std::string proof = m == 0 ? "" : SubProof(m, leaves, 0, n, true);
      ASSERT_TRUE(VerifyConsistency(m, roots[m], n, roots[n], proof).ok()) << m << " " << n;
      ASSERT_FALSE(VerifyConsistency(m, roots[m], n, roots[n], proof + roots[n]).ok());
      ASSERT_FALSE(VerifyConsistency(m, LeafHash("x"), n, roots[n], proof).ok());
      if (m == 0 || m == n) continue;
      ASSERT_FALSE(VerifyConsistency(m, roots[m], n, LeafHash("x"), proof).ok());
      ASSERT_FALSE(VerifyConsistency(m, roots[m], n, roots[n], "").ok());
      ASSERT_FALSE(VerifyConsistency(n, roots[n], m, roots[m], proof).ok());
    }
  }
}

TEST(MerkleTest, EmptyTreeIsConsistentWithItsOwnRootOnly) {
  EXPECT_TRUE(VerifyConsistency(0, EmptyRoot(), 5, LeafHash("any"), "").ok());
  EXPECT_FALSE(VerifyConsistency(0, LeafHash("x"), 5, LeafHash("any"), "").ok());
  EXPECT_FALSE(VerifyConsistency(0, EmptyRoot(), 0, LeafHash("x"), "").ok());
}

class ReceiptTest : public testing::Test {
 protected:
  ReceiptTest() {
    v1::EntryHeader header;
    header.set_sequence(1);
    header.set_kind(v1::ENTRY_KIND_INCIDENT_REPORT);
    header.set_organization("ministry");
    header.set_agent("a1");
    header.set_submission_id(std::string(16, 'i'));
    header.set_body_digest(Sha256Of(std::string(16, 's') + body_));
    header.set_body_size(body_.size());
    receipt_.set_submission_id(header.submission_id());
    receipt_.set_sequence(1);
    receipt_.set_header(header.SerializeAsString());
    receipt_.set_salt(std::string(16, 's'));
    receipt_.set_leaf_hash(LeafHash(receipt_.header()));
    receipt_.set_inclusion_proof(LeafHash("first"));
    auto* head = receipt_.mutable_head();
    head->set_log_id(std::string(16, 'l'));
    head->set_tree_size(2);
    head->set_root_hash(NodeHash(LeafHash("first"), receipt_.leaf_hash()));
    head->set_timestamp_ms(1234);
    head->set_signature(key_.Sign(TreeHeadSignedBytes(*head)));
  }

  Result<void> Verify(const v1::Receipt& receipt) {
    return VerifyReceipt(receipt, body_, "ministry", key_.public_key());
  }
  void ExpectRefused(const std::function<void(v1::Receipt*)>& change, const char* what) {
    v1::Receipt changed = receipt_;
    change(&changed);
    const auto result = Verify(changed);
    ASSERT_FALSE(result.ok()) << what;
    EXPECT_EQ(result.error().code, ErrorCode::kCorruption);
    EXPECT_NE(result.error().message.find(what), std::string::npos) << result.error().message;
  }

  const std::string body_ = "the submission";
  SigningKey key_ = SigningKey::FromSeed(std::string(32, 'k')).value();
  v1::Receipt receipt_;
};

TEST_F(ReceiptTest, VerifiesAsIssued) { EXPECT_TRUE(Verify(receipt_).ok()); }

TEST_F(ReceiptTest, UnderAHeadThatWasVerifiedOnlyTheSignatureIsLeftOut) {
  v1::TreeHead head = receipt_.head();
  receipt_.clear_head();
  EXPECT_TRUE(VerifyReceiptUnder(head, receipt_, body_, "ministry").ok());
  EXPECT_FALSE(VerifyReceiptUnder(head, receipt_, "the submissiom", "ministry").ok());
  EXPECT_FALSE(VerifyReceiptUnder(head, receipt_, body_, "other").ok());
  head.set_root_hash(std::string(32, 'x'));
  EXPECT_FALSE(VerifyReceiptUnder(head, receipt_, body_, "ministry").ok());
}

TEST_F(ReceiptTest, RefusesAnotherSubmissionOrganisationOrLogKey) {
  EXPECT_FALSE(VerifyReceipt(receipt_, "the submissiom", "ministry", key_.public_key()).ok());
  EXPECT_FALSE(VerifyReceipt(receipt_, body_, "other", key_.public_key()).ok());
  EXPECT_FALSE(VerifyReceipt(receipt_, body_, "ministry", std::string(32, 'x')).ok());
}

TEST_F(ReceiptTest, NamesWhatDoesNotFit) {
  ExpectRefused([](auto* r) { r->clear_head(); }, "no tree head");
  ExpectRefused([](auto* r) { r->set_submission_id("short"); }, "16 bytes");
  ExpectRefused([](auto* r) { r->set_submission_id(std::string(16, 'x')); }, "another submission");
  ExpectRefused([](auto* r) { r->set_sequence(0); }, "another sequence");
  ExpectRefused([](auto* r) { r->set_salt(std::string(16, 'x')); }, "digest");
  ExpectRefused([](auto* r) { r->set_salt(std::string(17, 's')); }, "salt");
  ExpectRefused([](auto* r) { r->set_header("\xff"); }, "unreadable");
  ExpectRefused([](auto* r) { r->mutable_header()->append(r->header()); }, "leaf hash");
  ExpectRefused([](auto* r) { r->set_leaf_hash(LeafHash("x")); }, "leaf hash");
  ExpectRefused([](auto* r) { r->set_inclusion_proof(LeafHash("x")); }, "another root");
  ExpectRefused([](auto* r) { r->set_inclusion_proof(""); }, "too short");
  ExpectRefused([](auto* r) { r->mutable_head()->set_tree_size(3); }, "signature");
  ExpectRefused([](auto* r) { r->mutable_head()->set_timestamp_ms(1); }, "signature");
  ExpectRefused([](auto* r) { r->mutable_head()->set_root_hash(LeafHash("x")); }, "signature");
  ExpectRefused([](auto* r) { r->mutable_head()->set_log_id(std::string(16, 'x')); }, "signature");
  ExpectRefused([](auto* r) { r->mutable_head()->set_log_id("x"); }, "log id");
  ExpectRefused([](auto* r) { r->mutable_head()->mutable_signature()->at(0) ^= 1; }, "signature");
}

TEST(RestoredTest, VerifiesForItsOwnLogOnly) {
  const auto key = SigningKey::FromSeed(std::string(32, 'k'));
  const std::string log_id(16, 'n');
  v1::Restored restored;
  restored.set_old_log_id(std::string(16, 'o'));
  restored.set_old_tree_size(7);
  restored.set_old_root_hash(LeafHash("x"));
  restored.set_signature(key->Sign(RestoredSignedBytes(log_id, restored)));
  EXPECT_TRUE(VerifyRestored(log_id, restored, key->public_key()).ok());
  EXPECT_FALSE(VerifyRestored(std::string(16, 'm'), restored, key->public_key()).ok());
  restored.set_old_tree_size(8);
  EXPECT_FALSE(VerifyRestored(log_id, restored, key->public_key()).ok());
}

}  // namespace
}  // namespace noroshi::merkle
