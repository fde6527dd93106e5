// Between proto and the worker's own types. Pure. Everything that goes out is cut to what the coordinator takes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "common/vocab/progress.h"
#include "common/vocab/toolset.h"
#include "worker/agent/session_logic.h"
#include "worker/build/runner.h"

namespace gofarm::v1 {
class CompleteRequest;
class Offer;
class Progress;
class Toolset;
}  // namespace gofarm::v1

namespace gofarm::agent {

// Below rpc::kMessageBytesMax with room for what surrounds the message.
inline constexpr size_t kCompleteBytesMax = 3 << 20;
inline constexpr size_t kDetailMax = 4000;  // bytes of a sentence for people

Toolset ToolsetFromProto(const v1::Toolset& toolset);
Offer OfferFromProto(const v1::Offer& offer);

// Has archives for this host architecture: one zig, and every Go it names.
bool CanBuildOn(const Toolset& toolset, std::string_view host_arch);

// `memory_per_slot` where the offer states no cap.
build::BuildOrder OrderFromOffer(const Offer& offer, const Toolset& toolset, int slot, int64_t memory_per_slot);

void ProgressToProto(AttemptToken token, const Progress& progress, v1::Progress& out);

// What the agent knows beside the build's own report.
struct AttemptExtras {
  std::string worker_build;
  std::string log_sha256;
  int64_t log_bytes = 0;
  double upload_seconds = 0;
};
// Fits kCompleteBytesMax: build info texts (they stand in the artifacts too), then the variants' edited go.mod files
// and environments, then dependencies are left out, the largest kind first. What still does not fit is reported as
// failed, class output_limit.
void ReportToProto(const build::BuildOrder& order, const build::BuildReport& report, const AttemptExtras& extras,
                   v1::CompleteRequest& out);

// What is said when the coordinator does not take a report: failed, class internal.
void RefusedReportToProto(const build::BuildOrder& order, std::string_view why, const AttemptExtras& extras,
                          v1::CompleteRequest& out);

}  // namespace gofarm::agent
