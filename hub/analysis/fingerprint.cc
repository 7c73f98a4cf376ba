#include "hub/analysis/fingerprint.h"

#include <algorithm>

#include "common/base/encoding.h"
#include "common/crypto/crypto.h"
#include "common/text/unicode.h"

namespace noroshi::analysis {
namespace {

// Removes "<https://…>", "<mailto:…>", "[cid:…]", "[image: …]", "[画像: …]".
std::string WithoutMarkers(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    const bool link = rest.starts_with("<http://") || rest.starts_with("<https://") ||
                      rest.starts_with("<mailto:");
    const bool image =
        rest.starts_with("[cid:") || rest.starts_with("[image:") || rest.starts_with("[画像:");
    const size_t end = link || image ? rest.substr(0, 2048).find(link ? '>' : ']') : rest.npos;
    if (end == std::string_view::npos) {
      out.push_back(text[at++]);
    } else {
      at += end + 1;
    }
  }
  return out;
}

// Mailman's footer: a rule of underscores, then a few short lines that say what
// list it was. Anything longer is text, and stays.
std::string_view WithoutListFooter(std::string_view text) {
  const size_t rule = text.rfind("\n____________________");
  if (rule == std::string_view::npos || text.size() - rule > 400) return text;
  const std::string footer = text::NormaliseForMatching(text.substr(rule));
  const bool list = footer.find("mailing list") != std::string::npos ||
                    footer.find("メーリングリスト") != std::string::npos;
  return list ? text.substr(0, rule) : text;
}

std::string Canonical(std::string_view text) {
  return text::NormaliseForFingerprint(WithoutMarkers(WithoutListFooter(text)));
}

void UpdateSized(std::string_view bytes, Sha256* hash) {
  hash->Update(BigEndian64(bytes.size())).Update(bytes);
}

}  // namespace

std::string TextFingerprint(std::string_view visible_text) {
  const std::string canonical = Canonical(visible_text);
  if (text::TextWeight(canonical) < kFingerprintWeightMin) return {};
  Sha256 hash;
  hash.Update("noroshi mail text 1\n").Update(canonical);
  return hash.Finish();
}

std::string ExactFingerprint(std::string_view visible_text, std::vector<std::string> urls,
                             std::vector<std::string> attachment_sha256) {
  const std::string canonical = Canonical(visible_text);
  if (attachment_sha256.empty() && text::TextWeight(canonical) < kFingerprintWeightMin) return {};
  Sha256 hash;
  hash.Update("noroshi mail exact 1\n");
  UpdateSized(canonical, &hash);
  for (std::vector<std::string>* list : {&urls, &attachment_sha256}) {
    std::sort(list->begin(), list->end());
    list->erase(std::unique(list->begin(), list->end()), list->end());
    hash.Update(BigEndian64(list->size()));
    for (const std::string& item : *list) UpdateSized(item, &hash);
  }
  return hash.Finish();
}

}  // namespace noroshi::analysis
