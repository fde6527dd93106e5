#include "coordinator/app.h"

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/base/backoff.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/http/bearer.h"
#include "common/http/http_server.h"
#include "common/io/ca_bundle.h"
#include "common/io/files.h"
#include "common/io/http_client.h"
#include "common/metrics/metrics.h"
#include "common/pki/key_folder.h"
#include "common/process/heap.h"
#include "common/process/limits.h"
#include "common/rpc/listen_addresses.h"
#include "common/sync/kept.h"
#include "common/sync/wait.h"
#include "coordinator/catalog/catalog_metrics.h"
#include "coordinator/catalog/upstream.h"
#include "coordinator/data_dir.h"
#include "coordinator/leading.h"
#include "coordinator/publish/publish_metrics.h"
#include "coordinator/rpc/listener_watch.h"
#include "coordinator/rpc/standby_server.h"
#include "coordinator/runbook_routes.h"
#include "coordinator/service/audit_log.h"
#include "coordinator/service/identity_service.h"
#include "coordinator/service/leadership.h"
#include "coordinator/service/module_proxy.h"
#include "coordinator/store/artifact_store.h"
#include "coordinator/store/database_metrics.h"
#include "coordinator/store/identity_store.h"
#include "coordinator/store/leadership_store.h"
#include "coordinator/store/migrator.h"
#include "coordinator/store/pool.h"
#include "coordinator/store/toolset_store.h"
#include "coordinator/watch/farm_metrics.h"
#include "coordinator/watch/http_metrics.h"
#include "coordinator/webhook/webhooks.h"

namespace gofarm::coordinator {

const char* const kVersion = GOFARM_VERSION;

namespace {

// Outside certificates are somebody else's to renew, so their files are looked at as often as that.
constexpr absl::Duration kRenewalLook = absl::Seconds(10);
constexpr absl::Duration kRenewalMax = absl::Seconds(30);
constexpr absl::Duration kPublicHandshake = absl::Seconds(10);  // over lines that no operator would use
constexpr int64_t kOpenFilesUsual = 1024;                       // where the limit cannot be read
constexpr int64_t kCertificateMax = 64 << 10;
constexpr absl::Duration kReadyMax = absl::Seconds(2);
constexpr absl::Duration kStartMax = absl::Seconds(60);
// A coordinator that leads within this time never opens the listener of one that stands by.
constexpr absl::Duration kTurnPatience = absl::Milliseconds(500);

// Of a database that starts, or ends in the middle. A migration whose commit is in doubt is found done or undone.
bool MayPass(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsUnknown(status) || absl::IsAborted(status);
}

// Waits for such a database; every other failure is final. UNAVAILABLE: it did not answer all that time.
absl::StatusOr<int> MigrateWhenThere(store::Pool& pool, const std::stop_token& stop) {
  const Scope patience = Scope::For(kDatabasePatience, stop);
  const BackoffPolicy pace{.first = absl::Milliseconds(100), .longest = absl::Seconds(2)};
  absl::Status away;
  for (int failures = 1;; ++failures) {
    absl::StatusOr<int> applied = store::Migrate(patience, pool);
    if (MayPass(applied.status())) away = applied.status();
    // The last try ends with the patience, which says less than the try before.
    if (absl::IsDeadlineExceeded(applied.status()) && !away.ok()) applied = away;
    if (!MayPass(applied.status()) || patience.Done()) return applied;
    if (failures == 1) obs::Warn("database_away", {{"error", std::string(away.message())}});
    sync::SleepFor(patience, BackoffDelay(pace, failures, 0.5));
  }
}

std::string Holder() {
  char host[256] = "";
  ::gethostname(host, sizeof host - 1);
  return Cat(host, " pid ", ::getpid());
}

// What lives as long as the process. Members are made in this order and destroyed in the reverse one: what calls
// another one stands below it.
class Coordinator {
 public:
  Coordinator(const AppConfig& config, int64_t open_files, sync::StopSignals& signals)
      : config_(config),
        open_files_(open_files),
        signals_(signals),
        pool_({.url = config.database_url, .connections = kDatabaseConnections, .metrics = &database_metrics_}),
        attempt_pool_({.url = config.database_url, .connections = kAttemptConnections, .metrics = &database_metrics_}),
        watch_pool_({.url = config.database_url, .connections = kWatchConnections, .metrics = &database_metrics_}),
        dispatch_pool_(
            {.url = config.database_url, .connections = kDispatchConnections, .metrics = &database_metrics_}),
        leadership_pool_({.url = config.database_url, .connections = 1, .metrics = &database_metrics_}),
        catalog_pool_({.url = config.database_url,
                       .connections = kCatalogConnections,
                       .application_name = "gofarm-coordinator catalog",
                       .metrics = &database_metrics_}),
        data_dir_(config.data_dir),
        http_client_(Cat("gofarm/", kVersion)),
        proxy_(service::MakeModuleProxy(config.goproxy, http_client_)) {}

  // UNAVAILABLE: the database did not answer for kDatabasePatience.
  absl::Status PrepareDatabase();
  absl::Status Start();
  // Stands by and leads in turn until a signal.
  absl::Status Run();

 private:
  // The epoch, or nullopt: a signal.
  absl::StatusOr<std::optional<int64_t>> StandBy();
  // Until a signal or the end of the leadership.
  absl::Status Lead(int64_t epoch);
  void Publish(Leading* leading);
  absl::Status Ready();
  std::string Remarks();  // of /readyz
  std::string MetricsText(metrics::Format format);
  absl::StatusOr<watch::StoredFigures> ReadStored(const Scope& scope);
  store::ConnectionFigures Connections() const;
  http::Authorize CountedAuthorize();
  absl::Status StartPublic();
  http::Router SiteRouter();  // what everybody may read
  http::Router OperationsRouter();
  void RenewCertificate(const std::stop_token& stop);
  bool Stopping() const { return signals_.token().stop_requested(); }

  const AppConfig& config_;
  const int64_t open_files_;  // that this process may have
  sync::StopSignals& signals_;
  metrics::Registry metrics_;
  catalog::CatalogMetrics catalog_metrics_{metrics_};
  publish::PublishMetrics publish_metrics_{metrics_};
  service::JobMetrics job_metrics_{metrics_, RealClock()};
  rpc::CallMetrics call_metrics_{metrics_};
  blob::BlobMetrics blob_metrics_{metrics_};
  store::DatabaseMetrics database_metrics_{metrics_};
  watch::HttpMetrics http_metrics_{metrics_};
  watch::FarmMetrics farm_metrics_{metrics_, "gofarm-coordinator", kVersion};
  webhook::WebhookMetrics webhook_metrics_{metrics_};
  store::Pool pool_;
  store::Pool attempt_pool_;
  store::Pool watch_pool_;
  store::Pool dispatch_pool_;
  store::Pool leadership_pool_;  // of its own: nothing stands before a renewal
  store::Pool catalog_pool_;
  store::PgLeadershipStore leadership_store_{leadership_pool_};
  store::IdentityStore identity_store_{pool_};
  DataDir data_dir_;
  io::HttpClient http_client_;
  std::unique_ptr<service::ModuleProxy> proxy_;
  std::unique_ptr<catalog::Upstream> upstream_;
  rpc::FarmFacts facts_;
  service::AuditLog audit_{identity_store_};
  std::unique_ptr<service::IdentityService> identities_;  // null: nothing listens beyond this machine
  std::jthread renewal_;
  std::unique_ptr<service::Leadership> leadership_;
  absl::Mutex leading_mutex_;
  Leading* leading_ ABSL_GUARDED_BY(leading_mutex_) = nullptr;  // while it leads
  store::ArtifactStore artifact_store_{catalog_pool_};
  sync::Kept<watch::StoredFigures> stored_{"stored_not_read", [this](const Scope& scope) { return ReadStored(scope); },
                                           watch::kStoredEvery};
  rpc::ListenerWatch listener_;
  std::unique_ptr<http::HttpServer> http_;
  std::unique_ptr<http::HttpServer> https_;   // for others
  std::unique_ptr<http::HttpServer> public_;  // for everybody
};

absl::Status Coordinator::PrepareDatabase() {
  GOFARM_ASSIGN_OR_RETURN_CTX(const int applied, MigrateWhenThere(pool_, signals_.token()), "prepare the database");
  if (applied > 0) obs::Info("database_migrated", {{"migrations", Cat(applied)}});
  return absl::OkStatus();
}

absl::Status Coordinator::Start() {
  const Scope scope = Scope::For(kStartMax, signals_.token());
  facts_ = {.version = kVersion, .toolset = config_.default_toolset.name, .started_at = SteadyNow(), .pid = ::getpid()};
  GOFARM_ASSIGN_OR_RETURN(facts_.database_version, store::ServerVersion(scope, pool_));
  store::ToolsetStore toolsets(pool_);
  for (const Toolset& toolset : config_.toolsets) GOFARM_RETURN_IF_ERROR(toolsets.Pin(scope, toolset));
  GOFARM_RETURN_IF_ERROR(data_dir_.Prepare());
  if (io::FindCaBundle().empty()) obs::Warn("no_certificates", {{"what", io::NoCaBundle()}});
  if (rpc::ReachesOut(config_.listen) || !config_.http_tls.empty()) {
    GOFARM_ASSIGN_OR_RETURN_CTX(
        identities_,
        service::IdentityService::Open(
            scope,
            {.folder = Cat(config_.data_dir, "/tls"),
             .public_names = config_.tls.empty() ? rpc::CertificateNames(config_.listen, config_.public_names)
                                                 : config_.public_names,
             .outside = config_.tls},
            identity_store_, RealClock()),
        "set up TLS");
    renewal_ = std::jthread([this](const std::stop_token& stop) { RenewCertificate(stop); });
  }
  GOFARM_ASSIGN_OR_RETURN_CTX(upstream_,
                              catalog::Upstream::Make(config_.catalog, config_.goproxy, kVersion, RealClock()),
                              "set up the catalog");
  leadership_ = std::make_unique<service::Leadership>(
      service::LeadershipOptions{.holder = Holder(), .hold_folder = [this] { return data_dir_.Hold(); }},
      leadership_store_);
  stored_.Start();
  const auto answered = [this](int status) { http_metrics_.AddAnswer(status); };
  if (!config_.http.empty()) {
    GOFARM_ASSIGN_OR_RETURN(
        http_, http::HttpServer::Start(
                   config_.http, OperationsRouter(),
                   {.tls = {}, .names = config_.public_names, .answered = answered, .open = http_metrics_.open()}));
  }
  if (!config_.http_tls.empty()) {
    if (config_.http_auth.kind == HttpAuth::Kind::kToken) {
      const absl::Status token = http::CheckTokenFile(config_.http_auth.token_file);
      if (!token.ok()) return absl::FailedPreconditionError(Cat("http_auth: ", Sv(token.message())));
    }
    const std::string folder = identities_->ServerFolder();
    GOFARM_ASSIGN_OR_RETURN(https_,
                            http::HttpServer::Start(config_.http_tls, OperationsRouter(),
                                                    {.tls = {.certificate = Cat(folder, "/", pki::kCertificateFile),
                                                             .key = Cat(folder, "/", pki::kKeyFile)},
                                                     .authorize = CountedAuthorize(),
                                                     .limits = http::kTlsLimits,
                                                     .answered = answered,
                                                     .open = http_metrics_.open()}));
    obs::Info("https_listens", {{"address", config_.http_tls}, {"port", Cat(https_->port())}});
  }
  if (!config_.publish.public_listen.empty()) GOFARM_RETURN_IF_ERROR(StartPublic());
  return absl::OkStatus();
}

absl::Status Coordinator::StartPublic() {
  const publish::Config& config = config_.publish;
  http::HttpLimits limits = http::kPublicLimits;
  limits.connections = limits.streams = config.public_connections;
  // On a loopback address all connections come from one: a proxy of this machine.
  limits.per_address = config.public_connections_per_address.value_or(
      http::IsLoopback(config.public_listen) ? 0 : http::kPublicLimits.per_address);
  limits = http::WithinOpenFiles(limits, open_files_);
  if (limits.connections < config.public_connections) {
    obs::Warn("public_connections",
              {{"wanted", Cat(config.public_connections)},
               {"may_have", Cat(limits.connections)},
               {"why", Cat("this process may open ", open_files_, " files; raise its limit (LimitNOFILE)")}});
  }
  GOFARM_ASSIGN_OR_RETURN_CTX(
      public_,
      http::HttpServer::Start(config.public_listen, SiteRouter(),
                              {.tls = {.certificate = config.public_certificate, .key = config.public_key},
                               .for_everybody = true,
                               .limits = limits,
                               .answered = [this](int status) { http_metrics_.AddAnswer(status); },
                               .open = http_metrics_.open(),
                               .handshake_time = kPublicHandshake}),
      "public_listen");
  obs::Info("public_listens", {{"address", config.public_listen},
                               {"port", Cat(public_->port())},
                               {"public_url", config.public_url},
                               {"connections", Cat(limits.connections)}});
  return absl::OkStatus();
}

http::Router Coordinator::SiteRouter() {
  http::Router router;
  AddSite(router, [this](const std::function<http::Response(const SiteParts&)>& answer) {
    // Held while it answers: the leadership's end waits for it, for kSiteCallMax at most.
    const absl::ReaderMutexLock lock(&leading_mutex_);
    if (leading_ != nullptr) return answer(leading_->Site());
    return http::Response{.status = 503, .body = "this coordinator does not lead now; try again soon\n"};
  });
  return router;
}

http::Router Coordinator::OperationsRouter() {
  http::Router router = SiteRouter();
  AddPage(router, [this](const std::function<void(const PageParts&)>& read) {
    // Held while it reads: the leadership's end waits for it, and ends its calls before.
    const absl::ReaderMutexLock lock(&leading_mutex_);
    if (leading_ == nullptr) return false;
    read(leading_->Page());
    return true;
  });
  AddRunbooks(router);
  http::AddOperations(router, {.metrics = [this](metrics::Format format) { return MetricsText(format); },
                               .alive = [this] { return listener_.Check(); },
                               .ready = [this] { return Ready(); },
                               .remarks = [this] { return Remarks(); }});
  return router;
}

void Coordinator::RenewCertificate(const std::stop_token& stop) {
  absl::Status last;
  while (sync::SleepFor(stop, kRenewalLook)) {
    const absl::Status kept = identities_->Refresh(Scope::For(kRenewalMax, stop));
    if (kept != last) {
      if (kept.ok()) {
        obs::Info("server_certificate_kept", {});
      } else {
        obs::Error("server_certificate_not_kept", {{"error", std::string(kept.message())}});
      }
    }
    last = kept;
  }
}

absl::Status Coordinator::Run() {
  while (!Stopping()) {
    GOFARM_ASSIGN_OR_RETURN(const std::optional<int64_t> epoch, StandBy());
    if (epoch) GOFARM_RETURN_IF_ERROR(Lead(*epoch));
  }
  obs::Info("coordinator_stops", {{"why", "signal"}});
  http_.reset();
  https_.reset();
  public_.reset();
  leadership_->Stop();
  return absl::OkStatus();
}

absl::StatusOr<std::optional<int64_t>> Coordinator::StandBy() {
  GOFARM_ASSIGN_OR_RETURN(std::optional<int64_t> epoch, leadership_->AwaitTurn(signals_.token(), kTurnPatience));
  if (epoch || Stopping()) return epoch;
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<rpc::StandbyServer> server,
                          rpc::StandbyServer::Start({.addresses = config_.listen, .identities = identities_.get()},
                                                    facts_, [this] { return leadership_->View(); }));
  listener_.Watch(server->address());
  absl::StatusOr<std::optional<int64_t>> turn = leadership_->AwaitTurn(signals_.token(), absl::InfiniteDuration());
  listener_.Watch("");
  return turn;
}

absl::Status Coordinator::Lead(int64_t epoch) {
  Leading leading({.config = config_,
                   .facts = facts_,
                   .job_metrics = job_metrics_,
                   .call_metrics = call_metrics_,
                   .blob_metrics = blob_metrics_,
                   .pool = pool_,
                   .attempt_pool = attempt_pool_,
                   .watch_pool = watch_pool_,
                   .dispatch_pool = dispatch_pool_,
                   .catalog_pool = catalog_pool_,
                   .proxy = *proxy_,
                   .upstream = *upstream_,
                   .catalog_metrics = catalog_metrics_,
                   .publish_metrics = publish_metrics_,
                   .webhook_metrics = webhook_metrics_,
                   .http_client = http_client_,
                   .leadership = *leadership_,
                   .identities = identities_.get(),
                   .audit = &audit_,
                   .holder = Holder(),
                   .public_url = http_ ? Cat("http://127.0.0.1:", http_->port()) : ""},
                  epoch);
  absl::Status started = leading.Start(Scope::For(kStartMax, signals_.token()));
  if (started.ok()) {
    farm_metrics_.AddLeadershipChange();
    Publish(&leading);
    listener_.Watch(leading.address());
    obs::Info("farm_ready", {{"version", kVersion},
                             {"listen", leading.address()},
                             {"http", http_ ? Cat("http://127.0.0.1:", http_->port()) : "off"},
                             {"epoch", Cat(epoch)},
                             {"toolset", config_.default_toolset.name},
                             {"goproxy", goproxy::Redacted(config_.goproxy)},
                             {"goprivate", config_.goprivate},
                             {"database", facts_.database_version},
                             {"data_dir", config_.data_dir}});
    leadership_->AwaitDeposal(signals_.token());
    farm_metrics_.AddLeadershipChange();
  } else if (absl::IsFailedPrecondition(started)) {
    leadership_->Lost(started);
  }
  listener_.Watch("");
  leading.EndReads();
  Publish(nullptr);
  leading.Stop();
  if (started.ok()) farm_metrics_.ShowDispatcher(*leading.Figures());
  leadership_->Ended();
  // Deposed while it started: it stands by, as a coordinator does that is deposed later.
  if (Stopping() || absl::IsFailedPrecondition(started)) return absl::OkStatus();
  return started;
}

void Coordinator::Publish(Leading* leading) {
  const absl::MutexLock lock(&leading_mutex_);
  leading_ = leading;
}

absl::Status Coordinator::Ready() {
  const service::LeadershipView view = leadership_->View();
  if (!view.leads) return absl::UnavailableError(rpc::StandbyText(view));
  {
    const absl::ReaderMutexLock lock(&leading_mutex_);
    if (leading_ == nullptr) return absl::UnavailableError("this coordinator leads and is about to take calls");
  }
  GOFARM_RETURN_IF_ERROR(listener_.Check());
  return Annotate(store::Ping(Scope::For(kReadyMax), pool_), "the database does not answer");
}

std::string Coordinator::Remarks() {
  const absl::ReaderMutexLock lock(&leading_mutex_);
  return leading_ == nullptr ? "" : leading_->Faults();
}

// What one source does not say hides nothing that another one does: a database that is slow is no reason not to see a
// full disk.
absl::StatusOr<watch::StoredFigures> Coordinator::ReadStored(const Scope& scope) {
  watch::StoredFigures figures;
  GOFARM_ASSIGN_OR_RETURN(figures.free_bytes, io::FreeBytes(config_.data_dir));
  if (identities_ != nullptr) {
    figures.authority = watch::EndOfCertificate(identities_->trust()->own.current.certificate);
    const std::string shown = Cat(identities_->ServerFolder(), "/", pki::kCertificateFile);
    const absl::StatusOr<std::string> certificate = io::ReadFile(shown, kCertificateMax);
    if (certificate.ok()) {
      figures.server = watch::EndOfCertificate(*certificate);
    } else {
      obs::Warn("certificate_not_read", {{"error", std::string(certificate.status().message())}});
    }
  }
  const auto totals = artifact_store_.CountAll(scope, config_.default_toolset.name);
  if (totals.ok()) {
    figures.totals = *totals;
  } else {
    obs::Warn("stored_not_counted", {{"error", std::string(totals.status().message())}});
  }
  return figures;
}

store::ConnectionFigures Coordinator::Connections() const {
  store::ConnectionFigures all;
  for (const store::Pool* pool :
       {&pool_, &attempt_pool_, &watch_pool_, &dispatch_pool_, &leadership_pool_, &catalog_pool_}) {
    const store::ConnectionFigures of = pool->Connections();
    all.busy += of.busy;
    all.idle += of.idle;
  }
  return all;
}

// Of the operators' listener for others, its refusals counted beside those of gRPC; null where it asks nobody.
http::Authorize Coordinator::CountedAuthorize() {
  http::Authorize authorize = MakeAuthorize(config_.http_auth, identities_.get());
  if (authorize == nullptr) return nullptr;
  return [this, authorize = std::move(authorize)](const http::Caller& caller) {
    absl::Status status = authorize(caller);
    call_metrics_.AddRefusal(status.code());
    return status;
  };
}

std::string Coordinator::MetricsText(metrics::Format format) {
  database_metrics_.Show(Connections());
  http_metrics_.ShowConnections();
  watch::FarmView view{.stored = stored_.Last()};
  // Held to the end, as the workers' reports are the leadership's: that waits for some milliseconds at most.
  const absl::ReaderMutexLock lock(&leading_mutex_);
  view.leads = leading_ != nullptr;
  if (view.leads) {
    view.dispatcher = leading_->Figures();
    view.host = [reports = &leading_->Reports()](const std::string& worker) { return reports->HostOf(worker); };
  }
  const absl::Time now = SteadyNow(), wall = WallNow();
  catalog_metrics_.Show(view.leads ? leading_->LastCatalogStatus() : std::nullopt, wall);
  publish_metrics_.Show(view.leads ? leading_->LastPublishFigures() : std::nullopt, wall);
  catalog_metrics_.Show(upstream_->Status(), now);
  return metrics::Write(farm_metrics_.Collect(view, now, wall), format);
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
  process::TuneHeap();
  obs::InitLog("gofarm-coordinator", config.log_level);
  const absl::StatusOr<int64_t> files = process::RaiseOpenFilesLimit();
  if (!files.ok()) {
    obs::Warn("open_files_limit", {{"error", std::string(files.status().message())}});
  }
  if (const absl::Status none = process::ForbidCoreDumps(); !none.ok()) {
    obs::Warn("core_dumps", {{"error", std::string(none.message())}});
  }
  Coordinator coordinator(config, files.value_or(kOpenFilesUsual), signals);
  const absl::Status prepared = coordinator.PrepareDatabase();
  const absl::Status started = prepared.ok() ? coordinator.Start() : prepared;
  if (!started.ok()) {
    if (signals.token().stop_requested()) return kExitOk;
    obs::Error("coordinator_cannot_start", {{"error", std::string(started.message())}});
    return absl::IsUnavailable(prepared) ? kExitNoDatabase : ExitCodeOf(started);
  }
  if (const absl::Status ended = coordinator.Run(); !ended.ok()) {
    obs::Error("coordinator_cannot_go_on", {{"error", std::string(ended.message())}});
    return ExitCodeOf(ended);
  }
  obs::Info("coordinator_stopped");
  return kExitOk;
}

}  // namespace gofarm::coordinator
