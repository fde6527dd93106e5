#include "coordinator/catalog/catalog.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <set>
#include <thread>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/gomod/path.h"
#include "common/obs/log.h"
#include "common/sync/wait.h"
#include "coordinator/catalog/catalog_metrics.h"
#include "coordinator/catalog/detect_stage.h"
#include "coordinator/catalog/enrich_stage.h"
#include "coordinator/catalog/forecaster.h"
#include "coordinator/catalog/index_stage.h"
#include "coordinator/catalog/reach_stage.h"
#include "coordinator/catalog/select_stage.h"
#include "coordinator/catalog/source_lists.h"
#include "coordinator/catalog/upstream.h"
#include "coordinator/catalog/views.h"
#include "coordinator/store/catalog_index_store.h"
#include "coordinator/store/catalog_store.h"

namespace gofarm::catalog {
namespace {

constexpr char kDiskHolds[] = "disk space";  // beside services, what may hold the stages up
constexpr absl::Duration kCountMax = absl::Seconds(20);
constexpr absl::Duration kBudgetsLookEvery = absl::Seconds(5);

std::string StageNames() {
  std::string names;
  for (const Stage stage : kStages) names += Cat(names.empty() ? "" : ", ", Name(stage));
  return names;
}

absl::Status CheckPath(const std::string& module) {
  if (module.size() > kPathMax)
    return absl::InvalidArgumentError(Cat("a module path has at most ", kPathMax, " bytes"));
  return gomod::CheckModulePath(module);
}

}  // namespace

class Catalog::Impl {
 public:
  Impl(CatalogParts parts, int64_t epoch)
      : parts_(std::move(parts)),
        epoch_(epoch),
        store_(parts_.pool),
        index_store_(parts_.pool),
        index_(parts_.config, epoch, parts_.pool, index_store_, store_, parts_.upstream, parts_.data_dir, pace_),
        enrich_(parts_.config, epoch, store_, parts_.upstream),
        reach_(
            parts_.config, epoch, store_,
            [this](const Scope& scope, absl::Span<const int32_t> modules) {
              return ReadVersions(scope, index_store_, modules);
            },
            parts_.upstream),
        detect_(parts_.config, epoch, store_, parts_.upstream, parts_.go_version),
        forecaster_(epoch, store_, parts_.go_version),
        update_store_(parts_.pool),
        updater_(parts_.config, epoch, store_, update_store_, parts_.batches),
        selector_(parts_.config, epoch, store_, forecaster_, parts_.batches, updater_) {
    const std::pair<Stage, StageTurn*> turns[] = {{Stage::kIndex, &index_},
                                                  {Stage::kEnrich, &enrich_},
                                                  {Stage::kReach, &reach_},
                                                  {Stage::kDetect, &detect_},
                                                  {Stage::kSelect, &selector_}};
    for (const auto& [stage, turn] : turns) {
      loops_.push_back(std::make_unique<StageLoop>(stage, *turn, parts_.metrics.Of(stage), parts_.lost));
    }
  }

  absl::Status Start(const Scope& scope) {
    GOFARM_ASSIGN_OR_RETURN(const auto running, store_.Running(scope));
    for (const std::unique_ptr<StageLoop>& loop : loops_) {
      const auto it = running.find(loop->stage());
      if (it != running.end() && it->second) loop->SetRunning(true);
      loop->Start();
    }
    watcher_ = std::jthread([this](const std::stop_token& stop) { Watch(stop); });
    return absl::OkStatus();
  }

  void Stop() {
    watcher_.request_stop();
    for (const std::unique_ptr<StageLoop>& loop : loops_) loop->Stop();
    if (watcher_.joinable()) watcher_.join();
  }

  absl::StatusOr<CatalogStatus> SetRunning(const Scope& scope, const std::vector<std::string>& names, bool running) {
    std::vector<Stage> stages;
    for (const std::string& name : names) {
      const std::optional<Stage> stage = ParseStage(name);
      if (!stage) {
        return absl::InvalidArgumentError(
            Cat("\"", EscapeForPrint(Clip(name, 40)), "\" is no stage; the stages are ", StageNames()));
      }
      stages.push_back(*stage);
    }
    if (stages.empty()) stages.assign(kStages.begin(), kStages.end());
    GOFARM_RETURN_IF_ERROR(store_.SetRunning(scope, epoch_, stages, running));
    for (const std::unique_ptr<StageLoop>& loop : loops_) {
      if (std::find(stages.begin(), stages.end(), loop->stage()) != stages.end()) loop->SetRunning(running);
    }
    return Status(scope, /*fresh=*/false);
  }

  absl::StatusOr<CatalogStatus> Status(const Scope& scope, bool fresh) {
    const std::map<Stage, StageFacts> facts = Facts();
    CatalogStatus status;
    // Facts first: what a turn that ends now leaves to the next stage is seen in the tables.
    if (fresh) GOFARM_RETURN_IF_ERROR(Settle(scope, facts, status));
    GOFARM_ASSIGN_OR_RETURN(const Counted counted, CountedNow(scope));
    Describe(facts, counted, status);
    return status;
  }

  std::optional<CatalogStatus> LastStatus() {
    Counted counted;
    {
      const absl::MutexLock lock(&mutex_);
      scraped_at_ = SteadyNow();
      if (counted_.at == absl::InfinitePast()) return std::nullopt;
      counted = counted_;
    }
    CatalogStatus status;
    Describe(Facts(), counted, status);
    return status;
  }

  absl::StatusOr<std::vector<FunnelStep>> Funnel(const Scope& scope) {
    return store_.Funnel(scope, parts_.config.eligible_since);
  }

  absl::StatusOr<CatalogStats> Stats(const Scope& scope) {
    GOFARM_ASSIGN_OR_RETURN(const domain::IndexStats stats, index_store_.Stats(scope));
    GOFARM_ASSIGN_OR_RETURN(const int64_t bytes, store_.TableBytes(scope));
    return CatalogStats{.modules = stats.modules,
                        .versions = stats.versions,
                        .rejected = stats.rejected,
                        .stuck = stats.stuck,
                        .landed = stats.landed,
                        .bytes = bytes};
  }

  absl::StatusOr<ModuleView> Show(const Scope& scope, const std::string& module) {
    GOFARM_RETURN_IF_ERROR(CheckPath(module));
    GOFARM_ASSIGN_OR_RETURN(const store::ModuleRecord record, store_.Find(scope, module));
    ModuleView view = ViewOf(record, parts_.config, Versions(), WallNow());
    if (!view.programs.empty()) {
      GOFARM_ASSIGN_OR_RETURN(view.forecast, forecaster_.Of(scope, record.detection->document));
    }
    return view;
  }

  absl::StatusOr<WhyView> Why(const Scope& scope, const std::string& module) {
    GOFARM_RETURN_IF_ERROR(CheckPath(module));
    GOFARM_ASSIGN_OR_RETURN(const store::ModuleRecord record, store_.Find(scope, module));
    return WhyOf(record, parts_.config, Versions(), WallNow());
  }

  absl::Status ListVersions(const Scope& scope, const std::string& module, const VersionSink& sink) {
    GOFARM_RETURN_IF_ERROR(CheckPath(module));
    GOFARM_ASSIGN_OR_RETURN(const store::ModuleRecord record, store_.Find(scope, module));
    for (std::string after;;) {
      GOFARM_ASSIGN_OR_RETURN(const std::vector<domain::IndexedVersion> page,
                              index_store_.Versions(scope, record.module.id, after, store::kVersionsPageMax));
      if (page.empty()) return absl::OkStatus();
      after = page.back().version;
      std::vector<VersionRow> rows;
      for (const domain::IndexedVersion& v : page) rows.push_back({.version = v.version, .indexed_at = v.indexed_at});
      if (!sink(std::move(rows))) return absl::OkStatus();
    }
  }

  absl::StatusOr<std::vector<SearchHit>> Search(const Scope& scope, const std::string& words, int limit) {
    if (words.size() > kSearchWordsMax) {
      return absl::InvalidArgumentError(Cat("a search has at most ", kSearchWordsMax, " bytes"));
    }
    if (limit < 0) return absl::InvalidArgumentError(Cat("limit ", limit, " is out of range; 0 means 50"));
    return store_.Search(scope, words, limit == 0 ? 50 : limit);
  }

  absl::StatusOr<ModuleView> Refresh(const Scope& scope, const std::string& module, const std::string& name) {
    GOFARM_RETURN_IF_ERROR(CheckPath(module));
    std::vector<Stage> stages{Stage::kEnrich, Stage::kReach, Stage::kDetect};
    if (!name.empty()) {
      const std::optional<Stage> stage = ParseStage(name);
      if (!stage || std::find(stages.begin(), stages.end(), *stage) == stages.end()) {
        return absl::InvalidArgumentError(
            Cat("\"", EscapeForPrint(Clip(name, 40)), "\" cannot be refreshed; enrich, reach and detect can"));
      }
      stages = {*stage};
    }
    GOFARM_ASSIGN_OR_RETURN(const store::ModuleRecord record, store_.Find(scope, module));
    GOFARM_RETURN_IF_ERROR(store_.Refresh(scope, epoch_, record.module.id, stages));
    for (const std::unique_ptr<StageLoop>& loop : loops_) loop->Kick();
    return Show(scope, module);
  }

  absl::StatusOr<SelectionResult> Select(const Scope& scope, const SelectionRequest& request) {
    return selector_.Select(scope, request);
  }
  absl::StatusOr<UpdatesView> Updates(const Scope& scope) {
    GOFARM_ASSIGN_OR_RETURN(UpdatesView view, updater_.View(scope));
    view.running = Facts().at(Stage::kSelect).running;
    return view;
  }
  absl::StatusOr<std::vector<VerdictCheck>> CheckForecast(const Scope& scope) {
    GOFARM_RETURN_IF_ERROR(forecaster_.Refresh(scope));
    return store_.ForecastOutcomes(scope);
  }

  absl::StatusOr<std::unique_ptr<Ingestion>> BeginIngestion(const Scope& scope) {
    GOFARM_ASSIGN_OR_RETURN(std::unique_ptr<Ingestion> ingestion, index_.BeginIngestion(scope));
    return ingestion;
  }

  absl::StatusOr<ImportResult> Import(const Scope& scope, const std::string& origin, const std::string& text) {
    GOFARM_ASSIGN_OR_RETURN(const SourceList list, ParseSourceList(text, origin));
    std::vector<store::CatalogStore::ImportName> names;
    for (const SourceEntry& entry : list.entries) names.push_back({.name = entry.name, .path = entry.path});
    ImportResult result{.items = static_cast<int64_t>(list.entries.size()) + list.repeated + list.skipped_count,
                        .skipped = list.skipped_count,
                        .origin = origin};
    GOFARM_RETURN_IF_ERROR(Keep(scope, names, result));
    return result;
  }

  absl::StatusOr<ImportResult> ImportTopic(const Scope& scope, const std::string& topic,
                                           const ImportProgress& progress) {
    if (searching_.exchange(true)) {
      return absl::ResourceExhaustedError("another search of GitHub is under way; try again when it has ended");
    }
    const absl::Cleanup done = [this] { searching_ = false; };
    ImportResult result{.origin = Cat("github-topic:", topic)};
    const auto so_far = [&](const GithubClient::TopicRepositories& found) {
      result.items = static_cast<int64_t>(found.repositories.size());
      result.searches = found.searches;
      return !progress || progress(result);
    };
    GOFARM_ASSIGN_OR_RETURN(const GithubClient::TopicRepositories found,
                            parts_.upstream.github().WithTopic(scope, topic, so_far));
    so_far(found);
    result.complete = found.incomplete.empty();
    result.detail = found.incomplete;
    std::vector<store::CatalogStore::ImportName> names;
    for (const GithubRepository& repository : found.repositories) {
      const std::string path = Cat("github.com/", repository.full_name);
      names.push_back({.name = absl::AsciiStrToLower(path), .path = path});
    }
    GOFARM_RETURN_IF_ERROR(Keep(scope, names, result));
    return result;
  }

 private:
  absl::Status Keep(const Scope& scope, absl::Span<const store::CatalogStore::ImportName> names, ImportResult& result) {
    GOFARM_ASSIGN_OR_RETURN(const store::CatalogStore::Imported imported,
                            store_.Import(scope, epoch_, result.origin, names));
    result.modules = imported.modules;
    result.repositories = imported.names_unknown;
    for (const std::unique_ptr<StageLoop>& loop : loops_) loop->Kick();
    return absl::OkStatus();
  }

  struct Counted {
    absl::Time at = absl::InfinitePast();
    std::map<Stage, store::StageCounts> stages;
    domain::IndexStats index;
    RoomForecast room;
    absl::Time index_read_until = absl::InfinitePast();
    std::map<Stage, absl::Time> empty_at;  // when a stage was seen without a backlog last
  };

  static store::StageVersions Versions() {
    return {{Stage::kEnrich, kEnrichVersion}, {Stage::kReach, kReachVersion}, {Stage::kDetect, kDetectVersion}};
  }

  // Why a running stage does nothing, and what for.
  std::vector<Service> ServicesOf(Stage stage) const {
    switch (stage) {
      case Stage::kIndex:
        return {Service::kIndex};
      case Stage::kEnrich:
        if (!parts_.upstream.github().has_token()) return {Service::kDepsdev, Service::kPkgsite};
        return {Service::kDepsdev, Service::kPkgsite, Service::kGithub};
      case Stage::kReach:
      case Stage::kDetect:
        return {Service::kProxy};
      case Stage::kNone:
      case Stage::kSelect:
        break;
    }
    return {};
  }
  std::string WhyWaits(Stage stage) const {
    for (const Service service : ServicesOf(stage)) {
      if (std::string why = parts_.upstream.WhyPaused(service, SteadyNow()); !why.empty()) return why;
    }
    if (stage == Stage::kIndex) return index_.WhyStopped();
    return "";
  }

  std::map<Stage, StageFacts> Facts() const {
    std::map<Stage, StageFacts> facts;
    for (const std::unique_ptr<StageLoop>& loop : loops_) facts[loop->stage()] = loop->Facts();
    return facts;
  }
  void Describe(const std::map<Stage, StageFacts>& facts, const Counted& counted, CatalogStatus& status) const {
    status.as_of = counted.at;
    status.settings = SettingsOf(parts_.config);
    status.room = counted.room;
    status.index_read_until = counted.index_read_until;
    const absl::Time now = SteadyNow();
    for (const Stage stage : kStages) {
      const StageFacts& f = facts.at(stage);
      const std::string waits = f.running ? WhyWaits(stage) : "";
      const auto it = counted.stages.find(stage);
      StageStatus s{.name = std::string(Name(stage)),
                    .state = !f.running      ? "paused"
                             : waits.empty() ? "running"
                                             : "waits",
                    .rate = f.rate,
                    .errors = f.errors};
      if (it != counted.stages.end()) {
        s.done = it->second.done;
        s.backlog = it->second.backlog;
      }
      if (stage == Stage::kIndex) {
        s.done = counted.index.versions;
        s.backlog = counted.index.landed + (f.running && !f.resting && !index_.caught_up() ? 1 : 0);
      }
      if (s.backlog > 0 && s.rate > 0) s.eta_seconds = static_cast<double>(s.backlog) / s.rate;
      if (f.running && s.backlog > 0) {
        const auto empty = counted.empty_at.find(stage);
        const absl::Time since = std::max(f.progress_at, empty == counted.empty_at.end() ? counted.at : empty->second);
        s.stalled_seconds = std::max(0.0, absl::ToDoubleSeconds(now - since));
      }
      status.stages.push_back(std::move(s));
    }
    for (const GateStatus& gate : parts_.upstream.Status()) {
      if (gate.paused_until <= now) continue;
      status.hosts.push_back({.host = std::string(ServiceName(gate.service)),
                              .paused_until = WallOf(gate.paused_until),
                              .reason = gate.reason});
    }
  }

  // Nothing that is due is left but what waits for paused services.
  absl::Status Settle(const Scope& scope, const std::map<Stage, StageFacts>& facts, CatalogStatus& status) {
    GOFARM_ASSIGN_OR_RETURN(const auto pending, store_.Pending(scope, Versions()));
    std::set<std::string> held;
    status.settled = true;
    for (const auto& [stage, f] : facts) {
      if (!f.running || stage == Stage::kSelect) continue;
      const auto it = pending.find(stage);
      const bool unread = it != pending.end() && it->second.unread;
      const bool due = stage == Stage::kIndex ? !index_.caught_up() : it != pending.end() && it->second.due;
      if (!due && !unread && f.resting) continue;
      bool paused = false;
      for (const Service service : ServicesOf(stage)) {
        if (parts_.upstream.WhyPaused(service, SteadyNow()).empty()) continue;
        paused = true;
        held.emplace(ServiceName(service));
      }
      if (stage == Stage::kIndex && !index_.WhyStopped().empty()) {
        paused = true;
        held.emplace(kDiskHolds);
      }
      if (!paused || unread) status.settled = false;
    }
    if (status.settled) status.held_up_by.assign(held.begin(), held.end());
    return absl::OkStatus();
  }

  absl::StatusOr<Counted> CountedNow(const Scope& scope) {
    {
      const absl::MutexLock lock(&mutex_);
      asked_at_ = SteadyNow();
      if (counted_.at != absl::InfinitePast()) return counted_;
    }
    return Count(scope);
  }
  absl::StatusOr<Counted> Count(const Scope& scope) {
    Counted counted{.at = SteadyNow()};
    GOFARM_ASSIGN_OR_RETURN(counted.stages, store_.Counts(scope, Versions()));
    GOFARM_ASSIGN_OR_RETURN(counted.index, index_store_.Stats(scope));
    GOFARM_ASSIGN_OR_RETURN(const int64_t bytes, store_.TableBytes(scope));
    GOFARM_ASSIGN_OR_RETURN(counted.room, index_.Room(scope, counted.index, bytes));
    GOFARM_ASSIGN_OR_RETURN(const std::vector<domain::IndexSlice> slices, index_store_.Slices(scope));
    for (const domain::IndexSlice& slice : slices) {
      std::string error;
      if (slice.slice == 0) absl::ParseTime(absl::RFC3339_full, slice.since, &counted.index_read_until, &error);
    }
    const absl::MutexLock lock(&mutex_);
    counted.empty_at = counted_.empty_at;
    for (const Stage stage : kStages) {
      const auto it = counted.stages.find(stage);
      const bool is_empty = stage == Stage::kIndex ? counted.index.landed == 0 && index_.caught_up()
                                                   : it == counted.stages.end() || it->second.backlog == 0;
      if (is_empty || !counted.empty_at.contains(stage)) counted.empty_at[stage] = counted.at;
    }
    counted_ = counted;
    return counted;
  }

  // Keeps the counts young while somebody asks for them, and takes up budgets that were changed in the file.
  void Watch(const std::stop_token& stop) {
    std::filesystem::file_time_type seen{};
    for (absl::Duration since_budgets = kBudgetsLookEvery; sync::SleepFor(stop, absl::Seconds(1));
         since_budgets += absl::Seconds(1)) {
      bool count = false;
      {
        const absl::MutexLock lock(&mutex_);
        const absl::Time now = SteadyNow();
        const absl::Duration age = now - counted_.at;
        count = (now - asked_at_ < 4 * kStatusAge && age >= kStatusAge / 2) ||
                (now - scraped_at_ < 4 * kGaugeAge && age >= kGaugeAge);
      }
      if (count) {
        if (const auto counted = Count(Scope::For(kCountMax, stop)); !counted.ok() && !stop.stop_requested()) {
          obs::Warn("catalog_not_counted", {{"error", std::string(counted.status().message())}});
        }
      }
      if (since_budgets < kBudgetsLookEvery || parts_.config_file.empty()) continue;
      since_budgets = absl::ZeroDuration();
      std::error_code error;
      const auto changed = std::filesystem::last_write_time(parts_.config_file, error);
      if (error || changed == seen) continue;
      const bool first = seen == std::filesystem::file_time_type{};
      seen = changed;
      if (const absl::StatusOr<Budgets> budgets = ReloadBudgets(parts_.config_file); budgets.ok()) {
        // The first look, too: the file may have changed since this process read it.
        parts_.upstream.SetBudgets(*budgets);
        if (!first) obs::Info("catalog_budgets_changed", {{"file", parts_.config_file}});
      } else {
        obs::Warn("catalog_budgets_not_read", {{"error", std::string(budgets.status().message())}});
      }
    }
  }

  const CatalogParts parts_;
  BulkPace pace_{parts_.jobs_queued};
  const int64_t epoch_;
  store::CatalogStore store_;
  store::CatalogIndexStore index_store_;
  IndexStage index_;
  EnrichStage enrich_;
  ReachStage reach_;
  DetectStage detect_;
  Forecaster forecaster_;
  store::UpdateStore update_store_;
  Updater updater_;
  Selector selector_;
  std::vector<std::unique_ptr<StageLoop>> loops_;
  absl::Mutex mutex_;
  Counted counted_ ABSL_GUARDED_BY(mutex_);
  absl::Time asked_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  absl::Time scraped_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  std::atomic<bool> searching_{false};
  std::jthread watcher_;
};

Catalog::Catalog(CatalogParts parts, int64_t epoch) : impl_(std::make_unique<Impl>(std::move(parts), epoch)) {}
Catalog::~Catalog() { Stop(); }

absl::Status Catalog::Start(const Scope& scope) { return impl_->Start(scope); }
void Catalog::Stop() { impl_->Stop(); }
absl::StatusOr<CatalogStatus> Catalog::SetRunning(const Scope& scope, const std::vector<std::string>& stages,
                                                  bool running) {
  return impl_->SetRunning(scope, stages, running);
}
absl::StatusOr<CatalogStatus> Catalog::Status(const Scope& scope, bool fresh) { return impl_->Status(scope, fresh); }
std::optional<CatalogStatus> Catalog::LastStatus() { return impl_->LastStatus(); }
absl::StatusOr<std::vector<FunnelStep>> Catalog::Funnel(const Scope& scope) { return impl_->Funnel(scope); }
absl::StatusOr<CatalogStats> Catalog::Stats(const Scope& scope) { return impl_->Stats(scope); }
absl::StatusOr<ModuleView> Catalog::Show(const Scope& scope, const std::string& module) {
  return impl_->Show(scope, module);
}
absl::StatusOr<WhyView> Catalog::Why(const Scope& scope, const std::string& module) {
  return impl_->Why(scope, module);
}
absl::Status Catalog::Versions(const Scope& scope, const std::string& module, const VersionSink& sink) {
  return impl_->ListVersions(scope, module, sink);
}
absl::StatusOr<std::vector<SearchHit>> Catalog::Search(const Scope& scope, const std::string& words, int limit) {
  return impl_->Search(scope, words, limit);
}
absl::StatusOr<ModuleView> Catalog::Refresh(const Scope& scope, const std::string& module, const std::string& stage) {
  return impl_->Refresh(scope, module, stage);
}
absl::StatusOr<SelectionResult> Catalog::Select(const Scope& scope, const SelectionRequest& request) {
  return impl_->Select(scope, request);
}
absl::StatusOr<UpdatesView> Catalog::Updates(const Scope& scope) { return impl_->Updates(scope); }
absl::StatusOr<std::vector<VerdictCheck>> Catalog::CheckForecast(const Scope& scope) {
  return impl_->CheckForecast(scope);
}
absl::StatusOr<std::unique_ptr<Ingestion>> Catalog::BeginIngestion(const Scope& scope) {
  return impl_->BeginIngestion(scope);
}
absl::StatusOr<ImportResult> Catalog::Import(const Scope& scope, const std::string& origin, const std::string& text) {
  return impl_->Import(scope, origin, text);
}
absl::StatusOr<ImportResult> Catalog::ImportTopic(const Scope& scope, const std::string& topic,
                                                  const ImportProgress& progress) {
  return impl_->ImportTopic(scope, topic, progress);
}

}  // namespace gofarm::catalog
