#include "coordinator/domain/job.h"

#include <gtest/gtest.h>

#include <map>
#include <utility>

namespace gofarm::domain {
namespace {

// Every pair of state and event; what is not listed must be refused.
const std::map<std::pair<JobState, JobTransition>, JobState> kTable = {
    {{JobState::kQueued, JobTransition::kStarted}, JobState::kRunning},
    {{JobState::kQueued, JobTransition::kCancelled}, JobState::kCancelled},
    {{JobState::kRunning, JobTransition::kRequeued}, JobState::kQueued},
    {{JobState::kRunning, JobTransition::kBuilt}, JobState::kBuilt},
    {{JobState::kRunning, JobTransition::kPartial}, JobState::kPartial},
    {{JobState::kRunning, JobTransition::kNothingToBuild}, JobState::kNothingToBuild},
    {{JobState::kRunning, JobTransition::kFailed}, JobState::kFailed},
    {{JobState::kRunning, JobTransition::kCancelled}, JobState::kCancelled},
};

TEST(JobStateMachineTest, AllowsExactlyTheTable) {
  int allowed = 0;
  for (int s = 1; s <= 7; ++s) {
    for (int e = 1; e <= kJobTransitions; ++e) {
      const auto state = static_cast<JobState>(s);
      const auto event = static_cast<JobTransition>(e);
      const absl::StatusOr<JobState> next = Apply(state, event);
      const auto row = kTable.find({state, event});
      if (row == kTable.end()) {
        EXPECT_EQ(next.status().code(), absl::StatusCode::kFailedPrecondition) << Name(state) << " " << Name(event);
        EXPECT_NE(next.status().message().find(Name(state).data()), absl::string_view::npos) << next.status();
      } else {
        ASSERT_TRUE(next.ok()) << next.status();
        EXPECT_EQ(*next, row->second);
        ++allowed;
      }
    }
  }
  EXPECT_EQ(allowed, 8);
}

TEST(JobStateMachineTest, AnEndedJobTakesNoEvent) {
  for (int s = 1; s <= 7; ++s) {
    const auto state = static_cast<JobState>(s);
    if (!IsEnded(state)) continue;
    for (int e = 1; e <= kJobTransitions; ++e) EXPECT_FALSE(Apply(state, static_cast<JobTransition>(e)).ok());
  }
}

}  // namespace
}  // namespace gofarm::domain
