// Where each executable of a batch goes on disk: MODULE@VERSION/TARGET/PROG. Names come from servers and modules, so
// whatever they hold, every path stays below the export folder and no two are the same. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gofarm::cli {

struct ExportItem {
  std::string module;
  std::string version;
  std::string target;
  std::string name;
  std::string import_path;
  std::string sha256;
  int64_t size = 0;
  int64_t job_id = 0;
};

struct ExportFile {
  std::string path;  // relative, '/' between elements
  ExportItem item;
};

// Sorted by path. Programs with the same name are distinguished by their package path inside the module ("cmd_tool").
// The same program from two jobs is taken from the newer one.
std::vector<ExportFile> PlanExport(const std::vector<ExportItem>& items);

// One path element that is safe on any disk: no separator, no control character, neither "." nor "..", not hidden, not
// empty.
std::string SafeElement(std::string_view text);

// The line of `sha256sum -c`.
std::string SumLine(const ExportFile& file);

}  // namespace gofarm::cli
