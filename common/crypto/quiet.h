// For code that calls OpenSSL, itself or through another library.
#pragma once

#include <openssl/err.h>

namespace noroshi {

// A failed check is an answer, not an error: leaves nothing in the thread's
// OpenSSL error queue, which the next TLS call on it would take for its own.
class Quiet {
 public:
  Quiet() { ERR_set_mark(); }
  ~Quiet() { ERR_pop_to_mark(); }
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;
};

}  // namespace noroshi
