#include "common/vocab/worker_state.h"

namespace gofarm {

std::string_view Name(WorkerState state) {
  switch (state) {
    case WorkerState::kConnected:
      return "connected";
    case WorkerState::kDraining:
      return "draining";
    case WorkerState::kLost:
      return "lost";
    case WorkerState::kCannotIsolate:
      return "cannot_isolate";
    case WorkerState::kPaused:
      return "paused";
  }
  return "unknown";
}

}  // namespace gofarm
