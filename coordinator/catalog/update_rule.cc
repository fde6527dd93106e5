#include "coordinator/catalog/update_rule.h"

#include <algorithm>
#include <utility>

#include "common/base/text.h"
#include "common/gomod/version.h"
#include "coordinator/catalog/selection.h"

namespace gofarm::catalog {
namespace {

constexpr char kProgramKind[] = "program";

int BitOf(Target target) { return 1 << (static_cast<int>(target) - 1); }
int BitsOf(const std::vector<Target>& targets) {
  int bits = 0;
  for (const Target target : targets) bits |= BitOf(target);
  return bits;
}

// What is published of a program is built again where it was published, whatever the forecast says; what is new where
// it is forecast as buildable.
int TargetsFor(const UpdateCandidate& candidate, const std::vector<ProgramView>& found) {
  int targets = 0;
  for (const ProgramView& program : found) {
    int published = 0;
    for (const PublishedProgram& known : candidate.programs) {
      if (known.import_path == program.import_path || known.import_path == program.declared_path) {
        published |= known.targets;
      }
    }
    if (published != 0) {
      targets |= published;
    } else if (program.kind == kProgramKind) {
      targets |= BitsOf(program.targets) & candidate.buildable;
    }
  }
  return targets;
}

absl::Time NextDay(absl::Time now) {
  return absl::FromCivil(absl::ToCivilDay(now, absl::UTCTimeZone()) + 1, absl::UTCTimeZone());
}

}  // namespace

std::string HighestPublished(const UpdateCandidate& candidate) {
  std::string highest;
  for (const std::string& version : candidate.published) {
    if (highest.empty() || gomod::CompareSemver(version, highest) > 0) highest = version;
  }
  return highest;
}

UpdateDecision DecideUpdate(const UpdateCandidate& c, const std::vector<ProgramView>& found, const UpdateRules& rules,
                            const std::map<std::string, std::string>& deny, absl::Time now) {
  const auto skipped = [](std::string why) {
    return UpdateDecision{.verdict = UpdateVerdict::kSkipped, .reason = std::move(why)};
  };
  const auto waits = [](std::string why, absl::Time until = absl::InfiniteFuture()) {
    return UpdateDecision{.verdict = UpdateVerdict::kWaits, .reason = std::move(why), .until = until};
  };
  if (const std::string highest = HighestPublished(c);
      !highest.empty() && gomod::CompareSemver(c.version, highest) <= 0) {
    return {};
  }
  if (c.retracted) return skipped("all of its versions are retracted");
  if (!c.withdrawn.empty()) return skipped(Cat("withdrawn: ", c.withdrawn));
  if (const std::string* why = ListedIn(deny, c.module)) return skipped(Cat("on the deny list: ", *why));
  if (!rules.prereleases && gomod::IsPrerelease(c.version)) return skipped("a pre-release");
  if (c.reach != Reachability::kAvailable) return waits(Cat("its source is ", Name(c.reach)));
  if (c.detected != c.version) return waits("not looked into yet");
  if (!c.undecided.empty()) return waits(Cat("undecided: ", c.undecided));
  const int targets = TargetsFor(c, found);
  if (targets == 0) return skipped("it has none of the published programs, and no new one");
  const int left = targets & ~c.jobs;
  if (left == 0) return skipped("it has jobs already");
  if (const absl::Time due = c.indexed_at + rules.delay; now < due) return waits("the delay of updates", due);
  return {.verdict = UpdateVerdict::kQueue, .targets = left};
}

void WithinBudget(const std::vector<UpdateCandidate>& candidates, int left, absl::Time now,
                  std::vector<UpdateDecision>& decisions) {
  std::vector<size_t> queued;
  for (size_t i = 0; i < decisions.size(); ++i) {
    if (decisions[i].verdict == UpdateVerdict::kQueue) queued.push_back(i);
  }
  std::stable_sort(queued.begin(), queued.end(),
                   [&](size_t a, size_t b) { return candidates[a].indexed_at < candidates[b].indexed_at; });
  for (size_t i = static_cast<size_t>(std::max(left, 0)); i < queued.size(); ++i) {
    UpdateDecision& decision = decisions[queued[i]];
    decision = {
        .verdict = UpdateVerdict::kWaits, .reason = kBudgetUsed, .until = NextDay(now), .targets = decision.targets};
  }
}

std::vector<RetractedRange> RetractedRanges(const gomod::GoModFile& file) {
  std::vector<RetractedRange> ranges;
  for (const gomod::Retraction& retraction : file.retractions) {
    if (ranges.size() == kRetractionsMax) break;
    const gomod::VersionRange& range = retraction.range;
    if (range.low.size() > gomod::kVersionMax || range.high.size() > gomod::kVersionMax) continue;
    if (!gomod::IsSemver(range.low) || !gomod::IsSemver(range.high)) continue;
    ranges.push_back({range.low, range.high, EscapeAndClip(retraction.reason, kRetractionWhyMax)});
  }
  return ranges;
}

std::string WhyRetracted(absl::Span<const RetractedRange> ranges, const std::string& version) {
  for (const RetractedRange& range : ranges) {
    const gomod::VersionRange both[] = {{range.low, range.high}};
    if (!gomod::IsInAny(both, version)) continue;
    return range.why.empty() ? kNoRetractionReason : range.why;
  }
  return "";
}

std::vector<RetractionMark> MarksOf(absl::Span<const Retractable> versions) {
  std::vector<RetractionMark> marks;
  for (const Retractable& v : versions) {
    std::string why = WhyRetracted(v.ranges, v.version);
    if (v.least != why || v.most != why) marks.push_back({v.module, v.version, std::move(why)});
  }
  return marks;
}

}  // namespace gofarm::catalog
