// `noroshi-hub analyze mail`: what the hub would find in mails, without a hub. The
// same code in the same confined processes; the campaigns are those of this run.
//
// Threads: one call at a time.
#pragma once

#include <cstdio>
#include <istream>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace noroshi::app {

inline constexpr size_t kAnalyzeWindowMax = 256;  // Mails read and not yet printed.
inline constexpr int kAnalyzeWorkersMax = 256;

struct AnalyzeRequest {
  std::vector<std::string> paths;  // hub/app/mail_sources.h
  bool jsonl = false;              // One JSON object a mail; else a short line.
  bool explain = false;            // Why each mail is in its group.
  int workers = 0;                 // Processes that read mails; 0: one for each core.
  std::vector<std::string> worker_command = {"/proc/self/exe", "analysis-worker"};
};

// Prints one line a mail to `out`, in the order of the input; progress goes to
// `progress` if that is a terminal. kIo: a file could not be read (its line says
// so, the others are done all the same), or `out` could not be written.
Result<void> AnalyzeMails(const AnalyzeRequest& request, std::istream* standard, std::FILE* out,
                          std::FILE* progress);

}  // namespace noroshi::app
