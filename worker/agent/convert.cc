#include "worker/agent/convert.h"

#include <gofarm/v1/worker.pb.h>

#include <algorithm>
#include <cmath>

#include "common/base/text.h"

namespace gofarm::agent {
namespace {

constexpr size_t kVariantMax = 200;

absl::Duration FromSeconds(double seconds) {
  // A duration that is no number, negative or beyond a year is none.
  return std::isfinite(seconds) && seconds > 0 && seconds < 366 * 86400.0 ? absl::Seconds(seconds)
                                                                          : absl::ZeroDuration();
}

std::string Detail(std::string_view text) { return Clip(text, kDetailMax); }

}  // namespace

Toolset ToolsetFromProto(const v1::Toolset& in) {
  Toolset out;
  out.name = in.name();
  out.go_versions.assign(in.go_versions().begin(), in.go_versions().end());
  out.zig_version = in.zig_version();
  out.digest = in.digest();
  for (const v1::Archive& a : in.archives()) {
    out.archives.push_back({a.kind(), a.version(), a.host_arch(), a.source(), a.locator(), a.sha256()});
  }
  return out;
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
    // One that this worker does not know is a later coordinator's; fetching for it would be wrong.
    if (v1::Target_IsValid(target) && target != v1::TARGET_UNSPECIFIED)
      out.siblings.push_back(static_cast<Target>(target));
  }
  out.deadline = FromSeconds(in.deadline_seconds());
  const v1::BuildLimits& limits = in.limits();
  out.limits = {.wall = FromSeconds(limits.wall_seconds()),
                .silence = FromSeconds(limits.silence_seconds()),
                .memory_bytes = std::max<int64_t>(0, limits.memory_bytes()),
                .log_bytes = std::max<int64_t>(0, limits.log_bytes()),
                .output_bytes = std::max<int64_t>(0, limits.output_bytes()),
                .processes = std::max(0, limits.processes())};
  return out;
}

bool CanBuildOn(const Toolset& toolset, std::string_view host_arch) {
  const auto has = [&](std::string_view kind, std::string_view version) {
    return std::any_of(toolset.archives.begin(), toolset.archives.end(), [&](const Archive& a) {
      return a.kind == kind && a.version == version && a.host_arch == host_arch;
    });
  };
  return !toolset.go_versions.empty() && has("zig", toolset.zig_version) &&
         std::all_of(toolset.go_versions.begin(), toolset.go_versions.end(),
                     [&](const std::string& go) { return has("go", go); });
}

build::BuildOrder OrderFromOffer(const Offer& offer, const Toolset& toolset, int slot, int64_t memory_per_slot) {
  build::BuildOrder order;
  order.token = offer.token;
  order.job = offer.job;
  order.module = offer.module;
  order.version = offer.version;
  order.target = offer.target;
  order.siblings = offer.siblings;
  order.toolset = toolset;
  order.slot = slot;
  // A limit of zero is none stated: the default stands.
  if (offer.limits.wall > absl::ZeroDuration()) order.limits.wall = offer.limits.wall;
  if (offer.limits.silence > absl::ZeroDuration()) order.limits.silence = offer.limits.silence;
  if (offer.limits.log_bytes > 0) order.limits.log_bytes = offer.limits.log_bytes;
  if (offer.limits.output_bytes > 0) order.limits.output_bytes = offer.limits.output_bytes;
  if (offer.limits.processes > 0) order.limits.processes = offer.limits.processes;
  order.limits.memory_bytes =
      offer.limits.memory_bytes > 0 ? std::min(offer.limits.memory_bytes, memory_per_slot) : memory_per_slot;
  return order;
}

void ProgressToProto(AttemptToken token, const Progress& progress, v1::Progress& out) {
  out.set_token(token.value);
  out.set_phase(static_cast<v1::Phase>(progress.phase));
  out.set_variant(Clip(EscapeForPrint(progress.variant), kVariantMax));
  out.set_detail(Detail(EscapeForPrint(progress.detail)));
  out.set_bytes_done(std::max<int64_t>(0, progress.bytes_done));
  out.set_bytes_total(std::max<int64_t>(0, progress.bytes_total));
  out.set_phase_seconds(std::max(0.0, progress.phase_seconds));
  for (const Phase phase : progress.phases) out.add_phases(static_cast<v1::Phase>(phase));
}

}  // namespace gofarm::agent
