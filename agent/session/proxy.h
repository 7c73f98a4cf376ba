// HTTP CONNECT (RFC 9110 section 9.3.6): the request, and the answer read
// strictly: nothing but a 2xx status line and header lines, nothing after them.
//
// Threads: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/tls/address.h"

namespace noroshi::session {

inline constexpr size_t kProxyAnswerBytesMax = 8 * 1024;

// "http://HOST:PORT", optionally with a "/" at the end. Credentials are refused:
// they would end up in a command line.
Result<tls::HostPort> ParseProxyUrl(std::string_view url);

std::string ConnectRequest(const tls::HostPort& target);

// `received` is everything that has come so far. false: more is needed. kDenied
// names the proxy's status; kInvalid: not an answer, too long, or bytes after it.
Result<bool> ReadConnectAnswer(std::string_view received);

}  // namespace noroshi::session
