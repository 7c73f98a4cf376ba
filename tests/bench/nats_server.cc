#include "tests/bench/nats_server.h"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>

#include "tests/bench/programs.h"

namespace noroshi::bench {
namespace {

namespace fs = std::filesystem;

constexpr char kConfiguration[] = R"(listen: "127.0.0.1:-1"
ports_file_dir: "{0}"
max_connections: 16000
max_payload: 1MB
ping_interval: "10m"
write_deadline: "30s"
tls {{
  cert_file: "{1}"
  key_file: "{2}"
  ca_file: "{3}"
  verify: true
  timeout: 20
}}
jetstream {{ store_dir: "{0}/js", max_file_store: 20GB, max_memory_store: 64MB }}
)";

// "127.0.0.1:4711" out of {"nats":["tls://127.0.0.1:4711"]}.
std::string AddressIn(const std::string& ports) {
  const size_t begin = ports.find("127.0.0.1:");
  if (begin == std::string::npos) return "";
  return ports.substr(begin, ports.find('"', begin) - begin);
}

}  // namespace

Result<std::unique_ptr<NatsServer>> NatsServer::Start(const std::string& folder) {
  NOROSHI_ASSIGN_OR_RETURN(const std::string program, FindProgram("nats-server"));
  fs::create_directories(folder);
  std::unique_ptr<NatsServer> server(new NatsServer());
  NOROSHI_ASSIGN_OR_RETURN(server->pki_, Pki::Make(folder));
  const Pki& pki = server->pki_;
  support::WriteFile(folder + "/nats.conf",
                     fmt::format(fmt::runtime(kConfiguration), folder, pki.server_certificate_file,
                                 pki.server_key_file, pki.ca_file));
  support::ProcessOptions options;
  options.argv = {program, "-c", folder + "/nats.conf"};
  options.stdout_file = options.stderr_file = folder + "/log";
  NOROSHI_ASSIGN_OR_RETURN(server->process_, support::Process::Start(options));
  const std::string ports = fmt::format("{}/nats-server_{}.ports", folder, server->pid());
  support::Wake wake;
  wake.ask = true;
  wake.process = server->process_->pidfd();
  const auto listening = support::WaitUntil("nats-server's ports", wake, [&] {
    server->address_ = AddressIn(support::ReadFile(ports));
    return !server->address_.empty();
  });
  if (!listening.ok()) return listening.error().Prefixed(support::ReadFile(folder + "/log"));
  return server;
}

Result<void> NatsServer::Stop() {
  NOROSHI_ASSIGN_OR_RETURN(const int status, process_->Stop());
  if (status == 0 || status == 1) return {};  // It ends a SIGTERM with 1.
  return Error{ErrorCode::kInternal, fmt::format("nats-server ended with {}", status)};
}

SwarmOptions NatsServer::ClientOptions() const {
  SwarmOptions options;
  options.address = address_;
  options.credentials = {pki_.client};
  options.greeted_in_plain = true;
  return options;
}

void NatsParser::Append(std::string_view bytes) {
  buffer_.erase(0, start_);
  start_ = 0;
  buffer_ += bytes;
}

std::optional<NatsParser::Operation> NatsParser::Next() {
  const std::string_view rest = std::string_view(buffer_).substr(start_);
  const size_t end = rest.find("\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  Operation operation{rest.substr(0, end), {}};
  size_t used = end + 2;
  if (operation.line.starts_with("MSG ")) {
    size_t size = 0;
    const std::string_view number = operation.line.substr(operation.line.rfind(' ') + 1);
    std::from_chars(number.data(), number.data() + number.size(), size);
    if (rest.size() < used + size + 2) return std::nullopt;
    operation.payload = rest.substr(used, size);
    used += size + 2;
  }
  start_ += used;
  return operation;
}

}  // namespace noroshi::bench
