// The operators' page and its API over HTTP: routes, what they read of the services, and for how long that is kept so
// that many viewers cost as much as one. Nothing is changed here. The listener says who may ask (http_auth.h); the one
// for everybody has none of this.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "absl/time/time.h"
#include "common/http/router.h"
#include "coordinator/blob/log_store.h"
#include "coordinator/catalog/catalog.h"
#include "coordinator/rpc/server.h"
#include "coordinator/service/dispatch_loop.h"
#include "coordinator/service/failure_service.h"
#include "coordinator/service/farm_view.h"
#include "coordinator/service/log_tails.h"
#include "coordinator/service/query_service.h"

namespace gofarm::coordinator {

inline constexpr absl::Duration kPageCallMax = absl::Seconds(10);
inline constexpr absl::Duration kGlanceFresh = absl::Seconds(1);   // workers, counts and modules of a batch
inline constexpr absl::Duration kFunnelFresh = absl::Seconds(60);  // counts of a million modules
inline constexpr int kBatchesOnPage = 50;
inline constexpr int64_t kApiBatchesMax = 10'000;
inline constexpr size_t kKeptMax = 64;    // answers of one kind
inline constexpr int kWhyPerSecond = 20;  // questions to the dispatcher why a job waits; more are not asked of it
inline constexpr size_t kLogHeadMax = 128 << 10;  // of a log that is longer than both together
inline constexpr size_t kLogTailMax = 384 << 10;

// What the routes read; all of it outlives the call that it is given to.
struct PageParts {
  service::QueryService& queries;
  const service::FarmView& farm;
  service::FailureService& failures;
  service::LogTails& tails;
  blob::LogStore& logs;
  const service::DispatchLoop& dispatch;
  catalog::Catalog* catalog = nullptr;  // null: this coordinator has none
  const rpc::FarmFacts& facts;
  std::string leader;  // host and process
  int64_t epoch = 0;
  std::stop_token stop;  // the leadership ends, and nothing of it may be read any more
};

// Calls back with the parts while they are there, and says whether they were.
using WithPage = std::function<bool(const std::function<void(const PageParts&)>&)>;

void AddPage(http::Router& router, const WithPage& with);

}  // namespace gofarm::coordinator
