#include "tests/bench/floor_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <set>
#include <thread>

#include "common/base/check.h"
#include "common/wire/frame.h"

namespace noroshi::bench {
namespace {

constexpr size_t kReadBytes = 64 * 1024;
constexpr size_t kEventsMax = 512;
constexpr int kBacklog = 4096;
constexpr std::string_view kAnswer{"\0\0\0\1", 4};

struct Connection {
  int descriptor = -1;
  SSL* ssl = nullptr;
  wire::FrameDecoder decoder;
  std::string out;
  size_t under_way = 0;  // Frames at the committer: the connection lives on for them.
};

// Frames that go to disk together.
struct Group {
  std::string bytes;
  std::vector<Connection*> from;
};

// Appends and syncs one group at a time, in a thread of its own.
class Committer {
 public:
  explicit Committer(const std::string& path)
      : file_(::open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_APPEND | O_CLOEXEC, 0600)),
        event_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    NOROSHI_CHECK(file_ >= 0 && event_ >= 0);
    std::thread([this] { Run(); }).detach();  // As long as the process.
  }

  int event() const { return event_; }  // Readable when a group is on disk.
  // Takes the group if the last one is done.
  void Offer(Group* group) {
    if (group->from.empty()) return;
    const std::lock_guard lock(mutex_);
    if (busy_) return;
    std::swap(*group, group_);
    busy_ = true;
    changed_.notify_one();
  }
  // The group that is on disk.
  std::vector<Connection*> Take() {
    uint64_t count = 0;
    NOROSHI_CHECK(::read(event_, &count, sizeof count) == sizeof count);
    const std::lock_guard lock(mutex_);
    busy_ = false;
    group_.bytes.clear();
    return std::exchange(group_.from, {});
  }

 private:
  void Run() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return busy_ && !group_.bytes.empty(); });
      const std::string bytes = std::exchange(group_.bytes, {});
      lock.unlock();
      for (size_t done = 0; done < bytes.size();) {
        const ssize_t wrote = ::write(file_, bytes.data() + done, bytes.size() - done);
        NOROSHI_CHECK(wrote > 0);
        done += static_cast<size_t>(wrote);
      }
      NOROSHI_CHECK(::fdatasync(file_) == 0);
      const uint64_t one = 1;
      NOROSHI_CHECK(::write(event_, &one, sizeof one) == sizeof one);
      lock.lock();
    }
  }

  const int file_;
  const int event_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Group group_;
  bool busy_ = false;
};

class Floor {
 public:
  explicit Floor(const std::string& folder) : committer_(folder + "/records") {}
  void Listen(const std::string& folder);
  [[noreturn]] void Serve();

 private:
  void Accept();
  void OnReady(Connection* connection, uint32_t events);
  void OnFrames(Connection* connection);
  void OnCommitted();
  void Flush(Connection* connection);
  void Drop(Connection* connection);
  void Watch(int descriptor, void* what, uint32_t events, int operation) const {
    epoll_event event{};
    event.events = events;
    event.data.ptr = what;
    NOROSHI_CHECK(::epoll_ctl(epoll_, operation, descriptor, &event) == 0);
  }

  SSL_CTX* context_ = nullptr;
  Committer committer_;
  int epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  int listener_ = -1;
  Group next_;
  std::set<Connection*> gone_;  // Dropped; freed when the turn and its frames are over.
  std::vector<char> buffer_ = std::vector<char>(kReadBytes);
};

void Floor::Listen(const std::string& folder) {
  context_ = ::SSL_CTX_new(::TLS_server_method());
  ::SSL_CTX_set_min_proto_version(context_, TLS1_3_VERSION);
  NOROSHI_CHECK(
      ::SSL_CTX_load_verify_locations(context_, (folder + "/ca.pem").c_str(), nullptr) == 1 &&
      ::SSL_CTX_use_certificate_file(context_, (folder + "/server.pem").c_str(),
                                     SSL_FILETYPE_PEM) == 1 &&
      ::SSL_CTX_use_PrivateKey_file(context_, (folder + "/server.key").c_str(), SSL_FILETYPE_PEM) ==
          1);
  ::SSL_CTX_set_verify(context_, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  const unsigned char id[] = "floor";
  ::SSL_CTX_set_session_id_context(context_, id, sizeof id);
  ::SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_OFF);
  ::SSL_CTX_set_num_tickets(context_, 1);
  ::SSL_CTX_set_mode(context_, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                   SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  NOROSHI_CHECK(::bind(listener_, generic, size) == 0 && ::listen(listener_, kBacklog) == 0 &&
                ::getsockname(listener_, generic, &size) == 0);
  Watch(listener_, nullptr, EPOLLIN, EPOLL_CTL_ADD);
  Watch(committer_.event(), &committer_, EPOLLIN, EPOLL_CTL_ADD);
  support::WriteFile(folder + "/address", fmt::format("127.0.0.1:{}\n", ntohs(address.sin_port)));
}

void Floor::Accept() {
  while (true) {
    const int descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor < 0) return;
    const int on = 1;
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    auto* connection = new Connection();  // Freed in Serve.
    connection->descriptor = descriptor;
    connection->ssl = ::SSL_new(context_);
    ::SSL_set_fd(connection->ssl, descriptor);
    ::SSL_set_accept_state(connection->ssl);
    Watch(descriptor, connection, EPOLLIN, EPOLL_CTL_ADD);
  }
}

void Floor::OnReady(Connection* connection, uint32_t events) {
  if ((events & EPOLLOUT) != 0) Flush(connection);
  while (connection->ssl != nullptr) {
    ::ERR_clear_error();
    const int got = ::SSL_read(connection->ssl, buffer_.data(), static_cast<int>(buffer_.size()));
    if (got > 0) {
      connection->decoder.Append({buffer_.data(), static_cast<size_t>(got)});
      OnFrames(connection);
      continue;
    }
    if (::SSL_get_error(connection->ssl, got) != SSL_ERROR_WANT_READ) Drop(connection);
    return;
  }
}

void Floor::OnFrames(Connection* connection) {
  while (true) {
    const auto frame = connection->decoder.Next();
    if (!frame.ok()) return Drop(connection);
    if (!frame->has_value()) break;
    if ((*frame)->size() == 1) {
      connection->out += kAnswer;
      continue;
    }
    next_.bytes += **frame;
    next_.from.push_back(connection);
    ++connection->under_way;
  }
  connection->decoder.ReleaseIfEmpty();
  Flush(connection);
}

void Floor::OnCommitted() {
  const std::vector<Connection*> from = committer_.Take();
  for (Connection* connection : from) {
    connection->out += kAnswer;
    --connection->under_way;
  }
  for (Connection* connection : from) Flush(connection);
}

void Floor::Flush(Connection* connection) {
  if (connection->ssl == nullptr || connection->out.empty()) return;
  ::ERR_clear_error();
  const int wrote = ::SSL_write(connection->ssl, connection->out.data(),
                                static_cast<int>(connection->out.size()));
  if (wrote <= 0 && ::SSL_get_error(connection->ssl, wrote) != SSL_ERROR_WANT_WRITE) {
    return Drop(connection);
  }
  if (wrote > 0) connection->out.erase(0, static_cast<size_t>(wrote));
  if (wrote > 0 && connection->out.empty()) return;
  Watch(connection->descriptor, connection, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
}

void Floor::Drop(Connection* connection) {
  if (connection->ssl == nullptr) return;
  ::SSL_free(connection->ssl);
  connection->ssl = nullptr;
  ::close(connection->descriptor);
  gone_.insert(connection);
}

void Floor::Serve() {
  std::vector<epoll_event> events(kEventsMax);
  while (true) {
    const int ready = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < ready; ++i) {
      void* what = events[i].data.ptr;
      if (what == nullptr) {
        Accept();
      } else if (what == &committer_) {
        OnCommitted();
      } else if (auto* connection = static_cast<Connection*>(what); connection->ssl != nullptr) {
        OnReady(connection, events[i].events);
      }
    }
    std::erase_if(gone_, [](Connection* connection) {
      if (connection->under_way > 0) return false;
      delete connection;
      return true;
    });
    committer_.Offer(&next_);
  }
}

}  // namespace

Result<std::unique_ptr<FloorServer>> FloorServer::Start(const std::string& folder) {
  std::filesystem::create_directories(folder);
  std::unique_ptr<FloorServer> server(new FloorServer());
  std::filesystem::remove(folder + "/address");  // Of one that ran here before.
  NOROSHI_ASSIGN_OR_RETURN(server->pki_, Pki::Make(folder));
  support::ProcessOptions options;
  options.argv = {std::filesystem::read_symlink("/proc/self/exe"), "floor-server", folder};
  options.stdout_file = options.stderr_file = folder + "/log";
  NOROSHI_ASSIGN_OR_RETURN(server->process_, support::Process::Start(options));
  support::Wake wake;
  wake.ask = true;
  wake.process = server->process_->pidfd();
  const auto listening = support::WaitUntil("the floor server's address", wake, [&] {
    server->address_ = support::ReadFile(folder + "/address");
    return server->address_.ends_with('\n');
  });
  if (!listening.ok()) return listening.error().Prefixed(support::ReadFile(folder + "/log"));
  server->address_.pop_back();
  return server;
}

SwarmOptions FloorServer::ClientOptions() const {
  SwarmOptions options;
  options.address = address_;
  options.credentials = {pki_.client};
  return options;
}

int ServeFloor(const std::string& folder) {
  Floor floor(folder);
  floor.Listen(folder);
  floor.Serve();
}

}  // namespace noroshi::bench
