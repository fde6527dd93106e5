#include "common/godetect/forecast.h"

#include <algorithm>
#include <deque>
#include <set>

#include "common/base/text.h"
#include "common/gomod/version.h"

namespace gofarm::godetect {
namespace {

std::string NeedText(const Need& need) {
  switch (need.kind) {
    case Need::Kind::kLibrary:
      return Cat("library ", need.name);
    case Need::Kind::kPkgConfig:
      return Cat("pkg-config ", need.name);
    case Need::Kind::kHeader:
      return Cat("header ", need.name);
  }
  return need.name;
}

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

// Better first.
int Rank(Verdict verdict) {
  switch (verdict) {
    case Verdict::kBuildable:
      return 0;
    case Verdict::kNeedsLibrary:
      return 1;
    case Verdict::kExcluded:
      return 2;
    case Verdict::kGoTooNew:
      return 3;
    case Verdict::kNoProgram:
      return 4;
  }
  return 4;
}

Outlook OutlookOf(const Use& own, Target target, const Lookup& lookup) {
  Outlook outlook;
  const auto worsen = [&outlook](Verdict verdict, std::string detail) {
    if (outlook.verdict == Verdict::kBuildable || Rank(verdict) > Rank(outlook.verdict)) {
      outlook = {verdict, std::move(detail)};
    }
  };
  const auto take = [&](const Use& use, std::string_view module) {
    const std::string brought = module.empty() ? "" : Cat(", brought by ", module);
    if (!use.excluded.empty()) worsen(Verdict::kExcluded, Cat(use.excluded, brought));
    if (use.needs.empty()) return;
    // A library says more than the header that comes with it; needs are sorted by kind.
    const Need& need = use.needs.front();
    worsen(Verdict::kNeedsLibrary, Cat(NeedText(need), " (", need.package, ")", brought));
  };
  take(own, "");
  std::deque<std::string> queue(own.imports.begin(), own.imports.end());
  std::set<std::string> seen(own.imports.begin(), own.imports.end());
  size_t unknown = 0;
  std::string first_unknown;
  while (!queue.empty()) {
    const std::string path = std::move(queue.front());
    queue.pop_front();
    const KnownPackage* const package = lookup && seen.size() <= kForecastPackagesMax ? lookup(path, target) : nullptr;
    if (package == nullptr) {
      if (++unknown == 1) first_unknown = path;
      continue;
    }
    take(package->use, package->module);
    for (const std::string& import : package->use.imports) {
      if (seen.insert(import).second) queue.push_back(import);
    }
  }
  if (outlook.verdict == Verdict::kBuildable && unknown > 0) {
    outlook.detail = Cat("dependencies unknown: ", first_unknown,
                         unknown > 1 ? Cat(" and ", unknown - 1, unknown > 2 ? " others" : " other") : "");
  }
  return outlook;
}

}  // namespace

std::map<std::string, TargetForecast> Forecast(const Detection& detection, std::string_view go_version,
                                               const Lookup& lookup) {
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
      Outlook outlook = OutlookOf(*use, target, lookup);
      if (!any || Rank(outlook.verdict) < Rank(out.verdict)) {
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

}  // namespace gofarm::godetect
