// What all handlers share: the services, the pools, the clock thread, the stop token.
#pragma once

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>
#include <stop_token>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/scope.h"
#include "common/sync/bounded_pool.h"
#include "coordinator/rpc/server.h"
#include "coordinator/rpc/stream_threads.h"
#include "coordinator/rpc/ticker.h"

namespace gofarm::rpc {

inline constexpr int kOperatorThreads = 6;
inline constexpr int kWorkerThreads = 4;
inline constexpr int kBlobThreads = 4;
inline constexpr int kCatalogThreads = 4;
inline constexpr int kIngestThreads = 2;  // one ingestion, and one that is refused
inline constexpr size_t kOperatorQueueMax = 256;
inline constexpr size_t kWorkerQueueMax = 8'192;  // a completion and a few chunks of every slot of a large farm

struct RpcContext {
  explicit RpcContext(ServerParts p) : parts(std::move(p)) {}

  ServerParts parts;
  std::stop_source stop;
  Ticker ticker;
  sync::BoundedPool operators{"rpc_operators", kOperatorThreads, kOperatorQueueMax};
  sync::BoundedPool workers{"rpc_workers", kWorkerThreads, kWorkerQueueMax};
  sync::BoundedPool blobs{"rpc_blobs", kBlobThreads, kWorkerQueueMax};
  // Of their own: a slow count of a million rows holds up no submission.
  sync::BoundedPool catalog{"rpc_catalog", kCatalogThreads, kOperatorQueueMax};
  sync::BoundedPool ingest{"rpc_ingest", kIngestThreads, kOperatorQueueMax};
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

}  // namespace gofarm::rpc
