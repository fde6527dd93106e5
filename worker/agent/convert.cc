#include "worker/agent/convert.h"

#include <gofarm/v1/worker.pb.h>

#include <algorithm>
#include <cmath>

#include "common/base/status_macros.h"
#include "common/base/text.h"

namespace gofarm::agent {
namespace {

constexpr size_t kVariantMax = 200;

std::string Detail(std::string_view text) { return Clip(text, kDetailMax); }

}  // namespace

Toolset ToolsetFromProto(const v1::Toolset& in, std::string_view host_arch) {
  Toolset out;
  out.name = in.name();
  out.go_versions.assign(in.go_versions().begin(), in.go_versions().end());
  out.previous_go = in.previous_go();
  out.zig_version = in.zig_version();
  out.digest = in.digest();
  for (const v1::Archive& a : in.archives()) {
    if (a.host_arch() != host_arch) continue;
    out.archives.push_back({a.kind(), a.version(), a.host_arch(), a.source(), a.locator(), a.sha256()});
  }
  return out;
}

absl::StatusOr<goproxy::Settings> GoSettingsFromProto(const v1::GoSettings& in) {
  goproxy::Settings settings{
      .goproxy = in.goproxy(), .gosumdb = in.gosumdb(), .gonosumdb = in.gonosumdb(), .goprivate = in.goprivate()};
  GOFARM_RETURN_IF_ERROR(goproxy::Check(settings));
  return settings;
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

build::AcceptedOffer Accepted(const Offer& offer, const Toolset& toolset, int slot, int64_t memory_per_slot) {
  build::AcceptedOffer accepted{offer};
  accepted.pins = toolset;
  accepted.slot = slot;
  const int64_t asked = offer.limits.memory_bytes;
  accepted.limits.memory_bytes = asked > 0 ? std::min(asked, memory_per_slot) : memory_per_slot;
  return accepted;
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
