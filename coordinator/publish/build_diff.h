// What is different in two executables that should be the same, as a text for people: sizes, where the first byte
// differs, which sections differ, and what their build information says. Both files are an untrusted build's: whatever
// is printed of them is bounded and escaped, and what is no ELF file is compared as bytes.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace gofarm::publish {

inline constexpr size_t kDiffBytesMax = 64 << 10;
inline constexpr size_t kDiffSummaryMax = 300;
inline constexpr size_t kDiffSectionsMax = 64;  // listed; the rest is counted
inline constexpr size_t kDiffLinesMax = 60;     // of build information, of each side
inline constexpr size_t kDiffLineMax = 200;

struct DiffSide {
  std::string title;  // "job 12 on worker a"
  std::string sha256, go_version;
  std::string path;  // of the file, on this machine
};

struct BuildDiff {
  std::string summary;  // one line
  std::string report;   // a page of them, with a newline at its end
};

// Errors are those of reading the files.
absl::StatusOr<BuildDiff> DiffBuilds(const std::string& program, const DiffSide& first, const DiffSide& second);

}  // namespace gofarm::publish
