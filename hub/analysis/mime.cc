#include "hub/analysis/mime.h"

#include <gmime/gmime.h>

#include <algorithm>
#include <mutex>

#include "common/base/ascii.h"
#include "common/base/check.h"
#include "hub/analysis/attachments.h"
#include "hub/analysis/file_type.h"
#include "hub/analysis/mail.h"

namespace noroshi::analysis {
namespace {

struct ObjectUnref {
  void operator()(void* object) const {
    if (object != nullptr) g_object_unref(object);
  }
};
template <typename T>
using Owned = std::unique_ptr<T, ObjectUnref>;

void NoteLimit(std::string_view what, std::string* limit) {
  if (limit->empty()) *limit = what;
}

bool EndsWithNoCase(const std::string& text, std::string_view lower) {
  return text.size() >= lower.size() &&
         EqualsNoCase(std::string_view(text).substr(text.size() - lower.size()), lower);
}

// The mails of an mbox; anything else is one.
std::vector<std::string_view> SplitMailbox(std::string_view raw) {
  std::vector<std::string_view> mails;
  size_t begin = 0;
  for (size_t at = 0; raw.starts_with("From ") && at != std::string_view::npos;) {
    at = raw.find("\nFrom ", at + 1);
    if (at == std::string_view::npos || mails.size() >= static_cast<size_t>(kMailPartsMax)) break;
    // Behind an empty line only, and before a header.
    const std::string_view before = raw.substr(0, at);
    const std::string_view line = raw.substr(at + 1, raw.find('\n', at + 1) - at);
    const std::string_view next = raw.substr(std::min(raw.size(), at + 1 + line.size()), 80);
    const size_t colon = next.find(':');
    if (!(before.ends_with('\n') || before.ends_with("\n\r")) || colon == std::string_view::npos ||
        next.substr(0, colon).find_first_of(" \n") != std::string_view::npos) {
      continue;
    }
    mails.push_back(raw.substr(begin, at + 1 - begin));
    begin = at + 1;
  }
  mails.push_back(raw.substr(begin));
  return mails;
}

constexpr int kNeededHeadersMax = 32;

// Those without which the rest cannot be read, or says nothing.
bool IsNeededHeader(std::string_view line) {
  for (const std::string_view name :
       {"content-type:", "content-transfer-encoding:", "content-disposition:", "mime-version:",
        "subject:", "from:", "reply-to:", "message-id:", "date:"}) {
    if (StartsWithNoCase(line, name)) return true;
  }
  return false;
}

// The name of a header's first line, in front of ":"; empty: it is none.
std::string_view FieldName(std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return {};
  std::string_view name = line.substr(0, colon);
  while (name.ends_with(' ') || name.ends_with('\t')) name.remove_suffix(1);
  const bool printing = std::all_of(name.begin(), name.end(), [](char c) { return c > ' '; });
  return printing ? name : std::string_view();
}

bool IsReadHeader(std::string_view name) {
  return MessageHeaders::Reads(name) || StartsWithNoCase(name, "content-") ||
         EqualsNoCase(name, "mime-version");
}

std::string_view FirstLine(std::string_view text) {
  return text.substr(0, std::min(text.find('\n'), text.size() - 1) + 1);
}

// Chooses the headers that GMime gets to see: it keeps an object for each, and two of three
// are nobody's to read here. At most kHeadersMax, and behind those only needed ones.
class HeaderFilter {
 public:
  // Whether to keep the next line of the header block.
  bool Keeps(std::string_view line) {
    if (line[0] == ' ' || line[0] == '\t') return keeps_;
    const std::string_view name = FieldName(line);
    // By its first header GMime knows a mail; what is malformed is its to judge.
    keeps_ = headers_ == 0 || name.empty() || IsReadHeader(name);
    if (keeps_ && ++headers_ > kHeadersMax) {
      keeps_ = IsNeededHeader(line) && ++needed_ <= kNeededHeadersMax;
    }
    return keeps_;
  }
  bool beyond() const { return headers_ > kHeadersMax; }

 private:
  int headers_ = 0;
  int needed_ = 0;  // Of those beyond the maximum.
  bool keeps_ = true;
};

// Walks GMime's tree and copies what is within the limits.
class Walker {
 public:
  Walker(std::string* limit) : limit_(limit) {}  // NOLINT: local to this file

  // What a user hands in: a mail, an mbox, or an archive of mails.
  MimeNode Root(std::string_view raw) {
    MimeNode root;
    root.kind = MimeNode::Kind::kMessage;
    if (LooksLikeArchive(raw)) {
      MimeNode leaf;
      leaf.content = raw;
      AddPackedMails(0, &leaf, &root);
      root.children.push_back(std::move(leaf));
    } else {
      AddMessages(raw, -1, &root);
    }
    if (root.children.size() == 1 && root.children[0].kind == MimeNode::Kind::kMessage) {
      MimeNode only = std::move(root.children[0]);
      return only;
    }
    return root;
  }

 private:
  MimeNode Message(std::string_view raw, int depth) {
    const Owned<GMimeStream> stream(StreamOf(raw));
    const Owned<GMimeParser> parser(g_mime_parser_new_with_stream(stream.get()));
    if (raw.starts_with("From ")) g_mime_parser_set_format(parser.get(), GMIME_FORMAT_MBOX);
    const Owned<GMimeMessage> message(g_mime_parser_construct_message(parser.get(), nullptr));
    if (message == nullptr) return PlainMessage(raw);
    return FromMessage(message.get(), depth);
  }

  // The mail in memory of the stream's own, without the headers that are not read.
  GMimeStream* StreamOf(std::string_view raw) {
    GByteArray* bytes = g_byte_array_sized_new(static_cast<guint>(raw.size()));
    const auto append = [&](std::string_view part) {
      g_byte_array_append(bytes, reinterpret_cast<const guint8*>(part.data()),
                          static_cast<guint>(part.size()));
    };
    if (raw.starts_with("From ")) {
      append(FirstLine(raw));
      raw.remove_prefix(FirstLine(raw).size());
    }
    // To GMime a text that does not begin with a header is no mail, but a text.
    const bool mail = !raw.empty() && !FieldName(FirstLine(raw)).empty();
    HeaderFilter filter;
    while (mail && !raw.empty()) {
      const std::string_view line = FirstLine(raw);
      if (line == "\n" || line == "\r\n") break;
      if (filter.Keeps(line)) append(line);
      raw.remove_prefix(line.size());
    }
    append(raw);
    if (filter.beyond()) NoteLimit("kHeadersMax: more than 1,000 headers", limit_);
    GMimeStream* stream = g_mime_stream_mem_new_with_byte_array(bytes);
    g_mime_stream_mem_set_owner(GMIME_STREAM_MEM(stream), TRUE);
    return stream;
  }

  // What GMime does not take for a mail is one text.
  static MimeNode PlainMessage(std::string_view raw) {
    MimeNode node;
    node.kind = MimeNode::Kind::kMessage;
    MimeNode leaf;
    leaf.type.value = "text/plain";
    leaf.content = raw.substr(0, kPartTextBytesMax);
    node.children.push_back(std::move(leaf));
    return node;
  }

  MimeNode FromMessage(GMimeMessage* message, int depth) {
    MimeNode node;
    node.kind = MimeNode::Kind::kMessage;
    ReadHeaders(GMIME_OBJECT(message), &node.headers);
    GMimeObject* content = g_mime_message_get_mime_part(message);
    if (content != nullptr) Add(content, depth, &node);
    return node;
  }

  void ReadHeaders(GMimeObject* object, MessageHeaders* headers) {
    GMimeHeaderList* list = g_mime_object_get_header_list(object);
    const int count = g_mime_header_list_get_count(list);
    for (int i = 0; i < count; ++i) {
      GMimeHeader* header = g_mime_header_list_get_header_at(list, i);
      const char* name = g_mime_header_get_name(header);
      if (name != nullptr) headers->Add(name, RawValue(header));
    }
    if (headers->cut)
      NoteLimit("headers.h: more hops, addresses or references than are kept", limit_);
  }

  void Add(GMimeObject* object, int depth, MimeNode* parent) {
    if (depth >= kMailDepthMax) {
      NoteLimit("kMailDepthMax: parts nested more than 12 deep", limit_);
      return;
    }
    MimeNode node;
    node.has_content_id = !Header(object, "Content-ID").empty();
    node.type = ParseParameters(Header(object, "Content-Type"));
    node.disposition = ParseParameters(Header(object, "Content-Disposition"));
    if (GMIME_IS_MULTIPART(object)) {
      AddMultipart(GMIME_MULTIPART(object), depth, std::move(node), parent);
    } else if (GMIME_IS_MESSAGE_PART(object)) {
      GMimeMessage* inner = g_mime_message_part_get_message(GMIME_MESSAGE_PART(object));
      if (inner != nullptr && CountPart())
        parent->children.push_back(FromMessage(inner, depth + 1));
    } else if (GMIME_IS_PART(object)) {
      AddLeaf(GMIME_PART(object), depth, std::move(node), parent);
    }
  }

  void AddMultipart(GMimeMultipart* multipart, int depth, MimeNode node, MimeNode* parent) {
    node.kind = MimeNode::Kind::kMultipart;
    const int count = g_mime_multipart_get_count(multipart);
    for (int i = 0; i < count && parts_ <= kMailPartsMax; ++i) {
      Add(g_mime_multipart_get_part(multipart, i), depth + 1, &node);
    }
    // A multipart whose boundary never comes shows its text as it stands.
    const char* prologue = count == 0 ? g_mime_multipart_get_prologue(multipart) : nullptr;
    if (prologue != nullptr) {
      MimeNode leaf;
      leaf.type.value = "text/plain";
      leaf.content = std::string_view(prologue).substr(0, kPartTextBytesMax);
      node.children.push_back(std::move(leaf));
    }
    parent->children.push_back(std::move(node));
  }

  void AddLeaf(GMimePart* part, int depth, MimeNode node, MimeNode* parent) {
    if (!CountPart()) return;
    if (node.type.value.empty()) node.type.value = "text/plain";
    GMimeDataWrapper* wrapper = g_mime_part_get_content(part);
    if (wrapper != nullptr) {
      GMimeStream* stream = g_mime_data_wrapper_get_stream(wrapper);
      node.content = DecodeTransfer(ContentOf(stream),
                                    Header(GMIME_OBJECT(part), "Content-Transfer-Encoding"));
    }
    // A forwarded mail whose message/rfc822 is encoded, or that is attached as a file.
    const bool message =
        node.type.value == "message/rfc822" || node.type.value == "application/mbox" ||
        EndsWithNoCase(node.file_name(), ".eml") || EndsWithNoCase(node.file_name(), ".mbox");
    if (message && !node.content.empty() && node.content.find(':') < 1000) {
      AddMessages(node.content, depth, parent);
      return;
    }
    AddPackedMails(depth, &node, parent);
    parent->children.push_back(std::move(node));
  }

  // The mail, or the mails of an mbox.
  void AddMessages(std::string_view raw, int depth, MimeNode* parent) {
    for (const std::string_view mail : SplitMailbox(raw)) {
      if (depth >= 0 && !CountPart()) return;
      parent->children.push_back(Message(mail, depth + 1));
    }
  }

  // The mails of an archive.
  void AddPackedMails(int depth, MimeNode* node, MimeNode* parent) {
    if (!LooksLikeArchive(node->content)) return;
    const AttachmentReading reading =
        ReadAttachment(node->file_name(), node->type.value, node->content);
    const auto members = static_cast<size_t>(reading.facts.members_size());
    node->wraps_mails = !reading.mails.empty() && reading.mails.size() == members;
    for (const PackedMail& mail : reading.mails) AddMessages(mail.bytes, depth, parent);
  }

  bool CountPart() {
    if (++parts_ <= kMailPartsMax) return true;
    NoteLimit("kMailPartsMax: more than 500 parts", limit_);
    return false;
  }

  // The part's bytes inside the parser's own buffer, which lives as long as the message.
  static std::string_view ContentOf(GMimeStream* stream) {
    if (!GMIME_IS_STREAM_MEM(stream)) return {};
    const GByteArray* buffer = GMIME_STREAM_MEM(stream)->buffer;
    const auto begin = static_cast<size_t>(std::max<gint64>(0, stream->bound_start));
    const gint64 length = g_mime_stream_length(stream);
    if (buffer == nullptr || length <= 0 || begin >= buffer->len) return {};
    return std::string_view(reinterpret_cast<const char*>(buffer->data), buffer->len)
        .substr(begin, static_cast<size_t>(length));
  }

  // The first header of the name, as it stands.
  std::string_view Header(GMimeObject* object, const char* name) {
    return RawValue(g_mime_header_list_get_header(g_mime_object_get_header_list(object), name));
  }

  std::string_view RawValue(GMimeHeader* header) {
    const char* raw = header == nullptr ? nullptr : g_mime_header_get_raw_value(header);
    if (raw == nullptr) return {};
    const std::string_view value(raw);
    if (value.size() > kHeaderBytesMax)
      NoteLimit("kHeaderBytesMax: a header of more than 64 KiB", limit_);
    return value.substr(0, kHeaderBytesMax);
  }

  std::string* limit_;
  int parts_ = 0;
};

}  // namespace

std::string MimeNode::file_name() const {
  const std::string_view name = disposition.Find("filename");
  return std::string(name.empty() ? type.Find("name") : name);
}

bool MimeNode::is_text() const {
  return kind == Kind::kLeaf && disposition.value != "attachment" &&
         (type.value == "text/plain" || type.value == "text/html" || type.value == "text" ||
          type.value == "text/enriched" || type.value == "text/calendar" ||
          type.value == "application/xhtml+xml");
}

MimeNode ParseMime(std::string_view raw, std::string* limit) {
  WarmUpMime();
  return Walker(limit).Root(raw);
}

void WarmUpMime() {
  static std::once_flag once;
  std::call_once(once, [] { g_mime_init(); });
}

}  // namespace noroshi::analysis
