// How a worker stands with its coordinator. Numbers as in proto/gofarm/v1/ids.proto.
#pragma once

#include <string_view>

namespace gofarm {

enum class WorkerState : int { kConnected = 1, kDraining, kLost, kCannotIsolate, kPaused };

// "connected", "draining", "lost", "cannot_isolate", "paused"; "unknown" for a number that is none of them.
std::string_view Name(WorkerState state);

}  // namespace gofarm
