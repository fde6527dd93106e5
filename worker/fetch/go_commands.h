// The go commands of a fetch, run without any of the module's code, and the folder they run in: a synthetic main module
// that requires the module, or a copy of the module with another go.mod. One object per fetch; one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/scope.h"
#include "common/process/run.h"
#include "common/vocab/failure.h"
#include "common/vocab/target.h"
#include "worker/fetch/cache_layout.h"
#include "worker/fetch/fetch_errors.h"
#include "worker/fetch/go_list.h"
#include "worker/fetch/module_fetcher.h"

namespace gofarm::fetch {

inline constexpr size_t kQueriesMax = 200;

// What a step gave: `failure` kNone and not `stopped` means it worked.
struct StepResult {
  FailureClass failure = FailureClass::kNone;
  std::string detail;
  bool stopped = false;
  bool ok() const { return failure == FailureClass::kNone && !stopped; }
};

// Of an error of our own machinery (not of what go said): stop, deadline, full disk, go that does not start.
StepResult FromStatus(const Scope& scope, const absl::Status& status);
StepResult Failed(FailureClass failure, std::string_view detail);

class GoCommands {
 public:
  // `scratch`: an existing folder of this fetch. `go_cache`: kept between fetches; go indexes std there.
  GoCommands(const CacheLayout& cache, const ProxyEnvironment& proxy, const FetchLimits& limits, std::string scratch,
             std::string go_cache, const FetchProgress& progress);

  // Downloads and verifies the module itself.
  StepResult Download(const Scope& scope, const std::string& go, const std::string& module, const std::string& version,
                      DownloadAnswer& answer);

  // Main module for ListTarget: only these two files (an empty go_sum is none)...
  absl::Status MakeSynthetic(std::string_view go_mod, std::string_view go_sum);
  // ...or is the module: its files (linked, not copied, where the disk allows) with these texts; an empty go_sum keeps
  // its own.
  absl::Status MakeCopy(const std::string& module_folder, std::string_view go_mod, std::string_view go_sum);

  // Loads all packages of the module (`pattern`) and their dependencies for the target, and downloads what is missing.
  StepResult ListTarget(const Scope& scope, const std::string& go, Target target, const std::string& pattern,
                        const SourceForm& form, std::vector<GoListPackage>& packages);

  // What the module proxy knows of "PATH@VERSION", "PATH@COMMIT", "PATH@latest" or PATH (its versions), at most
  // kQueriesMax. One answer for each, in their order; what has no answer has an error. Runs in a main module of its
  // own, which takes the place of the one that was made.
  StepResult Query(const Scope& scope, const std::string& go, const std::vector<std::string>& queries, bool versions,
                   std::vector<ModuleAnswer>& answers);

  const std::string& main_folder() const { return main_; }
  absl::Time started() const { return started_; }

 private:
  StepResult RunGo(const Scope& scope, std::vector<std::string> argv, std::string_view goarch, std::string_view step,
                   size_t stdout_max, process::CommandResult& result);

  const CacheLayout& cache_;
  const ProxyEnvironment& proxy_;
  const FetchLimits& limits_;
  const std::string scratch_;
  const std::string go_cache_;
  const std::string main_;
  const FetchProgress& progress_;
  const absl::Time started_;
  int64_t written_ = 0;      // by the commands before this one
  std::string experiments_;  // of the command that runs
};

// What go wrote to stderr without the lines that only show its progress.
std::string ErrorLines(std::string_view stderr_text);

}  // namespace gofarm::fetch
