// The structure of a mail, decoded: a tree of parts and messages.
// Threads: thread-safe after WarmUpMail() (mail.h). Deterministic.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "hub/analysis/headers.h"
#include "hub/analysis/transfer.h"

namespace noroshi::analysis {

struct MimeNode {
  enum class Kind { kLeaf, kMultipart, kMessage };
  Kind kind = Kind::kLeaf;
  HeaderWithParameters type;         // "text/html", "multipart/alternative" …
  HeaderWithParameters disposition;  // "attachment", "inline" or empty.
  std::string content;               // Leaves: transfer encoding undone.
  bool has_content_id = false;       // The mail's own HTML may show it.
  bool wraps_mails = false;          // An archive of nothing but mails, which stand beside it.
  MessageHeaders headers;            // Messages only; children holds the content.
  std::vector<MimeNode> children;

  std::string file_name() const;
  bool is_text() const;  // text/plain or text/html that is shown, not attached.
};

// The whole mail as a message node; an mbox of several, or an archive of mails, is
// a message that holds them. Limits of mail.h; *limit names the first that was
// reached and is left alone otherwise.
MimeNode ParseMime(std::string_view raw, std::string* limit);

// Once per process, before ParseMime.
void WarmUpMime();

}  // namespace noroshi::analysis
