// Which modules become jobs. Every candidate gets a decision and the one reason that decided it; of several modules
// that are the same program only one is selected. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/vocab/target.h"
#include "coordinator/catalog/config.h"
#include "coordinator/domain/catalog.h"

namespace gofarm::catalog {

// The reason of a list that names the module, or a prefix of it; null: none does.
const std::string* ListedIn(const std::map<std::string, std::string>& list, const std::string& path);

// Of one module by itself.
DecisionRow Judge(const Candidate& candidate, const SelectionRules& rules);

// Of all of them, in their order. One program once: of the majors of a module the highest, of paths that differ in
// letter case only, and of modules that were one repository under two names, the most wanted.
std::vector<DecisionRow> Select(const std::vector<Candidate>& candidates, const SelectionRules& rules);

// Of the bits of a detection: target n has bit n - 1. Only these are worth a job.
std::vector<Target> TargetsOf(int bits);

// What a module without any program, or without a detection, is told.
std::string WhyNoCandidate(const std::optional<ReachRow>& reach, const std::optional<DetectionRow>& detection,
                           bool eligible);

}  // namespace gofarm::catalog
