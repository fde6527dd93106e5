// What everybody may fetch over HTTP: the index, published files by digest and by name, logs, install scripts and
// program pages. Only what was published is served, and only by the coordinator that leads.
#pragma once

#include <functional>

#include "common/http/router.h"
#include "coordinator/blob/blob_store.h"
#include "coordinator/blob/log_store.h"
#include "coordinator/publish/publish_service.h"

namespace gofarm::coordinator {

inline constexpr absl::Duration kSiteCallMax = absl::Seconds(10);
// Answers that unpack a file of the index while they are sent, of all listeners; each has some MiB. More get 503.
inline constexpr int kExpandingMax = 128;

// What the routes read; all of it outlives the call that it is given to.
struct SiteParts {
  publish::PublishService& publishing;
  blob::BlobStore& blobs;
  blob::LogStore& logs;
};

// Calls back with the parts while they are there; else it answers 503 itself.
using WithSite = std::function<http::Response(const std::function<http::Response(const SiteParts&)>&)>;

void AddSite(http::Router& router, const WithSite& with);

}  // namespace gofarm::coordinator
