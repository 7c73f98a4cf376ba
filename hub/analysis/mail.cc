#include "hub/analysis/mail.h"

#include <algorithm>
#include <optional>
#include <set>

#include "common/base/encoding.h"
#include "common/crypto/crypto.h"
#include "common/text/charset.h"
#include "common/text/unicode.h"
#include "hub/analysis/fingerprint.h"
#include "hub/analysis/html.h"
#include "hub/analysis/links.h"
#include "hub/analysis/mime.h"
#include "hub/analysis/sketch.h"
#include "hub/analysis/unwrap.h"

namespace noroshi::analysis {
namespace {

constexpr int kInlineForwardsMax = 4;  // Forwards of forwards inside one text.

// What a message shows.
struct View {
  std::string text;
  std::vector<HtmlLink> links;  // Of HTML, with their place in text.
  std::vector<const MimeNode*> attachments;
  std::vector<std::string> charsets;
};

class MailReader {
 public:
  MailReading Read(std::string_view raw) {
    if (raw.size() > kMailBytesMax) {
      NoteLimit("kMailBytesMax: a mail of more than 24 MiB");
      raw = raw.substr(0, kMailBytesMax);
    }
    const MimeNode root = ParseMime(raw, &reading_.limit);
    const MimeNode* message = Unwrap(root);
    View view = Show(*message);
    Fill(*message, std::move(view));
    return std::move(reading_);
  }

 private:
  void NoteLimit(std::string_view what) {
    if (reading_.limit.empty()) reading_.limit = what;
  }

  // Follows message/rfc822 under cover notes down to the mail that matters.
  const MimeNode* Unwrap(const MimeNode& root) {
    const MimeNode* message = &root;
    for (;;) {
      std::vector<const MimeNode*> inner;
      FindMessages(*message, &inner);
      // Several attached mails are a collection: none of them is "the" mail.
      if (inner.size() != 1) return message;
      if (!IsCoverNote(Show(*message, /*with_messages=*/false).text, message->from)) return message;
      message = inner[0];
      reading_.facts.set_unwrapped(true);
    }
  }

  static void FindMessages(const MimeNode& node, std::vector<const MimeNode*>* out) {
    for (const MimeNode& child : node.children) {
      if (child.kind == MimeNode::Kind::kMessage) {
        out->push_back(&child);
      } else {
        FindMessages(child, out);
      }
    }
  }

  View Show(const MimeNode& message, bool with_messages = true) {
    View view;
    text_bytes_ = 0;
    for (const MimeNode& child : message.children) Show(child, with_messages, &view);
    return view;
  }

  void Show(const MimeNode& node, bool with_messages, View* view) {
    if (node.kind == MimeNode::Kind::kMessage) {
      if (!with_messages) return;
      for (const MimeNode& child : node.children) Show(child, with_messages, view);
    } else if (node.kind == MimeNode::Kind::kMultipart) {
      if (node.type.value == "multipart/alternative") {
        ShowAlternative(node, with_messages, view);
      } else {
        for (const MimeNode& child : node.children) Show(child, with_messages, view);
      }
    } else if (node.is_text() && !IsNamedFile(node)) {
      ShowText(node, view);
    } else {
      view->attachments.push_back(&node);
    }
  }

  // A text part with a name, of another kind than a mail program's own body part.
  static bool IsNamedFile(const MimeNode& node) {
    return !node.disposition.Find("filename").empty();
  }

  // The last alternative that shows something is what a person sees; the others'
  // links and attachments count all the same.
  void ShowAlternative(const MimeNode& node, bool with_messages, View* view) {
    View shown;
    std::vector<HtmlLink> other_links;
    for (const MimeNode& child : node.children) {
      View candidate;
      Show(child, with_messages, &candidate);
      for (std::string& charset : candidate.charsets) view->charsets.push_back(std::move(charset));
      for (const MimeNode* part : candidate.attachments) view->attachments.push_back(part);
      const bool says = text::TextWeight(candidate.text) > 0 || shown.text.empty();
      View& loser = says ? shown : candidate;
      for (HtmlLink& link : loser.links) other_links.push_back(std::move(link));
      if (says) {
        shown.text = std::move(candidate.text);
        shown.links = std::move(candidate.links);
      }
    }
    Append(std::move(shown), view);
    for (HtmlLink& link : other_links) {
      link.offset = view->text.size();
      view->links.push_back(std::move(link));
    }
  }

  static void Append(View shown, View* view) {
    if (!view->text.empty() && view->text.back() != '\n') view->text.push_back('\n');
    for (HtmlLink& link : shown.links) {
      link.offset += view->text.size();
      view->links.push_back(std::move(link));
    }
    view->text += shown.text;
  }

  void ShowText(const MimeNode& node, View* view) {
    std::string_view bytes = node.content;
    const size_t left = kTextBytesMax - std::min(kTextBytesMax, text_bytes_);
    if (bytes.size() > std::min(kPartTextBytesMax, left)) {
      NoteLimit(left < kPartTextBytesMax ? "kTextBytesMax: more than 16 MiB of text"
                                         : "kPartTextBytesMax: a text of more than 8 MiB");
      bytes = bytes.substr(0, std::min(kPartTextBytesMax, left));
    }
    text_bytes_ += bytes.size();
    const bool html = node.type.value != "text/plain" && node.type.value != "text";
    std::string label(node.type.Find("charset"));
    if (html && label.empty()) label = HtmlCharset(bytes);
    text::Decoded decoded = text::DecodeCharset(bytes, label);
    view->charsets.push_back(std::move(decoded.charset));
    View shown;
    if (html) {
      HtmlContent content = ReadHtml(decoded.text);
      if (content.cut) NoteLimit("kHtmlLinksMax or kHtmlAttributesMax: HTML with too many of them");
      shown.text = std::move(content.text);
      shown.links = std::move(content.links);
    } else {
      shown.text = std::move(decoded.text);
      std::erase(shown.text, '\r');
    }
    Append(std::move(shown), view);
  }

  void Fill(const MimeNode& message, View view) {
    v1::MailFacts& facts = reading_.facts;
    std::string subject = message.subject;
    std::string from = message.from;
    size_t offset = 0;  // Of the inner text in view.text, for the links.
    std::string text = std::move(view.text);
    for (int i = 0; i < kInlineForwardsMax; ++i) {
      std::optional<InlineForward> forward = FindInlineForward(subject, from, text);
      if (!forward) break;
      facts.set_unwrapped(true);
      // Quoting was stripped: places inside a second forward are no longer exact.
      if (i == 0) offset = forward->offset;
      text = std::move(forward->text);
      if (!forward->subject.empty()) subject = std::move(forward->subject);
      if (!forward->from.empty()) from = std::move(forward->from);
    }
    facts.set_subject(Field(subject));
    facts.set_from(Field(from));
    facts.set_message_id(Field(message.message_id));
    std::vector<std::string> hashes = FillAttachments(view.attachments);
    FillUrls(text, view.links, offset);
    for (const std::string& charset : view.charsets) {
      if (facts.charsets_size() < kMailPartsMax) facts.add_charsets(charset);
    }
    facts.set_exact_fingerprint(
        ExactFingerprint(text, {facts.urls().begin(), facts.urls().end()}, std::move(hashes)));
    facts.set_text_fingerprint(TextFingerprint(text));
    facts.set_text(std::string(TruncateUtf8(text, kFactTextBytesMax)));
    *facts.mutable_sketch() = SketchMail(text, facts, heads_);
  }

  static std::string Field(std::string_view text) {
    return std::string(TruncateUtf8(text::ToValidUtf8(text), kFactFieldBytesMax));
  }

  // Facts of the attachments; returns the hashes of those that are not empty.
  std::vector<std::string> FillAttachments(const std::vector<const MimeNode*>& parts) {
    std::vector<std::string> hashes;
    for (const MimeNode* part : parts) {
      if (part->content.empty() && part->file_name().empty()) continue;
      const std::string hash = Sha256Of(part->content);
      if (!part->content.empty()) hashes.push_back(hash);
      if (static_cast<size_t>(reading_.facts.attachments_size()) >= kAttachmentsMax) {
        NoteLimit("kAttachmentsMax: more than 100 attachments");
        continue;
      }
      v1::AttachmentFacts* facts = reading_.facts.add_attachments();
      facts->set_name(Field(part->file_name()));
      facts->set_declared_type(Field(part->type.value));
      facts->set_size(part->content.size());
      facts->set_sha256(hash);
      heads_.push_back(AttachmentHead(part->content));
    }
    return hashes;
  }

  void FillUrls(std::string_view text, const std::vector<HtmlLink>& links, size_t offset) {
    std::set<std::string> seen;
    const auto add = [&](std::string_view url) {
      std::string clean(TruncateUtf8(text::ToValidUtf8(url), kUrlBytesMax));
      if (url.size() > kUrlBytesMax) NoteLimit("kUrlBytesMax: a URL of more than 2 KiB");
      if (!seen.insert(clean).second) return;
      if (static_cast<size_t>(reading_.facts.urls_size()) >= kUrlsMax) {
        NoteLimit("kUrlsMax: more than 200 URLs");
        return;
      }
      reading_.facts.add_urls(std::move(clean));
    };
    for (const HtmlLink& link : links) {
      const bool web = link.url.find("://") != std::string::npos;
      if (link.offset >= offset && web) add(link.url);
    }
    for (const std::string& url : FindUrls(text, kUrlsMax + 1)) add(url);
  }

  MailReading reading_;
  size_t text_bytes_ = 0;
  std::vector<std::string> heads_;  // Of the attachments that are facts.
};

}  // namespace

MailReading ReadMail(std::string_view raw) { return MailReader().Read(raw); }

void WarmUpMail() {
  WarmUpMime();
  text::WarmUpCharsets();
}

}  // namespace noroshi::analysis
