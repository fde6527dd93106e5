// Which files of a module are read for what they say about it, and what is read from their text. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/godetect/detection.h"

namespace gofarm::godetect {

inline constexpr size_t kInstallLinesMax = 500;         // of one module
inline constexpr size_t kReadFileBytesMax = 512 << 10;  // of one file; what is beyond is not read
inline constexpr size_t kReadFilesMax = 60;

enum class FileRole { kNone, kReadme, kMake, kDocker, kCi, kRelease, kLicence, kTools };
// By the path below the module's root.
FileRole RoleOf(std::string_view path);
// Roles whose text is searched for install lines.
bool IsSearched(FileRole role);

// Appends what `text` of `file` says, up to kInstallLinesMax in all, each path and version once per file.
void FindInstallLines(std::string_view text, const std::string& file, std::vector<InstallLine>& out);

// By the elements of the folder ("." for the root), and by the module path's own behind host, owner and repository.
ProgramKind KindOf(std::string_view module, std::string_view dir);

// The CLI framework that an import is of ("github.com/spf13/cobra"); empty: none.
std::string_view FrameworkOf(std::string_view import_path);

}  // namespace gofarm::godetect
