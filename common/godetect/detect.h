// Finds the programs of a module and what they are made of. Reads as little as decides: heads first, whole files only
// of folders whose package is main, heads of what these import from the module itself; the result equals that of
// reading and parsing everything. For hostile modules: every amount is bounded, a limit is an error or said in the
// result, never a wrong verdict.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/scope.h"
#include "common/godetect/detection.h"
#include "common/godetect/module_source.h"
#include "common/godetect/tree_parser.h"
#include "common/gomod/build_constraint.h"

namespace gofarm::godetect {

inline constexpr int64_t kGoFileBytesMax = 16 << 20;  // of one file; more is decided by so much of it
inline constexpr int64_t kRoundBytesMax = 48 << 20;   // of texts in memory
inline constexpr size_t kProgramsMax = 20'000;
inline constexpr int64_t kPackagesShare = 5;  // one in so many bytes of a module may be read for its packages alone

struct DetectOptions {
  std::string module;      // empty: as go.mod declares
  std::string version;     // told in the result only
  std::string go_version;  // the Go that builds, such as "1.26.8"
  std::vector<std::string> tags = gomod::RecipeTags();
  std::vector<std::string> experiments = gomod::DefaultExperiments();
  // Also what its packages are made of, for forecasts of modules that import them. Where the module is read by ranges,
  // only as far as it costs little beside its size (kPackagesShare).
  bool packages = false;
};

// INVALID_ARGUMENT: a module that the go command refuses, or no module path; ABORTED: the parser ended on one of its
// files, so that nothing is decided. Each names the module.
absl::StatusOr<Detection> Detect(const Scope& scope, ModuleSource& source, SourceParser& parser,
                                 const DetectOptions& options);

}  // namespace gofarm::godetect
