// What a report may hold: its limits, and the one rule of what is taken. A worker cuts by it before it sends, and the
// coordinator holds what comes against it. Pure.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "common/vocab/report.h"

namespace gofarm {

inline constexpr size_t kExecutablesMax = 4096;
inline constexpr size_t kFailedProgramsMax = 4096;
inline constexpr size_t kVariantsMax = 32;
inline constexpr size_t kDependenciesMax = 20'000;  // of a report, and of one executable
inline constexpr size_t kDetailBytesMax = 4096;
inline constexpr size_t kTextBytesMax = 1024;  // names, versions, paths
inline constexpr size_t kSmokeDetailBytesMax = 256;
inline constexpr size_t kProgramTextBytesMax = 16 << 10;               // what a program answers, each
inline constexpr int64_t kSourceArchiveBytesMax = int64_t{256} << 20;  // packed
inline constexpr size_t kBuildInfoBytesMax = 1 << 20;
inline constexpr size_t kGoModBytesMax = 1 << 20;
inline constexpr size_t kArgumentsMax = 20'000;
inline constexpr size_t kArgumentBytesMax = 16 << 10;
inline constexpr size_t kPhasesMax = 64;
inline constexpr size_t kNotesMax = 100;  // of a report, and edits of a variant

// Texts lose control characters and are clipped; how a smoke run ended counts as not run where it is unknown.
// INVALID_ARGUMENT, since none of it can be corrected: too many of
// anything, a value outside of its closed set, a negative number or none, and what says who or where something is
// (digests, names, import paths, indexes).
absl::Status CleanReport(AttemptReport& report);

}  // namespace gofarm
