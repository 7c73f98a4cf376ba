#include "hub/app/hub_config.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "hub/app/data_lock.h"
#include "hub/app/secrets.h"

namespace noroshi::app {
namespace {

class HubConfigTest : public testing::Test {
 protected:
  HubConfigTest() {
    std::string pattern = testing::TempDir() + "/noroshi-app-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~HubConfigTest() override { std::filesystem::remove_all(folder_); }

  Result<HubConfig> Load(const std::string& text) {
    const std::string path = folder_ + "/hub.toml";
    EXPECT_TRUE(files_.WriteDurably(path, text, 0600).ok());
    return LoadHubConfig(files_, path);
  }

  FileSystem& files_ = SystemFileSystem();
  std::string folder_;
};

TEST_F(HubConfigTest, TheNewConfigurationIsRightAndHoldsTheDefaults) {
  const auto config = Load(NewHubConfigText("国の \"ハブ\" \\ hub", "[::1]:0", "[::1]:8444",
                                            {"localhost", "192.0.2.1"}));
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->name, "国の \"ハブ\" \\ hub");
  EXPECT_EQ(config->listen, "[::1]:0");
  EXPECT_EQ(config->web_listen, "[::1]:8444");
  EXPECT_EQ(config->web_metrics_from, (std::vector<std::string>{"127.0.0.1"}));
  EXPECT_EQ(config->host_names, (std::vector<std::string>{"localhost", "192.0.2.1"}));
  EXPECT_EQ(config->free_space_reserve_bytes, 256U << 20);
  EXPECT_EQ(config->alert_rules.rules_size(), 2);
  const auto& rule = config->alert_rules.rules(0);
  EXPECT_EQ(rule.case_kind(), "campaign");
  EXPECT_EQ(rule.organizations_at_least(), 2U);
  EXPECT_EQ(rule.within_ms(), 24 * 3600 * 1000);
  EXPECT_EQ(rule.alert_kind(), v1::ALERT_KIND_WARNING);
}

TEST_F(HubConfigTest, ANameCannotBreakOutOfItsString) {
  const auto config = Load(
      NewHubConfigText("x\"\nlisten = \"0.0.0.0:1", "127.0.0.1:0", "127.0.0.1:0", {"localhost"}));
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->listen, "127.0.0.1:0");
}

TEST_F(HubConfigTest, MistakesAreToldWithLineAndKeyAllAtOnce) {
  const auto config = Load(
      "name = \"x\"\nlisten = \"nowhere\"\nhost_names = [\"localhost\"]\nlisen = 1\n"
      "[limits]\nconnections = 0\n"
      "[[alert_rule]]\nid = \"r\"\ncase_kind = \"campaign\"\nalert_kind = \"shout\"\naudience = "
      "[]\n"
      "title_ja = \"a\"\ntitle_en = \"a\"\ntext_ja = \"a\"\ntext_en = \"a\"\n");
  ASSERT_FALSE(config.ok());
  const std::string& message = config.error().message;
  for (const char* expected : {"hub.toml:2", "listen", "lisen", "connections", "alert_kind",
                               "early_warning", "audience"}) {
    EXPECT_NE(message.find(expected), std::string::npos) << expected << " in\n" << message;
  }
}

TEST_F(HubConfigTest, TheCertificateNamesWhatAgentsDial) {
  HubConfig config;
  config.host_names = {"localhost", "192.0.2.1"};
  config.listen = "192.0.2.1:8443";
  config.public_address = "hub.example.jp:443";
  EXPECT_EQ(ServerNames(config),
            (std::vector<std::string>{"localhost", "192.0.2.1", "hub.example.jp"}));
  config.listen = "0.0.0.0:8443";
  config.public_address = "[::1]:443";
  EXPECT_EQ(ServerNames(config), (std::vector<std::string>{"localhost", "192.0.2.1", "::1"}));
}

TEST_F(HubConfigTest, TwoRulesMayNotShareAnId) {
  std::string text = NewHubConfigText("x", "127.0.0.1:0", "127.0.0.1:0", {"localhost"});
  const std::string second = "campaign-five-organizations";
  text.replace(text.find(second), second.size(), "campaign-two-organizations");
  const auto config = Load(text);
  ASSERT_FALSE(config.ok());
  EXPECT_NE(config.error().message.find("two rules have this id"), std::string::npos);
}

TEST_F(HubConfigTest, SecretsAreMadeOnceAndReadBack) {
  const Layout layout(folder_);
  const auto made = CreateSecrets(files_, layout, SystemRandom());
  ASSERT_TRUE(made.ok());
  const auto loaded = LoadSecrets(files_, layout);
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ(loaded->master_key, made->master_key);
  EXPECT_EQ(loaded->signing_seed, made->signing_seed);
  EXPECT_NE(loaded->master_key, loaded->signing_seed);
  EXPECT_EQ(CreateSecrets(files_, layout, SystemRandom()).error().code, ErrorCode::kConflict);
}

TEST_F(HubConfigTest, AKeyThatOthersMayReadIsRefused) {
  const Layout layout(folder_);
  ASSERT_TRUE(CreateSecrets(files_, layout, SystemRandom()).ok());
  std::filesystem::permissions(layout.log_key, std::filesystem::perms(0640));
  EXPECT_EQ(LoadSecrets(files_, layout).error().code, ErrorCode::kDenied);
}

TEST_F(HubConfigTest, AKeyOfAnotherLengthIsRefused) {
  const Layout layout(folder_);
  ASSERT_TRUE(CreateSecrets(files_, layout, SystemRandom()).ok());
  ASSERT_TRUE(files_.WriteDurably(layout.master_key, std::string(31, 'k'), 0600).ok());
  const auto loaded = LoadSecrets(files_, layout);
  ASSERT_FALSE(loaded.ok());
  EXPECT_EQ(loaded.error().message.find("kkk"), std::string::npos);
}

TEST_F(HubConfigTest, TheDataFolderHasOneOwner) {
  auto first = DataLock::Take(folder_ + "/lock");
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(DataLock::Take(folder_ + "/lock").error().code, ErrorCode::kConflict);
  first->reset();
  EXPECT_TRUE(DataLock::Take(folder_ + "/lock").ok());
}

}  // namespace
}  // namespace noroshi::app
