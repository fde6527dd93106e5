// Sends the bytes of a LogSpool to the coordinator while the build runs, from a thread of its own. It goes on at the
// offset the coordinator has stored, also after reconnects and restarts on either side, and tries again with backoff
// until it is stopped or the coordinator says that the attempt is no longer this worker's.
//
// Thread-safe. The spool and the uplink must outlive it.
#pragma once

#include <cstdint>
#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "common/base/backoff.h"
#include "common/base/ids.h"
#include "common/base/scope.h"
#include "worker/upload/log_spool.h"
#include "worker/upload/uplink.h"

namespace grpc {
class ClientContext;
}

namespace gofarm::upload {

inline constexpr size_t kLogChunkBytes = 128 << 10;
inline constexpr int64_t kLogWindowBytes = 4 << 20;  // sent and not yet acknowledged
inline constexpr absl::Duration kLogStreamIdle = absl::Seconds(20);
inline constexpr absl::Duration kLogStreamMax = absl::Minutes(10);  // a longer stream is opened again
inline constexpr BackoffPolicy kUploadBackoff = {absl::Milliseconds(200), absl::Seconds(5), 2.0};

class LogUploader {
 public:
  // `on_stale` is called once, from the uploader's thread, when the token is no longer the job's.
  LogUploader(const Uplink& uplink, AttemptToken token, const LogSpool& spool, std::function<void()> on_stale);
  ~LogUploader();  // stops sending and joins
  LogUploader(const LogUploader&) = delete;
  LogUploader& operator=(const LogUploader&) = delete;

  // There are new bytes.
  void Wake();
  // Waits until all bytes of the closed spool are stored. FAILED_PRECONDITION: the token is stale. DEADLINE_EXCEEDED
  // and CANCELLED by the scope, with the last error of the stream.
  absl::Status Flush(const Scope& scope);

 private:
  void Run();
  absl::Status Stream(grpc::ClientContext& context);
  bool HasWorkOrStops() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsFlushed() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Uplink& uplink_;
  const AttemptToken token_;
  const LogSpool& spool_;
  const std::function<void()> on_stale_;

  mutable absl::Mutex mutex_;
  int64_t acknowledged_ ABSL_GUARDED_BY(mutex_) = -1;  // -1: the coordinator was not asked yet
  bool stale_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mutex_) = nullptr;  // of the open stream
  absl::Status last_error_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace gofarm::upload
