#include "common/base/encoding.h"
#include "common/base/uuid.h"
#include "common/crypto/crypto.h"
#include "common/merkle/merkle.h"
#include "noroshi/v1/journal.pb.h"

namespace noroshi::merkle {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kTreeHeadLabel = "noroshi/v1 tree head\0"sv;
constexpr std::string_view kRestoredLabel = "noroshi/v1 restored\0"sv;

Error Misfit(std::string message) { return Error{ErrorCode::kCorruption, std::move(message)}; }

Result<void> CheckHeader(const v1::Receipt& receipt, std::string_view submission_bytes,
                         std::string_view organization) {
  v1::EntryHeader header;
  if (!header.ParseFromString(receipt.header())) return Misfit("the entry's header is unreadable");
  if (header.sequence() != receipt.sequence()) return Misfit("the header has another sequence");
  if (header.submission_id() != receipt.submission_id()) {
    return Misfit("the header names another submission");
  }
  if (header.organization() != organization) return Misfit("the header names another organisation");
  if (header.body_size() != submission_bytes.size()) return Misfit("the header has another size");
  Sha256 digest;
  if (digest.Update(receipt.salt()).Update(submission_bytes).Finish() != header.body_digest()) {
    return Misfit("the header has the digest of another submission");
  }
  return {};
}

}  // namespace

std::string TreeHeadSignedBytes(const v1::TreeHead& head) {
  std::string bytes(kTreeHeadLabel);
  bytes += head.log_id();
  AppendBigEndian64(head.tree_size(), &bytes);
  bytes += head.root_hash();
  AppendBigEndian64(static_cast<uint64_t>(head.timestamp_ms()), &bytes);
  return bytes;
}

std::string RestoredSignedBytes(std::string_view new_log_id, const v1::Restored& restored) {
  std::string bytes(kRestoredLabel);
  bytes += new_log_id;
  bytes += restored.old_log_id();
  AppendBigEndian64(restored.old_tree_size(), &bytes);
  bytes += restored.old_root_hash();
  return bytes;
}

Result<void> VerifyTreeHead(const v1::TreeHead& head, std::string_view log_public_key) {
  if (head.log_id().size() != kLogIdBytes) return Misfit("a log id has 16 bytes");
  if (head.root_hash().size() != kHashBytes) return Misfit("a root hash has 32 bytes");
  if (!VerifyEd25519(log_public_key, TreeHeadSignedBytes(head), head.signature())) {
    return Misfit("the tree head's signature does not verify");
  }
  return {};
}

Result<void> VerifyRestored(std::string_view new_log_id, const v1::Restored& restored,
                            std::string_view log_public_key) {
  if (new_log_id.size() != kLogIdBytes || restored.old_log_id().size() != kLogIdBytes) {
    return Misfit("a log id has 16 bytes");
  }
  if (restored.old_root_hash().size() != kHashBytes) return Misfit("a root hash has 32 bytes");
  if (!VerifyEd25519(log_public_key, RestoredSignedBytes(new_log_id, restored),
                     restored.signature())) {
    return Misfit("the restore statement's signature does not verify");
  }
  return {};
}

Result<void> VerifyReceipt(const v1::Receipt& receipt, std::string_view submission_bytes,
                           std::string_view organization, std::string_view log_public_key) {
  if (!receipt.has_head()) return Misfit("the receipt has no tree head");
  NOROSHI_RETURN_IF_ERROR(VerifyTreeHead(receipt.head(), log_public_key));
  return VerifyReceiptUnder(receipt.head(), receipt, submission_bytes, organization);
}

Result<void> VerifyReceiptUnder(const v1::TreeHead& head, const v1::Receipt& receipt,
                                std::string_view submission_bytes, std::string_view organization) {
  if (receipt.submission_id().size() != Uuid::kBytes) return Misfit("a submission id has 16 bytes");
  if (receipt.salt().size() != kSaltBytes) return Misfit("a salt has 16 bytes");
  NOROSHI_RETURN_IF_ERROR(CheckHeader(receipt, submission_bytes, organization));
  if (LeafHash(receipt.header()) != receipt.leaf_hash()) {
    return Misfit("the leaf hash is not the header's");
  }
  return VerifyInclusion(receipt.sequence(), head.tree_size(), receipt.leaf_hash(),
                         receipt.inclusion_proof(), head.root_hash());
}

}  // namespace noroshi::merkle
