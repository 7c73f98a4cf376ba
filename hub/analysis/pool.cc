#include "hub/analysis/pool.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

#include "common/log/log.h"
#include "common/runtime/priority.h"
#include "hub/analysis/analysis.h"
#include "hub/analysis/child.h"

namespace noroshi::analysis {
namespace {

// How often one looks for a child's answers in a backlog. Most mails are read in less than a
// millisecond, and to be woken by each answer costs a good part of that.
constexpr std::chrono::milliseconds kGlance{2};

struct Item {
  Work work;
  Pool::Done done;
};

// A mail that was taken from the queue.
struct Mail {
  explicit Mail(Item from) : item(std::move(from)) {
    if (!submission.ParseFromString(item.work.submission)) submission.Clear();
  }
  std::string_view raw() const { return submission.mail().raw(); }

  Item item;
  v1::Submission submission;  // Without a mail if the bytes hold none.
  bool put = false;           // Before the child.
};

class ProcessPool : public Pool {
 public:
  ProcessPool(PoolOptions options, int stop_fd) : options_(std::move(options)), stop_fd_(stop_fd) {
    threads_.emplace_back([this] { Run(/*takes_mails=*/false); });
    for (int i = 0; i < options_.workers; ++i) {
      threads_.emplace_back([this] { Run(/*takes_mails=*/true); });
    }
  }

  ~ProcessPool() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    const uint64_t one = 1;
    NOROSHI_CHECK(write(stop_fd_, &one, sizeof(one)) == sizeof(one));
    spare_wake_.notify_all();
    mailers_wake_.notify_all();
    stop_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    close(stop_fd_);
  }

  Result<void> Submit(Work work, Done done) override {
    const std::lock_guard lock(mutex_);
    if (waiting_ >= kQueueItemsMax) {
      return Error{ErrorCode::kOverloaded, "kQueueItemsMax: the analysis queue is full"};
    }
    // One body always fits an empty queue.
    if (waiting_ > 0 && waiting_bytes_ + work.submission.size() > kQueueBytesMax) {
      return Error{ErrorCode::kOverloaded, "kQueueBytesMax: the analysis queue is full"};
    }
    ++waiting_;
    waiting_bytes_ += work.submission.size();
    const bool mail = work.kind == WorkKind::kMail;
    std::deque<Item>& queue = queues_[static_cast<size_t>(work.kind)];
    queue.push_back({std::move(work), std::move(done)});
    // Nobody wakes for what he does not take: a wake-up costs as much as a short mail.
    const bool to_spare = !mail && std::exchange(spare_rests_, false);
    (to_spare ? spare_wake_ : mailers_wake_).notify_one();
    return {};
  }

  size_t waiting() const override {
    const std::lock_guard lock(mutex_);
    return waiting_;
  }

  uint64_t children_started() const override { return children_started_; }

 private:
  // A worker's own child and what it learned about children.
  struct Mailer {
    std::unique_ptr<Child> child;
    int failures = 0;  // In a row.
    // The mails after the one under way: put before the child already, so that it need not
    // be woken for each.
    std::deque<Mail> ahead;
    size_t ahead_bytes = 0;
  };

  void Run(bool takes_mails) {
    pthread_setname_np(pthread_self(), "analyse");
    StandBack();  // A receipt comes before what is found in a report.
    Mailer mailer;
    // The first mail need not wait for a process to start. What goes wrong here
    // comes again, and is said, with that mail.
    if (takes_mails && !EnsureChild(&mailer).ok()) mailer.child.reset();
    for (;;) {
      std::optional<Mail> mail = FromAhead(&mailer);
      if (!mail) {
        std::optional<Item> item = Next(takes_mails);
        if (!item) return;  // Stopping.
        if (item->work.kind != WorkKind::kMail) {
          item->done(item->work.sequence, AnalyseHere(item->work));
          continue;
        }
        mail.emplace(std::move(*item));
      }
      std::optional<std::string> result = AnalyseMail(&*mail, &mailer);
      if (!result) return;  // Stopping.
      mail->item.done(mail->item.work.sequence, std::move(*result));
    }
  }

  std::optional<Item> Next(bool takes_mails) {
    std::unique_lock lock(mutex_);
    for (;;) {
      if (stopping_) return std::nullopt;
      for (size_t kind = 0; kind < queues_.size(); ++kind) {
        const bool mail = kind == static_cast<size_t>(WorkKind::kMail);
        if (!queues_[kind].empty() && (!mail || takes_mails)) return Take(&queues_[kind]);
      }
      if (takes_mails) {
        mailers_wake_.wait(lock);
      } else {
        spare_rests_ = true;
        spare_wake_.wait(lock);
        spare_rests_ = false;
      }
    }
  }

  // REQUIRES: mutex_ is held.
  Item Take(std::deque<Item>* queue) {
    Item item = std::move(queue->front());
    queue->pop_front();
    --waiting_;
    waiting_bytes_ -= item.work.submission.size();
    return item;
  }

  // In a backlog a mail that is short enough to be put ahead, if nothing comes before it.
  std::optional<Mail> NextAhead(size_t room) {
    const std::lock_guard lock(mutex_);
    std::deque<Item>& mails = queues_[static_cast<size_t>(WorkKind::kMail)];
    const bool backlog = mails.size() > static_cast<size_t>(options_.workers);
    if (stopping_ || !backlog || !queues_[static_cast<size_t>(WorkKind::kIncident)].empty() ||
        mails.front().work.submission.size() > room) {
      return std::nullopt;
    }
    return Mail(Take(&mails));
  }

  static std::optional<Mail> FromAhead(Mailer* mailer) {
    if (mailer->ahead.empty()) return std::nullopt;
    Mail mail = std::move(mailer->ahead.front());
    mailer->ahead.pop_front();
    mailer->ahead_bytes -= mail.item.work.submission.size();
    return mail;
  }

  static std::string Finish(v1::AnalysisResult result, uint64_t sequence) {
    result.set_subject_sequence(sequence);
    return result.SerializeAsString();
  }

  static std::string AnalyseHere(const Work& work) {
    return Finish(AnalyseBytes(work.submission, BuiltinRules()), work.sequence);
  }

  // nullopt: the pool stops.
  std::optional<std::string> AnalyseMail(Mail* mail, Mailer* mailer) {
    const Work& work = mail->item.work;
    if (!mail->submission.has_mail()) return AnalyseHere(work);
    Result<std::string> answer = AskChild(mail, mailer);
    if (!answer.ok() && answer.error().code == ErrorCode::kClosed) return std::nullopt;
    v1::AnalysisResult result;
    // What comes from a child is as hostile as the mail.
    if (answer.ok() && !result.ParseFromString(*answer)) {
      GiveUpChild(mailer);
      answer = Error{ErrorCode::kInternal, "answer: the process answered with something else"};
    }
    if (!answer.ok()) {
      Log(Level::kWarning, "mail_analysis_failed",
          {{"sequence", work.sequence}, {"error", answer.error().message}});
      result = FailedResult(answer.error().message);
    }
    FinishMail(mail->submission.mail(), BuiltinRules(), &result);
    return Finish(std::move(result), work.sequence);
  }

  bool MayBeAsked(const Child& child) const {
    return child.asked() < kMailsPerChild && child.age() < options_.child_age_max;
  }

  Result<void> EnsureChild(Mailer* mailer) {
    if (mailer->child != nullptr && MayBeAsked(*mailer->child)) return {};
    mailer->child.reset();
    NOROSHI_RETURN_IF_ERROR(BackOff(mailer->failures));
    Result<std::unique_ptr<Child>> child =
        Child::Start(options_.worker_command, kStartDeadline, stop_fd_);
    if (!child.ok()) {
      ++mailer->failures;
      return child.error();
    }
    ++children_started_;
    mailer->child = std::move(*child);
    return {};
  }

  Result<std::string> AskChild(Mail* mail, Mailer* mailer) {
    if (!mail->put) NOROSHI_RETURN_IF_ERROR(EnsureChild(mailer));
    Result<std::string> answer = Converse(mail, mailer);
    if (answer.ok()) {
      mailer->failures = 0;
    } else {
      ++mailer->failures;
      GiveUpChild(mailer);
    }
    return answer;
  }

  static void GiveUpChild(Mailer* mailer) {
    mailer->child.reset();
    for (Mail& mail : mailer->ahead) mail.put = false;  // The next child's.
  }

  Result<std::string> Converse(Mail* mail, Mailer* mailer) {
    NOROSHI_RETURN_IF_ERROR(Put(mail, mailer->child.get()));
    NOROSHI_RETURN_IF_ERROR(PutAhead(mailer));
    // With work before it the child need not wake this thread for each answer.
    const auto glance = mailer->ahead.empty() ? std::chrono::milliseconds(0) : kGlance;
    return mailer->child->Answer(options_.mail_deadline, stop_fd_, glance);
  }

  // First what the last child left, then what waits.
  Result<void> PutAhead(Mailer* mailer) {
    for (Mail& mail : mailer->ahead) NOROSHI_RETURN_IF_ERROR(Put(&mail, mailer->child.get()));
    while (MayBeAsked(*mailer->child) && mailer->ahead.size() < kAheadMailsMax) {
      std::optional<Mail> next = NextAhead(kAheadBytesMax - mailer->ahead_bytes);
      if (!next) return {};
      mailer->ahead_bytes += next->item.work.submission.size();
      mailer->ahead.push_back(std::move(*next));
      NOROSHI_RETURN_IF_ERROR(Put(&mailer->ahead.back(), mailer->child.get()));
    }
    return {};
  }

  Result<void> Put(Mail* mail, Child* child) {
    if (mail->put || !mail->submission.has_mail()) return {};
    mail->put = true;
    return child->Put(mail->raw(), options_.mail_deadline, stop_fd_);
  }

  // Before the next start after `failures` deaths in a row.
  Result<void> BackOff(int failures) {
    if (failures == 0) return {};
    const int doublings = std::min(failures - 1, 16);
    const auto pause = std::min(options_.back_off_max, options_.back_off_first * (1 << doublings));
    std::unique_lock lock(mutex_);
    if (stop_.wait_for(lock, pause, [this] { return stopping_; })) {
      return Error{ErrorCode::kClosed, "cancelled"};
    }
    return {};
  }

  const PoolOptions options_;
  const int stop_fd_;  // Readable once the pool stops.
  mutable std::mutex mutex_;
  std::condition_variable mailers_wake_;
  std::condition_variable spare_wake_;  // Of the thread that takes no mails.
  bool spare_rests_ = false;            // It waits, and was not called yet.
  std::condition_variable stop_;
  std::array<std::deque<Item>, 3> queues_;  // By WorkKind.
  size_t waiting_ = 0;
  size_t waiting_bytes_ = 0;
  bool stopping_ = false;
  std::atomic<uint64_t> children_started_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace

Result<std::unique_ptr<Pool>> Pool::Start(PoolOptions options) {
  NOROSHI_CHECK(options.workers >= 1);
  const int stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (stop_fd < 0) return ErrnoError("eventfd");
  BuiltinRules();  // Compiled before the first report waits for them.
  return std::unique_ptr<Pool>(new ProcessPool(std::move(options), stop_fd));
}

}  // namespace noroshi::analysis
