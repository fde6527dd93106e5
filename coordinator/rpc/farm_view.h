// Rows that are put together from more than one source: what the store says, what the dispatcher knows, what the board
// shows. Thread-safe; blocks its thread where it asks the store.
#pragma once

#include <gofarm/v1/farm.pb.h>

#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/rpc/rpc_context.h"

namespace gofarm::rpc {

inline constexpr size_t kJobBytesMax = 3 << 20;  // well below kMessageBytesMax

// Leaves out what variants were run with, and the go.mod files they were run on, of the oldest attempts first, until
// the job fits kJobBytesMax. One attempt's report fits always; a job may have six.
void FitJob(v1::Job& job);

// A job with why it waits, or the live phase and progress of its running attempt.
void FillJob(RpcContext& rpc, const domain::Job& job, v1::Job& out);

void FillRunning(RpcContext& rpc, const service::RunningView& running, v1::RunningJob& out);

// Every worker that is connected or known, by name.
absl::StatusOr<std::vector<v1::WorkerRow>> WorkerRows(RpcContext& rpc, const Scope& scope);

}  // namespace gofarm::rpc
