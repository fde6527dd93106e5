#include "coordinator/rpc/session_streams.h"

#include <utility>

namespace gofarm::rpc {

std::shared_ptr<SessionStream> SessionStreams::Find(dispatch::StreamId id) const {
  absl::MutexLock lock(&mutex_);
  const auto it = streams_.find(id);
  return it == streams_.end() ? nullptr : it->second;
}

void SessionStreams::Send(dispatch::StreamId stream, int64_t epoch, dispatch::SessionMessage message) {
  if (const std::shared_ptr<SessionStream> found = Find(stream)) found->SendMessage(epoch, message);
}

void SessionStreams::Close(dispatch::StreamId stream, const absl::Status& why) {
  if (const std::shared_ptr<SessionStream> found = Find(stream)) found->CloseWith(why);
}

void SessionStreams::Add(dispatch::StreamId id, std::shared_ptr<SessionStream> stream) {
  absl::MutexLock lock(&mutex_);
  streams_[id] = std::move(stream);
}

void SessionStreams::Remove(dispatch::StreamId id) {
  std::shared_ptr<SessionStream> removed;  // declared first: it dies after the lock is free again
  absl::MutexLock lock(&mutex_);
  if (const auto it = streams_.find(id); it != streams_.end()) {
    removed = std::move(it->second);
    streams_.erase(it);
  }
}

}  // namespace gofarm::rpc
