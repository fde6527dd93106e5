// What lives as long as this coordinator leads: dispatcher, services, the gRPC server, the collector. Made when the
// leadership begins, taken down whole when it ends; what lives as long as the process is in app.cc.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "common/base/clock.h"
#include "coordinator/app_config.h"
#include "coordinator/blob/blob_metrics.h"
#include "coordinator/blob/blob_store.h"
#include "coordinator/blob/log_store.h"
#include "coordinator/catalog/catalog.h"
#include "coordinator/catalog/catalog_metrics.h"
#include "coordinator/catalog/upstream.h"
#include "coordinator/page_site.h"
#include "coordinator/public_site.h"
#include "coordinator/publish/publish_service.h"
#include "coordinator/rpc/call_metrics.h"
#include "coordinator/rpc/server.h"
#include "coordinator/rpc/session_streams.h"
#include "coordinator/service/archive_service.h"
#include "coordinator/service/artifact_check.h"
#include "coordinator/service/attempt_fence.h"
#include "coordinator/service/attempt_service.h"
#include "coordinator/service/audit_log.h"
#include "coordinator/service/batch_feed.h"
#include "coordinator/service/batch_service.h"
#include "coordinator/service/dispatch_loop.h"
#include "coordinator/service/failure_service.h"
#include "coordinator/service/farm_view.h"
#include "coordinator/service/identity_service.h"
#include "coordinator/service/job_metrics.h"
#include "coordinator/service/job_news.h"
#include "coordinator/service/leadership.h"
#include "coordinator/service/log_service.h"
#include "coordinator/service/log_tails.h"
#include "coordinator/service/module_proxy.h"
#include "coordinator/service/progress_board.h"
#include "coordinator/service/query_service.h"
#include "coordinator/service/worker_reports.h"
#include "coordinator/service/worker_service.h"
#include "coordinator/store/artifact_store.h"
#include "coordinator/store/attempt_store.h"
#include "coordinator/store/batch_store.h"
#include "coordinator/store/pg_dispatch_store.h"
#include "coordinator/store/pool.h"
#include "coordinator/store/query_store.h"
#include "coordinator/store/worker_store.h"
#include "coordinator/webhook/webhooks.h"

namespace gofarm::coordinator {

inline constexpr absl::Duration kCollectEvery = absl::Hours(24);
inline constexpr absl::Duration kCollectFirst = absl::Minutes(10);  // after the start

// What the process lends; all of it outlives every Leading.
struct LeadingParts {
  const AppConfig& config;
  const rpc::FarmFacts& facts;
  service::JobMetrics& job_metrics;
  rpc::CallMetrics& call_metrics;
  blob::BlobMetrics& blob_metrics;
  store::Pool& pool;
  store::Pool& attempt_pool;   // of its own: neither watches nor lists stand before what ends attempts
  store::Pool& watch_pool;     // of its own: it bounds what all watches together read
  store::Pool& dispatch_pool;  // of its own: watches and lists must not keep leases from being renewed
  store::Pool& catalog_pool;   // of its own: counting a million rows stands before no submission
  service::ModuleProxy& proxy;
  catalog::Upstream& upstream;
  catalog::CatalogMetrics& catalog_metrics;
  publish::PublishMetrics& publish_metrics;
  webhook::WebhookMetrics& webhook_metrics;
  const io::HttpClient& http_client;
  service::Leadership& leadership;
  service::IdentityService* identities = nullptr;  // null: nothing listens beyond this machine
  service::AuditLog* audit = nullptr;
  std::string holder;      // of the leadership: host and process
  std::string public_url;  // of what is published, where nothing is configured
};

class Leading {
 public:
  Leading(LeadingParts parts, int64_t epoch);

  // FAILED_PRECONDITION: another coordinator leads by now.
  absl::Status Start(const Scope& scope);
  // Hangs up on workers and clients. Leases stay: the next leader takes the builds back.
  void Stop();

  // All after Start.
  const std::string& address() const { return rpc_->address(); }
  // What is not published or told and why, a line a destination; empty: all is well.
  std::string Faults() const;
  std::optional<publish::PublishFigures> LastPublishFigures() { return publishing_->LastFigures(); }
  std::shared_ptr<const service::PublishedFigures> Figures() const { return dispatch_->Figures(); }
  const service::WorkerReports& Reports() const { return reports_; }
  std::optional<catalog::CatalogStatus> LastCatalogStatus() { return catalog_->LastStatus(); }
  PageParts Page();
  // Ends the calls that pages make, for whoever waits until nobody reads any more.
  void EndReads() { reads_.request_stop(); }
  SiteParts Site() { return {.publishing = *publishing_, .blobs = *blobs_, .logs = *log_store_}; }

 private:
  // Whether a connected worker other than this one takes jobs for the target.
  bool IsTaken(Target target, std::string_view but_for) const;
  void Collect(const std::stop_token& stop);
  void CollectBlobs(const std::stop_token& stop);
  void ForgetRequestIds(const std::stop_token& stop);
  void ForgetWorkers(const std::stop_token& stop);
  void KeepCounts(const std::stop_token& stop);

  // Members are made in this order and destroyed in the reverse one: what calls another one stands below it.
  const LeadingParts parts_;
  const int64_t epoch_;
  std::stop_source reads_;
  store::BatchStore batch_store_;
  store::QueryStore query_store_;
  store::AttemptStore attempt_store_;
  store::QueryStore attempt_query_store_;
  store::BatchStore watch_batch_store_;
  store::QueryStore watch_query_store_;
  store::ArtifactStore artifact_store_;
  store::PgDispatchStore dispatch_store_;
  store::WorkerStore worker_store_;
  std::unique_ptr<blob::BlobStore> blobs_;
  std::unique_ptr<blob::LogStore> log_store_;
  service::ProgressBoard board_;
  service::QueryService queries_{batch_store_, query_store_};
  service::QueryService watch_queries_{watch_batch_store_, watch_query_store_};
  service::FailureService failures_{queries_, RealClock()};
  std::unique_ptr<service::LogService> logs_;
  rpc::SessionStreams sessions_;
  service::AttemptFence fence_;
  service::WorkerReports reports_;
  std::unique_ptr<service::JobNews> news_;  // called by the loop until that is gone
  std::unique_ptr<service::DispatchLoop> dispatch_;
  std::unique_ptr<service::BatchService> batches_;
  std::unique_ptr<service::ArtifactCheck> artifact_check_;
  std::unique_ptr<publish::PublishService> publishing_;
  std::unique_ptr<service::AttemptService> attempts_;
  std::unique_ptr<service::FarmView> farm_;
  std::unique_ptr<service::WorkerService> workers_;
  std::unique_ptr<service::BatchFeeds> feeds_;
  std::unique_ptr<catalog::Catalog> catalog_;
  std::unique_ptr<service::ArchiveService> archives_;
  std::unique_ptr<rpc::Server> rpc_;
  std::unique_ptr<service::LogTails> tails_;
  std::unique_ptr<webhook::Webhooks> webhooks_;
  std::jthread collector_;
};

}  // namespace gofarm::coordinator
