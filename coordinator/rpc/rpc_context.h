// What all handlers share: the services, the pools, the clock thread, the stop token; and the wrapper around every
// unary call, which bounds, times and counts it and lets no exception out.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <exception>
#include <functional>
#include <list>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "common/base/scope.h"
#include "common/base/text.h"
#include "common/metrics/metrics.h"
#include "common/obs/log.h"
#include "common/rpc/grpc_status.h"
#include "common/sync/bounded_pool.h"
#include "coordinator/rpc/server.h"
#include "coordinator/rpc/ticker.h"

namespace gofarm::rpc {

inline constexpr int kOperatorThreads = 6;
inline constexpr int kWorkerThreads = 4;
inline constexpr int kBlobThreads = 4;
inline constexpr size_t kOperatorQueueMax = 256;
inline constexpr size_t kWorkerQueueMax = 8'192;  // a completion and a few chunks of every slot of a large farm

// Threads for streams that go at their reader's pace: each has one of its own, so that a client that reads slowly holds
// up nobody else.
class StreamThreads {
 public:
  explicit StreamThreads(int threads_max) : threads_max_(threads_max) {}
  ~StreamThreads() { Join(); }
  // False: there are too many, or the machine gives no more.
  bool TryRun(std::function<void()> body) {
    absl::MutexLock lock(&mutex_);
    Reap();
    if (running_ >= threads_max_) return false;
    threads_.push_back({});
    const auto here = std::prev(threads_.end());
    try {
      here->thread = std::thread([this, here, body = std::move(body)] {
        body();
        absl::MutexLock ended(&mutex_);
        here->done = true;
        --running_;
      });
    } catch (const std::system_error& e) {
      obs::Error("no_thread", {{"running", Cat(running_)}, {"what", e.what()}});
      threads_.erase(here);
      return false;
    }
    ++running_;  // the thread waits for the lock before it counts itself out
    return true;
  }
  int threads_max() const { return threads_max_; }
  void Join() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(
        +[](StreamThreads* self) ABSL_EXCLUSIVE_LOCKS_REQUIRED(self->mutex_) { return self->running_ == 0; }, this));
    Reap();
  }

 private:
  struct Entry {
    std::thread thread;
    bool done = false;
  };
  // Joins threads whose last act is to leave the lock held here.
  void Reap() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    for (auto it = threads_.begin(); it != threads_.end();) {
      const auto here = it++;
      if (!here->done) continue;
      here->thread.join();
      threads_.erase(here);
    }
  }
  const int threads_max_;
  absl::Mutex mutex_;
  std::list<Entry> threads_ ABSL_GUARDED_BY(mutex_);
  int running_ ABSL_GUARDED_BY(mutex_) = 0;
};

struct RpcContext {
  explicit RpcContext(ServerParts p) : parts(std::move(p)) {}

  ServerParts parts;
  std::stop_source stop;
  Ticker ticker;
  sync::BoundedPool operators{"rpc_operators", kOperatorThreads, kOperatorQueueMax};
  sync::BoundedPool workers{"rpc_workers", kWorkerThreads, kWorkerQueueMax};
  sync::BoundedPool blobs{"rpc_blobs", kBlobThreads, kWorkerQueueMax};
  StreamThreads followers{kFollowersMax};
  StreamThreads lists{kListsMax};
  StreamThreads transfers{kTransfersMax};
  std::atomic<int> submissions{0};  // streams of Submit that are open

  // Until the client's deadline, or `longest` when it set none or a later one.
  Scope ScopeOf(const grpc::CallbackServerContext& context, absl::Duration longest) const {
    const absl::Time asked = absl::FromChrono(context.deadline());
    return Scope{std::min(asked, absl::Now() + longest), stop.get_token()};
  }
};

inline absl::Status BusyStatus() { return absl::ResourceExhaustedError("coordinator is busy; try again in a moment"); }

// Counts a call that ended, by its method and code: both closed sets.
inline void CountCall(RpcContext& rpc, const std::string& method, const absl::Status& status, absl::Time began) {
  if (rpc.parts.metrics == nullptr) return;
  rpc.parts.metrics
      ->GetCounter("gofarm_rpc_calls_total", "Calls that ended, by method and status code.",
                   {{"method", method}, {"code", absl::StatusCodeToString(status.code())}})
      .Add();
  rpc.parts.metrics
      ->GetHistogram("gofarm_rpc_seconds", "Time of calls in their handler.", {0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60},
                     {{"method", method}})
      .Observe(absl::ToDoubleSeconds(absl::Now() - began));
}

// How a call that is done ended for its client: one that was gone before never got `status`. A call that was cancelled
// here because its client did not read keeps that reason.
inline absl::Status StatusForClient(const grpc::CallbackServerContext& context, const absl::Status& status) {
  if (!context.IsCancelled() || absl::IsDeadlineExceeded(status)) return status;
  return absl::CancelledError("the peer was gone before the end");
}

// Runs `body` on `pool` and finishes the call with its status.
template <typename Body>
grpc::ServerUnaryReactor* Unary(RpcContext& rpc, sync::BoundedPool& pool, grpc::CallbackServerContext* context,
                                const char* method, Body body) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const absl::Time began = absl::Now();
  const bool queued = pool.TryPost([&rpc, context, reactor, method, began, body = std::move(body)] {
    absl::Status status;
    try {
      status = body(rpc.ScopeOf(*context, kCallMax));
      if (absl::IsCancelled(status) && rpc.stop.stop_requested()) {
        status = absl::UnavailableError("the coordinator stops; dial again");
      }
    } catch (const std::exception& e) {
      obs::Error("rpc_threw", {{"method", method}, {"what", e.what()}});
      status = absl::InternalError("internal error of the coordinator; see its log");
    }
    CountCall(rpc, method, status, began);
    reactor->Finish(ToGrpc(status));
  });
  if (!queued) {
    CountCall(rpc, method, BusyStatus(), began);
    reactor->Finish(ToGrpc(BusyStatus()));
  }
  return reactor;
}

}  // namespace gofarm::rpc
