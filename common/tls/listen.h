// Listening on a TCP address, the same at every door of the hub.
//
// Threads: external. Ownership: the acceptor is the caller's.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <string>

#include "common/base/result.h"

namespace noroshi::tls {

// Binds the closed acceptor to "IP:PORT" (port 0: any free one) and listens; at most
// `backlog` connections wait to be accepted. The address that it got. kInvalid: an
// address that is none; kConflict: the port is in use; kDenied: not allowed.
Result<std::string> Listen(boost::asio::ip::tcp::acceptor* acceptor, const std::string& address,
                           int backlog);

}  // namespace noroshi::tls
