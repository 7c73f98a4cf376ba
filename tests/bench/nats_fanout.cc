#include "tests/bench/nats_fanout.h"

#include <fmt/format.h>

#include "tests/bench/cpu.h"

namespace noroshi::bench {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience{60};

}  // namespace

Result<std::unique_ptr<NatsFanout>> NatsFanout::Start(const Options& options, size_t subscribers) {
  std::unique_ptr<NatsFanout> made(new NatsFanout(options, subscribers));
  NatsFanout* raw = made.get();
  NOROSHI_ASSIGN_OR_RETURN(made->server_, NatsServer::Start(options.folder + "/nats"));
  NOROSHI_ASSIGN_OR_RETURN(made->swarm_, Swarm::Make(made->server_->ClientOptions()));
  made->swarm_->set_handlers(
      {[raw](size_t number) {
         const bool subscribes = number < raw->subscribers_;
         raw->swarm_->Send(
             number, fmt::format("{}{}PING\r\n", kNatsHello, subscribes ? "SUB alerts 1\r\n" : ""));
       },
       [raw](size_t number, std::string_view bytes) { raw->OnBytes(number, bytes); }});
  for (size_t i = 0; i <= subscribers; ++i) made->swarm_->Add();
  NOROSHI_RETURN_IF_ERROR(
      made->swarm_->Run([&] { return raw->greeted_ == subscribers + 1; }, kPatience));
  return made;
}

void NatsFanout::OnBytes(size_t number, std::string_view bytes) {
  NatsParser& parser = parsers_[number];
  parser.Append(bytes);
  while (const auto operation = parser.Next()) {
    if (operation->line.starts_with("MSG ")) {
      if (!book_.Note(operation->payload)) swarm_->Fail({ErrorCode::kInternal, "no stamp"});
    } else if (operation->line == "PONG") {
      ++greeted_;
    } else if (operation->line == "PING") {
      swarm_->Send(number, "PONG\r\n");
    } else if (operation->line.starts_with("-ERR")) {
      swarm_->Fail({ErrorCode::kInternal, std::string(operation->line)});
    }
  }
}

void NatsFanout::Publish() {
  std::string message = Stamp(book_.Issue(), Steady::now());
  message.resize(kAlertBytes, '.');
  swarm_->Send(subscribers_, fmt::format("PUB alerts {}\r\n{}\r\n", message.size(), message));
}

Result<Figures> NatsFanout::Round() {
  NOROSHI_RETURN_IF_ERROR(WaitQuiet(server_->pid()));
  NOROSHI_ASSIGN_OR_RETURN(const ServerCpu before, ReadServerCpu(server_->pid()));
  const double client_before = ThreadCpuSeconds();
  book_.Begin();
  const auto start = Steady::now();
  NOROSHI_RETURN_IF_ERROR(swarm_->Run(
      [&] {
        if (Steady::now() - start >= options_.round) return book_.all_arrived();
        if (book_.open() >= kFanoutWindow) return false;
        while (book_.open() < kFanoutWindow) Publish();
        return false;
      },
      options_.round + kPatience));
  const double client_cpu = ThreadCpuSeconds() - client_before;
  NOROSHI_RETURN_IF_ERROR(WaitQuiet(server_->pid()));
  NOROSHI_ASSIGN_OR_RETURN(const ServerCpu after, ReadServerCpu(server_->pid()));
  Figures figures = book_.figures();
  figures["cpu_us"] = Difference(before, after).seconds * 1e6 / figures["deliveries"];
  figures["client_cpu_us"] = client_cpu * 1e6 / figures["deliveries"];
  return figures;
}

}  // namespace noroshi::bench
