#include "hub/rocks/rocks.h"

#include <rocksdb/env.h>
#include <rocksdb/listener.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>

#include "common/log/log.h"

namespace noroshi::rocks {
namespace {

constexpr uint64_t kKiB = 1024;
constexpr uint64_t kMiB = 1024 * kKiB;
// RocksDB starts them once for each family at every opening, even without a file;
// its default of 16 costs more than the few dozen files of a hub.
constexpr int kFileOpeningThreads = 2;

class ForwardingLogger final : public rocksdb::Logger {
 public:
  explicit ForwardingLogger(const char* event)
      : Logger(rocksdb::InfoLogLevel::WARN_LEVEL), event_(event) {}
  using Logger::Logv;
  __attribute__((format(printf, 2, 0))) void Logv(const char* format, va_list arguments) override {
    char text[kLogValueBytesMax];
    std::vsnprintf(text, sizeof text, format, arguments);
    for (size_t n = std::strlen(text); n > 0 && text[n - 1] == '\n'; --n) text[n - 1] = 0;
    Log(Level::kWarning, event_, {{"message", text}});
  }

 private:
  const char* const event_;
};

class StoppingListener final : public rocksdb::EventListener {
 public:
  explicit StoppingListener(std::function<void(const std::string&)> failed)
      : failed_(std::move(failed)) {}
  void OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status* status) override {
    if (failed_) failed_(status->ToString());
  }
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status,
                            bool* auto_recovery) override {
    *auto_recovery = false;
  }

 private:
  const std::function<void(const std::string&)> failed_;
};

}  // namespace

Sizes SizesFor(uint64_t reserve_bytes) {
  const auto share = [reserve_bytes](uint64_t part, uint64_t least, uint64_t most) {
    return std::clamp(reserve_bytes / part, least, most);
  };
  Sizes sizes;
  sizes.wal_bytes_max = share(2, 4 * kMiB, 128 * kMiB);  // About a second of opening.
  sizes.large_buffer_bytes = share(4, kMiB, 64 * kMiB);
  sizes.small_buffer_bytes = share(16, 256 * kKiB, 16 * kMiB);
  sizes.file_bytes = share(4, kMiB, 64 * kMiB);
  sizes.level_bytes = share(1, 4 * kMiB, 256 * kMiB);
  sizes.compaction_bytes_max = share(1, 4 * kMiB, 256 * kMiB);
  return sizes;
}

void Apply(const Sizes& sizes, uint64_t buffer_bytes, rocksdb::ColumnFamilyOptions* options) {
  options->write_buffer_size = buffer_bytes;
  options->target_file_size_base = sizes.file_bytes;
  options->max_bytes_for_level_base = sizes.level_bytes;
  options->max_compaction_bytes = sizes.compaction_bytes_max;
}

void Prepare(const char* event, std::function<void(const std::string& what)> failed,
             rocksdb::DBOptions* options) {
  options->max_bgerror_resume_count = 0;
  options->listeners.push_back(std::make_shared<StoppingListener>(std::move(failed)));
  options->info_log = std::make_shared<ForwardingLogger>(event);
  options->stats_dump_period_sec = 0;
  options->stats_persist_period_sec = 0;
  options->allow_fallocate = false;
  options->max_file_opening_threads = kFileOpeningThreads;
}

}  // namespace noroshi::rocks
