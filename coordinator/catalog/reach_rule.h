// What answers of a module proxy mean for a module's reachability, and when it is asked again. Pure.
//
// One absence is no absence: a proxy may not have fetched a version yet, or have failed to. The first is kUnknown with
// detail "absent once"; a second one after `absent_again` makes it kAbsent.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/gomod/version.h"
#include "coordinator/domain/catalog.h"

namespace gofarm::catalog {

inline constexpr absl::Duration kAvailableAgain = absl::Hours(24 * 60);
inline constexpr absl::Duration kAbsentAgain = absl::Hours(24 * 30);
inline constexpr absl::Duration kRefusedAgain = absl::Hours(24 * 30);
inline constexpr absl::Duration kUnknownAgainFirst = absl::Minutes(5);
inline constexpr absl::Duration kUnknownAgainMax = absl::Hours(24);
inline constexpr char kAbsentOnce[] = "absent once";

// What was asked and answered about one version.
struct VersionFacts {
  Reachability state = Reachability::kUnknown;  // kAbsent: this once
  std::string detail;
};

struct ReachVerdict {
  ReachRow row;
  WorkDone work;
};

// The version whose go.mod speaks for the module, whatever it retracts: the highest, else the newest pseudo-version.
std::string NewestOf(const std::string& path, const std::vector<std::string>& versions, const std::string& by_index);

// The version that is built: the newest that is not retracted, as Go chooses it. Where all are, the newest.
// `has_go_mod`: goproxy::LatestRule::has_go_mod.
struct LatestChoice {
  std::string version;
  bool all_retracted = false;
};
LatestChoice LatestOf(const std::string& path, const std::vector<std::string>& versions,
                      const std::vector<gomod::VersionRange>& retracted, const std::string& newest,
                      bool has_go_mod = true);

// `before`: what was known. `absent_again`: between two absences.
ReachVerdict Decide(const Claimed& module, const std::optional<ReachRow>& before, ReachRow found,
                    const VersionFacts& facts, absl::Duration absent_again, absl::Time now);

}  // namespace gofarm::catalog
