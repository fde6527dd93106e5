// The verbs that compare, report and show the farm live; as those of commands.h.
#pragma once

#include <cstdint>
#include <string>

#include "cli/commands.h"

namespace gofarm::cli {

// Exit code 1: some job came out worse in the second batch.
Exit BatchDiff(const Globals& globals, int64_t before, int64_t after);

// Until Ctrl-C or q on a terminal that redraws; elsewhere, and with `once`, one picture.
Exit Top(const Globals& globals, bool once);

struct ReportArgs {
  int64_t batch = 0;
  std::string html;  // a file; empty: the report is printed
};
Exit ReportBatch(const Globals& globals, const ReportArgs& args);
Exit ReportFailures(const Globals& globals, const ReportArgs& args);
Exit ReportCoverage(const Globals& globals, const ReportArgs& args);
// `module`: MODULE[@VERSION].
Exit ReportUpstream(const Globals& globals, const std::string& module);

}  // namespace gofarm::cli
