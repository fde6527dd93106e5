// A worker from its configuration to its end. Owns everything in the order of dependence: cache and toolchains,
// sandbox, seeder, fetcher, runner, agent.
#pragma once

#include "common/sync/signals.h"
#include "worker/app_config.h"

namespace gofarm::worker {

inline constexpr int kExitOk = 0;
inline constexpr int kExitDamaged = 1;      // `toolchain verify` found a damaged toolchain
inline constexpr int kExitWrong = 2;        // usage, configuration, or what a person has to set right
inline constexpr int kExitUnreachable = 3;  // a source of toolchains did not answer
inline constexpr int kExitInternal = 4;

extern const char* const kVersion;

// Blocks until a signal and while builds may still end (AppConfig::drain_timeout), at a second signal no longer;
// nothing runs and nothing is mounted afterwards. The exit code.
int RunWorker(const AppConfig& config, sync::StopSignals& signals);

// What this host offers a worker of this configuration, on stdout; kExitWrong when something is lacking.
int CheckHost(const AppConfig& config, bool json);

int ExitCodeOf(const absl::Status& status);

}  // namespace gofarm::worker
