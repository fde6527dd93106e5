#include "common/wire/offer.h"

#include <gofarm/v1/worker.pb.h>

#include <algorithm>
#include <cmath>

namespace gofarm::wire {
namespace {

// A duration that is no number, negative or beyond a year is none.
absl::Duration FromSeconds(double seconds) {
  return std::isfinite(seconds) && seconds > 0 && seconds < 366 * 86400.0 ? absl::Seconds(seconds)
                                                                          : absl::ZeroDuration();
}

// Zero and less state no limit.
template <typename T, typename Given>
void TakeStated(T& limit, Given given) {
  if (given > T{}) limit = given;
}

}  // namespace

void ToProto(const Offer& in, v1::Offer& out) {
  out.set_token(in.token.value);
  out.set_job_id(in.job.value);
  out.set_module(in.module);
  out.set_version(in.version);
  out.set_target(static_cast<v1::Target>(in.target));
  out.set_toolset(in.toolset);
  for (const Target target : in.siblings) out.add_sibling_targets(static_cast<v1::Target>(target));
  out.set_deadline_seconds(absl::ToDoubleSeconds(in.deadline));
  v1::BuildLimits& limits = *out.mutable_limits();
  limits.set_wall_seconds(absl::ToDoubleSeconds(in.limits.wall));
  limits.set_silence_seconds(absl::ToDoubleSeconds(in.limits.silence));
  limits.set_memory_bytes(in.limits.memory_bytes);
  limits.set_log_bytes(in.limits.log_bytes);
  limits.set_output_bytes(in.limits.output_bytes);
  limits.set_processes(in.limits.processes);
  out.set_cold_caches(in.cold_caches);
}

Offer OfferFromProto(const v1::Offer& in) {
  Offer out;
  out.token = AttemptToken{in.token()};
  out.job = JobId{in.job_id()};
  out.module = in.module();
  out.version = in.version();
  out.target = static_cast<Target>(in.target());
  out.toolset = in.toolset();
  for (const int target : in.sibling_targets()) {
    // Fetching for a target of a later coordinator would be wrong.
    if (v1::Target_IsValid(target) && target != v1::TARGET_UNSPECIFIED) {
      out.siblings.push_back(static_cast<Target>(target));
    }
  }
  out.deadline = FromSeconds(in.deadline_seconds());
  const v1::BuildLimits& limits = in.limits();
  TakeStated(out.limits.wall, FromSeconds(limits.wall_seconds()));
  TakeStated(out.limits.silence, FromSeconds(limits.silence_seconds()));
  TakeStated(out.limits.memory_bytes, limits.memory_bytes());
  TakeStated(out.limits.log_bytes, limits.log_bytes());
  TakeStated(out.limits.output_bytes, limits.output_bytes());
  TakeStated(out.limits.processes, limits.processes());
  out.cold_caches = in.cold_caches();
  return out;
}

}  // namespace gofarm::wire
