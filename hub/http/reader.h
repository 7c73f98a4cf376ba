// RequestReader: the bytes of one connection, taken apart into requests. What is
// refused is refused for good: where the next request would begin is then unknown.
//
// Threads: external.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "hub/http/chunks.h"
#include "hub/http/limits.h"
#include "hub/http/message.h"

namespace noroshi::http {

struct Refusal {
  int status = 400;
  std::string detail;
};

class RequestReader {
 public:
  enum class Stage {
    kNothing,   // Not one byte of a request yet.
    kHead,      // Some bytes of its header.
    kHeadDone,  // AllowBody is due.
    kBody,
    kDone,  // Take it.
    kRefused,
  };

  // Both outlive the reader. host_names as ParseHost gives them.
  RequestReader(const Limits& limits, const std::set<std::string, std::less<>>& host_names);

  // Goes as far as the bytes allow; bytes beyond this request wait for the next.
  void Receive(std::string_view bytes);
  Stage stage() const { return stage_; }

  // REQUIRES: kHeadDone. Goes on to kBody, kDone or kRefused (413).
  void AllowBody(uint64_t bytes_max);
  // REQUIRES: kDone. Then it reads the next request, of which all may be here already.
  Request Take();

  // From kHeadDone on; the body as far as it has come.
  const Request& request() const { return request_; }
  // REQUIRES: kHeadDone.
  bool has_body() const { return chunked_ || body_left_ > 0; }
  // The other side waits for a 100 before it sends the body.
  bool expects_continue() const { return expects_continue_; }
  bool keep_alive() const { return keep_alive_; }
  const Refusal& refusal() const { return refusal_; }
  // Bytes received and not yet part of a request.
  size_t waiting_bytes() const { return buffer_.size(); }

 private:
  void Advance();
  void ScanHead();
  bool ScanLine(std::string_view line);
  void FinishHead(size_t head_bytes);
  bool CheckHead();
  bool CheckFraming();
  void ReadBody();
  void Refuse(int status, std::string detail);

  const Limits& limits_;
  const std::set<std::string, std::less<>>& host_names_;
  Stage stage_ = Stage::kNothing;
  std::string buffer_;
  size_t scanned_ = 0;     // Bytes of the header that are known to be well-formed.
  size_t line_begin_ = 0;  // Of the line that scanned_ is in.
  size_t lines_ = 0;
  Request request_;
  bool chunked_ = false;
  uint64_t body_left_ = 0;  // Of a body with a Content-Length.
  ChunkDecoder chunks_;
  bool expects_continue_ = false;
  bool keep_alive_ = false;
  Refusal refusal_;
};

}  // namespace noroshi::http
