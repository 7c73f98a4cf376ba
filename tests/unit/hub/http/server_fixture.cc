#include "tests/unit/hub/http/server_fixture.h"

#include <fmt/format.h>

#include <stdexcept>

namespace noroshi::http {

using std::chrono::seconds;

ServerTest::ServerTest() {
  const testing_support::Credentials own = pki_.Server({"hub.example", "127.0.0.1"});
  auto context = tls::Context::MakeWebServer({own.chain_pem, own.key_pem, pki_.ca_pem(), &clock_});
  EXPECT_TRUE(context.ok());
  context_ = std::move(*context);
  options_.listen_address = "127.0.0.1:0";
  options_.context = context_.get();
  options_.limits.linger = std::chrono::milliseconds(100);
  options_.host_names = {"hub.example", "127.0.0.1", "::1"};
}

ServerTest::~ServerTest() {
  OpenGate();
  server_.reset();
}

void ServerTest::Start() {
  auto made = Server::Make(
      options_, [this](const Request& request) { return Handle(request); }, clock_);
  ASSERT_TRUE(made.ok()) << made.error().message;
  server_ = std::move(*made);
  server_->Start();
}

Answer ServerTest::Ask(const std::string& request) {
  const auto client = Connect();
  client->Send(request);
  return client->Read(request.starts_with("HEAD "));
}

std::string ServerTest::Get(const std::string& target, const std::string& more,
                            const std::string& method) {
  return fmt::format("{} {} HTTP/1.1\r\nHost: hub.example\r\n{}\r\n", method, target, more);
}

void ServerTest::OpenGate() {
  const std::lock_guard lock(mutex_);
  gate_open_ = true;
  changed_.notify_all();
}

void ServerTest::AwaitAtGate(int handlers) {
  std::unique_lock lock(mutex_);
  EXPECT_TRUE(changed_.wait_for(lock, seconds(20), [&] { return at_gate_ >= handlers; }));
}

std::shared_ptr<EventSink> ServerTest::AwaitSink() {
  std::unique_lock lock(mutex_);
  EXPECT_TRUE(changed_.wait_for(lock, seconds(20), [&] { return !sinks_.empty(); }));
  auto sink = sinks_.back();
  sinks_.pop_back();
  return sink;
}

// Echoes what a request was; some paths do more.
Response ServerTest::Handle(const Request& request) {
  ++handled_;
  Response response;
  response.headers.Set("Content-Type", "text/plain");
  response.body = fmt::format("{} {} [{}]", request.method, request.path, request.body);
  for (const auto& [name, value] : request.query)
    response.body += fmt::format(" {}={}", name, value);
  if (request.certificate) response.body += " cert=" + request.certificate->uris.at(0);
  if (request.path == "/throw") throw std::runtime_error("/etc/secret is not readable");
  if (request.path == "/throw-odd") throw 7;  // NOLINT: what a handler should not
  if (request.path == "/evil") response.headers.Set("X-Evil", *request.Parameter("value"));
  if (request.path == "/length") response.headers.Set("Content-Length", "5");
  if (request.path == "/size") response.body.assign(std::stoul(*request.Parameter("n")), 'x');
  if (request.path == "/none") response.status = 204;
  if (request.path == "/page") {
    response.headers.Set("Content-Security-Policy", "default-src 'self'");
    response.headers.Set("Cache-Control", "max-age=60");
    response.headers.Add("Set-Cookie", "a=1");
    response.headers.Add("Set-Cookie", "b=2");
  }
  if (request.path == "/gate") {
    std::unique_lock lock(mutex_);
    ++at_gate_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return gate_open_; });
  }
  if (request.path == "/events") {
    const std::string* key = request.Parameter("key");
    response.stream_key = key == nullptr ? "" : *key;
    response.stream = [this](std::shared_ptr<EventSink> sink) {
      const std::lock_guard lock(mutex_);
      sinks_.push_back(std::move(sink));
      changed_.notify_all();
    };
  }
  return response;
}

}  // namespace noroshi::http
