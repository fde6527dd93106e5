// What the farm does right now, as operators see it: values that are put together from the store, the dispatcher and
// what workers report. Plain data; every page, verb and API reads these.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "common/base/ids.h"
#include "common/vocab/failure.h"
#include "common/vocab/labels.h"
#include "common/vocab/progress.h"
#include "common/vocab/target.h"
#include "common/vocab/worker_state.h"
#include "coordinator/domain/queries.h"
#include "coordinator/domain/types.h"

namespace gofarm::domain {

struct RunningJob {
  AttemptToken token;
  JobRef job;
  std::string worker;
  absl::Time started_at = absl::InfinitePast();
  Progress progress;  // phase kNone: nothing was reported yet
};

// One step of one job: the state or the phase it came to. kQueued with a token: the attempt ended without a result, and
// the job waits again.
struct JobEvent {
  int64_t sequence = 0;
  JobRef job;
  AttemptToken token;  // of the attempt; 0: of none
  std::variant<JobState, Phase> step = JobState::kQueued;
  std::string detail;
};

// A job with why it waits, or with what its running attempt does.
struct JobView {
  Job job;
  WaitReason wait_reason = WaitReason::kNone;
  std::string wait_detail;
  AttemptToken live;  // the attempt that `progress` is of; 0: nothing is known of one
  Progress progress;
};

struct WorkerView {
  std::string name;
  std::string instance;
  std::string host_arch;
  std::string build_version;
  int pid = 0;
  std::vector<Target> targets;
  int slots = 0;
  int free_slots = 0;
  int64_t memory_bytes = 0;
  Labels labels;
  std::string address;
  bool draining = false;  // it takes no new jobs: drained by an operator, or being stopped
  int held = 0;           // attempts and open offers of it, by the store
  WorkerState state = WorkerState::kLost;
  std::string detail;  // why
  SessionId session;
  absl::Time last_seen_at = absl::InfinitePast();
  WorkerReport report;
  std::vector<RunningJob> running;  // by token
};

struct FarmStatus {
  int64_t workers_connected = 0;
  JobCounts jobs;
};

// How a batch stands, and the steps of its jobs since the update before.
struct BatchUpdate {
  Batch batch;
  std::vector<RunningJob> running;
  std::vector<JobEvent> events;
  std::string waiting;  // why nothing moves, when nothing moves
};

}  // namespace gofarm::domain
