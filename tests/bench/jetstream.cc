#include "tests/bench/jetstream.h"

#include <fmt/format.h>

#include <string>

#include "tests/bench/closed_loop.h"

namespace noroshi::bench {
namespace {

constexpr std::chrono::seconds kPatience{60};

}  // namespace

// All connections. Answers to connection i arrive under "_INBOX.i.".
struct JetStream::Client {
  Client(size_t connections, size_t in_flight, size_t message_bytes)
      : parsers(connections),
        payload(message_bytes, 'x'),
        loop(connections, in_flight,
             [this](size_t number, size_t count) { Publish(number, count); }) {}

  std::unique_ptr<Swarm> swarm;
  std::vector<NatsParser> parsers;  // By connection.
  const std::string payload;
  ClosedLoop loop;  // Acknowledged in order: one stream, one connection.
  size_t subscribed = 0;
  std::string answer;  // To a request.

  void OnOpen(size_t number);
  void OnBytes(size_t number, std::string_view bytes);
  void OnAnswer(size_t number, const NatsParser::Operation& message);
  void Publish(size_t number, size_t count);
  Result<std::string> Request(const std::string& subject, const std::string& body);
};

void JetStream::Client::OnOpen(size_t number) {
  swarm->Send(number, fmt::format("{}SUB _INBOX.{}.* 1\r\nPING\r\n", kNatsHello, number));
}

void JetStream::Client::OnBytes(size_t number, std::string_view bytes) {
  NatsParser& parser = parsers[number];
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
  loop.TopUp(number);
}

void JetStream::Client::OnAnswer(size_t number, const NatsParser::Operation& message) {
  if (message.line.starts_with(fmt::format("MSG _INBOX.{}.request ", number))) {
    answer = message.payload;
    return;
  }
  if (message.payload.find("\"seq\":") == std::string_view::npos || !loop.Answered(number)) {
    swarm->Fail({ErrorCode::kInternal, "not stored: " + std::string(message.payload)});
  }
}

void JetStream::Client::Publish(size_t number, size_t count) {
  std::string out;
  for (; count > 0; --count) {
    out += fmt::format("PUB reports.{} _INBOX.{}.a {}\r\n", number, number, payload.size());
    out += payload;
    out += "\r\n";
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
  made->client_ = std::make_unique<Client>(connections, in_flight, message_bytes);
  Client* client = made->client_.get();
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
  NOROSHI_ASSIGN_OR_RETURN(Figures figures,
                           client.loop.Round(client.swarm.get(), server_->pid(), options_.round));
  NOROSHI_ASSIGN_OR_RETURN(const std::string info,
                           client.Request("$JS.API.STREAM.INFO.REPORTS", ""));
  const auto acknowledged = static_cast<uint64_t>(figures["acknowledged"]);
  if (info.find(fmt::format("\"messages\":{},", acknowledged)) == std::string::npos) {
    return Error{ErrorCode::kInternal, fmt::format("{} acknowledged, but: {}", acknowledged, info)};
  }
  NOROSHI_ASSIGN_OR_RETURN(const std::string removed,
                           client.Request("$JS.API.STREAM.DELETE.REPORTS", ""));
  if (removed.find("\"error\"") != std::string::npos) return Error{ErrorCode::kInternal, removed};
  return figures;
}

}  // namespace noroshi::bench
