#include "coordinator/catalog/forecaster.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/catalog/fields.h"
#include "common/godetect/detection_json.h"
#include "common/obs/log.h"

namespace gofarm::catalog {
namespace {

using ByTarget = std::map<std::string, godetect::TargetForecast>;

std::map<std::string, ForecastView> ViewsOf(const ByTarget& forecast) {
  std::map<std::string, ForecastView> views;
  for (const auto& [target, f] : forecast) {
    views[target] = {.verdict = std::string(godetect::VerdictName(f.verdict)), .detail = f.detail};
  }
  return views;
}

bool Same(const std::map<std::string, ForecastView>& a, const std::map<std::string, ForecastView>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.first == y.first && x.second.verdict == y.second.verdict && x.second.detail == y.second.detail;
  });
}

}  // namespace

int TargetsOf(const ByTarget& forecast) {
  int targets = 0;
  for (const Target target : kAllTargets) {
    const auto it = forecast.find(std::string(TargetName(target)));
    if (it != forecast.end() && it->second.verdict == godetect::Verdict::kBuildable) {
      targets |= godetect::TargetBit(target);
    }
  }
  return targets;
}

absl::Status Forecaster::Fill(const Scope& scope, const std::vector<std::string>& imports,
                              godetect::PackageGraph& graph) const {
  std::vector<std::string> missing = graph.Missing(imports);
  for (int round = 0; !missing.empty() && round < kFollowRoundsMax; ++round) {
    for (size_t at = 0; at < missing.size(); at += store::kPackagesOfMax) {
      const auto part = absl::MakeConstSpan(missing).subspan(at, static_cast<size_t>(store::kPackagesOfMax));
      GOFARM_ASSIGN_OR_RETURN(const auto documents, store_.PackagesOf(scope, part));
      for (const std::string& module : part) {
        const auto document = documents.find(module);
        absl::StatusOr<godetect::ModulePackages> packages = absl::NotFoundError("");
        if (document != documents.end()) packages = godetect::PackagesFromJson(document->second);
        packages.ok() ? graph.Add(module, *packages) : graph.AddUnknown(module);
      }
    }
    missing = graph.Missing({});
  }
  return absl::OkStatus();
}

absl::StatusOr<std::map<std::string, ForecastView>> Forecaster::Of(const Scope& scope,
                                                                   const std::string& document) const {
  GOFARM_ASSIGN_OR_RETURN(const godetect::Detection detection, godetect::FromJson(document));
  godetect::PackageGraph graph(kOneGraphMax);
  GOFARM_RETURN_IF_ERROR(Fill(scope, godetect::ImportsOf(detection), graph));
  return ViewsOf(godetect::Forecast(detection, go_version_, &graph));
}

absl::Status Forecaster::Refresh(const Scope& scope) {
  const absl::MutexLock lock(&mutex_);
  // First: what is detected during the pass is for the next one.
  GOFARM_ASSIGN_OR_RETURN(const int64_t head, store_.DetectionsHead(scope));
  if (head == done_until_) return absl::OkStatus();
  godetect::PackageGraph graph;
  int64_t changed = 0;
  for (int32_t after = 0;;) {
    GOFARM_ASSIGN_OR_RETURN(const std::vector<ForecastInput> page, store_.ForecastInputs(scope, after));
    if (page.empty()) break;
    after = page.back().module_id;
    std::vector<std::pair<const ForecastInput*, godetect::Detection>> detections;
    std::vector<std::string> imports;
    for (const ForecastInput& input : page) {
      absl::StatusOr<godetect::Detection> detection = godetect::FromJson(input.document);
      if (!detection.ok()) continue;
      const std::vector<std::string> own = godetect::ImportsOf(*detection);
      imports.insert(imports.end(), own.begin(), own.end());
      detections.emplace_back(&input, *std::move(detection));
    }
    GOFARM_RETURN_IF_ERROR(Fill(scope, imports, graph));
    std::vector<ForecastRow> rows;
    for (const auto& [input, detection] : detections) {
      GOFARM_RETURN_IF_ERROR(scope.Check());
      const ByTarget forecast = godetect::Forecast(detection, go_version_, &graph);
      const std::map<std::string, ForecastView> views = ViewsOf(forecast);
      std::map<std::string, ForecastView> before;
      const bool read = json::Read(input->forecast, json::Rule::kLenient, before).ok();
      if (read && Same(before, views) && input->targets == TargetsOf(forecast)) continue;
      rows.push_back({.module_id = input->module_id,
                      .revision = input->revision,
                      .targets = TargetsOf(forecast),
                      .forecast = json::Write(views)});
    }
    GOFARM_RETURN_IF_ERROR(store_.SaveForecasts(scope, epoch_, rows));
    changed += static_cast<int64_t>(rows.size());
  }
  if (graph.full()) obs::Warn("catalog_forecasts_not_whole", {{"packages", Cat(godetect::kGraphPackagesMax)}});
  if (changed > 0) obs::Info("catalog_forecasts_changed", {{"modules", Cat(changed)}});
  done_until_ = head;
  return absl::OkStatus();
}

}  // namespace gofarm::catalog
