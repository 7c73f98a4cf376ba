#include "hub/app/analyze.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/temp_dir.h"

namespace noroshi::app {
namespace {

namespace json = boost::json;

constexpr const char* kLure =
    "Our records show that the fee for your vehicle was not paid within the time that the law "
    "gives. Pay the open amount of 38 today on the page below, or the matter will be handed to "
    "the court without another notice, and the costs will be yours.\n";

class AnalyzeTest : public ::testing::Test {
 protected:
  AnalyzeTest() {
    request_.jsonl = true;
    request_.worker_command = {NOROSHI_PLAIN_WORKER};
    request_.workers = 2;
  }

  void Write(const std::string& name, const std::string& headers, const std::string& text) {
    const std::string path = folder_.path() + '/' + name;
    std::ofstream(path, std::ios::binary) << "From: a@b.example\n" << headers << "\n\n" << text;
    request_.paths.push_back(path);
  }
  std::vector<std::string> Lines() {
    std::FILE* out = std::tmpfile();
    std::FILE* progress = std::tmpfile();
    std::istringstream standard;
    result_ = AnalyzeMails(request_, &standard, out, progress);
    EXPECT_EQ(std::ftell(progress), 0) << "no bar where no terminal is";
    std::rewind(out);
    std::vector<std::string> lines(1);
    for (int c = std::fgetc(out); c != EOF; c = std::fgetc(out)) {
      if (c == '\n') {
        lines.emplace_back();
      } else {
        lines.back().push_back(static_cast<char>(c));
      }
    }
    std::fclose(out);
    std::fclose(progress);
    EXPECT_EQ(lines.back(), "") << "every line is ended";
    lines.pop_back();
    return lines;
  }
  std::vector<json::object> Objects() {
    std::vector<json::object> objects;
    for (const std::string& line : Lines()) objects.push_back(json::parse(line).as_object());
    return objects;
  }

  support::TempDir folder_;
  AnalyzeRequest request_;
  Result<void> result_;
};

TEST_F(AnalyzeTest, OneObjectForEachMailInTheOrderOfTheInput) {
  for (int i = 0; i < 40; ++i) {
    // Every other one takes longer.
    Write("m" + std::to_string(i), "Subject: s" + std::to_string(i),
          i % 2 == 0 ? std::string(400'000, 'x') : "y");
  }
  const auto objects = Objects();
  ASSERT_TRUE(result_.ok()) << result_.error().message;
  ASSERT_EQ(objects.size(), 40U);
  for (size_t i = 0; i < objects.size(); ++i) {
    EXPECT_EQ(objects[i].at("file").as_string(), request_.paths[i]);
    EXPECT_EQ(objects[i].at("subject").as_string(), "s" + std::to_string(i));
    EXPECT_EQ(objects[i].at("sha256").as_string().size(), 64U);
    EXPECT_TRUE(objects[i].at("error").is_null());
    for (const char* name : {"group", "kind", "kind_reason", "language", "from", "urls", "domains",
                             "ips", "addresses", "attachments", "auth", "warnings"}) {
      EXPECT_TRUE(objects[i].contains(name)) << name;
    }
  }
}

TEST_F(AnalyzeTest, OneCampaignIsOneGroupAndSaysWhy) {
  request_.explain = true;
  Write("a", "Subject: Open fee 4711", std::string(kLure) + "https://pay.fee-one.example/a");
  Write("b", "Subject: hello", "See you at the garden party on Sunday, bring a cake if you can.");
  Write("c", "Subject: Open fee 4712",
        "Dear Ms Sato\n" + std::string(kLure) + "https://b.example/");
  const auto objects = Objects();
  ASSERT_EQ(objects.size(), 3U);
  EXPECT_EQ(objects[0].at("group").as_string(), "g1");
  EXPECT_EQ(objects[1].at("group").as_string(), "g2");
  EXPECT_EQ(objects[2].at("group").as_string(), "g1");
  EXPECT_TRUE(objects[0].at("group_links").as_array().empty());
  const json::object& link = objects[2].at("group_links").as_array().at(0).as_object();
  EXPECT_EQ(link.at("kind").as_string(), "text");
  EXPECT_GT(link.at("strength").to_number<int>(), 90);
  EXPECT_EQ(link.at("like").as_string(), request_.paths[0]);
}

// ---- what is shared and must not tie; what differs and must not part ----

constexpr const char* kOtherLure =
    "Your mailbox is almost full and new messages will be returned to those who sent them. Sign in "
    "with your office password on the page below to receive forty more gigabytes at no cost.\n";

constexpr const char* kForm =
    "不審メール報告書\n\n1 報告機関: 港湾局 総務課\n2 受信者数: 12名（うち開封 1名）\n"
    "3 添付ファイルの開封: なし\n4 本文中のURLへのアクセス: なし\n5 パスワード等の入力: なし\n"
    "6 "
    "削除せずに保存し、情報システム課の指示を待っています。同様の届出は、今月に入って3件目です。\n"
    "7 所属の全職員に対して、同じ件名のメールを開かないよう、朝の打合せで周知しました。\n\n";

constexpr const char* kThread =
    "-----Original Message-----\nFrom: Planning\nTo: Finance\nSubject: budget\n\n"
    "The draft of the budget for the new harbour is on the shared drive. Please look at the second "
    "table before the meeting on Thursday, the totals do not fit those of the last year.\n";

constexpr const char* kBankFooter =
    "Harbour Savings Bank is a member of the deposit guarantee scheme. Never tell anybody your "
    "number. You can reach our customer service from Monday to Friday between nine and five. "
    "Registered office: 1 Quay Street.\n";

TEST_F(AnalyzeTest, AFormAThreadAndAFooterTieNothing) {
  for (const char* lure : {kLure, kOtherLure}) {
    const std::string subject =
        lure == kLure ? "Subject: Open fee" : "Subject: Your mailbox is almost full";
    const std::string name = lure == kLure ? "a" : "b";
    Write(name + "-form", "Subject: report",
          std::string(kForm) + "-----Original Message-----\nFrom: a\n" + subject + "\n\n" + lure);
    Write(name + "-thread", subject, std::string(lure) + "\n" + kThread);
    Write(name + "-footer", subject, std::string(lure) + "\n" + kBankFooter);
    Write(name + "-bare", subject, lure);
  }
  const auto objects = Objects();
  ASSERT_EQ(objects.size(), 8U);
  for (size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(objects[i].at("group").as_string(), i < 4 ? "g1" : "g5") << request_.paths[i];
  }
}

TEST_F(AnalyzeTest, NamesNumbersAndLinksOfEachRecipientDoNotPart) {
  for (const char* name : {"Tanaka Hiroshi", "Suzuki Megumi", "Sato Kenichi"}) {
    const std::string number = std::to_string(1000 + request_.paths.size() * 77);
    Write(name, "Subject: Notice " + number,
          "Dear " + std::string(name) + ",\nreference FEE-" + number + "\n" + kLure + "https://w" +
              number + ".example/" + number + "\n");
  }
  for (const auto& object : Objects()) EXPECT_EQ(object.at("group").as_string(), "g1");
}

TEST_F(AnalyzeTest, AShortLureIsKnownByItsFileAndAPictureByItself) {
  const auto with_file = [this](const std::string& name, const std::string& type,
                                const std::string& text, char content) {
    Write(name,
          "Subject: " + name + "\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b",
          "--b\nContent-Type: text/plain\n\n" + text + "\n--b\nContent-Type: " + type +
              "\nContent-Disposition: attachment; filename=" + name + "\n\n" +
              std::string(2000, content) + "\n--b--\n");
  };
  with_file("one.zip", "application/zip", "Please see the file.", 'x');
  with_file("two.zip", "application/zip", "As agreed on the telephone.", 'x');
  with_file("three.zip", "application/zip", "Please see the file.", 'y');
  with_file("four.png", "image/png", "", 'p');
  with_file("five.png", "image/png", "", 'p');
  const auto objects = Objects();
  ASSERT_EQ(objects.size(), 5U);
  const char* groups[] = {"g1", "g1", "g3", "g4", "g4"};
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(objects[i].at("group").as_string(), groups[i]) << request_.paths[i];
  }
}

TEST_F(AnalyzeTest, ASharedHostAloneTiesNothing) {
  Write("a", "Subject: Open fee", std::string(kLure) + "https://www.harbour-news.example/a");
  Write("b", "Subject: Harbour news of May",
        "The new crane has arrived and the children of the first class may name it on Saturday. "
        "Read on at https://www.harbour-news.example/crane\n");
  const auto objects = Objects();
  EXPECT_EQ(objects[1].at("group").as_string(), "g2");
}

TEST_F(AnalyzeTest, WithoutJsonALineForEachMail) {
  request_.jsonl = false;
  Write("a", "Subject: one\ttab", "text");
  const auto lines = Lines();
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_THAT(lines[0], ::testing::StartsWith("g1\tnone\t" + request_.paths[0]));
}

TEST_F(AnalyzeTest, AFileThatCannotBeReadHasItsLineAndTheOthersToo) {
  Write("a", "Subject: one", "text");
  Write("gone", "Subject: two", "text");
  Write("b", "Subject: three", "text");
  std::filesystem::remove(request_.paths[1]);
  std::filesystem::create_symlink(folder_.path() + "/nowhere", request_.paths[1]);
  Lines();
  EXPECT_EQ(result_.error().code, ErrorCode::kNotFound) << "said before anything is read";
  request_.paths.erase(request_.paths.begin() + 1);
  EXPECT_EQ(Objects().size(), 2U);
}

}  // namespace
}  // namespace noroshi::app
