#include "hub/api/sample_zip.h"

#include <zip.h>

#include <memory>

#include "common/base/encoding.h"

namespace noroshi::api {
namespace {

struct Discard {
  void operator()(zip_t* zip) const { zip_discard(zip); }
  void operator()(zip_source_t* source) const { zip_source_free(source); }
};
using Zip = std::unique_ptr<zip_t, Discard>;
using Source = std::unique_ptr<zip_source_t, Discard>;

Error Failed(const char* step) {
  return {ErrorCode::kInternal, std::string("zip: ") + step + " failed"};
}

// Adds the member and closes the archive into its source.
Result<void> Write(Zip zip, std::string_view content, const std::string& name,
                   const std::string& password, int64_t time_ms) {
  Source member(zip_source_buffer(zip.get(), content.data(), content.size(), 0));
  if (member == nullptr) return Failed("reading the content");
  const zip_int64_t index = zip_file_add(zip.get(), name.c_str(), member.get(), ZIP_FL_ENC_UTF_8);
  if (index < 0) return Failed("adding the member");
  static_cast<void>(member.release());  // The archive's from now on.
  const auto at = static_cast<zip_uint64_t>(index);
  if (zip_set_file_compression(zip.get(), at, ZIP_CM_STORE, 0) != 0 ||
      zip_file_set_mtime(zip.get(), at, time_ms / 1000, 0) != 0 ||
      zip_file_set_encryption(zip.get(), at, ZIP_EM_AES_256, password.c_str()) != 0) {
    return Failed("preparing the member");
  }
  if (zip_close(zip.get()) != 0) return Failed("writing");
  static_cast<void>(zip.release());  // Closing has freed it.
  return {};
}

Result<std::string> ReadAll(zip_source_t* source) {
  zip_stat_t facts;
  if (zip_source_stat(source, &facts) != 0 || (facts.valid & ZIP_STAT_SIZE) == 0) {
    return Failed("measuring the archive");
  }
  std::string bytes(facts.size, '\0');
  if (zip_source_open(source) != 0) return Failed("opening the archive");
  const zip_int64_t got = zip_source_read(source, bytes.data(), bytes.size());
  zip_source_close(source);
  if (got < 0 || static_cast<size_t>(got) != bytes.size()) return Failed("reading the archive");
  return bytes;
}

}  // namespace

Result<std::string> ZipSample(std::string_view content, std::string_view sha256,
                              const std::string& password, int64_t time_ms) {
  zip_error_t error;
  zip_error_init(&error);
  Source source(zip_source_buffer_create(nullptr, 0, 0, &error));
  if (source == nullptr) return Failed("making room");
  zip_source_keep(source.get());  // Opening takes one of two references.
  zip_t* opened = zip_open_from_source(source.get(), ZIP_CREATE | ZIP_TRUNCATE, &error);
  if (opened == nullptr) {
    zip_source_free(source.get());
    return Failed("opening");
  }
  const std::string name = ToHex(sha256) + ".bin";
  NOROSHI_RETURN_IF_ERROR(Write(Zip(opened), content, name, password, time_ms));
  return ReadAll(source.get());
}

}  // namespace noroshi::api
