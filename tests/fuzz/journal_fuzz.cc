// Hostile bytes as stored rows, proofs, heads and receipts: an error or a value,
// and no proof that holds for two leaves or two histories.
#include <cstddef>
#include <cstdint>

#include "common/base/encoding.h"
#include "common/merkle/merkle.h"
#include "hub/journal/format.h"

namespace {

using namespace noroshi;

// Cuts pieces from the front of the input; missing bytes are zeros.
class Input {
 public:
  explicit Input(std::string_view bytes) : bytes_(bytes) {}
  uint8_t Byte() { return static_cast<uint8_t>(Take(1)[0]); }
  uint64_t Number() { return ReadBigEndian64(Take(8)); }
  std::string Take(size_t size) {
    std::string taken(bytes_.substr(0, size));
    bytes_.remove_prefix(taken.size());
    taken.resize(size, '\0');
    return taken;
  }
  std::string Sized() { return Take(std::min<size_t>(Byte(), bytes_.size())); }
  std::string_view Rest() const { return bytes_; }

 private:
  std::string_view bytes_;
};

void Rows(Input input) {
  const uint64_t sequence = input.Byte();
  const std::string header = input.Sized();
  const std::string wrapped = input.Take(40);
  const std::string master(32, 'm');
  (void)journal::OpenEntry(sequence, header, input.Rest(), wrapped, master).ok();
  (void)journal::OpenEntry(sequence, header, input.Rest(), std::nullopt, master).ok();
  (void)journal::ParseSequence(header).ok();
  const auto id = journal::ParseTileKey(header);
  if (id.ok()) NOROSHI_CHECK(journal::TileKey(*id) == header);
  (void)journal::Tile::FromHashes(input.Rest()).ok();
}

void Inclusion(Input input) {
  const uint64_t leaf = input.Number();
  const uint64_t size = input.Number();
  const std::string hash = input.Take(32);
  const std::string root = input.Take(32);
  const bool held = merkle::VerifyInclusion(leaf, size, hash, input.Rest(), root).ok();
  std::string other = hash;
  other[0] = static_cast<char>(other[0] ^ 1);
  const bool other_held = merkle::VerifyInclusion(leaf, size, other, input.Rest(), root).ok();
  NOROSHI_CHECK(!(held && other_held));
}

void Consistency(Input input) {
  const uint64_t old_size = input.Number();
  const uint64_t new_size = input.Number();
  const std::string old_root = input.Take(32);
  const std::string new_root = input.Take(32);
  const auto held = [&](const std::string& from) {
    return merkle::VerifyConsistency(old_size, from, new_size, new_root, input.Rest()).ok();
  };
  std::string other = old_root;
  other[0] = static_cast<char>(other[0] ^ 1);
  NOROSHI_CHECK(!(held(old_root) && held(other)));
}

void Signed(Input input) {
  v1::Receipt receipt;
  const std::string key = input.Take(32);
  if (!receipt.ParseFromArray(input.Rest().data(), static_cast<int>(input.Rest().size()))) return;
  (void)merkle::VerifyReceipt(receipt, "body", "ministry", key).ok();
  (void)merkle::VerifyTreeHead(receipt.head(), key).ok();
  v1::Restored restored;
  if (restored.ParseFromString(receipt.header())) {
    (void)merkle::VerifyRestored(receipt.submission_id(), restored, key).ok();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input({reinterpret_cast<const char*>(data), size});
  switch (input.Byte() % 4) {
    case 0:
      Rows(input);
      break;
    case 1:
      Inclusion(input);
      break;
    case 2:
      Consistency(input);
      break;
    default:
      Signed(input);
  }
  return 0;
}
