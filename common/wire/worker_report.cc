#include "common/wire/worker_report.h"

#include <gofarm/v1/worker.pb.h>

namespace gofarm::wire {

void ToProto(const InstalledToolchain& in, v1::InstalledToolchain& out) {
  out.set_kind(in.kind);
  out.set_version(in.version);
  out.set_path(in.path);
  out.set_sha256(in.sha256);
}

void ToProto(const TargetReadiness& in, v1::TargetReadiness& out) {
  out.set_target(static_cast<v1::Target>(in.target));
  out.set_state(static_cast<v1::ReadinessState>(in.state));
  out.set_detail(in.detail);
  out.set_seconds(in.seconds);
  out.set_toolset(in.toolset);
}

void ToProto(const WorkerFigures& in, v1::WorkerFigures& out) {
  out.set_memory_free_bytes(in.memory_free_bytes);
  out.set_load(in.load);
  out.set_clock_seconds(in.clock_seconds);
  out.set_certificate_left_seconds(in.certificate_left_seconds);
  for (const CacheFigures& c : in.caches) {
    v1::CacheFigures& cache = *out.add_caches();
    cache.set_kind(static_cast<v1::CacheKind>(c.kind));
    cache.set_bytes(c.bytes);
    cache.set_hits(c.hits);
    cache.set_misses(c.misses);
  }
}

void ToProto(const WorkerReport& in, v1::WorkerReport& out) {
  out.Clear();
  for (const InstalledToolchain& t : in.toolchains) ToProto(t, *out.add_toolchains());
  for (const TargetReadiness& r : in.readiness) ToProto(r, *out.add_readiness());
  out.set_cache_bytes(in.cache_bytes);
  out.set_disk_free_bytes(in.disk_free_bytes);
  if (in.figures) ToProto(*in.figures, *out.mutable_figures());
  out.set_scrape_address(in.scrape_address);
}

WorkerReport WorkerReportFromProto(const v1::WorkerReport& in) {
  WorkerReport out;
  for (const v1::InstalledToolchain& t : in.toolchains()) {
    out.toolchains.push_back({.kind = t.kind(), .version = t.version(), .path = t.path(), .sha256 = t.sha256()});
  }
  for (const v1::TargetReadiness& r : in.readiness()) {
    out.readiness.push_back({.target = static_cast<Target>(r.target()),
                             .state = static_cast<ReadinessState>(r.state()),
                             .detail = r.detail(),
                             .seconds = r.seconds(),
                             .toolset = r.toolset()});
  }
  out.cache_bytes = in.cache_bytes();
  out.disk_free_bytes = in.disk_free_bytes();
  out.scrape_address = in.scrape_address();
  if (!in.has_figures()) return out;
  WorkerFigures& figures = out.figures.emplace();
  figures.memory_free_bytes = in.figures().memory_free_bytes();
  figures.load = in.figures().load();
  figures.clock_seconds = in.figures().clock_seconds();
  figures.certificate_left_seconds = in.figures().certificate_left_seconds();
  for (const v1::CacheFigures& c : in.figures().caches()) {
    figures.caches.push_back(
        {.kind = static_cast<CacheKind>(c.kind()), .bytes = c.bytes(), .hits = c.hits(), .misses = c.misses()});
  }
  return out;
}

}  // namespace gofarm::wire
