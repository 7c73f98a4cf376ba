#include "tests/unit/hub/analysis/zip_maker.h"

#include <gtest/gtest.h>
#include <zip.h>

namespace noroshi::analysis {

std::string MakeZip(const std::vector<ZipMember>& members, const std::string& password) {
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* source = zip_source_buffer_create(nullptr, 0, 0, &error);
  zip_source_keep(source);
  zip_t* zip = zip_open_from_source(source, ZIP_TRUNCATE, &error);
  EXPECT_NE(zip, nullptr);
  for (const ZipMember& member : members) {
    zip_source_t* content = zip_source_buffer(zip, member.content.data(), member.content.size(), 0);
    const zip_int64_t at = zip_file_add(zip, member.name.c_str(), content, ZIP_FL_ENC_UTF_8);
    EXPECT_GE(at, 0) << member.name;
    if (!password.empty()) {
      zip_file_set_encryption(zip, static_cast<zip_uint64_t>(at), ZIP_EM_AES_256, password.c_str());
    }
  }
  EXPECT_EQ(zip_close(zip), 0);
  std::string bytes;
  zip_stat_t facts;
  EXPECT_EQ(zip_source_stat(source, &facts), 0);
  bytes.resize(facts.size);
  EXPECT_EQ(zip_source_open(source), 0);
  EXPECT_EQ(zip_source_read(source, bytes.data(), bytes.size()),
            static_cast<zip_int64_t>(bytes.size()));
  zip_source_close(source);
  zip_source_free(source);
  return bytes;
}

}  // namespace noroshi::analysis
