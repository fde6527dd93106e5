#include "coordinator/rpc/worker_rpc.h"

#include <memory>
#include <optional>
#include <utility>

#include "common/base/status_macros.h"
#include "common/rpc/peer.h"
#include "coordinator/rpc/call.h"
#include "coordinator/rpc/convert.h"
#include "coordinator/rpc/on_thread.h"
#include "coordinator/rpc/session_reactor.h"
#include "coordinator/rpc/upload_streams.h"
#include "coordinator/rpc/wire_form.h"

namespace gofarm::rpc {

ByteReactor* WorkerRpc::Session(grpc::CallbackServerContext* context) {
  const auto session = std::make_shared<SessionReactor>(Call(rpc_, context, "/gofarm.v1.Worker/Session"));
  session->Start();
  return session.get();
}

ByteReactor* WorkerRpc::AppendLog(grpc::CallbackServerContext* context) {
  const auto stream = std::make_shared<LogStream>(Call(rpc_, context, "/gofarm.v1.Worker/AppendLog"));
  stream->Start();
  return stream.get();
}

ByteReactor* WorkerRpc::UploadBlob(grpc::CallbackServerContext* context) {
  const auto stream = std::make_shared<BlobStream>(Call(rpc_, context, "/gofarm.v1.Worker/UploadBlob"));
  stream->Start();
  return stream.get();
}

grpc::ServerUnaryReactor* WorkerRpc::Complete(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                              grpc::ByteBuffer* reply) {
  // As long as it waits it is bytes, which gRPC keeps as long as the call.
  auto hold = std::make_shared<absl::StatusOr<ByteBudget::Hold>>(rpc_.budget.Take(request->Length()));
  return Unary(rpc_, rpc_.completions, context, "/gofarm.v1.Worker/Complete", nullptr,
               [this, context, hold, request, reply](const Scope& scope) -> absl::Status {
                 GOFARM_RETURN_IF_ERROR(hold->status());
                 return TakeReport(scope, CallerOf(rpc_, *context), *request, *reply);
               });
}

grpc::ServerWriteReactor<v1::ArchivePiece>* WorkerRpc::FetchArchive(grpc::CallbackServerContext* context,
                                                                    const v1::FetchArchiveRequest* request) {
  return OnThread<v1::ArchivePiece>(
      rpc_, rpc_.archives, context, "/gofarm.v1.Worker/FetchArchive", request, kTransferMax,
      [this, context, asked = *request](auto& stream, const Scope& scope) -> absl::Status {
        if (rpc_.parts.archives == nullptr) return absl::NotFoundError("this coordinator keeps no archives");
        GOFARM_ASSIGN_OR_RETURN(const PeerPlaces::Place place,
                                rpc_.archive_places.Take(CallerOf(rpc_, *context).identity));
        GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<blob::Reader> reader,
                                rpc_.parts.archives->Open(scope, asked.sha256(), asked.offset()));
        // Of the piece that is on its way and the one behind it.
        GOFARM_ASSIGN_OR_RETURN(const ByteBudget::Hold hold, rpc_.budget.Take(2 * kArchivePieceBytes));
        for (bool first = true;; first = false) {
          GOFARM_ASSIGN_OR_RETURN(std::string bytes, reader->Read(kArchivePieceBytes));
          if (bytes.empty() && !first) return absl::OkStatus();
          v1::ArchivePiece piece;
          if (first) piece.set_total_size(reader->size());
          piece.set_data(std::move(bytes));
          GOFARM_RETURN_IF_ERROR(stream.Write(std::move(piece)));
        }
      });
}

absl::Status WorkerRpc::TakeReport(const Scope& scope, const PeerIdentity& peer, grpc::ByteBuffer raw,
                                   grpc::ByteBuffer& reply) {
  service::AttemptService& attempts = rpc_.parts.attempts;
  const LeadingNumbers numbers = ReadLeadingNumbers(raw);
  const domain::RunningRef attempt{.token = AttemptToken{numbers.first}, .job = JobId{numbers.second}};
  v1::CompleteReply answer;
  const auto end = [&](const domain::CompleteResult& result) {
    answer.set_job_state(static_cast<v1::JobState>(result.job_state));
    reply = ToWire(answer);
    return absl::OkStatus();
  };
  // Who may not report, and who did before, makes no work.
  GOFARM_ASSIGN_OR_RETURN(const std::optional<domain::CompleteResult> before,
                          attempts.FirstAnswer(scope, peer, attempt));
  if (before) return end(*before);
  const absl::StatusOr<size_t> bytes = MeasureWire(*v1::CompleteRequest::descriptor(), raw);
  if (!bytes.ok()) return attempts.Refuse(scope, attempt, bytes.status());
  // Of the message, and of what is made of it.
  GOFARM_ASSIGN_OR_RETURN(const ByteBudget::Hold hold, rpc_.budget.Take(2 * *bytes));
  v1::CompleteRequest request;
  if (const absl::Status parsed = ParseWire(raw, request); !parsed.ok()) return attempts.Refuse(scope, attempt, parsed);
  GOFARM_ASSIGN_OR_RETURN(domain::CompletedAttempt report, FromComplete(request));
  request = v1::CompleteRequest();
  GOFARM_ASSIGN_OR_RETURN(const domain::CompleteResult result, attempts.Complete(scope, std::move(report)));
  return end(result);
}

}  // namespace gofarm::rpc
