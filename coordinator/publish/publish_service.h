// Publishing as the coordinator's other parts see it, as long as it leads: what attempts leave, the index, and what
// people ask and order. Thread-safe; calls block.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/base/scope.h"
#include "common/vocab/toolset.h"
#include "coordinator/blob/blob_store.h"
#include "coordinator/blob/log_store.h"
#include "coordinator/domain/publishing.h"
#include "coordinator/domain/types.h"
#include "coordinator/oci/reference.h"
#include "coordinator/publish/attacher.h"
#include "coordinator/publish/config.h"
#include "coordinator/publish/index_publisher.h"
#include "coordinator/publish/keys.h"
#include "coordinator/publish/opening_carrier.h"
#include "coordinator/publish/outbox.h"
#include "coordinator/publish/publish_metrics.h"
#include "coordinator/publish/rebuilder.h"
#include "coordinator/store/publish_store.h"
#include "coordinator/store/rebuild_store.h"

namespace gofarm::publish {

// Between the announcement of a minisign key and its first signature.
inline constexpr absl::Duration kOverlapMin = absl::Hours(1);
inline constexpr absl::Duration kOverlapMax = absl::Hours(24 * 366);
inline constexpr absl::Duration kOverlapDefault = absl::Hours(24 * 30);

inline constexpr absl::Duration kEnrollCallMax = absl::Seconds(30);
inline constexpr absl::Duration kEnrollRetry = absl::Seconds(10);  // after a call that failed

struct PublishServiceParts {
  const Config& config;
  store::Pool& pool;
  blob::BlobStore& blobs;
  blob::LogStore& logs;
  std::string data_dir;
  std::vector<Toolset> toolsets;
  std::string public_url;  // where nothing else is configured
  std::string farm_version;
  std::function<absl::Time()> wall_now = WallNow;
  PublishMetrics* metrics = nullptr;  // null: nobody counts requests
  int queued_a_day = 0;               // modules that may become jobs by themselves
  // As of RebuilderParts; without them nothing is built again.
  std::function<bool(Target, std::string_view worker)> elsewhere;
  std::function<void(const std::vector<domain::JobRef>&)> queued;
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
  const std::string& builder_id() const { return builder_id_; }  // empty: it publishes nothing
  std::string IndexFolder() const;

  // As AttemptService::Attach.
  absl::StatusOr<domain::Publishing> Attach(const Scope& scope, const domain::CompletedAttempt& attempt) const;

  // FAILED_PRECONDITION: it has none.
  absl::StatusOr<std::shared_ptr<const Keys>> CurrentKeys() const;
  // A new provenance key signs from now on, the old one keeps verifying. FAILED_PRECONDITION: it has no keys, or their
  // file was changed under it. On an error the one of before signs on, until a restart at most.
  struct Rotated {
    std::string public_key;
    std::string file, old_file;
  };
  absl::StatusOr<Rotated> RotateProvenance(const Scope& scope);
  // The minisign key that follows is told to clients by the signed list of keys, and signs nothing before
  // FinishMinisign: an index has one signature, so those who do not know the new key by then are shut out. Repeated, it
  // answers with what was announced. INVALID_ARGUMENT: an overlap outside of kOverlapMin and kOverlapMax.
  absl::StatusOr<domain::PublishKey> AnnounceMinisign(const Scope& scope, absl::Duration overlap);
  std::string NextMinisignFile() const;
  // FAILED_PRECONDITION: none is announced, its file is not here, or the overlap is not over and `force` is not set.
  absl::StatusOr<Rotated> FinishMinisign(const Scope& scope, bool force);
  // Below it stand HOST.json and keys.json; empty: nothing is served.
  std::string IndexUrl() const;
  // By id, at most `limit`; an error of `sink` ends it.
  absl::Status EachPublication(const Scope& scope, const domain::PublicationFilter& filter, int64_t limit,
                               const std::function<absl::Status(const domain::Publication&)>& sink);
  // Of the results of a batch's jobs or, where it is 0, of one job, by job and name.
  absl::Status EachAttachment(const Scope& scope, BatchId batch, JobId job,
                              const std::function<absl::Status(const domain::JobAttachment&)>& sink);
  // Whether a row of a registry or folder stands there as it was published: as Carrier::Check. INVALID_ARGUMENT: there
  // is no such row, or it is not published, or it is one of the index, which everybody can look at.
  absl::Status Check(const Scope& scope, domain::PublicationId id);
  store::PublishStore& store() { return store_; }
  // FAILED_PRECONDITION: as WhyOff.
  absl::StatusOr<Rebuilder*> Rebuilds() const;
  absl::StatusOr<domain::RebuildCounts> CountRebuilds(const Scope& scope) { return rebuild_store_.Counts(scope); }
  const std::vector<std::string>& destinations() const { return destinations_; }
  // What keeps whole destinations from being used, by name: credentials that cannot be read, say. Looks again.
  std::map<std::string, std::string> Faults() const;
  // Some seconds old; null: nothing was counted yet. Does not block.
  std::optional<PublishFigures> LastFigures();

 private:
  class StoreOrders;
  class StoreRebuilds;
  explicit PublishService(PublishServiceParts parts);
  absl::Status OpenKeys(const Scope& scope);
  // Of a service that is on.
  std::shared_ptr<const Keys> SigningKeys() const;
  std::unique_ptr<const Attacher> MakeAttacher(std::shared_ptr<const Keys> keys);
  absl::StatusOr<std::string> BuilderId(const Scope& scope);
  absl::Status OpenRegistry(const RegistryConfig& config);
  absl::StatusOr<std::unique_ptr<Carrier>> MakeRegistry(const RegistryConfig& config,
                                                        const oci::Destination& destination) const;
  // Made at the first call, which takes a second or two.
  const licences::Detector& DetectorNow() const;
  absl::StatusOr<PublishFigures> Figures(const Scope& scope);
  absl::Status OpenDestinations();
  // Of an attempt that built something.
  absl::StatusOr<domain::Publishing> MakeFiles(const Scope& scope, const domain::CompletedAttempt& attempt) const
      ABSL_SHARED_LOCKS_REQUIRED(keys_mutex_);
  std::string IndexRoot() const;
  void MakeRebuilder();
  // Orders the rest of what Open could not, a bounded number in each transaction.
  void EnrollAll(const std::stop_token& stop);

  const PublishServiceParts parts_;
  const std::string public_url_;
  mutable store::PublishStore store_;
  mutable store::RebuildStore rebuild_store_;
  std::vector<std::string> destinations_;
  const std::string keys_dir_;
  std::string builder_id_;
  absl::Status why_off_;
  mutable std::once_flag detector_once_;
  mutable std::unique_ptr<const licences::Detector> detector_;
  absl::Mutex rotation_;  // one at a time
  // Held by each attempt as a reader, so that none signs with a key that is not the one any more.
  mutable absl::Mutex keys_mutex_;
  std::shared_ptr<const Keys> keys_ ABSL_GUARDED_BY(keys_mutex_);
  std::unique_ptr<const Attacher> attacher_ ABSL_GUARDED_BY(keys_mutex_);
  std::unique_ptr<StoreOrders> orders_;
  std::unique_ptr<IndexPublisher> index_;
  std::unique_ptr<Outbox> outbox_;
  std::map<std::string, OpeningCarrier*> registries_;    // by name; loops_ own them
  std::vector<std::unique_ptr<DestinationLoop>> loops_;  // of registries and folders
  std::unique_ptr<StoreRebuilds> rebuild_orders_;
  std::unique_ptr<Rebuilder> rebuilder_;
  KeptFigures figures_{"publishing_not_counted", [this](const Scope& scope) { return Figures(scope); }};
  std::jthread warm_;       // makes the detector, so that no attempt waits for it
  std::jthread enrolling_;  // runs EnrollAll, so that no start waits for it
};

}  // namespace gofarm::publish
