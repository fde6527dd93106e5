#include "coordinator/catalog/reach_rule.h"

#include <algorithm>
#include <utility>

#include "common/base/text.h"

namespace gofarm::catalog {
namespace {

// The 14 digits of its commit time; they compare as text.
std::string_view PseudoTime(std::string_view version) {
  const size_t dash = version.rfind('-');
  if (dash == std::string_view::npos || dash < 14) return "";
  return version.substr(dash - 14, 14);
}

std::string NewestPseudo(const std::vector<std::string>& versions, const std::vector<gomod::VersionRange>& retracted) {
  std::string best;
  for (const std::string& version : versions) {
    if (!gomod::IsPseudo(version) || gomod::IsInAny(retracted, version)) continue;
    if (best.empty() || PseudoTime(best) < PseudoTime(version)) best = version;
  }
  return best;
}

absl::Duration UnknownAgain(int failures) {
  absl::Duration wait = kUnknownAgainFirst;
  for (int i = 1; i < failures && wait < kUnknownAgainMax; ++i) wait *= 2;
  return std::min(wait, kUnknownAgainMax);
}

}  // namespace

std::string NewestOf(const std::string& path, const std::vector<std::string>& versions, const std::string& by_index) {
  std::string newest = gomod::NewestOf(path, versions);
  if (newest.empty()) newest = NewestPseudo(versions, {});
  return newest.empty() ? by_index : newest;
}

LatestChoice LatestOf(const std::string& path, const std::vector<std::string>& versions,
                      const std::vector<gomod::VersionRange>& retracted, const std::string& newest, bool has_go_mod) {
  std::string latest = gomod::ChooseLatest(path, versions, retracted, has_go_mod);
  if (latest.empty()) latest = NewestPseudo(versions, retracted);
  if (!latest.empty()) return {.version = std::move(latest)};
  return {.version = newest, .all_retracted = gomod::IsInAny(retracted, newest)};
}

ReachVerdict Decide(const Claimed& module, const std::optional<ReachRow>& before, ReachRow found,
                    const VersionFacts& facts, absl::Duration absent_again, absl::Time now) {
  found.module_id = module.module_id;
  found.state = facts.state;
  found.detail = facts.detail;
  found.checked_at = now;
  WorkDone work{.module_id = module.module_id};
  switch (facts.state) {
    case Reachability::kAvailable:
      work.due_at = now + kAvailableAgain;
      break;
    case Reachability::kRefused:
      work.due_at = now + kRefusedAgain;
      break;
    case Reachability::kAbsent: {
      // Only absences of the same version add up.
      const bool again = before && before->absent_since && before->version == found.version;
      found.absent_since = again ? before->absent_since : now;
      if (again && now - *found.absent_since >= absent_again) {
        work.due_at = now + kAbsentAgain;
      } else {
        found.state = Reachability::kUnknown;
        found.detail = facts.detail.empty() ? std::string(kAbsentOnce) : Cat(kAbsentOnce, ": ", facts.detail);
        work.due_at = *found.absent_since + absent_again;
      }
      break;
    }
    case Reachability::kNone:
    case Reachability::kUnknown:
      found.state = Reachability::kUnknown;
      // No answer takes nothing back that was known of this version.
      if (before && before->version == found.version) found.absent_since = before->absent_since;
      work.failures = module.failures + 1;
      work.due_at = now + UnknownAgain(work.failures);
      break;
  }
  return {.row = std::move(found), .work = work};
}

}  // namespace gofarm::catalog
