// What all handlers share: the services, the pools, the clock thread, the stop token.
#pragma once

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>
#include <stop_token>
#include <utility>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/scope.h"
#include "common/process/heap.h"
#include "common/sync/bounded_pool.h"
#include "coordinator/rpc/byte_budget.h"
#include "coordinator/rpc/peer_places.h"
#include "coordinator/rpc/server.h"
#include "coordinator/rpc/stream_threads.h"
#include "coordinator/rpc/ticker.h"

namespace gofarm::rpc {

inline constexpr int kOperatorThreads = 6;
inline constexpr int kCompletionThreads = 4;
inline constexpr int kReportThreads = 2;
inline constexpr int kBlobThreads = 4;
inline constexpr int kCatalogThreads = 4;
inline constexpr int kIngestThreads = 2;  // one ingestion, and one that is refused
// A submission may wait for module proxies, so each that is taken has a thread.
inline constexpr int kSubmitThreads = kSubmissionsMax;
// Selections that wait for a thread of the submissions; more are refused.
inline constexpr size_t kSubmitQueueMax = kSubmissionsMax + 16;
inline constexpr size_t kOperatorQueueMax = 256;
inline constexpr size_t kWorkerQueueMax = 8'192;  // a completion and a few chunks of every slot of a large farm

inline constexpr absl::Duration kTrimPause = absl::Seconds(1);

struct RpcContext {
  explicit RpcContext(ServerParts p) : parts(std::move(p)) {}

  ServerParts parts;
  std::stop_source stop;
  Ticker ticker;
  sync::BoundedPool operators{"rpc_operators", kOperatorThreads, kOperatorQueueMax};
  // What waits on hosts outside of the farm: operators' questions never stand behind it.
  sync::BoundedPool submits{"rpc_submits", kSubmitThreads, kSubmitQueueMax};
  // What ends attempts, and nothing else.
  sync::BoundedPool completions{"rpc_completions", kCompletionThreads, kWorkerQueueMax};
  sync::BoundedPool reports{"rpc_reports", kReportThreads, kWorkerQueueMax};
  sync::BoundedPool blobs{"rpc_blobs", kBlobThreads, kWorkerQueueMax};
  // Of their own: a slow count of a million rows holds up no submission.
  sync::BoundedPool catalog{"rpc_catalog", kCatalogThreads, kOperatorQueueMax};
  sync::BoundedPool ingest{"rpc_ingest", kIngestThreads, kOperatorQueueMax};
  StreamThreads followers{kFollowersMax};
  StreamThreads lists{kListsMax};
  StreamThreads worker_lists{kWorkerListsMax};
  StreamThreads transfers{kTransfersMax};
  StreamThreads archives{kArchiveStreamsMax};
  PeerPlaces archive_places{kArchiveStreamsOfOneMax};
  StreamThreads searches{kTopicSearchesMax};
  std::atomic<int> submissions{0};  // streams of Submit that are open
  std::atomic<bool> trims{false};   // the allocator is about to give back what it does not need
  ByteBudget budget{parts.bytes_in_flight_max, [this] { TrimSoon(); }};

  // Once for all that is given back within kTrimPause: what gave it back is freed by then.
  void TrimSoon() {
    if (trims.exchange(true)) return;
    ticker.After(kTrimPause, [this] {
      trims = false;
      reports.TryPost([] { process::TrimHeap(); });
    });
  }

  // Until the client's deadline, or `longest` when it set none or a later one.
  Scope ScopeOf(const grpc::CallbackServerContext& context, absl::Duration longest) const {
    const absl::Time asked = SteadyOf(absl::FromChrono(context.deadline()));
    return Scope{std::min(asked, SteadyNow() + longest), stop.get_token()};
  }
};

}  // namespace gofarm::rpc
