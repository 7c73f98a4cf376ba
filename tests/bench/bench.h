// noroshi-bench: what every bench gets and gives. A bench measures; it is never
// a timed test. Figures of one run are compared with each other only: absolute
// ones say as much about the machine as about the program.
//
// Threads: one, unless a bench says otherwise.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace noroshi::bench {

struct Options {
  size_t rounds = 5;
  std::chrono::milliseconds round{3'000};
  std::string hub_binary;
  std::string agent_binary;
  std::string folder;      // A temporary folder of this run, removed at its end.
  bool mail = false;       // ingest: suspicious mails instead of incident reports.
  size_t connections = 0;  // 0: the bench's own figure.
  size_t in_flight = 0;    // Likewise.
  size_t agents_each = 0;  // fanout: agents of each organisation, likewise.
  size_t spooled = 0;      // backlog: reports that the agent holds, likewise.
  size_t entries = 0;      // backlog: of the journal before a restart; api: cases; likewise.
  std::string mails;       // mail: a folder of .eml files.
};

// What one contender's round gave, by name: "acked_per_s", "p50_ms", …
using Figures = std::map<std::string, double>;

// One side of a comparison. Contenders take turns, round by round.
struct Contender {
  std::string name;
  bool ours = false;
  std::function<Result<Figures>()> round;
};

// In every round: our figure divided by the reference's.
struct Ratio {
  std::string name;
  std::string our_figure;
  std::string reference;  // Contender's name.
  std::string figure;
};

struct Contest {
  std::vector<Contender> contenders;
  std::vector<Ratio> ratios;
  std::vector<std::string> notes;  // Of references that are missing, say.
};

struct Summary {
  double median = 0;
  double min = 0;
  double max = 0;
};
// REQUIRES: not empty.
Summary Summarise(std::vector<double> values);
// share in [0, 1]; sorts the values. 0 if there are none.
double Percentile(std::vector<double>* values, double share);

using Summaries = std::map<std::string, Summary>;

struct Report {
  std::string bench;
  size_t rounds = 0;
  Summaries ours;
  std::map<std::string, Summaries> references;
  Summaries ratios;
  std::vector<std::string> notes;  // What a reader must know to judge the figures.

  // {"ours":{…},"references":{…},"ratios":{…}}: medians. The same three with
  // [min, max] stand below "ranges".
  std::string ToJson() const;
  std::string ToTable() const;
};

// Runs the rounds. The first error of any contender ends it.
Result<Report> RunContest(const std::string& bench, const Options& options, const Contest& contest);

// The benches. Each ends its processes and leaves nothing in the folder that it needs.
Result<Report> RunApi(const Options& options);
Result<Report> RunHandshake(const Options& options);
Result<Report> RunIdle(const Options& options);
Result<Report> RunIngest(const Options& options);
Result<Report> RunBacklog(const Options& options);
Result<Report> RunFanout(const Options& options);
Result<Report> RunLatency(const Options& options);
Result<Report> RunMail(const Options& options);
Result<Report> RunRebuild(const Options& options);

}  // namespace noroshi::bench
