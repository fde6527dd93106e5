#include "coordinator/catalog/line_ingest.h"

#include <iterator>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "coordinator/catalog/packed_rows.h"

namespace gofarm::catalog {

absl::StatusOr<KeyedCounts> KeyLanded(const Scope& scope, store::Pool& pool, int64_t epoch,
                                      const KeyingOptions& options) {
  store::CatalogIndexStore store(pool);
  GOFARM_ASSIGN_OR_RETURN(const std::optional<domain::LandedHalf> half, store.CloseHalf(scope, epoch));
  if (!half.has_value()) return KeyedCounts{};
  Keyer keyer(scope, pool.options(), epoch, options, half);
  {
    GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<store::KeyingReader> reader,
                            store::KeyingReader::Open(scope, pool.options()));
    LineRun run;
    std::vector<IndexLine> lines;
    int64_t since_pause = 0;
    const auto add_page = [&](std::string_view packed) -> absl::Status {
      if (options.pace != nullptr && since_pause >= kBreatheEvery) {
        options.pace->Pass(scope);
        since_pause = 0;
      }
      lines.clear();
      GOFARM_RETURN_IF_ERROR(UnpackRows(packed, [&](std::string_view path, std::string_view version, int64_t micros) {
        lines.push_back({.path = path, .version = version, .micros = micros});
      }));
      run.Add(lines);
      since_pause += std::ssize(lines);
      return run.Full() ? keyer.Add(std::exchange(run, {})) : absl::OkStatus();
    };
    GOFARM_RETURN_IF_ERROR_CTX(reader->Landed(scope, half->half, add_page), "read what the index's pages brought");
    if (!run.empty()) GOFARM_RETURN_IF_ERROR(keyer.Add(std::move(run)));
  }
  return keyer.Finish();
}

LineIngest::LineIngest(const Scope& scope, store::Pool& pool, int64_t epoch, const KeyingOptions& options)
    : scope_(scope),
      epoch_(epoch),
      store_(pool),
      began_(SteadyNow()),
      decompressor_([this](std::string_view bytes) { return lines_.Add(bytes); }, kIngestBytesMax),
      lines_(kIngestBlock, [this](std::string block) { return HandBlock(std::move(block)); }),
      keyer_(scope, pool.options(), epoch, options) {
  thread_ = std::thread([this] { Read(); });
}

LineIngest::~LineIngest() {
  if (!thread_.joinable()) return;
  Fail(absl::CancelledError("the ingest was given up"));
  blocks_.End();
  thread_.join();
}

void LineIngest::Fail(const absl::Status& status) {
  const absl::MutexLock lock(&mutex_);
  if (failed_.ok()) failed_ = status;
}

absl::Status LineIngest::failed() const {
  const absl::MutexLock lock(&mutex_);
  return failed_;
}

absl::Status LineIngest::Add(std::string_view bytes) {
  GOFARM_RETURN_IF_ERROR(scope_.Check());
  absl::Status status = decompressor_.Add(bytes);
  if (!status.ok()) Fail(status);
  return status;
}

absl::Status LineIngest::HandBlock(std::string block) {
  return blocks_.Put(std::move(block)) ? absl::OkStatus() : failed();
}

absl::StatusOr<IngestCounts> LineIngest::Finish() {
  absl::Status status = decompressor_.Finish();
  if (status.ok()) status = lines_.Finish();
  if (!status.ok()) Fail(status);
  blocks_.End();
  thread_.join();
  GOFARM_RETURN_IF_ERROR(failed());
  GOFARM_RETURN_IF_ERROR(KeepRejects(1));
  GOFARM_ASSIGN_OR_RETURN(const KeyedCounts keyed, keyer_.Finish());
  return IngestCounts{.lines = good_ + rejected_,
                      .stored = keyed.stored,
                      .known = keyed.known,
                      .rejected = rejected_,
                      .took = SteadyNow() - began_};
}

void LineIngest::Read() {
  absl::Status status;
  while (status.ok()) {
    const std::optional<std::string> block = blocks_.Take();
    if (!block.has_value() || !failed().ok()) break;
    status = ReadBlock(*block);
  }
  if (status.ok() && failed().ok() && !run_.empty()) status = keyer_.Add(std::move(run_));
  if (!status.ok()) Fail(status);
  blocks_.Close();
}

absl::Status LineIngest::ReadBlock(std::string_view block) {
  block_.Clear();
  reader_.Read(block, block_);
  run_.Add(block_.rows);
  good_ += static_cast<int64_t>(block_.rows.size());
  rejected_ += block_.bad_lines;
  for (BadLine& bad : block_.bad) {
    rejects_.try_emplace(bad.digest, domain::IndexReject{bad.digest, std::move(bad.text), std::move(bad.reason)});
  }
  GOFARM_RETURN_IF_ERROR(KeepRejects(kRejectsAtOnce));
  return run_.Full() ? keyer_.Add(std::exchange(run_, {})) : absl::OkStatus();
}

absl::Status LineIngest::KeepRejects(size_t at_least) {
  if (rejects_.size() < at_least) return absl::OkStatus();
  std::vector<domain::IndexReject> rejects;
  for (auto& [digest, reject] : rejects_) rejects.push_back(std::move(reject));
  rejects_.clear();
  return store_.AddRejects(scope_, epoch_, rejects);
}

}  // namespace gofarm::catalog
