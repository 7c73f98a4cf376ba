// Every limit and timeout of the web server, with its default. docs/operations.md
// has the table.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace noroshi::http {

inline constexpr size_t kKiB = 1024;
inline constexpr size_t kMiB = 1024 * kKiB;

inline constexpr size_t kWorkersDefault = 8;
inline constexpr size_t kRequestsWaitingMax = 256;
inline constexpr size_t kEventBytesMax = 256 * kKiB;

struct Limits {
  using Duration = std::chrono::milliseconds;

  // Connections. Beyond either maximum one that has nothing under way gives way,
  // else the new one is refused.
  size_t connections_max = 2'048;
  size_t connections_per_network_max = 256;  // An IPv4 address, or a /64 of IPv6.
  size_t requests_per_connection_max = 1'000;

  // One request.
  size_t header_bytes_max = 16 * kKiB;  // Request line and fields.
  size_t headers_max = 64;
  size_t target_bytes_max = 4 * kKiB;
  size_t parameters_max = 64;
  uint64_t body_bytes_max = 1 * kMiB;             // Unless ServerOptions::body_limit says else.
  size_t body_memory_bytes_max = 256 * kMiB;      // All bodies being received or handled.
  size_t response_bytes_max = 64 * kMiB;          // A larger one is a defect: 500.
  size_t response_memory_bytes_max = 256 * kMiB;  // All responses being sent; then 503.

  // Work.
  size_t workers = kWorkersDefault;
  size_t requests_waiting_max = kRequestsWaitingMax;  // Then 503 with Retry-After.

  // Time.
  Duration handshake_timeout{10'000};
  Duration header_timeout{10'000};    // From a request's first byte to the end of its header.
  Duration idle_timeout{60'000};      // Until a request's first byte.
  Duration body_grace{10'000};        // Beyond what body_rate_min allows for the bytes received.
  uint64_t body_rate_min = 8 * kKiB;  // Bytes a second.
  Duration handler_timeout{60'000};   // Then 503; the handler itself is not cut.
  Duration write_grace{20'000};       // Beyond what write_rate_min allows for the bytes sent.
  uint64_t write_rate_min = 8 * kKiB;
  Duration linger{2'000};      // For the other side to read a refusal and close.
  Duration stop_grace{5'000};  // For requests under way when the server stops.

  // Server-sent events.
  size_t streams_max = 512;
  size_t streams_per_key_max = 8;
  size_t event_bytes_max = kEventBytesMax;  // Queued for one stream; beyond it the stream is cut.
  Duration heartbeat{15'000};

  // Lines of the log about refused handshakes and connections; the rest is counted.
  size_t refusal_lines_per_second_max = 10;
};

}  // namespace noroshi::http
