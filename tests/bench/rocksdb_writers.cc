#include "tests/bench/rocksdb_writers.h"

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <filesystem>
#include <memory>
#include <random>
#include <thread>

namespace noroshi::bench {
namespace {

using Steady = std::chrono::steady_clock;

constexpr size_t kKeyBytes = 16;

struct Written {
  uint64_t records = 0;
  std::vector<double> latencies_ms;
  rocksdb::Status status;
};

Written Write(rocksdb::DB* db, const RocksDbLoad& load, uint64_t seed, Steady::time_point end) {
  std::mt19937_64 random(seed);
  std::string key(kKeyBytes, '\0');
  std::string value(load.record_bytes - kKeyBytes, '\0');
  for (char& byte : value) byte = static_cast<char>(random());
  rocksdb::WriteOptions synced;
  synced.sync = true;
  Written written;
  for (auto now = Steady::now(); now < end && written.status.ok();) {
    rocksdb::WriteBatch batch;
    for (size_t i = 0; i < load.batch; ++i) {
      for (char& byte : key) byte = static_cast<char>(random());
      batch.Put(key, value);
    }
    written.status = db->Write(synced, &batch);
    const auto after = Steady::now();
    written.latencies_ms.push_back(std::chrono::duration<double, std::milli>(after - now).count());
    written.records += load.batch;
    now = after;
  }
  return written;
}

}  // namespace

Result<Figures> RunRocksDb(const Options& options, const RocksDbLoad& load) {
  const std::string folder = options.folder + "/rocksdb";
  rocksdb::Options db_options;
  db_options.create_if_missing = true;
  db_options.error_if_exists = true;
  db_options.compression = rocksdb::kNoCompression;
  rocksdb::DB* opened = nullptr;
  if (const auto status = rocksdb::DB::Open(db_options, folder, &opened); !status.ok()) {
    return Error{ErrorCode::kIo, status.ToString()};
  }
  std::unique_ptr<rocksdb::DB> db(opened);
  std::vector<Written> written(load.threads);
  std::vector<std::thread> threads;
  const auto start = Steady::now();
  for (size_t i = 0; i < load.threads; ++i) {
    threads.emplace_back([&, i] { written[i] = Write(db.get(), load, i, start + options.round); });
  }
  for (auto& thread : threads) thread.join();
  const double seconds = std::chrono::duration<double>(Steady::now() - start).count();
  db.reset();
  std::filesystem::remove_all(folder);
  uint64_t records = 0;
  std::vector<double> latencies;
  for (const Written& one : written) {
    if (!one.status.ok()) return Error{ErrorCode::kIo, one.status.ToString()};
    records += one.records;
    latencies.insert(latencies.end(), one.latencies_ms.begin(), one.latencies_ms.end());
  }
  return Figures{{"writes_per_s", static_cast<double>(records) / seconds},
                 {"p50_ms", Percentile(&latencies, 0.5)},
                 {"p99_ms", Percentile(&latencies, 0.99)}};
}

}  // namespace noroshi::bench
