// One watch of one batch, from its snapshot to the end of its last job. Runs on a thread of its own.
#pragma once

#include <gofarm/v1/farm.pb.h>

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "coordinator/rpc/rpc_context.h"
#include "coordinator/rpc/write_stream.h"

namespace gofarm::rpc {

inline constexpr absl::Duration kWatchPace = absl::Milliseconds(100);  // at most ten updates a second
inline constexpr absl::Duration kWatchRefresh = absl::Seconds(1);  // counts are read again, also when nothing is heard
inline constexpr absl::Duration kWatchHeartbeat = absl::Seconds(5);   // an update at least this often
inline constexpr absl::Duration kCancelPatience = absl::Seconds(15);  // for the last jobs of a cancelled batch
inline constexpr size_t kMadeUpJobsMax =
    1'000;  // jobs whose steps are made up from the store, of a watch that came late
inline constexpr size_t kRunningShownMax = 200;
inline constexpr size_t kEventsPerUpdate = 1'000;

class BatchWatch {
 public:
  using Stream = WriteStream<v1::BatchUpdate>;
  BatchWatch(RpcContext& rpc, BatchId batch) : rpc_(rpc), batch_(batch) {}

  absl::Status Run(Stream& stream, const Scope& scope);

 private:
  // What was told of a job: a bit per phase, and above them one per state.
  using Told = uint32_t;
  absl::Status LoadJobs(const Scope& scope, v1::BatchUpdate& update);
  void MakeUp(const domain::Job& job, v1::BatchUpdate& update);
  void Tell(const domain::Job& job, std::string_view what, Told bit, std::string_view detail, v1::BatchUpdate& update);
  void TakeEvents(v1::BatchUpdate& update);
  void FillRunning(v1::BatchUpdate& update);
  void FillWaiting(const Scope& scope, const domain::Batch& batch, v1::BatchUpdate& update);
  absl::Status MakeUpEnded(const Scope& scope, v1::BatchUpdate& update);
  static Told BitOf(std::string_view what);
  static bool IsLate(Told told, Told bit);

  RpcContext& rpc_;
  const BatchId batch_;
  absl::flat_hash_map<JobId, Told> told_;
  int64_t sequence_ = 0;      // of the board, taken so far
  int64_t own_sequence_ = 0;  // of the events of this stream
  size_t made_up_ = 0;
  absl::Time waiting_read_ = absl::InfinitePast();
  std::string waiting_;
};

}  // namespace gofarm::rpc
