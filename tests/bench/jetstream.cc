#include "tests/bench/jetstream.h"

#include <fmt/format.h>

#include <deque>
#include <string>

#include "tests/bench/cpu.h"

namespace noroshi::bench {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience{60};

double MsSince(Steady::time_point start, Steady::time_point now) {
  return std::chrono::duration<double, std::milli>(now - start).count();
}

}  // namespace

// All connections. Answers to connection i arrive under "_INBOX.i.".
struct JetStream::Client {
  struct Connection {
    NatsParser parser;
    std::deque<Steady::time_point> in_flight;  // Acknowledged in order: one stream, one connection.
  };

  std::unique_ptr<Swarm> swarm;
  std::vector<Connection> connections;
  std::string payload;
  size_t in_flight_max = 0;

  size_t subscribed = 0;
  bool running = false;
  uint64_t acknowledged = 0;
  size_t under_way = 0;
  std::vector<double> latencies_ms;
  std::string answer;  // To a request.

  void OnOpen(size_t number);
  void OnBytes(size_t number, std::string_view bytes);
  void OnAnswer(size_t number, const NatsParser::Operation& message);
  void TopUp(size_t number);
  Result<std::string> Request(const std::string& subject, const std::string& body);
};

void JetStream::Client::OnOpen(size_t number) {
  swarm->Send(number, fmt::format("{}SUB _INBOX.{}.* 1\r\nPING\r\n", kNatsHello, number));
}

void JetStream::Client::OnBytes(size_t number, std::string_view bytes) {
  NatsParser& parser = connections[number].parser;
  parser.Append(bytes);
  while (const auto operation = parser.Next()) {
    if (operation->line.starts_with("MSG ")) {
      OnAnswer(number, *operation);
    } else if (operation->line == "PONG") {
      ++subscribed;
    } else if (operation->line == "PING") {
      swarm->Send(number, "PONG\r\n");
    } else if (operation->line.starts_with("-ERR")) {
      swarm->Fail({ErrorCode::kInternal, std::string(operation->line)});
    }
  }
  TopUp(number);
}

void JetStream::Client::OnAnswer(size_t number, const NatsParser::Operation& message) {
  if (message.line.starts_with(fmt::format("MSG _INBOX.{}.request ", number))) {
    answer = message.payload;
    return;
  }
  auto& in_flight = connections[number].in_flight;
  if (message.payload.find("\"seq\":") == std::string_view::npos || in_flight.empty()) {
    return swarm->Fail({ErrorCode::kInternal, "not stored: " + std::string(message.payload)});
  }
  latencies_ms.push_back(MsSince(in_flight.front(), Steady::now()));
  in_flight.pop_front();
  ++acknowledged;
  --under_way;
}

void JetStream::Client::TopUp(size_t number) {
  auto& in_flight = connections[number].in_flight;
  if (!running || in_flight.size() == in_flight_max) return;
  std::string out;
  while (in_flight.size() < in_flight_max) {
    out += fmt::format("PUB reports.{} _INBOX.{}.a {}\r\n", number, number, payload.size());
    out += payload;
    out += "\r\n";
    in_flight.push_back(Steady::now());
    ++under_way;
  }
  swarm->Send(number, out);
}

Result<std::string> JetStream::Client::Request(const std::string& subject,
                                               const std::string& body) {
  answer.clear();
  swarm->Send(0, fmt::format("PUB {} _INBOX.0.request {}\r\n{}\r\n", subject, body.size(), body));
  NOROSHI_RETURN_IF_ERROR(swarm->Run([&] { return !answer.empty(); }, kPatience));
  return answer;
}

JetStream::JetStream(const Options& options) : options_(options) {}
JetStream::~JetStream() = default;

Result<std::unique_ptr<JetStream>> JetStream::Start(const Options& options, size_t connections,
                                                    size_t in_flight, size_t message_bytes) {
  std::unique_ptr<JetStream> made(new JetStream(options));
  NOROSHI_ASSIGN_OR_RETURN(made->server_, NatsServer::Start(options.folder + "/nats"));
  made->client_ = std::make_unique<Client>();
  Client* client = made->client_.get();
  client->payload = std::string(message_bytes, 'x');
  client->in_flight_max = in_flight;
  client->connections.resize(connections);
  NOROSHI_ASSIGN_OR_RETURN(client->swarm, Swarm::Make(made->server_->ClientOptions()));
  client->swarm->set_handlers(
      {[client](size_t number) { client->OnOpen(number); },
       [client](size_t number, std::string_view bytes) { client->OnBytes(number, bytes); }});
  for (size_t i = 0; i < connections; ++i) client->swarm->Add();
  NOROSHI_RETURN_IF_ERROR(
      client->swarm->Run([&] { return client->subscribed == connections; }, kPatience));
  return made;
}

Result<Figures> JetStream::Round() {
  Client& client = *client_;
  NOROSHI_ASSIGN_OR_RETURN(
      const std::string created,
      client.Request("$JS.API.STREAM.CREATE.REPORTS",
                     R"({"name":"REPORTS","subjects":["reports.>"],"storage":"file"})"));
  if (created.find("\"error\"") != std::string::npos) return Error{ErrorCode::kInternal, created};
  NOROSHI_RETURN_IF_ERROR(WaitQuiet(server_->pid()));
  NOROSHI_ASSIGN_OR_RETURN(const ServerCpu before, ReadServerCpu(server_->pid()));
  const double client_before = ThreadCpuSeconds();
  client.latencies_ms.clear();
  client.acknowledged = 0;
  client.running = true;
  const auto start = Steady::now();
  for (size_t i = 0; i < client.connections.size(); ++i) client.TopUp(i);
  NOROSHI_RETURN_IF_ERROR(client.swarm->Run(
      [&] {
        if (Steady::now() - start >= options_.round) client.running = false;
        return !client.running && client.under_way == 0;
      },
      options_.round + kPatience));
  const double seconds = MsSince(start, Steady::now()) / 1000;
  const double client_cpu = ThreadCpuSeconds() - client_before;
  NOROSHI_RETURN_IF_ERROR(WaitQuiet(server_->pid()));
  NOROSHI_ASSIGN_OR_RETURN(const ServerCpu after, ReadServerCpu(server_->pid()));
  const auto acknowledged = static_cast<double>(client.acknowledged);
  NOROSHI_ASSIGN_OR_RETURN(const std::string info,
                           client.Request("$JS.API.STREAM.INFO.REPORTS", ""));
  if (info.find(fmt::format("\"messages\":{},", client.acknowledged)) == std::string::npos) {
    return Error{ErrorCode::kInternal,
                 fmt::format("{} acknowledged, but: {}", client.acknowledged, info)};
  }
  NOROSHI_ASSIGN_OR_RETURN(const std::string removed,
                           client.Request("$JS.API.STREAM.DELETE.REPORTS", ""));
  if (removed.find("\"error\"") != std::string::npos) return Error{ErrorCode::kInternal, removed};
  return Figures{{"acknowledged", acknowledged},
                 {"acked_per_s", acknowledged / seconds},
                 {"p50_ms", Percentile(&client.latencies_ms, 0.5)},
                 {"p99_ms", Percentile(&client.latencies_ms, 0.99)},
                 {"cpu_us", Difference(before, after).seconds * 1e6 / acknowledged},
                 {"client_cpu_us", client_cpu * 1e6 / acknowledged}};
}

}  // namespace noroshi::bench
