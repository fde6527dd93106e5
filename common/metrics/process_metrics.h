// What a program shows of itself on /metrics: its version, and the process as the kernel accounts for it, by the names
// that Prometheus' own clients give.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/metrics/exposition.h"

namespace gofarm::metrics {

struct ProcessFigures {
  double cpu_seconds = 0;
  int64_t resident_bytes = 0;
  int64_t open_files = 0;
  int64_t open_files_max = 0;
  double start_time = 0;  // Unix seconds by the wall clock; 0: not known
};

// Of this process; what cannot be read is 0. Reads /proc.
ProcessFigures ReadProcess();

std::vector<Family> ProcessFamilies(const ProcessFigures& figures, const std::string& program,
                                    const std::string& version);

}  // namespace gofarm::metrics
