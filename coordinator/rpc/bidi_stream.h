// A stream both ways: at most one write in flight and a bounded queue of messages to send, on top of reading_stream.h.
#pragma once

#include <deque>
#include <utility>

#include "coordinator/rpc/reading_stream.h"

namespace gofarm::rpc {

using ByteReactor = grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>;

template <typename In, typename Out>
class BidiStream : public ReadingStream<ByteReactor, In> {
  using Base = ReadingStream<ByteReactor, In>;

 public:
  struct Limits {
    size_t queue_max = 16;
    absl::Duration idle_max = absl::Minutes(2);  // without a message from the peer
  };

  BidiStream(Call call, Limits limits) : Base(std::move(call), limits.idle_max), queue_max_(limits.queue_max) {}

  // False: the stream ends or just ended because the peer reads too slowly; the message is gone.
  bool Send(Out message) {
    bool full = false;
    {
      absl::MutexLock lock(&this->mutex_);
      if (this->closing_) return false;
      if (queue_.size() >= queue_max_) {
        full = true;
      } else {
        queue_.push_back(std::move(message));
        if (writing_) return true;
        TakeNext();
      }
    }
    if (full) {
      this->Close(absl::ResourceExhaustedError(
                      Cat("the peer left ", queue_max_, " messages unread; this stream ends, dial again")),
                  /*at_once=*/true);
      return false;
    }
    this->StartWrite(&out_);
    return true;
  }

 private:
  // What waits in the queue is sent first when the end is OK and thrown away otherwise.
  bool StillWrites(bool ok) final ABSL_EXCLUSIVE_LOCKS_REQUIRED(this->mutex_) {
    if (!ok) queue_.clear();
    return writing_;
  }

  void TakeNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(this->mutex_) {
    out_ = ToWire(queue_.front());
    queue_.pop_front();
    writing_ = true;
    ++this->busy_;
  }

  void OnWriteDone(bool ok) final {
    bool next = false;
    bool finish = false;
    {
      absl::MutexLock lock(&this->mutex_);
      writing_ = false;
      --this->busy_;
      if (!ok) {
        queue_.clear();
        if (!this->closing_) {
          this->closing_ = true;
          this->status_ = absl::CancelledError("the peer is gone");
        }
      }
      if (!queue_.empty()) {
        TakeNext();
        next = true;
      } else {
        finish = this->TakeFinish();
      }
    }
    if (next) this->StartWrite(&out_);
    if (finish) this->Finish(ToGrpc(this->status_));
  }

  const size_t queue_max_;
  grpc::ByteBuffer out_;
  std::deque<Out> queue_ ABSL_GUARDED_BY(this->mutex_);
  bool writing_ ABSL_GUARDED_BY(this->mutex_) = false;
};

}  // namespace gofarm::rpc
