// Publishing as the coordinator's other parts see it, as long as it leads: what attempts leave, the index, and what
// people ask and order. Thread-safe; calls block.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/scope.h"
#include "common/vocab/toolset.h"
#include "coordinator/blob/blob_store.h"
#include "coordinator/blob/log_store.h"
#include "coordinator/domain/publishing.h"
#include "coordinator/domain/types.h"
#include "coordinator/publish/attacher.h"
#include "coordinator/publish/config.h"
#include "coordinator/publish/index_publisher.h"
#include "coordinator/publish/keys.h"
#include "coordinator/publish/outbox.h"
#include "coordinator/store/publish_store.h"

namespace gofarm::publish {

struct PublishServiceParts {
  const Config& config;
  store::Pool& pool;
  blob::BlobStore& blobs;
  blob::LogStore& logs;
  std::string data_dir;
  std::vector<Toolset> toolsets;
  std::string public_url;  // where nothing else is configured
  std::string farm_version;
};

class PublishService {
 public:
  // Without keys it answers, and publishes nothing: WhyOff says so.
  static absl::StatusOr<std::unique_ptr<PublishService>> Open(const Scope& scope, PublishServiceParts parts);
  ~PublishService();

  void Start();
  void Stop();

  // OK: it publishes.
  const absl::Status& WhyOff() const { return why_off_; }
  const std::string& public_url() const { return public_url_; }
  std::string IndexFolder() const;

  // As AttemptService::Attach.
  absl::StatusOr<domain::Publishing> Attach(const Scope& scope, const domain::CompletedAttempt& attempt) const;

  // FAILED_PRECONDITION: it has none.
  absl::StatusOr<std::shared_ptr<const Keys>> CurrentKeys() const;
  store::PublishStore& store() { return store_; }
  const std::vector<std::string>& destinations() const { return destinations_; }

 private:
  class StoreOrders;
  explicit PublishService(PublishServiceParts parts);
  absl::Status OpenKeys(const Scope& scope);
  absl::StatusOr<std::string> BuilderId(const Scope& scope);
  absl::Status OpenRegistry(const RegistryConfig& config);
  absl::Status OpenDestinations();
  std::string IndexRoot() const;

  const PublishServiceParts parts_;
  const std::string public_url_;
  store::PublishStore store_;
  std::vector<std::string> destinations_;
  absl::Status why_off_;
  std::shared_ptr<const Keys> keys_;
  std::unique_ptr<licences::Detector> detector_;
  std::unique_ptr<Attacher> attacher_;
  std::unique_ptr<StoreOrders> orders_;
  std::unique_ptr<IndexPublisher> index_;
  std::unique_ptr<Outbox> outbox_;
  std::vector<std::unique_ptr<DestinationLoop>> loops_;  // of registries and folders
};

}  // namespace gofarm::publish
