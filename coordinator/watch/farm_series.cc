#include "coordinator/watch/farm_series.h"

#include <algorithm>
#include <utility>

#include "common/vocab/failure.h"
#include "common/vocab/target.h"
#include "common/vocab/worker_report.h"

namespace gofarm::watch {
namespace {

using metrics::Family;
using metrics::Kind;
using metrics::Labels;

void Add(Family& family, Labels labels, double value) {
  family.series.push_back({.labels = std::move(labels), .value = value, .buckets = {}});
}
void Add(Family& family, Labels labels, int64_t value) { Add(family, std::move(labels), static_cast<double>(value)); }

Family Gauge(std::string name, std::string help) {
  return {.name = std::move(name), .help = std::move(help), .kind = Kind::kGauge, .series = {}};
}
Family Counter(std::string name, std::string help) {
  return {.name = std::move(name), .help = std::move(help), .kind = Kind::kCounter, .series = {}};
}
Family One(Family family, int64_t value) {
  Add(family, {}, value);
  return family;
}

// Why a job waits; of none that has a reason somebody is about to take it.
std::string ReasonLabel(size_t reason) {
  return reason == 0 ? "ready" : std::string(Name(static_cast<WaitReason>(reason)));
}

void AddTargets(const dispatch::DispatchFigures& figures, absl::Time wall, std::vector<Family>& out) {
  Family queue = Gauge("gofarm_queue_jobs", "Jobs that wait, by target and why; ready: a worker is free for them.");
  Family oldest = Gauge("gofarm_queue_oldest_seconds",
                        "Since the oldest job that could be offered now was queued; 0: there is none.");
  Family running = Gauge("gofarm_running_jobs", "Jobs that are being built, by target.");
  Family ready = Gauge("gofarm_workers_ready", "Connected workers that take jobs, by target.");
  for (size_t t = 0; t < kAllTargets.size(); ++t) {
    const dispatch::TargetFigures& of = figures.targets[t];
    const std::string target(TargetName(kAllTargets[t]));
    for (size_t reason = 0; reason < of.waiting.size(); ++reason) {
      Add(queue, {{"target", target}, {"reason", ReasonLabel(reason)}}, of.waiting[reason]);
    }
    const bool waits = of.oldest_queued != absl::InfiniteFuture();
    Add(oldest, {{"target", target}}, waits ? std::max(0.0, absl::ToDoubleSeconds(wall - of.oldest_queued)) : 0.0);
    Add(running, {{"target", target}}, of.running);
    Add(ready, {{"target", target}}, of.workers);
  }
  for (Family* family : {&queue, &oldest, &running, &ready}) out.push_back(std::move(*family));
}

// The families of single workers, in one place, so that each stands there (empty) for any farm.
struct PerWorker {
  Family up = Gauge("gofarm_worker_up", "1: the worker is connected.");
  Family running = Gauge("gofarm_worker_running", "Builds that the worker runs.");
  Family slots = Gauge("gofarm_worker_slots", "Builds that the worker may run at a time.");
  Family memory_total = Gauge("gofarm_worker_memory_total_bytes", "Memory of the worker's host.");
  Family memory_free =
      Gauge("gofarm_worker_memory_free_bytes", "Memory that the worker's host could give to programs.");
  Family disk_free = Gauge("gofarm_worker_disk_free_bytes", "Room in the fuller of the worker's folders.");
  Family load = Gauge("gofarm_worker_load", "Load of the worker's host over one minute.");
  Family last_seen = Gauge("gofarm_worker_last_seen_seconds", "Since the worker was heard.");
  Family skew =
      Gauge("gofarm_worker_clock_skew_seconds", "By how much the worker's wall clock is ahead of the coordinator's.");
  Family certificate =
      Gauge("gofarm_worker_certificate_left_seconds", "Until the certificate of a worker of a TLS farm ends.");
  Family cache_bytes = Gauge("gofarm_worker_cache_bytes", "What the worker keeps on its disk, by cache.");
  Family lookups = Counter("gofarm_worker_cache_lookups_total",
                           "Whether what the worker wanted was there, by cache and result, since its start.");

  void AddHost(const std::string& worker, const service::WorkerReports::HostFigures& host) {
    Add(disk_free, {{"worker", worker}}, host.disk_free_bytes);
    if (!host.figures) return;
    const WorkerFigures& figures = *host.figures;
    Add(memory_free, {{"worker", worker}}, figures.memory_free_bytes);
    Add(load, {{"worker", worker}}, figures.load);
    if (figures.clock_seconds > 0) Add(skew, {{"worker", worker}}, host.clock_skew_seconds);
    if (figures.certificate_left_seconds > 0) {
      Add(certificate, {{"worker", worker}}, figures.certificate_left_seconds);
    }
    for (const CacheFigures& cache : figures.caches) {
      const std::string name(Name(cache.kind));
      Add(cache_bytes, {{"worker", worker}, {"cache", name}}, cache.bytes);
      Add(lookups, {{"worker", worker}, {"cache", name}, {"result", "hit"}}, cache.hits);
      Add(lookups, {{"worker", worker}, {"cache", name}, {"result", "miss"}}, cache.misses);
    }
  }

  std::vector<Family> Take() {
    std::vector<Family> out;
    for (Family* family : {&up, &running, &slots, &memory_total, &memory_free, &disk_free, &load, &last_seen, &skew,
                           &certificate, &cache_bytes, &lookups}) {
      out.push_back(std::move(*family));
    }
    return out;
  }
};

}  // namespace

std::vector<Family> QueueSeries(const dispatch::DispatchFigures& figures, absl::Time wall) {
  std::vector<Family> out;
  AddTargets(figures, wall, out);
  Family jobs = Gauge("gofarm_jobs", "Jobs of the queue, by what the dispatcher knows of them.");
  Add(jobs, {{"state", "waiting"}}, figures.waiting);
  Add(jobs, {{"state", "offered"}}, figures.offered);
  Add(jobs, {{"state", "running"}}, figures.running);
  out.push_back(std::move(jobs));
  Family workers = Gauge("gofarm_workers", "Workers by how they stand; lost: they were seen, and have no connection.");
  for (size_t i = 0; i < dispatch::kWorkerConditions.size(); ++i) {
    Add(workers, {{"state", std::string(dispatch::kWorkerConditions[i])}}, figures.workers_by_condition[i]);
  }
  out.push_back(std::move(workers));
  Family slots = Gauge("gofarm_slots", "Builds that the connected workers may run at a time, and those that they run.");
  Add(slots, {{"kind", "total"}}, figures.slots);
  Add(slots, {{"kind", "busy"}}, figures.busy_slots);
  out.push_back(std::move(slots));
  out.push_back(One(Gauge("gofarm_sessions", "Workers that are connected."), figures.sessions));
  return out;
}

std::vector<Family> WorkerSeries(const dispatch::DispatchFigures& figures, const HostOf& host, absl::Time now) {
  PerWorker all;
  for (const dispatch::WorkerFigures& worker : figures.workers) {
    const Labels labels{{"worker", worker.name}};
    Add(all.up, labels, int64_t{worker.is_up});
    Add(all.running, labels, worker.running);
    Add(all.slots, labels, worker.slots);
    Add(all.memory_total, labels, worker.memory_bytes);
    Add(all.last_seen, labels, std::max(0.0, absl::ToDoubleSeconds(now - worker.last_seen)));
    if (const auto reported = host(worker.name)) all.AddHost(worker.name, *reported);
  }
  std::vector<Family> out = all.Take();
  out.push_back(One(Gauge("gofarm_worker_series_dropped",
                          "Workers that have no series of their own here, as there are "
                          "too many."),
                    figures.workers_left_out));
  return out;
}

}  // namespace gofarm::watch
