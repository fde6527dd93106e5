#include "coordinator/leading.h"

#include <gofarm/v1/farm.pb.h>

#include <algorithm>
#include <utility>

#include "common/archives/archive_source.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/gomod/version.h"
#include "common/obs/log.h"
#include "common/rpc/listen_addresses.h"
#include "common/shapes/json_shapes.h"
#include "common/sync/wait.h"
#include "coordinator/rpc/convert.h"

namespace gofarm::coordinator {
namespace {

// A worker keeps its logs within the limit; this cap is for one that does not.
constexpr int64_t kLogSlack = 1 << 20;
constexpr absl::Duration kCollectCallMax = absl::Seconds(30);

// The Go that a module without wishes is built with.
std::string NewestGo(const Toolset& toolset) {
  std::string newest;
  for (const std::string& version : toolset.go_versions) {
    if (newest.empty() || gomod::CompareGoVersion(version, newest) > 0) newest = version;
  }
  return newest;
}

JobId LowestOf(const std::vector<domain::JobRef>& jobs) {
  JobId lowest;
  for (const domain::JobRef& job : jobs) {
    if (!lowest || job.id < lowest) lowest = job.id;
  }
  return lowest;
}

std::unique_ptr<service::ArchiveService> MakeArchives(const AppConfig& config) {
  std::vector<Archive> all = config.bootstrap;
  for (const Toolset& toolset : config.toolsets) {
    all.insert(all.end(), toolset.archives.begin(), toolset.archives.end());
  }
  return std::make_unique<service::ArchiveService>(
      service::ArchiveService::Options{.folder = Cat(config.data_dir, "/archives"), .archives = std::move(all)},
      [proxies = config.goproxy](const Scope& scope, const Archive& archive, const std::string& scratch) {
        return archives::Obtain(scope, archive,
                                {.goproxy = proxies, .scratch = scratch, .user_agent = "gofarm-coordinator"}, nullptr);
      });
}

}  // namespace

Leading::Leading(LeadingParts parts, int64_t epoch)
    : parts_(parts),
      epoch_(epoch),
      batch_store_(parts.pool),
      query_store_(parts.pool),
      attempt_store_(parts.attempt_pool),
      attempt_query_store_(parts.attempt_pool),
      watch_batch_store_(parts.watch_pool),
      watch_query_store_(parts.watch_pool),
      artifact_store_(parts.pool),
      dispatch_store_(parts.dispatch_pool),
      worker_store_(parts.pool),
      fence_([this](const Scope& scope, AttemptToken token) { return attempt_query_store_.FactsOf(scope, token); },
             RealClock()),
      reports_([this](const Scope& scope, const std::string& worker, const WorkerReport& report) {
        return query_store_.SaveWorkerReport(scope, worker, report);
      }) {}

absl::Status Leading::Start(const Scope& scope) {
  const AppConfig& config = parts_.config;
  GOFARM_ASSIGN_OR_RETURN(blobs_, blob::OpenFolderBlobStore(config.data_dir));
  blobs_ = blob::Metered(std::move(blobs_), parts_.blob_metrics);
  GOFARM_ASSIGN_OR_RETURN(log_store_, blob::OpenFolderLogStore(config.data_dir, config.limits.log_bytes + kLogSlack));
  log_store_ = blob::Metered(std::move(log_store_), parts_.blob_metrics);
  logs_ = std::make_unique<service::LogService>(queries_, *log_store_, board_);
  dispatch_ = std::make_unique<service::DispatchLoop>(
      service::DispatchLoopOptions{.toolsets = std::make_shared<const std::vector<Toolset>>(config.toolsets),
                                   .limits = config.limits},
      dispatch_store_, sessions_, RealClock());
  news_ = std::make_unique<service::JobNews>(board_, fence_, *dispatch_, parts_.job_metrics);
  dispatch_->Observe(*news_);
  dispatch_->OnLeadershipLost([this](const absl::Status& why) { parts_.leadership.Lost(why); });
  GOFARM_RETURN_IF_ERROR_CTX(dispatch_->Start(scope, epoch_), "start the dispatcher");
  batches_ = std::make_unique<service::BatchService>(batch_store_, query_store_, parts_.proxy,
                                                     service::BatchRules{.toolset = config.default_toolset,
                                                                         .toolsets = config.toolsets,
                                                                         .policy = domain::CurrentPolicy(),
                                                                         .goprivate = config.goprivate},
                                                     *news_);
  artifact_check_ = std::make_unique<service::ArtifactCheck>(*blobs_);
  GOFARM_ASSIGN_OR_RETURN_CTX(
      publishing_,
      publish::PublishService::Open(
          scope, {.config = config.publish,
                  .pool = parts_.pool,
                  .blobs = *blobs_,
                  .logs = *log_store_,
                  .data_dir = config.data_dir,
                  .toolsets = config.toolsets,
                  .public_url = parts_.public_url,
                  .farm_version = parts_.facts.version,
                  .metrics = &parts_.publish_metrics,
                  .queued_a_day = config.catalog.auto_select_per_day,
                  .elsewhere = [this](Target target, std::string_view worker) { return IsTaken(target, worker); },
                  .queued = [this](const std::vector<domain::JobRef>& jobs) { news_->Queued(jobs, LowestOf(jobs)); }}),
      "set up publishing");
  attempts_ = std::make_unique<service::AttemptService>(
      attempt_store_, [this](const std::string& sha256) { return blobs_->Renew(sha256); },
      [this](const Executable& executable, Target target) {
        return artifact_check_->CheckExecutable(executable, target);
      },
      [this](const Scope& each, const domain::CompletedAttempt& attempt) { return publishing_->Attach(each, attempt); },
      *dispatch_, fence_, *news_);
  farm_ = std::make_unique<service::FarmView>(queries_, *dispatch_, board_, reports_);
  workers_ = std::make_unique<service::WorkerService>(worker_store_, *dispatch_, reports_);
  feeds_ = std::make_unique<service::BatchFeeds>(watch_queries_, board_,
                                                 [this](const domain::Job& job) { return farm_->WhyWaiting(job); });
  catalog_ = std::make_unique<catalog::Catalog>(
      catalog::CatalogParts{.config = config.catalog,
                            .pool = parts_.catalog_pool,
                            .data_dir = config.data_dir,
                            .batches = *batches_,
                            .upstream = parts_.upstream,
                            .metrics = parts_.catalog_metrics,
                            .jobs_queued = [this] { return dispatch_->Figures()->figures.waiting > 0; },
                            .go_version = NewestGo(config.default_toolset),
                            .config_file = config.file,
                            .lost = [this](const absl::Status& why) { parts_.leadership.Lost(why); }},
      epoch_);
  GOFARM_RETURN_IF_ERROR_CTX(catalog_->Start(scope), "start the catalog");
  publishing_->Start();
  tails_ = std::make_unique<service::LogTails>(*log_store_, logs_->growth(), board_,
                                               [this](const Scope& each, JobId job, AttemptToken token) {
                                                 return service::HasAttemptEnded(queries_, each, job, token);
                                               });
  archives_ = MakeArchives(config);
  GOFARM_RETURN_IF_ERROR(archives_->Prepare());
  GOFARM_ASSIGN_OR_RETURN(rpc_, rpc::Server::Start({.addresses = config.listen}, {.batches = *batches_,
                                                                                  .queries = queries_,
                                                                                  .farm = *farm_,
                                                                                  .failures = failures_,
                                                                                  .workers = *workers_,
                                                                                  .feeds = *feeds_,
                                                                                  .attempts = *attempts_,
                                                                                  .dispatch = *dispatch_,
                                                                                  .board = board_,
                                                                                  .logs = *logs_,
                                                                                  .blobs = *blobs_,
                                                                                  .sessions = sessions_,
                                                                                  .fence = fence_,
                                                                                  .reports = reports_,
                                                                                  .catalog = catalog_.get(),
                                                                                  .archives = archives_.get(),
                                                                                  .go = config.go,
                                                                                  .facts = parts_.facts,
                                                                                  .metrics = &parts_.call_metrics,
                                                                                  .identities = parts_.identities,
                                                                                  .audit = parts_.audit,
                                                                                  .publishing = publishing_.get()}));
  if (parts_.identities != nullptr) {
    parts_.identities->SetAddresses(rpc::JoinAddresses(rpc_->tls_address(), config.public_names));
  }
  webhooks_ = std::make_unique<webhook::Webhooks>(
      webhook::Webhooks::Parts{.config = config.webhooks,
                               .pool = parts_.pool,
                               .epoch = epoch_,
                               .ask = io::AskDirectly(parts_.http_client),
                               .metrics = parts_.webhook_metrics,
                               .write_batch = [](JsonWriter& json, const domain::Batch& batch) {
                                 v1::Batch message;
                                 rpc::ToProto(batch, message);
                                 shapes::WriteBatch(json, message);
                               }});
  webhooks_->Start();
  collector_ = std::jthread([this](const std::stop_token& stop) { Collect(stop); });
  return absl::OkStatus();
}

PageParts Leading::Page() {
  return {.queries = queries_,
          .farm = *farm_,
          .failures = failures_,
          .tails = *tails_,
          .logs = *log_store_,
          .dispatch = *dispatch_,
          .catalog = catalog_.get(),
          .facts = parts_.facts,
          .leader = parts_.holder,
          .epoch = epoch_,
          .stop = reads_.get_token()};
}

std::string Leading::Faults() const {
  std::string why;
  for (const std::string& fault : webhooks_->Faults()) why += Cat(why.empty() ? "" : "\n", fault);
  if (!publishing_->WhyOff().ok()) return Cat(why, why.empty() ? "" : "\n", Sv(publishing_->WhyOff().message()));
  for (const auto& [destination, fault] : publishing_->Faults()) {
    why += Cat(why.empty() ? "" : "\n", "nothing goes to ", destination, ": ", fault);
  }
  return why;
}

void Leading::Stop() {
  collector_.request_stop();
  tails_.reset();
  if (archives_ != nullptr) archives_->Stop();
  if (rpc_ != nullptr) rpc_->Stop();
  if (catalog_ != nullptr) catalog_->Stop();
  if (publishing_ != nullptr) publishing_->Stop();
  if (dispatch_ != nullptr) dispatch_->Stop();
  if (webhooks_ != nullptr) webhooks_->Stop();  // last: it may wait for an answer
  if (collector_.joinable()) collector_.join();
}

bool Leading::IsTaken(Target target, std::string_view but_for) const {
  for (const domain::WorkerView& worker : dispatch_->Workers()) {
    if (worker.name == but_for || worker.draining || worker.state != WorkerState::kConnected) continue;
    if (std::find(worker.targets.begin(), worker.targets.end(), target) != worker.targets.end()) return true;
  }
  return false;
}

void Leading::Collect(const std::stop_token& stop) {
  for (absl::Duration wait = kCollectFirst; sync::SleepFor(stop, wait); wait = kCollectEvery) {
    CollectBlobs(stop);
    ForgetRequestIds(stop);
    ForgetWorkers(stop);
    KeepCounts(stop);
  }
}

void Leading::CollectBlobs(const std::stop_token& stop) {
  const absl::StatusOr<blob::Collected> collected =
      blobs_->Collect(blob::kUnreferencedMinAge, [&](const std::vector<std::string>& digests) {
        return artifact_store_.Referenced(Scope::For(kCollectCallMax, stop), digests);
      });
  if (!collected.ok()) {
    obs::Warn("blobs_not_collected", {{"error", std::string(collected.status().message())}});
    return;
  }
  obs::Info(
      "blobs_collected",
      {{"blobs", Cat(collected->blobs)}, {"partials", Cat(collected->partials)}, {"bytes", Cat(collected->bytes)}});
}

void Leading::ForgetRequestIds(const std::stop_token& stop) {
  const absl::StatusOr<int64_t> forgotten =
      batch_store_.ForgetRequestIds(Scope::For(kCollectCallMax, stop), store::kRequestIdRetention);
  if (!forgotten.ok()) {
    obs::Warn("request_ids_not_forgotten", {{"error", std::string(forgotten.status().message())}});
  } else if (*forgotten > 0) {
    obs::Info("request_ids_forgotten", {{"batches", Cat(*forgotten)}});
  }
}

void Leading::ForgetWorkers(const std::stop_token& stop) {
  const absl::StatusOr<std::vector<std::string>> forgotten =
      query_store_.ForgetWorkers(Scope::For(kCollectCallMax, stop), store::kWorkerRetention);
  if (!forgotten.ok()) {
    obs::Warn("workers_not_forgotten", {{"error", std::string(forgotten.status().message())}});
    return;
  }
  for (const std::string& worker : *forgotten) reports_.Forget(worker);
  if (!forgotten->empty()) obs::Info("workers_forgotten", {{"workers", Cat(forgotten->size())}});
}

void Leading::KeepCounts(const std::stop_token& stop) {
  for (const absl::Status& kept : {batch_store_.KeepEndedCounts(Scope::For(kCollectCallMax, stop)).status(),
                                   query_store_.KeepJobCounts(Scope::For(kCollectCallMax, stop))}) {
    if (!kept.ok()) obs::Warn("counts_not_kept", {{"error", std::string(kept.message())}});
  }
}

}  // namespace gofarm::coordinator
