// What an attempt's Complete says: the build's report with what the agent knows beside it, cut to what the coordinator
// takes. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/vocab/report.h"

namespace gofarm::agent {

// Of the whole message. Below rpc::kMessageBytesMax with room for what surrounds it.
inline constexpr size_t kCompleteBytesMax = 3 << 20;

// What the agent knows beside the build's own report.
struct AttemptExtras {
  std::string worker_build;
  std::string log_sha256;
  int64_t log_bytes = 0;
  double upload_seconds = 0;
};

// Fits kCompleteBytesMax and the limits of report_check.h. Parts go in the order of kLeftOutInOrder until the rest
// fits, and `omitted` names each with the number of items it was taken from. What never fits, or breaks the rules
// otherwise, is reported as failed: class output_limit, or internal.
AttemptReport FinalReport(AttemptReport report, const AttemptExtras& extras);

// What is said when the coordinator does not take a report: failed, class internal.
AttemptReport RefusedReport(std::string_view why, const AttemptExtras& extras);

}  // namespace gofarm::agent
