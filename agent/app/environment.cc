#include "agent/app/environment.h"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <set>

#include "agent/session/proxy.h"
#include "common/base/encoding.h"
#include "common/config/config.h"

namespace noroshi::agent {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;

constexpr milliseconds kCommandTimeoutMax{3'600'000};

sinks::SinkOptions ReadSink(config::Table table) {
  sinks::SinkOptions sink;
  sink.name = table.String("name");
  if (!sink.name.empty() && !IsIdentifier(sink.name)) table.Fail("name", "not an identifier");
  const std::string kind = table.Word("kind", {"stdout", "file", "command"});
  sink.updates = table.Bool("updates", true);
  if (kind == "file") {
    sink.kind = sinks::SinkKind::kFile;
    sink.path = table.String("path");
    if (!sink.path.empty() && sink.path[0] != '/') table.Fail("path", "must be absolute");
  } else if (kind == "command") {
    sink.kind = sinks::SinkKind::kCommand;
    sink.command = table.Strings("command", sinks::kArgumentsMax);
    if (sink.command.empty() || sink.command[0].empty() || sink.command[0][0] != '/')
      table.Fail("command", "must be a list that begins with an absolute path");
    sink.timeout = table.Duration("timeout", {milliseconds(100), kCommandTimeoutMax}, sink.timeout);
  }
  return sink;
}

session::Route ReadRoute(config::Table hub) {
  session::Route route;
  if (const std::string text = hub.String("address"); !text.empty()) {
    const auto address = tls::ParseHostPort(text);
    if (address.ok() && address->port != 0) {
      route.hub = *address;
    } else {
      hub.Fail("address", "not HOST:PORT");
    }
  }
  route.server_name = hub.String("server_name", "");
  if (const std::string url = hub.String("proxy", ""); !url.empty()) {
    const auto proxy = session::ParseProxyUrl(url);
    if (proxy.ok()) {
      route.proxy = *proxy;
    } else {
      hub.Fail("proxy", proxy.error().message);
    }
  }
  return route;
}

}  // namespace

int ExitCodeOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalid:
    case ErrorCode::kCorruption:
      return kExitDataError;
    case ErrorCode::kNotFound:
      return kExitNoInput;
    case ErrorCode::kDenied:
      return kExitNoPermission;
    case ErrorCode::kIo:
      return kExitIoError;
    case ErrorCode::kConflict:
    case ErrorCode::kNoSpace:
    case ErrorCode::kOverloaded:
    case ErrorCode::kTimeout:
      return kExitTempFail;
    case ErrorCode::kUnavailable:
    case ErrorCode::kClosed:
      return kExitUnavailable;
    case ErrorCode::kInternal:
      return kExitSoftware;
  }
  return kExitSoftware;
}

Result<Settings> ParseSettings(const std::string& name, std::string_view text) {
  NOROSHI_ASSIGN_OR_RETURN(auto document, config::Document::Parse(name, text));
  config::Table root = document.root();
  Settings settings;
  settings.route = ReadRoute(root.Sub("hub"));
  config::Table limits = root.Sub("spool");
  settings.limits.bytes_max =
      limits.Size("bytes_max", {1 << 20, uint64_t{1} << 50}, spool::kBytesMaxDefault);
  settings.limits.entries_max = static_cast<size_t>(
      limits.Integer("entries_max", {1, static_cast<int64_t>(spool::kEntriesMaxLimit)},
                     static_cast<int64_t>(spool::kEntriesMaxDefault)));
  std::set<std::string> names;
  for (config::Table table : root.Tables("sinks", sinks::kSinksMax)) {
    settings.sinks.push_back(ReadSink(table));
    if (!names.insert(settings.sinks.back().name).second) table.Fail("name", "is used twice");
  }
  NOROSHI_RETURN_IF_ERROR(document.Finish());
  return settings;
}

std::string DefaultSettings(const std::string& hub_address, const std::string& proxy) {
  std::string text = fmt::format(
      "# Configuration of this agent; see docs/agent.md. Restart `run` after a change.\n"
      "[hub]\n"
      "address = \"{}\"\n",
      hub_address);
  text += proxy.empty() ? "# proxy = \"http://proxy.example:8080\"\n"
                        : fmt::format("proxy = \"{}\"\n", proxy);
  return text +
         "# server_name = \"hub.example\"  # If its certificate does not hold the address.\n"
         "\n"
         "[spool]\n"
         "bytes_max = \"4GiB\"\n"
         "entries_max = 100000\n"
         "\n"
         "# Where alerts and updates go: \"stdout\", \"file\" (path) or \"command\" (command, "
         "timeout).\n"
         "[[sinks]]\n"
         "name = \"stdout\"\n"
         "kind = \"stdout\"\n";
}

Result<Settings> Environment::LoadSettings() const {
  const std::string name = path("agent.toml");
  const auto text = files.Read(name, config::kDocumentBytesMax);
  if (!text.ok()) return text.error();
  return ParseSettings(name, *text);
}

Result<session::Pins> Environment::LoadPins() const {
  const std::string name = path("identity.json");
  const auto text = files.Read(name, kIdentityBytesMax);
  if (!text.ok() && text.error().code == ErrorCode::kNotFound) {
    return Error{ErrorCode::kNotFound,
                 folder + ": この agent は未登録です(`noroshi-agent enroll`) / not enrolled yet"};
  }
  if (!text.ok()) return text.error();
  json::error_code error;
  const json::value value = json::parse(*text, error);
  session::Pins pins;
  bool whole = !error && value.is_object();
  const auto read = [&](const char* key, bool hex) -> std::string {
    const auto* field = whole ? value.get_object().if_contains(key) : nullptr;
    whole = field != nullptr && field->is_string();
    if (!whole) return "";
    std::string content(field->get_string());
    if (!hex) return content;
    const auto bytes = FromHex(content);
    whole = bytes.ok();
    return whole ? *bytes : "";
  };
  pins.organization = read("organization", false);
  pins.agent = read("agent", false);
  pins.log_id = read("log_id", true);
  pins.log_public_key = read("log_public_key", true);
  if (!whole) return Error{ErrorCode::kCorruption, name + ": 壊れています / damaged"};
  return pins;
}

Result<void> Environment::StorePins(const session::Pins& pins) const {
  const json::object identity = {{"organization", pins.organization},
                                 {"agent", pins.agent},
                                 {"log_id", ToHex(pins.log_id)},
                                 {"log_public_key", ToHex(pins.log_public_key)}};
  return files.WriteDurably(path("identity.json"), json::serialize(identity) + "\n", 0600);
}

Result<spool::Spool> Environment::OpenSpool(const Settings& settings) const {
  return spool::Spool::Open(files, path("spool"), settings.limits);
}

Result<std::string> Environment::ReadInput(const std::string& name, size_t max) const {
  std::error_code ignored;
  if (std::filesystem::is_directory(name, ignored))
    return Error{ErrorCode::kNotFound, name +
                                           ": フォルダです。ファイルを指定してください / a folder: "
                                           "name a file"};
  if (name != "-") return files.Read(name, max);
  std::string content;
  char buffer[65536];
  while (true) {
    const ssize_t got = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoError("read standard input");
    if (got == 0) return content;
    content.append(buffer, static_cast<size_t>(got));
    if (content.size() > max)
      return Error{ErrorCode::kInvalid, fmt::format("standard input: larger than {} bytes", max)};
  }
}

int FailConfig(const Environment& environment, const Error& error) {
  const bool configuration = error.code == ErrorCode::kNotFound ||
                             error.code == ErrorCode::kInvalid ||
                             error.code == ErrorCode::kCorruption;
  return configuration ? environment.Fail(kExitConfig, error.message) : environment.Fail(error);
}

int Environment::Fail(const Error& error) const {
  return Fail(ExitCodeOf(error.code), error.message);
}

int Environment::Fail(int exit_code, const std::string& message) const {
  if (json) {
    const json::object object = {{"error", message}, {"exit_code", exit_code}};
    std::fputs((json::serialize(object) + "\n").c_str(), stderr);
  } else {
    std::fputs(("noroshi-agent: " + message + "\n").c_str(), stderr);
  }
  return exit_code;
}

}  // namespace noroshi::agent
