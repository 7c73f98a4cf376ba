#include <fmt/format.h>

#include <boost/json.hpp>
#include <cmath>

#include "tests/bench/bench.h"

namespace noroshi::bench {
namespace {

namespace json = boost::json;

json::object Medians(const Summaries& summaries) {
  json::object object;
  for (const auto& [name, summary] : summaries) object[name] = summary.median;
  return object;
}

json::object Ranges(const Summaries& summaries) {
  json::object object;
  for (const auto& [name, summary] : summaries) {
    object[name] = json::array{summary.min, summary.max};
  }
  return object;
}

// Enough digits to compare, none that the noise makes up.
std::string Number(double value) {
  const double size = std::abs(value);
  if (size >= 1000) return fmt::format(fmt::runtime("{:.0f}"), value);
  return fmt::format(fmt::runtime(size >= 10 ? "{:.1f}" : "{:.3g}"), value);
}

std::string Rows(const std::string& title, const Summaries& summaries) {
  std::string rows;
  for (const auto& [name, summary] : summaries) {
    rows += fmt::format("  {:<42} {:>12}   {} – {}\n", title + name, Number(summary.median),
                        Number(summary.min), Number(summary.max));
  }
  return rows;
}

}  // namespace

std::string Report::ToJson() const {
  json::object reference_medians;
  json::object reference_ranges;
  for (const auto& [name, summaries] : references) {
    reference_medians[name] = Medians(summaries);
    reference_ranges[name] = Ranges(summaries);
  }
  json::array note_texts;
  for (const auto& note : notes) note_texts.emplace_back(note);
  const json::object object{{"bench", bench},
                            {"rounds", rounds},
                            {"ours", Medians(ours)},
                            {"references", std::move(reference_medians)},
                            {"ratios", Medians(ratios)},
                            {"ranges",
                             {{"ours", Ranges(ours)},
                              {"references", std::move(reference_ranges)},
                              {"ratios", Ranges(ratios)}}},
                            {"notes", std::move(note_texts)}};
  return json::serialize(object);
}

std::string Report::ToTable() const {
  std::string table = fmt::format("{}: median of {} rounds   min – max\n", bench, rounds);
  table += Rows("", ours);
  for (const auto& [name, summaries] : references) table += Rows(name + ": ", summaries);
  if (!ratios.empty()) table += "ratios\n" + Rows("", ratios);
  for (const auto& note : notes) table += "note: " + note + "\n";
  return table;
}

}  // namespace noroshi::bench
