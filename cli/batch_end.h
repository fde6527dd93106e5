// The common end of `submit --wait` and `batch watch`: follow, sum up, exit code. Includes nothing generated.
#pragma once

#include <stop_token>

#include "cli/commands.h"

namespace gofarm::v1 {
class Batch;
}

namespace gofarm::cli {

class FarmClient;

// Follows the batch; with JSON wanted progress goes to stderr and the batch to stdout.
Exit WatchToTheEnd(const Globals& globals, FarmClient& client, v1::Batch& batch, std::stop_token stop);

}  // namespace gofarm::cli
