#include "hub/analysis/mime.h"

#include <gmime/gmime.h>

#include <mutex>

#include "common/base/check.h"
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

// Walks GMime's tree and copies what is within the limits.
class Walker {
 public:
  Walker(std::string* limit) : limit_(limit) {}  // NOLINT: local to this file

  MimeNode Message(std::string_view raw, int depth) {
    const Owned<GMimeStream> stream(g_mime_stream_mem_new_with_buffer(raw.data(), raw.size()));
    const Owned<GMimeParser> parser(g_mime_parser_new_with_stream(stream.get()));
    if (raw.starts_with("From ")) g_mime_parser_set_format(parser.get(), GMIME_FORMAT_MBOX);
    const Owned<GMimeMessage> message(g_mime_parser_construct_message(parser.get(), nullptr));
    if (message == nullptr) return PlainMessage(raw);
    return FromMessage(message.get(), depth);
  }

 private:
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
    auto* object = GMIME_OBJECT(message);
    node.subject = DecodeHeaderText(Header(object, "Subject"));
    node.from = DecodeHeaderText(Header(object, "From"));
    node.message_id = DecodeHeaderText(Header(object, "Message-ID"));
    GMimeObject* content = g_mime_message_get_mime_part(message);
    if (content != nullptr) Add(content, depth, &node);
    return node;
  }

  void Add(GMimeObject* object, int depth, MimeNode* parent) {
    if (depth >= kMailDepthMax) {
      NoteLimit("kMailDepthMax: parts nested more than 12 deep", limit_);
      return;
    }
    MimeNode node;
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
      node.content =
          DecodeTransfer(ReadAll(stream), Header(GMIME_OBJECT(part), "Content-Transfer-Encoding"));
    }
    // A forwarded mail whose message/rfc822 is encoded, or that is attached as a file.
    const bool message = node.type.value == "message/rfc822" || node.file_name().ends_with(".eml");
    if (message && !node.content.empty() && node.content.find(':') < 1000) {
      parent->children.push_back(Message(node.content, depth + 1));
      return;
    }
    parent->children.push_back(std::move(node));
  }

  bool CountPart() {
    if (++parts_ <= kMailPartsMax) return true;
    NoteLimit("kMailPartsMax: more than 500 parts", limit_);
    return false;
  }

  static std::string ReadAll(GMimeStream* stream) {
    std::string bytes;
    const gint64 length = g_mime_stream_length(stream);
    if (length <= 0) return bytes;
    bytes.resize(static_cast<size_t>(length));
    g_mime_stream_reset(stream);
    size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t n = g_mime_stream_read(stream, bytes.data() + done, bytes.size() - done);
      if (n <= 0) break;
      done += static_cast<size_t>(n);
    }
    bytes.resize(done);
    return bytes;
  }

  // The first header of the name, as it stands.
  std::string_view Header(GMimeObject* object, const char* name) {
    GMimeHeader* header =
        g_mime_header_list_get_header(g_mime_object_get_header_list(object), name);
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
          type.value == "text/enriched" || type.value == "application/xhtml+xml");
}

MimeNode ParseMime(std::string_view raw, std::string* limit) {
  WarmUpMime();
  return Walker(limit).Message(raw, 0);
}

void WarmUpMime() {
  static std::once_flag once;
  std::call_once(once, [] { g_mime_init(); });
}

}  // namespace noroshi::analysis
