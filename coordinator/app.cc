#include "coordinator/app.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "common/base/backoff.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "common/io/http_client.h"
#include "common/metrics/metrics.h"
#include "coordinator/blob/blob_store.h"
#include "coordinator/blob/log_store.h"
#include "coordinator/http/http_server.h"
#include "coordinator/rpc/server.h"
#include "coordinator/rpc/session_streams.h"
#include "coordinator/service/attempt_fence.h"
#include "coordinator/service/attempt_service.h"
#include "coordinator/service/batch_feed.h"
#include "coordinator/service/batch_service.h"
#include "coordinator/service/dispatch_loop.h"
#include "coordinator/service/farm_view.h"
#include "coordinator/service/job_news.h"
#include "coordinator/service/log_service.h"
#include "coordinator/service/module_proxy.h"
#include "coordinator/service/progress_board.h"
#include "coordinator/service/query_service.h"
#include "coordinator/service/worker_reports.h"
#include "coordinator/store/artifact_store.h"
#include "coordinator/store/attempt_store.h"
#include "coordinator/store/batch_store.h"
#include "coordinator/store/migrator.h"
#include "coordinator/store/pg_dispatch_store.h"
#include "coordinator/store/pool.h"
#include "coordinator/store/query_store.h"
#include "coordinator/store/toolset_store.h"

namespace gofarm::coordinator {

const char* const kVersion = GOFARM_VERSION;

namespace {

// A worker keeps its logs within the limit; this cap is for one that does not.
constexpr int64_t kLogSlack = 1 << 20;
constexpr absl::Duration kReadyMax = absl::Seconds(2);
constexpr absl::Duration kStartMax = absl::Seconds(60);
constexpr absl::Duration kCollectCallMax = absl::Seconds(30);

// Waits for a database that is starting; every other failure is final. UNAVAILABLE: it did not answer all that time.
absl::StatusOr<int> MigrateWhenThere(store::Pool& pool, const std::stop_token& stop) {
  const Scope patience = Scope::For(kDatabasePatience, stop);
  const BackoffPolicy pace{.first = absl::Milliseconds(100), .longest = absl::Seconds(2)};
  absl::Status away;
  for (int failures = 1;; ++failures) {
    absl::StatusOr<int> applied = store::Migrate(patience, pool);
    if (absl::IsUnavailable(applied.status())) away = applied.status();
    // The last try ends with the patience, which says less than the try before.
    if (absl::IsDeadlineExceeded(applied.status()) && !away.ok()) applied = away;
    if (!absl::IsUnavailable(applied.status()) || patience.Done()) return applied;
    if (failures == 1) obs::Warn("database_away", {{"error", std::string(away.message())}});
    absl::SleepFor(std::min(BackoffDelay(pace, failures, 0.5), patience.Remaining()));
  }
}

// Of every entry without user, password and query, fit for the log.
std::string RedactProxies(const std::string& goproxy) {
  std::string out;
  for (size_t begin = 0; begin <= goproxy.size();) {
    const size_t end = std::min(goproxy.find_first_of(",|", begin), goproxy.size());
    out += io::RedactUrl(goproxy.substr(begin, end - begin));
    if (end < goproxy.size()) out += goproxy[end];
    begin = end + 1;
  }
  return out;
}

std::string Holder() {
  char host[256] = "";
  ::gethostname(host, sizeof host - 1);
  return Cat(host, " pid ", ::getpid());
}

// Everything between configuration and signals. Members are made in this order and die in the reverse one: whoever
// calls another one stands below it.
class Coordinator {
 public:
  Coordinator(const AppConfig& config, sync::StopSignals& signals)
      : config_(config),
        signals_(signals),
        pool_({.url = config.database_url, .connections = kDatabaseConnections}),
        dispatch_pool_({.url = config.database_url, .connections = kDispatchConnections}),
        http_client_(Cat("gofarm/", kVersion)) {}

  // UNAVAILABLE: the database did not answer for kDatabasePatience.
  absl::Status PrepareDatabase();
  absl::Status Start();
  // A signal, or the end of the leadership.
  absl::Status WaitAndStop();

 private:
  absl::Status OpenStores();
  absl::Status StartDispatch();
  absl::Status StartListeners(const std::string& database_version);
  absl::Status Ready();
  std::string MetricsText();
  void Collect(const std::stop_token& stop);
  void CollectBlobs(const std::stop_token& stop);
  void ForgetRequestIds(const std::stop_token& stop);

  const AppConfig& config_;
  sync::StopSignals& signals_;
  const absl::Time started_at_ = absl::Now();
  metrics::Registry metrics_;
  store::Pool pool_;
  store::Pool dispatch_pool_;  // of its own: watches and lists must not keep leases from being renewed
  store::ToolsetStore toolset_store_{pool_};
  store::BatchStore batch_store_{pool_};
  store::QueryStore query_store_{pool_};
  store::AttemptStore attempt_store_{pool_};
  store::ArtifactStore artifact_store_{pool_};
  store::PgDispatchStore dispatch_store_{dispatch_pool_};
  std::unique_ptr<io::FileLock> data_lock_;
  std::unique_ptr<blob::BlobStore> blobs_;
  std::unique_ptr<blob::LogStore> log_store_;
  io::HttpClient http_client_;
  std::unique_ptr<service::ModuleProxy> proxy_;
  service::ProgressBoard board_;
  service::QueryService queries_{batch_store_, query_store_};
  std::unique_ptr<service::LogService> logs_;
  rpc::SessionStreams sessions_;
  service::AttemptFence fence_{
      [this](const Scope& scope, AttemptToken token) { return query_store_.FactsOf(scope, token); }, RealClock()};
  service::WorkerReports reports_{
      [this](const Scope& scope, const std::string& worker, const domain::WorkerReport& report) {
        return query_store_.SaveWorkerReport(scope, worker, report);
      }};
  std::atomic<bool> leading_{false};
  absl::Status lost_leadership_;            // written before the stop is requested, read after it
  std::unique_ptr<service::JobNews> news_;  // called by the loop until that is gone
  std::unique_ptr<service::DispatchLoop> dispatch_;
  std::unique_ptr<service::BatchService> batches_;
  std::unique_ptr<service::AttemptService> attempts_;
  std::unique_ptr<service::FarmView> farm_;
  std::unique_ptr<service::BatchFeeds> feeds_;
  std::unique_ptr<rpc::Server> rpc_;
  std::unique_ptr<http::HttpServer> http_;
  std::jthread collector_;
};

absl::Status Coordinator::PrepareDatabase() {
  GOFARM_ASSIGN_OR_RETURN_CTX(const int applied, MigrateWhenThere(pool_, signals_.token()), "prepare the database");
  if (applied > 0) obs::Info("database_migrated", {{"migrations", Cat(applied)}});
  return absl::OkStatus();
}

absl::Status Coordinator::Start() {
  const Scope scope = Scope::For(kStartMax, signals_.token());
  GOFARM_ASSIGN_OR_RETURN(const std::string database_version, store::ServerVersion(scope, pool_));
  for (const Toolset& toolset : config_.toolsets) GOFARM_RETURN_IF_ERROR(toolset_store_.Pin(scope, toolset));
  GOFARM_RETURN_IF_ERROR(OpenStores());
  proxy_ = service::MakeModuleProxy(config_.goproxy, http_client_);
  GOFARM_RETURN_IF_ERROR(StartDispatch());
  GOFARM_RETURN_IF_ERROR(StartListeners(database_version));
  collector_ = std::jthread([this](const std::stop_token& stop) { Collect(stop); });
  obs::Info("farm_ready", {{"version", kVersion},
                           {"listen", rpc_->address()},
                           {"http", http_ ? Cat("http://127.0.0.1:", http_->port()) : "off"},
                           {"epoch", Cat(dispatch_->Epoch())},
                           {"toolset", config_.default_toolset.name},
                           {"goproxy", RedactProxies(config_.goproxy)},
                           {"goprivate", config_.goprivate},
                           {"database", database_version},
                           {"data_dir", config_.data_dir}});
  return absl::OkStatus();
}

absl::Status Coordinator::OpenStores() {
  GOFARM_RETURN_IF_ERROR_CTX(io::MakeFolders(config_.data_dir), "data_dir");
  absl::StatusOr<io::FileLock> lock = io::FileLock::TryAcquire(Cat(config_.data_dir, "/lock"));
  if (!lock.ok()) {
    return absl::FailedPreconditionError(
        Cat("data_dir ", config_.data_dir, " is used by another coordinator: ", Sv(lock.status().message())));
  }
  data_lock_ = std::make_unique<io::FileLock>(*std::move(lock));
  GOFARM_ASSIGN_OR_RETURN(blobs_, blob::OpenFolderBlobStore(config_.data_dir));
  GOFARM_ASSIGN_OR_RETURN(log_store_, blob::OpenFolderLogStore(config_.data_dir, config_.limits.log_bytes + kLogSlack));
  logs_ = std::make_unique<service::LogService>(queries_, *log_store_, board_);
  return absl::OkStatus();
}

absl::Status Coordinator::StartDispatch() {
  dispatch_ = std::make_unique<service::DispatchLoop>(
      service::DispatchLoopOptions{.holder = Holder(),
                                   .toolsets = std::make_shared<const std::vector<Toolset>>(config_.toolsets),
                                   .limits = config_.limits},
      dispatch_store_, sessions_, RealClock());
  news_ = std::make_unique<service::JobNews>(board_, fence_, *dispatch_, metrics_);
  dispatch_->Observe(*news_);
  dispatch_->OnLeadershipLost([this](const absl::Status& why) {
    lost_leadership_ = why;
    leading_ = false;
    signals_.RequestStop();
  });
  GOFARM_RETURN_IF_ERROR_CTX(dispatch_->Start(Scope::For(kStartMax, signals_.token())), "take the leadership");
  leading_ = true;
  batches_ = std::make_unique<service::BatchService>(batch_store_, query_store_, *proxy_,
                                                     service::BatchRules{.toolset = config_.default_toolset,
                                                                         .toolsets = config_.toolsets,
                                                                         .policy = domain::CurrentPolicy(),
                                                                         .goprivate = config_.goprivate},
                                                     *news_);
  attempts_ = std::make_unique<service::AttemptService>(
      attempt_store_, [this](const std::string& sha256) { return blobs_->Renew(sha256); }, *news_);
  farm_ = std::make_unique<service::FarmView>(queries_, *dispatch_, board_, reports_);
  feeds_ = std::make_unique<service::BatchFeeds>(queries_, board_,
                                                 [this](const domain::Job& job) { return farm_->WhyWaiting(job); });
  return absl::OkStatus();
}

absl::Status Coordinator::StartListeners(const std::string& database_version) {
  GOFARM_ASSIGN_OR_RETURN(rpc_, rpc::Server::Start(config_.listen, {.batches = *batches_,
                                                                    .queries = queries_,
                                                                    .farm = *farm_,
                                                                    .feeds = *feeds_,
                                                                    .attempts = *attempts_,
                                                                    .dispatch = *dispatch_,
                                                                    .board = board_,
                                                                    .logs = *logs_,
                                                                    .blobs = *blobs_,
                                                                    .sessions = sessions_,
                                                                    .fence = fence_,
                                                                    .reports = reports_,
                                                                    .facts = {.version = kVersion,
                                                                              .database_version = database_version,
                                                                              .toolset = config_.default_toolset.name,
                                                                              .started_at = started_at_,
                                                                              .pid = ::getpid()},
                                                                    .metrics = &metrics_}));
  if (config_.http.empty()) return absl::OkStatus();
  GOFARM_ASSIGN_OR_RETURN(
      http_, http::HttpServer::Start(
                 config_.http, http::OperationsRoutes([this] { return MetricsText(); }, [this] { return Ready(); })));
  return absl::OkStatus();
}

absl::Status Coordinator::Ready() {
  if (!leading_) return absl::UnavailableError("this coordinator does not lead");
  return Annotate(store::Ping(Scope::For(kReadyMax), pool_), "the database does not answer");
}

std::string Coordinator::MetricsText() {
  const service::DispatchStats stats = dispatch_->Stats();
  const std::pair<const char*, int64_t> gauges[] = {
      {"waiting", stats.waiting}, {"offered", stats.offered}, {"running", stats.running}};
  for (const auto& [state, n] : gauges) {
    metrics_.GetGauge("gofarm_jobs", "Jobs of the queue, by what the dispatcher knows of them.", {{"state", state}})
        .Set(static_cast<double>(n));
  }
  const std::pair<const char*, int64_t> totals[] = {{"made", stats.offers_made},
                                                    {"accepted", stats.offers_accepted},
                                                    {"refused", stats.offers_refused},
                                                    {"timed_out", stats.offers_timed_out}};
  for (const auto& [what, n] : totals) {
    metrics_.GetGauge("gofarm_offers", "Offers since the start, by what came of them.", {{"what", what}})
        .Set(static_cast<double>(n));
  }
  metrics_.GetGauge("gofarm_sessions", "Workers that are connected.").Set(static_cast<double>(stats.sessions));
  metrics_.GetGauge("gofarm_attempts_lost", "Attempts lost since the start.")
      .Set(static_cast<double>(stats.attempts_lost));
  metrics_.GetGauge("gofarm_store_failures", "Calls of the dispatcher's store that failed since the start.")
      .Set(static_cast<double>(stats.store_failures));
  metrics_.GetGauge("gofarm_leading", "1 when this coordinator leads.").Set(leading_ ? 1 : 0);
  metrics_.GetGauge("gofarm_epoch", "Epoch of the leadership.").Set(static_cast<double>(stats.epoch));
  return metrics_.Text();
}

void Coordinator::Collect(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  absl::Duration wait = kCollectFirst;
  while (true) {
    {
      std::unique_lock lock(mutex);
      wake.wait_for(lock, stop, absl::ToChronoNanoseconds(wait), [] { return false; });
    }
    if (stop.stop_requested()) return;
    wait = kCollectEvery;
    CollectBlobs(stop);
    ForgetRequestIds(stop);
  }
}

void Coordinator::CollectBlobs(const std::stop_token& stop) {
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

void Coordinator::ForgetRequestIds(const std::stop_token& stop) {
  const absl::StatusOr<int64_t> forgotten =
      batch_store_.ForgetRequestIds(Scope::For(kCollectCallMax, stop), store::kRequestIdRetention);
  if (!forgotten.ok()) {
    obs::Warn("request_ids_not_forgotten", {{"error", std::string(forgotten.status().message())}});
  } else if (*forgotten > 0) {
    obs::Info("request_ids_forgotten", {{"batches", Cat(*forgotten)}});
  }
}

absl::Status Coordinator::WaitAndStop() {
  signals_.Wait();
  obs::Info("coordinator_stops", {{"why", lost_leadership_.ok() ? "signal" : std::string(lost_leadership_.message())}});
  collector_.request_stop();
  http_.reset();
  rpc_->Stop();
  // The leases stay: the next coordinator takes the builds back.
  dispatch_->Stop();
  leading_ = false;
  collector_.join();
  return lost_leadership_;
}

int ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kExitOk;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kPermissionDenied:
      return kExitWrong;
    default:
      return kExitInternal;
  }
}

}  // namespace

int RunCoordinator(const AppConfig& config, sync::StopSignals& signals) {
  obs::InitLog("gofarm-coordinator", config.log_level);
  Coordinator coordinator(config, signals);
  const absl::Status prepared = coordinator.PrepareDatabase();
  const absl::Status started = prepared.ok() ? coordinator.Start() : prepared;
  if (!started.ok()) {
    if (signals.token().stop_requested()) return kExitOk;
    obs::Error("coordinator_cannot_start", {{"error", std::string(started.message())}});
    return absl::IsUnavailable(prepared) ? kExitNoDatabase : ExitCodeOf(started);
  }
  const absl::Status ended = coordinator.WaitAndStop();
  if (!ended.ok()) {
    obs::Error("leadership_lost", {{"error", std::string(ended.message())}});
    return kExitInternal;
  }
  obs::Info("coordinator_stopped");
  return kExitOk;
}

}  // namespace gofarm::coordinator
