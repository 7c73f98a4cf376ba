// api: how long lists of the API take when the hub holds very many cases.
#include <algorithm>
#include <chrono>

#include "common/base/encoding.h"
#include "tests/bench/bench.h"
#include "tests/bench/hub_process.h"
#include "tests/bench/journal_growth.h"
#include "tests/bench/load_client.h"
#include "tests/support/api_client.h"
#include "tests/support/waiting.h"

namespace noroshi::bench {
namespace {

using Steady = std::chrono::steady_clock;
using support::ApiAnswer;
using support::ApiClient;

constexpr size_t kCases = 1'000'000;
constexpr size_t kAgents = 10;
constexpr size_t kInFlight = 16;
constexpr std::chrono::milliseconds kFirstReports{500};
constexpr support::Milliseconds kIndexTime{3'600'000};
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
    NOROSHI_RETURN_IF_ERROR(rounds->AwaitIndex());
    if (rounds->cases_ < added) return Error{ErrorCode::kInternal, "the state lacks cases"};
    NOROSHI_ASSIGN_OR_RETURN(rounds->analyst_, hub.SignIn("analyst", {"analyst", "auditor"}));
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
        // 連絡: a word of nearly all reports; 改ざん and 誤送信: of many, and none has both.
        {"search_common", "/search?q=%E9%80%A3%E7%B5%A1"},
        {"search_largest_page", "/search?q=%E9%80%A3%E7%B5%A1&limit=200"},
        {"search_never_together",
         "/search?q=%E6%94%B9%E3%81%96%E3%82%93%20%E8%AA%A4%E9%80%81%E4%BF%A1"},
        {"search_indicator", "/search?q=hxxps%3A%2F%2Fevil%5B.%5Dexample"},
        {"search_one_organization",
         "/search?organization=bench-0&q=%E9%80%A3%E7%B5%A1&type=report"},
    };
    return rounds;
  }

  Result<Figures> Round() {
    Figures figures{{"cases", static_cast<double>(cases_)}, {"index_cpu_us", index_cpu_us_}};
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
  // Everything can be found. Also what that cost, for each document.
  Result<void> AwaitIndex() {
    support::Wake wake;
    wake.ask = true;
    wake.timeout = kIndexTime;
    Result<boost::json::object> status = Error{ErrorCode::kUnavailable, "never asked"};
    NOROSHI_RETURN_IF_ERROR(support::WaitUntil("the search index", wake, [&] {
      status = hub_->Status();
      if (!status.ok()) return true;
      return NumberOf(status->at("search").as_object(), "entries") >= NumberOf(*status, "applied");
    }));
    if (!status.ok()) return status.error();
    const auto& search = status->at("search").as_object();
    index_cpu_us_ = static_cast<double>(NumberOf(search, "cpu_ms")) * 1000 /
                    static_cast<double>(NumberOf(search, "documents"));
    return {};
  }

  std::unique_ptr<HubProcess> hub_;
  std::unique_ptr<ApiClient> analyst_;
  double index_cpu_us_ = 0;
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
