// One farm as seen by a command: the gRPC stub with deadlines, and with patience while a coordinator
// restarts: an embedded farm whose supervisor lives is asked again for a while, anything else fails within two seconds.
// Lists come back whole, in one page. Thread-safe. Messages of failures say what to do.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cli/farm_finder.h"
#include "cli/list_file.h"
#include "common/base/scope.h"
#include "common/vocab/labels.h"

namespace gofarm::v1 {
class ArtifactPage;
class Batch;
class BatchPage;
class BatchUpdate;
class FailureList;
class FarmStatus;
class Job;
class JobPage;
class ListArtifactsRequest;
class ListJobsRequest;
class RemovedWorker;
class SubmitReply;
class WorkerPage;
}  // namespace gofarm::v1

namespace gofarm::cli {

inline constexpr absl::Duration kCallDeadline = absl::Seconds(30);
inline constexpr absl::Duration kBatchDeadline = absl::Minutes(2);  // to change hundreds of thousands of jobs
inline constexpr absl::Duration kListDeadline = absl::Minutes(5);
inline constexpr absl::Duration kSubmitDeadline = absl::Minutes(10);
inline constexpr absl::Duration kRestartPatience = absl::Seconds(15);
inline constexpr absl::Duration kServerPatience = absl::Milliseconds(1500);

struct SubmitOptions {
  std::string name;
  std::string submitter;
  std::vector<Target> targets;
  bool force = false;
  Labels labels;
};

class FarmClient {
 public:
  // UNAVAILABLE when the choice is an embedded farm that is not up.
  static absl::StatusOr<std::unique_ptr<FarmClient>> Connect(const FarmChoice& choice);
  ~FarmClient();
  // From now on a stop ends every call that is no stream, and all patience with a farm that is away: CANCELLED. Before
  // the first call.
  void StopWith(std::stop_token stop);

  // After CANCELLED the farm may have taken the batch all the same.
  absl::Status Submit(const SubmitOptions& options, const std::vector<ListEntry>& entries, v1::SubmitReply& reply);

  absl::Status ListBatches(int64_t limit, v1::BatchPage& all);
  // Those that run. A coordinator of a release that knows no such question answers as to ListBatches.
  absl::Status ListRunningBatches(int64_t limit, v1::BatchPage& all);
  absl::Status GetBatch(int64_t id, v1::Batch& batch);
  absl::Status CancelBatch(int64_t id, v1::Batch& batch);
  absl::Status RetryBatch(int64_t id, v1::Batch& batch);

  // Of `module` alone also where the coordinator is of a release that knows no such question.
  absl::Status ListJobs(const v1::ListJobsRequest& request, v1::JobPage& all);
  absl::Status GetJob(int64_t id, v1::Job& job);
  absl::Status CancelJob(int64_t id, v1::Job& job);
  absl::Status RetryJob(int64_t id, v1::Job& job);

  absl::Status ListArtifacts(const v1::ListArtifactsRequest& request, v1::ArtifactPage& all);
  absl::Status ListWorkers(v1::WorkerPage& all);
  absl::Status ListWorkers(const std::vector<std::string>& names, v1::WorkerPage& rows);
  // No patience: for those who ask again themselves. `brief`: without what workers report and run.
  absl::Status ListWorkers(absl::Duration deadline, bool brief, v1::WorkerPage& all);
  // One worker, or all with these labels; `names`: of those that are meant.
  absl::Status DrainWorkers(const std::string& name, const Labels& labels, bool drain, std::vector<std::string>& names);
  absl::Status RemoveWorker(const std::string& name, v1::RemovedWorker& removed);
  absl::Status ListFailures(int64_t batch, int64_t limit, v1::FailureList& failures);
  absl::Status GetFarmStatus(absl::Duration deadline, v1::FarmStatus& status);

  // Streams. Each is one try and ends with the stream; `stop` of the scope ends it early (CANCELLED). The callbacks run
  // on the calling thread.
  absl::Status WatchBatch(const Scope& scope, int64_t id, const std::function<void(const v1::BatchUpdate&)>& on_update);
  // `attempt` 0: the last. `offset` moves on with the bytes, so a second call goes on where the first was cut.
  absl::Status ReadLog(const Scope& scope, int64_t job, int attempt, bool follow, int64_t& offset,
                       const std::function<void(std::string_view)>& on_data);
  absl::Status Download(const Scope& scope, const std::string& sha256, int64_t& offset,
                        const std::function<absl::Status(std::string_view)>& on_data);

  // Whether it makes sense to ask again after `status`: the coordinator may be restarting.
  bool MayComeBack(const absl::Status& status) const;
  // Instead of sleeping between two tries: comes back when the farm is connected again, a moment later at the earliest,
  // and when the scope ends.
  void AwaitFarm(const Scope& scope) const;
  const FarmChoice& choice() const;

 private:
  friend class CatalogClient;
  friend class IdentityClient;
  friend class PublishClient;
  struct Impl;
  explicit FarmClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// UNAVAILABLE that says how to start the farm of this choice, or name another.
absl::Status NoFarm(const FarmChoice& choice, std::string_view why);

}  // namespace gofarm::cli
