// CertificateAuthority: the hub's own CA. It certifies agents and the hub's
// server, and makes the one-time tokens with which agents enrol.
//
// Files in its folder (0700), each written whole and durably, mode 0600:
//   ca.key.pem   the CA's private key
//   ca.pem       the CA's certificate
//   server.pem   host names, private key and chain of the server, in one file so
//                that a crash cannot leave a key without its certificate
//
// Who may have a certificate is decided elsewhere; here is only the signing.
//
// Threads: thread-safe. Lifetime: FileSystem, Clock and Random outlive it.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/runtime/clock.h"
#include "common/runtime/file.h"
#include "common/runtime/random.h"
#include "common/tls/certificate.h"

namespace noroshi::identity {

inline constexpr int64_t kDayMs = int64_t{24} * 3600 * 1000;
inline constexpr int64_t kCaLifeMs = 3653 * kDayMs;  // Ten years.
inline constexpr int64_t kServerLifeMs = 90 * kDayMs;
inline constexpr int64_t kAgentLifeMs = 30 * kDayMs;
inline constexpr int64_t kPersonLifeMs = 366 * kDayMs;  // Nobody renews it by itself.
// Certificates begin a little before now: the other side's clock may be behind.
inline constexpr int64_t kBackdateMs = int64_t{10} * 60 * 1000;
// How long a one-time token may be used, unless the caller decides otherwise.
inline constexpr int64_t kTokenLifeMs = 3 * kDayMs;

struct AuthorityOptions {
  std::string folder;
  FileSystem* files = nullptr;
  const Clock* clock = nullptr;
  Random* random = nullptr;
};

struct ClientCertificate {
  std::string der;
  std::string serial;  // As the certificate writes it, big-endian.
  std::string sha256;  // Of the DER.
  int64_t not_after_ms = 0;
};

struct ServerCertificate {
  std::string chain_pem;  // Leaf, then CA: an enrolling agent needs both.
  std::string key_pem;
  int64_t not_after_ms = 0;
  bool renewed = false;  // Made by this call.
};

struct OneTimeToken {
  std::string text;           // To hand over, once. A secret.
  std::string secret_sha256;  // What the hub keeps.
};

class CertificateAuthority {
 public:
  // A new CA named after the hub. kConflict if the folder has one.
  static Result<std::unique_ptr<CertificateAuthority>> Create(const AuthorityOptions& options,
                                                              const std::string& hub_name);
  // kNotFound without ca.pem; kCorruption if key and certificate do not fit.
  static Result<std::unique_ptr<CertificateAuthority>> Open(const AuthorityOptions& options);

  // The server's certificate for these DNS names and IP addresses. Made anew if
  // there is none, if the names differ, or once two thirds of its life are over.
  Result<ServerCertificate> Server(const std::vector<std::string>& host_names);

  // kInvalid if the request is not one for ECDSA P-256, signed by its own key.
  // REQUIRES: both parts of the identity are identifiers.
  Result<ClientCertificate> IssueAgent(const tls::Identity& identity,
                                       std::string_view csr_der) const;
  // The same for a person, who signs in with it.
  Result<ClientCertificate> IssuePerson(const std::string& organization, const std::string& person,
                                        std::string_view csr_der) const;

  // hub_address: "host:port" where the agent will reach the hub.
  Result<OneTimeToken> NewToken(const std::string& hub_address) const;

  const std::string& ca_pem() const { return ca_pem_; }
  const std::string& ca_der() const { return ca_.der; }

 private:
  explicit CertificateAuthority(AuthorityOptions options) : options_(std::move(options)) {}
  tls::IssueRequest Request(int64_t life_ms) const;
  Result<ClientCertificate> Made(
      int64_t life_ms,
      const std::function<Result<std::string>(const tls::IssueRequest&)>& issue) const;
  Result<ServerCertificate> ReadServer(const std::string& heading) const;
  Result<ServerCertificate> MakeServer(const std::vector<std::string>& host_names,
                                       const std::string& heading) const;

  AuthorityOptions options_;
  std::string key_pem_;
  std::string ca_pem_;
  tls::CertificateInfo ca_;
  std::mutex server_mutex_;  // One maker of server.pem at a time.
};

}  // namespace noroshi::identity
