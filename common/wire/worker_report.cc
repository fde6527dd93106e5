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

void ToProto(const WorkerReport& in, v1::WorkerReport& out) {
  out.Clear();
  for (const InstalledToolchain& t : in.toolchains) ToProto(t, *out.add_toolchains());
  for (const TargetReadiness& r : in.readiness) ToProto(r, *out.add_readiness());
  out.set_cache_bytes(in.cache_bytes);
  out.set_disk_free_bytes(in.disk_free_bytes);
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
  return out;
}

}  // namespace gofarm::wire
