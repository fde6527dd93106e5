#include "coordinator/catalog/reach_stage.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/gomod/go_mod_file.h"
#include "common/goproxy/latest.h"
#include "coordinator/catalog/parallel.h"
#include "coordinator/catalog/update_rule.h"

namespace gofarm::catalog {
namespace {

constexpr size_t kDetailMax = 400;

VersionFacts FactsOf(service::VersionState state, const std::string& detail) {
  const std::string clipped = Clip(detail, kDetailMax);
  switch (state) {
    case service::VersionState::kThere:
      return {.state = Reachability::kAvailable};
    case service::VersionState::kAbsent:
      return {.state = Reachability::kAbsent, .detail = clipped};
    case service::VersionState::kRefused:
      return {.state = Reachability::kRefused, .detail = clipped};
    case service::VersionState::kUnknown:
      break;
  }
  return {.state = Reachability::kUnknown, .detail = clipped};
}

// What a go.mod says of the module; nothing where it cannot be read, which a build will tell better.
void ReadMod(const std::string& text, ReachRow& row, std::vector<gomod::VersionRange>& retracted) {
  const absl::StatusOr<gomod::GoModFile> file = gomod::ParseGoMod(text);
  if (!file.ok()) return;
  row.declared_path = Clip(file->module, 1024);
  row.go_version = Clip(file->go, 64);
  if (file->deprecated) {
    row.deprecated = Clip(EscapeForPrint(file->deprecation.empty() ? "deprecated" : file->deprecation), kDetailMax);
  }
  retracted = file->RetractedRanges();
  row.retractions = RetractedRanges(*file);
}

// A module that was just indexed, or that has more versions than are read, may lack its latest among them.
std::vector<std::string> WithLatest(std::vector<std::string> versions, const std::string& latest) {
  if (!latest.empty() && std::find(versions.begin(), versions.end(), latest) == versions.end()) {
    versions.push_back(latest);
  }
  return versions;
}

}  // namespace

absl::StatusOr<std::map<int32_t, std::vector<std::string>>> ReadVersions(const Scope& scope,
                                                                         store::CatalogIndexStore& index,
                                                                         absl::Span<const int32_t> modules,
                                                                         size_t at_once) {
  std::map<int32_t, std::vector<std::string>> all;
  size_t read = 0;
  for (const int32_t module : modules) {
    std::vector<std::string>& versions = all[module];
    for (std::string after; versions.size() < kReachVersionsMax && (after.empty() || read < at_once);) {
      GOFARM_ASSIGN_OR_RETURN(const std::vector<domain::IndexedVersion> page,
                              index.Versions(scope, module, after, store::kVersionsPageMax));
      for (const domain::IndexedVersion& v : page) versions.push_back(v.version);
      read += page.size();
      if (page.size() < size_t{store::kVersionsPageMax}) break;
      after = page.back().version;
    }
  }
  return all;
}

std::optional<ReachVerdict> ReachStage::One(const Scope& scope, const Claimed& module,
                                            const std::vector<std::string>& versions,
                                            const std::optional<ReachRow>& before) const {
  service::ModuleSource& proxy = *upstream_.proxy();
  const std::string newest = NewestOf(module.path, versions, module.latest);
  ReachRow row{.module_id = module.module_id, .version = newest};
  VersionFacts facts;
  std::vector<gomod::VersionRange> retracted;
  const service::ModAnswer mod = proxy.Mod(scope, module.path, newest);
  facts = FactsOf(mod.state, mod.detail);
  if (mod.state == service::VersionState::kThere) ReadMod(mod.text, row, retracted);
  bool answered = facts.state == Reachability::kAvailable || facts.state == Reachability::kAbsent;
  goproxy::LatestRule rule(module.path, versions);
  if (answered && rule.wants() == newest) {
    mod.state == service::VersionState::kThere ? rule.TakeGoMod(mod.text) : rule.PassOver();
    if (!rule.wants().empty()) {
      const service::ModAnswer other = proxy.Mod(scope, module.path, rule.wants());
      other.state == service::VersionState::kThere ? rule.TakeGoMod(other.text) : rule.PassOver();
      if (other.state == service::VersionState::kUnknown) {
        facts = FactsOf(other.state, other.detail);
        answered = false;
      }
    }
  }
  const LatestChoice choice = LatestOf(module.path, versions, retracted, newest, rule.has_go_mod());
  row.retracted = choice.all_retracted;
  if (answered && choice.version != newest) {
    row.version = choice.version;
    const service::ModAnswer chosen = proxy.Mod(scope, module.path, choice.version);
    facts = FactsOf(chosen.state, chosen.detail);
    std::vector<gomod::VersionRange> of_older;
    ReachRow as_chosen;
    if (chosen.state == service::VersionState::kThere) {
      ReadMod(chosen.text, as_chosen, of_older);
      // What the newest says of the module as a whole stays.
      row.go_version = as_chosen.go_version;
      if (row.declared_path.empty()) row.declared_path = as_chosen.declared_path;
    }
  }
  if (facts.state == Reachability::kAvailable) {
    const service::ZipAnswer zip = proxy.Zip(scope, module.path, row.version);
    facts = FactsOf(zip.state, zip.detail);
    row.zip_bytes = zip.bytes.value_or(0);
  }
  if (facts.state == Reachability::kUnknown &&
      (scope.Done() || !upstream_.WhyPaused(Service::kProxy, SteadyNow()).empty())) {
    return std::nullopt;
  }
  return Decide(module, before, std::move(row), facts, config_.absent_again, WallNow());
}

absl::StatusOr<StageTurn::Done> ReachStage::Turn(const Scope& scope) {
  Done done;
  GOFARM_ASSIGN_OR_RETURN(const store::Enrolled enrolled,
                          store_.Enroll(scope, epoch_, Stage::kReach, config_.eligible_since));
  done.taken_up = enrolled.read;
  if (!upstream_.WhyPaused(Service::kProxy, SteadyNow()).empty()) return done;
  GOFARM_ASSIGN_OR_RETURN(const std::vector<Claimed> set, store_.Claim(scope, Stage::kReach, kReachVersion, kReachSet));
  if (set.empty()) return done;
  std::vector<int32_t> ids;
  for (const Claimed& module : set) ids.push_back(module.module_id);
  GOFARM_ASSIGN_OR_RETURN(const auto before, store_.ReachOf(scope, ids));
  GOFARM_ASSIGN_OR_RETURN(const auto versions, versions_(scope, ids));
  std::vector<std::optional<ReachVerdict>> verdicts(set.size());
  ForEachInParallel(scope, set.size(), kReachThreads, [&](size_t i) {
    const auto known = before.find(set[i].module_id);
    const auto listed = versions.find(set[i].module_id);
    verdicts[i] = One(scope, set[i],
                      WithLatest(listed == versions.end() ? std::vector<std::string>() : listed->second, set[i].latest),
                      known == before.end() ? std::nullopt : std::optional<ReachRow>(known->second));
  });
  std::vector<ReachRow> rows;
  std::vector<WorkDone> work;
  for (std::optional<ReachVerdict>& verdict : verdicts) {
    if (!verdict) continue;
    if (verdict->work.failures > 0) ++done.errors["no_answer"];
    rows.push_back(std::move(verdict->row));
    work.push_back(verdict->work);
  }
  GOFARM_RETURN_IF_ERROR(store_.SaveReach(scope, epoch_, kReachVersion, rows, work));
  done.modules = static_cast<int64_t>(rows.size());
  return done;
}

}  // namespace gofarm::catalog
