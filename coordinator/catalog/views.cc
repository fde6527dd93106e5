#include "coordinator/catalog/views.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "common/base/text.h"
#include "coordinator/catalog/documents.h"
#include "coordinator/catalog/selection.h"

namespace gofarm::catalog {
namespace {

bool Eligible(const store::ModuleRecord& record, const Config& config) {
  return record.module.last_indexed_at >= config.eligible_since;
}

Decision DecisionOf(const store::ModuleRecord& record, const Config& config) {
  const bool decided_for_this = record.decision && record.detection && record.detection->undecided.empty() &&
                                record.reach && record.reach->state == Reachability::kAvailable;
  if (decided_for_this) return *record.decision;
  return {.selected = false, .reason = WhyNoCandidate(record.reach, record.detection, Eligible(record, config))};
}

std::string WorkState(const store::WorkRow* row, int version, absl::Time now, bool eligible) {
  if (row == nullptr) return eligible ? "waits for the stage before" : "not eligible";
  if (row->stage_version < version || row->due_at <= now) return "due";
  return row->failures > 0 ? "tried again later" : "done";
}

const store::WorkRow* FindWork(const store::ModuleRecord& record, Stage stage) {
  for (const store::WorkRow& row : record.work) {
    if (row.stage == stage) return &row;
  }
  return nullptr;
}

struct StageResult {
  std::string result;
  std::string detail;
  absl::Time at = absl::InfinitePast();
};

StageResult ResultOf(const store::ModuleRecord& record, const Config& config, Stage stage) {
  switch (stage) {
    case Stage::kNone:
      break;
    case Stage::kIndex:
      return {.result = Eligible(record, config) ? "eligible" : "not eligible",
              .detail = Cat(record.module.versions, " versions"),
              .at = record.module.last_indexed_at};
    case Stage::kEnrich:
      if (!record.enrichment) break;
      return {.result = record.enrichment->known ? "known" : "unknown to all services",
              .detail = Cat(record.enrichment->repository, record.enrichment->detail.empty() ? "" : "; ",
                            record.enrichment->detail),
              .at = record.enrichment->checked_at};
    case Stage::kReach:
      if (!record.reach) break;
      return {.result = std::string(Name(record.reach->state)),
              .detail = record.reach->detail,
              .at = record.reach->checked_at};
    case Stage::kDetect:
      if (!record.detection) break;
      if (!record.detection->undecided.empty()) {
        return {.result = "undecided", .detail = record.detection->undecided, .at = record.detection->checked_at};
      }
      return {.result = record.detection->programs == 1 ? "1 program" : Cat(record.detection->programs, " programs"),
              .at = record.detection->checked_at};
    case Stage::kSelect: {
      const Decision decision = DecisionOf(record, config);
      return {.result = decision.selected ? "selected" : "not selected", .detail = decision.reason, .at = decision.at};
    }
  }
  return {.result = "none"};
}

std::string_view SignalName(DemandKind kind) {
  switch (kind) {
    case DemandKind::kNone:
      return "";
    case DemandKind::kToolDirective:
      return "tool_directives";
    case DemandKind::kToolsImport:
      return "tools_imports";
    case DemandKind::kInstallLine:
      return "install_lines";
  }
  return "";
}

std::string LatestOf(const store::ModuleRecord& record) {
  return record.reach && !record.reach->version.empty() ? record.reach->version : record.module.latest;
}

// A view travels as one document (catalog.proto).
constexpr size_t kProgramBytesMax = 512 << 10;

void CutPrograms(ModuleView& view) {
  size_t bytes = 0;
  const auto fits = [&](const ProgramView& p) {
    bytes += sizeof p + p.import_path.size() + p.declared_path.size() + p.name.size();
    return bytes <= kProgramBytesMax;
  };
  const auto first = std::find_if_not(view.programs.begin(), view.programs.end(), fits);
  if (first == view.programs.end()) return;
  view.signals["programs_not_shown"] = view.programs.end() - first;
  view.programs.erase(first, view.programs.end());
}

}  // namespace

ModuleView ViewOf(const store::ModuleRecord& record, const Config& config, const store::StageVersions& versions,
                  absl::Time now) {
  ModuleView view{.module = record.module.path,
                  .latest = LatestOf(record),
                  .versions = record.module.versions,
                  .first_indexed_at = record.module.first_indexed_at,
                  .last_indexed_at = record.module.last_indexed_at};
  for (const DemandKind kind : {DemandKind::kToolDirective, DemandKind::kToolsImport, DemandKind::kInstallLine}) {
    const auto it = record.demand.find(kind);
    view.signals[std::string(SignalName(kind))] = it == record.demand.end() ? 0 : it->second;
  }
  view.signals["importers"] = record.enrichment ? record.enrichment->importers.value_or(0) : 0;
  if (record.enrichment) {
    EnrichmentDocument document;
    if (json::Read(record.enrichment->document, json::Rule::kLenient, document).ok()) {
      view.repository = std::move(document.repository);
      view.signals["main_packages"] = static_cast<int64_t>(document.main_packages.size());
    }
  }
  if (record.reach) {
    view.reachability = {.state = std::string(Name(record.reach->state)),
                         .detail = record.reach->detail,
                         .checked_at = record.reach->checked_at};
    view.declared_path = record.reach->declared_path;
    view.go_version = record.reach->go_version;
    view.deprecated = record.reach->deprecated;
  }
  if (record.detection) {
    DetectionDocument document;
    if (json::Read(record.detection->document, json::Rule::kLenient, document).ok()) {
      view.programs = std::move(document.programs);
      CutPrograms(view);
      view.forecast = std::move(document.forecast);
      if (!document.go_version.empty()) view.go_version = document.go_version;
    }
    if (!record.detection->declared_path.empty()) view.declared_path = record.detection->declared_path;
  }
  view.origins = record.origins;
  view.decision = DecisionOf(record, config);
  for (const Stage stage : kStages) {
    const StageResult result = ResultOf(record, config, stage);
    const auto version = versions.find(stage);
    const bool has_work = version != versions.end();
    view.stages.push_back(
        {.stage = std::string(Name(stage)),
         .state = has_work ? WorkState(FindWork(record, stage), version->second, now, Eligible(record, config))
                           : result.result,
         .at = result.at,
         .detail = has_work ? Cat(result.result, result.detail.empty() ? "" : ": ", result.detail) : result.detail});
  }
  return view;
}

WhyView WhyOf(const store::ModuleRecord& record, const Config& config, const store::StageVersions& versions,
              absl::Time now) {
  WhyView why{.module = record.module.path, .version = LatestOf(record)};
  for (const Stage stage : kStages) {
    StageResult result = ResultOf(record, config, stage);
    if (const auto version = versions.find(stage); version != versions.end() && result.result == "none") {
      result.detail = WorkState(FindWork(record, stage), version->second, now, Eligible(record, config));
    }
    why.steps.push_back({.stage = std::string(Name(stage)),
                         .result = std::move(result.result),
                         .detail = std::move(result.detail),
                         .at = result.at});
  }
  why.decision = DecisionOf(record, config);
  return why;
}

}  // namespace gofarm::catalog
