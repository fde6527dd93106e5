// What every stream that a client writes to has in common: one read at a time, an idle limit, and an end that is safe
// from any thread. gRPC may run a reaction inside StartRead, StartWrite or Finish, so none of these is called under the
// lock; `busy_` counts what still needs the stream, and Finish waits until it is 0.
//
// `Reactor` is gRPC's ServerReadReactor or ServerBidiReactor of bytes: a message is measured, and memory for it is
// taken from the budget, before it is parsed; it is given back with ReadNext. A derived class gets Received on a gRPC
// thread, one message at a time, and must answer each with exactly one ReadNext, there or later, from any thread, also
// after Close (it reads no more then). An exception of Received ends the stream with INTERNAL and stands for its
// ReadNext.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/rpc/grpc_status.h"
#include "coordinator/rpc/byte_budget.h"
#include "coordinator/rpc/call.h"
#include "coordinator/rpc/wire_form.h"

namespace gofarm::rpc {

inline constexpr absl::Duration kCloseGrace = absl::Seconds(5);  // for the peer to take what is being written

template <typename Reactor, typename In>
class ReadingStream : public Reactor, public std::enable_shared_from_this<ReadingStream<Reactor, In>> {
 public:
  // `idle_max`: without a message from the peer.
  ReadingStream(Call call, absl::Duration idle_max) : call_(std::move(call)), idle_max_(idle_max) {}

  // Once, after construction by make_shared. The stream owns itself until gRPC is done with it. It ends, and its peer
  // dials again, when the server stops.
  void Start() {
    self_ = this->shared_from_this();
    absl::Status begun = call_.admitted();
    if (begun.ok()) begun = Open();
    if (!begun.ok()) return Close(begun);
    Busy();  // until ReadNext, so that none of what follows finishes the call before
    on_stop_.emplace(call_.rpc().stop.get_token(), [weak = this->weak_from_this()] {
      if (const auto self = weak.lock()) self->Close(StoppingStatus());
    });
    WatchIdle();
    ReadNext();
  }

  // Ends the stream, once; later calls change nothing, nor do calls after Claim. `at_once`: the peer does not read, do
  // not wait for it.
  void Close(const absl::Status& status, bool at_once = false) {
    bool cancel = false;
    bool finish = false;
    {
      absl::MutexLock lock(&mutex_);
      if (closing_ || claimed_) return;
      closing_ = true;
      status_ = status;
      cancel = StillWrites(status.ok()) && at_once;
      if (cancel) ++busy_;
      finish = TakeFinish();
    }
    if (cancel) {
      call_.context()->TryCancel();
      Unbusy();
    } else if (!finish) {
      call_.rpc().ticker.After(kCloseGrace, [weak = this->weak_from_this()] {
        if (const auto self = weak.lock()) self->CancelIfOpen();
      });
    }
    if (finish) this->Finish(ToGrpc(status_));
  }

  bool closing() const {
    absl::MutexLock lock(&mutex_);
    return closing_;
  }

  const Call& call() const { return call_; }

 protected:
  // Before the first read, of a call that is admitted. Not OK: it ends with that.
  virtual absl::Status Open() { return absl::OkStatus(); }
  virtual void Received(const In& message) = 0;
  // The peer sends no more. It may still read.
  virtual void PeerEnded() { Close(absl::OkStatus()); }
  // Last of all, once, also when Open was never called.
  virtual void Gone() {}
  // The stream ends; `ok`: what was sent may still go out. True: a write is under way.
  virtual bool StillWrites(bool /*ok*/) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return false; }

  void ReadNext() {
    if (large_) In().Swap(&in_);  // a message that is cleared keeps its memory
    large_ = false;
    hold_.Release();
    if (!closing()) this->StartRead(&raw_);
    Unbusy();
  }

  // For work on other threads that will Send or Close: keeps the stream from ending before Unbusy.
  void Busy() {
    absl::MutexLock lock(&mutex_);
    ++busy_;
  }
  void Unbusy() {
    bool finish;
    {
      absl::MutexLock lock(&mutex_);
      --busy_;
      finish = TakeFinish();
    }
    if (finish) this->Finish(ToGrpc(status_));
  }

  // From now on Conclude ends the stream, once, and nothing else does: the peer's end or a stop changes nothing. False:
  // it ends already.
  bool Claim() {
    absl::MutexLock lock(&mutex_);
    if (closing_ || claimed_) return false;
    claimed_ = true;
    ++busy_;
    return true;
  }
  void Conclude(const absl::Status& status) {
    {
      absl::MutexLock lock(&mutex_);
      closing_ = true;
      status_ = status;
    }
    Unbusy();
  }

  bool TakeFinish() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (!closing_ || busy_ > 0 || finished_) return false;
    return finished_ = true;
  }

  mutable absl::Mutex mutex_;
  int busy_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status status_;  // written once, with closing_, before anybody reads it

 private:
  void OnReadDone(bool ok) final {
    if (!ok) {
      if (!closing()) PeerEnded();
      return;
    }
    {
      absl::MutexLock lock(&mutex_);
      last_heard_ = SteadyNow();
      ++busy_;  // until ReadNext
    }
    if (closing()) return Unbusy();
    if (const absl::Status taken = TakeIn(); !taken.ok()) {
      Close(taken);
      return ReadNext();
    }
    try {
      Received(in_);
    } catch (const std::exception& e) {
      Close(ThrewStatus(call_.method(), e));
      Unbusy();
    }
  }

  // Makes in_ of raw_.
  absl::Status TakeIn() {
    GOFARM_ASSIGN_OR_RETURN(const size_t bytes, MeasureWire(*In::descriptor(), raw_));
    GOFARM_ASSIGN_OR_RETURN(hold_, call_.rpc().budget.Take(bytes));
    large_ = bytes > kSmallMessageBytes;
    return ParseWire(raw_, in_);
  }

  void OnCancel() final { Close(absl::CancelledError("the peer is gone")); }

  void OnDone() final {
    call_.rpc().ticker.Drop(idle_timer_.exchange(0));
    Gone();
    call_.CountDone(status_);
    const auto self = std::move(self_);  // may be the last one
  }

  void CancelIfOpen() {
    {
      absl::MutexLock lock(&mutex_);
      if (finished_) return;
      ++busy_;
    }
    call_.context()->TryCancel();
    Unbusy();
  }

  void WatchIdle() {
    absl::Duration rest;
    {
      absl::MutexLock lock(&mutex_);
      if (closing_ || claimed_) return;
      rest = last_heard_ + idle_max_ - SteadyNow();
    }
    if (rest <= absl::ZeroDuration()) {
      return Close(absl::DeadlineExceededError(
          Cat("nothing was heard for ", absl::ToInt64Seconds(idle_max_), " s; this stream ends, dial again")));
    }
    idle_timer_ = call_.rpc().ticker.After(rest, [weak = this->weak_from_this()] {
      if (const auto self = weak.lock()) self->WatchIdle();
    });
  }

  const Call call_;
  const absl::Duration idle_max_;
  // Of the message in work: touched by whoever handles it, up to ReadNext.
  grpc::ByteBuffer raw_;
  In in_;
  bool large_ = false;
  ByteBudget::Hold hold_;
  std::atomic<int64_t> idle_timer_{0};
  std::shared_ptr<ReadingStream> self_;
  std::optional<std::stop_callback<std::function<void()>>> on_stop_;
  bool claimed_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time last_heard_ ABSL_GUARDED_BY(mutex_) = SteadyNow();
};

}  // namespace gofarm::rpc
