// What all connections of one HTTP listener share. For http_server.cc and connection.h alone.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/http/http_server.h"
#include "common/http/router.h"
#include "common/sync/bounded_pool.h"

namespace gofarm::http {

// What a new connection may take the place of.
class Waiting {
 public:
  virtual ~Waiting() = default;
  // For a new connection, unless a request came meanwhile.
  virtual void GiveWay() = 0;
};

// Connections that wait for a request, or for the rest of one, the longest-waiting first. Thread-safe.
class Idle {
 public:
  // Its place, for Leave.
  int64_t Enter(std::weak_ptr<Waiting> connection) ABSL_LOCKS_EXCLUDED(mutex_) {
    const absl::MutexLock lock(&mutex_);
    waiting_[++last_] = std::move(connection);
    return last_;
  }
  void Leave(int64_t place) ABSL_LOCKS_EXCLUDED(mutex_) {
    const absl::MutexLock lock(&mutex_);
    waiting_.erase(place);
  }
  // The one that must give way; null when none waits.
  std::shared_ptr<Waiting> TakeOldest() ABSL_LOCKS_EXCLUDED(mutex_) {
    const absl::MutexLock lock(&mutex_);
    while (!waiting_.empty()) {
      std::shared_ptr<Waiting> oldest = waiting_.begin()->second.lock();
      waiting_.erase(waiting_.begin());
      if (oldest != nullptr) return oldest;
    }
    return nullptr;
  }

 private:
  absl::Mutex mutex_;
  std::map<int64_t, std::weak_ptr<Waiting>> waiting_ ABSL_GUARDED_BY(mutex_);
  int64_t last_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Connections by the address that they come from, where one may have only so many. Thread-safe.
class PerAddress {
 public:
  explicit PerAddress(int most) : most_(most) {}
  // False: it has as many as it may have. Each true one needs a Leave.
  bool Enter(const std::string& address) ABSL_LOCKS_EXCLUDED(mutex_) {
    const absl::MutexLock lock(&mutex_);
    int& count = connections_[address];
    if (count >= most_) return false;
    ++count;
    return true;
  }
  void Leave(const std::string& address) ABSL_LOCKS_EXCLUDED(mutex_) {
    const absl::MutexLock lock(&mutex_);
    const auto found = connections_.find(address);
    if (found != connections_.end() && --found->second == 0) connections_.erase(found);
  }

 private:
  const int most_;
  absl::Mutex mutex_;
  std::map<std::string, int> connections_ ABSL_GUARDED_BY(mutex_);
};

// Handlers and streams may outlive their connection, never this.
struct Shared {
  Shared(Router routes, HttpServerOptions chosen) : router(std::move(routes)), options(std::move(chosen)) {}

  const Router router;
  const HttpServerOptions options;
  // A stranger's page can ask no other in a name of its own: that name has no certificate there, or it is no caller.
  const bool checks_host = options.tls.certificate.empty() && !options.authorize && !options.for_everybody;
  std::atomic<int> connections = 0;
  std::atomic<int> streams = 0;
  Idle idle;
  PerAddress per_address{options.limits.per_address};
  sync::BoundedPool handlers{"http-handlers", kHandlerThreads, static_cast<size_t>(options.limits.waiting_requests)};
  sync::BoundedPool operations{"http-operations", kOperationsThreads, kOperationsWaiting};
  // A connection has at most one task in it.
  sync::BoundedPool pieces{"http-streams", kStreamThreads, static_cast<size_t>(options.limits.connections)};
  // Held while a wake of a stream is posted: none is after `stopped`, as the io_context is about to end.
  absl::Mutex wake_mutex;
  bool stopped ABSL_GUARDED_BY(wake_mutex) = false;
};

}  // namespace gofarm::http
