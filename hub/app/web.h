// Web: the hub's HTTPS side, put together: the API, what signing in needs, and the
// server that carries them.
//
// Threads: made, used and destroyed by one thread; parts have their own. Lifetime:
// everything in Parts outlives it.
#pragma once

#include <memory>
#include <string>

#include "common/tls/context.h"
#include "hub/api/api.h"
#include "hub/app/hub_config.h"
#include "hub/http/server.h"
#include "hub/identity/http.h"

namespace noroshi::app {

class Web {
 public:
  struct Parts {
    const HubConfig* config = nullptr;
    journal::Journal* journal = nullptr;
    engine::Runner* runner = nullptr;
    store::Store* store = nullptr;
    const search::Searcher* searcher = nullptr;
    const identity::CertificateAuthority* authority = nullptr;
    const Clock* clock = nullptr;
    size_t connections_max = http::Limits().connections_max;
    tls::ServerOptions tls;  // The same certificate as for agents.
    std::string master_key;
    std::function<std::string()> agent_address;
    std::function<Result<void>()> health;                    // Not ok: why the hub is not ready.
    std::function<std::string(const http::Stats&)> metrics;  // In Prometheus' text format.
  };

  // The API; listens if the configuration says where.
  static Result<std::unique_ptr<Web>> Make(Parts parts);
  ~Web();

  // Begins to serve.
  void Start();

  api::Api& api() { return *api_; }
  const std::string& address() const { return address_; }  // Empty: it does not listen.
  Result<void> ReplaceCertificate(const std::string& chain_pem, const std::string& key_pem);

 private:
  explicit Web(Parts parts);
  Result<void> MakeOidc();
  Result<void> MakeServer();
  http::Response Handle(const http::Request& request);
  http::Response Metrics(const http::Request& request) const;
  std::string PublicUrl() const;

  const Parts parts_;
  std::string address_;
  identity::PasswordHasher hasher_;
  identity::Throttle throttle_;
  std::unique_ptr<identity::HttpGetter> getter_;
  std::unique_ptr<identity::OidcClient> oidc_;
  std::unique_ptr<api::Api> api_;
  std::unique_ptr<tls::Context> context_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace noroshi::app
