// The Worker service: the session stream, logs, artifacts, completions. Everything a worker says is untrusted: checked
// by convert and AttemptService before it goes anywhere, and fenced by its token.
#pragma once

#include <gofarm/v1/worker.grpc.pb.h>

#include "coordinator/rpc/rpc_context.h"

namespace gofarm::rpc {

class WorkerRpc final : public v1::Worker::CallbackService {
 public:
  explicit WorkerRpc(RpcContext& rpc) : rpc_(rpc) {}

  grpc::ServerBidiReactor<v1::WorkerMessage, v1::CoordinatorMessage>* Session(
      grpc::CallbackServerContext* context) override;
  grpc::ServerBidiReactor<v1::LogChunk, v1::LogAck>* AppendLog(grpc::CallbackServerContext* context) override;
  grpc::ServerBidiReactor<v1::BlobChunk, v1::BlobAck>* UploadBlob(grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* Complete(grpc::CallbackServerContext* context, const v1::CompleteRequest* request,
                                     v1::CompleteReply* reply) override;

 private:
  RpcContext& rpc_;
};

}  // namespace gofarm::rpc
