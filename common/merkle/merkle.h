// Merkle trees as of RFC 6962 section 2 (SHA-256): hashing, and the checks that
// an agent or auditor makes alone. The hub builds its proofs in hub/journal.
//
// Proofs are concatenated 32-byte hashes, in the order of the RFC.
// Threads: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "noroshi/v1/agent.pb.h"

namespace noroshi::merkle {

inline constexpr size_t kHashBytes = 32;
inline constexpr size_t kLogIdBytes = 16;
inline constexpr size_t kSaltBytes = 16;  // Before the body, in its digest.

// SHA-256(0x00 ‖ leaf) and SHA-256(0x01 ‖ left ‖ right).
std::string LeafHash(std::string_view leaf);
std::string NodeHash(std::string_view left, std::string_view right);
// Root of the tree without leaves: SHA-256 of nothing.
std::string EmptyRoot();

// RFC 6962 2.1.1 as verified by RFC 9162 2.1.3.2. kCorruption says what does not fit.
Result<void> VerifyInclusion(uint64_t leaf_index, uint64_t tree_size, std::string_view leaf_hash,
                             std::string_view proof, std::string_view root);

// RFC 9162 2.1.4.2. Sizes may be equal (empty proof, equal roots) and old_size
// may be 0 (empty proof).
Result<void> VerifyConsistency(uint64_t old_size, std::string_view old_root, uint64_t new_size,
                               std::string_view new_root, std::string_view proof);

// The bytes that the hub signs for a tree head, and for a Restored statement
// (docs/journal.md).
std::string TreeHeadSignedBytes(const v1::TreeHead& head);
std::string RestoredSignedBytes(std::string_view new_log_id, const v1::Restored& restored);

// Sizes of all fields, and the signature.
Result<void> VerifyTreeHead(const v1::TreeHead& head, std::string_view log_public_key);

// Likewise for the statement that log `new_log_id` continues an older one.
Result<void> VerifyRestored(std::string_view new_log_id, const v1::Restored& restored,
                            std::string_view log_public_key);

// Everything that a receipt claims about these exact submission bytes: salted
// digest in the header, leaf, inclusion, head's signature; and that the header
// names this organisation and the receipt's submission id (by which the caller
// found the bytes). receipt.head must be set.
Result<void> VerifyReceipt(const v1::Receipt& receipt, std::string_view submission_bytes,
                           std::string_view organization, std::string_view log_public_key);

// The same without the signature, under a head that VerifyTreeHead has passed: one head
// stands for many receipts, and its signature costs more than all the rest. receipt.head
// is not looked at.
Result<void> VerifyReceiptUnder(const v1::TreeHead& head, const v1::Receipt& receipt,
                                std::string_view submission_bytes, std::string_view organization);

}  // namespace noroshi::merkle
