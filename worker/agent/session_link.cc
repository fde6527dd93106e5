#include "worker/agent/session_link.h"

#include <gofarm/v1/worker.grpc.pb.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <utility>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/rpc/deadline.h"
#include "common/rpc/grpc_status.h"
#include "common/rpc/session_secret.h"
#include "common/sync/wait.h"

namespace gofarm::agent {
namespace {

constexpr absl::Duration kConnectStep = absl::Milliseconds(200);  // how soon a hang-up during the dial is seen

}  // namespace

struct SessionLink::Stream {
  std::unique_ptr<v1::Worker::Stub> stub;
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReaderWriter<v1::WorkerMessage, v1::CoordinatorMessage>> calls;
};

SessionLink::SessionLink(std::shared_ptr<grpc::Channel> channel, std::string secret, absl::Duration after,
                         LinkCallbacks callbacks)
    : channel_(std::move(channel)),
      secret_(std::move(secret)),
      after_(after),
      callbacks_(std::move(callbacks)),
      thread_([this] { Run(); }) {}

SessionLink::~SessionLink() {
  Hangup("the worker no longer needs it");
  thread_.join();
}

void SessionLink::Send(const v1::WorkerMessage& message) {
  {
    absl::MutexLock lock(&mutex_);
    if (!open_ || closing_ || hung_up_) return;
    if (outgoing_.size() < kOutgoingMax) {
      outgoing_.push_back(std::make_unique<v1::WorkerMessage>(message));
      return;
    }
  }
  Hangup(Cat("the coordinator did not read ", kOutgoingMax, " messages"));
}

void SessionLink::Hangup(const std::string& why) {
  absl::MutexLock lock(&mutex_);
  if (hung_up_) return;
  hung_up_ = true;
  hangup_ = why;
  if (stream_ != nullptr) stream_->context.TryCancel();
}

void SessionLink::Close(absl::Duration limit) {
  {
    absl::MutexLock lock(&mutex_);
    closing_ = true;
    if (open_) sync::AwaitFor(mutex_, absl::Condition(&read_ended_), limit);
  }
  Hangup("the worker ends");
}

absl::Status SessionLink::Dial() {
  absl::MutexLock lock(&mutex_);
  sync::AwaitFor(mutex_, absl::Condition(&hung_up_), after_);
  const absl::Time give_up = SteadyNow() + kConnectTimeout;
  while (!hung_up_) {
    mutex_.Unlock();
    const bool connected = rpc::AwaitConnected(channel_, std::min(give_up, SteadyNow() + kConnectStep));
    mutex_.Lock();
    if (hung_up_) break;
    if (connected) {
      stream_ = std::make_unique<Stream>();
      stream_->stub = v1::Worker::NewStub(channel_);
      rpc::AttachSessionSecret(stream_->context, secret_);
      stream_->calls = stream_->stub->Session(&stream_->context);
      open_ = true;
      return absl::OkStatus();
    }
    if (SteadyNow() >= give_up) return absl::UnavailableError("the coordinator does not answer");
  }
  return absl::CancelledError(hangup_);
}

void SessionLink::Run() {
  absl::Status status = Dial();
  if (status.ok()) {
    callbacks_.connected();
    std::thread writer([this] { Write(); });
    Stream* stream = nullptr;
    {
      absl::MutexLock lock(&mutex_);
      stream = stream_.get();
    }
    v1::CoordinatorMessage message;
    while (stream->calls->Read(&message)) callbacks_.message(message);
    {
      absl::MutexLock lock(&mutex_);
      read_ended_ = true;
      open_ = false;
    }
    writer.join();
    status = rpc::FromGrpc(stream->calls->Finish());
    absl::MutexLock lock(&mutex_);
    if (hung_up_) status = absl::CancelledError(hangup_);
  }
  callbacks_.disconnected(status);
}

bool SessionLink::HasOutgoingOrEnds() const { return read_ended_ || hung_up_ || closing_ || !outgoing_.empty(); }

void SessionLink::Write() {
  while (true) {
    std::unique_ptr<v1::WorkerMessage> message;
    Stream* stream = nullptr;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &SessionLink::HasOutgoingOrEnds));
      if (read_ended_ || hung_up_) return;
      stream = stream_.get();
      if (!outgoing_.empty()) {
        message = std::move(outgoing_.front());
        outgoing_.pop_front();
      }
    }
    if (message == nullptr) {  // closing, and all is sent
      stream->calls->WritesDone();
      return;
    }
    // A broken stream also ends the reader, which reports it.
    if (!stream->calls->Write(*message)) return;
  }
}

}  // namespace gofarm::agent
