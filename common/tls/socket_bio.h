// A BIO over a non-blocking socket. OpenSSL's own uses write(2), which raises
// SIGPIPE when the other side is gone; a library must not kill its process.
// Only for common/tls.
#pragma once

#include "common/tls/openssl.h"

namespace noroshi::tls {

// Does not own the descriptor. A read that got less than it had room for is not tried again
// until the caller has waited: REQUIRES: whoever is told to try again waits for the socket to
// become readable, and is told of what is there already.
BioPtr MakeSocketBio(int descriptor);

}  // namespace noroshi::tls
