#include "hub/app/offline.h"

#include <boost/json/array.hpp>
#include <filesystem>
#include <future>

#include "common/base/encoding.h"
#include "common/runtime/clock.h"
#include "common/runtime/file.h"
#include "common/runtime/random.h"
#include "common/tls/address.h"
#include "hub/api/sessions.h"
#include "hub/app/backup.h"
#include "hub/app/data_lock.h"
#include "hub/app/hub_config.h"
#include "hub/app/reserve.h"
#include "hub/app/secrets.h"
#include "hub/app/state_check.h"
#include "hub/engine/rebuild.h"
#include "hub/identity/authority.h"
#include "hub/identity/tokens.h"
#include "hub/journal/rocks_journal.h"
#include "hub/store/store.h"

namespace noroshi::app {
namespace {

namespace json = boost::json;

constexpr size_t kFindingsMax = 100;
constexpr size_t kNameBytesMax = 256;
constexpr char kCentreId[] = "centre";

journal::RocksJournalOptions JournalOptions(const Layout& layout, const Secrets& secrets) {
  journal::RocksJournalOptions options;
  options.folder = layout.journal;
  options.master_key = secrets.master_key;
  options.signing_seed = secrets.signing_seed;
  options.clock = &SystemClock();
  options.random = &SystemRandom();
  return options;
}

// A journal whose opening already fails is the first finding, not a failure.
json::object Finding(const std::string& where, const std::string& what) {
  return {{"where", where}, {"sequence", nullptr}, {"what", what}};
}

std::string DefaultWebListen(const tls::HostPort& agents) {
  return tls::HostPort{agents.host, static_cast<uint16_t>(agents.port == 0 ? 0 : 8444)}.ToString();
}

Result<void> AppendOne(journal::Journal* journal, v1::EntryKind kind, const std::string& body) {
  journal::Draft draft;
  draft.kind = kind;
  draft.agent = "admin:init";
  draft.body = body;
  std::promise<Result<journal::Acceptance>> answer;
  auto accepted = answer.get_future();
  journal->Append(std::move(draft), [&answer](Result<journal::Acceptance> acceptance) {
    answer.set_value(std::move(acceptance));
  });
  const auto acceptance = accepted.get();
  return acceptance.ok() ? Result<void>() : Result<void>(acceptance.error());
}

// The centre's organisation and its first administrator; returns the secret of the
// one-time link.
Result<std::string> AddCentre(journal::Journal* journal, const InitRequest& request) {
  v1::OrganizationSet centre;
  centre.set_id(kCentreId);
  centre.set_name_ja(request.name);
  centre.set_name_en(request.name);
  centre.set_kind(v1::ORGANIZATION_KIND_CENTRE);
  NOROSHI_RETURN_IF_ERROR(
      AppendOne(journal, v1::ENTRY_KIND_ORGANIZATION_SET, centre.SerializeAsString()));
  v1::Action made;
  made.set_location("/persons/" + request.administrator);
  v1::PersonSet& person = *made.mutable_person_set();
  person.set_id(request.administrator);
  person.set_organization(kCentreId);
  person.set_name(request.administrator);
  person.add_roles(v1::ROLE_ADMINISTRATOR);
  person.set_language("ja");
  NOROSHI_RETURN_IF_ERROR(AppendOne(journal, v1::ENTRY_KIND_ACTION, made.SerializeAsString()));
  const identity::SecretToken token =
      identity::NewSecretToken(identity::TokenPurpose::kLink, SystemRandom());
  v1::Action linked;
  linked.set_location("/persons/" + request.administrator);
  v1::SignInLinkIssued& link = *linked.mutable_sign_in_link_issued();
  link.set_person(request.administrator);
  link.set_secret_sha256(token.hash);
  link.set_expires_at_ms(SystemClock().NowMs() + api::kLinkLifeMs);
  NOROSHI_RETURN_IF_ERROR(AppendOne(journal, v1::ENTRY_KIND_ACTION, linked.SerializeAsString()));
  return token.text;
}

// The state may be absent (a backup, a restored hub): then there is nothing to compare.
Result<std::string> VerifyState(journal::Journal* journal, const Layout& layout,
                                json::array* findings) {
  store::StoreOptions options;
  options.folder = layout.state;
  options.create_if_missing = false;
  options.read_only = true;
  const auto state = store::Store::Open(options);
  if (!state.ok() && state.error().code == ErrorCode::kNotFound) return std::string("absent");
  if (!state.ok()) {
    findings->emplace_back(Finding("state", state.error().message));
    return std::string("unreadable");
  }
  const auto snapshot = (*state)->Snapshot();
  const auto meta = snapshot->Meta();
  if (!meta.ok()) {
    findings->emplace_back(Finding("state", meta.error().message));
    return std::string("unreadable");
  }
  NOROSHI_ASSIGN_OR_RETURN(
      const auto rows, CheckState(journal, *snapshot, layout.data + "/verify.tmp", kFindingsMax));
  for (const auto& row : rows) findings->emplace_back(Finding("state", row));
  return std::to_string(meta->applied()) + " entries applied";
}

}  // namespace

Result<json::object> Init(const InitRequest& request) {
  if (request.name.empty() || request.name.size() > kNameBytesMax || !IsValidUtf8(request.name)) {
    return Error{ErrorCode::kInvalid, "--name: 1 to 256 bytes of UTF-8"};
  }
  const auto listen = tls::ParseHostPort(request.listen);
  if (!listen.ok()) return listen.error().Prefixed("--listen");
  const std::string web_listen =
      request.web_listen.empty() ? DefaultWebListen(*listen) : request.web_listen;
  const auto web = tls::ParseHostPort(web_listen);
  if (!web.ok()) return web.error().Prefixed("--web-listen");
  if (!IsIdentifier(request.administrator)) {
    return Error{ErrorCode::kInvalid, "--administrator: 1 to 64 of [a-z0-9._-]"};
  }
  FileSystem& files = SystemFileSystem();
  const Layout layout(request.data);
  if (files.Exists(layout.config) || files.Exists(layout.keys)) {
    return Error{ErrorCode::kConflict, request.data + ": there is a hub in this folder already"};
  }
  NOROSHI_RETURN_IF_ERROR(files.MakeFolder(layout.data, 0700));
  NOROSHI_ASSIGN_OR_RETURN(const auto lock, DataLock::Take(layout.lock));
  NOROSHI_ASSIGN_OR_RETURN(const Secrets secrets, CreateSecrets(files, layout, SystemRandom()));
  NOROSHI_ASSIGN_OR_RETURN(const auto authority,
                           identity::CertificateAuthority::Create(
                               {layout.ca, &files, &SystemClock(), &SystemRandom()}, request.name));
  journal::RocksJournalOptions options = JournalOptions(layout, secrets);
  options.hub_name = request.name;
  options.create_if_missing = true;
  NOROSHI_ASSIGN_OR_RETURN(options.free_space_reserve_bytes,
                           ReserveBytes(kReserveDefault, layout.data));
  NOROSHI_ASSIGN_OR_RETURN(const auto journal, journal::OpenRocksJournal(options));
  NOROSHI_ASSIGN_OR_RETURN(const std::string link, AddCentre(journal.get(), request));
  // Last: a folder with a configuration is a whole hub.
  NOROSHI_RETURN_IF_ERROR(files.WriteDurably(
      layout.config, NewHubConfigText(request.name, request.listen, web_listen, request.host_names),
      0644));
  const std::string port = web->port == 0 ? "<port>" : std::to_string(web->port);
  return json::object{{"data", request.data},
                      {"log_id", ToHex(journal->log_id())},
                      {"log_public_key", ToHex(journal->log_public_key())},
                      {"configuration", layout.config},
                      {"administrator", request.administrator},
                      {"link", "https://" + web->host + ':' + port + "/link#" + link},
                      {"link_expires_at", FormatUtc(SystemClock().NowMs() + api::kLinkLifeMs)}};
}

Result<json::object> Verify(const std::string& data, const std::string& backup_folder) {
  const Layout layout(backup_folder.empty() ? data : backup_folder);
  NOROSHI_ASSIGN_OR_RETURN(const auto lock, DataLock::Take(layout.lock));
  NOROSHI_ASSIGN_OR_RETURN(const Secrets secrets, LoadSecrets(SystemFileSystem(), layout));
  journal::RocksJournalOptions options = JournalOptions(layout, secrets);
  options.read_only = true;
  options.open_damaged = true;  // Verify names what does not fit.
  json::array findings;
  uint64_t entries = 0;
  std::string state = "not compared";
  const auto journal = journal::OpenRocksJournal(options);
  if (!journal.ok()) {
    findings.emplace_back(Finding("journal", journal.error().message));
  } else {
    const auto found = [&](const journal::Finding& finding) {
      findings.emplace_back(json::object{
          {"where", "journal"}, {"sequence", finding.sequence}, {"what", finding.what}});
    };
    NOROSHI_ASSIGN_OR_RETURN(entries, (*journal)->Verify(found, kFindingsMax));
    // A replay of a damaged journal would only repeat its damage.
    if (findings.empty()) {
      NOROSHI_ASSIGN_OR_RETURN(state, VerifyState(journal->get(), layout, &findings));
    }
  }
  return json::object{{"entries", entries}, {"state", state}, {"findings", std::move(findings)}};
}

Result<json::object> Rebuild(const std::string& data, int workers, int batch) {
  const Layout layout(data);
  NOROSHI_ASSIGN_OR_RETURN(const auto lock, DataLock::Take(layout.lock));
  NOROSHI_ASSIGN_OR_RETURN(const Secrets secrets, LoadSecrets(SystemFileSystem(), layout));
  journal::RocksJournalOptions options = JournalOptions(layout, secrets);
  options.read_only = true;
  NOROSHI_ASSIGN_OR_RETURN(const auto journal, journal::OpenRocksJournal(options));
  engine::RebuildOptions rebuild;
  rebuild.folder = layout.data + "/rebuild.tmp";
  rebuild.workers = static_cast<size_t>(workers);
  rebuild.batch = static_cast<size_t>(batch);
  NOROSHI_RETURN_IF_ERROR(store::WipeStore(rebuild.folder));  // Of a rebuild that was cut off.
  NOROSHI_ASSIGN_OR_RETURN(const auto rebuilt, engine::Rebuild(journal.get(), rebuild));
  NOROSHI_RETURN_IF_ERROR(store::ReplaceStore(rebuild.folder, layout.state));
  return json::object{{"applied", rebuilt.applied}, {"state_digest", ToHex(rebuilt.digest)}};
}

Result<json::object> Restore(const std::string& data, const std::string& backup_folder,
                             const std::string& reason) {
  FileSystem& files = SystemFileSystem();
  const Layout layout(data);
  std::error_code error;
  if (std::filesystem::exists(data, error) && !std::filesystem::is_empty(data, error)) {
    return Error{ErrorCode::kConflict,
                 data + ": not empty; a backup is restored into a new folder"};
  }
  NOROSHI_RETURN_IF_ERROR(files.MakeFolder(layout.data, 0700));
  NOROSHI_ASSIGN_OR_RETURN(const auto lock, DataLock::Take(layout.lock));
  NOROSHI_RETURN_IF_ERROR(CopyBackup(backup_folder, layout, files));
  NOROSHI_ASSIGN_OR_RETURN(const Secrets secrets, LoadSecrets(files, layout));
  const journal::RocksJournalOptions options = JournalOptions(layout, secrets);
  NOROSHI_RETURN_IF_ERROR(journal::MarkRestored(options, reason));
  NOROSHI_ASSIGN_OR_RETURN(const auto journal, journal::OpenRocksJournal(options));
  return json::object{
      {"data", data}, {"log_id", ToHex(journal->log_id())}, {"entries", journal->size()}};
}

Result<json::object> CheckConfig(const std::string& data) {
  const Layout layout(data);
  NOROSHI_ASSIGN_OR_RETURN(const HubConfig config,
                           LoadHubConfig(SystemFileSystem(), layout.config));
  return json::object{{"configuration", layout.config},
                      {"alert_rules", config.alert_rules.rules_size()},
                      {"result", "ok"}};
}

}  // namespace noroshi::app
