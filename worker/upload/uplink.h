// Which coordinator uploads and completions go to now, and the session's secret that they carry: the agent sets them
// when it dials and is welcomed, everyone else reads them for each try. Thread-safe.
#pragma once

#include <memory>
#include <string>
#include <utility>

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
  void SetSecret(std::string secret) {
    absl::MutexLock lock(&mutex_);
    secret_ = std::move(secret);
  }
  // Empty before the first Welcome.
  std::string secret() const {
    absl::MutexLock lock(&mutex_);
    return secret_;
  }

 private:
  mutable absl::Mutex mutex_;
  std::shared_ptr<grpc::Channel> channel_ ABSL_GUARDED_BY(mutex_);
  std::string secret_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gofarm::upload
