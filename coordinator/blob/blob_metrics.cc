#include "coordinator/blob/blob_metrics.h"

#include <string>
#include <utility>

#include "common/base/clock.h"

namespace gofarm::blob {
namespace {

const std::vector<double> kCallBounds = {0.0002, 0.001, 0.005, 0.025, 0.1, 0.5, 2, 10};

template <typename Body>
auto Timed(BlobMetrics& metrics, Call call, Body body) {
  const absl::Time began = SteadyNow();
  auto result = body();
  metrics.AddCall(call, SteadyNow() - began);
  return result;
}

class MeteredUpload final : public Upload {
 public:
  MeteredUpload(std::unique_ptr<Upload> upload, BlobMetrics& metrics) : upload_(std::move(upload)), metrics_(metrics) {}

  int64_t offset() const override { return upload_->offset(); }
  absl::Status Append(std::string_view data) override {
    absl::Status status = Timed(metrics_, Call::kAppend, [&] { return upload_->Append(data); });
    if (status.ok()) metrics_.AddArtifactBytes(data.size());
    return status;
  }
  absl::Status Finish() override {
    return Timed(metrics_, Call::kFinish, [&] { return upload_->Finish(); });
  }

 private:
  const std::unique_ptr<Upload> upload_;
  BlobMetrics& metrics_;
};

class MeteredReader final : public Reader {
 public:
  MeteredReader(std::unique_ptr<Reader> reader, BlobMetrics& metrics) : reader_(std::move(reader)), metrics_(metrics) {}

  int64_t size() const override { return reader_->size(); }
  absl::StatusOr<std::string> Read(size_t limit) override {
    return Timed(metrics_, Call::kRead, [&] { return reader_->Read(limit); });
  }

 private:
  const std::unique_ptr<Reader> reader_;
  BlobMetrics& metrics_;
};

class MeteredBlobs final : public BlobStore {
 public:
  MeteredBlobs(std::unique_ptr<BlobStore> store, BlobMetrics& metrics) : store_(std::move(store)), metrics_(metrics) {}

  absl::StatusOr<std::unique_ptr<Upload>> BeginUpload(const std::string& sha256, int64_t size) override {
    absl::StatusOr<std::unique_ptr<Upload>> upload =
        Timed(metrics_, Call::kBegin, [&] { return store_->BeginUpload(sha256, size); });
    if (!upload.ok() || *upload == nullptr) return upload;
    return std::make_unique<MeteredUpload>(*std::move(upload), metrics_);
  }
  absl::StatusOr<int64_t> Renew(const std::string& sha256) override {
    return Timed(metrics_, Call::kRenew, [&] { return store_->Renew(sha256); });
  }
  absl::StatusOr<std::unique_ptr<Reader>> Open(const std::string& sha256, int64_t offset) override {
    absl::StatusOr<std::unique_ptr<Reader>> reader =
        Timed(metrics_, Call::kOpen, [&] { return store_->Open(sha256, offset); });
    if (!reader.ok()) return reader;
    return std::make_unique<MeteredReader>(*std::move(reader), metrics_);
  }
  absl::StatusOr<std::string> LocalFile(const std::string& sha256) override { return store_->LocalFile(sha256); }
  absl::Status Delete(const std::string& sha256) override {
    return Timed(metrics_, Call::kDelete, [&] { return store_->Delete(sha256); });
  }
  absl::StatusOr<Collected> Collect(absl::Duration min_age, const Referenced& referenced) override {
    return store_->Collect(min_age, referenced);
  }

 private:
  const std::unique_ptr<BlobStore> store_;
  BlobMetrics& metrics_;
};

class MeteredLogs final : public LogStore {
 public:
  MeteredLogs(std::unique_ptr<LogStore> store, BlobMetrics& metrics) : store_(std::move(store)), metrics_(metrics) {}

  absl::StatusOr<int64_t> StoredOffset(AttemptToken token) override { return store_->StoredOffset(token); }
  absl::Status Append(AttemptToken token, int64_t offset, std::string_view data, Done done) override {
    absl::Status status = store_->Append(token, offset, data, std::move(done));
    if (status.ok()) metrics_.AddLogBytes(data.size());
    return status;
  }
  absl::StatusOr<LogSlice> Read(AttemptToken token, int64_t offset, size_t limit) override {
    return store_->Read(token, offset, limit);
  }

 private:
  const std::unique_ptr<LogStore> store_;
  BlobMetrics& metrics_;
};

}  // namespace

BlobMetrics::BlobMetrics(metrics::Registry& registry)
    : artifact_bytes_(&registry.GetCounter("gofarm_artifact_bytes_total",
                                           "Bytes of artifacts that were written, uploads that broke off included.")),
      log_bytes_(&registry.GetCounter("gofarm_log_bytes_total", "Bytes of logs that were taken, repeats included.")) {
  for (size_t i = 0; i < kCallNames.size(); ++i) {
    calls_[i] = &registry.GetHistogram("gofarm_blob_store_seconds", "Time of a call of the artifacts' store, by call.",
                                       kCallBounds, {{"call", std::string(kCallNames[i])}});
  }
}

std::unique_ptr<BlobStore> Metered(std::unique_ptr<BlobStore> store, BlobMetrics& metrics) {
  return std::make_unique<MeteredBlobs>(std::move(store), metrics);
}
std::unique_ptr<LogStore> Metered(std::unique_ptr<LogStore> store, BlobMetrics& metrics) {
  return std::make_unique<MeteredLogs>(std::move(store), metrics);
}

}  // namespace gofarm::blob
