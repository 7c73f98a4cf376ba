// RawClient: a TLS client that sends whatever bytes a test wants, with OpenSSL
// directly, and reads answers as they come.
//
// Threads: one thread. Reads give up after kPatience, so that nothing hangs.
#pragma once

#include <openssl/ssl.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "tests/unit/common/tls_pki.h"

namespace noroshi::http {

struct Answer {
  int status = 0;  // 0: the connection ended first.
  std::string head;
  std::string body;
  // Of the last field with this name, as written; empty: none.
  std::string Field(const std::string& name) const;
};

class RawClient {
 public:
  struct Options {
    testing_support::Credentials credentials;  // Presented, unless empty.
    bool handshake = true;
    int receive_buffer_bytes = 0;  // 0: the system's.
    std::string from;              // An address of 127.0.0.0/8; empty: any.
    int version_max = TLS1_3_VERSION;
  };
  explicit RawClient(const std::string& address) : RawClient(address, Options()) {}
  RawClient(const std::string& address, const Options& options);
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool Handshake();
  // False once the other side has closed.
  bool Send(std::string_view bytes);
  // One answer, with its body by Content-Length (none after HEAD).
  Answer Read(bool head_request = false);
  // Until `mark` has come; what came with it. Empty: the connection ended first.
  std::string ReadUntil(std::string_view mark);
  // Until the connection ends.
  std::string ReadToEnd();
  // Whether the connection ended (and not just the patience); drops what still comes.
  bool Ended();
  // Whether something, or the end, comes within this time.
  bool Readable(int milliseconds) const;

 private:
  // One read into buffer_; false at the end.
  bool Fill();

  int descriptor_ = -1;
  SSL_CTX* context_ = nullptr;
  SSL* ssl_ = nullptr;
  std::string buffer_;
  bool timed_out_ = false;
};

}  // namespace noroshi::http
