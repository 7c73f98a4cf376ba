// What every command of the agent needs: its folder, and what is configured and
// pinned there (docs/agent.md).
#pragma once

#include <string>
#include <vector>

#include "agent/session/conversation.h"
#include "agent/session/enroll.h"
#include "agent/sinks/sink.h"
#include "agent/spool/spool.h"
#include "common/base/result.h"
#include "common/runtime/clock.h"
#include "common/runtime/file.h"
#include "common/runtime/random.h"

namespace noroshi::agent {

// Exit codes as of sysexits(3), so that a mail server can pipe into `report mail`.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFindings = 1;  // `verify` only.
inline constexpr int kExitUsage = 64;
inline constexpr int kExitDataError = 65;
inline constexpr int kExitNoInput = 66;
inline constexpr int kExitUnavailable = 69;
inline constexpr int kExitSoftware = 70;
inline constexpr int kExitIoError = 74;
inline constexpr int kExitTempFail = 75;  // Full or busy: try again.
inline constexpr int kExitNoPermission = 77;
inline constexpr int kExitConfig = 78;

inline constexpr size_t kIdentityBytesMax = 16 * 1024;

int ExitCodeOf(ErrorCode code);

struct Environment;
// For errors of opening the agent's folder: what is missing or wrong there is
// kExitConfig.
int FailConfig(const Environment& environment, const Error& error);

struct Settings {
  session::Route route;
  spool::Limits limits;
  std::vector<sinks::SinkOptions> sinks;
};

struct Environment {
  std::string folder;  // DIR.
  bool json = false;
  FileSystem& files;
  const Clock& clock;
  Random& random;

  std::string path(const std::string& name) const { return folder + "/" + name; }

  // DIR/agent.toml.
  Result<Settings> LoadSettings() const;
  // DIR/identity.json; kNotFound: not enrolled.
  Result<session::Pins> LoadPins() const;
  Result<void> StorePins(const session::Pins& pins) const;
  Result<spool::Spool> OpenSpool(const Settings& settings) const;
  // A file that the user named; "-" is standard input. kInvalid beyond max bytes,
  // kNotFound for a folder.
  Result<std::string> ReadInput(const std::string& name, size_t max) const;

  // Prints "noroshi-agent: message" (or {"error":…} with --json) to standard
  // error and gives the exit code.
  int Fail(const Error& error) const;
  int Fail(int exit_code, const std::string& message) const;
};

Result<Settings> ParseSettings(const std::string& name, std::string_view text);
// The first agent.toml of a new agent.
std::string DefaultSettings(const std::string& hub_address, const std::string& proxy);

}  // namespace noroshi::agent
