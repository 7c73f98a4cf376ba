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
  std::string from = "";           // Our own address, e.g. "127.0.0.2"; empty: the system's choice.
  int receive_buffer_bytes = 0;    // Of our socket; 0: the system's choice.
  std::string session = "";        // From TakeSession of an earlier connection: resumed.
};

class WireClient {
 public:
  // Connects and finishes the handshake as far as a TLS 1.3 client can tell: a
  // refusal of our certificate shows at the first Receive.
  static Result<std::unique_ptr<WireClient>> Connect(const WireOptions& options);
  // A connected TCP socket without any TLS, for the rudest of clients.
  static Result<std::unique_ptr<WireClient>> ConnectPlain(const std::string& address,
                                                          const std::string& from = "");
  // Sends the first message of a handshake, and nothing more.
  static Result<std::unique_ptr<WireClient>> ConnectHalf(const WireOptions& options);
  ~WireClient();
  WireClient(const WireClient&) = delete;
  WireClient& operator=(const WireClient&) = delete;

  Result<void> Send(const v1::AgentFrame& frame);
  Result<void> SendBytes(std::string_view bytes);
  // kClosed: the hub closed; the message holds its alert if there was one.
  Result<v1::HubFrame> Receive(Milliseconds timeout = kPatience);
  // Whether Receive would have something to do within the timeout.
  bool Readable(Milliseconds timeout);

  // For those who do not wait: as much as goes now, 0 if nothing does.
  Result<size_t> TrySend(std::string_view bytes);
  // Reads at most so many bytes that are there, and forgets them.
  Result<size_t> TryDiscard(size_t max);
  // Asks for new keys (TLS KeyUpdate), without waiting. False: not now.
  Result<bool> TryKeyUpdate();
  // What resumes this session later; empty: no ticket has come. Only after a Receive.
  std::string TakeSession() const;
  // Whether this connection resumed an earlier session.
  bool Resumed() const;
  int descriptor() const { return descriptor_; }

 private:
  explicit WireClient(int descriptor) : descriptor_(descriptor) {}
  Result<void> StartTls(const WireOptions& options);
  void PrepareTls(const WireOptions& options);
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
