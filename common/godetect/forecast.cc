#include "common/godetect/forecast.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/base/text.h"
#include "common/gomod/version.h"

namespace gofarm::godetect {
namespace {

struct Outlook {
  Verdict verdict = Verdict::kBuildable;
  std::string detail;
};

// `found`: of what it imports.
Outlook OutlookOf(const Use& own, PackageGraph::Found found) {
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
  if (found.verdict != Verdict::kBuildable) worsen(found.verdict, std::move(found.detail));
  if (outlook.verdict == Verdict::kBuildable && found.unknown > 0) {
    const int64_t others = found.unknown - 1;
    outlook.detail = Cat("dependencies unknown: ", found.first_unknown,
                         others == 0 ? "" : Cat(" and ", others, others == 1 ? " other" : " others"));
  }
  return outlook;
}

// By target, of those that the program has files for.
std::map<Target, Outlook> OutlooksOf(const Program& program, PackageGraph* graph) {
  std::map<Target, Outlook> outlooks;
  for (const Use& use : program.uses) {
    int bits = 0;
    for (const Target target : use.targets) bits |= TargetBit(target);
    PackageGraph::FoundByTarget found;
    if (graph != nullptr) {
      found = graph->Follow(use.imports, bits);
    } else if (!use.imports.empty()) {
      found.fill({.unknown = static_cast<int64_t>(use.imports.size()), .first_unknown = use.imports.front()});
    }
    for (size_t t = 0; t < kAllTargets.size(); ++t) {
      if ((bits & TargetBit(kAllTargets[t])) != 0) {
        outlooks.try_emplace(kAllTargets[t], OutlookOf(use, std::move(found[t])));
      }
    }
  }
  return outlooks;
}

}  // namespace

std::map<std::string, TargetForecast> Forecast(const Detection& detection, std::string_view go_version,
                                               PackageGraph* graph) {
  const bool too_new = gomod::IsGoVersion(detection.go_version) && gomod::IsGoVersion(go_version) &&
                       gomod::CompareGoVersion(detection.go_version, go_version) > 0;
  const bool has_real = std::any_of(detection.programs.begin(), detection.programs.end(),
                                    [](const Program& p) { return p.kind == ProgramKind::kProgram; });
  std::map<Target, TargetForecast> best;
  for (const Program& program : detection.programs) {
    if (!detection.go_mod_fault.empty() || too_new || (has_real && program.kind != ProgramKind::kProgram)) continue;
    for (auto& [target, outlook] : OutlooksOf(program, graph)) {
      const auto place = best.find(target);
      if (place != best.end() && !IsWorse(place->second.verdict, outlook.verdict)) continue;
      if (outlook.verdict != Verdict::kBuildable) outlook.detail = Cat(program.import_path, ": ", outlook.detail);
      best[target] = {outlook.verdict, Clip(outlook.detail, kForecastDetailMax)};
    }
  }
  std::map<std::string, TargetForecast> all;
  for (const Target target : kAllTargets) {
    TargetForecast& out = all[std::string(TargetName(target))];
    if (!detection.go_mod_fault.empty()) {
      out = {Verdict::kExcluded, detection.go_mod_fault};
    } else if (detection.programs.empty()) {
      out = {Verdict::kNoProgram, "no package main with a func main"};
    } else if (too_new) {
      out = {Verdict::kGoTooNew,
             Cat("go.mod asks for go ", detection.go_version, ", the farm builds with ", go_version)};
    } else if (const auto found = best.find(target); found != best.end()) {
      out = std::move(found->second);
    } else {
      out = {Verdict::kExcluded, "build constraints leave every program without files for this target"};
    }
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
