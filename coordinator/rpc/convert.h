// Between proto and domain. Pure. What comes from a worker is checked here for shape (closed sets, signs, lengths of
// lists), so that no value outside of its type's range gets further; what the values mean is checked by the services.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/goproxy/settings.h"
#include "coordinator/domain/dispatch_store.h"
#include "coordinator/domain/failures.h"
#include "coordinator/domain/live.h"
#include "coordinator/domain/types.h"
#include "coordinator/service/dispatch_loop.h"

namespace gofarm::v1 {
class ArtifactRow;
class Attempt;
class Batch;
class BatchUpdate;
class CompleteRequest;
class CoordinatorMessage;
class FailureList;
class GoSettings;
class Hello;
class Job;
class JobCounts;
class JobEvent;
class Progress;
class RunningJob;
class SubmitChunk_Header;
class Timestamp;
class WorkerReport;
class WorkerRow;
}  // namespace gofarm::v1

namespace gofarm::rpc {

inline constexpr size_t kShortTextMax = 200;  // versions, kinds, variants
inline constexpr size_t kDetailMax = 4096;    // sentences for people
// Of a job or a worker in a message, and of an update of a watch; well below kMessageBytesMax.
inline constexpr size_t kRowBytesMax = 3 << 20;
inline constexpr int kBatchesShownMax = 1'000;    // of one job
inline constexpr size_t kRebuildsShownMax = 100;  // likewise, the newest

// ---- from workers; FAILED_PRECONDITION for another protocol version, else INVALID_ARGUMENT --------------------------
absl::StatusOr<domain::SessionRequest> FromHello(const v1::Hello& hello);
absl::StatusOr<Progress> FromProgress(const v1::Progress& progress);
absl::StatusOr<WorkerReport> FromReport(const v1::WorkerReport& report);
// Its report is judged by the service.
absl::StatusOr<domain::CompletedAttempt> FromComplete(const v1::CompleteRequest& request);

// ---- from operators -------------------------------------------------------------------------------------------------
absl::StatusOr<domain::SubmitRequest> FromSubmitHeader(const v1::SubmitChunk_Header& header);

// ---- to workers -----------------------------------------------------------------------------------------------------
v1::CoordinatorMessage ToProto(int64_t epoch, const dispatch::SessionMessage& message);
void ToProto(const goproxy::Settings& settings, v1::GoSettings& out);

// ---- to operators ---------------------------------------------------------------------------------------------------
void ToProto(absl::Time time, v1::Timestamp& out);  // InfinitePast: 0
void ToProto(const domain::JobCounts& counts, v1::JobCounts& out);
void ToProto(const domain::Batch& batch, v1::Batch& out);
void ToProto(const domain::JobView& view, v1::Job& out);
void ToProto(const domain::ArtifactRow& row, v1::ArtifactRow& out);
void ToProto(AttemptToken token, const Progress& progress, v1::Progress& out);
void ToProto(const domain::RunningJob& running, absl::Time now, v1::RunningJob& out);
void ToProto(const domain::JobEvent& event, v1::JobEvent& out);
void ToProto(const domain::WorkerView& view, absl::Time now, v1::WorkerRow& out);
// The first `limit` groups; 0: all.
void ToProto(const domain::Failures& failures, int64_t limit, v1::FailureList& out);
void ToProto(const domain::BatchUpdate& update, absl::Time now, v1::BatchUpdate& out);

}  // namespace gofarm::rpc
