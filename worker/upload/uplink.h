// Which coordinator uploads and completions go to now: the agent sets it when it dials, everyone else reads it for each
// try. Thread-safe.
#pragma once

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace grpc {
class Channel;
}

namespace gofarm::upload {

class Uplink {
 public:
  void Set(std::shared_ptr<grpc::Channel> channel) {
    absl::MutexLock lock(&mutex_);
    channel_ = std::move(channel);
  }
  // Null before the first dial.
  std::shared_ptr<grpc::Channel> channel() const {
    absl::MutexLock lock(&mutex_);
    return channel_;
  }

 private:
  mutable absl::Mutex mutex_;
  std::shared_ptr<grpc::Channel> channel_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gofarm::upload
