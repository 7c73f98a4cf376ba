// A BIO over a non-blocking socket. OpenSSL's own uses write(2), which raises
// SIGPIPE when the other side is gone; a library must not kill its process.
// Only for common/tls.
#pragma once

#include "common/tls/openssl.h"

namespace noroshi::tls {

// Does not own the descriptor.
BioPtr MakeSocketBio(int descriptor);

}  // namespace noroshi::tls
