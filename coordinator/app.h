// The whole coordinator: stands by until it leads, leads (leading.h) until a signal or until another coordinator does,
// and stands by again. Everything durable is in PostgreSQL and below data_dir, so a kill at any moment and a new start
// go on where it stopped.
#pragma once

#include "common/sync/signals.h"
#include "coordinator/app_config.h"

namespace gofarm::coordinator {

inline constexpr int kExitOk = 0;
inline constexpr int kExitWrong = 2;       // usage, configuration, or a state that a person has to resolve
inline constexpr int kExitNoDatabase = 3;  // the database did not answer for kDatabasePatience
inline constexpr int kExitInternal = 4;

inline constexpr absl::Duration kDatabasePatience = absl::Seconds(60);
inline constexpr int kDatabaseConnections = 12;
inline constexpr int kAttemptConnections = 8;  // what ends attempts, and fences for their bytes: a thread each
inline constexpr int kWatchConnections = 4;    // watches that wait for one read their batches less often
inline constexpr int kCatalogConnections = 12;
inline constexpr int kDispatchConnections = 3;  // calls in their order, loads of the queue, and one in reserve

// What stands behind `--version` and in the log.
extern const char* const kVersion;

int RunCoordinator(const AppConfig& config, sync::StopSignals& signals);

}  // namespace gofarm::coordinator
