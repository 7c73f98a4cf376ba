#include "hub/app/offline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/json/serialize.hpp>
#include <filesystem>

#include "hub/app/data_lock.h"
#include "hub/app/hub_config.h"

namespace noroshi::app {
namespace {

class OfflineTest : public testing::Test {
 protected:
  OfflineTest() {
    std::string pattern = testing::TempDir() + "/noroshi-offline-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    data_ = folder_ + "/data";
  }
  ~OfflineTest() override { std::filesystem::remove_all(folder_); }

  Result<boost::json::object> Init() { return app::Init({data_, "hub", "127.0.0.1:0", {}}); }

  std::string folder_;
  std::string data_;
};

TEST_F(OfflineTest, NothingIsOverwritten) {
  ASSERT_TRUE(Init().ok());
  const auto again = Init();
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().code, ErrorCode::kConflict);
}

TEST_F(OfflineTest, ARunningHubsFilesAreLeftAlone) {
  ASSERT_TRUE(Init().ok());
  const auto lock = DataLock::Take(Layout(data_).lock);
  ASSERT_TRUE(lock.ok());
  EXPECT_FALSE(Verify(data_, "").ok());
  EXPECT_FALSE(Rebuild(data_, 1, 1).ok());
}

TEST_F(OfflineTest, AVerifyThatWasKilledDoesNotStopTheNextOne) {
  ASSERT_TRUE(Init().ok());
  ASSERT_TRUE(Rebuild(data_, 1, 16).ok());
  std::filesystem::copy(Layout(data_).state, data_ + "/verify.tmp");
  const auto verified = Verify(data_, "");
  ASSERT_TRUE(verified.ok()) << verified.error().message;
  EXPECT_TRUE(verified->at("findings").as_array().empty()) << boost::json::serialize(*verified);
  EXPECT_THAT(std::string(verified->at("state").as_string()), testing::HasSubstr("applied"));
  EXPECT_FALSE(std::filesystem::exists(data_ + "/verify.tmp"));
}

}  // namespace
}  // namespace noroshi::app
