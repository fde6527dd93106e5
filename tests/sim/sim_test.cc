// The farm under faults, one thousand seeds. A failure prints its seed; `--seed N` or GOFARM_SIM_SEED=N runs that one
// alone with its whole trace. The mutants switch one fence of the store off and must be found.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>

#include "tests/sim/world.h"

namespace gofarm::sim {

std::optional<uint64_t> only_seed;

namespace {

constexpr uint64_t kSeeds = 1000;
constexpr uint64_t kMutantSeeds = 6000;  // what a fence holds off may be rare: the search ends at the first find
constexpr size_t kTraceTail = 150;

void PrintTrace(const SimResult& result, size_t last) {
  const size_t from = result.trace.size() - std::min(last, result.trace.size());
  for (size_t i = from; i < result.trace.size(); ++i) std::cerr << result.trace[i] << "\n";
}

TEST(SimulationTest, NoSeedBreaksAnInvariantAndEveryFarmSettles) {
  if (only_seed) {
    const SimResult result = Simulate({.seed = *only_seed, .fences = {}, .trace = true});
    PrintTrace(result, result.trace.size());
    EXPECT_EQ(result.violation, "") << "seed " << *only_seed;
    return;
  }
  SimCounts counts;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const SimResult result = Simulate({.seed = seed, .fences = {}});
    counts.Add(result.counts);
    if (result.violation.empty()) continue;
    PrintTrace(Simulate({.seed = seed, .fences = {}, .trace = true}), kTraceTail);
    FAIL() << "seed " << seed << ": " << result.violation << "\nreplay: sim_test --seed " << seed;
  }
  std::cout << kSeeds << " seeds, " << counts.steps << " steps; coordinator crashes " << counts.coordinator_crashes
            << " stops " << counts.coordinator_stops << " pauses " << counts.coordinator_pauses << ", takeovers "
            << counts.takeovers << " by the former leader " << counts.returns_to_lead << ", deposals "
            << counts.deposals << ", worker crashes " << counts.worker_crashes << ", broken streams " << counts.breaks
            << ", partitions " << counts.partitions << ", store outages " << counts.store_outages
            << ", unknown answers " << counts.unknown_answers << ", cancels unasked " << counts.unasked_cancels
            << ", messages dropped " << counts.dropped << " duplicated " << counts.duplicated
            << ", calls of dead coordinators " << counts.zombie_writes << ", goodbyes " << counts.goodbyes
            << ", drains " << counts.drains << ", removals " << counts.removals << "; attempts accepted "
            << counts.accepted << " lost " << counts.lost << " kept " << counts.kept << ", stale accepts "
            << counts.stale_accepts << ", completions stale " << counts.stale_completions << " repeated "
            << counts.repeated_completions << " before their accept " << counts.not_accepted_yet << "\n";
  // The faults must really happen, else the suite proves nothing.
  EXPECT_GT(counts.coordinator_crashes, 500);
  EXPECT_GT(counts.coordinator_stops, 100);
  EXPECT_GT(counts.coordinator_pauses, 100);
  EXPECT_GT(counts.takeovers, 100);
  EXPECT_GT(counts.returns_to_lead, 100);
  EXPECT_GT(counts.deposals, 50);
  EXPECT_GT(counts.worker_crashes, 500);
  EXPECT_GT(counts.unknown_answers, 500);
  EXPECT_GT(counts.dropped, 500);
  EXPECT_GT(counts.duplicated, 500);
  EXPECT_GT(counts.unasked_cancels, 20);
  EXPECT_GT(counts.zombie_writes, 20);
  EXPECT_GT(counts.goodbyes, 20);
  EXPECT_GT(counts.drains, 500);
  EXPECT_GT(counts.removals, 100);
  EXPECT_GT(counts.lost, 100);
  EXPECT_GT(counts.kept, 100);
  EXPECT_GT(counts.stale_accepts, 2);
  EXPECT_GT(counts.stale_completions, 20);
  EXPECT_GT(counts.repeated_completions, 20);
  EXPECT_GT(counts.not_accepted_yet, 20);
}

TEST(SimulationTest, TheSameSeedIsTheSameRun) {
  for (const uint64_t seed : {1, 2, 3}) {
    const SimResult first = Simulate({.seed = seed, .fences = {}, .trace = true});
    const SimResult second = Simulate({.seed = seed, .fences = {}, .trace = true});
    EXPECT_EQ(first.trace.size(), second.trace.size());
    EXPECT_EQ(first.fingerprint, second.fingerprint);
  }
}

// The first seed on which the farm breaks without this fence; 0: none did.
uint64_t FirstSeedThatBreaks(const testing::Fences& fences, std::string& how) {
  for (uint64_t seed = 1; seed <= kMutantSeeds; ++seed) {
    const SimResult result = Simulate({.seed = seed, .fences = fences});
    if (result.violation.empty()) continue;
    how = result.violation;
    return seed;
  }
  return 0;
}

void ExpectFound(const testing::Fences& fences) {
  std::string how;
  const uint64_t seed = FirstSeedThatBreaks(fences, how);
  EXPECT_NE(seed, 0u) << kMutantSeeds << " seeds do not notice that the fence is off";
  std::cout << "found with seed " << seed << ": " << how << "\n";
}

TEST(SimulationMutantTest, CompletionsWithoutTheTokenFenceAreFound) { ExpectFound({.complete = false}); }
TEST(SimulationMutantTest, AcceptsWithoutTheTokenFenceAreFound) { ExpectFound({.accept = false}); }
TEST(SimulationMutantTest, LeasesThatAreNotResetAtStartAreFound) { ExpectFound({.reset_at_start = false}); }
TEST(SimulationMutantTest, ALeadershipThatIsTakenWithinItsLeaseIsFound) { ExpectFound({.leader_lease = false}); }
TEST(SimulationMutantTest, AFormerLeaderThatStillWritesIsFound) { ExpectFound({.epoch = false}); }

}  // namespace
}  // namespace gofarm::sim

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  const char* seed = std::getenv("GOFARM_SIM_SEED");
  if (argc == 3 && std::string(argv[1]) == "--seed") seed = argv[2];
  if (seed != nullptr) gofarm::sim::only_seed = std::strtoull(seed, nullptr, 10);
  return RUN_ALL_TESTS();
}
