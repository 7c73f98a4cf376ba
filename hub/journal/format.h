// The journal's bytes: keys, headers, sealed bodies (docs/journal.md). The only
// place that knows them.
//
// Threads: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/runtime/random.h"
#include "hub/journal/journal.h"
#include "hub/journal/tree.h"
#include "noroshi/v1/journal.pb.h"

namespace noroshi::journal {

inline constexpr std::string_view kFormat = "1";

// Keys of the default column family.
inline constexpr std::string_view kFormatKey = "format";
inline constexpr std::string_view kLogIdKey = "log_id";
inline constexpr std::string_view kPublicKeyKey = "log_public_key";
inline constexpr std::string_view kHubNameKey = "hub_name";
inline constexpr std::string_view kHeadKey = "head";
inline constexpr std::string_view kRestoredPrefix = "restored/";  // ‖ BE64 number

std::string TileKey(TileId id);                     // level ‖ BE64 index
Result<TileId> ParseTileKey(std::string_view key);  // kCorruption
std::string IdKey(std::string_view organization, const std::string& submission_id);
Result<uint64_t> ParseSequence(std::string_view big_endian);  // kCorruption

bool IsSubmission(v1::EntryKind kind);

// A body made ready for storage.
struct SealedBody {
  std::string salt;         // 16 bytes.
  std::string digest;       // SHA-256(salt ‖ body).
  std::string sealed;       // AES-256-GCM(salt ‖ body) ‖ tag.
  std::string wrapped_key;  // 40 bytes.
};

std::string BodyDigest(std::string_view salt, std::string_view body);

// What is drawn for each body: 16 bytes of salt and the 32-byte data key, at once
// because each draw costs as much as sealing 1 KiB.
struct Secrets {
  explicit Secrets(Random* random);
  std::string salt;
  std::string key;
  std::string nonce;  // For wrapping the key.
};

// `digest` is BodyDigest of the salt and the draft's body.
SealedBody Seal(const Draft& draft, Secrets secrets, std::string digest,
                std::string_view master_key);

// An entry as stored, opened and checked against its header.
struct OpenedEntry {
  v1::EntryHeader header;
  std::string salt;  // Empty if erased.
  std::string body;  // Likewise.
  bool erased = false;
};

// kCorruption unless the header parses and is that of `sequence`.
Result<v1::EntryHeader> ParseHeader(uint64_t sequence, std::string_view header_bytes);

// No wrapped key: the body was erased. kCorruption names what does not fit.
Result<OpenedEntry> OpenEntry(uint64_t sequence, std::string_view header_bytes,
                              std::string_view sealed, std::optional<std::string_view> wrapped_key,
                              std::string_view master_key);

}  // namespace noroshi::journal
