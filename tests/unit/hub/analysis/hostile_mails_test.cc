// Hostile and damaged mails through a confined child and through the reader: every
// one is answered, in time, within memory, and what can be recovered is.
//
// NOROSHI_DAMAGED_MAILS: how many damaged ones (2,000). NOROSHI_EXTRA_DATA: a
// folder that may hold mail/bad/make_bad.py, which writes hostile mails and a
// manifest of what should be found in them, and more mails to damage.
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "common/base/encoding.h"
#include "hub/analysis/analysis.h"
#include "hub/analysis/child.h"
#include "hub/analysis/mail.h"
#include "hub/analysis/pool.h"

namespace noroshi::analysis {
namespace {

namespace json = boost::json;
namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kTimeMax{2000};
// Sanitizers and unoptimised code are that much slower, and the machine may be busy.
constexpr int kSlower = 5;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kFatter = 20;
#else
constexpr int kFatter = 1;
#endif
constexpr int64_t kMemoryBytesMax = 64 * 1024 * 1024;  // More than a child that reads small mails.

std::string ReadFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

// One child, asked one mail after the other, and its memory.
class ConfinedReader {
 public:
  ConfinedReader() {
    Result<std::unique_ptr<Child>> child =
        Child::Start({NOROSHI_PLAIN_WORKER}, kStartDeadline, kNoCancel);
    EXPECT_TRUE(child.ok());
    child_ = std::move(child).value();
    EXPECT_TRUE(Read("Subject: small\r\n\r\nx").ok());
    resting_bytes_ = PeakBytes();
  }

  // After a small mail.
  int64_t RestingBytes() const { return resting_bytes_; }

  Result<std::string> Read(const std::string& raw) {
    std::ofstream(Proc("clear_refs")) << "5";  // The peak is counted anew.
    NOROSHI_RETURN_IF_ERROR(child_->Put(raw, std::chrono::seconds(60), kNoCancel));
    return child_->Answer(std::chrono::seconds(60), kNoCancel);
  }

  // Since the last Read began; -1: this system does not tell.
  int64_t PeakBytes() const {
    std::ifstream status(Proc("status"));
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("VmHWM:")) return std::stoll(line.substr(6)) * 1024;
    }
    return -1;
  }

 private:
  static constexpr int kNoCancel = -1;
  std::string Proc(const char* name) const {
    return "/proc/" + std::to_string(child_->pid()) + "/" + name;
  }
  std::unique_ptr<Child> child_;
  int64_t resting_bytes_ = 0;
};

bool HasUrl(const v1::MailFacts& facts, std::string_view url) {
  return std::find(facts.urls().begin(), facts.urls().end(), url) != facts.urls().end();
}

bool HasFile(const v1::MailFacts& facts, const std::string& hex) {
  return std::any_of(facts.attachments().begin(), facts.attachments().end(),
                     [&](const auto& file) { return ToHex(file.sha256()) == hex; });
}

TEST(HostileMailsTest, EveryOneIsAnsweredAndWhatCanBeIsRecovered) {
  const char* extra = std::getenv("NOROSHI_EXTRA_DATA");
  const fs::path maker = fs::path(extra == nullptr ? "" : extra) / "mail/bad/make_bad.py";
  if (!fs::exists(maker)) GTEST_SKIP() << "NOROSHI_EXTRA_DATA holds no mail/bad/make_bad.py";
  const fs::path folder = fs::path(testing::TempDir()) / "noroshi-hostile-mails";
  const std::string command =
      "python3 '" + maker.string() + "' '" + folder.string() + "' >/dev/null";
  ASSERT_EQ(std::system(command.c_str()), 0);
  auto reader = std::make_unique<ConfinedReader>();
  std::chrono::nanoseconds longest{0};
  int64_t largest = 0;
  std::ifstream manifest(folder / "bad-manifest.jsonl");
  for (std::string line; std::getline(manifest, line);) {
    const json::object entry = json::parse(line).as_object();
    const std::string file(entry.at("file").as_string());
    const auto start = std::chrono::steady_clock::now();
    const Result<std::string> answer = reader->Read(ReadFile(folder / file));
    const std::chrono::nanoseconds took = std::chrono::steady_clock::now() - start;
    ASSERT_TRUE(answer.ok()) << file << ": " << answer.error().message;
    v1::AnalysisResult result;
    ASSERT_TRUE(result.ParseFromString(*answer)) << file;
    EXPECT_NE(result.outcome(), v1::ANALYSIS_OUTCOME_FAILED) << file << ": " << result.error();
    const int64_t grown = reader->PeakBytes() - reader->RestingBytes();
    // What one mail left behind is not the next one's.
    if (grown > kMemoryBytesMax / 4) reader = std::make_unique<ConfinedReader>();
    EXPECT_LT(took, kTimeMax * kSlower) << file;
    EXPECT_LT(grown, kMemoryBytesMax * kFatter) << file;
    longest = std::max(longest, took);
    largest = std::max(largest, grown);
    const json::value* recover = entry.if_contains("recover");
    if (recover == nullptr || !recover->is_object()) continue;
    const json::object& parts = recover->as_object();
    if (const json::value* urls = parts.if_contains("urls")) {
      for (const json::value& url : urls->as_array()) {
        EXPECT_TRUE(HasUrl(result.mail(), url.as_string())) << file << ": " << url.as_string();
      }
    }
    if (const json::value* files = parts.if_contains("attachments")) {
      for (const json::value& hash : files->as_array()) {
        EXPECT_TRUE(HasFile(result.mail(), std::string(hash.as_string()))) << file;
      }
    }
  }
  std::printf("longest %lld ms, most memory %lld MiB more than a small mail's\n",
              static_cast<long long>(longest.count() / 1'000'000),
              static_cast<long long>(largest / 1024 / 1024));
  fs::remove_all(folder);
}

// ---- damaged ----

std::vector<std::string> MailsToDamage() {
  std::vector<std::string> mails;
  std::vector<fs::path> folders = {fs::path(NOROSHI_TEST_DATA) / "mail"};
  const char* extra = std::getenv("NOROSHI_EXTRA_DATA");
  for (const char* name : {"mail/dev", "mail/jp-dev"}) {
    const fs::path more = fs::path(extra == nullptr ? "/nonexistent" : extra) / name;
    if (fs::exists(more)) folders.push_back(more);
  }
  for (const fs::path& folder : folders) {
    std::vector<fs::path> files;
    for (const auto& item : fs::directory_iterator(folder)) files.push_back(item.path());
    std::sort(files.begin(), files.end());
    for (const fs::path& file : files) mails.push_back(ReadFile(file));
  }
  return mails;
}

// As zzuf does it, and coarser: bits, bytes, runs, lines and pieces of other mails.
std::string Damage(std::string mail, const std::string& other, std::mt19937* random) {
  const auto below = [&](size_t n) { return n == 0 ? 0 : (*random)() % n; };
  for (size_t changes = 1 + below(40); changes > 0 && !mail.empty(); --changes) {
    const size_t at = below(mail.size());
    const size_t size = below(std::min<size_t>(200, mail.size() - at) + 1);
    switch (below(7)) {
      case 0:
        mail[at] = static_cast<char>(mail[at] ^ (1 << below(8)));
        break;
      case 1:
        mail[at] = static_cast<char>(below(256));
        break;
      case 2:
        mail.erase(at, size);
        break;
      case 3:
        mail.insert(below(mail.size()), mail.substr(at, size));
        break;
      case 4:
        mail.insert(at, other.substr(below(other.size()), 300));
        break;
      case 5:
        mail.insert(at, std::string_view("\r\n\r\n--\0=?\x1b$B<!--\xff", 17).substr(below(16)));
        break;
      default:
        if (below(10) == 0) mail.resize(at);
    }
  }
  return mail;
}

TEST(HostileMailsTest, DamagedMailsAreRead) {
  WarmUpMail();
  const char* wanted = std::getenv("NOROSHI_DAMAGED_MAILS");
  const int count = wanted == nullptr ? 2000 : std::atoi(wanted);
  const std::vector<std::string> mails = MailsToDamage();
  ASSERT_FALSE(mails.empty());
  std::mt19937 random(20260401);
  std::chrono::nanoseconds longest{0};
  for (int i = 0; i < count; ++i) {
    const std::string& base = mails[static_cast<size_t>(i) % mails.size()];
    const std::string raw = Damage(base, mails[random() % mails.size()], &random);
    const auto start = std::chrono::steady_clock::now();
    const MailReading reading = ReadMail(raw);
    longest = std::max<std::chrono::nanoseconds>(longest, std::chrono::steady_clock::now() - start);
    const std::string bytes = reading.facts.SerializeAsString();
    ASSERT_LT(bytes.size(), kResultBytesMax) << i;
    v1::MailFacts again;
    ASSERT_TRUE(again.ParseFromString(bytes)) << i << ": text that is no UTF-8";
    ASSERT_NE(reading.facts.kind(), v1::MAIL_KIND_UNSPECIFIED) << i;
  }
  EXPECT_LT(longest, kTimeMax * kSlower);
}

}  // namespace
}  // namespace noroshi::analysis
