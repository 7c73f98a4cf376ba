#include "hub/analysis/fingerprint.h"

#include <algorithm>

#include "common/base/encoding.h"
#include "common/crypto/crypto.h"
#include "common/text/unicode.h"
#include "hub/analysis/links.h"

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

constexpr size_t kFooterBytesMax = 400;
constexpr int kFooterLinesMax = 5;  // The rule among them.
constexpr size_t kFooterLineBytesMax = 100;

bool HasShortLines(std::string_view text) {
  int lines = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    if (end - begin > kFooterLineBytesMax || ++lines > kFooterLinesMax) return false;
    begin = end + 1;
  }
  return true;
}

// Mailman's footer: a rule of underscores, then a few short lines that say what
// list it was. Anything longer is text, and stays.
std::string_view WithoutListFooter(std::string_view text) {
  const size_t rule = text.rfind("\n____________________");
  if (rule == std::string_view::npos || text.size() - rule > kFooterBytesMax ||
      !HasShortLines(text.substr(rule + 1))) {
    return text;
  }
  const std::string footer = text::NormaliseForMatching(text.substr(rule));
  const bool list = footer.find("mailing list") != std::string::npos ||
                    footer.find("メーリングリスト") != std::string::npos;
  return list ? text.substr(0, rule) : text;
}

// What gateways write above or below a mail: it differs between organisations.
constexpr std::string_view kBannerPhrases[] = {
    "originated from outside",
    "from outside of the organization",
    "from outside the organization",
    "from outside of your organization",
    "from outside your organization",
    "external email",
    "external e-mail",
    "external sender",
    "do not click links or open attachments unless",
    "do not click on links or open attachments unless",
    "you don't often get email from",
    "this message has been scanned",
    "this email has been scanned",
    "this e-mail has been scanned",
    "has been checked for viruses",
    "virus-free",
    "このメールは外部から",
    "このメールは組織外から",
    "このメールは社外から",
    "このメールは庁外から",
    "外部からのメール",
    "外部から送信され",
    "組織外から送信され",
    "組織外からのメール",
    "社外からのメール",
    "庁外からのメール",
    "ウイルスチェック済",
    "ウイルススキャン済",
};
constexpr size_t kBannerLineBytesMax = 400;
constexpr size_t kBannerLinesMax = 8;  // From either end of the text.

bool IsBanner(std::string_view line) {
  if (line.size() > kBannerLineBytesMax) return false;
  const std::string words = text::NormaliseForMatching(line);
  return std::any_of(
      std::begin(kBannerPhrases), std::end(kBannerPhrases),
      [&](std::string_view phrase) { return words.find(phrase) != std::string::npos; });
}

// Without the banners that a gateway added. Only lines that are recognised go, so
// nothing that a lure says is lost.
std::string WithoutBanners(std::string_view text) {
  std::vector<std::string_view> lines;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = text.substr(begin, end - begin);
    if (line.find_first_not_of(" \t\r") != std::string_view::npos) lines.push_back(line);
    begin = end + 1;
  }
  std::string out;
  for (size_t i = 0; i < lines.size(); ++i) {
    const bool edge = i < kBannerLinesMax || i + kBannerLinesMax >= lines.size();
    if (!edge || !IsBanner(lines[i])) out.append(lines[i]).push_back('\n');
  }
  return out;
}

std::string Canonical(std::string_view text) {
  const std::string plain = WithoutUrls(WithoutMarkers(WithoutListFooter(text)));
  return text::NormaliseForFingerprint(WithoutBanners(plain));
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
