#include "hub/admin/socket.h"

#include <fmt/format.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <cstring>
#include <vector>

#include "common/base/encoding.h"
#include "common/log/log.h"
#include "common/runtime/descriptor.h"

namespace noroshi::admin {
namespace {

namespace json = boost::json;

Result<sockaddr_un> AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return Error{ErrorCode::kInvalid,
                 fmt::format("{}: a socket's path has at most {} bytes; use a shorter data folder",
                             path, sizeof address.sun_path - 1)};
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

// Waits until the descriptor is ready; timeout_ms 0 waits without end.
Result<void> Await(int fd, short events, int timeout_ms) {
  pollfd item{fd, events, 0};
  while (true) {
    const int ready = ::poll(&item, 1, timeout_ms == 0 ? -1 : timeout_ms);
    if (ready > 0) return {};
    if (ready == 0)
      return Error{ErrorCode::kTimeout, "the other side of the admin socket is silent"};
    if (errno != EINTR) return ErrnoError("poll admin socket");
  }
}

Result<std::string> ReadExactly(int fd, size_t size, int timeout_ms) {
  std::string bytes(size, '\0');
  for (size_t done = 0; done < size;) {
    NOROSHI_RETURN_IF_ERROR(Await(fd, POLLIN, timeout_ms));
    const ssize_t got = ::read(fd, bytes.data() + done, size - done);
    if (got == 0) return Error{ErrorCode::kClosed, "the admin socket was closed early"};
    if (got < 0 && errno != EINTR) return ErrnoError("read admin socket");
    if (got > 0) done += static_cast<size_t>(got);
  }
  return bytes;
}

Result<json::object> ReadObject(int fd, size_t max, int timeout_ms) {
  NOROSHI_ASSIGN_OR_RETURN(const std::string length, ReadExactly(fd, 4, timeout_ms));
  const uint32_t size = ReadBigEndian32(length);
  if (size > max) {
    return Error{ErrorCode::kInvalid,
                 fmt::format("admin message of {} bytes; at most {}", size, max)};
  }
  NOROSHI_ASSIGN_OR_RETURN(const std::string text, ReadExactly(fd, size, timeout_ms));
  boost::system::error_code error;
  json::value value = json::parse(text, error);
  if (error) return Error{ErrorCode::kInvalid, "admin message is not JSON: " + error.message()};
  if (!value.is_object()) return Error{ErrorCode::kInvalid, "admin message is not a JSON object"};
  return std::move(value.as_object());
}

Result<void> WriteObject(int fd, const json::object& object, size_t max) {
  std::string text = json::serialize(object);
  if (text.size() > max) {
    return Error{ErrorCode::kInvalid,
                 fmt::format("admin message of {} bytes; at most {}", text.size(), max)};
  }
  std::string bytes;
  AppendBigEndian32(static_cast<uint32_t>(text.size()), &bytes);
  bytes += text;
  std::string_view rest = bytes;
  while (!rest.empty()) {
    const ssize_t sent = ::send(fd, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return ErrnoError("write admin socket");
    rest.remove_prefix(static_cast<size_t>(sent));
  }
  return {};
}

json::object ErrorObject(const Error& error) {
  return {{"error", {{"code", ToString(error.code)}, {"message", error.message}}}};
}

// The Error that an answer carries; codes that we do not know are kInternal.
Error ErrorFrom(const json::object& error) {
  const auto text = [&](const char* key) -> std::string {
    const auto* value = error.if_contains(key);
    return value != nullptr && value->is_string() ? std::string(value->as_string()) : "";
  };
  for (int i = 0; i <= static_cast<int>(ErrorCode::kInternal); ++i) {
    const auto code = static_cast<ErrorCode>(i);
    if (ToString(code) == text("code")) return Error{code, text("message")};
  }
  return Error{ErrorCode::kInternal, text("message")};
}

std::string LoginOf(uid_t uid) {
  std::array<char, 16384> buffer{};
  passwd record{};
  passwd* found = nullptr;
  if (::getpwuid_r(uid, &record, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) {
    return found->pw_name;
  }
  return fmt::format("uid:{}", uid);
}

// Whether the user is a member of the group, as primary or supplementary group.
bool IsMember(uid_t uid, gid_t primary, gid_t group) {
  if (primary == group) return true;
  std::array<char, 16384> buffer{};
  passwd record{};
  passwd* found = nullptr;
  if (::getpwuid_r(uid, &record, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) {
    return false;
  }
  std::array<gid_t, 256> groups{};
  int count = static_cast<int>(groups.size());
  if (::getgrouplist(found->pw_name, primary, groups.data(), &count) < 0) return false;
  for (int i = 0; i < count; ++i) {
    if (groups[i] == group) return true;
  }
  return false;
}

Result<std::optional<gid_t>> GroupOf(const std::string& name) {
  if (name.empty()) return std::optional<gid_t>();
  std::array<char, 16384> buffer{};
  group record{};
  group* found = nullptr;
  if (::getgrnam_r(name.c_str(), &record, buffer.data(), buffer.size(), &found) != 0 ||
      found == nullptr) {
    return Error{ErrorCode::kNotFound, "admin.group: no group '" + name + "' on this machine"};
  }
  return std::optional<gid_t>(found->gr_gid);
}

}  // namespace

Result<std::unique_ptr<SocketServer>> SocketServer::Start(const std::string& path,
                                                          const std::string& group,
                                                          Handler handler) {
  NOROSHI_ASSIGN_OR_RETURN(const auto gid, GroupOf(group));
  NOROSHI_ASSIGN_OR_RETURN(const sockaddr_un address, AddressOf(path));
  Descriptor listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (listener.get() < 0) return ErrnoError("create admin socket");
  ::unlink(path.c_str());  // A stale one: the data folder's lock says that we are alone.
  if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return ErrnoError("bind " + path);
  }
  if (::chmod(path.c_str(), 0660) != 0) return ErrnoError("chmod " + path);
  if (gid.has_value() && ::chown(path.c_str(), static_cast<uid_t>(-1), *gid) != 0) {
    return ErrnoError("chown " + path);
  }
  if (::listen(listener.get(), kConnectionsMax) != 0) return ErrnoError("listen " + path);
  Descriptor stop(::eventfd(0, EFD_CLOEXEC));
  if (stop.get() < 0) return ErrnoError("create eventfd");
  return std::unique_ptr<SocketServer>(
      new SocketServer(path, gid, std::move(handler), listener.Release(), stop.Release()));
}

SocketServer::SocketServer(std::string path, std::optional<gid_t> group, Handler handler,
                           int listener, int stop)
    : path_(std::move(path)),
      group_(group),
      handler_(std::move(handler)),
      listener_(listener),
      stop_(stop),
      thread_([this] { Accept(); }) {}

SocketServer::~SocketServer() {
  const uint64_t one = 1;
  NOROSHI_CHECK(::write(stop_, &one, sizeof one) == sizeof one);
  thread_.join();
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return connections_ == 0; });
  ::close(listener_);
  ::close(stop_);
  ::unlink(path_.c_str());
}

void SocketServer::Accept() {
  while (true) {
    std::array<pollfd, 2> items{pollfd{listener_, POLLIN, 0}, pollfd{stop_, POLLIN, 0}};
    if (::poll(items.data(), items.size(), -1) < 0 && errno != EINTR) return;
    if (items[1].revents != 0) return;
    if (items[0].revents == 0) continue;
    const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) {
      // NOLINTNEXTLINE(concurrency-mt-unsafe): glibc's is safe.
      Log(Level::kWarning, "admin_accept_failed", {{"reason", std::strerror(errno)}});
      // Without descriptors the listener stays readable: wait a moment, not in a busy loop.
      pollfd pause{stop_, POLLIN, 0};
      if (::poll(&pause, 1, 100) > 0) return;
      continue;
    }
    std::lock_guard lock(mutex_);
    if (connections_ >= kConnectionsMax) {
      const auto refusal = WriteObject(
          connection, ErrorObject({ErrorCode::kOverloaded, "too many admin calls at a time"}),
          kAnswerBytesMax);
      if (!refusal.ok())
        Log(Level::kWarning, "admin_answer_lost", {{"reason", refusal.error().message}});
      ::close(connection);
      continue;
    }
    ++connections_;
    std::thread([this, connection] { Serve(connection); }).detach();
  }
}

void SocketServer::Serve(int connection) {
  {
    const Descriptor descriptor(connection);
    auto answer = Answer(connection);
    const json::object object = answer.ok() ? *answer : ErrorObject(answer.error());
    const auto written = WriteObject(connection, object, kAnswerBytesMax);
    if (!written.ok()) {
      Log(Level::kWarning, "admin_answer_lost", {{"reason", written.error().message}});
    }
  }
  // Notified under the lock: the destructor may free us as soon as it sees zero.
  std::lock_guard lock(mutex_);
  --connections_;
  idle_.notify_all();
}

Result<Caller> SocketServer::Identify(int connection) const {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return ErrnoError("read the caller's credentials");
  }
  Caller caller{credentials.uid, LoginOf(credentials.uid)};
  const bool member = group_.has_value() && IsMember(credentials.uid, credentials.gid, *group_);
  if (credentials.uid != 0 && credentials.uid != ::geteuid() && !member) {
    Log(Level::kWarning, "admin_refused", {{"login", caller.login}});
    return Error{ErrorCode::kDenied, "user '" + caller.login + "' may not administer this hub"};
  }
  return caller;
}

Result<json::object> SocketServer::Answer(int connection) const {
  NOROSHI_ASSIGN_OR_RETURN(const Caller caller, Identify(connection));
  NOROSHI_ASSIGN_OR_RETURN(const json::object request,
                           ReadObject(connection, kRequestBytesMax, kRequestTimeoutMs));
  return handler_(caller, request);
}

Result<json::object> Call(const std::string& path, const json::object& request, int timeout_ms) {
  NOROSHI_ASSIGN_OR_RETURN(const sockaddr_un address, AddressOf(path));
  const Descriptor connection(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (connection.get() < 0) return ErrnoError("create socket");
  if (::connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
      0) {
    const Error error = ErrnoError("connect to " + path);
    if (error.code == ErrorCode::kDenied) return error;
    return Error{ErrorCode::kUnavailable, error.message + "; is the hub running?"};
  }
  NOROSHI_RETURN_IF_ERROR(WriteObject(connection.get(), request, kRequestBytesMax));
  NOROSHI_ASSIGN_OR_RETURN(json::object answer,
                           ReadObject(connection.get(), kAnswerBytesMax, timeout_ms));
  if (const auto* error = answer.if_contains("error"); error != nullptr && error->is_object()) {
    return ErrorFrom(error->as_object());
  }
  return answer;
}

}  // namespace noroshi::admin
