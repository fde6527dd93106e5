// Whether a new version of a published module becomes jobs by itself, for which targets, and when; and which published
// versions their authors took back. The one rule of automatic updates. Pure: values and the time in, a decision out.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/catalog/types.h"
#include "common/gomod/go_mod_file.h"
#include "coordinator/catalog/config.h"
#include "coordinator/domain/updates.h"

namespace gofarm::catalog {

inline constexpr size_t kRetractionsMax = 1'000;  // ranges that are kept of one go.mod
inline constexpr size_t kRetractionWhyMax = 200;  // bytes of one reason
inline constexpr char kNoRetractionReason[] = "its author gives no reason";
inline constexpr char kBudgetUsed[] = "the budget of the day is used up";

enum class UpdateVerdict {
  kNothing,  // it is not newer than what is published
  kQueue,
  kWaits,    // for a time, or for what other stages find out
  kSkipped,  // as long as the rules and the author say the same
};

struct UpdateDecision {
  UpdateVerdict verdict = UpdateVerdict::kNothing;
  std::string reason;                         // empty: none is needed
  absl::Time until = absl::InfiniteFuture();  // of kWaits; InfiniteFuture: until something changes
  int targets = 0;                            // of kQueue: bit n - 1
};

// `found`: the programs of the new version. The budget is not looked at: see WithinBudget.
UpdateDecision DecideUpdate(const UpdateCandidate& candidate, const std::vector<ProgramView>& found,
                            const UpdateRules& rules, const std::map<std::string, std::string>& deny, absl::Time now);

// The highest of what is published; empty: its author took all of it back.
std::string HighestPublished(const UpdateCandidate& candidate);

// Of those that are queued the `left` that the index told first; the others wait for the next day (UTC).
void WithinBudget(const std::vector<UpdateCandidate>& candidates, int left, absl::Time now,
                  std::vector<UpdateDecision>& decisions);

// What is kept of a go.mod's retract lines: bounded, and fit to be printed.
std::vector<RetractedRange> RetractedRanges(const gomod::GoModFile& file);
// Why the author took the version back, never empty then; else "".
std::string WhyRetracted(absl::Span<const RetractedRange> ranges, const std::string& version);
// Those of which something says other than the ranges.
std::vector<RetractionMark> MarksOf(absl::Span<const Retractable> versions);

}  // namespace gofarm::catalog
