// All open worker sessions by the number of their stream: the dispatcher's way to them. Thread-safe; nothing is sent
// while the lock is held.
#pragma once

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "coordinator/service/dispatch_loop.h"

namespace gofarm::rpc {

class SessionStream {
 public:
  virtual ~SessionStream() = default;
  virtual void SendMessage(int64_t epoch, const dispatch::SessionMessage& message) = 0;
  virtual void CloseWith(const absl::Status& why) = 0;
};

class SessionStreams final : public service::SessionSink {
 public:
  void Send(dispatch::StreamId stream, int64_t epoch, dispatch::SessionMessage message) override;
  void Close(dispatch::StreamId stream, const absl::Status& why) override;

  void Add(dispatch::StreamId id, std::shared_ptr<SessionStream> stream);
  void Remove(dispatch::StreamId id);

 private:
  std::shared_ptr<SessionStream> Find(dispatch::StreamId id) const;

  mutable absl::Mutex mutex_;
  absl::flat_hash_map<dispatch::StreamId, std::shared_ptr<SessionStream>> streams_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gofarm::rpc
