// What a worker is asked to build. One type from the dispatcher's decision to the build itself.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/base/ids.h"
#include "common/vocab/target.h"

namespace gofarm {

// Of one build: the coordinator's configuration states them, offers carry them, the sandbox holds builds to them.
struct BuildLimits {
  absl::Duration wall = absl::Minutes(30);
  absl::Duration silence = absl::Minutes(10);  // without a byte of output and without CPU use
  int64_t memory_bytes = 0;                    // 0: the worker's own cap per slot
  int64_t log_bytes = int64_t{16} << 20;
  int64_t output_bytes = int64_t{8} << 30;  // of all that the build writes
  int processes = 1024;
};

// A job under the token that its attempt gets when the worker accepts.
struct Offer {
  AttemptToken token;
  JobId job;
  std::string module;
  std::string version;
  Target target = Target::kX86_64;
  std::string toolset;           // name
  std::vector<Target> siblings;  // other targets of the module that wait: fetched and listed in the same go
  absl::Duration deadline;       // the attempt may run this long from Accept
  BuildLimits limits;
  bool cold_caches = false;  // nothing that was compiled before may enter it, and nothing of it is kept
};

}  // namespace gofarm
