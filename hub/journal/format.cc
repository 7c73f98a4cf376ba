#include "hub/journal/format.h"

#include "common/base/encoding.h"
#include "common/crypto/crypto.h"
#include "common/merkle/merkle.h"

namespace noroshi::journal {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kBodyLabel = "noroshi/v1 body\0"sv;

Error Corrupt(std::string message) { return Error{ErrorCode::kCorruption, std::move(message)}; }

// Binds a sealed body to what is known of its entry before it has a sequence.
std::string AssociatedData(v1::EntryKind kind, std::string_view organization,
                           std::string_view submission_id) {
  std::string data(kBodyLabel);
  AppendBigEndian32(static_cast<uint32_t>(kind), &data);
  data += organization;
  data.push_back('\0');
  data += submission_id;
  return data;
}

}  // namespace

std::string TileKey(TileId id) {
  std::string key(1, static_cast<char>(id.level));
  AppendBigEndian64(id.index, &key);
  return key;
}

Result<TileId> ParseTileKey(std::string_view key) {
  if (key.size() != 9) return Corrupt("a tile's key has 9 bytes");
  return TileId{.level = static_cast<uint8_t>(key[0]), .index = ReadBigEndian64(key.substr(1))};
}

std::string IdKey(std::string_view organization, const std::string& submission_id) {
  std::string key(organization);
  key.push_back('\0');
  key += submission_id;
  return key;
}

Result<uint64_t> ParseSequence(std::string_view big_endian) {
  if (big_endian.size() != 8) return Corrupt("a stored sequence has 8 bytes");
  return ReadBigEndian64(big_endian);
}

bool IsSubmission(v1::EntryKind kind) {
  return kind == v1::ENTRY_KIND_INCIDENT_REPORT || kind == v1::ENTRY_KIND_SUSPICIOUS_MAIL ||
         kind == v1::ENTRY_KIND_OBSERVATION;
}

std::string BodyDigest(std::string_view salt, std::string_view body) {
  thread_local Sha256 hash;
  return hash.Update(salt).Update(body).Finish();
}

Secrets::Secrets(Random* random)
    : salt(random->Bytes(merkle::kSaltBytes + kAesKeyBytes + kGcmNonceBytes)) {
  key = salt.substr(merkle::kSaltBytes, kAesKeyBytes);
  nonce = salt.substr(merkle::kSaltBytes + kAesKeyBytes);
  salt.resize(merkle::kSaltBytes);
}

SealedBody Seal(const Draft& draft, Secrets secrets, std::string digest,
                std::string_view master_key) {
  const std::string id = draft.submission_id ? draft.submission_id->bytes() : "";
  std::string plaintext;
  plaintext.reserve(secrets.salt.size() + draft.body.size());
  plaintext.append(secrets.salt).append(draft.body);
  SealedBody body;
  body.sealed =
      SealOnce(secrets.key, plaintext, AssociatedData(draft.kind, draft.organization, id));
  body.wrapped_key = WrapKey(master_key, secrets.nonce, secrets.key);
  body.salt = std::move(secrets.salt);
  body.digest = std::move(digest);
  return body;
}

Result<v1::EntryHeader> ParseHeader(uint64_t sequence, std::string_view header_bytes) {
  v1::EntryHeader header;
  if (!header.ParseFromArray(header_bytes.data(), static_cast<int>(header_bytes.size()))) {
    return Corrupt("header is unreadable");
  }
  if (header.sequence() != sequence) {
    return Corrupt("header is that of entry " + std::to_string(header.sequence()));
  }
  return header;
}

Result<OpenedEntry> OpenEntry(uint64_t sequence, std::string_view header_bytes,
                              std::string_view sealed, std::optional<std::string_view> wrapped_key,
                              std::string_view master_key) {
  OpenedEntry entry;
  NOROSHI_ASSIGN_OR_RETURN(entry.header, ParseHeader(sequence, header_bytes));
  if (!wrapped_key) {
    entry.erased = true;
    return entry;
  }
  const auto key = UnwrapKey(master_key, *wrapped_key);
  if (!key.ok()) return Corrupt("body's key does not fit the master key");
  auto plaintext = OpenOnce(*key, sealed,
                            AssociatedData(entry.header.kind(), entry.header.organization(),
                                           entry.header.submission_id()));
  if (!plaintext.ok() || plaintext->size() < merkle::kSaltBytes) {
    return Corrupt("sealed body does not fit its key and header");
  }
  if (Sha256Of(*plaintext) != entry.header.body_digest() ||
      plaintext->size() - merkle::kSaltBytes != entry.header.body_size()) {
    return Corrupt("body does not match its digest");
  }
  entry.salt = plaintext->substr(0, merkle::kSaltBytes);
  plaintext->erase(0, merkle::kSaltBytes);
  entry.body = *std::move(plaintext);
  return entry;
}

}  // namespace noroshi::journal
