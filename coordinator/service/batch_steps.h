// The steps of a batch's jobs, as far as they were published: which job came how far, so that each step goes out once,
// whether the board or the store was the first to know of it. Pure; the caller locks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "common/base/ids.h"
#include "common/vocab/failure.h"
#include "coordinator/domain/live.h"

namespace gofarm::service {

// Jobs of a batch whose steps are kept for watchers that begin late; of the others only news is passed on.
inline constexpr size_t kBackfillJobsMax = 1'000;

class BatchSteps {
 public:
  // The batch's jobs are these now: a retry puts new ones in the place of some.
  void SetJobs(const std::vector<JobId>& jobs);
  bool Has(JobId job) const { return jobs_.contains(job); }
  int64_t size() const { return static_cast<int64_t>(jobs_.size()); }
  int64_t ended() const { return ended_; }

  // What the store proves of a job, and the board holds of its running attempt: those steps that were not published
  // yet.
  std::vector<domain::JobEvent> Backfill(const domain::Job& job, const std::optional<Progress>& live);
  // An event of the board. False: of another batch's job, or published already.
  bool Take(const domain::JobEvent& event);

  // What the kept jobs came to, each with the steps of its newest attempt in their order: for a watcher that begins.
  std::vector<domain::JobEvent> Snapshot() const;

 private:
  struct Known {
    AttemptToken attempt;                // the newest
    uint8_t phases = 0;                  // of it: a bit each
    bool queued = false;                 // was published
    JobState state = JobState::kQueued;  // the last that was published
  };
  struct Step {
    AttemptToken token;
    std::variant<JobState, Phase> step;
    std::string detail;
  };
  struct Kept {
    domain::JobRef job;
    std::vector<Step> steps;
  };

  // Whether the event says something new.
  bool Advance(Known& known, const domain::JobEvent& event);
  void Keep(const domain::JobEvent& event);

  absl::flat_hash_map<JobId, Known> jobs_;
  absl::btree_map<JobId, Kept> kept_;
  int64_t ended_ = 0;
};

}  // namespace gofarm::service
