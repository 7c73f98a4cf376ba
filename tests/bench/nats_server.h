// NatsServer: nats-server with mutual TLS and JetStream, as its package comes,
// and the few lines of its protocol that a bench speaks.
//
// Threads: the main thread (the process ends with the thread that started it).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "tests/bench/pki.h"
#include "tests/bench/swarm.h"
#include "tests/support/process.h"

namespace noroshi::bench {

class NatsServer {
 public:
  // Makes folder and starts there. kNotFound: no nats-server on this machine.
  static Result<std::unique_ptr<NatsServer>> Start(const std::string& folder);

  Result<void> Stop();
  pid_t pid() const { return process_->pid(); }
  // How its clients connect.
  SwarmOptions ClientOptions() const;

 private:
  NatsServer() = default;
  Pki pki_;
  std::string address_;
  std::unique_ptr<support::Process> process_;
};

// First lines of a connection; the server answers PONG.
inline constexpr std::string_view kNatsHello =
    "CONNECT {\"verbose\":false,\"pedantic\":false,\"tls_required\":true,\"lang\":\"c\","
    "\"version\":\"1\",\"protocol\":1}\r\n";

// Cuts a NATS stream into operations.
class NatsParser {
 public:
  struct Operation {
    std::string_view line;     // "MSG subject 1 27", without its end.
    std::string_view payload;  // Of MSG.
  };
  void Append(std::string_view bytes);
  // Valid until the next call; nullopt: more bytes are needed.
  std::optional<Operation> Next();

 private:
  std::string buffer_;
  size_t start_ = 0;
};

}  // namespace noroshi::bench
