#include "coordinator/catalog/detect_stage.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/godetect/detect.h"
#include "common/godetect/detection_json.h"
#include "common/godetect/module_source.h"
#include "common/godetect/parser_child.h"
#include "common/gomod/path.h"
#include "coordinator/catalog/forecaster.h"
#include "coordinator/catalog/parallel.h"

namespace gofarm::catalog {
namespace {

absl::StatusOr<std::unique_ptr<godetect::ModuleSource>> OpenModule(const Scope& scope, Upstream& upstream,
                                                                   const std::string& module,
                                                                   const std::string& version) {
  std::unique_ptr<godetect::ByteReader> reader;
  GOFARM_RETURN_IF_ERROR(upstream.proxy()->OpenZip(scope, module, version, [&](const std::string& url) -> absl::Status {
    GOFARM_ASSIGN_OR_RETURN(reader, godetect::OpenHttpFile(scope, upstream.ask_for_zips(), url, {}, {}, nullptr));
    return absl::OkStatus();
  }));
  return godetect::OpenZip(scope, std::move(reader), Cat(module, "@", version, "/"));
}

std::string ErrorClassOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
      return "absent";
    case absl::StatusCode::kPermissionDenied:
      return "refused";
    case absl::StatusCode::kDeadlineExceeded:
      return "timeout";
    case absl::StatusCode::kUnavailable:
      return "unreachable";
    case absl::StatusCode::kResourceExhausted:
      return "too_large";
    case absl::StatusCode::kAborted:
      return "parser_ended";
    case absl::StatusCode::kInvalidArgument:
      return "invalid_module";
    default:
      return "internal";
  }
}

absl::Duration Again(int failures) {
  absl::Duration wait = kDetectAgainFirst;
  for (int i = 1; i < failures && wait < kDetectAgainMax; ++i) wait *= 2;
  return std::min(wait, kDetectAgainMax);
}

void AddDemand(const std::string& path, DemandKind kind, const godetect::Detection& detection,
               std::set<std::pair<std::string, DemandKind>>& seen, std::vector<Demand>& out) {
  if (out.size() >= kDemandMax || path.find('.') == std::string::npos) return;
  if (!gomod::CheckImportPath(path).ok()) return;
  if (gomod::IsInModule(path, detection.module) || gomod::IsInModule(path, detection.declared_module)) return;
  if (seen.emplace(path, kind).second) out.push_back({.import_path = path, .kind = kind});
}

}  // namespace

DetectionRow RowOf(const Claimed& module, const std::string& version, const godetect::Detection& detection,
                   absl::Time now) {
  DetectionRow row{.module_id = module.module_id,
                   .version = version,
                   .declared_path = detection.declared_module,
                   .document = godetect::ToJson(detection),
                   .checked_at = now};
  for (const godetect::Program& program : detection.programs) {
    if (program.kind == godetect::ProgramKind::kProgram) ++row.programs;
    const std::string word = Cat(row.words.empty() ? "" : " ", program.name);
    if (row.words.size() + word.size() <= kWordsBytesMax) row.words += word;
  }
  row.targets = TargetsOf(detection.forecast);
  row.packages = godetect::ToJson(detection.packages);
  row.packages_told = static_cast<int64_t>(detection.packages.packages.size());
  row.packages_untold = detection.packages.unread + detection.packages.cut;
  std::set<std::pair<std::string, DemandKind>> seen;
  for (const std::string& path : detection.tools) {
    AddDemand(path, DemandKind::kToolDirective, detection, seen, row.demand);
  }
  for (const std::string& path : detection.blank_imports) {
    AddDemand(path, DemandKind::kToolsImport, detection, seen, row.demand);
  }
  for (const godetect::InstallLine& line : detection.install_lines) {
    AddDemand(line.path, DemandKind::kInstallLine, detection, seen, row.demand);
  }
  return row;
}

// A parser for each thread that asks, kept from module to module.
class ParserPool {
 public:
  ParserPool(Scope scope, std::string program) : scope_(std::move(scope)), program_(std::move(program)) {}
  std::unique_ptr<godetect::ParserChild> Take() {
    {
      const absl::MutexLock lock(&mutex_);
      if (!idle_.empty()) {
        std::unique_ptr<godetect::ParserChild> parser = std::move(idle_.back());
        idle_.pop_back();
        return parser;
      }
    }
    return std::make_unique<godetect::ParserChild>(scope_, godetect::ParserChildLimits(), program_);
  }
  void Give(std::unique_ptr<godetect::ParserChild> parser) {
    const absl::MutexLock lock(&mutex_);
    idle_.push_back(std::move(parser));
  }

 private:
  const Scope scope_;
  const std::string program_;
  absl::Mutex mutex_;
  std::vector<std::unique_ptr<godetect::ParserChild>> idle_ ABSL_GUARDED_BY(mutex_);
};

DetectStage::Found DetectStage::One(const Scope& scope, const Claimed& module, const ReachRow& reach,
                                    const std::optional<DetectionRow>& before, ParserPool& parsers) const {
  Found found{.attempted = true, .work = {.module_id = module.module_id}};
  const Scope mine = scope.Within(kDetectOneMax);
  absl::StatusOr<std::unique_ptr<godetect::ModuleSource>> source =
      OpenModule(mine, upstream_, module.path, reach.version);
  const auto detect = [&]() -> absl::StatusOr<godetect::Detection> {
    if (!source.ok()) return source.status();
    std::unique_ptr<godetect::ParserChild> parser = parsers.Take();
    absl::StatusOr<godetect::Detection> found = godetect::Detect(
        mine, **source, *parser,
        {.module = module.path, .version = reach.version, .go_version = go_version_, .packages = true});
    parsers.Give(std::move(parser));
    return found;
  };
  const absl::StatusOr<godetect::Detection> detection = detect();
  const absl::Time now = WallNow();
  if (detection.ok()) {
    found.row = RowOf(module, reach.version, *detection, now);
    return found;
  }
  const absl::Status& why = detection.status();
  const bool no_answer = absl::IsUnavailable(why) || absl::IsDeadlineExceeded(why);
  if (scope.Done() || (no_answer && !upstream_.WhyPaused(Service::kProxy, SteadyNow()).empty())) {
    found.attempted = false;
    return found;
  }
  found.error = ErrorClassOf(why);
  found.row = {.module_id = module.module_id,
               .version = reach.version,
               .undecided = Clip(EscapeForPrint(Sv(why.message())), 1000),
               .checked_at = now};
  const bool same_version = before && before->version == reach.version;
  if (absl::IsAborted(why)) {
    found.row.crashes = (same_version ? before->crashes : 0) + 1;
    if (found.row.crashes >= kCrashesMax) {
      found.row.undecided = Cat("set aside after ", found.row.crashes, " crashes of the parser: ", found.row.undecided);
    } else {
      found.work.due_at = now + kDetectAgainFirst;
    }
  } else if (!absl::IsInvalidArgument(why) && !absl::IsResourceExhausted(why)) {
    // Nothing was learned of the module itself, and nothing that is known is taken back.
    if (before) found.row = {};
    found.work.failures = module.failures + 1;
    found.work.due_at = now + Again(found.work.failures);
  }
  return found;
}

absl::StatusOr<StageTurn::Done> DetectStage::Turn(const Scope& scope) {
  Done done;
  GOFARM_ASSIGN_OR_RETURN(const store::Enrolled enrolled,
                          store_.Enroll(scope, epoch_, Stage::kDetect, config_.eligible_since));
  done.taken_up = enrolled.read;
  if (!upstream_.WhyPaused(Service::kProxy, SteadyNow()).empty()) return done;
  GOFARM_ASSIGN_OR_RETURN(const std::vector<Claimed> set,
                          store_.Claim(scope, Stage::kDetect, kDetectVersion, kDetectSet));
  if (set.empty()) return done;
  std::vector<int32_t> ids;
  for (const Claimed& module : set) ids.push_back(module.module_id);
  GOFARM_ASSIGN_OR_RETURN(const auto reach, store_.ReachOf(scope, ids));
  GOFARM_ASSIGN_OR_RETURN(const auto before, store_.DetectionsOf(scope, ids));
  std::vector<Found> found(set.size());
  ParserPool parsers(scope, parser_);
  ForEachInParallel(scope, set.size(), kDetectThreads, [&](size_t i) {
    const auto at = reach.find(set[i].module_id);
    if (at == reach.end() || at->second.state != Reachability::kAvailable) {
      // It went away since it was enrolled: reach enrolls it again.
      found[i] = {.attempted = true, .row = {}, .work = {.module_id = set[i].module_id}, .error = "unreachable_now"};
      return;
    }
    const auto known = before.find(set[i].module_id);
    found[i] = One(scope, set[i], at->second,
                   known == before.end() ? std::nullopt : std::optional<DetectionRow>(known->second), parsers);
  });
  std::vector<DetectionRow> rows;
  std::vector<WorkDone> work;
  for (Found& f : found) {
    if (!f.attempted) continue;
    if (!f.error.empty()) ++done.errors[f.error];
    work.push_back(f.work);
    if (f.row.module_id != 0) rows.push_back(std::move(f.row));
  }
  GOFARM_RETURN_IF_ERROR(store_.SaveDetections(scope, epoch_, kDetectVersion, rows, work));
  done.modules = static_cast<int64_t>(work.size());
  GOFARM_RETURN_IF_ERROR(scope.Check());
  return done;
}

}  // namespace gofarm::catalog
