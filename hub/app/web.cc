#include "hub/app/web.h"

#include <algorithm>

#include "common/crypto/crypto.h"
#include "common/runtime/file.h"
#include "common/runtime/random.h"
#include "common/tls/address.h"

namespace noroshi::app {
namespace {

constexpr size_t kClientSecretBytesMax = 4096;

// Of the master key, but of no use against what that wraps.
std::string SealingKey(const std::string& master_key) {
  return Sha256Of("noroshi second factors 1" + master_key);
}

http::Response Words(int status, const std::string& text) {
  http::Response response;
  response.status = status;
  response.headers.Set("Content-Type", "text/plain; charset=utf-8");
  response.body = text + "\n";
  return response;
}

}  // namespace

Web::Web(Parts parts)
    : parts_(std::move(parts)), hasher_(&SystemRandom()), throttle_(SystemRandom()) {}

Web::~Web() {
  if (api_ != nullptr) api_->Stop();
  if (server_ != nullptr) server_->Stop();
}

Result<std::unique_ptr<Web>> Web::Make(Parts parts) {
  std::unique_ptr<Web> web(new Web(std::move(parts)));
  NOROSHI_RETURN_IF_ERROR(web->MakeOidc());
  api::Parts api_parts;
  api_parts.journal = web->parts_.journal;
  api_parts.runner = web->parts_.runner;
  api_parts.store = web->parts_.store;
  api_parts.searcher = web->parts_.searcher;
  api_parts.clock = web->parts_.clock;
  api_parts.random = &SystemRandom();
  api_parts.authority = web->parts_.authority;
  api_parts.hasher = &web->hasher_;
  api_parts.throttle = &web->throttle_;
  api_parts.oidc = web->oidc_.get();
  api_parts.sealing_key = SealingKey(web->parts_.master_key);
  api_parts.hub_name = web->parts_.config->name;
  api_parts.agent_address = web->parts_.agent_address;
  api_parts.web_address = [self = web.get()] { return self->PublicUrl(); };
  web->api_ = std::make_unique<api::Api>(std::move(api_parts));
  if (!web->parts_.config->web_listen.empty()) NOROSHI_RETURN_IF_ERROR(web->MakeServer());
  return web;
}

Result<void> Web::MakeOidc() {
  const HubConfig& config = *parts_.config;
  if (config.oidc_issuer.empty()) return {};
  identity::OidcOptions options;
  options.issuer = config.oidc_issuer;
  options.client_id = config.oidc_client_id;
  options.redirect_uri = PublicUrl() + "/api/v1/sign-in/oidc/callback";
  options.acr = config.oidc_acr;
  if (!config.oidc_client_secret_file.empty()) {
    auto secret = SystemFileSystem().Read(config.oidc_client_secret_file, kClientSecretBytesMax);
    if (!secret.ok()) return secret.error().Prefixed("openid_connect.client_secret_file");
    while (!secret->empty() && secret->back() == '\n') secret->pop_back();
    options.client_secret = *std::move(secret);
  }
  getter_ = identity::MakeHttpsGetter(config.oidc_ca_file);
  options.http = getter_.get();
  options.clock = parts_.clock;
  options.random = &SystemRandom();
  auto client = identity::OidcClient::Create(options);
  if (!client.ok()) return client.error().Prefixed("openid_connect");
  oidc_ = *std::move(client);
  return {};
}

Result<void> Web::MakeServer() {
  NOROSHI_ASSIGN_OR_RETURN(context_, tls::Context::MakeWebServer(parts_.tls));
  http::ServerOptions options;
  options.listen_address = parts_.config->web_listen;
  options.context = context_.get();
  options.host_names = WebNames(*parts_.config);
  options.watch_paths = {"/healthz", "/readyz", "/metrics"};
  options.limits.connections_max = parts_.connections_max;
  options.body_limit = [this](const http::Request& head) { return api_->BodyLimit(head); };
  NOROSHI_ASSIGN_OR_RETURN(
      server_, http::Server::Make(
                   options, [this](const http::Request& request) { return Handle(request); },
                   *parts_.clock));
  address_ = server_->address();
  return {};
}

void Web::Start() {
  if (server_ != nullptr) server_->Start();
}

Result<void> Web::ReplaceCertificate(const std::string& chain_pem, const std::string& key_pem) {
  if (context_ == nullptr) return {};
  return context_->ReplaceCertificate(chain_pem, key_pem);
}

std::string Web::PublicUrl() const {
  const std::string& configured = parts_.config->web_public_address;
  if (!configured.empty()) return "https://" + configured;
  return "https://" + (address_.empty() ? parts_.config->web_listen : address_);
}

http::Response Web::Handle(const http::Request& request) {
  if (request.path == "/healthz") return Words(200, "ok");
  if (request.path == "/readyz") {
    // Why is for the operator, in the log and in `status`; strangers learn only that.
    return parts_.health().ok() ? Words(200, "ready") : Words(503, "not ready");
  }
  if (request.path == "/metrics") return Metrics(request);
  return api_->Handle(request);
}

// For those who are configured: counters tell how busy whom is.
http::Response Web::Metrics(const http::Request& request) const {
  const std::string address = request.remote_address.substr(0, request.remote_address.rfind(':'));
  const auto& allowed = parts_.config->web_metrics_from;
  if (std::find(allowed.begin(), allowed.end(), address) == allowed.end()) {
    return http::Problem(404, "there is no such resource");
  }
  http::Response response = Words(200, parts_.metrics(server_->stats()));
  response.headers.Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
  response.body.pop_back();  // The format ends each line itself.
  return response;
}

}  // namespace noroshi::app
