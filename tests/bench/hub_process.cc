#include "tests/bench/hub_process.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <boost/json/serialize.hpp>
#include <filesystem>
#include <functional>
#include <future>

#include "hub/admin/socket.h"
#include "tests/support/waiting.h"

namespace noroshi::bench {
namespace {

namespace json = boost::json;

constexpr support::Milliseconds kCommandTimeout{600'000};  // verify and rebuild read everything.
constexpr int kCallTimeoutMs = 60'000;
constexpr const char* kKinds[] = {"ministry", "incorporated_agency", "operator", "operator"};
// The hub syncs once for all that waits: several calls cost hardly more than one.
constexpr size_t kCallersAtATime = 8;

// Calls task(0) to task(count - 1), several at a time; the first error ends it.
Result<void> InParallel(size_t count, const std::function<Result<void>(size_t)>& task) {
  std::atomic<size_t> next{0};
  std::vector<std::future<Result<void>>> callers;
  for (size_t caller = 0; caller < std::min(count, kCallersAtATime); ++caller) {
    callers.push_back(std::async(std::launch::async, [&]() -> Result<void> {
      for (size_t i = next++; i < count; i = next++) {
        const auto done = task(i);
        if (done.ok()) continue;
        next = count;
        return done;
      }
      return {};
    }));
  }
  Result<void> outcome;
  for (auto& caller : callers) {
    const auto done = caller.get();
    if (outcome.ok()) outcome = done;
  }
  return outcome;
}

}  // namespace

uint64_t NumberOf(const json::object& object, const char* key) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || !value->is_number()) return 0;
  json::error_code error;
  return value->to_number<uint64_t>(error);
}

Result<std::unique_ptr<HubProcess>> HubProcess::Start(const std::string& binary,
                                                      const std::string& folder) {
  std::unique_ptr<HubProcess> hub(new HubProcess(binary, folder));
  const auto made = hub->Command(
      {"init", "--name", "Bench", "--listen", "127.0.0.1:0", "--host-name", "localhost"});
  if (!made.ok()) return made.error();
  NOROSHI_RETURN_IF_ERROR(hub->Serve());
  return hub;
}

Result<void> HubProcess::Serve() {
  const std::string address_file = data_ + "/run/address";
  std::filesystem::remove(address_file);
  support::ProcessOptions options;
  options.argv = {binary_, "--data", data_, "serve"};
  options.stdout_file = options.stderr_file = log_;
  NOROSHI_ASSIGN_OR_RETURN(process_, support::Process::Start(options));
  support::Wake wake;
  wake.ask = true;  // Before the first start there is no folder to watch.
  wake.process = process_->pidfd();
  const auto serving = support::WaitUntil(
      "the hub's address", wake, [&] { return support::ReadFile(address_file).ends_with('\n'); });
  if (!serving.ok()) return serving.error().Prefixed(support::ReadFile(log_));
  const std::string text = support::ReadFile(address_file);
  address_ = text.substr(0, text.find('\n'));
  return {};
}

Result<void> HubProcess::Stop() {
  NOROSHI_ASSIGN_OR_RETURN(const int status, process_->Stop());
  if (status == 0) return {};
  return Error{ErrorCode::kInternal, fmt::format("the hub ended with {}", status)};
}

Result<std::string> HubProcess::Command(const std::vector<std::string>& arguments) const {
  std::vector<std::string> argv = {binary_, "--data", data_};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  NOROSHI_ASSIGN_OR_RETURN(const support::Output output,
                           support::RunCommand(argv, "", kCommandTimeout));
  if (output.status == 0) return output.out;
  return Error{ErrorCode::kInternal, fmt::format("{} ended with {}: {}{}", fmt::join(argv, " "),
                                                 output.status, output.out, output.err)};
}

Result<void> HubProcess::AddOrganization(const std::string& id, const std::string& kind) const {
  const auto added = Call({{"verb", "org.add"},
                           {"id", id},
                           {"kind", kind},
                           {"name_ja", "機関 " + id},
                           {"name_en", id}});
  if (!added.ok()) return added.error();
  return {};
}

Result<std::vector<support::Credentials>> HubProcess::Enrol(size_t organizations,
                                                            size_t agents_each) {
  NOROSHI_RETURN_IF_ERROR(InParallel(organizations, [&](size_t i) {
    return AddOrganization(fmt::format("bench-{}", i), kKinds[i % std::size(kKinds)]);
  }));
  std::vector<support::Credentials> agents(organizations * agents_each);
  NOROSHI_RETURN_IF_ERROR(InParallel(agents.size(), [&](size_t i) -> Result<void> {
    const std::string name = fmt::format("bench-{}/agent-{}", i / agents_each, i % agents_each);
    NOROSHI_ASSIGN_OR_RETURN(const json::object answer,
                             Call({{"verb", "agent.token"}, {"id", name}}));
    NOROSHI_ASSIGN_OR_RETURN(
        agents[i], support::Enroll(std::string(answer.at("token").as_string()), address_));
    return {};
  }));
  return agents;
}

Result<std::string> HubProcess::WriteToken(const std::string& organization) {
  NOROSHI_RETURN_IF_ERROR(AddOrganization(organization, "operator"));
  const std::string file = data_ + "/run/" + organization + ".token";
  const auto written = Command({"agent", "token", organization + "/agent", "--out", file});
  if (!written.ok()) return written.error();
  return file;
}

Result<std::unique_ptr<support::ApiClient>> HubProcess::SignIn(
    const std::string& person, const json::array& roles, const std::string& local_login) const {
  const std::string path = "/persons/" + person;
  const auto made = Call({{"verb", "call"},
                          {"method", "PUT"},
                          {"path", path},
                          {"body", json::object{{"organization", "centre"},
                                                {"name", person},
                                                {"roles", roles},
                                                {"local_login", local_login}}}});
  if (!made.ok()) return made.error();
  NOROSHI_ASSIGN_OR_RETURN(const auto link,
                           Call({{"verb", "call"}, {"method", "POST"}, {"path", path + "/links"}}));
  auto client = std::make_unique<support::ApiClient>(data_);
  NOROSHI_RETURN_IF_ERROR(client->UseLink(std::string(link.at("link").as_string())));
  return client;
}

Result<json::object> HubProcess::Call(const json::object& request) const {
  return admin::Call(data_ + "/run/admin.sock", request, kCallTimeoutMs);
}

Result<json::object> HubProcess::Status() const { return Call({{"verb", "status"}}); }

Result<json::object> HubProcess::Settle() const {
  support::Wake wake;
  wake.process = process_->pidfd();
  wake.ask = true;
  wake.timeout = kSettleTimeout;
  Result<json::object> status = Error{ErrorCode::kUnavailable, "never asked"};
  const auto settled = support::WaitUntil("analysis and engine to catch up", wake, [&] {
    status = Status();
    return status.ok() && NumberOf(*status, "analysis_pending") == 0 &&
           NumberOf(*status, "applied") == NumberOf(*status, "tree_size");
  });
  if (settled.ok()) return status;
  return settled.error().Prefixed(status.ok() ? json::serialize(*status) : status.error().message);
}

Result<void> HubProcess::Verify(uint64_t submissions) const {
  const auto verified = Command({"verify"});
  if (!verified.ok()) return verified.error();
  NOROSHI_ASSIGN_OR_RETURN(const json::object status, Status());
  const uint64_t held = NumberOf(status, "submissions");
  if (held == submissions) return {};
  return Error{
      ErrorCode::kInternal,
      fmt::format("{} receipts were given, but the hub holds {} submissions", submissions, held)};
}

}  // namespace noroshi::bench
