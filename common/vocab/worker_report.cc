#include "common/vocab/worker_report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/vocab/names.h"

namespace gofarm {
namespace {

constexpr std::array<std::string_view, kCacheKinds + 1> kCacheNames = {"",        "modules", "listings",
                                                                       "gocache", "seeds",   "toolchains"};
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

// A host's name or address and a port; what it says is written into other programs' configuration.
absl::Status CheckScrapeAddress(std::string_view address) {
  constexpr std::string_view kGood = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]";
  constexpr std::string_view kDigits = "0123456789";
  if (address.empty()) return absl::OkStatus();
  const size_t colon = address.rfind(':');
  if (address.size() > kScrapeAddressMax || address.find_first_not_of(kGood) != std::string_view::npos || colon == 0 ||
      colon == std::string_view::npos) {
    return Wrong("scrape_address", "must be HOST:PORT");
  }
  const std::string_view port = address.substr(colon + 1);
  if (port.empty() || port.size() > 5 || port.find_first_not_of(kDigits) != std::string_view::npos) {
    return Wrong("scrape_address", "must end in a port");
  }
  return absl::OkStatus();
}

absl::Status CleanFigures(WorkerFigures& figures) {
  GOFARM_RETURN_IF_ERROR(CheckNumber("memory_free_bytes", static_cast<double>(figures.memory_free_bytes)));
  GOFARM_RETURN_IF_ERROR(CheckNumber("load", figures.load));
  GOFARM_RETURN_IF_ERROR(CheckNumber("clock_seconds", figures.clock_seconds));
  GOFARM_RETURN_IF_ERROR(CheckNumber("certificate_left_seconds", figures.certificate_left_seconds));
  if (figures.caches.size() > kCacheFiguresMax) {
    return Wrong("caches", Cat(figures.caches.size(), " rows, at most ", kCacheFiguresMax, " are taken"));
  }
  std::erase_if(figures.caches,
                [](const CacheFigures& c) { return Name(c.kind) == "unknown" || Name(c.kind).empty(); });
  std::set<CacheKind> seen;
  for (const CacheFigures& cache : figures.caches) {
    if (!seen.insert(cache.kind).second) return Wrong("caches", Cat(Name(cache.kind), " stands there twice"));
    for (const int64_t number : {cache.bytes, cache.hits, cache.misses}) {
      GOFARM_RETURN_IF_ERROR(CheckNumber("caches", static_cast<double>(number)));
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::string_view Name(CacheKind kind) { return NameIn(kCacheNames, static_cast<int>(kind)); }
std::string_view Name(ReadinessState state) { return NameIn(kReadinessStates, static_cast<int>(state)); }
std::optional<ReadinessState> ParseReadinessState(std::string_view name) {
  return ParseIn<ReadinessState>(kReadinessStates, name);
}

absl::Status CleanReport(WorkerReport& report) {
  GOFARM_RETURN_IF_ERROR(CheckRows("toolchains", report.toolchains.size()));
  GOFARM_RETURN_IF_ERROR(CheckRows("readiness", report.readiness.size()));
  GOFARM_RETURN_IF_ERROR(CheckNumber("cache_bytes", static_cast<double>(report.cache_bytes)));
  GOFARM_RETURN_IF_ERROR(CheckNumber("disk_free_bytes", static_cast<double>(report.disk_free_bytes)));
  GOFARM_RETURN_IF_ERROR(CheckScrapeAddress(report.scrape_address));
  if (report.figures) GOFARM_RETURN_IF_ERROR(CleanFigures(*report.figures));
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
