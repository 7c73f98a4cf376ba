#include "common/runtime/file.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <string>

namespace {

// What was synced, in order: 'f' a file, 'd' a folder.
std::string synced;

}  // namespace

// Takes the place of the C library's, for this program.
extern "C" int fsync(int fd) {
  struct stat info {};
  if (::fstat(fd, &info) == 0) synced += S_ISDIR(info.st_mode) ? 'd' : 'f';
  return static_cast<int>(::syscall(SYS_fsync, fd));
}

namespace noroshi {
namespace {

class FileTest : public testing::Test {
 protected:
  FileTest() {
    std::string pattern = testing::TempDir() + "/noroshi-file-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~FileTest() override { std::filesystem::remove_all(folder_); }

  FileSystem& files_ = SystemFileSystem();
  std::string folder_;
};

TEST_F(FileTest, WriteReplacesAndLeavesNothingElse) {
  ASSERT_TRUE(files_.WriteDurably(folder_ + "/a", "one", 0600).ok());
  ASSERT_TRUE(files_.WriteDurably(folder_ + "/a", "two", 0600).ok());
  EXPECT_EQ(*files_.Read(folder_ + "/a", 10), "two");
  EXPECT_EQ(files_.List(folder_, 10)->size(), 1U);
  struct stat info {};
  ASSERT_EQ(stat((folder_ + "/a").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
}

TEST_F(FileTest, ADurableWriteSyncsTheFileAndThenItsName) {
  synced.clear();
  ASSERT_TRUE(files_.WriteDurably(folder_ + "/a", "one", 0600).ok());
  EXPECT_EQ(synced, "fd");
  ASSERT_TRUE(files_.CreateDurably(folder_ + "/b", "one", 0600).ok());
  EXPECT_EQ(synced, "fdfd");
  ASSERT_TRUE(files_.MakeFolder(folder_ + "/sub/deep", 0700).ok());
  EXPECT_EQ(synced, "fdfddd");  // Each new folder's name, in the folder above.
}

TEST_F(FileTest, CreateRefusesAnExistingPath) {
  ASSERT_TRUE(files_.CreateDurably(folder_ + "/a", "one", 0600).ok());
  const auto second = files_.CreateDurably(folder_ + "/a", "two", 0600);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::kConflict);
  EXPECT_EQ(*files_.Read(folder_ + "/a", 10), "one");
  EXPECT_EQ(files_.List(folder_, 10)->size(), 1U);
}

TEST_F(FileTest, ReadStopsAboveTheLimit) {
  ASSERT_TRUE(files_.WriteDurably(folder_ + "/a", "12345", 0600).ok());
  EXPECT_TRUE(files_.Read(folder_ + "/a", 5).ok());
  EXPECT_EQ(files_.Read(folder_ + "/a", 4).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(files_.Read(folder_ + "/b", 4).error().code, ErrorCode::kNotFound);
}

TEST_F(FileTest, ListIsSortedAndBounded) {
  for (const char* name : {"c", "a", "b"})
    ASSERT_TRUE(files_.WriteDurably(folder_ + "/" + name, "", 0600).ok());
  ASSERT_TRUE(files_.MakeFolder(folder_ + "/sub/deep", 0700).ok());
  EXPECT_EQ(*files_.List(folder_, 10), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(*files_.List(folder_, 2), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(files_.MakeFolder(folder_ + "/sub/deep", 0700).ok());
  EXPECT_FALSE(files_.MakeFolder(folder_ + "/a", 0700).ok());
}

TEST_F(FileTest, RenameAndRemove) {
  ASSERT_TRUE(files_.WriteDurably(folder_ + "/a", "x", 0600).ok());
  ASSERT_TRUE(files_.Rename(folder_ + "/a", folder_ + "/b").ok());
  EXPECT_FALSE(files_.Exists(folder_ + "/a"));
  EXPECT_TRUE(files_.Remove(folder_ + "/b").ok());
  EXPECT_EQ(files_.Remove(folder_ + "/b").error().code, ErrorCode::kNotFound);
  EXPECT_GT(*files_.FreeBytes(folder_), 0U);
}

}  // namespace
}  // namespace noroshi
