// A server stream whose body is a plain function that blocks: it runs on a pool or a thread of its own, writes messages
// one after the other and returns the status of the call. A peer that does not read, or is gone, makes Write fail.
#pragma once

#include <grpcpp/grpcpp.h>

#include <exception>
#include <functional>
#include <stop_token>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/scope.h"
#include "common/rpc/grpc_status.h"
#include "common/sync/wait.h"
#include "coordinator/rpc/call.h"

namespace gofarm::rpc {

inline constexpr absl::Duration kWriteMax = absl::Seconds(60);  // for a peer to take one message

template <typename Out>
class WriteStream final : public grpc::ServerWriteReactor<Out> {
 public:
  using Body = std::function<absl::Status(WriteStream&, const Scope&)>;

  // Run or Refuse must be called once; it deletes itself when gRPC is done with it. The body's scope is cancelled when
  // the peer is gone and when the server stops.
  WriteStream(Call call, absl::Duration longest, Body body)
      : call_(std::move(call)), scope_(call_.ScopeFor(longest)), body_(std::move(body)) {
    scope_.stop = stop_.get_token();
  }

  void Run() {
    absl::Status status;
    try {
      const std::stop_callback on_stop(call_.rpc().stop.get_token(), [this] { stop_.request_stop(); });
      status = body_(*this, scope_);
    } catch (const std::exception& e) {
      status = ThrewStatus(call_.method(), e);
    }
    body_ = nullptr;
    // Clients dial again after UNAVAILABLE.
    if (absl::IsCancelled(status) && call_.rpc().stop.stop_requested()) status = StoppingStatus();
    if (absl::Status last = AwaitWrite(); status.ok()) status = last;
    End(status);
  }
  void Refuse(const absl::Status& status) { End(status); }

  // Waits until the message before this one was taken. CANCELLED, DEADLINE_EXCEEDED: end the body.
  absl::Status Write(Out message) {
    if (absl::Status s = AwaitWrite(); !s.ok()) return s;
    if (absl::Status s = scope_.Check(); !s.ok()) return s;
    out_ = std::move(message);
    {
      absl::MutexLock lock(&mutex_);
      writing_ = true;
    }
    this->StartWrite(&out_);
    return absl::OkStatus();
  }

 private:
  void End(const absl::Status& status) {
    status_ = status;
    this->Finish(ToGrpc(status));  // this may be gone now
  }

  absl::Status AwaitWrite() {
    {
      absl::MutexLock lock(&mutex_);
      const auto written = absl::Condition(
          +[](WriteStream* self) ABSL_EXCLUSIVE_LOCKS_REQUIRED(self->mutex_) { return !self->writing_; }, this);
      if (sync::AwaitFor(mutex_, written, kWriteMax)) {
        return failed_ ? absl::CancelledError("the peer is gone") : absl::OkStatus();
      }
    }
    call_.context()->TryCancel();
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(
        +[](WriteStream* self) ABSL_EXCLUSIVE_LOCKS_REQUIRED(self->mutex_) { return !self->writing_; }, this));
    return absl::DeadlineExceededError("the peer did not take a message in time");
  }

  void OnWriteDone(bool ok) override {
    absl::MutexLock lock(&mutex_);
    writing_ = false;
    failed_ |= !ok;
  }
  void OnCancel() override { stop_.request_stop(); }
  void OnDone() override {
    call_.CountDone(status_);
    delete this;
  }

  const Call call_;
  std::stop_source stop_;
  Scope scope_;
  Body body_;
  absl::Status status_;  // written once, before Finish
  Out out_;
  absl::Mutex mutex_;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool failed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace gofarm::rpc
