// Fingerprints: equal for mails that are the same matter, whatever their
// headers, charset, transfer encoding, line wrapping and forwarding.
//
// A fingerprint joins reports of different organisations, so a wrong match is
// worse than a missed one: a text that says too little has none.
// Threads: thread-safe. Deterministic. Changing any of this changes
// kAnalyserVersion: fingerprints of different versions are not comparable.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace noroshi::analysis {

// Weight (text::TextWeight) below which a text has no fingerprint: about 14
// English words or 40 Japanese characters. Shorter texts ("Please see the
// attachment.") are written by everybody.
inline constexpr uint32_t kFingerprintWeightMin = 80;

// SHA-256 over the normalised text without white space, without URLs (lures
// carry one for each recipient), without the link targets and image markers that
// mail programs write into a text ("<https://…>", "[cid:…]"), without a mailing
// list's footer and a gateway's banner. Empty: too little text is left.
std::string TextFingerprint(std::string_view visible_text);

// SHA-256 over the normalised text, the links and the attachments' SHA-256 (each
// once, sorted). Empty: neither enough text nor a real attachment.
std::string ExactFingerprint(std::string_view visible_text, std::vector<std::string> urls,
                             std::vector<std::string> attachment_sha256);

}  // namespace noroshi::analysis
