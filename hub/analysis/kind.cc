#include "hub/analysis/kind.h"

#include <algorithm>

#include "common/base/ascii.h"
#include "common/base/encoding.h"
#include "common/text/unicode.h"

namespace noroshi::analysis {
namespace {

constexpr size_t kKindTextBytesMax = 32 * 1024;  // Searched for requests.

// In the form of NormaliseForMatching.
constexpr std::string_view kRequests[] = {
    // Japanese
    "ご返信", "返信を", "返信して", "返信くださ", "返信下さ", "返信願", "ご返答", "返答を",
    "ご回答", "回答を", "回答くださ", "ご連絡くださ", "ご連絡下さ", "ご連絡をお", "ご連絡お願",
    "連絡をお願", "連絡してくださ", "ご一報", "折り返し", "お返事", "返事を", "お知らせくださ",
    "お知らせ下さ", "お知らせいただ", "お聞かせ", "ご教示", "お送りくださ", "送ってくださ",
    "ご都合",
    // English
    "reply", "respond", "response", "get back to me", "get back to us", "contact me", "contact us",
    "contact him", "contact her", "write to me", "write back", "write me", "call me", "call us",
    "call our", "whatsapp", "telegram", "e-mail me", "email me", "let me know", "your answer",
    "hear from you", "send me", "send us your", "are you available", "cell phone number",
    // Portuguese, Spanish, French, German, Dutch, Italian
    "responda", "responder", "entre em contato", "contato", "contacte", "póngase en contacto",
    "contactar", "répond", "contactez", "antwort", "kontaktieren", "melden sie sich",
    "neem contact", "beantwoord", "reageer", "rispond", "contattare"};

// Of a file or link that did not survive being forwarded inside a text.
constexpr std::string_view kNamesFile[] = {
    "添付の",       "添付いたし",         "添付しま",      "添付ファイルを",    "別添の",
    "圧縮ファイル", "find attached",      "attached file", "attached document", "see attached",
    "the attached", "open the attachment"};
constexpr std::string_view kNamesLink[] = {
    "クリック",   "リンクから",   "リンクより",  "下記url",   "こちらから",   "こちらより",
    "ログイン",   "click",        "unsubscribe", "log in",    "sign in",      "verify your",
    "verify now", "claim",        "désabonner",  "cliquez",   "clique aqui",  "descadastr",
    "haga clic",  "hier klicken", "abmelden",    "klik hier", "uitschrijven", "clicca"};

// In the form of NormaliseForMatching; empty: none of them.
template <size_t N>
std::string FirstOf(const std::string_view (&phrases)[N], std::string_view words) {
  for (const std::string_view phrase : phrases) {
    if (words.find(phrase) != std::string::npos) return std::string(phrase);
  }
  return {};
}

std::string Quoted(std::string_view text) {
  return "\"" + std::string(TruncateUtf8(text, 120)) + "\"";
}

void Set(v1::MailKind kind, std::string reason, v1::MailFacts* facts) {
  facts->set_kind(kind);
  facts->set_kind_reason(std::move(reason));
}

}  // namespace

bool IsRealAttachment(const v1::AttachmentFacts& file) {
  if (file.size() == 0) return false;
  const std::string& type = file.declared_type();
  const std::string name = LowerAscii(file.meant_name().empty() ? file.name() : file.meant_name());
  // What runs is real whatever it is called.
  for (const std::string& marker : file.markers()) {
    if (marker == "executable" || marker == "script" || marker == "lnk" || marker == "macro" ||
        marker == "iso") {
      return true;
    }
  }
  const bool svg = type.starts_with("image/svg");
  return !((type.starts_with("image/") && !svg) || type.starts_with("text/calendar") ||
           type.find("pkcs7-signature") != std::string::npos ||
           type == "application/pgp-signature" || type == "application/ms-tnef" ||
           type.starts_with("message/delivery-status") || name.ends_with(".ics") ||
           (type.find("octet-stream") != std::string::npos && file.type().starts_with("image/") &&
            file.inline_()));
}

bool IsRealLink(const v1::MailLink& link) {
  if (link.place() == v1::LINK_PLACE_RESOURCE || link.place() == v1::LINK_PLACE_COVER ||
      link.place() == v1::LINK_PLACE_BASE) {
    return false;
  }
  // Name spaces and fonts that mail programs write into what they send.
  for (const std::string_view host : {"w3.org", "www.w3.org", "schemas.microsoft.com", "schema.org",
                                      "fonts.googleapis.com", "fonts.gstatic.com"}) {
    if (link.host() == host) return false;
  }
  return true;
}

void DecideKind(std::string_view text, bool inlined, v1::MailFacts* facts) {
  for (const v1::AttachmentFacts& file : facts->attachments()) {
    if (!IsRealAttachment(file)) continue;
    std::string reason = "attachment: " + Quoted(file.name());
    for (const std::string& marker : file.markers()) reason += " " + marker;
    Set(v1::MAIL_KIND_ATTACHMENT, std::move(reason), facts);
    return;
  }
  const v1::MailLink* first = nullptr;
  int links = 0;
  for (const v1::MailLink& link : facts->links()) {
    if (!IsRealLink(link)) continue;
    ++links;
    if (first == nullptr) first = &link;
  }
  if (first != nullptr) {
    Set(v1::MAIL_KIND_URL, "url: " + std::to_string(links) + ", first to " + Quoted(first->host()),
        facts);
    return;
  }
  const std::string words = text::NormaliseForMatching(TruncateUtf8(text, kKindTextBytesMax));
  if (inlined) {
    const std::string file = FirstOf(kNamesFile, words);
    const std::string lost = FirstOf(kNamesLink, words);
    if (!file.empty()) {
      Set(v1::MAIL_KIND_ATTACHMENT, "attachment_lost: forwarded without it, says " + Quoted(file),
          facts);
      return;
    }
    if (!lost.empty()) {
      Set(v1::MAIL_KIND_URL, "url_lost: forwarded without it, says " + Quoted(lost), facts);
      return;
    }
  }
  const std::string request = FirstOf(kRequests, words);
  const bool elsewhere =
      std::any_of(facts->mismatches().begin(), facts->mismatches().end(),
                  [](const std::string& mismatch) { return mismatch.starts_with("reply_to:"); });
  if (!request.empty()) {
    Set(v1::MAIL_KIND_REPLY, "request: " + Quoted(request), facts);
  } else if (elsewhere) {
    Set(v1::MAIL_KIND_REPLY, "reply_to: answers go to " + Quoted(facts->reply_to(0)), facts);
  } else {
    Set(v1::MAIL_KIND_NONE, "none: no link, no file, no request for an answer", facts);
  }
}

}  // namespace noroshi::analysis
