#include <fmt/format.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cstdio>

#include "common/base/check.h"
#include "tests/bench/bench.h"
#include "tests/bench/cpu.h"

namespace noroshi::bench {
namespace {

constexpr long kTmpfsMagic = 0x01021994;
// Above this share of the machine in other hands no figure should be believed.
constexpr double kOthersMax = 0.35;

// name -> one value for each round.
using Series = std::map<std::string, std::vector<double>>;

Summaries SummariseAll(const Series& series) {
  Summaries summaries;
  for (const auto& [name, values] : series) summaries[name] = Summarise(values);
  return summaries;
}

void Append(const Figures& figures, Series* series) {
  for (const auto& [name, value] : figures) (*series)[name].push_back(value);
}

std::string Line(const Figures& figures) {
  std::string line;
  for (const auto& [name, value] : figures) {
    if (name.find("_cpu_") != std::string::npos) continue;
    line += fmt::format("  {} {:.6g}", name, value);
  }
  return line;
}

}  // namespace

Summary Summarise(std::vector<double> values) {
  NOROSHI_CHECK(!values.empty());
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  const double median =
      values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  return {median, values.front(), values.back()};
}

double Percentile(std::vector<double>* values, double share) {
  if (values->empty()) return 0;
  std::sort(values->begin(), values->end());
  const auto index = static_cast<size_t>(share * static_cast<double>(values->size()));
  return (*values)[std::min(index, values->size() - 1)];
}

Result<Report> RunContest(const std::string& bench, const Options& options,
                          const Contest& contest) {
  Report report;
  report.bench = bench;
  report.rounds = options.rounds;
  report.notes = contest.notes;
  struct statfs file_system {};
  if (::statfs(options.folder.c_str(), &file_system) == 0 && file_system.f_type == kTmpfsMagic) {
    report.notes.push_back(options.folder + " is in memory: syncing costs nothing there");
  }
  Series ours;
  std::map<std::string, Series> references;
  Series ratios;
  std::vector<double> others;
  for (size_t round = 0; round < options.rounds; ++round) {
    Figures our_figures;
    std::map<std::string, Figures> figures;
    for (const Contender& contender : contest.contenders) {
      const MachineLoad before = ReadMachineLoad();
      auto result = contender.round();
      if (!result.ok()) return result.error().Prefixed(contender.name);
      others.push_back(OthersShare(before, ReadMachineLoad()));
      std::fprintf(stderr, "round %zu of %zu, %s:%s\n", round + 1, options.rounds,
                   contender.name.c_str(), Line(*result).c_str());
      Append(*result, contender.ours ? &ours : &references[contender.name]);
      if (contender.ours) our_figures.insert(result->begin(), result->end());
      figures[contender.name] = *std::move(result);
    }
    for (const Ratio& ratio : contest.ratios) {
      ratios[ratio.name].push_back(our_figures.at(ratio.our_figure) /
                                   figures.at(ratio.reference).at(ratio.figure));
    }
  }
  report.ours = SummariseAll(ours);
  for (const auto& [name, series] : references) report.references[name] = SummariseAll(series);
  report.ratios = SummariseAll(ratios);
  if (const double share = Summarise(others).median; share > kOthersMax) {
    report.notes.push_back(
        fmt::format("others used {:.0f} % of the machine: no verdict", share * 100));
  }
  return report;
}

}  // namespace noroshi::bench
