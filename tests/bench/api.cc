// api: how long lists of the API take when the hub holds very many cases.
#include <algorithm>
#include <chrono>

#include "common/base/encoding.h"
#include "tests/bench/bench.h"
#include "tests/bench/hub_process.h"
#include "tests/bench/journal_growth.h"
#include "tests/bench/load_client.h"
#include "tests/support/api_client.h"

namespace noroshi::bench {
namespace {

using Steady = std::chrono::steady_clock;
using support::ApiAnswer;
using support::ApiClient;

constexpr size_t kCases = 1'000'000;
constexpr size_t kAgents = 10;
constexpr size_t kInFlight = 16;
constexpr std::chrono::milliseconds kFirstReports{500};
constexpr int kCalls = 50;  // Of each list in a round.

struct List {
  const char* name;
  std::string path;
};

class ApiRounds {
 public:
  // A hub with that many cases, and an analyst who has signed in.
  static Result<std::unique_ptr<ApiRounds>> Prepare(const Options& options) {
    auto rounds = std::make_unique<ApiRounds>();
    NOROSHI_ASSIGN_OR_RETURN(rounds->hub_, HubProcess::Start(options.hub_binary, options.folder));
    HubProcess& hub = *rounds->hub_;
    NOROSHI_ASSIGN_OR_RETURN(const auto agents, hub.Enrol(kAgents));
    SubmissionSource source = SubmissionSource::Reports();
    {
      NOROSHI_ASSIGN_OR_RETURN(const auto client,
                               LoadClient::Connect({hub.address(), agents, kInFlight, &source}));
      NOROSHI_ASSIGN_OR_RETURN(const LoadResult first, client->Run(kFirstReports));
      NOROSHI_ASSIGN_OR_RETURN(const auto settled, hub.Settle());
      if (first.acknowledged == 0 || settled.empty()) {
        return Error{ErrorCode::kInternal, "the hub took no reports"};
      }
    }
    NOROSHI_RETURN_IF_ERROR(hub.Stop());
    const size_t cases = options.entries > 0 ? options.entries : kCases;
    NOROSHI_ASSIGN_OR_RETURN(const uint64_t added,
                             GrowJournal(options.folder + "/hub", 2 * cases, &source));
    const auto rebuilt = hub.Command({"rebuild"});
    if (!rebuilt.ok()) return rebuilt.error();
    NOROSHI_RETURN_IF_ERROR(hub.Serve());
    NOROSHI_ASSIGN_OR_RETURN(const auto status, hub.Settle());
    rounds->cases_ = NumberOf(status, "cases");
    if (rounds->cases_ < added) return Error{ErrorCode::kInternal, "the state lacks cases"};
    NOROSHI_RETURN_IF_ERROR(rounds->SignIn(options.folder + "/hub"));
    rounds->lists_ = {
        {"newest", "/cases"},
        {"largest_page", "/cases?limit=200"},
        {"middle", "/cases?cursor=" + ToHex(BigEndian64(cases))},
        {"status", "/cases?status=new"},
        {"organization", "/cases?organization=bench-0"},
        {"none_assigned", "/cases?assignee=analyst"},
        {"two_filters", "/cases?status=new&kind=campaign"},
        {"nothing_fits", "/cases?organization=bench-0&status=closed"},
        {"history", "/audit"},
    };
    return rounds;
  }

  Result<Figures> Round() {
    Figures figures{{"cases", static_cast<double>(cases_)}};
    double worst = 0;
    for (const List& list : lists_) {
      std::vector<double> times;
      for (int i = 0; i < kCalls; ++i) {
        const auto start = Steady::now();
        NOROSHI_ASSIGN_OR_RETURN(const ApiAnswer answer, analyst_->Get(list.path));
        times.push_back(std::chrono::duration<double, std::milli>(Steady::now() - start).count());
        if (answer.status != 200) {
          return Error{ErrorCode::kInternal, std::string(list.path) + ": " + answer.body};
        }
      }
      figures[std::string(list.name) + "_p50_ms"] = Percentile(&times, 0.5);
      worst = std::max(worst, Percentile(&times, 0.99));
    }
    figures["worst_p99_ms"] = worst;
    return figures;
  }

  Result<void> Finish() { return hub_->Stop(); }

 private:
  Result<void> SignIn(const std::string& data_folder) {
    NOROSHI_ASSIGN_OR_RETURN(
        const auto made,
        hub_->Call({{"verb", "call"},
                    {"method", "PUT"},
                    {"path", "/persons/analyst"},
                    {"body", boost::json::object{{"organization", "centre"},
                                                 {"name", "analyst"},
                                                 {"roles", {"analyst", "auditor"}}}}}));
    NOROSHI_ASSIGN_OR_RETURN(
        const auto link,
        hub_->Call({{"verb", "call"}, {"method", "POST"}, {"path", "/persons/analyst/links"}}));
    analyst_ = std::make_unique<ApiClient>(data_folder);
    return analyst_->UseLink(std::string(link.at("link").as_string()));
  }

  std::unique_ptr<HubProcess> hub_;
  std::unique_ptr<ApiClient> analyst_;
  std::vector<List> lists_;
  uint64_t cases_ = 0;
};

}  // namespace

Result<Report> RunApi(const Options& options) {
  NOROSHI_ASSIGN_OR_RETURN(const auto rounds, ApiRounds::Prepare(options));
  Contest contest;
  contest.contenders = {{"hub", true, [&] { return rounds->Round(); }}};
  NOROSHI_ASSIGN_OR_RETURN(Report report, RunContest("api", options, contest));
  NOROSHI_RETURN_IF_ERROR(rounds->Finish());
  return report;
}

}  // namespace noroshi::bench
