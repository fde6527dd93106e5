// Go's build information inside an executable: which Go made it, from which modules, with which settings. Read from the
// bytes of a file that an untrusted build made, so every length is bounded. Thread-safe: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/elf/elf_file.h"

namespace gofarm::elf {

inline constexpr size_t kBuildInfoTextMax = 1 << 20;
inline constexpr size_t kBuildInfoDependenciesMax = 10'000;

struct ModuleInfo {
  std::string path;
  std::string version;  // "v1.3.2", or "(devel)"
  std::string h1;       // "h1:...=", empty when unknown
};

struct DependencyInfo {
  ModuleInfo module;
  ModuleInfo replacement;  // path empty: not replaced
};

struct BuildInfo {
  std::string go_version;    // "go1.26.8"
  std::string text;          // as `go version -m` prints it, without the leading file line and tabs' indentation
  std::string package_path;  // of the main package
  ModuleInfo main;           // path empty when the program belongs to no module
  ModuleInfo main_replacement;
  std::vector<DependencyInfo> dependencies;
  std::vector<std::pair<std::string, std::string>> settings;  // "-trimpath" = "true", "GOARCH" = "amd64"
};

// NOT_FOUND: the file carries none (no Go program). INVALID_ARGUMENT: it is damaged, too large or of a format before
// Go 1.18.
absl::StatusOr<BuildInfo> ReadBuildInfo(const ElfFile& file);
absl::StatusOr<BuildInfo> ReadBuildInfo(const std::string& path);

// The module text alone: lines "path\t...", "mod\t...", "dep\t...", "=>\t...", "build\tkey=value".
absl::StatusOr<BuildInfo> ParseBuildInfoText(std::string_view text);

}  // namespace gofarm::elf
