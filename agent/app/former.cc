#include "agent/app/former.h"

#include <algorithm>

#include "agent/session/proxy.h"

namespace noroshi::agent {
namespace {

constexpr size_t kNamesMax = 2 * spool::kEntriesMaxLimit;
// identity.json goes before the others. Keys, ca.pem and agent.toml are written anew.
constexpr const char* kOfAnEnrolment[] = {"identity.json", "spool", "inbox",  "marks", "questions",
                                          "evidence",      "state", "drafts", "run"};

std::string NewFolder(const Environment& environment) {
  return environment.path("former/") +
         environment.random.UuidV7(environment.clock.NowMs()).ToString();
}

size_t ReportsNotSent(const Environment& environment) {
  const auto names = environment.files.List(environment.path("spool/new"), kNamesMax);
  if (!names.ok()) return 0;
  return static_cast<size_t>(std::count_if(names->begin(), names->end(), [](const auto& name) {
    return spool::Item::FromName(name).has_value();
  }));
}

Result<Former> PutAllAside(const Environment& environment) {
  FileSystem& files = environment.files;
  Former former{NewFolder(environment), true, ReportsNotSent(environment)};
  bool any = false;
  for (const std::string name : kOfAnEnrolment) {
    if (!files.Exists(environment.path(name))) continue;
    if (!any) NOROSHI_RETURN_IF_ERROR(files.MakeFolder(former.folder, 0700));
    any = true;
    NOROSHI_RETURN_IF_ERROR(files.Rename(environment.path(name), former.folder + "/" + name));
    NOROSHI_RETURN_IF_ERROR(files.SyncFolder(former.folder));
    NOROSHI_RETURN_IF_ERROR(files.SyncFolder(environment.folder));
  }
  return any ? former : Former{};
}

Result<Former> PutReceiptsAside(const Environment& environment) {
  FileSystem& files = environment.files;
  if (!files.Exists(environment.path("spool/sent"))) return Former{};
  const Former former{NewFolder(environment)};
  NOROSHI_RETURN_IF_ERROR(files.MakeFolder(former.folder + "/spool", 0700));
  // With the key that checks these receipts.
  NOROSHI_ASSIGN_OR_RETURN(const std::string identity,
                           files.Read(environment.path("identity.json"), kIdentityBytesMax));
  NOROSHI_RETURN_IF_ERROR(files.WriteDurably(former.folder + "/identity.json", identity, 0600));
  NOROSHI_RETURN_IF_ERROR(
      files.Rename(environment.path("spool/sent"), former.folder + "/spool/sent"));
  NOROSHI_RETURN_IF_ERROR(files.SyncFolder(former.folder + "/spool"));
  NOROSHI_RETURN_IF_ERROR(files.SyncFolder(environment.path("spool")));
  return former;
}

bool LeadsTo(const Settings& settings, const tls::HostPort& hub, const std::string& proxy) {
  if (settings.route.hub != hub) return false;
  if (proxy.empty()) return true;
  const auto wanted = session::ParseProxyUrl(proxy);
  return wanted.ok() && settings.route.proxy == *wanted;
}

}  // namespace

Result<Former> PutFormerAside(const Environment& environment, const session::Pins& next) {
  const auto old = environment.LoadPins();
  if (!old.ok() || old->organization != next.organization) return PutAllAside(environment);
  const bool same_log = old->log_id == next.log_id && old->log_public_key == next.log_public_key;
  return same_log ? Former{} : PutReceiptsAside(environment);
}

Result<SettingsFate> StoreSettings(const Environment& environment, const tls::HostPort& hub,
                                   const std::string& proxy) {
  FileSystem& files = environment.files;
  const auto settings = environment.LoadSettings();
  if (settings.ok() && LeadsTo(*settings, hub, proxy)) return SettingsFate::kKept;
  const std::string path = environment.path("agent.toml");
  const bool exists = files.Exists(path);
  if (exists) NOROSHI_RETURN_IF_ERROR(files.Rename(path, path + ".old"));
  NOROSHI_RETURN_IF_ERROR(files.WriteDurably(path, DefaultSettings(hub.ToString(), proxy), 0600));
  return exists ? SettingsFate::kReplaced : SettingsFate::kWritten;
}

}  // namespace noroshi::agent
