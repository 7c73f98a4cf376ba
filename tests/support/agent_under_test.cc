#include "tests/support/agent_under_test.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <regex>
#include <utility>

namespace noroshi::support {

AgentUnderTest::AgentUnderTest(const std::string& folder, std::string organization,
                               std::string agent, std::vector<std::string> program)
    : program_(std::move(program)),
      folder_(folder),
      organization_(std::move(organization)),
      agent_(std::move(agent)),
      data_(fmt::format("{}/{}-{}", folder_, organization_, agent_)),
      log_file_(data_ + ".log") {}

AgentUnderTest::~AgentUnderTest() { ShowLogOfFailedTest(log_file_); }

Result<void> AgentUnderTest::Enroll(HubUnderTest& hub) {
  const std::string token_file = data_ + ".token";
  NOROSHI_RETURN_IF_ERROR(hub.WriteToken(organization_ + "/" + agent_, token_file));
  const auto enrolled = Command({"enroll", "--token-file", token_file});
  if (!enrolled.ok()) return enrolled.error();
  return {};
}

Result<void> AgentUnderTest::Configure(const std::string& from, const std::string& to) {
  std::string text = ReadFile(data_ + "/agent.toml");
  const size_t at = text.find(from);
  if (at == std::string::npos) return Error{ErrorCode::kNotFound, from + " is not in: " + text};
  WriteFile(data_ + "/agent.toml", text.replace(at, from.size(), to));
  return {};
}

Result<void> AgentUnderTest::Run(const std::vector<std::string>& arguments) {
  ProcessOptions options;
  options.argv = program_;
  options.argv.insert(options.argv.end(), {"--data", data_, "run"});
  options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
  options.stdout_file = data_ + ".out";
  options.stderr_file = log_file_;
  NOROSHI_ASSIGN_OR_RETURN(process_, Process::Start(options));
  return {};
}

Result<void> AgentUnderTest::Stop() {
  NOROSHI_ASSIGN_OR_RETURN(const int status, process_->Stop());
  process_.reset();
  if (status == 0) return {};
  return Error{ErrorCode::kInternal, fmt::format("the agent ended with {}", status)};
}

void AgentUnderTest::Kill() {
  if (process_) process_->Kill();
  process_.reset();
}

Result<Output> AgentUnderTest::Try(const std::vector<std::string>& arguments,
                                   const std::string& input) {
  std::vector<std::string> argv = program_;
  argv.insert(argv.end(), {"--data", data_});
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return RunCommand(argv, input);
}

Result<std::string> AgentUnderTest::Command(const std::vector<std::string>& arguments) {
  NOROSHI_ASSIGN_OR_RETURN(const Output output, Try(arguments));
  if (output.status == 0) return output.out;
  return Error{ErrorCode::kInternal,
               fmt::format("{} ended with {}: {}{}", fmt::join(arguments, " "), output.status,
                           output.out, output.err)};
}

Result<json::value> AgentUnderTest::Ask(const std::vector<std::string>& arguments) {
  std::vector<std::string> with_json = {"--json"};
  with_json.insert(with_json.end(), arguments.begin(), arguments.end());
  NOROSHI_ASSIGN_OR_RETURN(const std::string text, Command(with_json));
  return ParseJson(text);
}

Result<std::vector<std::string>> AgentUnderTest::ReportAll(
    const std::vector<std::string>& arguments) {
  std::vector<std::string> all = {"report"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  NOROSHI_ASSIGN_OR_RETURN(const std::string text, Command(all));
  // With --wait: kept is a success of the command, but not what the test waited for.
  if (text.find("not received yet") != std::string::npos)
    return Error{ErrorCode::kTimeout, "no receipt in time: " + text};
  static const std::regex uuid("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}");
  std::vector<std::string> ids;
  for (std::sregex_iterator it(text.begin(), text.end(), uuid), end; it != end; ++it) {
    if (std::find(ids.begin(), ids.end(), it->str()) == ids.end()) ids.push_back(it->str());
  }
  if (!ids.empty()) return ids;
  return Error{ErrorCode::kInternal, "no submission id in: " + text};
}

Result<std::string> AgentUnderTest::Report(const std::vector<std::string>& arguments) {
  NOROSHI_ASSIGN_OR_RETURN(const auto ids, ReportAll(arguments));
  return ids.front();
}

Result<json::array> AgentUnderTest::Alerts() {
  NOROSHI_ASSIGN_OR_RETURN(const json::value answer, Ask({"alerts", "--limit", "10000"}));
  return ArrayAt(answer, "/alerts");
}

Result<json::value> AgentUnderTest::WaitForAlert(
    const std::function<bool(const json::value&)>& fulfils) {
  Wake wake;
  wake.process = process_ ? process_->pidfd() : -1;
  wake.ask = true;
  std::optional<json::value> found;
  NOROSHI_RETURN_IF_ERROR(WaitUntil("an alert at " + organization_, wake, [&] {
    const auto alerts = Alerts();
    if (!alerts.ok()) return false;
    for (const json::value& alert : *alerts) {
      if (fulfils(alert)) found = alert;
    }
    return found.has_value();
  }));
  return std::move(*found);
}

Result<void> AgentUnderTest::WaitForEmptySpool() {
  Wake wake;
  wake.paths = {data_ + "/spool/new"};
  wake.process = process_ ? process_->pidfd() : -1;
  return WaitUntil("the spool to be sent", wake, [&] {
    std::error_code ignored;
    for (const auto& item : std::filesystem::directory_iterator(data_ + "/spool/new", ignored)) {
      if (item.path().extension() != ".tmp") return false;
    }
    return true;
  });
}

std::vector<std::string> FilesHolding(const std::string& folder, const std::string& text) {
  std::vector<std::string> files;
  for (const auto& item : std::filesystem::recursive_directory_iterator(folder)) {
    if (!item.is_regular_file()) continue;
    if (ReadFile(item.path()).find(text) != std::string::npos) files.push_back(item.path());
  }
  return files;
}

}  // namespace noroshi::support
