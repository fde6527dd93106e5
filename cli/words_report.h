// The words of the verbs that report, for main.cc.
#pragma once

#include <string>

#include "cli/cmd_reports.h"
#include "cli/words.h"

namespace gofarm::cli {

// What they were given. Must outlive the parser's action.
struct ReportWords {
  ReportArgs report;
  std::string module;
};
void AddReports(Parser& p, CLI::App* report, ReportWords& args);

}  // namespace gofarm::cli
