#include "common/vocab/worker_report.h"

#include <algorithm>
#include <cmath>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/vocab/names.h"

namespace gofarm {
namespace {

constexpr std::array<std::string_view, 5> kReadinessStates = {"", "waiting", "seeding", "ready", "failed"};

absl::Status Wrong(std::string_view what, std::string_view why) {
  return absl::InvalidArgumentError(Cat("what the worker has: ", what, ": ", why));
}

absl::Status CheckRows(std::string_view what, size_t count) {
  if (count <= kWorkerReportRowsMax) return absl::OkStatus();
  return Wrong(what, Cat(count, " rows, at most ", kWorkerReportRowsMax, " are taken"));
}

absl::Status CheckNumber(std::string_view what, double number) {
  if (std::isfinite(number) && number >= 0) return absl::OkStatus();
  return Wrong(what, "must be a number that is not negative");
}

absl::Status CleanText(std::string_view what, std::string& text, size_t max, bool keep_newlines = false) {
  if (text.size() > max) return Wrong(what, Cat(text.size(), " bytes, at most ", max, " are taken"));
  text = EscapeAndClip(text, max, keep_newlines);
  return absl::OkStatus();
}

}  // namespace

std::string_view Name(ReadinessState state) { return NameIn(kReadinessStates, static_cast<int>(state)); }
std::optional<ReadinessState> ParseReadinessState(std::string_view name) {
  return ParseIn<ReadinessState>(kReadinessStates, name);
}

absl::Status CleanReport(WorkerReport& report) {
  GOFARM_RETURN_IF_ERROR(CheckRows("toolchains", report.toolchains.size()));
  GOFARM_RETURN_IF_ERROR(CheckRows("readiness", report.readiness.size()));
  GOFARM_RETURN_IF_ERROR(CheckNumber("cache_bytes", static_cast<double>(report.cache_bytes)));
  GOFARM_RETURN_IF_ERROR(CheckNumber("disk_free_bytes", static_cast<double>(report.disk_free_bytes)));
  for (InstalledToolchain& t : report.toolchains) {
    for (std::string* text : {&t.kind, &t.version, &t.sha256}) {
      GOFARM_RETURN_IF_ERROR(CleanText("toolchain", *text, kWorkerTextMax));
    }
    GOFARM_RETURN_IF_ERROR(CleanText("path of a toolchain", t.path, kWorkerDetailMax));
  }
  for (TargetReadiness& r : report.readiness) {
    if (std::find(kAllTargets.begin(), kAllTargets.end(), r.target) == kAllTargets.end()) {
      return Wrong("readiness", Cat("target number ", static_cast<int>(r.target), " is unknown"));
    }
    if (r.state < ReadinessState::kWaiting || r.state > ReadinessState::kFailed) {
      return Wrong("readiness", Cat("state number ", static_cast<int>(r.state), " is unknown"));
    }
    GOFARM_RETURN_IF_ERROR(CleanText("detail of a target", r.detail, kWorkerDetailMax, /*keep_newlines=*/true));
    GOFARM_RETURN_IF_ERROR(CleanText("toolset of a target", r.toolset, kWorkerTextMax));
    GOFARM_RETURN_IF_ERROR(CheckNumber("seconds of a target", r.seconds));
  }
  return absl::OkStatus();
}

}  // namespace gofarm
