// The whole coordinator: builds its parts in order, runs until a signal or the loss of the leadership, takes them down
// in the reverse order. Everything durable is in PostgreSQL and below data_dir, so a kill at any moment and a new start
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
inline constexpr absl::Duration kCollectEvery = absl::Hours(24);
inline constexpr absl::Duration kCollectFirst = absl::Minutes(10);  // after the start
inline constexpr int kDatabaseConnections = 16;
inline constexpr int kDispatchConnections = 2;

// What stands behind `--version` and in the log.
extern const char* const kVersion;

int RunCoordinator(const AppConfig& config, sync::StopSignals& signals);

}  // namespace gofarm::coordinator
