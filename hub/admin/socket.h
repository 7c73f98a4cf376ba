// The admin socket: how the command line talks to the running hub, which alone
// owns the data. A Unix stream socket; one request and one answer a connection,
// each a 4-byte big-endian length and a JSON object.
//
//   request: {"verb": "org.list", …}        answer: {…} or {"error": {"code", "message"}}
//
// The kernel tells who calls (SO_PEERCRED): root, the hub's own user, and members
// of one configured group; everybody else is refused before a byte is read.
//
// Limits: kRequestBytesMax, kAnswerBytesMax, kConnectionsMax at a time, and
// kRequestTimeoutMs for the caller to say what it wants.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <boost/json/object.hpp>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "common/base/result.h"

namespace noroshi::admin {

inline constexpr size_t kRequestBytesMax = 1024 * 1024;
inline constexpr size_t kAnswerBytesMax = 64 * 1024 * 1024;
inline constexpr int kConnectionsMax = 16;
inline constexpr int kRequestTimeoutMs = 10'000;

// Who is at the other end, from the kernel.
struct Caller {
  uid_t uid = 0;
  std::string login;  // "root", or "uid:1000" where the user has no name.
};

// Runs on a thread of its own for each connection; must be thread-safe.
using Handler = std::function<Result<boost::json::object>(const Caller& caller,
                                                          const boost::json::object& request)>;

class SocketServer {
 public:
  // Creates the socket with mode 0660 (a stale one is replaced). group: its
  // members may call too; empty: none.
  static Result<std::unique_ptr<SocketServer>> Start(const std::string& path,
                                                     const std::string& group, Handler handler);
  // Ends the listening, waits for the calls under way, removes the socket.
  ~SocketServer();

 private:
  SocketServer(std::string path, std::optional<gid_t> group, Handler handler, int listener,
               int stop);
  void Accept();
  void Serve(int connection);
  Result<Caller> Identify(int connection) const;
  Result<boost::json::object> Answer(int connection) const;

  const std::string path_;
  const std::optional<gid_t> group_;
  const Handler handler_;
  const int listener_;
  const int stop_;  // eventfd; readable when the server ends.
  std::mutex mutex_;
  std::condition_variable idle_;
  int connections_ = 0;  // Guarded by mutex_.
  std::thread thread_;
};

// One call. kUnavailable when nobody listens at path ("is the hub running?");
// otherwise what the hub answered, its error included. timeout_ms bounds the wait
// for the answer; 0: none (verify and backup take as long as they take).
Result<boost::json::object> Call(const std::string& path, const boost::json::object& request,
                                 int timeout_ms);

}  // namespace noroshi::admin
