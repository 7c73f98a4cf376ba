#include "hub/app/hub.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <future>

#include "common/base/encoding.h"
#include "common/log/log.h"
#include "common/runtime/clock.h"
#include "common/runtime/file.h"
#include "common/runtime/random.h"
#include "hub/app/backup.h"
#include "hub/app/metrics.h"
#include "hub/app/reserve.h"
#include "hub/app/state_check.h"
#include "hub/engine/rebuild.h"

namespace noroshi::app {
namespace {

namespace json = boost::json;

constexpr size_t kFindingsMax = 100;
constexpr uint64_t kBurstSeconds = 10;
// Descriptors that connections must leave to the databases (1024 and 512 tables),
// the command line and the mail readers: a journal that cannot open a file stops.
constexpr size_t kOtherDescriptors = 2048;
constexpr size_t kShares = 4;
constexpr size_t kConnectionsMin = 16;            // Of a hub that has hardly any descriptors.
constexpr int64_t kStartTimeoutMs = 10 * 60'000;  // Replaying a long journal takes its time.

// What the configuration asks for, or what this process has descriptors for.
Doors DoorsFor(const HubConfig& config) {
  rlimit limit{};
  NOROSHI_CHECK(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  const auto wanted = static_cast<size_t>(config.connections_max);
  // With few descriptors the databases, which open their tables as they need them, share alike.
  const size_t room = limit.rlim_cur > 2 * kOtherDescriptors ? limit.rlim_cur - kOtherDescriptors
                                                             : limit.rlim_cur / 2;
  Doors doors;
  if (!config.web_listen.empty()) {
    doors.web = std::max(std::min(http::Limits().connections_max, room / kShares), kConnectionsMin);
  }
  doors.agents = std::max(std::min(wanted, room - std::min(room, doors.web)), kConnectionsMin);
  if (doors.agents < wanted) {
    Log(Level::kWarning, "connections_limited",
        {{"configured", config.connections_max},
         {"connections", static_cast<uint64_t>(doors.agents)},
         {"web_connections", static_cast<uint64_t>(doors.web)},
         {"descriptors", static_cast<uint64_t>(limit.rlim_cur)}});
  }
  return doors;
}

}  // namespace

Result<std::unique_ptr<Hub>> Hub::Start(const ServeOptions& options) {
  FileSystem& files = SystemFileSystem();
  const Layout layout(options.data);
  NOROSHI_ASSIGN_OR_RETURN(HubConfig config, LoadHubConfig(files, layout.config));
  if (!options.listen.empty()) config.listen = options.listen;
  std::unique_ptr<Hub> hub(new Hub(options, std::move(config)));
  NOROSHI_ASSIGN_OR_RETURN(hub->lock_, DataLock::Take(layout.lock));
  NOROSHI_RETURN_IF_ERROR(files.MakeFolder(layout.run, 0755));
  NOROSHI_ASSIGN_OR_RETURN(const Secrets secrets, LoadSecrets(files, layout));
  NOROSHI_ASSIGN_OR_RETURN(
      hub->authority_,
      identity::CertificateAuthority::Open({layout.ca, &files, &hub->clock_, &SystemRandom()}));
  NOROSHI_ASSIGN_OR_RETURN(hub->reserve_bytes_,
                           ReserveBytes(hub->config_.free_space_reserve_bytes, layout.data));
  NOROSHI_RETURN_IF_ERROR(hub->OpenJournal(secrets));
  if (!options.believe_clock) {
    NOROSHI_RETURN_IF_ERROR(CheckClock(hub->clock_.NowMs(), hub->journal_->Head().timestamp_ms()));
  }
  NOROSHI_RETURN_IF_ERROR(hub->OpenState());
  NOROSHI_RETURN_IF_ERROR(hub->StartEngine());
  NOROSHI_RETURN_IF_ERROR(hub->SetAlertRules());
  NOROSHI_RETURN_IF_ERROR(hub->StartIntake());
  NOROSHI_RETURN_IF_ERROR(hub->MakeWeb(secrets));
  NOROSHI_RETURN_IF_ERROR(hub->StartAdmin());
  hub->web_->Start();
  NOROSHI_RETURN_IF_ERROR(files.WriteDurably(layout.web_address, hub->web_address() + '\n', 0644));
  hub->serving_ = true;
  NOROSHI_RETURN_IF_ERROR(files.WriteDurably(layout.address, hub->address() + '\n', 0644));
  Log(Level::kInfo, "hub_serving",
      {{"name", hub->config_.name},
       {"address", hub->address()},
       {"web_address", hub->web_address()},
       {"version", NOROSHI_VERSION},
       {"log_id", ToHex(hub->journal_->log_id())},
       {"entries", hub->journal_->size()}});
  return hub;
}

Hub::Hub(const ServeOptions& options, HubConfig config)
    : options_(options),
      layout_(options.data),
      config_(std::move(config)),
      doors_(DoorsFor(config_)) {}

Hub::~Hub() {
  // First nobody new, then the parts in reverse order of construction.
  admin_.reset();
  {
    const std::lock_guard lock(live_api_mutex_);
    live_api_ = nullptr;
  }
  web_.reset();
  {
    const std::lock_guard lock(live_intake_mutex_);
    live_intake_ = nullptr;
  }
  if (intake_ != nullptr) intake_->Stop();
  if (fanout_ != nullptr) fanout_->Flush();
  std::error_code ignored;  // A stale address file is harmless: it is rewritten at the start.
  std::filesystem::remove(layout_.address, ignored);
  std::filesystem::remove(layout_.web_address, ignored);
}

Result<void> Hub::OpenJournal(const Secrets& secrets) {
  journal::RocksJournalOptions options;
  options.folder = layout_.journal;
  options.hub_name = config_.name;
  options.master_key = secrets.master_key;
  options.signing_seed = secrets.signing_seed;
  options.free_space_reserve_bytes = reserve_bytes_;
  options.clock = &clock_;
  options.random = &SystemRandom();
  NOROSHI_ASSIGN_OR_RETURN(journal_, options_.open_journal ? options_.open_journal(options)
                                                           : journal::OpenRocksJournal(options));
  return {};
}

Result<void> Hub::OpenState() {
  store::StoreOptions options;
  options.folder = layout_.state;
  options.reserve_bytes = reserve_bytes_;
  auto opened = store::Store::Open(options);
  if (!opened.ok() && opened.error().code == ErrorCode::kInvalid) {
    // Another release's rows. The journal holds everything: replay it.
    Log(Level::kWarning, "state_rebuild", {{"reason", opened.error().message}});
    NOROSHI_RETURN_IF_ERROR(store::WipeStore(layout_.state));
    opened = store::Store::Open(options);
  }
  if (!opened.ok()) {
    return opened.error().Prefixed(
        "the state cannot be opened; `noroshi-hub rebuild` makes it anew");
  }
  store_ = std::move(*opened);
  return {};
}

Result<void> Hub::StartEngine() {
  directory_ = std::make_unique<Directory>(*store_);
  fanout_ = std::make_unique<fanout::Fanout>(journal_.get(), store_.get());
  ticker_ = std::make_unique<fanout::Ticker>(journal_.get(), store_.get(), &clock_);
  feed_ = std::make_unique<Feed>(*fanout_);
  analysis::PoolOptions pool_options;
  pool_options.workers = config_.analysis_workers;
  NOROSHI_ASSIGN_OR_RETURN(pool_, analysis::Pool::Start(pool_options));
  dispatcher_ = std::make_unique<Dispatcher>(journal_.get(), store_.get(), pool_.get());
  searcher_ = std::make_unique<search::Searcher>(layout_.search);
  follower_ = std::make_unique<search::Follower>(search::Follower::Parts{
      journal_.get(), store_.get(), &SystemFileSystem(), layout_.search, reserve_bytes_});
  engine::RunnerOptions runner_options;
  runner_options.hold = [this] {
    // A hub that starts must know its agents; after that the reserve is left alone.
    const auto health = journal_->Health();
    return serving_ && !health.ok() && health.error().code == ErrorCode::kNoSpace;
  };
  NOROSHI_ASSIGN_OR_RETURN(
      runner_,
      engine::Runner::Start(journal_.get(), store_.get(), runner_options,
                            [this](const engine::Applied& applied) { OnApplied(applied); }));
  ticker_->Start();
  registrar_ = std::make_unique<Registrar>(
      Registrar::Parts{journal_.get(), runner_.get(), store_.get(), authority_.get(), &clock_});
  // Answers from a state that lags behind the journal would be wrong ("unknown agent").
  if (journal_->size() == 0) return {};
  return runner_->WaitApplied(journal_->size() - 1, kStartTimeoutMs);
}

Result<void> Hub::SetAlertRules() {
  NOROSHI_ASSIGN_OR_RETURN(const auto present, store_->Snapshot()->Rules());
  const std::string wanted = config_.alert_rules.SerializeAsString();
  if (present.SerializeAsString() == wanted) return {};
  journal::Draft draft;
  draft.kind = v1::ENTRY_KIND_ALERT_RULES_SET;
  draft.agent = "configuration";
  draft.body = wanted;
  auto answer = std::make_shared<std::promise<Result<journal::Acceptance>>>();
  auto future = answer->get_future();
  journal_->Append(std::move(draft), [answer](Result<journal::Acceptance> acceptance) {
    answer->set_value(std::move(acceptance));
  });
  const auto acceptance = future.get();
  if (!acceptance.ok()) return acceptance.error().Prefixed("record the alert rules");
  Log(Level::kInfo, "alert_rules_set", {{"rules", config_.alert_rules.rules_size()}});
  return runner_->WaitApplied(acceptance->sequence, kStartTimeoutMs);
}

void Hub::OnApplied(const engine::Applied& applied) {
  if (applied.identities_changed) {
    directory_->OnIdentitiesChanged();
    fanout_->OnIdentitiesChanged();
  }
  TellIntake(applied);
  if (!applied.outboxes.empty()) fanout_->OnApplied(applied.outboxes);
  fanout_->OnEntriesApplied(applied.next);
  if (applied.deadlines_changed) ticker_->OnDeadlinesChanged();
  dispatcher_->OnApplied();
  follower_->OnApplied();
  const std::lock_guard lock(live_api_mutex_);
  if (live_api_ != nullptr) live_api_->OnApplied(applied);
}

void Hub::TellIntake(const engine::Applied& applied) {
  const std::lock_guard lock(live_intake_mutex_);
  if (live_intake_ == nullptr) return;
  live_intake_->OnApplied(applied.next);
  if (!applied.identities_changed) return;
  live_intake_->CutSessions([directory = directory_.get()](const tls::Identity& identity) {
    return directory->MayAct(identity);
  });
}

Result<void> Hub::MakeWeb(const Secrets& secrets) {
  NOROSHI_ASSIGN_OR_RETURN(const auto server, authority_->Server(ServerNames(config_)));
  Web::Parts parts;
  parts.config = &config_;
  parts.journal = journal_.get();
  parts.runner = runner_.get();
  parts.store = store_.get();
  parts.searcher = searcher_.get();
  parts.authority = authority_.get();
  parts.connections_max = doors_.web;
  parts.tls.certificate_chain_pem = server.chain_pem;
  parts.tls.private_key_pem = server.key_pem;
  parts.tls.ca_pem = authority_->ca_pem();
  parts.tls.clock = &clock_;
  parts.clock = &clock_;
  parts.master_key = secrets.master_key;
  parts.agent_address = [this] {
    return config_.public_address.empty() ? address() : config_.public_address;
  };
  parts.health = [this]() -> Result<void> {
    NOROSHI_RETURN_IF_ERROR(journal_->Health());
    return runner_->Health();
  };
  parts.metrics = [this](const http::Stats& http) { return Metrics(http); };
  NOROSHI_ASSIGN_OR_RETURN(web_, Web::Make(std::move(parts)));
  const std::lock_guard lock(live_api_mutex_);
  live_api_ = &web_->api();
  return {};
}

Result<void> Hub::StartIntake() {
  NOROSHI_ASSIGN_OR_RETURN(const auto server, authority_->Server(ServerNames(config_)));
  tls::ServerOptions server_options;
  server_options.certificate_chain_pem = server.chain_pem;
  server_options.private_key_pem = server.key_pem;
  server_options.ca_pem = authority_->ca_pem();
  server_options.clock = &clock_;
  NOROSHI_ASSIGN_OR_RETURN(context_, tls::Context::MakeServer(server_options));
  intake::IntakeOptions options;
  options.listen_address = config_.listen;
  options.context = context_.get();
  options.vocabulary = submission::TaxonomyVocabulary();
  options.limits.connections_max = doors_.agents;
  options.limits.sessions_per_organization_max =
      static_cast<size_t>(config_.connections_per_organization_max);
  // Strangers must not use up all connections, nor one organisation all memory.
  options.limits.strangers_max =
      std::min(options.limits.strangers_max, options.limits.connections_max / kShares);
  options.limits.memory_bytes_max = config_.memory_budget_bytes;
  options.limits.organization_memory_bytes_max = std::min<size_t>(
      options.limits.organization_memory_bytes_max, config_.memory_budget_bytes / kShares);
  options.limits.organization_bytes_per_second = config_.rate_bytes_per_organization;
  options.limits.organization_submissions_per_second = config_.rate_submissions_per_organization;
  options.limits.organization_submissions_burst =
      config_.rate_submissions_per_organization * kBurstSeconds;
  NOROSHI_ASSIGN_OR_RETURN(
      intake_, intake::Intake::Make(options, *journal_, *directory_, *registrar_, *feed_, clock_));
  intake_->Start();
  const std::lock_guard lock(live_intake_mutex_);
  live_intake_ = intake_.get();
  return {};
}

void Hub::Tend() {
  const auto server = authority_->Server(ServerNames(config_));
  if (!server.ok()) {
    Log(Level::kError, "server_certificate_failed", {{"reason", server.error().message}});
    return;
  }
  if (!server->renewed) return;
  auto replaced = context_->ReplaceCertificate(server->chain_pem, server->key_pem);
  if (replaced.ok()) replaced = web_->ReplaceCertificate(server->chain_pem, server->key_pem);
  if (!replaced.ok()) {
    Log(Level::kError, "server_certificate_failed", {{"reason", replaced.error().message}});
    return;
  }
  Log(Level::kInfo, "server_certificate_renewed", {{"not_after", FormatUtc(server->not_after_ms)}});
}

void Hub::AddStatus(json::object* answer) const {
  const intake::Stats stats = intake_->stats();
  const auto counts = [](const std::map<std::string, uint64_t>& words) {
    json::object object;
    for (const auto& [word, count] : words) object[word] = count;
    return object;
  };
  if (const auto clock = clock_.Health(); !clock.ok()) {
    const std::string others((*answer)["health"].as_string());
    (*answer)["health"] = (others == "ok" ? "" : others + "; ") + "clock: " + clock.error().message;
  }
  (*answer)["address"] = address();
  (*answer)["version"] = NOROSHI_VERSION;
  (*answer)["sessions"] = stats.sessions_open;
  (*answer)["intake"] = json::object{{"sessions_total", stats.sessions_total},
                                     {"connections_refused", stats.connections_refused},
                                     {"accept_failures", stats.accept_failures},
                                     {"submissions_accepted", stats.submissions_accepted},
                                     {"submissions_repeated", stats.submissions_repeated},
                                     {"bytes_received", stats.bytes_received},
                                     {"bytes_sent", stats.bytes_sent},
                                     {"deliveries_sent", stats.deliveries_sent},
                                     {"log_lines_dropped", stats.log_lines_dropped},
                                     {"memory_used", stats.memory_used}};
  (*answer)["handshakes_refused"] = counts(stats.handshakes_refused);
  (*answer)["goodbyes"] = counts(stats.goodbyes);
  (*answer)["submissions_rejected"] = counts(stats.submissions_rejected);
  (*answer)["marks_refused"] = counts(stats.marks_refused);
  (*answer)["answers_refused"] = counts(stats.answers_refused);
  (*answer)["certificates_refused"] = counts(stats.certificates_refused);
  (*answer)["subscriptions"] = fanout_->subscriptions();
  (*answer)["pending_cursors"] = fanout_->pending_cursors();
  (*answer)["pending_answers"] = fanout_->pending_answers();
  const search::Follower::Stats search = follower_->stats();
  (*answer)["search"] = json::object{
      {"entries", search.entries}, {"documents", search.documents}, {"cpu_ms", search.cpu_ms}};
  (*answer)["analysis"] =
      json::object{{"waiting", pool_->waiting()}, {"children_started", pool_->children_started()}};
}

std::string Hub::Metrics(const http::Stats& http) const {
  Readings readings;
  readings.intake = intake_->stats();
  readings.http = http;
  const auto meta = store_->Snapshot()->Meta();
  if (meta.ok()) readings.state = *meta;
  readings.journal_entries = journal_->size();
  readings.journal_ok = journal_->Health().ok();
  readings.engine_ok = runner_->Health().ok() && meta.ok();
  readings.subscriptions = fanout_->subscriptions();
  readings.pending_cursors = fanout_->pending_cursors();
  readings.pending_answers = fanout_->pending_answers();
  readings.clock_ok = clock_.Health().ok();
  readings.log_counts = LogCounts();
  readings.search = follower_->stats();
  readings.analysis_waiting = pool_->waiting();
  readings.analysis_children_started = pool_->children_started();
  return MetricsText(readings);
}

Result<void> Hub::StartAdmin() {
  admin::Service::Parts parts;
  parts.journal = journal_.get();
  parts.runner = runner_.get();
  parts.store = store_.get();
  parts.add_status = [this](json::object* answer) { AddStatus(answer); };
  parts.api = [this](const std::string& login, const json::object& request) {
    return web_->api().HandleLocal(login, request);
  };
  parts.verify = [this] { return Verify(); };
  parts.backup = [this](const std::string& folder) { return Backup(folder); };
  service_ = std::make_unique<admin::Service>(std::move(parts));
  NOROSHI_ASSIGN_OR_RETURN(
      admin_,
      admin::SocketServer::Start(layout_.admin_socket, config_.admin_group,
                                 [this](const admin::Caller& caller, const json::object& request) {
                                   return service_->Handle(caller, request);
                                 }));
  return {};
}

Result<json::object> Hub::Verify() {
  const std::lock_guard lock(verify_mutex_);
  NOROSHI_RETURN_IF_ERROR(CheckRoomForReplay());
  json::array findings;
  NOROSHI_ASSIGN_OR_RETURN(
      const uint64_t entries,
      journal_->Verify(
          [&](const journal::Finding& finding) {
            findings.emplace_back(json::object{
                {"where", "journal"}, {"sequence", finding.sequence}, {"what", finding.what}});
          },
          kFindingsMax));
  const auto snapshot = store_->Snapshot();
  NOROSHI_ASSIGN_OR_RETURN(const auto meta, snapshot->Meta());
  NOROSHI_ASSIGN_OR_RETURN(const auto rows, CheckState(journal_.get(), *snapshot,
                                                       layout_.data + "/verify.tmp", kFindingsMax));
  for (const auto& row : rows) {
    findings.emplace_back(json::object{{"where", "state"}, {"sequence", nullptr}, {"what", row}});
  }
  return json::object{{"entries", entries},
                      {"state", std::to_string(meta.applied()) + " entries applied"},
                      {"findings", std::move(findings)}};
}

// The second state of a Verify must not take the space on which the journal relies.
Result<void> Hub::CheckRoomForReplay() const {
  std::error_code error;
  uint64_t needed = reserve_bytes_;
  for (std::filesystem::directory_iterator file(layout_.state, error), end; !error && file != end;
       file.increment(error)) {
    // A file that goes meanwhile needs no room.
    std::error_code gone;
    const uint64_t bytes = file->file_size(gone);
    if (!gone) needed += bytes;
  }
  if (error) return Error{ErrorCode::kIo, layout_.state + ": " + error.message()};
  const auto space = std::filesystem::space(layout_.data, error);
  if (error) return Error{ErrorCode::kIo, layout_.data + ": " + error.message()};
  if (space.available >= needed) return {};
  return Error{ErrorCode::kNoSpace,
               fmt::format("{} bytes are free; with a second state and the reserve it takes {}",
                           space.available, needed)};
}

Result<json::object> Hub::Backup(const std::string& folder) {
  return MakeBackup(*journal_, layout_, folder, SystemFileSystem());
}

}  // namespace noroshi::app
