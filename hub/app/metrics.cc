#include "hub/app/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <map>

namespace noroshi::app {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

class Families {
 public:
  void Gauge(const std::string& name, const std::string& help, double value) {
    MetricFamily& family = Add(name, help, MetricType::Gauge);
    family.metric.emplace_back().gauge.value = value;
  }

  void Counter(const std::string& name, const std::string& help, double value) {
    MetricFamily& family = Add(name, help, MetricType::Counter);
    family.metric.emplace_back().counter.value = value;
  }

  // One counter for each word.
  void Counters(const std::string& name, const std::string& help, const std::string& label,
                const std::map<std::string, uint64_t>& values) {
    MetricFamily& family = Add(name, help, MetricType::Counter);
    for (const auto& [word, value] : values) {
      ClientMetric& metric = family.metric.emplace_back();
      metric.label.push_back({label, word});
      metric.counter.value = static_cast<double>(value);
    }
  }

  std::string Text() const { return prometheus::TextSerializer().Serialize(families_); }

 private:
  MetricFamily& Add(const std::string& name, const std::string& help, MetricType type) {
    MetricFamily& family = families_.emplace_back();
    family.name = "noroshi_" + name;
    family.help = help;
    family.type = type;
    return family;
  }

  std::vector<MetricFamily> families_;
};

double D(uint64_t value) { return static_cast<double>(value); }

void AddIntake(const intake::Stats& stats, Families* families) {
  families->Gauge("intake_sessions", "Agents connected now.", D(stats.sessions_open));
  families->Counter("intake_sessions_opened_total", "Sessions of agents.", D(stats.sessions_total));
  families->Counter("intake_connections_refused_total", "Connections beyond a maximum.",
                    D(stats.connections_refused));
  families->Counter("intake_accept_failures_total", "Connections that could not be accepted.",
                    D(stats.accept_failures));
  families->Counters("intake_handshakes_refused_total", "Refused handshakes, by reason.", "reason",
                     stats.handshakes_refused);
  families->Counters("intake_goodbyes_total", "Sessions that the hub ended, by reason.", "reason",
                     stats.goodbyes);
  families->Counter("intake_submissions_accepted_total", "Submissions with a receipt.",
                    D(stats.submissions_accepted));
  families->Counter("intake_submissions_repeated_total", "Retries of submissions that were there.",
                    D(stats.submissions_repeated));
  families->Counters("intake_submissions_rejected_total", "Rejected submissions, by code.", "code",
                     stats.submissions_rejected);
  families->Counter("intake_received_bytes_total", "Bytes from agents.", D(stats.bytes_received));
  families->Counter("intake_sent_bytes_total", "Bytes to agents.", D(stats.bytes_sent));
  families->Counter("intake_deliveries_sent_total", "Deliveries sent to agents.",
                    D(stats.deliveries_sent));
  families->Counters("intake_marks_refused_total", "Refused marks of alerts, by reason.", "reason",
                     stats.marks_refused);
  families->Counters("intake_answers_refused_total", "Refused answers to questions, by reason.",
                     "reason", stats.answers_refused);
  families->Counters("intake_certificates_refused_total",
                     "Refused enrolments and renewals, by reason.", "reason",
                     stats.certificates_refused);
  families->Counter("intake_log_lines_dropped_total",
                    "Lines of the log that were over the budget of whoever caused them.",
                    D(stats.log_lines_dropped));
  families->Gauge("intake_memory_bytes", "Submissions under way.", D(stats.memory_used));
}

void AddState(const Readings& readings, Families* families) {
  const store::v1::MetaRow& state = readings.state;
  families->Gauge("journal_healthy", "1 while the journal takes entries.", readings.journal_ok);
  families->Gauge("engine_healthy", "1 while the engine applies entries.", readings.engine_ok);
  families->Gauge("journal_entries", "Entries on disk.", D(readings.journal_entries));
  families->Gauge("engine_applied_entries", "Entries applied to the state.", D(state.applied()));
  families->Gauge("organizations", "Organisations.", D(state.organizations()));
  families->Gauge("submissions", "Real submissions.", D(state.submissions()));
  families->Gauge("exercise_submissions", "Submissions of exercises.",
                  D(state.exercise_submissions()));
  families->Gauge("cases", "Real cases.", D(state.cases()));
  families->Gauge("alerts", "Real alerts.", D(state.alerts()));
  families->Gauge("analysis_pending", "Submissions without analysis.", D(state.analysis_pending()));
  families->Gauge("analysis_waiting", "Submissions handed to analysis.",
                  D(readings.analysis_waiting));
  families->Counter("analysis_children_started_total", "Confined mail readers started.",
                    D(readings.analysis_children_started));
  families->Gauge("search_entries", "Entries that a search finds.", D(readings.search.entries));
  families->Counter("search_documents_total", "Documents written to the search index.",
                    D(readings.search.documents));
  families->Counter("search_cpu_milliseconds_total", "Processor time of the search index.",
                    D(readings.search.cpu_ms));
  families->Gauge("subscriptions", "Agents connected for deliveries.", D(readings.subscriptions));
  families->Gauge("pending_cursors", "Acknowledgements on their way into the journal.",
                  D(readings.pending_cursors));
  families->Gauge("pending_answers", "Answers that the engine has not judged.",
                  D(readings.pending_answers));
  families->Gauge("clock_healthy", "1 while the machine's clock is believed.", readings.clock_ok);
  families->Counters("log_events_total", "Lines of the log at warning and above, by event.",
                     "event", readings.log_counts);
}

void AddHttp(const http::Stats& stats, Families* families) {
  std::map<std::string, uint64_t> responses;
  for (const auto& [status, count] : stats.responses) responses[std::to_string(status)] = count;
  families->Counters("http_responses_total", "Answers, by status.", "status", responses);
  families->Gauge("http_connections", "Connections open now.", D(stats.connections_open));
  families->Counter("http_connections_opened_total", "Connections.", D(stats.connections_total));
  families->Counter("http_connections_refused_total", "Connections beyond a maximum.",
                    D(stats.connections_refused));
  families->Counter("http_handshakes_refused_total", "Refused handshakes.",
                    D(stats.handshakes_refused));
  families->Gauge("http_requests_waiting", "Requests that wait for a worker.",
                  D(stats.requests_waiting));
  families->Gauge("http_streams", "Event streams open now.", D(stats.streams_open));
  families->Counter("http_streams_cut_total", "Event streams that were read too slowly.",
                    D(stats.streams_cut));
  families->Counter("http_log_lines_dropped_total",
                    "Lines about refusals that were over their budget.",
                    D(stats.log_lines_dropped));
  families->Counter("http_received_bytes_total", "Bytes received.", D(stats.bytes_received));
  families->Counter("http_sent_bytes_total", "Bytes sent.", D(stats.bytes_sent));
}

}  // namespace

std::string MetricsText(const Readings& readings) {
  Families families;
  AddIntake(readings.intake, &families);
  AddState(readings, &families);
  AddHttp(readings.http, &families);
  return families.Text();
}

}  // namespace noroshi::app
