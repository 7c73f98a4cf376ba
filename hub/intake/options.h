// Every limit, timeout and window of intake, with its default. Figures that the
// protocol fixes are in common/wire/frame.h; docs/protocol.md has the table.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "common/submission/validate.h"

namespace noroshi::tls {
class Context;
}

namespace noroshi::intake {

inline constexpr size_t kKiB = 1024;
inline constexpr size_t kMiB = 1024 * kKiB;

struct Limits {
  using Duration = std::chrono::milliseconds;

  // Connections.
  size_t connections_max = 20'000;  // In total, handshakes included.
  size_t strangers_max = 256;       // Handshakes and enrolments; beyond it one gives way.
  size_t sessions_per_organization_max = 64;

  // Time.
  Duration handshake_timeout{10'000};
  Duration hello_timeout{10'000};        // From the handshake to the first frame.
  Duration frame_timeout{60'000};        // From a frame's first byte to its last.
  Duration idle_timeout{180'000};        // Without a frame; agents ping every 60 s.
  Duration write_timeout{30'000};        // For each write that makes no progress.
  Duration linger{2'000};                // For the other side to read Goodbye and close.
  Duration stop_grace{5'000};            // For all sessions to end when the hub stops.
  Duration assembly_timeout{120'000};    // From a chunked submission's last piece to its next.
  Duration certificate_timeout{30'000};  // For the registrar to answer an enrolment.

  // One session.
  uint64_t window_bytes = 32 * kMiB;  // Submission bytes that may await an answer.
  size_t outstanding_max = 2048;      // Submissions awaiting an answer; then reading pauses.
  // The same over all sessions of an organisation: others' reports queue behind at most these.
  size_t organization_outstanding_max = 64;
  // The engine may be so far behind what was receipted; beyond it, who has so many receipts
  // for entries that are not applied waits (hub/intake/lag.h).
  uint64_t lag_entries_max = 8'192;
  size_t organization_lag_max = 64;
  size_t assemblies_max = 8;            // Chunked submissions under way.
  size_t marks_max = 64;                // MarkAlert frames awaiting an answer.
  size_t answers_max = 16;              // AnswerQuestion frames awaiting an answer.
  size_t out_pause_bytes = 256 * kKiB;  // Above it reading pauses.
  size_t out_bytes_max = 6 * kMiB;      // Above it the session ends: slow_reader.

  // Deliveries to one session.
  size_t delivery_mark_bytes = 128 * kKiB;  // More are fetched only below it.
  size_t delivery_items = 64;               // At most for one fetch.
  uint64_t delivery_window = 256;           // Sent and not acknowledged.

  // Memory for submissions being received or awaiting the journal.
  size_t memory_bytes_max = 512 * kMiB;
  size_t organization_memory_bytes_max = 128 * kMiB;

  // Budgets of one organisation: a steady rate and what may come at once.
  uint64_t organization_bytes_per_second = 32 * kMiB;
  uint64_t organization_bytes_burst = 256 * kMiB;
  uint64_t organization_submissions_per_second = 2'000;
  uint64_t organization_submissions_burst = 20'000;
  size_t organizations_tracked_max = 10'000;
  // Lines of the log that one organisation, or all strangers, can cause.
  uint64_t log_lines_per_second = 10;
  uint64_t log_lines_burst = 100;
};

struct IntakeOptions {
  std::string listen_address = "127.0.0.1:8443";  // An IP address; port 0: any free one.
  tls::Context* context = nullptr;                // A server's; outlives Intake.
  submission::Vocabulary vocabulary;
  Limits limits;
};

}  // namespace noroshi::intake
