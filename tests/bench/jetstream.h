// Reference: NATS JetStream with its default file store, which acknowledges
// before it syncs. Mutual TLS; each connection keeps a number of publications
// without acknowledgement under way.
//
// Threads: one caller.
#pragma once

#include <memory>

#include "tests/bench/bench.h"
#include "tests/bench/nats_server.h"

namespace noroshi::bench {

class JetStream {
 public:
  // kNotFound: there is no nats-server.
  static Result<std::unique_ptr<JetStream>> Start(const Options& options, size_t connections,
                                                  size_t in_flight, size_t message_bytes);
  ~JetStream();

  // Into a new stream: acked_per_s, p50_ms, p99_ms, cpu_us for each message of
  // the server, client_cpu_us. The stream must hold what was acknowledged.
  Result<Figures> Round();

 private:
  struct Client;
  explicit JetStream(const Options& options);
  const Options options_;
  std::unique_ptr<NatsServer> server_;
  std::unique_ptr<Client> client_;
};

}  // namespace noroshi::bench
