// The Worker service: the session stream, logs, artifacts, completions, archives of toolchains. Everything a worker
// says is untrusted: checked by convert and AttemptService before it goes anywhere, and fenced by its token.
#pragma once

#include <gofarm/v1/worker.grpc.pb.h>

#include "coordinator/rpc/bidi_stream.h"
#include "coordinator/rpc/rpc_context.h"

namespace gofarm::rpc {

// What may grow comes as bytes, which are measured before they are parsed (wire_form.h).
using WorkerService = v1::Worker::WithRawCallbackMethod_Session<
    v1::Worker::WithRawCallbackMethod_AppendLog<v1::Worker::WithRawCallbackMethod_UploadBlob<
        v1::Worker::WithRawCallbackMethod_Complete<v1::Worker::WithCallbackMethod_FetchArchive<v1::Worker::Service>>>>>;

class WorkerRpc final : public WorkerService {
 public:
  explicit WorkerRpc(RpcContext& rpc) : rpc_(rpc) {}

  ByteReactor* Session(grpc::CallbackServerContext* context) override;
  ByteReactor* AppendLog(grpc::CallbackServerContext* context) override;
  ByteReactor* UploadBlob(grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* Complete(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                     grpc::ByteBuffer* reply) override;
  grpc::ServerWriteReactor<v1::ArchivePiece>* FetchArchive(grpc::CallbackServerContext* context,
                                                           const v1::FetchArchiveRequest* request) override;

 private:
  absl::Status TakeReport(const Scope& scope, const PeerIdentity& peer, grpc::ByteBuffer raw, grpc::ByteBuffer& reply);

  RpcContext& rpc_;
};

}  // namespace gofarm::rpc
