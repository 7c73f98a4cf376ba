// What a handler of the web server gets and gives: plain values, no sockets.
//
// Threads: values, except EventSink.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/tls/certificate.h"

namespace noroshi::http {

// Header fields in order. Names compare without regard to case.
class Headers {
 public:
  using Field = std::pair<std::string, std::string>;

  Headers() = default;
  Headers(std::initializer_list<Field> fields) : fields_(fields) {}

  // One more field of this name, e.g. a second Set-Cookie.
  void Add(std::string name, std::string value);
  // The only field of this name.
  void Set(std::string name, std::string value);
  // The first of this name; nullptr: none.
  const std::string* Find(std::string_view name) const;
  size_t Count(std::string_view name) const;

  size_t size() const { return fields_.size(); }
  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }

 private:
  std::vector<Field> fields_;
};

using Parameters = std::vector<std::pair<std::string, std::string>>;

// One request, wholly received. Everything in it is what a stranger sent, except
// remote_address and certificate.
struct Request {
  std::string method;      // GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS.
  std::string path;        // "/api/v1/cases": decoded; UTF-8 without controls, "//", "." or "..".
  std::string raw_target;  // As sent, with the query.
  Parameters query;        // Decoded; UTF-8 without controls but tab and line breaks.
  Headers headers;
  std::string body;
  std::string remote_address;  // "192.0.2.7:4711".
  // Of the other side's, verified against the CA and valid now: who issued it is
  // known, what it permits is the handler's matter.
  std::optional<tls::CertificateInfo> certificate;

  // The first query parameter of this name; nullptr: none.
  const std::string* Parameter(std::string_view name) const;
  // The only cookie of this name; absent if there is none, or two.
  std::optional<std::string> Cookie(std::string_view name) const;
};

// One stream of server-sent events. It ends when the other side goes, reads too
// slowly (Limits::event_bytes_max), when Close is called or the server stops.
//
// Threads: thread-safe; nothing waits.
class EventSink {
 public:
  virtual ~EventSink() = default;
  // Queues one event. id and event may be empty; data may have several lines.
  // False: the stream has ended, or id or event has a line break or NUL, and
  // nothing was queued.
  virtual bool Send(std::string_view id, std::string_view event, std::string_view data) = 0;
  // Ends the stream after what is queued. Idempotent.
  virtual void Close() = 0;
  virtual bool closed() const = 0;
};

struct Response {
  int status = 200;
  // Over the server's own (docs/operations.md), which these replace by name. Not
  // Content-Length, Transfer-Encoding, Connection, Date: these are the server's.
  Headers headers;
  std::string body;

  // Set: after a status 200 and the headers (text/event-stream; the body is not
  // sent) come events. Called once, on the worker's thread, before the headers are
  // sent; not called for HEAD, or if a limit refuses the stream (429, 503).
  std::function<void(std::shared_ptr<EventSink>)> stream;
  std::string stream_key;  // Who is counted for it (Limits::streams_per_key_max).
};

// RFC 9457: application/problem+json with type "about:blank" and the status's
// title. detail is for the caller: what went wrong and what to do; never a path of
// the disk, a secret, or an exception's text.
Response Problem(int status, std::string_view detail);
// "Not Found"; "Unknown" for a status that is not in use here.
std::string_view ReasonPhrase(int status);

// Whether the name is a token and the value has only visible characters, spaces
// and tabs: nothing in them can end a line.
bool IsSendable(std::string_view name, std::string_view value);

}  // namespace noroshi::http
