// The hub's own keys on disk: DIR/keys/master.key wraps the bodies' keys,
// DIR/keys/log.key signs tree heads. 32 random bytes each, mode 0600.
#pragma once

#include <string>

#include "common/base/result.h"
#include "common/runtime/file.h"
#include "common/runtime/random.h"
#include "hub/app/hub_config.h"

namespace noroshi::app {

struct Secrets {
  std::string master_key;
  std::string signing_seed;
};

// kConflict if there are keys already.
Result<Secrets> CreateSecrets(FileSystem& files, const Layout& layout, Random& random);
// kDenied if others than the owner may read a key; kInvalid for a wrong length.
Result<Secrets> LoadSecrets(FileSystem& files, const Layout& layout);

}  // namespace noroshi::app
