#include "hub/app/mail_sources.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "common/base/encoding.h"
#include "common/crypto/crypto.h"
#include "hub/analysis/mail.h"
#include "tests/support/temp_dir.h"

namespace noroshi::app {
namespace {

class MailSourcesTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& content) {
    const std::string path = folder_.path() + '/' + name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
  std::vector<SourcedMail> Read(const std::vector<std::string>& paths) {
    auto sources = MailSources::Open(paths, &standard_);
    EXPECT_TRUE(sources.ok()) << sources.error().message;
    std::vector<SourcedMail> mails;
    total_ = sources->total_bytes();
    while (auto mail = sources->Next()) mails.push_back(*std::move(mail));
    return mails;
  }

  support::TempDir folder_;
  std::istringstream standard_;
  uint64_t total_ = 0;
};

TEST_F(MailSourcesTest, FoldersAreReadInOrderOfNames) {
  const std::string b = Write("box/b.eml", "Subject: b\n\nb");
  const std::string c = Write("box/c/1.eml", "Subject: c\n\nc");
  const std::string a = Write("box/a.eml", "Subject: a\n\na");
  const auto mails = Read({folder_.path() + "/box"});
  ASSERT_EQ(mails.size(), 3U);
  EXPECT_EQ(mails[0].file, a);
  EXPECT_EQ(mails[1].file, b);
  EXPECT_EQ(mails[2].file, c);
  EXPECT_EQ(mails[2].raw, "Subject: c\n\nc");
  EXPECT_EQ(mails[2].sha256, Sha256Of("Subject: c\n\nc"));
  EXPECT_EQ(total_, 39U);
}

TEST_F(MailSourcesTest, AnMboxHoldsSeveralMails) {
  const std::string path = Write("all.mbox",
                                 "From a@b Thu Jan  1 00:00:00 2026\nSubject: one\n\n"
                                 "text\n>From here on\nFrom me to you\n\n"
                                 "From a@b Thu Jan  1 00:00:00 2026\r\nSubject: two\r\n\r\nlast");
  const auto mails = Read({path});
  ASSERT_EQ(mails.size(), 2U);
  EXPECT_EQ(mails[0].file, path + "#1");
  EXPECT_EQ(mails[0].raw, "Subject: one\n\ntext\nFrom here on\nFrom me to you\n\n");
  EXPECT_EQ(mails[1].file, path + "#2");
  EXPECT_EQ(mails[1].raw, "Subject: two\r\n\r\nlast");
}

TEST_F(MailSourcesTest, StandardInputIsAMailOrAnMbox) {
  standard_.str("Subject: x\n\ny");
  auto mails = Read({"-"});
  ASSERT_EQ(mails.size(), 1U);
  EXPECT_EQ(mails[0].file, "-");
  EXPECT_EQ(mails[0].raw, "Subject: x\n\ny");
  EXPECT_EQ(total_, 0U);
  standard_ = std::istringstream("From a\nSubject: x\n\n\nFrom b\nSubject: y\n\n");
  EXPECT_EQ(Read({"-"}).size(), 2U);
}

TEST_F(MailSourcesTest, ShortAndEmptyFilesAreMailsToo) {
  const auto mails = Read({Write("1", ""), Write("2", "From"), Write("3", "From ")});
  ASSERT_EQ(mails.size(), 3U);
  EXPECT_EQ(mails[0].raw, "");
  EXPECT_EQ(mails[0].error, "");
  EXPECT_EQ(mails[1].raw, "From");
  EXPECT_EQ(mails[2].raw, "");
}

TEST_F(MailSourcesTest, WhatIsLargerThanAMailMayBeIsCutAndHashedWhole) {
  const std::string large(analysis::kMailBytesMax + 2, 'x');
  for (const std::string& head : {std::string(), std::string("From a\n")}) {
    const auto mails = Read({Write("large", head + large)});
    ASSERT_EQ(mails.size(), 1U);
    EXPECT_EQ(mails[0].raw.size(), analysis::kMailBytesMax + 1);
    EXPECT_EQ(mails[0].bytes, large.size());
    EXPECT_EQ(mails[0].sha256, Sha256Of(large));
  }
}

TEST_F(MailSourcesTest, AbsentPathsAreNamed) {
  const auto sources = MailSources::Open({folder_.path() + "/absent"}, &standard_);
  ASSERT_FALSE(sources.ok());
  EXPECT_EQ(sources.error().code, ErrorCode::kNotFound);
  EXPECT_NE(sources.error().message.find("absent"), std::string::npos);
}

TEST_F(MailSourcesTest, FoldersThatAreTooDeepAreRefused) {
  std::string path = "d";
  for (int i = 1; i < kMailFoldersDepthMax; ++i) path += "/d";
  Write(path + "/at.eml", "x");
  EXPECT_EQ(Read({folder_.path() + "/d"}).size(), 1U);
  Write(path + "/d/below.eml", "x");
  EXPECT_EQ(MailSources::Open({folder_.path() + "/d"}, &standard_).error().code,
            ErrorCode::kInvalid);
}

}  // namespace
}  // namespace noroshi::app
