#include "common/merkle/merkle.h"

#include <bit>

#include "common/crypto/crypto.h"

namespace noroshi::merkle {
namespace {

// Splits a proof into hashes: takes the next from the front of `proof`.
std::string_view Next(std::string_view* proof) {
  const std::string_view hash = proof->substr(0, kHashBytes);
  proof->remove_prefix(kHashBytes);
  return hash;
}

Error Misfit(std::string message) { return Error{ErrorCode::kCorruption, std::move(message)}; }

Result<void> CheckSizes(std::string_view proof, std::string_view root) {
  if (root.size() != kHashBytes) return Misfit("a root hash has 32 bytes");
  if (proof.size() % kHashBytes != 0) return Misfit("a proof consists of 32-byte hashes");
  return {};
}

}  // namespace

std::string LeafHash(std::string_view leaf) {
  thread_local Sha256 hash;
  return hash.Update(std::string_view("\0", 1)).Update(leaf).Finish();
}

std::string NodeHash(std::string_view left, std::string_view right) {
  thread_local Sha256 hash;
  return hash.Update("\1").Update(left).Update(right).Finish();
}

std::string EmptyRoot() { return Sha256Of(""); }

Result<void> VerifyInclusion(uint64_t leaf_index, uint64_t tree_size, std::string_view leaf_hash,
                             std::string_view proof, std::string_view root) {
  NOROSHI_RETURN_IF_ERROR(CheckSizes(proof, root));
  if (leaf_hash.size() != kHashBytes) return Misfit("a leaf hash has 32 bytes");
  if (leaf_index >= tree_size) return Misfit("the leaf lies beyond the tree");
  uint64_t node = leaf_index;
  uint64_t last = tree_size - 1;
  std::string hash(leaf_hash);
  while (!proof.empty()) {
    if (last == 0) return Misfit("the inclusion proof is too long");
    const std::string_view sibling = Next(&proof);
    if ((node & 1) != 0 || node == last) {
      hash = NodeHash(sibling, hash);
      while ((node & 1) == 0 && node != 0) {
        node >>= 1;
        last >>= 1;
      }
    } else {
      hash = NodeHash(hash, sibling);
    }
    node >>= 1;
    last >>= 1;
  }
  if (last != 0) return Misfit("the inclusion proof is too short");
  if (hash != root) return Misfit("the inclusion proof leads to another root");
  return {};
}

Result<void> VerifyConsistency(uint64_t old_size, std::string_view old_root, uint64_t new_size,
                               std::string_view new_root, std::string_view proof) {
  NOROSHI_RETURN_IF_ERROR(CheckSizes(proof, old_root));
  NOROSHI_RETURN_IF_ERROR(CheckSizes(proof, new_root));
  if (old_size > new_size) return Misfit("the newer tree is smaller than the older one");
  if (old_size == 0 && old_root != EmptyRoot()) return Misfit("not the root of the empty tree");
  if (old_size == new_size || old_size == 0) {
    if (!proof.empty()) return Misfit("the consistency proof should be empty");
    if (old_size == new_size && old_root != new_root) return Misfit("two roots for one tree size");
    return {};
  }
  // If old_size is a power of two, the old root is itself a node of the new tree.
  const bool starts_with_root = std::has_single_bit(old_size);
  if (!starts_with_root && proof.empty()) return Misfit("the consistency proof is too short");
  uint64_t node = old_size - 1;
  uint64_t last = new_size - 1;
  while ((node & 1) != 0) {
    node >>= 1;
    last >>= 1;
  }
  std::string old_hash(starts_with_root ? old_root : Next(&proof));
  std::string new_hash = old_hash;
  while (!proof.empty()) {
    if (last == 0) return Misfit("the consistency proof is too long");
    const std::string_view sibling = Next(&proof);
    if ((node & 1) != 0 || node == last) {
      old_hash = NodeHash(sibling, old_hash);
      new_hash = NodeHash(sibling, new_hash);
      while ((node & 1) == 0 && node != 0) {
        node >>= 1;
        last >>= 1;
      }
    } else {
      new_hash = NodeHash(new_hash, sibling);
    }
    node >>= 1;
    last >>= 1;
  }
  if (last != 0) return Misfit("the consistency proof is too short");
  if (old_hash != old_root) return Misfit("the consistency proof does not lead to the older root");
  if (new_hash != new_root) return Misfit("the consistency proof does not lead to the newer root");
  return {};
}

}  // namespace noroshi::merkle
