// Hub: all parts of a running hub, built in the order in which they depend on
// each other and ended in the reverse order.
//
// Threads: made, used and destroyed by one thread; the parts have their own.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "common/tls/context.h"
#include "hub/admin/service.h"
#include "hub/admin/socket.h"
#include "hub/analysis/pool.h"
#include "hub/app/data_lock.h"
#include "hub/app/directory.h"
#include "hub/app/dispatcher.h"
#include "hub/app/feed.h"
#include "hub/app/hub_clock.h"
#include "hub/app/hub_config.h"
#include "hub/app/registrar.h"
#include "hub/app/secrets.h"
#include "hub/app/serve.h"
#include "hub/app/web.h"
#include "hub/engine/runner.h"
#include "hub/fanout/fanout.h"
#include "hub/fanout/ticker.h"
#include "hub/identity/authority.h"
#include "hub/intake/intake.h"
#include "hub/journal/journal.h"
#include "hub/search/follower.h"
#include "hub/store/store.h"

namespace noroshi::app {

// How many connections each door may have of the descriptors of this process.
struct Doors {
  size_t agents = 0;
  size_t web = 0;
};

class Hub {
 public:
  // Opens, checks, replays what the state lacks, and begins to listen. When this
  // returns, agents and the admin socket are served.
  static Result<std::unique_ptr<Hub>> Start(const ServeOptions& options);
  // Says goodbye to agents, finishes what is under way.
  ~Hub();
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  std::string address() const { return intake_->address(); }
  std::string web_address() const { return web_->address(); }

  // What changes by itself with time: the server's certificate. Call about once
  // an hour.
  void Tend();

 private:
  Hub(const ServeOptions& options, HubConfig config);

  Result<void> OpenJournal(const Secrets& secrets);
  Result<void> OpenState();
  Result<void> StartEngine();
  Result<void> SetAlertRules();
  Result<void> StartIntake();
  Result<void> MakeWeb(const Secrets& secrets);
  Result<void> StartAdmin();
  void OnApplied(const engine::Applied& applied);
  void TellIntake(const engine::Applied& applied);
  std::string Metrics(const http::Stats& http) const;
  void AddStatus(boost::json::object* answer) const;
  Result<boost::json::object> Verify();
  Result<void> CheckRoomForReplay() const;
  Result<boost::json::object> Backup(const std::string& folder);

  const ServeOptions options_;
  const Layout layout_;
  const HubConfig config_;
  const Doors doors_;
  std::atomic<bool> serving_{false};  // Everything has started.
  uint64_t reserve_bytes_ = 0;        // Of free space, as far as this disk has it.

  HubClock clock_{SystemClock()};

  // In the order of construction; destroyed in reverse.
  std::unique_ptr<DataLock> lock_;
  std::unique_ptr<identity::CertificateAuthority> authority_;
  std::unique_ptr<tls::Context> context_;
  std::unique_ptr<journal::Journal> journal_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Directory> directory_;
  std::unique_ptr<fanout::Fanout> fanout_;
  std::unique_ptr<fanout::Ticker> ticker_;
  std::unique_ptr<Feed> feed_;
  std::unique_ptr<analysis::Pool> pool_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::unique_ptr<search::Searcher> searcher_;
  std::unique_ptr<search::Follower> follower_;
  std::unique_ptr<engine::Runner> runner_;
  std::unique_ptr<Registrar> registrar_;
  std::unique_ptr<intake::Intake> intake_;
  // The engine's thread cuts sessions through it: null before intake serves and
  // after it has stopped.
  std::mutex live_intake_mutex_;
  intake::Intake* live_intake_ = nullptr;
  std::mutex verify_mutex_;  // Held through a whole Verify: it has one scratch folder.
  // The engine's thread tells it what changed: null before it stands and after it goes.
  std::mutex live_api_mutex_;
  api::Api* live_api_ = nullptr;
  std::unique_ptr<Web> web_;
  std::unique_ptr<admin::Service> service_;
  std::unique_ptr<admin::SocketServer> admin_;
};

}  // namespace noroshi::app
