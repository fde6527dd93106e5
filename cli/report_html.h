// A report as one HTML page that needs nothing else: plots are SVG inside it, colours follow the reader's light or dark
// setting, and every text is escaped. Each plot has its numbers beside it, for readers and for machines. Pure.
#pragma once

#include <string>

#include "cli/report.h"

namespace gofarm::cli {

std::string ReportPage(const Report& report);

}  // namespace gofarm::cli
