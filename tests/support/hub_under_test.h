// HubUnderTest: the real noroshi-hub in a folder of its own, as a process.
//
// The port is chosen by the system at the first start and kept at later ones,
// as agents know it by then. When the test has failed, the destructor prints
// the end of the hub's log.
//
// Threads: one thread; Ask and Command also from others while nothing else is called.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "tests/support/json.h"
#include "tests/support/process.h"
#include "tests/support/wire_client.h"

namespace noroshi::support {

// The programs of this build.
std::string HubBinary();
std::string AgentBinary();
std::string PlainHubBinary();  // The hub without jemalloc.

// How a hub is served: the program and its first arguments.
std::vector<std::string> RealHub();
// A hub with a fault in its journal (tests/system/faulty_hub.cc): "no-sync" or "eager".
std::vector<std::string> FaultyHub(const std::string& fault);

class HubUnderTest {
 public:
  // The data directory is folder/hub, or on another disk; the log is folder/hub.log.
  explicit HubUnderTest(const std::string& folder, std::vector<std::string> serve_with = RealHub(),
                        const std::string& data = "");
  ~HubUnderTest();

  Result<void> Init();
  // Replaces the first `from` in hub.toml.
  Result<void> Configure(const std::string& from, const std::string& to);
  // Starts and returns when connections and commands are accepted. `arguments`
  // are added to the command line.
  Result<void> Serve(const std::vector<std::string>& arguments = {});
  // Another port at the next start.
  void Move() { address_.clear(); }
  Result<void> Stop();  // kInternal unless it ends with 0.
  void Kill();          // SIGKILL: a crash.

  // `noroshi-hub --data DIR ARGUMENTS`. An exit status other than 0 is kInternal
  // with what it printed.
  Result<std::string> Command(const std::vector<std::string>& arguments);
  // The same with --json, parsed.
  Result<json::value> Ask(const std::vector<std::string>& arguments);
  // Whatever the exit status is.
  Result<Output> Try(const std::vector<std::string>& arguments);

  Result<void> AddOrganization(const std::string& id, const std::string& kind,
                               const std::vector<std::string>& options = {});
  // Writes a one-time token for ORG/AGENT into the file.
  Result<void> WriteToken(const std::string& organization_and_agent, const std::string& file);
  // A certificate for ORG/AGENT, for a WireClient.
  Result<Credentials> Certify(const std::string& organization_and_agent);

  // Waits until all that is in the journal is analysed and applied; gives the status.
  // kTimeout: the hub stopped getting on.
  Result<json::value> Settle();
  // Waits until a command's answer fulfils the condition; gives that answer.
  Result<json::value> AskUntil(const std::string& what, const std::vector<std::string>& arguments,
                               const std::function<bool(const json::value&)>& fulfils);

  const std::string& data() const { return data_; }
  const std::string& log_file() const { return log_file_; }
  const std::string& address() const { return address_; }
  // With which the first administrator ("admin") signs in first.
  const std::string& first_link() const { return first_link_; }
  std::string log() const;
  Process* process() const { return process_.get(); }

 private:
  std::vector<std::string> serve_with_;
  std::string data_;
  std::string log_file_;
  std::string address_;
  std::string first_link_;
  std::unique_ptr<Process> process_;
};

// Prints the end of a log when the present test has failed.
void ShowLogOfFailedTest(const std::string& log_file);

}  // namespace noroshi::support
