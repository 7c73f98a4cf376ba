// The agent's commands. Each prints its answer to standard output (JSON with
// --json), what went wrong to standard error, and returns a sysexits code.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "agent/app/environment.h"
#include "agent/app/fields.h"

namespace noroshi::agent {

inline constexpr std::chrono::milliseconds kOncePatience{60'000};  // Of `run --once`.
inline constexpr size_t kAlertsShownMax = 10'000;

struct EnrollOptions {
  std::string token_file;  // "-": standard input.
  std::string proxy;
  bool force = false;
};
int Enroll(const Environment& environment, const EnrollOptions& options);

struct IncidentOptions {
  std::vector<Entry> flags;
  std::string file;  // "-": standard input; empty: none.
  bool edit = false;
  std::optional<int> wait_seconds;
};
int ReportIncident(const Environment& environment, const IncidentOptions& options);

struct MailOptions {
  std::vector<Entry> flags;
  std::vector<std::string> paths;
  std::optional<int> wait_seconds;
};
int ReportMail(const Environment& environment, const MailOptions& options);

struct RunOptions {
  bool once = false;
};
int Run(const Environment& environment, const RunOptions& options);

struct AlertsOptions {
  size_t limit = 100;
};
int Alerts(const Environment& environment, const AlertsOptions& options);

struct AckOptions {
  std::string alert_id;  // Hexadecimal.
  std::string mark;
  std::string person;
  std::string note;
  int wait_seconds = 10;
};
int Ack(const Environment& environment, const AckOptions& options);

struct QuestionsOptions {
  bool all = false;  // Answered and withdrawn ones, too.
};
int ListQuestions(const Environment& environment, const QuestionsOptions& options);

// Exactly one of text, file and edit.
struct AnswerOptions {
  std::string question_id;  // UUID.
  std::string text;
  std::string file;  // "-": standard input.
  bool edit = false;
  std::string person;
  int wait_seconds = 10;
};
int AnswerQuestion(const Environment& environment, const AnswerOptions& options);

int Status(const Environment& environment);
int Verify(const Environment& environment);

}  // namespace noroshi::agent
