#include "hub/app/analyze.h"

#include <unistd.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "common/base/encoding.h"
#include "hub/analysis/pool.h"
#include "hub/app/mail_sources.h"
#include "hub/campaign/memory_index.h"
#include "hub/render/mail.h"

namespace noroshi::app {
namespace {

namespace json = boost::json;
using Steady = std::chrono::steady_clock;

constexpr auto kProgressEvery = std::chrono::milliseconds(200);
constexpr int kProgressWidth = 40;

// A bar on a terminal, nothing elsewhere.
class Progress {
 public:
  Progress(std::FILE* terminal, uint64_t total_bytes)
      : terminal_(isatty(fileno(terminal)) == 1 ? terminal : nullptr), total_(total_bytes) {}
  ~Progress() {
    if (terminal_ != nullptr) std::fputs("\r\033[K", terminal_);
  }

  void Add(uint64_t bytes) {
    done_ += bytes;
    ++mails_;
    if (terminal_ == nullptr || Steady::now() - shown_ < kProgressEvery) return;
    shown_ = Steady::now();
    if (total_ == 0) {
      std::fprintf(terminal_, "\r%llu mails", static_cast<unsigned long long>(mails_));
    } else {
      const auto filled = static_cast<int>(std::min(done_, total_) * kProgressWidth / total_);
      std::fprintf(terminal_, "\r[%s%s] %3d%% %llu mails", std::string(filled, '#').c_str(),
                   std::string(kProgressWidth - filled, '.').c_str(), filled * 100 / kProgressWidth,
                   static_cast<unsigned long long>(mails_));
    }
    std::fflush(terminal_);
  }

 private:
  std::FILE* const terminal_;
  const uint64_t total_;
  uint64_t done_ = 0;
  uint64_t mails_ = 0;
  Steady::time_point shown_;
};

// A mail on its way through the pool.
struct Slot {
  SourcedMail mail;  // Without its bytes.
  std::optional<std::string> result;
};

class Run {
 public:
  Run(const AnalyzeRequest& request, MailSources* sources, std::FILE* out, Progress* progress)
      : request_(request), sources_(*sources), out_(out), progress_(*progress) {}

  Result<void> Analyze(analysis::Pool* pool) {
    while (std::optional<SourcedMail> mail = sources_.Next()) {
      while (slots_.size() >= kAnalyzeWindowMax) PrintFirst();
      if (auto taken = Submit(*std::move(mail), pool); !taken.ok()) return taken;
      while (!slots_.empty() && FirstIsDone()) PrintFirst();
    }
    while (!slots_.empty()) PrintFirst();
    if (std::fflush(out_) != 0 || std::ferror(out_) != 0) return ErrnoError("write");
    if (unreadable_ == 0) return {};
    return Error{ErrorCode::kIo, std::to_string(unreadable_) + " files could not be read"};
  }

 private:
  Result<void> Submit(SourcedMail mail, analysis::Pool* pool) {
    v1::Submission submission;
    submission.mutable_mail()->set_raw(std::move(mail.raw));
    const auto slot = std::make_shared<Slot>();
    slot->mail = std::move(mail);
    if (!slot->mail.error.empty()) {
      slot->result = std::string();
      slots_.push_back(slot);
      return {};
    }
    for (;;) {
      auto submitted = pool->Submit(
          {0, submission.SerializeAsString(), analysis::WorkKind::kMail},
          [this, slot](uint64_t, std::string result) { Done(slot, std::move(result)); });
      if (submitted.ok()) slots_.push_back(slot);
      if (submitted.ok() || submitted.error().code != ErrorCode::kOverloaded) return submitted;
      PrintFirst();  // The queue is full of others.
    }
  }

  void Done(const std::shared_ptr<Slot>& slot, std::string result) {
    const std::lock_guard lock(mutex_);
    slot->result = std::move(result);
    if (slot == awaited_) done_.notify_one();
  }

  void Await(const std::shared_ptr<Slot>& slot) {
    std::unique_lock lock(mutex_);
    awaited_ = slot;
    done_.wait(lock, [&] { return slot->result.has_value(); });
  }

  bool FirstIsDone() {
    const std::lock_guard lock(mutex_);
    return slots_.front()->result.has_value();
  }

  void PrintFirst() {
    // One in the middle first: to be woken for each mail costs more than to print it.
    Await(slots_[slots_.size() / 2]);
    const std::shared_ptr<Slot> slot = std::move(slots_.front());
    slots_.pop_front();
    Await(slot);
    v1::AnalysisResult result;
    if (!slot->mail.error.empty()) {
      ++unreadable_;
      result.set_error(slot->mail.error);
    } else if (!result.ParseFromString(*slot->result)) {
      result.set_error("answer: not readable");
    }
    Print(slot->mail, result);
    progress_.Add(slot->mail.bytes);
  }

  void Print(const SourcedMail& mail, const v1::AnalysisResult& result) {
    ++mails_;
    if (request_.explain) files_[mails_] = mail.file;
    const campaign::Decision decision = Group(result);
    std::string line;
    if (request_.jsonl) {
      line = json::serialize(ToJson(mail, decision, result));
    } else {
      line = GroupName(decision) + '\t' + std::string(render::MailKindWord(result.mail().kind())) +
             '\t' + mail.file + '\t' + json::serialize(json::string(result.mail().subject()));
      if (!result.error().empty()) line += '\t' + result.error();
    }
    line.push_back('\n');
    std::fwrite(line.data(), 1, line.size(), out_);
  }

  // The campaign within this run, numbered by its first mail.
  campaign::Decision Group(const v1::AnalysisResult& result) {
    campaign::Decision decision;
    if (!result.has_mail()) return decision;
    const v1::MailSketch& sketch = result.mail().sketch();
    // Nothing fails in memory.
    decision = campaign::Decide(sketch, index_).value();
    if (decision.case_id == 0) decision.case_id = mails_;
    campaign::Record(sketch, mails_, decision.case_id, decision.variant, true, &index_).value();
    return decision;
  }

  static std::string GroupName(const campaign::Decision& decision) {
    return decision.case_id == 0 ? "-" : "g" + std::to_string(decision.case_id);
  }

  json::object ToJson(const SourcedMail& mail, const campaign::Decision& decision,
                      const v1::AnalysisResult& result) const {
    json::object object{{"file", mail.file}, {"sha256", ToHex(mail.sha256)}};
    object["group"] =
        decision.case_id == 0 ? json::value(nullptr) : json::value(GroupName(decision));
    if (request_.explain) {
      json::array links;
      for (const v1::CampaignLink& link : decision.links) {
        links.emplace_back(render::ToJson(link));
        links.back().as_object()["like"] = files_.at(link.submission());
      }
      object["group_links"] = std::move(links);
    }
    json::object facts = render::ToJson(result.mail());
    for (auto& [name, value] : facts) object[name] = std::move(value);
    object["error"] = result.error().empty() ? json::value(nullptr) : json::value(result.error());
    return object;
  }

  const AnalyzeRequest& request_;
  MailSources& sources_;
  std::FILE* const out_;
  Progress& progress_;
  std::deque<std::shared_ptr<Slot>> slots_;  // In order of the input.
  campaign::MemoryIndex index_;
  uint64_t mails_ = 0;                     // Printed, the one under way included.
  std::map<uint64_t, std::string> files_;  // By number, if links are to be explained.
  size_t unreadable_ = 0;
  std::mutex mutex_;               // Of the slots' results and awaited_.
  std::shared_ptr<Slot> awaited_;  // The one whose end wakes Await.
  std::condition_variable done_;
};

}  // namespace

Result<void> AnalyzeMails(const AnalyzeRequest& request, std::istream* standard, std::FILE* out,
                          std::FILE* progress) {
  NOROSHI_ASSIGN_OR_RETURN(MailSources sources, MailSources::Open(request.paths, standard));
  analysis::PoolOptions options;
  options.worker_command = request.worker_command;
  options.workers = request.workers > 0
                        ? request.workers
                        : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  Progress bar(progress, sources.total_bytes());
  Run run(request, &sources, out, &bar);
  // Ends before the run that its callbacks know.
  NOROSHI_ASSIGN_OR_RETURN(const auto pool, analysis::Pool::Start(std::move(options)));
  return run.Analyze(pool.get());
}

}  // namespace noroshi::app
