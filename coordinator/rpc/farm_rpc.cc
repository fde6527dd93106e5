#include "coordinator/rpc/farm_rpc.h"

#include <utility>

#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "coordinator/publish/publish_service.h"
#include "coordinator/rpc/call.h"
#include "coordinator/rpc/convert.h"
#include "coordinator/rpc/on_thread.h"
#include "coordinator/rpc/pager.h"
#include "coordinator/rpc/submit_stream.h"
#include "coordinator/rpc/write_stream.h"

namespace gofarm::rpc {
namespace {

// Pages are cut so that none comes near the message limit: a page holds at most this, or one row (kRowBytesMax).
constexpr int64_t kLimitMax = int64_t{1} << 40;

absl::Status CheckLimit(int64_t limit) {
  if (limit >= 0 && limit < kLimitMax) return absl::OkStatus();
  return absl::InvalidArgumentError(Cat("limit ", limit, " is out of range; 0 means all"));
}

// Unary calls that answer with a batch or a job as `call` finds or leaves it.
template <typename Call>
ServerUnary BatchCall(RpcContext& rpc, ServerContext context, const char* method,
                      const google::protobuf::Message* request, v1::Batch* reply, Call call) {
  return Unary(rpc, rpc.operators, context, method, request, [reply, call](const Scope& scope) -> absl::Status {
    GOFARM_ASSIGN_OR_RETURN(const domain::Batch batch, call(scope));
    ToProto(batch, *reply);
    return absl::OkStatus();
  });
}
template <typename Call>
ServerUnary JobCall(RpcContext& rpc, ServerContext context, const char* method,
                    const google::protobuf::Message* request, v1::Job* reply, Call call) {
  return Unary(rpc, rpc.operators, context, method, request, [&rpc, reply, call](const Scope& scope) -> absl::Status {
    GOFARM_ASSIGN_OR_RETURN(domain::Job job, call(scope));
    ToProto(rpc.parts.farm.ViewOf(std::move(job)), *reply);
    return absl::OkStatus();
  });
}

ServerUnary DrainCall(RpcContext& rpc, ServerContext context, const char* method, const v1::WorkerChoice* request,
                      v1::ChosenWorkers* reply, bool drained) {
  return Unary(rpc, rpc.operators, context, method, request,
               [&rpc, request, reply, drained](const Scope& scope) -> absl::Status {
                 domain::WorkerChoice choice{.name = request->name(), .labels = {}};
                 choice.labels.insert(request->labels().begin(), request->labels().end());
                 GOFARM_ASSIGN_OR_RETURN(std::vector<std::string> names,
                                         rpc.parts.workers.SetDrained(scope, choice, drained));
                 for (std::string& name : names) reply->add_names(std::move(name));
                 return absl::OkStatus();
               });
}

}  // namespace

ServerRead<grpc::ByteBuffer> FarmRpc::Submit(ServerContext context, grpc::ByteBuffer* reply) {
  const auto stream = std::make_shared<SubmitStream>(Call(rpc_, context, "/gofarm.v1.Farm/Submit"), reply);
  stream->Start();
  return stream.get();
}

ServerWrite<v1::BatchPage> FarmRpc::ListBatches(ServerContext context, const v1::ListBatchesRequest* request) {
  return OnThread<v1::BatchPage>(rpc_, rpc_.lists, context, "/gofarm.v1.Farm/ListBatches", request, kCallMax,
                                 [this, asked = *request](auto& stream, const Scope& scope) {
                                   GOFARM_RETURN_IF_ERROR(CheckLimit(asked.limit()));
                                   service::QueryService& queries = rpc_.parts.queries;
                                   GOFARM_ASSIGN_OR_RETURN(const std::vector<domain::Batch> batches,
                                                           asked.running()
                                                               ? queries.ListRunningBatches(scope, asked.limit())
                                                               : queries.ListBatches(scope, asked.limit()));
                                   Pager<v1::BatchPage> pager(stream);
                                   for (const domain::Batch& batch : batches) {
                                     v1::Batch row;
                                     ToProto(batch, row);
                                     GOFARM_RETURN_IF_ERROR(pager.Add(&v1::BatchPage::mutable_batches, std::move(row)));
                                   }
                                   return pager.Flush();
                                 });
}

ServerUnary FarmRpc::GetBatch(ServerContext context, const v1::BatchRequest* request, v1::Batch* reply) {
  return BatchCall(
      rpc_, context, "/gofarm.v1.Farm/GetBatch", request, reply,
      [this, id = BatchId{request->id()}](const Scope& scope) { return rpc_.parts.queries.GetBatch(scope, id); });
}

ServerUnary FarmRpc::CancelBatch(ServerContext context, const v1::BatchRequest* request, v1::Batch* reply) {
  return BatchCall(
      rpc_, context, "/gofarm.v1.Farm/CancelBatch", request, reply,
      [this, id = BatchId{request->id()}](const Scope& scope) { return rpc_.parts.batches.Cancel(scope, id); });
}

ServerUnary FarmRpc::RetryBatch(ServerContext context, const v1::RetryBatchRequest* request, v1::Batch* reply) {
  return BatchCall(
      rpc_, context, "/gofarm.v1.Farm/RetryBatch", request, reply,
      [this, id = BatchId{request->id()}](const Scope& scope) { return rpc_.parts.batches.Retry(scope, id); });
}

ServerWrite<v1::BatchUpdate> FarmRpc::WatchBatch(ServerContext context, const v1::BatchRequest* request) {
  return OnThread<v1::BatchUpdate>(rpc_, rpc_.followers, context, "/gofarm.v1.Farm/WatchBatch", request,
                                   absl::InfiniteDuration(),
                                   [this, id = request->id()](auto& stream, const Scope& scope) -> absl::Status {
                                     GOFARM_ASSIGN_OR_RETURN(const auto watcher, rpc_.parts.feeds.Watch(BatchId{id}));
                                     for (;;) {
                                       GOFARM_ASSIGN_OR_RETURN(const auto update, watcher->Next(scope));
                                       if (!update) return absl::OkStatus();
                                       v1::BatchUpdate out;
                                       ToProto(*update, SteadyNow(), out);
                                       GOFARM_RETURN_IF_ERROR(stream.Write(std::move(out)));
                                     }
                                   });
}

ServerWrite<v1::JobPage> FarmRpc::ListJobs(ServerContext context, const v1::ListJobsRequest* request) {
  return OnThread<v1::JobPage>(
      rpc_, rpc_.lists, context, "/gofarm.v1.Farm/ListJobs", request, kLongListMax,
      [this, asked = *request](auto& stream, const Scope& scope) {
        GOFARM_RETURN_IF_ERROR(CheckLimit(asked.limit()));
        domain::JobFilter filter;
        filter.batch = BatchId{asked.batch_id()};
        filter.module = asked.module();
        if (asked.state() != v1::JOB_STATE_UNSPECIFIED) {
          if (!v1::JobState_IsValid(asked.state())) {
            return absl::InvalidArgumentError(Cat("job state number ", static_cast<int>(asked.state()), " is unknown"));
          }
          filter.state = static_cast<JobState>(asked.state());
        }
        Pager<v1::JobPage> pager(stream);
        absl::Status written;
        GOFARM_RETURN_IF_ERROR(
            rpc_.parts.farm.ListJobs(scope, filter, asked.limit(), [&](std::vector<domain::JobView> page) {
              for (const domain::JobView& job : page) {
                v1::Job row;
                ToProto(job, row);
                written = pager.Add(&v1::JobPage::mutable_jobs, std::move(row));
                if (!written.ok()) return false;
              }
              return true;
            }));
        GOFARM_RETURN_IF_ERROR(written);
        return pager.Flush();
      });
}

ServerUnary FarmRpc::GetJob(ServerContext context, const v1::JobRequest* request, v1::Job* reply) {
  return JobCall(
      rpc_, context, "/gofarm.v1.Farm/GetJob", request, reply,
      [this, id = JobId{request->id()}](const Scope& scope) { return rpc_.parts.queries.GetJob(scope, id); });
}

ServerUnary FarmRpc::CancelJob(ServerContext context, const v1::JobRequest* request, v1::Job* reply) {
  return JobCall(
      rpc_, context, "/gofarm.v1.Farm/CancelJob", request, reply,
      [this, id = JobId{request->id()}](const Scope& scope) { return rpc_.parts.batches.CancelJob(scope, id); });
}

ServerUnary FarmRpc::RetryJob(ServerContext context, const v1::JobRequest* request, v1::Job* reply) {
  return JobCall(
      rpc_, context, "/gofarm.v1.Farm/RetryJob", request, reply,
      [this, id = JobId{request->id()}](const Scope& scope) { return rpc_.parts.batches.RetryJob(scope, id); });
}

ServerWrite<v1::LogData> FarmRpc::ReadLog(ServerContext context, const v1::ReadLogRequest* request) {
  auto body = [this, asked = *request](WriteStream<v1::LogData>& stream, const Scope& scope) {
    if (asked.offset() < 0 || asked.attempt() < 0) {
      return absl::InvalidArgumentError(
          Cat("attempt ", asked.attempt(), " at offset ", asked.offset(), ": neither may be negative"));
    }
    GOFARM_RETURN_IF_ERROR(rpc_.parts.logs.Read(scope, JobId{asked.job_id()}, asked.attempt(), asked.offset(),
                                                asked.follow(), [&](std::string piece) {
                                                  v1::LogData data;
                                                  data.set_data(std::move(piece));
                                                  return stream.Write(std::move(data));
                                                }));
    v1::LogData end;
    end.set_end(true);
    return stream.Write(std::move(end));
  };
  const bool follow = request->follow();
  return OnThread<v1::LogData>(rpc_, follow ? rpc_.followers : rpc_.transfers, context, "/gofarm.v1.Farm/ReadLog",
                               request, follow ? absl::InfiniteDuration() : kLongListMax, std::move(body));
}

ServerWrite<v1::ArtifactPage> FarmRpc::ListArtifacts(ServerContext context, const v1::ListArtifactsRequest* request) {
  return OnThread<v1::ArtifactPage>(
      rpc_, rpc_.lists, context, "/gofarm.v1.Farm/ListArtifacts", request, kLongListMax,
      [this, asked = *request](auto& stream, const Scope& scope) {
        GOFARM_RETURN_IF_ERROR(CheckLimit(asked.limit()));
        domain::ArtifactFilter filter;
        filter.batch = BatchId{asked.batch_id()};
        filter.module = asked.module();
        filter.sha256 = asked.sha256();
        if (asked.target() != v1::TARGET_UNSPECIFIED) {
          if (!v1::Target_IsValid(asked.target())) {
            return absl::InvalidArgumentError(
                Cat("target number ", static_cast<int>(asked.target()), " is unknown; the targets are ", kTargetNames));
          }
          filter.target = static_cast<Target>(asked.target());
        }
        Pager<v1::ArtifactPage> pager(stream);
        absl::Status written;
        GOFARM_RETURN_IF_ERROR(
            rpc_.parts.queries.ListArtifacts(scope, filter, asked.limit(), [&](std::vector<domain::ArtifactRow> page) {
              for (const domain::ArtifactRow& row : page) {
                v1::ArtifactRow out;
                ToProto(row, out);
                written = pager.Add(&v1::ArtifactPage::mutable_artifacts, std::move(out));
                if (!written.ok()) return false;
              }
              return true;
            }));
        GOFARM_RETURN_IF_ERROR(written);
        return pager.Flush();
      });
}

ServerWrite<v1::BlobData> FarmRpc::Download(ServerContext context, const v1::DownloadRequest* request) {
  return OnThread<v1::BlobData>(rpc_, rpc_.transfers, context, "/gofarm.v1.Farm/Download", request, kTransferMax,
                                [this, asked = *request](auto& stream, const Scope&) {
                                  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<blob::Reader> reader,
                                                          rpc_.parts.blobs.Open(asked.sha256(), asked.offset()));
                                  for (bool first = true;; first = false) {
                                    GOFARM_ASSIGN_OR_RETURN(std::string piece, reader->Read(blob::kReadBytesMax));
                                    if (piece.empty() && !first) return absl::OkStatus();
                                    v1::BlobData data;
                                    if (first) data.set_total_size(reader->size());
                                    data.set_data(std::move(piece));
                                    GOFARM_RETURN_IF_ERROR(stream.Write(std::move(data)));
                                  }
                                });
}

ServerWrite<v1::WorkerPage> FarmRpc::ListWorkers(ServerContext context, const v1::ListWorkersRequest* request) {
  const auto detail = request->brief() ? domain::WorkerDetail::kBrief : domain::WorkerDetail::kFull;
  std::vector<std::string> names(request->names().begin(), request->names().end());
  return OnThread<v1::WorkerPage>(rpc_, rpc_.worker_lists, context, "/gofarm.v1.Farm/ListWorkers", request, kCallMax,
                                  [this, detail, names = std::move(names)](auto& stream, const Scope& scope) {
                                    Pager<v1::WorkerPage> pager(stream);
                                    absl::Status written;
                                    GOFARM_RETURN_IF_ERROR(rpc_.parts.farm.ListWorkers(
                                        scope, detail, names, [&](std::vector<domain::WorkerView> page) {
                                          for (const domain::WorkerView& worker : page) {
                                            v1::WorkerRow row;
                                            ToProto(worker, SteadyNow(), row);
                                            written = pager.Add(&v1::WorkerPage::mutable_workers, std::move(row));
                                            if (!written.ok()) return false;
                                          }
                                          return true;
                                        }));
                                    GOFARM_RETURN_IF_ERROR(written);
                                    return pager.Flush();
                                  });
}

ServerUnary FarmRpc::DrainWorkers(ServerContext context, const v1::WorkerChoice* request, v1::ChosenWorkers* reply) {
  return DrainCall(rpc_, context, "/gofarm.v1.Farm/DrainWorkers", request, reply, /*drained=*/true);
}

ServerUnary FarmRpc::UndrainWorkers(ServerContext context, const v1::WorkerChoice* request, v1::ChosenWorkers* reply) {
  return DrainCall(rpc_, context, "/gofarm.v1.Farm/UndrainWorkers", request, reply, /*drained=*/false);
}

ServerUnary FarmRpc::RemoveWorker(ServerContext context, const v1::RemoveWorkerRequest* request,
                                  v1::RemovedWorker* reply) {
  return Unary(rpc_, rpc_.operators, context, "/gofarm.v1.Farm/RemoveWorker", request,
               [this, context, request, reply](const Scope& scope) -> absl::Status {
                 GOFARM_ASSIGN_OR_RETURN(
                     const domain::RemovedWorker removed,
                     rpc_.parts.workers.Remove(scope, request->name(), ActorOf(rpc_, *context), rpc_.parts.identities));
                 reply->set_jobs(removed.jobs);
                 reply->set_was_connected(removed.was_connected);
                 return absl::OkStatus();
               });
}

ServerUnary FarmRpc::GetFarmStatus(ServerContext context, const v1::FarmStatusRequest* request, v1::FarmStatus* reply) {
  return Unary(rpc_, rpc_.operators, context, "/gofarm.v1.Farm/GetFarmStatus", request,
               [=, this](const Scope& scope) -> absl::Status {
                 GOFARM_ASSIGN_OR_RETURN(const domain::FarmStatus status, rpc_.parts.farm.Status(scope));
                 reply->set_workers_connected(status.workers_connected);
                 ToProto(status.jobs, *reply->mutable_jobs());
                 const FarmFacts& facts = rpc_.parts.facts;
                 reply->set_state("running");
                 reply->set_coordinator_pid(facts.pid);
                 reply->set_version(facts.version);
                 reply->set_uptime_seconds(absl::ToDoubleSeconds(SteadyNow() - facts.started_at));
                 reply->set_database_version(facts.database_version);
                 reply->set_toolset(facts.toolset);
                 if (rpc_.parts.identities != nullptr) {
                   for (const std::string& address : rpc_.parts.identities->addresses()) {
                     reply->add_tls_addresses(address);
                   }
                 }
                 if (rpc_.parts.publishing != nullptr) {
                   const publish::PublishService& publishing = *rpc_.parts.publishing;
                   reply->set_public_url(publishing.public_url());
                   reply->set_index_url(publishing.IndexUrl());
                   reply->set_publishing_off(std::string(publishing.WhyOff().message()));
                 }
                 return absl::OkStatus();
               });
}

ServerUnary FarmRpc::ListFailures(ServerContext context, const v1::ListFailuresRequest* request,
                                  v1::FailureList* reply) {
  return Unary(rpc_, rpc_.operators, context, "/gofarm.v1.Farm/ListFailures", request,
               [this, request, reply](const Scope& scope) -> absl::Status {
                 GOFARM_RETURN_IF_ERROR(CheckLimit(request->limit()));
                 GOFARM_ASSIGN_OR_RETURN(const std::shared_ptr<const domain::Failures> failures,
                                         rpc_.parts.failures.List(scope, BatchId{request->batch_id()}));
                 ToProto(*failures, request->limit(), *reply);
                 return absl::OkStatus();
               });
}

}  // namespace gofarm::rpc
