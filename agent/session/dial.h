// Dial: a TCP connection to the hub, directly or through an HTTP CONNECT proxy,
// and the TLS handshake over it. Includes Asio: only for this folder's sources.
//
// Threads: one strand.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>

#include "agent/session/enroll.h"
#include "common/tls/stream.h"

namespace noroshi::session {

// The context outlives the stream. Each step has kDialTimeout.
boost::asio::awaitable<Result<std::unique_ptr<tls::TlsStream>>> Dial(const Route& route,
                                                                     const tls::Context& context);

}  // namespace noroshi::session
