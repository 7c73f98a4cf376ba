#include "hub/analysis/pool.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <condition_variable>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>

#include "hub/analysis/analysis.h"
#include "hub/analysis/channel.h"
#include "tests/unit/hub/analysis/zip_maker.h"

namespace noroshi::analysis {
namespace {

// Collects results; Wait blocks until there are n.
class Collector {
 public:
  Pool::Done done() {
    return [this](uint64_t sequence, std::string bytes) {
      v1::AnalysisResult result;
      const bool parsed = result.ParseFromString(bytes);
      const std::lock_guard lock(mutex_);
      EXPECT_TRUE(parsed);
      order_.push_back(sequence);
      results_[sequence] = std::move(result);
      changed_.notify_all();
    };
  }
  void Wait(size_t n) {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(
        changed_.wait_for(lock, std::chrono::seconds(60), [&] { return results_.size() >= n; }));
  }
  v1::AnalysisResult Get(uint64_t sequence) {
    const std::lock_guard lock(mutex_);
    return results_[sequence];
  }
  std::vector<uint64_t> order() {
    const std::lock_guard lock(mutex_);
    return order_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<uint64_t, v1::AnalysisResult> results_;
  std::vector<uint64_t> order_;
};

std::string MailSubmission(const std::string& raw) {
  v1::Submission submission;
  submission.mutable_mail()->set_raw(raw);
  return submission.SerializeAsString();
}

std::string IncidentSubmission(const std::string& text) {
  v1::Submission submission;
  submission.mutable_incident()->set_what_happened(text);
  return submission.SerializeAsString();
}

PoolOptions Options(const char* worker) {
  PoolOptions options;
  options.workers = 1;
  options.worker_command = {worker};
  options.mail_deadline = std::chrono::seconds(20);
  options.back_off_first = std::chrono::milliseconds(1);
  options.back_off_max = std::chrono::milliseconds(4);
  return options;
}

std::unique_ptr<Pool> StartPool(PoolOptions options) {
  Result<std::unique_ptr<Pool>> pool = Pool::Start(std::move(options));
  EXPECT_TRUE(pool.ok());
  return std::move(pool).value();
}

// What this mail led to; to the hostile worker it is an action.
v1::AnalysisResult Act(const std::string& raw, Pool* pool, uint64_t sequence = 1) {
  Collector collector;
  EXPECT_TRUE(
      pool->Submit({sequence, MailSubmission(raw), WorkKind::kMail}, collector.done()).ok());
  collector.Wait(1);
  return collector.Get(sequence);
}

TEST(PoolTest, MailsAreReadInAConfinedProcess) {
  const std::unique_ptr<Pool> pool = StartPool(Options(NOROSHI_PLAIN_WORKER));
  Collector collector;
  std::ifstream file(std::string(NOROSHI_TEST_DATA) + "/mail/campaign-a-ministry.eml");
  std::stringstream raw;
  raw << file.rdbuf();
  const std::string submission = MailSubmission(raw.str());
  ASSERT_TRUE(pool->Submit({7, submission, WorkKind::kMail}, collector.done()).ok());
  collector.Wait(1);
  const v1::AnalysisResult result = collector.Get(7);
  EXPECT_EQ(result.outcome(), v1::ANALYSIS_OUTCOME_COMPLETE) << result.error();
  EXPECT_EQ(result.subject_sequence(), 7u);
  EXPECT_EQ(result.analyser_version(), kAnalyserVersion);
  // Confined or not, the result is the same.
  v1::AnalysisResult here = AnalyseBytes(submission, BuiltinRules());
  here.set_subject_sequence(7);
  EXPECT_EQ(result.SerializeAsString(), here.SerializeAsString());
}

TEST(PoolTest, EveryCharsetWorksInsideTheSandbox) {
  const std::unique_ptr<Pool> pool = StartPool(Options(NOROSHI_PLAIN_WORKER));
  Collector collector;
  uint64_t sequence = 0;
  for (const char* label :
       {"iso-2022-jp", "shift_jis", "euc-jp", "utf-8", "utf-16", "utf-16be", "iso-8859-1",
        "iso-8859-2", "iso-8859-15", "windows-1251", "koi8-r", "big5", "gb2312", "euc-kr",
        "iso-2022-kr", "utf-7", "ibm-37", "no-such-charset", ""}) {
    const std::string raw = std::string("Subject: =?") + label +
                            "?B?gqA=?=\r\nContent-Type: text/html; charset=" + label +
                            "; name*=" + label + "''%82%a0\r\n\r\n<p>\x82\xa0 text";
    ASSERT_TRUE(
        pool->Submit({++sequence, MailSubmission(raw), WorkKind::kMail}, collector.done()).ok());
  }
  collector.Wait(sequence);
  for (uint64_t i = 1; i <= sequence; ++i) {
    EXPECT_EQ(collector.Get(i).outcome(), v1::ANALYSIS_OUTCOME_COMPLETE)
        << i << ": " << collector.Get(i).error();
  }
  EXPECT_EQ(pool->children_started(), 1u);
}

// The database of file types, the suffix list, IDN and the unpacker are loaded
// before the walls close: inside, every fact is the same as outside.
TEST(PoolTest, FilesHostsAndArchivesAreReadInsideTheSandbox) {
  const std::string zip =
      MakeZip({{"a.exe", std::string("MZ\x90\0\3", 5)}, {"b.txt", "text"}}, "infected");
  std::string raw =
      "From: a@例え.jp\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
      "Content-Type: text/html; charset=utf-8\r\n\r\n<a href='http://BÜCHER.co.jp/'>x</a>\r\n";
  for (const std::string& content :
       {zip,
        std::string("\x7f"
                    "ELF\2\1\1\0"),
        std::string("RIFF\1\1\1\1WAVEfmt "), std::string("<?xml version=\"1.0\"?><a/>"),
        std::string("\1\2\3\4 noise")}) {
    raw +=
        "--b\r\nContent-Type: application/x; name=\"f\u202efdp.bin\"\r\n"
        "Content-Transfer-Encoding: binary\r\n\r\n" +
        content + "\r\n";
  }
  raw += "--b--\r\n";
  const std::unique_ptr<Pool> pool = StartPool(Options(NOROSHI_PLAIN_WORKER));
  const v1::AnalysisResult result = Act(raw, pool.get());
  v1::AnalysisResult here = AnalyseBytes(MailSubmission(raw), BuiltinRules());
  here.set_subject_sequence(1);
  EXPECT_EQ(result.SerializeAsString(), here.SerializeAsString()) << result.error();
  ASSERT_EQ(result.mail().attachments_size(), 5);
  EXPECT_EQ(result.mail().attachments(0).members_size(), 2);
  EXPECT_EQ(result.mail().attachments(2).type(), "audio/x-wav");
  EXPECT_EQ(result.mail().links(0).domain(), "xn--bcher-kva.co.jp");
}

TEST(PoolTest, ChildIsReplacedAfterItsShareOfMails) {
  const std::unique_ptr<Pool> pool = StartPool(Options(NOROSHI_PLAIN_WORKER));
  for (uint64_t i = 1; i <= kMailsPerChild; ++i) Act("Subject: s\r\n\r\nb", pool.get(), i);
  EXPECT_EQ(pool->children_started(), 1u);
  Act("Subject: s\r\n\r\nb", pool.get(), kMailsPerChild + 1);
  EXPECT_EQ(pool->children_started(), 2u);
}

TEST(PoolTest, ChildIsReplacedWhenItIsOld) {
  PoolOptions options = Options(NOROSHI_PLAIN_WORKER);
  options.child_age_max = std::chrono::milliseconds(0);
  const std::unique_ptr<Pool> pool = StartPool(options);
  Act("Subject: s\r\n\r\nb", pool.get(), 1);
  Act("Subject: s\r\n\r\nb", pool.get(), 2);
  EXPECT_EQ(pool->children_started(), 3u) << "one waits from the beginning";
}

TEST(SandboxTest, ChildCannotReachFilesNetworkOrProcesses) {
  setenv("NOROSHI_SECRET_FOR_TEST", "secret", 1);
  const int leaked = open("/etc/passwd", O_RDONLY);  // Without close-on-exec.
  const std::unique_ptr<Pool> pool = StartPool(Options(NOROSHI_HOSTILE_WORKER));
  EXPECT_EQ(Act("read-file", pool.get()).error(), "denied");
  EXPECT_EQ(Act("write-file", pool.get()).error(), "denied");
  EXPECT_EQ(Act("environment", pool.get()).error(), "empty");
  EXPECT_EQ(Act("descriptors", pool.get()).error(), "0 1 2 3 ");
  const std::string key = testing::TempDir() + "/master.key";
  std::ofstream(key) << "secret";
  EXPECT_EQ(Act("read-key " + key, pool.get()).error(), "denied");
  unlink(key.c_str());
  EXPECT_EQ(Act("parents-environment", pool.get()).error(), "denied");
  for (const char* action : {"socket", "exec", "fork", "signal-parent", "parents-memory"}) {
    const v1::AnalysisResult result = Act(action, pool.get());
    EXPECT_EQ(result.outcome(), v1::ANALYSIS_OUTCOME_FAILED) << action;
    EXPECT_EQ(result.error(), "signal: the process was killed by SIGSYS") << action;
  }
  close(leaked);
}

TEST(SandboxTest, DeadHangingAndGreedyChildrenCostOnlyTheirMail) {
  PoolOptions options = Options(NOROSHI_HOSTILE_WORKER);
  options.mail_deadline = std::chrono::seconds(3);
  const std::unique_ptr<Pool> pool = StartPool(options);
  EXPECT_EQ(Act("exit", pool.get()).error(), "exit: the process ended with code 7");
  EXPECT_TRUE(Act("die", pool.get()).error().starts_with("signal: "));
  EXPECT_EQ(Act("hang", pool.get()).error(), "deadline: no answer within 3000 ms");
  EXPECT_TRUE(Act("lie", pool.get()).error().starts_with("answer: "));
  EXPECT_TRUE(Act("flood", pool.get()).error().starts_with("answer: "));
  const v1::AnalysisResult good = Act("fine", pool.get(), 9);
  EXPECT_EQ(good.outcome(), v1::ANALYSIS_OUTCOME_COMPLETE);
  EXPECT_EQ(good.error(), "done");
  EXPECT_EQ(good.subject_sequence(), 9u);
}

// The next mail is put before a child while it reads the one before.
TEST(SandboxTest, AChildsDeathDoesNotCostTheMailsBehind) {
  PoolOptions options = Options(NOROSHI_HOSTILE_WORKER);
  options.mail_deadline = std::chrono::seconds(3);
  const std::unique_ptr<Pool> pool = StartPool(options);
  Collector collector;
  const std::vector<std::string> actions = {"fine", "exit", "fine",  "die",  "exit",
                                            "lie",  "fine", "flood", "hang", "fine"};
  for (size_t i = 0; i < actions.size(); ++i) {
    ASSERT_TRUE(
        pool->Submit({i, MailSubmission(actions[i]), WorkKind::kMail}, collector.done()).ok());
  }
  ASSERT_TRUE(pool->Submit({actions.size(), "\xff", WorkKind::kMail}, collector.done()).ok());
  collector.Wait(actions.size() + 1);
  for (size_t i = 0; i < actions.size(); ++i) {
    EXPECT_EQ(collector.Get(i).error() == "done", actions[i] == "fine")
        << i << " " << actions[i] << ": " << collector.Get(i).error();
    EXPECT_EQ(collector.order()[i], i);
  }
  EXPECT_EQ(collector.Get(actions.size()).error(), "submission: the bytes are no Submission");
}

TEST(SandboxTest, MemoryBeyondTheMaximumEndsTheChild) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer reserves all addresses for itself: no limit of address space";
#endif
  const std::unique_ptr<Pool> pool = StartPool(Options(NOROSHI_HOSTILE_WORKER));
  const v1::AnalysisResult result = Act("eat-memory", pool.get());
  EXPECT_EQ(result.error(), "memory: the process needed more than its limit");
  EXPECT_EQ(result.classification().event_type().id(), "precursor") << "its treatment is known";
}

TEST(PoolTest, ACommandThatCannotStartFailsTheMailOnly) {
  const std::unique_ptr<Pool> pool = StartPool(Options("/no/such/program"));
  EXPECT_EQ(Act("x", pool.get()).outcome(), v1::ANALYSIS_OUTCOME_FAILED);
  Collector collector;
  ASSERT_TRUE(pool->Submit({2, IncidentSubmission("サーバが停止した"), WorkKind::kIncident},
                           collector.done())
                  .ok());
  collector.Wait(1);
  EXPECT_EQ(collector.Get(2).classification().event_type().id(), "unavailability");
}

TEST(PoolTest, IncidentsOvertakeAndDoNotWaitForHangingMails) {
  PoolOptions options = Options(NOROSHI_HOSTILE_WORKER);
  const std::unique_ptr<Pool> pool = StartPool(options);
  Collector mails;
  Collector incidents;
  for (uint64_t i = 1; i <= 5; ++i) {
    ASSERT_TRUE(pool->Submit({i, MailSubmission("hang"), WorkKind::kMail}, mails.done()).ok());
  }
  ASSERT_TRUE(
      pool->Submit({10, IncidentSubmission("x"), WorkKind::kIncident}, incidents.done()).ok());
  incidents.Wait(1);
  EXPECT_TRUE(mails.order().empty());
  // Destruction does not wait for the hanging child's deadline.
}

TEST(PoolTest, MailBeyondTheFrameMaximumFails) {
  const std::unique_ptr<Pool> pool = StartPool(Options(NOROSHI_HOSTILE_WORKER));
  const v1::AnalysisResult result = Act(std::string(kFrameBytesMax + 1, 'x'), pool.get());
  EXPECT_EQ(result.outcome(), v1::ANALYSIS_OUTCOME_FAILED);
  EXPECT_EQ(result.error(), "answer: kFrameBytesMax");
}

TEST(PoolTest, BytesThatAreNoSubmissionFail) {
  const std::unique_ptr<Pool> pool = StartPool(Options(NOROSHI_HOSTILE_WORKER));
  Collector collector;
  ASSERT_TRUE(pool->Submit({1, "\xff", WorkKind::kMail}, collector.done()).ok());
  collector.Wait(1);
  EXPECT_EQ(collector.Get(1).outcome(), v1::ANALYSIS_OUTCOME_FAILED);
  EXPECT_EQ(collector.Get(1).error(), "submission: the bytes are no Submission");
}

// The confined process hears of a mail's bytes only, and decides nothing else.
TEST(PoolTest, TheReceiversWordClassifiesWhateverTheChildSays) {
  const std::unique_ptr<Pool> pool = StartPool(Options(NOROSHI_HOSTILE_WORKER));
  const v1::AnalysisResult result = Act("claim", pool.get());
  EXPECT_EQ(result.error(), "claimed");
  EXPECT_EQ(result.classification().event_type().id(), "precursor");
  EXPECT_EQ(result.analyser_version(), kAnalyserVersion);
  EXPECT_EQ(result.data_version(), BuiltinRules().version());
  EXPECT_EQ(result.subject_sequence(), 1u);
}

TEST(PoolTest, FullQueueRefuses) {
  const std::unique_ptr<Pool> pool = StartPool(Options(NOROSHI_HOSTILE_WORKER));
  Collector collector;
  size_t accepted = 0;
  Result<void> last;
  while (last.ok() && accepted < kQueueItemsMax + 10) {
    last = pool->Submit({accepted, MailSubmission("hang"), WorkKind::kMail}, collector.done());
    accepted += last.ok();
  }
  ASSERT_FALSE(last.ok());
  EXPECT_EQ(last.error().code, ErrorCode::kOverloaded);
  EXPECT_GE(accepted, kQueueItemsMax);
  EXPECT_LE(accepted, kQueueItemsMax + 1 + kAheadMailsMax) << "one at work, and those put ahead";
  EXPECT_LE(pool->waiting(), kQueueItemsMax);
}

TEST(PoolTest, QueueBytesBeyondTheMaximumAreRefused) {
  const std::unique_ptr<Pool> pool = StartPool(Options(NOROSHI_HOSTILE_WORKER));
  Collector collector;
  const std::string big = MailSubmission("hang " + std::string(20 * 1024 * 1024, 'x'));
  size_t accepted = 0;
  while (accepted < 20 && pool->Submit({accepted, big, WorkKind::kMail}, collector.done()).ok()) {
    ++accepted;
  }
  EXPECT_GE(accepted, kQueueBytesMax / big.size());
  EXPECT_LE(accepted, kQueueBytesMax / big.size() + 1);
}

}  // namespace
}  // namespace noroshi::analysis
