#include "agent/sinks/sink.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "agent/sinks/render.h"
#include "agent/spool/inbox.h"
#include "common/log/log.h"

namespace noroshi::sinks {
namespace {

constexpr uint32_t kFileMode = 0600;
constexpr size_t kCursorBytesMax = 32;
// Longer than any line that we write: a frame holds 256 KiB, JSON escapes at most sixfold.
constexpr off_t kTailBytes = 2 * 1024 * 1024;

Result<void> WriteAll(int fd, std::string_view text, const std::string& what) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return ErrnoError("write " + what);
    text.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

Result<uint64_t> ReadCursor(FileSystem& files, const std::string& path) {
  const auto text = files.Read(path, kCursorBytesMax);
  if (!text.ok() && text.error().code == ErrorCode::kNotFound) return uint64_t{0};
  if (!text.ok()) return text.error();
  uint64_t cursor = 0;
  const auto parsed = std::from_chars(text->data(), text->data() + text->size(), cursor);
  if (parsed.ec != std::errc{}) return Error{ErrorCode::kCorruption, path + ": not a number"};
  return cursor;
}

}  // namespace

Result<uint64_t> LastIndexInFile(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return uint64_t{0};
  if (fd < 0) return ErrnoError("open " + path);
  struct Closer {
    int fd;
    ~Closer() { ::close(fd); }
  } closer{fd};
  struct stat info {};
  if (::fstat(fd, &info) != 0) return ErrnoError("stat " + path);
  if (!S_ISREG(info.st_mode)) return uint64_t{0};
  const off_t start = std::max<off_t>(0, info.st_size - kTailBytes);
  std::string tail(static_cast<size_t>(info.st_size - start), '\0');
  const ssize_t got = ::pread(fd, tail.data(), tail.size(), start);
  if (got < 0 || static_cast<size_t>(got) != tail.size()) return ErrnoError("read " + path);
  const size_t end = tail.rfind('\n');
  const size_t whole = end == std::string::npos ? 0 : end + 1;
  if (whole < tail.size() && ::ftruncate(fd, start + static_cast<off_t>(whole)) != 0)
    return ErrnoError("cut " + path);
  if (whole == 0) return uint64_t{0};
  const size_t before = end == 0 ? std::string::npos : tail.rfind('\n', end - 1);
  const size_t begin = before == std::string::npos ? 0 : before + 1;
  boost::json::error_code error;
  const auto line = boost::json::parse(tail.substr(begin, end - begin), error);
  if (error || !line.is_object()) return uint64_t{0};  // Somebody else's line.
  const auto* index = line.get_object().if_contains("index");
  return index != nullptr && index->is_int64() ? static_cast<uint64_t>(index->get_int64()) : 0;
}

struct Sink::Impl {
  Impl(FileSystem& f, spool::Inbox i, SinkOptions o)
      : files(f), inbox(std::move(i)), options(std::move(o)) {}

  void Loop();
  Result<bool> Step();
  Result<void> PassOn(const std::vector<spool::InboxItem>& items);
  Result<void> RunFor(const spool::InboxItem& item);
  Result<void> Write(const std::string& lines);
  Result<void> StoreCursor(uint64_t index);

  FileSystem& files;
  spool::Inbox inbox;
  SinkOptions options;
  std::string cursor_path;
  uint64_t cursor = 0;
  int tries = 0;      // Of the present item.
  bool torn = false;  // The file may end in half a line of ours.
  int stop_fd = -1;

  std::mutex mutex;
  std::condition_variable changed;
  uint64_t wakes = 1;  // Counts Wake(); the first look needs none.
  uint64_t seen = 0;   // Wakes after which everything was passed on.
  bool stopping = false;
  std::thread thread;
};

Sink::Sink(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Sink>> Sink::Start(FileSystem& files, const std::string& inbox_folder,
                                          SinkOptions options) {
  NOROSHI_ASSIGN_OR_RETURN(auto inbox, spool::Inbox::Open(files, inbox_folder));
  auto impl = std::make_unique<Impl>(files, std::move(inbox), std::move(options));
  const std::string cursors = inbox_folder + "/cursors";
  NOROSHI_RETURN_IF_ERROR(files.MakeFolder(cursors, 0700));
  impl->cursor_path = cursors + "/" + impl->options.name;
  NOROSHI_ASSIGN_OR_RETURN(impl->cursor, ReadCursor(files, impl->cursor_path));
  if (impl->options.kind == SinkKind::kFile) {
    NOROSHI_ASSIGN_OR_RETURN(const uint64_t last, LastIndexInFile(impl->options.path));
    impl->cursor = std::max(impl->cursor, last);
  }
  impl->stop_fd = ::eventfd(0, EFD_CLOEXEC);
  if (impl->stop_fd < 0) return ErrnoError("eventfd");
  Impl* raw = impl.get();
  impl->thread = std::thread([raw] { raw->Loop(); });
  return std::unique_ptr<Sink>(new Sink(std::move(impl)));
}

Sink::~Sink() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
    const uint64_t one = 1;
    // Cannot fail: the counter is far from its end.
    [[maybe_unused]] const ssize_t written = ::write(impl_->stop_fd, &one, sizeof one);
  }
  impl_->changed.notify_all();
  impl_->thread.join();
  ::close(impl_->stop_fd);
}

void Sink::Wake() {
  const std::lock_guard lock(impl_->mutex);
  ++impl_->wakes;
  impl_->changed.notify_all();
}

bool Sink::WaitUntilDone(std::chrono::milliseconds time) {
  std::unique_lock lock(impl_->mutex);
  return impl_->changed.wait_for(lock, time, [&] { return impl_->seen == impl_->wakes; });
}

void Sink::Impl::Loop() {
  auto wait = kRetryInitial;
  std::unique_lock lock(mutex);
  while (!stopping) {
    const uint64_t looked = wakes;
    lock.unlock();
    const auto step = Step();
    lock.lock();
    if (!step.ok()) {
      if (step.error().code == ErrorCode::kClosed) continue;
      Log(Level::kWarning, "sink_failed",
          {{"sink", options.name}, {"error", step.error().message}, {"tries", tries}});
      changed.wait_for(lock, wait, [&] { return stopping; });
      wait = std::min(wait * 2, kRetryLongest);
      continue;
    }
    wait = kRetryInitial;
    if (*step) continue;  // There may be more.
    seen = looked;
    changed.notify_all();
    changed.wait(lock, [&] { return stopping || wakes != seen; });
  }
}

// Passes on the next items. False: there were none.
Result<bool> Sink::Impl::Step() {
  if (torn) {
    NOROSHI_ASSIGN_OR_RETURN(const uint64_t written, LastIndexInFile(options.path));
    cursor = std::max(cursor, written);
    torn = false;
  }
  uint64_t last = cursor;
  const size_t max = options.kind == SinkKind::kCommand ? 1 : kItemsPerStep;
  NOROSHI_ASSIGN_OR_RETURN(auto items, inbox.After(cursor, max, &last));
  if (last == cursor) return false;
  if (!options.updates)
    std::erase_if(items, [](const spool::InboxItem& item) { return item.delivery.has_update(); });
  NOROSHI_RETURN_IF_ERROR(PassOn(items));
  NOROSHI_RETURN_IF_ERROR(StoreCursor(last));
  cursor = last;
  tries = 0;
  return true;
}

Result<void> Sink::Impl::PassOn(const std::vector<spool::InboxItem>& items) {
  if (items.empty()) return {};
  if (options.kind == SinkKind::kCommand) return RunFor(items.front());
  std::string lines;
  for (const auto& item : items) lines += boost::json::serialize(ToJson(item)) + "\n";
  return Write(lines);
}

Result<void> Sink::Impl::RunFor(const spool::InboxItem& item) {
  const auto ran = RunCommand(options.command, boost::json::serialize(ToJson(item)) + "\n",
                              options.timeout, stop_fd);
  if (ran.ok() || ran.error().code == ErrorCode::kClosed || ++tries < kCommandTries) return ran;
  Log(Level::kError, "sink_gave_up",
      {{"sink", options.name}, {"index", item.index}, {"error", ran.error().message}});
  return {};
}

Result<void> Sink::Impl::Write(const std::string& lines) {
  if (options.kind == SinkKind::kStdout) return WriteAll(STDOUT_FILENO, lines, "standard output");
  // Opened anew each time, so that it may be rotated.
  const int fd = ::open(options.path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, kFileMode);
  if (fd < 0) return ErrnoError("open " + options.path);
  auto written = WriteAll(fd, lines, options.path);
  if (written.ok() && ::fdatasync(fd) != 0) written = ErrnoError("sync " + options.path);
  ::close(fd);
  torn = !written.ok();
  return written;
}

Result<void> Sink::Impl::StoreCursor(uint64_t index) {
  return files.WriteDurably(cursor_path, std::to_string(index) + "\n", kFileMode);
}

}  // namespace noroshi::sinks
