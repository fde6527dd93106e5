// The simulation's store keeps the contract that the PostgreSQL store keeps (tests/pg).
#include "tests/support/dispatch_store_contract.h"
#include "tests/support/fake_clock.h"
#include "tests/support/memory_dispatch_store.h"

namespace gofarm::testing {
namespace {

class MemoryFixture {
 public:
  domain::DispatchStore& store() { return store_; }
  leadership::LeadershipStore& leadership() { return store_; }
  JobId AddJob(const std::string& module, const std::string& version, Target target, int priority) {
    clock_.Advance(absl::Milliseconds(1));
    return store_.AddJob({.module = module,
                          .version = version,
                          .target = target,
                          .toolset = "t",
                          .priority = priority,
                          .queued_at = clock_.Now()});
  }
  void Cancel(JobId job) { store_.CancelJob(job); }
  domain::CompleteResult Complete(const domain::CompletedAttempt& completed, const domain::TryContext& context) {
    return store_.Complete(completed, context);
  }
  void Pass(absl::Duration d) { clock_.Advance(d); }
  JobState StateOf(JobId job) { return store_.jobs().at(job).state; }
  std::vector<std::pair<AttemptToken, AttemptOutcome>> AttemptsOf(JobId job) {
    std::vector<std::pair<AttemptToken, AttemptOutcome>> attempts;
    for (const auto& [token, attempt] : store_.attempts()) {
      if (attempt.job == job) attempts.emplace_back(token, attempt.outcome);
    }
    return attempts;
  }

 private:
  FakeClock clock_;
  MemoryDispatchStore store_{clock_};
};

INSTANTIATE_TYPED_TEST_SUITE_P(Memory, DispatchStoreContract, MemoryFixture);

}  // namespace
}  // namespace gofarm::testing
