// The pump under every bidirectional stream: one read, at most one write in flight, a bounded queue of messages to
// send, an idle limit, and an end that is safe from any thread. gRPC may run a reaction inside StartRead, StartWrite or
// Finish, so none of these is called under the lock; `busy_` counts what still needs the stream and Finish waits until
// it is 0.
//
// A derived class gets Received on a gRPC thread, one message at a time, and must answer each with exactly one
// ReadNext, there or later, from any thread, also after Close (it reads no more then). An exception of Received ends
// the stream with INTERNAL and stands for its ReadNext.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/text.h"
#include "common/obs/log.h"
#include "common/rpc/grpc_status.h"
#include "coordinator/rpc/ticker.h"

namespace gofarm::rpc {

inline constexpr absl::Duration kCloseGrace = absl::Seconds(5);  // for the peer to take what is being written

template <typename In, typename Out>
class BidiStream : public grpc::ServerBidiReactor<In, Out>, public std::enable_shared_from_this<BidiStream<In, Out>> {
 public:
  struct Limits {
    size_t queue_max = 16;
    absl::Duration idle_max = absl::Minutes(2);  // without a message from the peer
  };

  BidiStream(grpc::CallbackServerContext* context, Ticker& ticker, Limits limits)
      : context_(context), ticker_(ticker), limits_(limits) {}

  // Once, after construction by make_shared. The stream owns itself until gRPC is done with it.
  void Start() {
    self_ = this->shared_from_this();
    WatchIdle();
    this->StartRead(&in_);
  }

  // Once, after Start: the stream ends, and its peer dials again, when `stop` is requested.
  void CloseOn(std::stop_token stop) {
    on_stop_.emplace(std::move(stop), [weak = this->weak_from_this()] {
      if (const auto self = weak.lock()) self->Close(absl::UnavailableError("the coordinator stops; dial again"));
    });
  }

  // False: the stream ends or just ended because the peer reads too slowly; the message is gone.
  bool Send(Out message) {
    bool full = false;
    {
      absl::MutexLock lock(&mutex_);
      if (closing_) return false;
      if (queue_.size() >= limits_.queue_max) {
        full = true;
      } else {
        queue_.push_back(std::move(message));
        if (writing_) return true;
        TakeNext();
      }
    }
    if (full) {
      Close(absl::ResourceExhaustedError(
                Cat("the peer left ", limits_.queue_max, " messages unread; this stream ends, dial again")),
            /*at_once=*/true);
      return false;
    }
    this->StartWrite(&out_);
    return true;
  }

  // Ends the stream, once; later calls change nothing. What waits in the queue is sent first when the status is OK and
  // thrown away otherwise. `at_once`: the peer does not read, do not wait for it.
  void Close(const absl::Status& status, bool at_once = false) {
    bool cancel = false;
    bool finish = false;
    {
      absl::MutexLock lock(&mutex_);
      if (closing_) return;
      closing_ = true;
      status_ = ToGrpc(status);
      if (!status.ok()) queue_.clear();
      if (writing_ && at_once) {
        cancel = true;
        ++busy_;
      }
      finish = TakeFinish();
    }
    if (cancel) {
      context_->TryCancel();
      Unbusy();
    } else if (!finish) {
      ticker_.After(kCloseGrace, [weak = this->weak_from_this()] {
        if (const auto self = weak.lock()) self->CancelIfOpen();
      });
    }
    if (finish) this->Finish(status_);
  }

  bool closing() const {
    absl::MutexLock lock(&mutex_);
    return closing_;
  }

 protected:
  virtual void Received(const In& message) = 0;
  // The peer sends no more. It may still read.
  virtual void PeerEnded() { Close(absl::OkStatus()); }
  // Last of all, once.
  virtual void Gone() {}

  void ReadNext() {
    bool read;
    {
      absl::MutexLock lock(&mutex_);
      read = !closing_;
    }
    if (read) this->StartRead(&in_);
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
    if (finish) this->Finish(status_);
  }

  grpc::CallbackServerContext* context() { return context_; }

 private:
  void TakeNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    out_ = std::move(queue_.front());
    queue_.pop_front();
    writing_ = true;
    ++busy_;
  }
  bool TakeFinish() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (!closing_ || busy_ > 0 || finished_) return false;
    return finished_ = true;
  }

  void OnReadDone(bool ok) final {
    if (!ok) {
      if (!closing()) PeerEnded();
      return;
    }
    {
      absl::MutexLock lock(&mutex_);
      last_heard_ = absl::Now();
      ++busy_;  // until ReadNext
    }
    if (closing()) return Unbusy();
    try {
      Received(in_);
    } catch (const std::exception& e) {
      obs::Error("stream_threw", {{"what", e.what()}});
      Close(absl::InternalError("internal error of the coordinator; see its log"));
      Unbusy();
    }
  }

  void OnWriteDone(bool ok) final {
    bool next = false;
    bool finish = false;
    {
      absl::MutexLock lock(&mutex_);
      writing_ = false;
      --busy_;
      if (!ok) {
        queue_.clear();
        if (!closing_) {
          closing_ = true;
          status_ = grpc::Status(grpc::StatusCode::CANCELLED, "the peer is gone");
        }
      }
      if (!queue_.empty()) {
        TakeNext();
        next = true;
      } else {
        finish = TakeFinish();
      }
    }
    if (next) this->StartWrite(&out_);
    if (finish) this->Finish(status_);
  }

  void OnCancel() final { Close(absl::CancelledError("the peer is gone")); }

  void OnDone() final {
    ticker_.Drop(idle_timer_.exchange(0));
    Gone();
    const auto self = std::move(self_);  // may be the last one
  }

  void CancelIfOpen() {
    {
      absl::MutexLock lock(&mutex_);
      if (finished_) return;
      ++busy_;
    }
    context_->TryCancel();
    Unbusy();
  }

  void WatchIdle() {
    absl::Duration rest;
    {
      absl::MutexLock lock(&mutex_);
      if (closing_) return;
      rest = last_heard_ + limits_.idle_max - absl::Now();
    }
    if (rest <= absl::ZeroDuration()) {
      return Close(absl::DeadlineExceededError(
          Cat("nothing was heard for ", absl::ToInt64Seconds(limits_.idle_max), " s; this stream ends, dial again")));
    }
    idle_timer_ = ticker_.After(rest, [weak = this->weak_from_this()] {
      if (const auto self = weak.lock()) self->WatchIdle();
    });
  }

  grpc::CallbackServerContext* const context_;
  Ticker& ticker_;
  const Limits limits_;
  In in_;
  Out out_;
  std::atomic<int64_t> idle_timer_{0};
  std::shared_ptr<BidiStream> self_;
  std::optional<std::stop_callback<std::function<void()>>> on_stop_;

  mutable absl::Mutex mutex_;
  std::deque<Out> queue_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  int busy_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time last_heard_ ABSL_GUARDED_BY(mutex_) = absl::Now();
  grpc::Status status_;  // written once, when closing_ becomes true, before anybody reads it
};

}  // namespace gofarm::rpc
