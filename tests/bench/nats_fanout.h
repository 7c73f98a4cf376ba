// Reference: core NATS, one publisher and many subscribers to one subject, all
// over mutual TLS. It keeps nothing and acknowledges nothing.
//
// Threads: one caller.
#pragma once

#include <memory>

#include "tests/bench/bench.h"
#include "tests/bench/fanout_load.h"
#include "tests/bench/nats_server.h"

namespace noroshi::bench {

class NatsFanout {
 public:
  // kNotFound: there is no nats-server.
  static Result<std::unique_ptr<NatsFanout>> Start(const Options& options, size_t subscribers);

  // The book's figures, cpu_us of the server and client_cpu_us for each delivery.
  Result<Figures> Round();

 private:
  NatsFanout(const Options& options, size_t subscribers)
      : options_(options),
        subscribers_(subscribers),
        book_(subscribers),
        parsers_(subscribers + 1) {}
  void OnBytes(size_t number, std::string_view bytes);
  void Publish();

  const Options options_;
  const size_t subscribers_;  // Connection number subscribers_ is the publisher.
  Book book_;
  std::vector<NatsParser> parsers_;
  std::unique_ptr<NatsServer> server_;
  std::unique_ptr<Swarm> swarm_;
  size_t greeted_ = 0;
};

}  // namespace noroshi::bench
