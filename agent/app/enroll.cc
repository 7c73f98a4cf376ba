#include "agent/session/enroll.h"

#include <boost/json.hpp>
#include <cstdio>

#include "agent/app/commands.h"
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

// Everything but identity.json, which makes the enrolment count, last.
Result<void> Store(const Environment& environment, const session::Enrolment& enrolment,
                   const std::string& settings) {
  FileSystem& files = environment.files;
  const v1::Certificate& certificate = enrolment.certificate;
  const std::string ca_pem = tls::CertificateDerToPem(enrolment.ca_der);
  for (const char* folder : {"keys", "state", "run"})
    NOROSHI_RETURN_IF_ERROR(files.MakeFolder(environment.path(folder), 0700));
  NOROSHI_RETURN_IF_ERROR(session::StoreCredentials(files, environment.path("keys/agent.pem"),
                                                    enrolment.key_pem, certificate, ca_pem,
                                                    environment.clock));
  NOROSHI_RETURN_IF_ERROR(files.WriteDurably(environment.path("ca.pem"), ca_pem, 0600));
  // A new pin makes the old head meaningless; the new log proves itself from its start.
  if (files.Exists(environment.path("state/head")))
    NOROSHI_RETURN_IF_ERROR(files.Remove(environment.path("state/head")));
  const std::string settings_path = environment.path("agent.toml");
  if (files.Exists(settings_path))
    NOROSHI_RETURN_IF_ERROR(files.Rename(settings_path, settings_path + ".old"));
  NOROSHI_RETURN_IF_ERROR(files.WriteDurably(settings_path, settings, 0600));
  return environment.StorePins({certificate.organization(), certificate.agent(),
                                certificate.log_id(), certificate.log_public_key()});
}

Result<session::Enrolment> Obtain(const Environment& environment, const EnrollOptions& options,
                                  std::string* settings) {
  NOROSHI_RETURN_IF_ERROR(environment.files.MakeFolder(environment.folder, 0700));
  if (!options.force && environment.files.Exists(environment.path("identity.json")))
    return Error{
        ErrorCode::kConflict,
        environment.folder +
            ": すでに登録済みです(--force で上書き) / enrolled already (--force replaces it)"};
  NOROSHI_ASSIGN_OR_RETURN(const auto token, ReadToken(environment, options.token_file));
  session::Route route;
  NOROSHI_ASSIGN_OR_RETURN(route.hub, tls::ParseHostPort(token.hub_address));
  if (!options.proxy.empty()) {
    NOROSHI_ASSIGN_OR_RETURN(route.proxy, session::ParseProxyUrl(options.proxy));
  }
  *settings = DefaultSettings(token.hub_address, options.proxy);
  return session::Enroll(route, token, environment.clock);
}

}  // namespace

int Enroll(const Environment& environment, const EnrollOptions& options) {
  if (auto made = environment.files.MakeFolder(environment.folder, 0700); !made.ok())
    return environment.Fail(made.error());
  // A runner must not see half of a new enrolment.
  const auto lock = spool::RunnerLock::Take(environment.path("runner.lock"));
  if (!lock.ok()) return environment.Fail(lock.error());
  std::string settings;
  const auto enrolment = Obtain(environment, options, &settings);
  if (!enrolment.ok()) {
    const ErrorCode code = enrolment.error().code;
    if (code == ErrorCode::kConflict)
      return environment.Fail(kExitUsage, enrolment.error().message);
    const bool network = code == ErrorCode::kIo || code == ErrorCode::kTimeout;
    return network ? environment.Fail(kExitUnavailable, enrolment.error().message)
                   : environment.Fail(enrolment.error());
  }
  if (auto stored = Store(environment, *enrolment, settings); !stored.ok())
    return environment.Fail(stored.error());
  const v1::Certificate& certificate = enrolment->certificate;
  if (environment.json) {
    std::puts(
        boost::json::serialize(boost::json::object{{"organization", certificate.organization()},
                                                   {"agent", certificate.agent()}})
            .c_str());
  } else {
    std::puts(("登録しました / enrolled: " + certificate.organization() + "/" +
               certificate.agent() + "\n設定 / configuration: " + environment.path("agent.toml"))
                  .c_str());
  }
  return kExitOk;
}

}  // namespace noroshi::agent
