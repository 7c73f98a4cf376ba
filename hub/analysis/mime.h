// The structure of a mail, decoded: a tree of parts and messages.
// Threads: thread-safe after WarmUpMail() (mail.h). Deterministic.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "hub/analysis/transfer.h"

namespace noroshi::analysis {

struct MimeNode {
  enum class Kind { kLeaf, kMultipart, kMessage };
  Kind kind = Kind::kLeaf;
  HeaderWithParameters type;         // "text/html", "multipart/alternative" …
  HeaderWithParameters disposition;  // "attachment", "inline" or empty.
  std::string content;               // Leaves: transfer encoding undone.
  // Messages only: headers as a person sees them; children holds the content.
  std::string subject;
  std::string from;
  std::string message_id;
  std::vector<MimeNode> children;

  std::string file_name() const;
  bool is_text() const;  // text/plain or text/html that is shown, not attached.
};

// The whole mail as a message node. Limits of mail.h; *limit names the first
// that was reached and is left alone otherwise.
MimeNode ParseMime(std::string_view raw, std::string* limit);

// Once per process, before ParseMime.
void WarmUpMime();

}  // namespace noroshi::analysis
