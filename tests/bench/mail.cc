// mail: suspicious mails a second and core, all facts and grouping included, beside
// Python's mail parser; and whether one mail costs more when the hub knows many.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <random>

#include "common/base/encoding.h"
#include "common/base/uuid.h"
#include "hub/engine/engine.h"
#include "tests/bench/bench.h"
#include "tests/bench/cpu.h"
#include "tests/bench/programs.h"
#include "tests/support/process.h"

namespace noroshi::bench {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::minutes kTimeout{10};
constexpr size_t kMailsWanted = 5'000;  // Of one round: starting costs little beside so many.
constexpr size_t kStoredMails = 1'000'000;
constexpr size_t kMeasuredMails = 2'000;  // At each size.
constexpr size_t kBatchMails = 64;

constexpr const char* kPython = R"(
import email, email.policy, sys
n = 0
for _ in range(int(sys.argv[1])):
    for path in sys.argv[2:]:
        with open(path, 'rb') as f:
            m = email.message_from_binary_file(f, policy=email.policy.default)
        for part in m.walk():
            try:
                if not part.is_multipart(): part.get_content()
            except Exception: pass
        try: str(m['Subject']), str(m['From'])
        except Exception: pass
        n += 1
print(n)
)";

// CPU of children that have ended, theirs included.
double ChildrenCpuSeconds() {
  rusage usage{};
  ::getrusage(RUSAGE_CHILDREN, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Runs a command that prints a line for each mail, or their number, and returns its CPU.
Result<double> CpuOf(const std::vector<std::string>& argv, size_t mails) {
  const double before = ChildrenCpuSeconds();
  NOROSHI_ASSIGN_OR_RETURN(const auto output, support::RunCommand(argv, "", kTimeout));
  const auto lines = static_cast<size_t>(std::count(output.out.begin(), output.out.end(), '\n'));
  if (output.status != 0 || (lines != mails && output.out != std::to_string(mails) + '\n')) {
    return Error{ErrorCode::kInternal, argv[0] + ": " + output.err};
  }
  return ChildrenCpuSeconds() - before;
}

// ---- one mail among many ----

// Mails of made-up campaigns, as their analysis would record them: half are new, half
// a variant of one of the newest thousand.
class Stream {
 public:
  // The entries of the next mail: its submission and its analysis.
  void Append(std::vector<journal::Entry>* entries) {
    v1::Submission submission;
    std::array<uint8_t, 10> bytes{};
    for (auto& byte : bytes) byte = static_cast<uint8_t>(random_());
    submission.set_id(Uuid::MakeV7(time_ms_, bytes).bytes());
    submission.mutable_handling()->set_tlp(v1::TLP_GREEN);
    submission.mutable_mail()->set_raw("Subject: x\r\n\r\nx");
    const std::string organization = "org" + std::to_string(random_() % 200);
    const uint64_t sequence =
        Add(v1::ENTRY_KIND_SUSPICIOUS_MAIL, submission, organization, submission.id(), entries);
    v1::AnalysisResult result;
    result.set_subject_sequence(sequence);
    result.set_outcome(v1::ANALYSIS_OUTCOME_COMPLETE);
    result.mutable_mail()->set_subject("x");
    Sketch(result.mutable_mail()->mutable_sketch());
    Add(v1::ENTRY_KIND_ANALYSIS_RESULT, result, "", "", entries);
    ++mails_;
  }

 private:
  uint64_t Add(v1::EntryKind kind, const google::protobuf::MessageLite& body,
               const std::string& organization, const std::string& id,
               std::vector<journal::Entry>* entries) {
    journal::Entry entry;
    entry.sequence = next_++;
    entry.header.set_sequence(entry.sequence);
    entry.header.set_time_ms(++time_ms_);
    entry.header.set_kind(kind);
    entry.header.set_organization(organization);
    entry.header.set_agent("a");
    entry.header.set_submission_id(id);
    entry.body = body.SerializeAsString();
    entries->push_back(std::move(entry));
    return next_ - 1;
  }

  void Sketch(v1::MailSketch* sketch) {
    const bool variant = mails_ > 0 && random_() % 2 == 0;
    const uint64_t campaign =
        variant ? campaigns_ - random_() % std::min<uint64_t>(campaigns_, 1000) : ++campaigns_;
    std::mt19937_64 of_campaign(campaign);
    for (int slot = 0; slot < 128; ++slot) {
      const auto common = static_cast<uint32_t>(of_campaign());
      const bool edited = random_() % 8 == 0;
      sketch->add_minhash(edited ? static_cast<uint32_t>(random_()) : common);
    }
    for (int i = 0; i < 4; ++i) {
      v1::MailTie* tie = sketch->add_ties();
      tie->set_kind(i == 0 ? v1::TIE_KIND_SUBJECT : v1::TIE_KIND_HOST);
      // One that many have, one of the campaign, and this mail's own.
      const uint64_t value = i == 0 ? campaign : i == 1 ? random_() % 100 : random_();
      tie->set_key(BigEndian64(static_cast<uint64_t>(i)) + BigEndian64(value));
    }
  }

  std::mt19937_64 random_{1};
  uint64_t next_ = 0;
  int64_t time_ms_ = 1'700'000'000'000;
  uint64_t mails_ = 0;
  uint64_t campaigns_ = 0;
};

class Growth {
 public:
  static Result<std::unique_ptr<Growth>> Open(const std::string& folder) {
    auto growth = std::unique_ptr<Growth>(new Growth());
    NOROSHI_ASSIGN_OR_RETURN(growth->store_, store::Store::Open({folder + "/state"}));
    NOROSHI_ASSIGN_OR_RETURN(growth->engine_, engine::Engine::Create(growth->store_.get()));
    return growth;
  }

  // CPU seconds of one mail in the engine, with so many known.
  Result<double> MeasureAt(size_t stored) {
    while (mails_ < stored) NOROSHI_RETURN_IF_ERROR(Apply());
    const double before = ThreadCpuSeconds();
    const size_t first = mails_;
    double making = 0;
    while (mails_ < first + kMeasuredMails) {
      const double start = ThreadCpuSeconds();
      Make();
      making += ThreadCpuSeconds() - start;
      NOROSHI_RETURN_IF_ERROR(ApplyMade());
    }
    return (ThreadCpuSeconds() - before - making) / static_cast<double>(mails_ - first);
  }

 private:
  Growth() = default;
  void Make() {
    entries_.clear();
    for (size_t i = 0; i < kBatchMails; ++i) stream_.Append(&entries_);
    mails_ += kBatchMails;
  }
  Result<void> ApplyMade() {
    const auto applied = engine_->Apply(entries_);
    return applied.ok() ? Result<void>() : applied.error();
  }
  Result<void> Apply() {
    Make();
    return ApplyMade();
  }

  std::unique_ptr<store::Store> store_;
  std::unique_ptr<engine::Engine> engine_;
  Stream stream_;
  std::vector<journal::Entry> entries_;
  size_t mails_ = 0;
};

// ---- the corpus ----

Result<std::vector<std::string>> MailsOf(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".eml") files.push_back(entry.path().string());
  }
  if (error || files.empty()) {
    return Error{ErrorCode::kNotFound, folder + ": no .eml files (--mails FOLDER)"};
  }
  std::sort(files.begin(), files.end());
  return files;
}

class MailRounds {
 public:
  static Result<std::unique_ptr<MailRounds>> Prepare(const Options& options) {
    auto rounds = std::make_unique<MailRounds>();
    NOROSHI_ASSIGN_OR_RETURN(rounds->files_, MailsOf(options.mails));
    const size_t wanted = options.entries > 0 ? rounds->files_.size() : kMailsWanted;
    rounds->repeats_ = std::max<size_t>(1, wanted / rounds->files_.size());
    rounds->hub_ = options.hub_binary;
    NOROSHI_ASSIGN_OR_RETURN(rounds->python_, FindProgram("python3"));
    NOROSHI_ASSIGN_OR_RETURN(const auto growth, Growth::Open(options.folder));
    const size_t most = options.entries > 0 ? options.entries : kStoredMails;
    NOROSHI_ASSIGN_OR_RETURN(rounds->seconds_few_, growth->MeasureAt(most / 100));
    NOROSHI_ASSIGN_OR_RETURN(rounds->seconds_some_, growth->MeasureAt(most / 10));
    NOROSHI_ASSIGN_OR_RETURN(rounds->seconds_many_, growth->MeasureAt(most));
    return rounds;
  }

  Result<Figures> Ours() {
    std::vector<std::string> argv = {hub_, "analyze", "mail", "--jsonl", "--workers", "1"};
    for (size_t i = 0; i < repeats_; ++i) argv.insert(argv.end(), files_.begin(), files_.end());
    NOROSHI_ASSIGN_OR_RETURN(const double cpu, CpuOf(argv, mails()));
    // What `analyze` does, and the state of a hub that knows many.
    const double reading = cpu / static_cast<double>(mails());
    return Figures{{"mails", static_cast<double>(mails())},
                   {"mails_per_s_core", 1 / reading},
                   {"engine_us_at_1e4", seconds_few_ * 1e6},
                   {"engine_us_at_1e5", seconds_some_ * 1e6},
                   {"engine_us_at_1e6", seconds_many_ * 1e6},
                   {"us_at_1e4", (reading + seconds_few_) * 1e6},
                   {"us_at_1e5", (reading + seconds_some_) * 1e6},
                   {"us_at_1e6", (reading + seconds_many_) * 1e6}};
  }

  Result<Figures> Python() {
    std::vector<std::string> argv = {python_, "-c", kPython, std::to_string(repeats_)};
    argv.insert(argv.end(), files_.begin(), files_.end());
    NOROSHI_ASSIGN_OR_RETURN(const double cpu, CpuOf(argv, mails()));
    return Figures{{"mails_per_s_core", static_cast<double>(mails()) / cpu}};
  }

 private:
  size_t mails() const { return files_.size() * repeats_; }

  std::vector<std::string> files_;
  size_t repeats_ = 1;
  std::string hub_;
  std::string python_;
  double seconds_few_ = 0;
  double seconds_some_ = 0;
  double seconds_many_ = 0;
};

}  // namespace

Result<Report> RunMail(const Options& options) {
  NOROSHI_ASSIGN_OR_RETURN(const auto rounds, MailRounds::Prepare(options));
  Contest contest;
  contest.contenders = {{"ours", true, [&] { return rounds->Ours(); }},
                        {"python", false, [&] { return rounds->Python(); }}};
  contest.ratios = {{"mails_vs_python", "mails_per_s_core", "python", "mails_per_s_core"}};
  NOROSHI_ASSIGN_OR_RETURN(Report report, RunContest("mail", options, contest));
  const double ratio = report.ours.at("us_at_1e6").median / report.ours.at("us_at_1e4").median;
  report.ratios["time_at_1e6_vs_1e4"] = {ratio, ratio, ratio};
  if (options.entries > 0) {
    report.notes.push_back("at_1e4, at_1e5, at_1e6: with a hundredth, a tenth and all of " +
                           std::to_string(options.entries) + " stored mails");
  }
  return report;
}

}  // namespace noroshi::bench
