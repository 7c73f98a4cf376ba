// AgentUnderTest: the real noroshi-agent in a folder of its own. When the test
// has failed, the destructor prints the end of its log.
//
// Threads: one thread; Report and Try also from others.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "tests/support/hub_under_test.h"
#include "tests/support/json.h"
#include "tests/support/process.h"

namespace noroshi::support {

class AgentUnderTest {
 public:
  // The data directory is folder/ORG-AGENT, the log of `run` beside it.
  // `program`: what is run, with its first arguments.
  AgentUnderTest(const std::string& folder, std::string organization, std::string agent,
                 std::vector<std::string> program = {AgentBinary()});
  ~AgentUnderTest();

  // Takes a one-time token from the hub and uses it.
  Result<void> Enroll(HubUnderTest& hub);
  // Replaces a text in agent.toml.
  Result<void> Configure(const std::string& from, const std::string& to);
  // Starts `run` as a process.
  Result<void> Run(const std::vector<std::string>& arguments = {});
  Result<void> Stop();
  void Kill();

  // `report ARGUMENTS`: the submission's id as text.
  Result<std::string> Report(const std::vector<std::string>& arguments);
  // The ids of all submissions that one command made.
  Result<std::vector<std::string>> ReportAll(const std::vector<std::string>& arguments);
  // As Command and Ask of HubUnderTest.
  Result<std::string> Command(const std::vector<std::string>& arguments);
  Result<json::value> Ask(const std::vector<std::string>& arguments);
  Result<Output> Try(const std::vector<std::string>& arguments, const std::string& input = "");

  // The alerts that the agent holds.
  Result<json::array> Alerts();
  // Waits until an alert fulfils the condition; gives it.
  Result<json::value> WaitForAlert(const std::function<bool(const json::value&)>& fulfils);
  // Waits until nothing waits in the spool for its receipt.
  Result<void> WaitForEmptySpool();

  const std::string& organization() const { return organization_; }
  const std::string& data() const { return data_; }
  const std::string& log_file() const { return log_file_; }
  std::string log() const { return ReadFile(log_file_); }
  Process* process() const { return process_.get(); }

 private:
  std::vector<std::string> program_;
  std::string folder_;
  std::string organization_;
  std::string agent_;
  std::string data_;
  std::string log_file_;
  std::unique_ptr<Process> process_;
};

// Every file below the folder that holds this text.
std::vector<std::string> FilesHolding(const std::string& folder, const std::string& text);

}  // namespace noroshi::support
