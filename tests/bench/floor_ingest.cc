#include "tests/bench/floor_ingest.h"

#include <deque>

#include "common/base/encoding.h"
#include "common/wire/frame.h"
#include "tests/bench/cpu.h"

namespace noroshi::bench {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience{60};
constexpr size_t kAnswerBytes = 4;

double MsBetween(Steady::time_point from, Steady::time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

}  // namespace

struct FloorIngest::Client {
  struct Connection {
    size_t answer_bytes = 0;  // Of answers that are not whole.
    std::deque<Steady::time_point> in_flight;
  };
  std::unique_ptr<Swarm> swarm;
  std::vector<Connection> connections;
  std::string frame;
  size_t in_flight_max = 0;
  bool running = false;
  uint64_t acknowledged = 0;
  size_t under_way = 0;
  std::vector<double> latencies_ms;

  void TopUp(size_t number) {
    auto& in_flight = connections[number].in_flight;
    while (running && in_flight.size() < in_flight_max) {
      swarm->Send(number, frame);
      in_flight.push_back(Steady::now());
      ++under_way;
    }
  }
  void OnBytes(size_t number, std::string_view bytes) {
    Connection& connection = connections[number];
    connection.answer_bytes += bytes.size();
    const auto now = Steady::now();
    for (; connection.answer_bytes >= kAnswerBytes; connection.answer_bytes -= kAnswerBytes) {
      latencies_ms.push_back(MsBetween(connection.in_flight.front(), now));
      connection.in_flight.pop_front();
      ++acknowledged;
      --under_way;
    }
    TopUp(number);
  }
};

FloorIngest::FloorIngest(const Options& options) : options_(options) {}
FloorIngest::~FloorIngest() = default;

Result<std::unique_ptr<FloorIngest>> FloorIngest::Start(const Options& options, size_t connections,
                                                        size_t in_flight, size_t record_bytes) {
  std::unique_ptr<FloorIngest> made(new FloorIngest(options));
  NOROSHI_ASSIGN_OR_RETURN(made->server_, FloorServer::Start(options.folder + "/floor"));
  made->client_ = std::make_unique<Client>();
  Client* client = made->client_.get();
  AppendBigEndian32(static_cast<uint32_t>(record_bytes), &client->frame);
  client->frame.append(record_bytes, 'x');
  client->in_flight_max = in_flight;
  client->connections.resize(connections);
  NOROSHI_ASSIGN_OR_RETURN(client->swarm, Swarm::Make(made->server_->ClientOptions()));
  client->swarm->set_handlers({nullptr, [client](size_t number, std::string_view bytes) {
                                 client->OnBytes(number, bytes);
                               }});
  for (size_t i = 0; i < connections; ++i) client->swarm->Add();
  NOROSHI_RETURN_IF_ERROR(client->swarm->RunUntilOpen());
  return made;
}

Result<Figures> FloorIngest::Round() {
  Client& client = *client_;
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
  const double seconds = MsBetween(start, Steady::now()) / 1000;
  const double client_cpu = ThreadCpuSeconds() - client_before;
  NOROSHI_ASSIGN_OR_RETURN(const ServerCpu after, ReadServerCpu(server_->pid()));
  const auto acknowledged = static_cast<double>(client.acknowledged);
  return Figures{{"acknowledged", acknowledged},
                 {"acked_per_s", acknowledged / seconds},
                 {"p50_ms", Percentile(&client.latencies_ms, 0.5)},
                 {"p99_ms", Percentile(&client.latencies_ms, 0.99)},
                 {"cpu_us", Difference(before, after).seconds * 1e6 / acknowledged},
                 {"client_cpu_us", client_cpu * 1e6 / acknowledged}};
}

}  // namespace noroshi::bench
