#include "hub/app/secrets.h"

#include <sys/stat.h>

#include "common/crypto/crypto.h"

namespace noroshi::app {
namespace {

Result<std::string> LoadKey(FileSystem& files, const std::string& path, size_t size) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return ErrnoError("read " + path);
  if ((info.st_mode & 077) != 0) {
    return Error{ErrorCode::kDenied, path + ": others may read this key; chmod 0600 it"};
  }
  NOROSHI_ASSIGN_OR_RETURN(std::string key, files.Read(path, size));
  if (key.size() != size) {
    return Error{ErrorCode::kInvalid, path + ": not a key of " + std::to_string(size) + " bytes"};
  }
  return key;
}

}  // namespace

Result<Secrets> CreateSecrets(FileSystem& files, const Layout& layout, Random& random) {
  NOROSHI_RETURN_IF_ERROR(files.MakeFolder(layout.keys, 0700));
  Secrets secrets{random.Bytes(kAesKeyBytes), random.Bytes(kEd25519KeyBytes)};
  NOROSHI_RETURN_IF_ERROR(files.CreateDurably(layout.master_key, secrets.master_key, 0600));
  NOROSHI_RETURN_IF_ERROR(files.CreateDurably(layout.log_key, secrets.signing_seed, 0600));
  return secrets;
}

Result<Secrets> LoadSecrets(FileSystem& files, const Layout& layout) {
  Secrets secrets;
  NOROSHI_ASSIGN_OR_RETURN(secrets.master_key, LoadKey(files, layout.master_key, kAesKeyBytes));
  NOROSHI_ASSIGN_OR_RETURN(secrets.signing_seed, LoadKey(files, layout.log_key, kEd25519KeyBytes));
  return secrets;
}

}  // namespace noroshi::app
