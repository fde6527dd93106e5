// Builds on this machine: waits for the target's seed, fetches and lists, runs go in the sandbox variant by variant,
// checks every file, reports. Owns one folder per attempt below its work folder, which the report's Workspace removes.
//
// Thread-safe; one call a slot at a time. Run blocks, and its thread must outlive it (the sandbox dies with it).
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "worker/build/runner.h"
#include "worker/build/seeder.h"
#include "worker/build/smoke.h"
#include "worker/exec/sandbox.h"
#include "worker/fetch/cache_layout.h"
#include "worker/fetch/module_fetcher.h"

namespace gofarm::build {

struct LocalRunnerOptions {
  std::string work_dir;  // an existing folder of this worker; attempts live below it
  int cores = 1;
  int slots = 1;
  int64_t memory_bytes_per_slot = int64_t{6} << 30;  // cap of an offer that states none
  int64_t disk_free_min = kDiskFreeMin;              // less is disk_full before anything starts
  SmokeMode smoke = SmokeMode::kEmulator;
  absl::Duration smoke_attempt_max = kSmokeAttemptMax;
};

// A build that prints more than this many times its log limit ends as output_limit.
inline constexpr int64_t kRawOutputPerLogByte = 64;

// What the attempts of one worker work with, all at once.
struct BuildTools {
  const LocalRunnerOptions options;
  const fetch::CacheLayout cache;
  fetch::ModuleFetcher& fetcher;
  Seeder& seeder;
  const exec::Sandbox& sandbox;
  std::atomic<int> running{0};  // attempts inside Run
};

class LocalRunner : public Runner {
 public:
  // All three outlive the runner. Removes what an earlier process left below the work folder.
  LocalRunner(LocalRunnerOptions options, fetch::CacheLayout cache, fetch::ModuleFetcher& fetcher, Seeder& seeder,
              const exec::Sandbox& sandbox);

  BuildReport Run(const Scope& scope, const AcceptedOffer& offer, BuildListener& listener) override;

 private:
  BuildTools tools_;
};

}  // namespace gofarm::build
