// What a saboteur asks of its coordinator beside the session: logs, artifacts, completions.
#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/rpc/session_secret.h"
#include "tests/chaos/saboteur.h"

namespace gofarm::chaos {
namespace {

// Shorter than some pauses of the coordinator: then the same completion waits there several times.
constexpr absl::Duration kCallMax = absl::Seconds(4);
constexpr absl::Duration kAskAgainMin = absl::Milliseconds(30);
constexpr absl::Duration kAskAgainMax = absl::Milliseconds(500);
constexpr int kLogTries = 5;
constexpr int kUploadTries = 20;
constexpr int kCompleteTries = 60;
constexpr size_t kPiece = 64 << 10;

Reply ReplyOf(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::StatusCode::OK:
      return Reply::kTaken;
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::FAILED_PRECONDITION:
    case grpc::StatusCode::PERMISSION_DENIED:
    case grpc::StatusCode::UNAUTHENTICATED:
    case grpc::StatusCode::NOT_FOUND:
    case grpc::StatusCode::DATA_LOSS:
      return Reply::kRefused;
    default:
      return Reply::kNone;
  }
}

absl::Duration AskAgain(int tries) { return std::min(kAskAgainMax, kAskAgainMin * (1 << std::min(tries, 6))); }

}  // namespace

std::unique_ptr<grpc::ClientContext> Saboteur::Context(const std::string& secret) const {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(absl::ToChronoTime(absl::Now() + kCallMax));
  rpc::AttachSessionSecret(*context, secret);
  return context;
}

grpc::Status Saboteur::AppendOnce(Attempt& attempt, int64_t token) {
  const auto context = Context(attempt.given.secret);
  const auto stream = stub_->AppendLog(context.get());
  v1::LogChunk chunk;
  chunk.set_token(token);
  v1::LogAck ack;
  if (stream->Write(chunk) && stream->Read(&ack)) {
    const auto size = static_cast<int64_t>(attempt.log.size());
    chunk.set_offset(std::clamp<int64_t>(ack.stored_offset(), 0, size));
    chunk.set_data(attempt.log.substr(static_cast<size_t>(chunk.offset())));
    const absl::Time asked = absl::Now();
    if (stream->Write(chunk) && stream->Read(&ack) && ack.stored_offset() == size) {
      ledger_.Alive({.token = token, .job = attempt.job(), .asked = asked, .answered = absl::Now()});
      ledger_.Logged(token, attempt.log);
    }
  }
  stream->WritesDone();
  while (stream->Read(&ack)) {
  }
  return stream->Finish();
}

void Saboteur::WriteLog(Attempt& attempt) {
  for (int chunk = 0; chunk < attempt.plan.log_chunks; ++chunk) {
    attempt.log += Cat("build/install| attempt ", attempt.token(), ", line ", chunk, "\n");
    for (int tries = 0; tries < kLogTries; ++tries) {
      const Reply reply = ReplyOf(AppendOnce(attempt, attempt.token()));
      if (reply == Reply::kRefused) return;
      if (reply == Reply::kTaken || !Sleep(AskAgain(tries))) break;
    }
  }
}

grpc::Status Saboteur::UploadOnce(const Attempt& attempt, int64_t token, const std::string& sha256,
                                  const std::string& bytes, size_t stop_after) {
  const auto context = Context(attempt.given.secret);
  const auto stream = stub_->UploadBlob(context.get());
  v1::BlobChunk chunk;
  chunk.mutable_header()->set_token(token);
  chunk.mutable_header()->set_sha256(sha256);
  chunk.mutable_header()->set_size(static_cast<int64_t>(bytes.size()));
  v1::BlobAck ack;
  if (stream->Write(chunk) && stream->Read(&ack)) {
    const size_t end = std::min(bytes.size(), stop_after);
    for (size_t at = static_cast<size_t>(ack.offset()); !ack.complete() && at < end; at += kPiece) {
      chunk.set_data(bytes.substr(at, std::min(kPiece, end - at)));
      if (!stream->Write(chunk)) break;
    }
    if (stop_after < bytes.size() && attempt.plan.stubborn) context->TryCancel();
  }
  stream->WritesDone();
  while (stream->Read(&ack)) {
  }
  grpc::Status status = stream->Finish();
  if (status.ok() && !ack.complete()) return {grpc::StatusCode::UNAVAILABLE, "not complete"};
  return status;
}

bool Saboteur::Upload(const Attempt& attempt, const std::string& bytes) {
  const std::string sha256 = digest::Sha256Hex(bytes);
  for (int tries = 0; tries < kUploadTries; ++tries) {
    const grpc::Status status = UploadOnce(attempt, attempt.token(), sha256, bytes, std::string::npos);
    if (status.ok()) return true;
    // What a cut or another's wrong bytes left behind: the next one begins again.
    const bool again = ReplyOf(status) == Reply::kNone || status.error_code() == grpc::StatusCode::DATA_LOSS;
    if (!again || !Sleep(AskAgain(tries))) return false;
  }
  return false;
}

Reply Saboteur::CompleteOnce(const Attempt& attempt, int64_t token, int64_t job, const Tale& tale) {
  v1::CompleteRequest request;
  request.set_token(token);
  request.set_job_id(job);
  request.set_outcome(static_cast<v1::AttemptOutcome>(tale.story.outcome));
  request.set_failure_class(static_cast<v1::FailureClass>(tale.story.failure));
  if (tale.story.failure != FailureClass::kNone) request.set_failure_detail("sabotage");
  const std::string& module = attempt.given.offer.module();
  if (!tale.program.empty()) {
    v1::Executable& e = *request.add_executables();
    e.set_name(module.substr(module.rfind('/') + 1));
    e.set_import_path(module);
    e.set_size(static_cast<int64_t>(tale.program.size()));
    e.set_sha256(tale.story.sha256);
    e.set_blake3(digest::Blake3Hex(tale.program));
    e.set_main_version(attempt.given.offer.version());
    e.set_go_version("go1.26.8");
    e.set_build_info("path\tx\n");
    e.set_variant("install");
  }
  if (tale.story.outcome == AttemptOutcome::kPartial) {
    v1::FailedProgram& failed = *request.add_failed_programs();
    failed.set_import_path(Cat(module, "/other"));
    failed.set_name("other");
    failed.set_failure_class(request.failure_class());
    failed.set_failure_detail("sabotage");
  }
  ToldCompletion told{.token = token, .job = job, .worker = options_.name, .story = tale.story, .untrue = tale.untrue};
  v1::CompleteReply reply;
  told.asked = absl::Now();
  const grpc::Status status = stub_->Complete(Context(attempt.given.secret).get(), request, &reply);
  told.answered = absl::Now();
  told.reply = ReplyOf(status);
  told.job_state = static_cast<JobState>(reply.job_state());
  ledger_.Completed(told);
  ledger_.Count(
      Cat("completions answered ", absl::StatusCodeToString(static_cast<absl::StatusCode>(status.error_code()))));
  return told.reply;
}

Reply Saboteur::Complete(Attempt& attempt, const Tale& tale) {
  const absl::Time first = absl::Now();
  for (int tries = 0; tries < kCompleteTries; ++tries) {
    const Reply reply = CompleteOnce(attempt, attempt.token(), attempt.job(), tale);
    if (reply == Reply::kTaken && !std::exchange(attempt.life_told, true)) {
      // Whichever try was the one: the lease lived when the first began.
      ledger_.Alive({.token = attempt.token(), .job = attempt.job(), .asked = first, .answered = absl::Now()});
    }
    if (reply != Reply::kNone) return reply;
    if (StateOf(attempt.token()).dropped && !attempt.plan.stubborn) return reply;
    if (!Sleep(AskAgain(tries))) return reply;
  }
  ledger_.Count("completions given up");
  return Reply::kNone;
}

}  // namespace gofarm::chaos
