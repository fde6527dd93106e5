// What happens to jobs and attempts, and who is notified of it: the progress board (for people), the dispatcher, the
// attempt fence, the metrics. The services call it after their transactions, the dispatch loop as its observer. Any
// thread; never waits.
#pragma once

#include <string>
#include <vector>

#include "coordinator/domain/dispatch_store.h"
#include "coordinator/domain/queries.h"
#include "coordinator/domain/types.h"
#include "coordinator/service/attempt_fence.h"
#include "coordinator/service/dispatch_loop.h"
#include "coordinator/service/job_metrics.h"
#include "coordinator/service/progress_board.h"

namespace gofarm::service {

// Jobs that one call names to board and dispatcher. Of more, the dispatcher reads the queue again, and watches read the
// store.
inline constexpr size_t kNewsJobsMax = 1000;

class JobNews final : public DispatchObserver {
 public:
  // All of it outlives this.
  JobNews(ProgressBoard& board, AttemptFence& fence, DispatchPort& dispatch, JobMetrics& metrics)
      : board_(board), fence_(fence), dispatch_(dispatch), metrics_(metrics) {}

  // These jobs (or the first of many) wait now. `lowest`: the queue's rows may be new or changed from this job on; 0:
  // none did.
  void Queued(const std::vector<domain::JobRef>& jobs, JobId lowest);
  // These jobs waited and will not run.
  void Cancelled(const std::vector<domain::JobRef>& jobs);
  // The workers of these attempts must stop them.
  void CancelRunning(const std::vector<domain::RunningRef>& running);
  // The store took the attempt's end; `result` may differ from what the worker reported.
  void AttemptEnded(const domain::CompletedAttempt& attempt, const domain::CompleteResult& result);

  void Offered(AttemptToken token, const domain::QueuedJob& job, const std::string& worker) override;
  void Running(AttemptToken token, const domain::QueuedJob& job, const std::string& worker, absl::Time since) override;
  void Lost(AttemptToken token, JobState job_state, const std::string& why) override;
  void LostUnseen(const domain::LostAttempt& attempt) override;

 private:
  void Publish(const std::vector<domain::JobRef>& jobs, JobState state);

  ProgressBoard& board_;
  AttemptFence& fence_;
  DispatchPort& dispatch_;
  JobMetrics& metrics_;
};

}  // namespace gofarm::service
