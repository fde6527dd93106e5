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
               [this, request, reply](const Scope& scope) -> absl::Status {
                 absl::StatusOr<domain::CompletedAttempt> attempt = FromComplete(*request);
                 if (!attempt.ok() && request->token() > 0 && request->job_id() > 0) {
                   // As AttemptService does with a report that breaks its rules: the attempt ends all the same, so that
                   // the job need not wait for a worker that has nothing better to say.
                   const absl::StatusOr<domain::CompleteResult> ended =
                       rpc_.parts.attempts.Complete(scope, {.token = AttemptToken{request->token()},
                                                            .job = JobId{request->job_id()},
                                                            .outcome = AttemptOutcome::kFailed,
                                                            .failure_class = FailureClass::kInternal,
                                                            .failure_detail = std::string(attempt.status().message())});
                   return ended.ok() ? attempt.status() : ended.status();
                 }
                 GOFARM_RETURN_IF_ERROR(attempt.status());
                 GOFARM_ASSIGN_OR_RETURN(const domain::CompleteResult result,
                                         rpc_.parts.attempts.Complete(scope, *std::move(attempt)));
                 reply->set_job_state(static_cast<v1::JobState>(result.job_state));
                 return absl::OkStatus();
               });
}

}  // namespace gofarm::rpc
