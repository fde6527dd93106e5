// Where the files of a batch go on disk: MODULE@VERSION/TARGET/PROG, and beside it what was made with it (PROG.json,
// LICENSE, CHECKSUM, ...). Names come from servers and modules, so whatever they hold, every path stays below the
// export folder and no two are the same. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gofarm::cli {

inline constexpr char kExecutableKind[] = "executable";

struct ExportItem {
  std::string module;
  std::string version;
  std::string target;
  std::string name;
  std::string import_path;
  std::string sha256;
  int64_t size = 0;
  int64_t job_id = 0;
  std::string kind = kExecutableKind;  // or what an attachment is: "provenance", "sbom", ...
  int Mode() const { return kind == kExecutableKind ? 0755 : 0644; }
};

struct ExportFile {
  std::string path;  // relative, '/' between elements
  ExportItem item;
};

// Sorted by path. One folder is one job: of two jobs for the same module, version and target the newer one's files are
// taken, all of them and nothing of the other. `attached`: what was made with the programs, the programs themselves
// among it; each keeps its name, since signed lists name it so. A program that is not among it goes by its own name;
// those of one name are told apart by their package path inside the module ("cmd_tool").
std::vector<ExportFile> PlanExport(const std::vector<ExportItem>& programs,
                                   const std::vector<ExportItem>& attached = {});

// One path element that is safe on any disk: no separator, no control character, neither "." nor "..", not hidden, not
// empty.
std::string SafeElement(std::string_view text);

// The line of `sha256sum -c`.
std::string SumLine(const ExportFile& file);

}  // namespace gofarm::cli
