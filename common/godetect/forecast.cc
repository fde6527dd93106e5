#include "common/godetect/forecast.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/base/text.h"
#include "common/gomod/version.h"

namespace gofarm::godetect {
namespace {

const Use* UseFor(const std::vector<Use>& uses, Target target) {
  for (const Use& use : uses) {
    if (std::find(use.targets.begin(), use.targets.end(), target) != use.targets.end()) return &use;
  }
  return nullptr;
}

struct Outlook {
  Verdict verdict = Verdict::kBuildable;
  std::string detail;
};

Outlook OutlookOf(const Use& own, Target target, PackageGraph* graph) {
  Outlook outlook;
  const auto worsen = [&outlook](Verdict verdict, std::string detail) {
    if (outlook.verdict == Verdict::kBuildable || IsWorse(verdict, outlook.verdict)) {
      outlook = {verdict, std::move(detail)};
    }
  };
  if (!own.excluded.empty()) worsen(Verdict::kExcluded, own.excluded);
  // A library says more than the header that comes with it; needs are sorted by kind.
  if (!own.needs.empty()) {
    worsen(Verdict::kNeedsLibrary, Cat(TextOf(own.needs.front()), " (", own.needs.front().package, ")"));
  }
  PackageGraph::Found found;
  if (graph != nullptr) {
    found = graph->Follow(own.imports, target);
  } else if (!own.imports.empty()) {
    found.unknown = static_cast<int64_t>(own.imports.size());
    found.first_unknown = own.imports.front();
  }
  if (found.verdict != Verdict::kBuildable) worsen(found.verdict, std::move(found.detail));
  if (outlook.verdict == Verdict::kBuildable && found.unknown > 0) {
    const int64_t others = found.unknown - 1;
    outlook.detail = Cat("dependencies unknown: ", found.first_unknown,
                         others == 0 ? "" : Cat(" and ", others, others == 1 ? " other" : " others"));
  }
  return outlook;
}

}  // namespace

std::map<std::string, TargetForecast> Forecast(const Detection& detection, std::string_view go_version,
                                               PackageGraph* graph) {
  const bool too_new = gomod::IsGoVersion(detection.go_version) && gomod::IsGoVersion(go_version) &&
                       gomod::CompareGoVersion(detection.go_version, go_version) > 0;
  const bool has_real = std::any_of(detection.programs.begin(), detection.programs.end(),
                                    [](const Program& p) { return p.kind == ProgramKind::kProgram; });
  std::map<std::string, TargetForecast> all;
  for (const Target target : kAllTargets) {
    TargetForecast& out = all[std::string(TargetName(target))];
    if (detection.programs.empty()) {
      out = {Verdict::kNoProgram, "no package main with a func main"};
      continue;
    }
    if (too_new) {
      out = {Verdict::kGoTooNew,
             Cat("go.mod asks for go ", detection.go_version, ", the farm builds with ", go_version)};
      continue;
    }
    bool any = false;
    for (const Program& program : detection.programs) {
      if (has_real && program.kind != ProgramKind::kProgram) continue;
      const Use* const use = UseFor(program.uses, target);
      if (use == nullptr) continue;
      Outlook outlook = OutlookOf(*use, target, graph);
      if (!any || IsWorse(out.verdict, outlook.verdict)) {
        if (outlook.verdict != Verdict::kBuildable) outlook.detail = Cat(program.import_path, ": ", outlook.detail);
        out = {outlook.verdict, std::move(outlook.detail)};
      }
      any = true;
    }
    if (!any) out = {Verdict::kExcluded, "build constraints leave every program without files for this target"};
    out.detail = Clip(out.detail, kForecastDetailMax);
  }
  return all;
}

std::vector<std::string> ImportsOf(const Detection& detection) {
  std::set<std::string> paths;
  for (const Program& program : detection.programs) {
    for (const Use& use : program.uses) paths.insert(use.imports.begin(), use.imports.end());
  }
  return {paths.begin(), paths.end()};
}

}  // namespace gofarm::godetect
