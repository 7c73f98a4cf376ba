// HubProcess: the real hub as operators run it, with the configuration that
// `init` writes, in a folder of its own.
//
// Threads: the main thread (the process ends with the thread that started it).
#pragma once

#include <boost/json/object.hpp>
#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "tests/support/api_client.h"
#include "tests/support/process.h"
#include "tests/support/wire_client.h"

namespace noroshi::bench {

// For everything that was acknowledged to be analysed and applied.
inline constexpr std::chrono::minutes kSettleTimeout{10};

class HubProcess {
 public:
  // `init` and `serve`. Files: folder/hub, folder/hub.log.
  static Result<std::unique_ptr<HubProcess>> Start(const std::string& binary,
                                                   const std::string& folder);

  Result<void> Serve();
  Result<void> Stop();

  // Organisations bench-0, bench-1, … of several kinds with agents agent-0, …
  // each, enrolled through the protocol, several at a time.
  Result<std::vector<support::Credentials>> Enrol(size_t organizations, size_t agents_each = 1);
  // A one-time token for a new organisation's agent, in a file.
  Result<std::string> WriteToken(const std::string& organization);

  // A person of the centre with these roles, signed in. local_login: its login at this
  // machine; empty: none.
  Result<std::unique_ptr<support::ApiClient>> SignIn(const std::string& person,
                                                     const boost::json::array& roles,
                                                     const std::string& local_login = "") const;

  // A call of the admin socket. Thread-safe.
  Result<boost::json::object> Call(const boost::json::object& request) const;
  Result<boost::json::object> Status() const;
  // Waits until all that is in the journal is analysed and applied; the status then.
  Result<boost::json::object> Settle() const;

  // `noroshi-hub ARGUMENTS`: what it printed. kInternal unless it ends with 0.
  Result<std::string> Command(const std::vector<std::string>& arguments) const;
  // Everything fits, and the hub holds exactly so many submissions.
  Result<void> Verify(uint64_t submissions) const;

  const std::string& address() const { return address_; }
  pid_t pid() const { return process_->pid(); }

 private:
  HubProcess(std::string binary, const std::string& folder)
      : binary_(std::move(binary)), data_(folder + "/hub"), log_(folder + "/hub.log") {}
  Result<void> AddOrganization(const std::string& id, const std::string& kind) const;

  const std::string binary_;
  const std::string data_;
  const std::string log_;
  std::string address_;
  std::unique_ptr<support::Process> process_;
};

// A number of a JSON answer; 0 if absent.
uint64_t NumberOf(const boost::json::object& object, const char* key);

}  // namespace noroshi::bench
