// The Farm service: what operators ask. Each handler translates and calls one service method; streams to
// clients (lists in pages, logs, downloads, watches) have a thread each.
#pragma once

#include <gofarm/v1/farm.grpc.pb.h>

#include "coordinator/rpc/rpc_context.h"

namespace gofarm::rpc {

class FarmRpc final : public v1::Farm::CallbackService {
 public:
  explicit FarmRpc(RpcContext& rpc) : rpc_(rpc) {}

  grpc::ServerReadReactor<v1::SubmitChunk>* Submit(grpc::CallbackServerContext* context, v1::SubmitReply* reply) override;
  grpc::ServerWriteReactor<v1::BatchPage>* ListBatches(grpc::CallbackServerContext* context,
                                                       const v1::ListBatchesRequest* request) override;
  grpc::ServerUnaryReactor* GetBatch(grpc::CallbackServerContext* context, const v1::BatchRequest* request,
                                     v1::Batch* reply) override;
  grpc::ServerUnaryReactor* CancelBatch(grpc::CallbackServerContext* context, const v1::BatchRequest* request,
                                        v1::Batch* reply) override;
  grpc::ServerUnaryReactor* RetryBatch(grpc::CallbackServerContext* context, const v1::RetryBatchRequest* request,
                                       v1::Batch* reply) override;
  grpc::ServerWriteReactor<v1::BatchUpdate>* WatchBatch(grpc::CallbackServerContext* context,
                                                        const v1::BatchRequest* request) override;
  grpc::ServerWriteReactor<v1::JobPage>* ListJobs(grpc::CallbackServerContext* context,
                                                  const v1::ListJobsRequest* request) override;
  grpc::ServerUnaryReactor* GetJob(grpc::CallbackServerContext* context, const v1::JobRequest* request,
                                   v1::Job* reply) override;
  grpc::ServerUnaryReactor* CancelJob(grpc::CallbackServerContext* context, const v1::JobRequest* request,
                                      v1::Job* reply) override;
  grpc::ServerUnaryReactor* RetryJob(grpc::CallbackServerContext* context, const v1::JobRequest* request,
                                     v1::Job* reply) override;
  grpc::ServerWriteReactor<v1::LogData>* ReadLog(grpc::CallbackServerContext* context,
                                                 const v1::ReadLogRequest* request) override;
  grpc::ServerWriteReactor<v1::ArtifactPage>* ListArtifacts(grpc::CallbackServerContext* context,
                                                            const v1::ListArtifactsRequest* request) override;
  grpc::ServerWriteReactor<v1::BlobData>* Download(grpc::CallbackServerContext* context,
                                                   const v1::DownloadRequest* request) override;
  grpc::ServerUnaryReactor* ListWorkers(grpc::CallbackServerContext* context, const v1::ListWorkersRequest* request,
                                        v1::ListWorkersReply* reply) override;
  grpc::ServerUnaryReactor* GetFarmStatus(grpc::CallbackServerContext* context, const v1::FarmStatusRequest* request,
                                          v1::FarmStatus* reply) override;

 private:
  RpcContext& rpc_;
};

}  // namespace gofarm::rpc
