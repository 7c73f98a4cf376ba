// Server: HTTPS/1.1 for browsers and programs. It knows nothing of the hub: a
// request that keeps every rule goes to one handler, anything else is answered
// with problem+json (RFC 9457) and no more.
//
// Strict on purpose (RFC 9112 permits it): HTTP/1.1 and origin-form only, exactly
// one Host of ours (421), no folded lines, bare line feeds, spaces before colons,
// Transfer-Encoding but "chunked", chunk extensions, nor two ways to say a length.
// Trailers are dropped, upgrades ignored. Requests that come ahead are answered in
// order.
//
// Every answer carries Strict-Transport-Security, X-Content-Type-Options,
// Content-Security-Policy, Referrer-Policy, Cross-Origin-*-Policy, Cache-Control
// no-store and X-Frame-Options, unless the handler sets that field.
//
// Log: one line `http_request` for each request (method, path, status, time,
// address); never queries, bodies, cookies.
//
// Threads: all sockets on one thread, "http"; the handler on Limits::workers
// threads, several requests at once. Member functions are thread-safe, but Start
// and Stop are for one owner. Lifetime: what is given to Make outlives the server.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/runtime/clock.h"
#include "hub/http/limits.h"
#include "hub/http/message.h"

namespace noroshi::tls {
class Context;
}

namespace noroshi::http {

// May block. What it throws becomes a 500 without details, and a line of the log.
using Handler = std::function<Response(const Request&)>;

// How many bytes of body this request may have. The head only: body is empty. Asked
// on the server's thread, so it must not wait.
using BodyLimit = std::function<uint64_t(const Request& head)>;

struct ServerOptions {
  std::string listen_address = "127.0.0.1:8444";  // An IP address; port 0: any free one.
  tls::Context* context = nullptr;                // tls::Context::MakeWebServer's.
  // Names and addresses by which it may be called, without port ("hub.example",
  // "192.0.2.7", "2001:db8::7"). Any other Host is refused.
  std::vector<std::string> host_names;
  // Paths whose handler is short and never waits: they have a thread of their own, so that
  // whoever watches the server is answered while all workers are busy.
  std::set<std::string, std::less<>> watch_paths;
  BodyLimit body_limit;  // Empty: Limits::body_bytes_max for all.
  Limits limits;
};

// A snapshot.
struct Stats {
  uint64_t connections_open = 0;
  uint64_t connections_total = 0;
  uint64_t connections_refused = 0;  // Over a maximum, or gave way.
  uint64_t handshakes_refused = 0;
  std::map<int, uint64_t> responses;  // By status, refusals included.
  uint64_t requests_waiting = 0;      // For a worker.
  uint64_t streams_open = 0;
  uint64_t streams_cut = 0;  // Read too slowly.
  uint64_t bytes_received = 0;
  uint64_t bytes_sent = 0;
  uint64_t log_lines_dropped = 0;
};

class Server {
 public:
  // Binds and listens; nobody is accepted before Start. kInvalid: an address that
  // is none, no host name; kConflict: the port is in use; kDenied: not allowed.
  static Result<std::unique_ptr<Server>> Make(const ServerOptions& options, Handler handler,
                                              const Clock& clock);
  ~Server();  // Stops.

  void Start();
  // Ends streams and idle connections, waits for requests under way at most
  // Limits::stop_grace and for the handlers to return, joins the threads. Idempotent.
  void Stop();

  // "127.0.0.1:8444": where it listens, with the port that was free.
  const std::string& address() const;
  Stats stats() const;

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace noroshi::http
