#include "tests/support/hub_under_test.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <utility>

namespace noroshi::support {
namespace {

constexpr size_t kLogTailBytes = 6000;

std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

Result<std::string> Succeeded(const std::vector<std::string>& arguments, Result<Output> output) {
  if (!output.ok()) return output.error();
  if (output->status == 0) return output->out;
  return Error{ErrorCode::kInternal,
               fmt::format("{} ended with {}: {}{}", fmt::join(arguments, " "), output->status,
                           output->out, output->err)};
}

}  // namespace

std::string HubBinary() { return NOROSHI_HUB_BINARY; }
std::string PlainHubBinary() { return NOROSHI_PLAIN_HUB_BINARY; }
std::string AgentBinary() { return NOROSHI_AGENT_BINARY; }
std::vector<std::string> RealHub() { return {HubBinary()}; }
std::vector<std::string> FaultyHub(const std::string& fault) {
  return {NOROSHI_FAULTY_HUB_BINARY, fault};
}

void ShowLogOfFailedTest(const std::string& log_file) {
  if (!testing::Test::HasFailure()) return;
  const std::string log = ReadFile(log_file);
  const size_t start = log.size() > kLogTailBytes ? log.size() - kLogTailBytes : 0;
  std::fprintf(stderr, "---- end of %s\n%s----\n", log_file.c_str(), log.c_str() + start);
}

HubUnderTest::HubUnderTest(const std::string& folder, std::vector<std::string> serve_with,
                           const std::string& data)
    : serve_with_(std::move(serve_with)),
      data_(data.empty() ? folder + "/hub" : data),
      log_file_(folder + "/hub.log") {}

HubUnderTest::~HubUnderTest() { ShowLogOfFailedTest(log_file_); }

Result<void> HubUnderTest::Init() {
  const auto made = Ask({"init", "--name", "Test Centre", "--listen", "127.0.0.1:0"});
  if (!made.ok()) return made.error();
  first_link_ = TextAt(*made, "/link");
  return {};
}

Result<void> HubUnderTest::Configure(const std::string& from, const std::string& to) {
  const std::string file = data_ + "/hub.toml";
  std::string toml = ReadFile(file);
  const size_t at = toml.find(from);
  if (at == std::string::npos) return Error{ErrorCode::kNotFound, "hub.toml has no " + from};
  WriteFile(file, toml.replace(at, from.size(), to));
  return {};
}

Result<void> HubUnderTest::Serve(const std::vector<std::string>& arguments) {
  const std::string address_file = data_ + "/run/address";
  std::filesystem::remove(address_file);  // A killed hub leaves it behind.
  ProcessOptions options;
  options.argv = serve_with_;
  options.argv.insert(options.argv.end(), {"--data", data_, "serve"});
  if (!address_.empty()) options.argv.insert(options.argv.end(), {"--listen", address_});
  options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
  options.stdout_file = options.stderr_file = log_file_;
  NOROSHI_ASSIGN_OR_RETURN(process_, Process::Start(options));
  Wake wake;
  wake.process = process_->pidfd();
  wake.ask = true;  // At the first start there is no folder to watch yet.
  const auto started =
      WaitUntil("the hub's address", wake, [&] { return ReadFile(address_file).ends_with('\n'); });
  if (!started.ok()) {
    process_.reset();
    return started.error().Prefixed("hub did not start");
  }
  address_ = FirstLine(ReadFile(address_file));
  return {};
}

Result<void> HubUnderTest::Stop() {
  NOROSHI_ASSIGN_OR_RETURN(const int status, process_->Stop());
  process_.reset();
  if (status == 0) return {};
  return Error{ErrorCode::kInternal, fmt::format("the hub ended with {}", status)};
}

void HubUnderTest::Kill() {
  if (process_) process_->Kill();
  process_.reset();
}

Result<Output> HubUnderTest::Try(const std::vector<std::string>& arguments) {
  std::vector<std::string> argv = {HubBinary(), "--data", data_};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return RunCommand(argv);
}

Result<std::string> HubUnderTest::Command(const std::vector<std::string>& arguments) {
  return Succeeded(arguments, Try(arguments));
}

Result<json::value> HubUnderTest::Ask(const std::vector<std::string>& arguments) {
  std::vector<std::string> with_json = {"--json"};
  with_json.insert(with_json.end(), arguments.begin(), arguments.end());
  NOROSHI_ASSIGN_OR_RETURN(const std::string text, Command(with_json));
  return ParseJson(text);
}

Result<void> HubUnderTest::AddOrganization(const std::string& id, const std::string& kind,
                                           const std::vector<std::string>& options) {
  std::vector<std::string> arguments = {"org",       "add",       id,          "--kind", kind,
                                        "--name-ja", "機関" + id, "--name-en", id};
  arguments.insert(arguments.end(), options.begin(), options.end());
  const auto added = Command(arguments);
  if (!added.ok()) return added.error();
  return {};
}

Result<void> HubUnderTest::WriteToken(const std::string& organization_and_agent,
                                      const std::string& file) {
  const auto written = Command({"agent", "token", organization_and_agent, "--out", file});
  if (!written.ok()) return written.error();
  return {};
}

Result<Credentials> HubUnderTest::Certify(const std::string& organization_and_agent) {
  NOROSHI_ASSIGN_OR_RETURN(const std::string token,
                           Command({"agent", "token", organization_and_agent}));
  return Enroll(token, address_);
}

Result<json::value> HubUnderTest::AskUntil(const std::string& what,
                                           const std::vector<std::string>& arguments,
                                           const std::function<bool(const json::value&)>& fulfils) {
  Wake wake;
  wake.process = process_ ? process_->pidfd() : -1;
  wake.ask = true;
  Result<json::value> answer = Error{ErrorCode::kUnavailable, "never asked"};
  const auto waited = WaitUntil(what, wake, [&] {
    answer = Ask(arguments);
    return answer.ok() && fulfils(*answer);
  });
  if (waited.ok()) return answer;
  const std::string last = answer.ok() ? json::serialize(*answer) : answer.error().message;
  return Error{waited.error().code, waited.error().message + "; last answer: " + last};
}

Result<json::value> HubUnderTest::Settle() {
  // Patience is for a hub that makes no progress: a backlog may be long, a machine slow.
  for (int64_t before = -1;;) {
    int64_t applied = before;
    auto settled =
        AskUntil("analysis and engine to catch up", {"status"}, [&](const json::value& status) {
          applied = NumberAt(status, "/applied");
          return NumberAt(status, "/analysis_pending") == 0 &&
                 applied == NumberAt(status, "/tree_size");
        });
    const bool slow = !settled.ok() && settled.error().code == ErrorCode::kTimeout;
    if (!slow || applied == before) return settled;
    before = applied;
  }
}

std::string HubUnderTest::log() const { return ReadFile(log_file_); }

}  // namespace noroshi::support
