// Reference: durable records at the floor server, under the same load as the hub's.
//
// Threads: one caller.
#pragma once

#include <memory>

#include "tests/bench/bench.h"
#include "tests/bench/floor_server.h"

namespace noroshi::bench {

class FloorIngest {
 public:
  static Result<std::unique_ptr<FloorIngest>> Start(const Options& options, size_t connections,
                                                    size_t in_flight, size_t record_bytes);
  ~FloorIngest();

  // acked_per_s, p50_ms, p99_ms, cpu_us of the server and client_cpu_us for each record.
  Result<Figures> Round();

 private:
  struct Client;
  explicit FloorIngest(const Options& options);
  const Options options_;
  std::unique_ptr<FloorServer> server_;
  std::unique_ptr<Client> client_;
};

}  // namespace noroshi::bench
