// WireClient: an agent's side of the protocol, written against OpenSSL directly
// and sharing no code with the agent, so that it can also break the rules.
//
// Threads: one thread. Every call has a deadline (kPatience).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "noroshi/v1/agent.pb.h"
#include "tests/support/waiting.h"

typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;

namespace noroshi::support {

// What an enrolled agent holds.
struct Credentials {
  std::string organization;
  std::string ca_pem;           // Empty: any server is believed, as before an enrolment.
  std::string certificate_pem;  // Leaf first; empty: none is shown.
  std::string key_pem;
  std::string log_public_key;
};

struct WireOptions {
  std::string address;  // "127.0.0.1:PORT"
  Credentials credentials;
  std::string alpn = "noroshi/1";  // Empty: none is offered.
  int tls_version = 0;             // Minimum and maximum; 0: TLS 1.3.
};

class WireClient {
 public:
  // Connects and finishes the handshake as far as a TLS 1.3 client can tell: a
  // refusal of our certificate shows at the first Receive.
  static Result<std::unique_ptr<WireClient>> Connect(const WireOptions& options);
  // A connected TCP socket without any TLS, for the rudest of clients.
  static Result<std::unique_ptr<WireClient>> ConnectPlain(const std::string& address);
  ~WireClient();
  WireClient(const WireClient&) = delete;
  WireClient& operator=(const WireClient&) = delete;

  Result<void> Send(const v1::AgentFrame& frame);
  Result<void> SendBytes(std::string_view bytes);
  // kClosed: the hub closed; the message holds its alert if there was one.
  Result<v1::HubFrame> Receive(Milliseconds timeout = kPatience);
  // Whether Receive would have something to do within the timeout.
  bool Readable(Milliseconds timeout);

 private:
  explicit WireClient(int descriptor) : descriptor_(descriptor) {}
  Result<void> StartTls(const WireOptions& options);
  Result<size_t> ReadSome(char* data, size_t size, const Deadline& deadline);
  Result<void> Wait(int want, const Deadline& deadline);

  int descriptor_;
  SSL_CTX* context_ = nullptr;
  SSL* ssl_ = nullptr;
  std::string buffer_;
};

// Uses up a one-time token: what an agent does, with a key made here. The
// address may differ from the token's.
Result<Credentials> Enroll(const std::string& token, const std::string& address);

}  // namespace noroshi::support
