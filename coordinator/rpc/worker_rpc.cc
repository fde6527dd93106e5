#include "coordinator/rpc/worker_rpc.h"

#include "common/base/status_macros.h"
#include "coordinator/rpc/call.h"
#include "coordinator/rpc/convert.h"
#include "coordinator/rpc/session_reactor.h"
#include "coordinator/rpc/upload_streams.h"

namespace gofarm::rpc {

grpc::ServerBidiReactor<v1::WorkerMessage, v1::CoordinatorMessage>* WorkerRpc::Session(
    grpc::CallbackServerContext* context) {
  const auto session = std::make_shared<SessionReactor>(Call(rpc_, context, "/gofarm.v1.Worker/Session"));
  session->Start();
  return session.get();
}

grpc::ServerBidiReactor<v1::LogChunk, v1::LogAck>* WorkerRpc::AppendLog(grpc::CallbackServerContext* context) {
  const auto stream = std::make_shared<LogStream>(Call(rpc_, context, "/gofarm.v1.Worker/AppendLog"));
  stream->Start();
  return stream.get();
}

grpc::ServerBidiReactor<v1::BlobChunk, v1::BlobAck>* WorkerRpc::UploadBlob(grpc::CallbackServerContext* context) {
  const auto stream = std::make_shared<BlobStream>(Call(rpc_, context, "/gofarm.v1.Worker/UploadBlob"));
  stream->Start();
  return stream.get();
}

grpc::ServerUnaryReactor* WorkerRpc::Complete(grpc::CallbackServerContext* context, const v1::CompleteRequest* request,
                                              v1::CompleteReply* reply) {
  return Unary(rpc_, rpc_.workers, context, "/gofarm.v1.Worker/Complete",
               [this, request, reply, peer = CallerOf(*context)](const Scope& scope) -> absl::Status {
                 // Nothing is written for a stale token, and a repeat of a completion gets its answer.
                 const absl::Status owns = rpc_.parts.fence.CheckToken(scope, peer, AttemptToken{request->token()});
                 if (!owns.ok() && !absl::IsFailedPrecondition(owns)) return owns;
                 GOFARM_ASSIGN_OR_RETURN(domain::CompletedAttempt attempt, FromComplete(*request));
                 GOFARM_ASSIGN_OR_RETURN(const domain::CompleteResult result,
                                         rpc_.parts.attempts.Complete(scope, std::move(attempt)));
                 reply->set_job_state(static_cast<v1::JobState>(result.job_state));
                 return absl::OkStatus();
               });
}

}  // namespace gofarm::rpc
