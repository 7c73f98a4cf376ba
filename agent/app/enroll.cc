#include "agent/session/enroll.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <cstdio>

#include "agent/app/commands.h"
#include "agent/app/former.h"
#include "agent/session/credentials.h"
#include "agent/session/proxy.h"
#include "common/tls/certificate.h"
#include "common/tls/token.h"

namespace noroshi::agent {
namespace {

Result<tls::EnrollToken> ReadToken(const Environment& environment, const std::string& file) {
  NOROSHI_ASSIGN_OR_RETURN(const std::string text,
                           environment.ReadInput(file, tls::kTokenTextBytesMax));
  return tls::ParseToken(text);
}

// What a new enrolment did with an earlier one.
struct Replaced {
  Former former;
  SettingsFate settings = SettingsFate::kWritten;
};

// Everything but identity.json, which makes the enrolment count, last.
Result<Replaced> Store(const Environment& environment, const session::Enrolment& enrolment,
                       const session::Route& route, const std::string& proxy) {
  FileSystem& files = environment.files;
  const v1::Certificate& certificate = enrolment.certificate;
  const std::string ca_pem = tls::CertificateDerToPem(enrolment.ca_der);
  const session::Pins pins = {certificate.organization(), certificate.agent(), certificate.log_id(),
                              certificate.log_public_key()};
  Replaced replaced;
  NOROSHI_ASSIGN_OR_RETURN(replaced.former, PutFormerAside(environment, pins));
  for (const char* folder : {"keys", "state", "run"})
    NOROSHI_RETURN_IF_ERROR(files.MakeFolder(environment.path(folder), 0700));
  NOROSHI_RETURN_IF_ERROR(session::StoreCredentials(files, environment.path("keys/agent.pem"),
                                                    enrolment.key_pem, certificate, ca_pem,
                                                    environment.clock));
  NOROSHI_RETURN_IF_ERROR(files.WriteDurably(environment.path("ca.pem"), ca_pem, 0600));
  // A new pin makes the old head meaningless; the new log proves itself from its start.
  if (files.Exists(environment.path("state/head")))
    NOROSHI_RETURN_IF_ERROR(files.Remove(environment.path("state/head")));
  NOROSHI_ASSIGN_OR_RETURN(replaced.settings, StoreSettings(environment, route.hub, proxy));
  NOROSHI_RETURN_IF_ERROR(environment.StorePins(pins));
  return replaced;
}

Result<session::Enrolment> Obtain(const Environment& environment, const EnrollOptions& options,
                                  session::Route* route) {
  NOROSHI_RETURN_IF_ERROR(environment.files.MakeFolder(environment.folder, 0700));
  if (!options.force && environment.files.Exists(environment.path("identity.json")))
    return Error{
        ErrorCode::kConflict,
        environment.folder +
            ": すでに登録済みです(--force で上書き) / enrolled already (--force replaces it)"};
  NOROSHI_ASSIGN_OR_RETURN(const auto token, ReadToken(environment, options.token_file));
  NOROSHI_ASSIGN_OR_RETURN(route->hub, tls::ParseHostPort(token.hub_address));
  if (!options.proxy.empty()) {
    NOROSHI_ASSIGN_OR_RETURN(route->proxy, session::ParseProxyUrl(options.proxy));
  }
  return session::Enroll(*route, token, environment.clock);
}

void Print(const Environment& environment, const v1::Certificate& certificate,
           const Replaced& replaced) {
  const Former& former = replaced.former;
  if (environment.json) {
    boost::json::object answer = {{"organization", certificate.organization()},
                                  {"agent", certificate.agent()},
                                  {"settings_kept", replaced.settings == SettingsFate::kKept}};
    if (!former.folder.empty()) {
      answer["former"] = former.folder;
      answer["reports_not_sent"] = former.reports_not_sent;
    }
    std::puts(boost::json::serialize(answer).c_str());
    return;
  }
  std::string text =
      fmt::format("登録しました / enrolled: {}/{}\n設定 / configuration: {}\n",
                  certificate.organization(), certificate.agent(), environment.path("agent.toml"));
  if (former.everything)
    text += fmt::format(
        "以前の登録のデータは {} に移しました。その中の未送信の届出 {} 件は送信されません / what "
        "belonged to "
        "the former enrolment is in that folder now; {} reports in it were not sent and will not "
        "be\n",
        former.folder, former.reports_not_sent, former.reports_not_sent);
  else if (!former.folder.empty())
    text += fmt::format(
        "以前のログの受領証は {} に移しました / the former log's receipts are in that folder now\n",
        former.folder);
  if (replaced.settings == SettingsFate::kReplaced)
    text +=
        "agent.toml を書き直しました。[[sinks]] と [spool] は agent.toml.old "
        "から手で移してください / "
        "agent.toml was written anew: carry [[sinks]] and [spool] over from agent.toml.old by "
        "hand\n";
  std::fputs(text.c_str(), stdout);
}

}  // namespace

int Enroll(const Environment& environment, const EnrollOptions& options) {
  if (auto made = environment.files.MakeFolder(environment.folder, 0700); !made.ok())
    return environment.Fail(made.error());
  // A runner must not see half of a new enrolment.
  const auto lock = spool::RunnerLock::Take(environment.path("runner.lock"));
  if (!lock.ok() && lock.error().code == ErrorCode::kConflict)
    return environment.Fail(
        kExitTempFail, environment.folder +
                           ": `run` が動いています。止めてから登録してください / `run` is at work "
                           "here: stop it, then enrol");
  if (!lock.ok()) return environment.Fail(lock.error());
  session::Route route;
  const auto enrolment = Obtain(environment, options, &route);
  if (!enrolment.ok()) {
    const ErrorCode code = enrolment.error().code;
    if (code == ErrorCode::kConflict)
      return environment.Fail(kExitUsage, enrolment.error().message);
    const bool network = code == ErrorCode::kIo || code == ErrorCode::kTimeout;
    return network ? environment.Fail(kExitUnavailable, enrolment.error().message)
                   : environment.Fail(enrolment.error());
  }
  const auto stored = Store(environment, *enrolment, route, options.proxy);
  if (!stored.ok()) return environment.Fail(stored.error());
  Print(environment, enrolment->certificate, *stored);
  return kExitOk;
}

}  // namespace noroshi::agent
