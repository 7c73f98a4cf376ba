// The head of an answer, as bytes.
//
// Threads: pure functions.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/result.h"
#include "hub/http/message.h"

namespace noroshi::http {

struct Framing {
  bool close = false;      // The connection ends after this answer.
  bool streaming = false;  // Events follow until the connection ends.
  int64_t now_ms = 0;
};

// Status line, the server's fields with the response's over them, and the blank
// line. kInvalid names the field that cannot be sent, never its value: a status
// that is none, a field that is the server's own, a line break.
Result<std::string> HeadOf(const Response& response, const Framing& framing);

// Whether an answer of this status has a body at all.
bool HasBody(int status);

}  // namespace noroshi::http
