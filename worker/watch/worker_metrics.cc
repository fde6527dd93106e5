#include "worker/watch/worker_metrics.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/base/text.h"
#include "common/metrics/process_metrics.h"
#include "common/process/proc_fs.h"

namespace gofarm::watch {
namespace {

using metrics::Family;
using metrics::Kind;

constexpr std::array<double, 14> kPhaseBounds = {0.02, 0.1, 0.5, 1, 2, 5, 10, 20, 40, 80, 160, 300, 600, 1200};
constexpr std::array<AttemptOutcome, 5> kOutcomes = {AttemptOutcome::kBuilt, AttemptOutcome::kPartial,
                                                     AttemptOutcome::kNothingToBuild, AttemptOutcome::kFailed,
                                                     AttemptOutcome::kCancelled};
constexpr std::array<CacheKind, kCacheKinds> kCaches = {CacheKind::kModules, CacheKind::kListings, CacheKind::kGocache,
                                                        CacheKind::kSeeds, CacheKind::kToolchains};
// Those that builds look into: a module that has to be fetched, a build that begins without what others compiled.
constexpr std::array<CacheKind, 2> kLookedInto = {CacheKind::kModules, CacheKind::kGocache};

void Add(Family& family, metrics::Labels labels, double value) {
  family.series.push_back({.labels = std::move(labels), .value = value, .buckets = {}});
}
template <typename Number>
void Add(Family& family, metrics::Labels labels, Number value) {
  Add(family, std::move(labels), static_cast<double>(value));
}
Family Named(std::string name, std::string help, Kind kind = Kind::kGauge) {
  return {.name = std::move(name), .help = std::move(help), .kind = kind, .series = {}};
}

template <typename Key, typename Value>
Value At(const std::map<Key, Value>& map, const Key& key) {
  const auto it = map.find(key);
  return it == map.end() ? Value{} : it->second;
}

bool HasPhase(const AttemptReport& report, Phase phase) {
  return std::any_of(report.phases.begin(), report.phases.end(), [&](const PhaseTime& p) { return p.phase == phase; });
}

}  // namespace

HostNow ParseHost(std::string_view meminfo, std::string_view loadavg) {
  HostNow now;
  for (const absl::string_view line : absl::StrSplit(Av(meminfo), '\n')) {
    // "MemAvailable:   12345678 kB"
    const std::vector<std::string> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    int64_t kib = 0;
    if (words.size() >= 2 && words[0] == "MemAvailable:" && absl::SimpleAtoi(words[1], &kib) && kib >= 0) {
      now.memory_free_bytes = kib << 10;
    }
  }
  double load = 0;
  if (absl::SimpleAtod(Av(loadavg.substr(0, loadavg.find(' '))), &load) && load >= 0) now.load = load;
  return now;
}

HostNow ReadHostNow() {
  return ParseHost(process::ReadProcFile("/proc/meminfo"), process::ReadProcFile("/proc/loadavg"));
}

void WorkerMetrics::AttemptBegins() {
  const absl::MutexLock lock(&mutex_);
  ++running_;
}

void WorkerMetrics::AttemptEnded(const AttemptReport& report) {
  const absl::MutexLock lock(&mutex_);
  --running_;
  ++attempts_[report.outcome];
  for (const PhaseTime& phase : report.phases) {
    Phases& of = phases_[phase.phase];
    of.counts.resize(kPhaseBounds.size() + 1);
    const auto bound = std::lower_bound(kPhaseBounds.begin(), kPhaseBounds.end(), phase.seconds);
    ++of.counts[static_cast<size_t>(bound - kPhaseBounds.begin())];
    of.sum += phase.seconds;
  }
  // The Go is known when the fetch came to its end; one that failed found nothing anywhere.
  if (!report.facts.go_version.empty()) {
    Lookups& modules = lookups_[CacheKind::kModules];
    ++(report.facts.bytes_fetched == 0 ? modules.hits : modules.misses);
  }
  if (HasPhase(report, Phase::kBuild)) {
    Lookups& builds = lookups_[CacheKind::kGocache];
    ++(report.facts.used_shared_cache ? builds.hits : builds.misses);
  }
}

void WorkerMetrics::SeedEnded(bool made) {
  const absl::MutexLock lock(&mutex_);
  ++(made ? seeds_made_ : seeds_failed_);
}

void WorkerMetrics::CacheBytes(const std::map<CacheKind, int64_t>& bytes) {
  const absl::MutexLock lock(&mutex_);
  cache_bytes_ = bytes;
}

void WorkerMetrics::Connected(bool connected) {
  const absl::MutexLock lock(&mutex_);
  connected_ = connected;
}

void WorkerMetrics::DiskFree(const std::string& folder, int64_t bytes) {
  const absl::MutexLock lock(&mutex_);
  disk_free_[folder] = bytes;
}

std::vector<CacheFigures> WorkerMetrics::Caches() const {
  const absl::MutexLock lock(&mutex_);
  std::vector<CacheFigures> caches;
  for (const CacheKind kind : kCaches) {
    const Lookups lookups = At(lookups_, kind);
    caches.push_back({.kind = kind, .bytes = At(cache_bytes_, kind), .hits = lookups.hits, .misses = lookups.misses});
  }
  return caches;
}

std::vector<Family> WorkerMetrics::Collect(const std::string& program, const std::string& version) const {
  std::vector<Family> all = metrics::ProcessFamilies(metrics::ReadProcess(), program, version);
  const absl::MutexLock lock(&mutex_);
  Family connected = Named("gofarm_coordinator_connected", "1: this worker has a session with its coordinator.");
  Add(connected, {}, connected_ ? 1 : 0);
  Family slots = Named("gofarm_build_slots", "Builds that this worker may run at a time, and those that it runs.");
  Add(slots, {{"kind", "total"}}, slots_);
  Add(slots, {{"kind", "busy"}}, running_);
  Family attempts =
      Named("gofarm_worker_attempts_total", "Attempts that this worker ended, by outcome.", Kind::kCounter);
  for (const AttemptOutcome outcome : kOutcomes) {
    Add(attempts, {{"outcome", std::string(Name(outcome))}}, At(attempts_, outcome));
  }
  Family phases = Named("gofarm_worker_phase_seconds", "Time of attempts that ended in a phase, but for uploads.",
                        Kind::kHistogram);
  for (int i = 1; i <= kPhases; ++i) {
    const auto phase = static_cast<Phase>(i);
    const Phases of = At(phases_, phase);
    metrics::Series series{.labels = {{"phase", std::string(Name(phase))}}, .buckets = {}, .sum = of.sum};
    for (size_t b = 0; b <= kPhaseBounds.size(); ++b) {
      series.count += of.counts.empty() ? 0 : of.counts[b];
      if (b < kPhaseBounds.size()) series.buckets.push_back({kPhaseBounds[b], series.count});
    }
    phases.series.push_back(std::move(series));
  }
  Family cache_bytes = Named("gofarm_cache_bytes", "What this worker keeps on its disk, by cache.");
  for (const CacheKind kind : kCaches) {
    Add(cache_bytes, {{"cache", std::string(Name(kind))}}, At(cache_bytes_, kind));
  }
  Family lookups = Named("gofarm_cache_lookups_total", "Whether what a build wanted was there, by cache and result.",
                         Kind::kCounter);
  for (const CacheKind kind : kLookedInto) {
    Add(lookups, {{"cache", std::string(Name(kind))}, {"result", "hit"}}, At(lookups_, kind).hits);
    Add(lookups, {{"cache", std::string(Name(kind))}, {"result", "miss"}}, At(lookups_, kind).misses);
  }
  Family disk = Named("gofarm_disk_free_bytes", "Room in the folders that this worker writes to.");
  for (const auto& [folder, bytes] : disk_free_) Add(disk, {{"folder", folder}}, bytes);
  Family seeds = Named("gofarm_seed_runs_total", "Seeds of a target that were made, or failed.", Kind::kCounter);
  Add(seeds, {{"result", "ready"}}, seeds_made_);
  Add(seeds, {{"result", "failed"}}, seeds_failed_);
  for (Family* family : {&connected, &slots, &attempts, &phases, &cache_bytes, &lookups, &disk, &seeds}) {
    all.push_back(std::move(*family));
  }
  return all;
}

build::BuildReport MeteredRunner::Run(const Scope& scope, const build::AcceptedOffer& offer,
                                      build::BuildListener& listener) {
  metrics_.AttemptBegins();
  build::BuildReport report = runner_.Run(scope, offer, listener);
  metrics_.AttemptEnded(report);
  return report;
}

}  // namespace gofarm::watch
