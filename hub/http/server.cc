#include "hub/http/server.h"

#include <pthread.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <list>
#include <map>
#include <thread>

#include "common/log/log.h"
#include "common/tls/address.h"
#include "common/tls/listen.h"
#include "hub/http/connection.h"
#include "hub/http/decode.h"

namespace noroshi::http {
namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr auto kToken = asio::as_tuple(asio::use_awaitable);
constexpr int kBacklog = 1024;
constexpr size_t kReadBufferBytes = 16 * kKiB;  // One TLS record.
constexpr std::chrono::milliseconds kAcceptRetry{100};

void AbortOnException(const std::exception_ptr& error) { NOROSHI_CHECK(!error); }

}  // namespace

struct Server::Impl {
  Impl(const ServerOptions& o, Handler h, const Clock& clock)
      : options(o),
        handler(std::move(h)),
        workers(options.limits.requests_waiting_max),
        watch_worker(options.limits.requests_waiting_max),
        streams(options.limits),
        shared{io,
               options,
               handler,
               clock,
               host_names,
               workers,
               watch_worker,
               streams,
               counters,
               read_buffer,
               [this](const std::shared_ptr<Connection>& connection) { Over(connection); },
               0,
               0,
               LineBudget(options.limits.refusal_lines_per_second_max)} {}

  Result<void> NameHosts();
  asio::awaitable<void> Accept();
  void Open(tcp::socket socket);
  // Makes room for one more of this network; false: nobody can give way.
  bool MakeRoom(const std::string& network);
  void Over(const std::shared_ptr<Connection>& connection);
  void BeginStop();

  const ServerOptions options;
  const Handler handler;
  std::set<std::string, std::less<>> host_names;
  std::vector<char> read_buffer = std::vector<char>(kReadBufferBytes);
  Counters counters;
  Workers workers;
  Workers watch_worker;
  StreamCounter streams;  // Before io: what is left in it at the end gives back its place.
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
  tcp::acceptor acceptor{io};
  asio::steady_timer accept_timer{io};
  asio::steady_timer stop_timer{io};
  Shared shared;
  std::list<std::shared_ptr<Connection>> connections;
  std::string address;
  std::thread thread;
};

Result<void> Server::Impl::NameHosts() {
  for (const std::string& name : options.host_names) {
    const bool is_v6 = name.find(':') != std::string::npos;
    auto parsed = ParseHost(is_v6 ? "[" + name + "]" : name);
    if (!parsed.ok()) {
      return Error{ErrorCode::kInvalid, "\"" + name + "\" is neither a host's name nor an address"};
    }
    host_names.insert(*parsed);
  }
  if (host_names.empty()) {
    return Error{ErrorCode::kInvalid, "the web server needs a name by which it is called"};
  }
  return {};
}

asio::awaitable<void> Server::Impl::Accept() {
  while (!shared.stopping) {
    auto [error, socket] = co_await acceptor.async_accept(kToken);
    if (shared.stopping) co_return;
    if (!error) {
      Open(std::move(socket));
      continue;
    }
    if (error == asio::error::connection_aborted) continue;
    Log(Level::kError, "accept_failed", {{"error", error.message()}, {"door", "web"}});
    accept_timer.expires_after(kAcceptRetry);  // Out of descriptors: they will come back.
    co_await accept_timer.async_wait(kToken);
  }
}

bool Server::Impl::MakeRoom(const std::string& network) {
  std::map<std::string, size_t> counts;
  for (const auto& connection : connections) ++counts[connection->network()];
  const bool network_full = counts[network] >= options.limits.connections_per_network_max;
  if (!network_full && connections.size() < options.limits.connections_max) return true;
  // Who has been idle longest, of this network, or of the one with the most.
  std::shared_ptr<Connection> loser;
  for (const auto& connection : connections) {
    if (!connection->idle() || (network_full && connection->network() != network)) continue;
    if (loser == nullptr) {
      loser = connection;
      continue;
    }
    const size_t count = counts[connection->network()];
    const size_t most = counts[loser->network()];
    if (count > most || (count == most && connection->idle_since() < loser->idle_since())) {
      loser = connection;
    }
  }
  counters.Update([](Stats& stats) { ++stats.connections_refused; });
  if (loser == nullptr) return false;
  loser->Abandon();
  connections.remove(loser);  // It finishes by itself.
  return true;
}

void Server::Impl::Open(tcp::socket socket) {
  auto stream = tls::TlsStream::Make(std::move(socket), *options.context);
  if (!stream.ok()) {
    Log(Level::kWarning, "connection_failed", {{"error", stream.error().message}});
    return;
  }
  const std::string network = tls::NetworkOf((*stream)->peer_address());
  if (!MakeRoom(network)) {
    if (shared.refusal_lines.Take(std::chrono::steady_clock::now())) {
      Log(Level::kWarning, "connection_refused",
          {{"peer", (*stream)->peer_address()}, {"door", "web"}});
    } else {
      counters.Update([](Stats& stats) { ++stats.log_lines_dropped; });
    }
    return;  // Closes the socket.
  }
  const auto connection = std::make_shared<Connection>(shared, std::move(*stream), network);
  connections.push_back(connection);
  counters.Update([&](Stats& stats) {
    ++stats.connections_total;
    stats.connections_open = connections.size();
  });
  asio::co_spawn(io, connection->Run(), AbortOnException);
}

void Server::Impl::Over(const std::shared_ptr<Connection>& connection) {
  connections.remove(connection);
  counters.Update([&](Stats& stats) { stats.connections_open = connections.size(); });
  if (shared.stopping && connections.empty()) stop_timer.cancel();
}

void Server::Impl::BeginStop() {
  shared.stopping = true;
  boost::system::error_code ignored;
  acceptor.close(ignored);
  accept_timer.cancel();
  work.reset();
  if (connections.empty()) return;
  const std::vector<std::shared_ptr<Connection>> all(connections.begin(), connections.end());
  for (const auto& connection : all) connection->BeginStop();
  stop_timer.expires_after(options.limits.stop_grace);
  stop_timer.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    const std::vector<std::shared_ptr<Connection>> left(connections.begin(), connections.end());
    for (const auto& connection : left) connection->Abandon();
  });
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() { Stop(); }

Result<std::unique_ptr<Server>> Server::Make(const ServerOptions& options, Handler handler,
                                             const Clock& clock) {
  NOROSHI_CHECK(options.context != nullptr && handler != nullptr);
  auto impl = std::make_unique<Impl>(options, std::move(handler), clock);
  NOROSHI_RETURN_IF_ERROR(impl->NameHosts());
  NOROSHI_ASSIGN_OR_RETURN(impl->address,
                           tls::Listen(&impl->acceptor, options.listen_address, kBacklog));
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

void Server::Start() {
  NOROSHI_CHECK(!impl_->thread.joinable());
  impl_->workers.Start(impl_->options.limits.workers);
  impl_->watch_worker.Start(1);
  asio::co_spawn(impl_->io, impl_->Accept(), AbortOnException);
  impl_->thread = std::thread([this] {
    pthread_setname_np(pthread_self(), "http");
    impl_->io.run();
  });
}

void Server::Stop() {
  if (!impl_->thread.joinable()) return;
  asio::post(impl_->io, [this] { impl_->BeginStop(); });
  impl_->thread.join();
  impl_->workers.Stop();
  impl_->watch_worker.Stop();
}

const std::string& Server::address() const { return impl_->address; }

Stats Server::stats() const {
  Stats stats = impl_->counters.Snapshot();
  stats.requests_waiting = impl_->workers.waiting();
  stats.streams_open = impl_->streams.open();
  return stats;
}

}  // namespace noroshi::http
