// Stores that count what passes through them: bytes of logs and artifacts, and how long each kind of call takes.
// BlobMetrics lives as long as the process; the stores behave as those they are made of. Thread-safe.
#pragma once

#include <array>
#include <memory>
#include <string_view>

#include "absl/time/time.h"
#include "common/metrics/metrics.h"
#include "coordinator/blob/blob_store.h"
#include "coordinator/blob/log_store.h"

namespace gofarm::blob {

enum class Call { kBegin, kAppend, kFinish, kRenew, kOpen, kRead, kDelete };
inline constexpr std::array<std::string_view, 7> kCallNames = {"begin", "append", "finish", "renew",
                                                               "open",  "read",   "delete"};

class BlobMetrics {
 public:
  explicit BlobMetrics(metrics::Registry& registry);
  BlobMetrics(const BlobMetrics&) = delete;
  BlobMetrics& operator=(const BlobMetrics&) = delete;

  void AddCall(Call call, absl::Duration took) {
    calls_.at(static_cast<size_t>(call))->Observe(absl::ToDoubleSeconds(took));
  }
  void AddArtifactBytes(size_t bytes) { artifact_bytes_->Add(static_cast<double>(bytes)); }
  void AddLogBytes(size_t bytes) { log_bytes_->Add(static_cast<double>(bytes)); }

 private:
  std::array<metrics::Histogram*, kCallNames.size()> calls_{};
  metrics::Counter* artifact_bytes_;
  metrics::Counter* log_bytes_;
};

// `metrics` must outlive the store, and whatever that opens.
std::unique_ptr<BlobStore> Metered(std::unique_ptr<BlobStore> store, BlobMetrics& metrics);
std::unique_ptr<LogStore> Metered(std::unique_ptr<LogStore> store, BlobMetrics& metrics);

}  // namespace gofarm::blob
