// Swarm: many TLS 1.3 clients in one thread, over epoll and OpenSSL and nothing
// else, whatever protocol they speak. Hub and references are loaded by the same
// swarm, so that the client's share of a figure is the same for both.
//
// Threads: one. Lifetime: handlers run inside Run and must not destroy the swarm.
#pragma once

#include <openssl/ssl.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "tests/support/wire_client.h"

namespace noroshi::bench {

struct SwarmOptions {
  std::string address;  // "127.0.0.1:PORT"
  std::string alpn;     // Empty: none.
  // Whose connection is whose: number i takes credentials i modulo their count.
  std::vector<support::Credentials> credentials;
  bool greeted_in_plain = false;  // The server sends one line before TLS, as nats-server does.
  size_t handshakes_max = 16;     // Under way at a time.
  bool resume = false;            // Offer the newest ticket of the same number.
};

class Swarm {
 public:
  struct Handlers {
    std::function<void(size_t number)> open;  // The handshake is over.
    std::function<void(size_t number, std::string_view bytes)> bytes;
  };

  static Result<std::unique_ptr<Swarm>> Make(const SwarmOptions& options);
  ~Swarm();

  void set_handlers(Handlers handlers) { handlers_ = std::move(handlers); }

  // Connects one more, as soon as a handshake may begin; returns its number.
  size_t Add();
  // Queues; goes out in as few records as fit when this turn of Run ends.
  void Send(size_t number, std::string_view bytes);
  // Closes; the number may then be connected again.
  void Close(size_t number);
  void Reopen(size_t number);
  // Ends Run with this error.
  void Fail(const Error& error);

  // Serves all connections until done() holds, asked after every turn. kTimeout;
  // or why a connection broke: none may.
  Result<void> Run(const std::function<bool()>& done, std::chrono::milliseconds timeout);
  // Without handlers: until all are open, at most a minute for each thousand, and a minute.
  Result<void> RunUntilOpen();

  size_t size() const { return connections_.size(); }
  size_t open() const { return open_; }
  bool resumed(size_t number) const;

 private:
  enum class Stage { kWaiting, kGreeting, kHandshake, kOpen, kClosed };
  struct Connection {
    size_t number = 0;
    Stage stage = Stage::kWaiting;
    int descriptor = -1;
    SSL* ssl = nullptr;
    SSL_SESSION* session = nullptr;
    std::string out;
    bool dirty = false;  // In dirty_.
    bool wants_write = false;
  };

  explicit Swarm(const SwarmOptions& options);
  Result<void> LoadCredentials();
  Result<void> StartWaiting();
  Result<void> Dial(Connection* connection);
  Result<void> StartTls(Connection* connection);
  Result<void> OnReady(Connection* connection, uint32_t events);
  Result<void> Shake(Connection* connection);
  Result<void> ReadAll(Connection* connection);
  Result<void> Flush(Connection* connection);
  Result<void> FlushDirty();
  Result<void> Watch(Connection* connection, bool write);
  static int OnNewSession(SSL* ssl, SSL_SESSION* session);

  const SwarmOptions options_;
  Handlers handlers_;
  SSL_CTX* context_ = nullptr;
  struct Shown {
    X509* certificate;
    EVP_PKEY* key;
  };
  std::vector<Shown> shown_;  // One for each credentials.
  int epoll_ = -1;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Connection*> waiting_;
  std::vector<Connection*> dirty_;
  size_t shaking_ = 0;
  size_t open_ = 0;
  std::optional<Error> failed_;
  std::vector<char> buffer_;
};

}  // namespace noroshi::bench
