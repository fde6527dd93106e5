// One fetch: from an empty or stored listing to one that has all wanted targets. Network and files, but no code of the
// module runs. One thread a fetch.
#pragma once

#include <vector>

#include "common/base/scope.h"
#include "common/vocab/failure.h"
#include "common/vocab/target.h"
#include "worker/fetch/go_commands.h"
#include "worker/fetch/listing.h"
#include "worker/fetch/module_fetcher.h"

namespace gofarm::fetch {

// `stored`: the listing was made before and lacks targets; its form and versions stay.
StepResult FetchListing(const Scope& scope, const FetchRequest& request, const CacheLayout& cache,
                        const FetchLimits& limits, GoCommands& go, bool stored, Listing& listing);

// Of the targets wanted those that the listing has not; nullptr has none.
std::vector<Target> Missing(const Listing* listing, const std::vector<Target>& wanted);

// Whether any program, on any target, cannot be loaded for such a reason.
bool HasFailures(const Listing& listing, FailureClass failure);

}  // namespace gofarm::fetch
