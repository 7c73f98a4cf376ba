// Pki: a throw-away certificate authority with a server and a client, for the
// references. The hub makes its own.
//
// Threads: one.
#pragma once

#include <string>

#include "common/base/result.h"
#include "tests/support/wire_client.h"

namespace noroshi::bench {

struct Pki {
  std::string ca_file;
  std::string server_certificate_file;
  std::string server_key_file;
  support::Credentials client;

  // Makes it in this existing folder; P-256, valid for a day.
  static Result<Pki> Make(const std::string& folder);
};

}  // namespace noroshi::bench
