#include "hub/analysis/mail.h"

#include <algorithm>
#include <optional>

#include "common/base/encoding.h"
#include "common/text/charset.h"
#include "common/text/unicode.h"
#include "hub/analysis/attachments.h"
#include "hub/analysis/file_type.h"
#include "hub/analysis/header_facts.h"
#include "hub/analysis/host.h"
#include "hub/analysis/html.h"
#include "hub/analysis/kind.h"
#include "hub/analysis/language.h"
#include "hub/analysis/mail_links.h"
#include "hub/analysis/mime.h"
#include "hub/analysis/sketch.h"
#include "hub/analysis/unpack.h"
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
  std::string unseen;  // Texts of alternatives that lost: their links count.
  std::string hidden;  // Texts of hidden elements.
};

class MailReader {
 public:
  MailReading Read(std::string_view raw) {
    if (raw.size() > kMailBytesMax) {
      NoteLimit("kMailBytesMax: a mail of more than 24 MiB");
      raw = raw.substr(0, kMailBytesMax);
    }
    const std::string decoded = DecodeUtf16(raw);
    if (!decoded.empty()) raw = decoded;
    const MimeNode root = ParseMime(raw, &reading_.limit);
    const MimeNode* message = Unwrap(root);
    View view = Show(*message);
    other_text_ = view.unseen;
    hidden_text_ = view.hidden;
    // What a limit cut off may still be read as it stands.
    if (!reading_.limit.empty()) view.unseen += text::ToValidUtf8(raw);
    Fill(*message, std::move(view));
    DecideKind(text_, inlined_, &reading_.facts);
    *reading_.facts.mutable_sketch() =
        SketchMail({text_, other_text_, hidden_text_}, reading_.facts, heads_);
    return std::move(reading_);
  }

 private:
  void NoteLimit(std::string_view what) {
    if (reading_.limit.empty()) reading_.limit = what;
  }

  // A whole mail saved as UTF-16, by its mark or by the zeros between its letters;
  // empty: it is none.
  static std::string DecodeUtf16(std::string_view raw) {
    const std::string_view head = raw.substr(0, 64);
    if (head.size() < 4) return {};
    const bool little =
        head.starts_with("\xff\xfe") || (head[0] != 0 && head[1] == 0 && head[3] == 0);
    const bool big = head.starts_with("\xfe\xff") || (head[0] == 0 && head[1] != 0 && head[2] == 0);
    if (!little && !big) return {};
    return text::DecodeCharset(raw, little ? "utf-16le" : "utf-16be").text;
  }

  // Follows message/rfc822 under cover notes down to the mail that matters.
  const MimeNode* Unwrap(const MimeNode& root) {
    const MimeNode* message = &root;
    for (;;) {
      std::vector<const MimeNode*> inner;
      FindMessages(*message, &inner);
      // Several attached mails are a collection: none of them is "the" mail.
      if (inner.size() != 1) return message;
      View cover = Show(*message, /*with_messages=*/false);
      if (!IsCoverNote(cover.text, message->headers.from)) return message;
      KeepCover(std::move(cover));
      message = inner[0];
      reading_.facts.set_unwrapped(true);
    }
  }

  // A cover's links and files count: it may only look like one.
  void KeepCover(View cover) {
    for (HtmlLink& link : cover.links) cover_.links.push_back(std::move(link));
    for (const MimeNode* part : cover.attachments) {
      if (!part->wraps_mails) cover_.attachments.push_back(part);
    }
    cover_.text += cover.text + "\n";
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
      // A name alone: some programs show the text, some a file, some both.
      if (!node.type.Find("name").empty() && node.disposition.value != "inline") {
        view->attachments.push_back(&node);
      }
    } else {
      view->attachments.push_back(&node);
    }
  }

  // A text part with a name, of another kind than a mail program's own body part.
  static bool IsNamedFile(const MimeNode& node) {
    return !node.disposition.Find("filename").empty() && node.disposition.value != "inline";
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
      view->unseen += loser.text + "\n" + candidate.unseen;
      view->hidden += candidate.hidden;
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

  static bool IsHtml(const MimeNode& node) {
    return node.type.value == "text/html" || node.type.value == "text/enriched" ||
           node.type.value == "application/xhtml+xml";
  }

  // A part's text in UTF-8, as much of it as the limits allow.
  text::Decoded Decode(const MimeNode& node, bool html) {
    std::string_view bytes = node.content;
    const size_t left = kTextBytesMax - std::min(kTextBytesMax, text_bytes_);
    if (bytes.size() > std::min(kPartTextBytesMax, left)) {
      NoteLimit(left < kPartTextBytesMax ? "kTextBytesMax: more than 16 MiB of text"
                                         : "kPartTextBytesMax: a text of more than 8 MiB");
      bytes = bytes.substr(0, std::min(kPartTextBytesMax, left));
    }
    text_bytes_ += bytes.size();
    std::string label(node.type.Find("charset"));
    if (html && label.empty()) label = HtmlCharset(bytes);
    return text::DecodeCharset(bytes, label);
  }

  HtmlContent Html(std::string_view utf8) {
    HtmlContent content = ReadHtml(utf8);
    if (content.cut) NoteLimit("kHtmlLinksMax or kHtmlAttributesMax: HTML with too many of them");
    return content;
  }

  void ShowText(const MimeNode& node, View* view) {
    const bool html = IsHtml(node);
    text::Decoded decoded = Decode(node, html);
    view->charsets.push_back(std::move(decoded.charset));
    View shown;
    if (html) {
      HtmlContent content = Html(decoded.text);
      shown.text = std::move(content.text);
      shown.links = std::move(content.links);
      view->hidden += content.hidden_text + "\n";
    } else {
      shown.text = std::move(decoded.text);
      std::erase(shown.text, '\r');
    }
    Append(std::move(shown), view);
  }

  void Fill(const MimeNode& message, View view) {
    v1::MailFacts& facts = reading_.facts;
    std::string subject = message.headers.subject;
    std::string from = message.headers.from;
    size_t offset = 0;  // Of the inner text in view.text, for the links.
    std::string text = std::move(view.text);
    std::string forwards = subject;  // Says of the text whether it is a forward.
    for (int i = 0; i < kInlineForwardsMax; ++i) {
      std::optional<InlineForward> forward = FindInlineForward(forwards, from, text);
      if (!forward) break;
      inlined_ = true;
      // Quoting was stripped: places inside a second forward are no longer exact.
      if (i == 0) offset = forward->offset;
      cover_.text.append(text, 0, forward->offset).push_back('\n');
      text = std::move(forward->text);
      // The reporter's subject says nothing of what a lure quotes.
      forwards = forward->subject;
      if (!forward->subject.empty()) subject = std::move(forward->subject);
      if (!forward->from.empty()) from = std::move(forward->from);
    }
    if (inlined_) facts.set_unwrapped(true);
    facts.set_subject(Field(subject));
    facts.set_from(Field(from));
    // Inside a text only these two are known of the mail that was forwarded.
    if (inlined_) {
      MessageHeaders inner;
      inner.Add("From", from);
      facts.set_from_address(inner.from_address);
      links_.AddAddress(inner.from_address);
    } else {
      FillHeaderFacts(message.headers, &links_, &facts);
    }
    FillLinks(text, view, offset);
    for (const MimeNode* part : cover_.attachments) view.attachments.push_back(part);
    FillAttachments(view.attachments);
    links_.Finish();
    for (const std::string& charset : view.charsets) {
      if (facts.charsets_size() < kMailPartsMax) facts.add_charsets(charset);
    }
    facts.set_language(LanguageOf(text));
    facts.set_text(std::string(TruncateUtf8(text, kFactTextBytesMax)));
    text_ = std::move(text);
  }

  static std::string Field(std::string_view text) {
    return std::string(TruncateUtf8(text::ToValidUtf8(text), kFactFieldBytesMax));
  }

  void FillAttachments(const std::vector<const MimeNode*>& parts) {
    size_t members = kMailMembersMax;
    for (const MimeNode* part : parts) {
      const std::string name = part->file_name();
      if (part->content.empty() && name.empty()) continue;
      if (static_cast<size_t>(reading_.facts.attachments_size()) >= kAttachmentsMax) {
        NoteLimit("kAttachmentsMax: more than 100 attachments");
        continue;
      }
      AttachmentReading read = ReadAttachment(name, part->type.value, part->content, members);
      members -= static_cast<size_t>(read.facts.members_size());
      if (!read.limit.empty()) NoteLimit(read.limit);
      if (!read.warning.empty()) {
        reading_.facts.add_warnings(Field(read.warning));
      }
      read.facts.set_inline_(part->disposition.value == "inline" ||
                             (part->has_content_id && part->disposition.value != "attachment"));
      const auto& markers = read.facts.markers();
      if (std::find(markers.begin(), markers.end(), "html") != markers.end()) {
        links_.AddPage(Html(Decode(*part, /*html=*/true).text));
      }
      *reading_.facts.add_attachments() = std::move(read.facts);
      heads_.push_back(AttachmentHead(part->content));
    }
  }

  // First what one follows, then what only loads: the limit must not cost a link.
  void FillLinks(const std::string& text, const View& view, size_t offset) {
    for (const bool loads : {false, true}) {
      for (const HtmlLink& link : view.links) {
        if ((link.place == v1::LINK_PLACE_RESOURCE) != loads) continue;
        links_.AddHtml(link, /*cover=*/link.offset < offset);
      }
      if (loads) continue;
      links_.AddText(reading_.facts.subject(), v1::LINK_PLACE_HEADER);
      links_.AddText(text, v1::LINK_PLACE_TEXT);
      links_.AddText(view.unseen, v1::LINK_PLACE_TEXT);
    }
    for (const HtmlLink& link : cover_.links) links_.AddHtml(link, /*cover=*/true);
    links_.AddText(view.hidden, v1::LINK_PLACE_TEXT, "hidden");
    links_.AddText(cover_.text, v1::LINK_PLACE_COVER);
  }

  MailReading reading_;
  LinkCollector links_{&reading_.facts, &reading_.limit};
  View cover_;  // Of all covers that were taken off.
  std::string text_;
  bool inlined_ = false;  // Forwarded inside a text.
  std::string hidden_text_;
  std::string other_text_;          // Of the alternatives that are not shown.
  std::vector<std::string> heads_;  // Of the attachments that are facts.
  size_t text_bytes_ = 0;
};

}  // namespace

MailReading ReadMail(std::string_view raw) { return MailReader().Read(raw); }

void WarmUpMail() {
  WarmUpMime();
  WarmUpHosts();
  WarmUpFileTypes();
  Unpack("", [](const UnpackedMember&) {});
  text::WarmUpCharsets();
}

}  // namespace noroshi::analysis
