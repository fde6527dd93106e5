#include "worker/upload/log_uploader.h"

#include <gofarm/v1/worker.grpc.pb.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <utility>

#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/obs/log.h"
#include "common/rpc/deadline.h"
#include "common/rpc/grpc_status.h"
#include "common/rpc/session_secret.h"
#include "common/sync/wait.h"
#include "worker/upload/finish_stream.h"

namespace gofarm::upload {
namespace {

constexpr absl::Duration kPoll = absl::Milliseconds(200);  // how soon a stop of a waiting scope is seen

double Chance() {
  thread_local std::minstd_rand random{std::random_device{}()};
  return std::uniform_real_distribution<double>(0.0, 1.0)(random);
}

}  // namespace

LogUploader::LogUploader(const Uplink& uplink, AttemptToken token, const LogSpool& spool,
                         std::function<void()> on_stale)
    : uplink_(uplink), token_(token), spool_(spool), on_stale_(std::move(on_stale)), thread_([this] { Run(); }) {}

LogUploader::~LogUploader() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    if (context_ != nullptr) context_->TryCancel();
  }
  thread_.join();
}

void LogUploader::Wake() {
  // A waiting condition is looked at again when the lock is released.
  absl::MutexLock lock(&mutex_);
}

bool LogUploader::HasWorkOrStops() const { return stopping_ || acknowledged_ < spool_.size(); }

bool LogUploader::IsFlushed() const {
  return stale_ || stopping_ || (spool_.closed() && acknowledged_ >= spool_.size());
}

absl::Status LogUploader::Flush(const Scope& scope) {
  absl::MutexLock lock(&mutex_);
  while (true) {
    sync::AwaitUntil(mutex_, absl::Condition(this, &LogUploader::IsFlushed),
                     std::min(scope.deadline, SteadyNow() + kPoll));
    if (stale_) return absl::FailedPreconditionError("the attempt is no longer this worker's");
    if (stopping_) return absl::CancelledError("the log is no longer sent");
    if (IsFlushed()) return absl::OkStatus();
    if (const absl::Status over = scope.Check(); !over.ok()) {
      // A stream that hangs is given up, so that the next try begins with a new one.
      if (context_ != nullptr) context_->TryCancel();
      return Annotate(over, Cat("send the log of attempt ", token_.value, " (", acknowledged_, " of ", spool_.size(),
                                " bytes are stored; ", last_error_.ToString(), ")"));
    }
  }
}

void LogUploader::Run() {
  int failures = 0;
  while (true) {
    int64_t before = 0;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &LogUploader::HasWorkOrStops));
      if (stopping_) return;
      before = acknowledged_;
    }
    grpc::ClientContext context;
    const rpc::CallDeadline deadline(context, SteadyNow() + kLogStreamMax);
    const absl::Status status = Stream(context);
    absl::MutexLock lock(&mutex_);
    context_ = nullptr;
    if (stopping_) return;
    last_error_ = status;
    if (absl::IsFailedPrecondition(status)) {
      stale_ = true;
      break;
    }
    if (acknowledged_ > before) failures = 0;
    if (status.ok()) continue;
    const absl::Duration delay = BackoffDelay(kUploadBackoff, ++failures, Chance());
    if (failures == 3 || failures % 16 == 0) {  // the first is often only an Accept on its way
      obs::Warn("log_upload_interrupted", {{"token", Cat(token_.value)}, {"error", status.ToString()}});
    }
    sync::AwaitFor(mutex_, absl::Condition(&stopping_), delay);
  }
  on_stale_();
}

absl::Status LogUploader::Stream(grpc::ClientContext& context) {
  const std::shared_ptr<grpc::Channel> channel = uplink_.channel();
  if (channel == nullptr) return absl::UnavailableError("no coordinator was dialled yet");
  {
    absl::MutexLock lock(&mutex_);
    if (stopping_) return absl::CancelledError("stopped");
    context_ = &context;
  }
  rpc::AttachSessionSecret(context, uplink_.secret());
  const auto stub = v1::Worker::NewStub(channel);
  const auto stream = stub->AppendLog(&context);
  const auto finish = [&stream] { return FinishBroken<v1::LogAck>(*stream, "log"); };
  v1::LogChunk chunk;
  v1::LogAck ack;
  chunk.set_token(token_.value);
  if (!stream->Write(chunk) || !stream->Read(&ack)) return finish();
  int64_t sent = ack.stored_offset();
  {
    absl::MutexLock lock(&mutex_);
    acknowledged_ = sent;
  }
  while (true) {
    int64_t acknowledged = 0;
    {
      absl::MutexLock lock(&mutex_);
      if (acknowledged_ >= spool_.size() &&
          !sync::AwaitFor(mutex_, absl::Condition(this, &LogUploader::HasWorkOrStops), kLogStreamIdle)) {
        break;  // nothing to say for long: the next line opens a new stream
      }
      if (stopping_) return absl::CancelledError("stopped");
      acknowledged = acknowledged_;
    }
    if (sent < spool_.size() && sent - acknowledged < kLogWindowBytes) {
      GOFARM_ASSIGN_OR_RETURN(std::string data, spool_.Read(sent, kLogChunkBytes));
      chunk.set_offset(sent);
      sent += static_cast<int64_t>(data.size());
      chunk.set_data(std::move(data));
      if (!stream->Write(chunk)) return finish();
      continue;
    }
    if (!stream->Read(&ack)) return finish();
    absl::MutexLock lock(&mutex_);
    acknowledged_ = std::max(acknowledged_, ack.stored_offset());
  }
  stream->WritesDone();
  for (; stream->Read(&ack);) {
  }
  return rpc::FromGrpc(stream->Finish());
}

}  // namespace gofarm::upload
