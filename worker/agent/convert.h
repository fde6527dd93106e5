// Between proto and the worker's own types. Pure. Everything that goes out is cut to what the coordinator takes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/goproxy/settings.h"
#include "common/vocab/progress.h"
#include "common/vocab/toolset.h"
#include "worker/agent/session_logic.h"
#include "worker/build/runner.h"

namespace gofarm::v1 {
class GoSettings;
class Progress;
class Toolset;
}  // namespace gofarm::v1

namespace gofarm::agent {

inline constexpr size_t kDetailMax = 4000;  // bytes of a sentence for people

// With the archives for this host architecture alone.
Toolset ToolsetFromProto(const v1::Toolset& toolset, std::string_view host_arch);

// Empty when the coordinator said nothing. INVALID_ARGUMENT: what it said is no use (goproxy::Check).
absl::StatusOr<goproxy::Settings> GoSettingsFromProto(const v1::GoSettings& settings);

// Has archives for this host architecture: one zig, and every Go it names.
bool CanBuildOn(const Toolset& toolset, std::string_view host_arch);

// `memory_per_slot` where the offer states no cap.
build::AcceptedOffer Accepted(const Offer& offer, const Toolset& toolset, int slot, int64_t memory_per_slot);

void ProgressToProto(AttemptToken token, const Progress& progress, v1::Progress& out);

}  // namespace gofarm::agent
