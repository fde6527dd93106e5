// The Farm service: what operators ask. Each handler translates and calls one service method; streams to
// clients (lists in pages, logs, downloads, watches) have a thread each.
#pragma once

#include <gofarm/v1/farm.grpc.pb.h>

#include "coordinator/rpc/rpc_context.h"

namespace gofarm::rpc {

// What gRPC's generated class makes its handlers take and return.
using ServerContext = grpc::CallbackServerContext*;
using ServerUnary = grpc::ServerUnaryReactor*;
template <typename In>
using ServerRead = grpc::ServerReadReactor<In>*;
template <typename Out>
using ServerWrite = grpc::ServerWriteReactor<Out>*;

class FarmRpc final : public v1::Farm::WithRawCallbackMethod_Submit<v1::Farm::CallbackService> {
 public:
  explicit FarmRpc(RpcContext& rpc) : rpc_(rpc) {}

  ServerRead<grpc::ByteBuffer> Submit(ServerContext context, grpc::ByteBuffer* reply) override;
  ServerWrite<v1::BatchPage> ListBatches(ServerContext context, const v1::ListBatchesRequest* request) override;
  ServerUnary GetBatch(ServerContext context, const v1::BatchRequest* request, v1::Batch* reply) override;
  ServerUnary CancelBatch(ServerContext context, const v1::BatchRequest* request, v1::Batch* reply) override;
  ServerUnary RetryBatch(ServerContext context, const v1::RetryBatchRequest* request, v1::Batch* reply) override;
  ServerWrite<v1::BatchUpdate> WatchBatch(ServerContext context, const v1::BatchRequest* request) override;
  ServerWrite<v1::JobPage> ListJobs(ServerContext context, const v1::ListJobsRequest* request) override;
  ServerUnary GetJob(ServerContext context, const v1::JobRequest* request, v1::Job* reply) override;
  ServerUnary CancelJob(ServerContext context, const v1::JobRequest* request, v1::Job* reply) override;
  ServerUnary RetryJob(ServerContext context, const v1::JobRequest* request, v1::Job* reply) override;
  ServerWrite<v1::LogData> ReadLog(ServerContext context, const v1::ReadLogRequest* request) override;
  ServerWrite<v1::ArtifactPage> ListArtifacts(ServerContext context, const v1::ListArtifactsRequest* request) override;
  ServerWrite<v1::BlobData> Download(ServerContext context, const v1::DownloadRequest* request) override;
  ServerWrite<v1::WorkerPage> ListWorkers(ServerContext context, const v1::ListWorkersRequest* request) override;
  ServerUnary DrainWorkers(ServerContext context, const v1::WorkerChoice* request, v1::ChosenWorkers* reply) override;
  ServerUnary UndrainWorkers(ServerContext context, const v1::WorkerChoice* request, v1::ChosenWorkers* reply) override;
  ServerUnary RemoveWorker(ServerContext context, const v1::RemoveWorkerRequest* request,
                           v1::RemovedWorker* reply) override;
  ServerUnary GetFarmStatus(ServerContext context, const v1::FarmStatusRequest* request,
                            v1::FarmStatus* reply) override;
  ServerUnary ListFailures(ServerContext context, const v1::ListFailuresRequest* request,
                           v1::FailureList* reply) override;

 private:
  RpcContext& rpc_;
};

}  // namespace gofarm::rpc
