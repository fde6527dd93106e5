// What a running attempt does right now, as its worker reports it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/vocab/failure.h"

namespace gofarm {

struct Progress {
  Phase phase = Phase::kNone;
  std::string variant;
  std::string detail;  // for people; one line, escaped
  int64_t bytes_done = 0;
  int64_t bytes_total = 0;  // 0: unknown
  double phase_seconds = 0;
  // Reached so far, each once, in the order in which each was first reached; `phase` is among them. Every message holds
  // them all, so that a reader who missed messages knows every step. At most kPhases.
  std::vector<Phase> phases;
};

}  // namespace gofarm
