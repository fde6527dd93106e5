// What a build is to the rest of the worker: an order goes in, a report comes out. The agent knows this header only;
// decorators and tests implement it too. No proto here: the agent converts.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/base/ids.h"
#include "common/base/scope.h"
#include "common/vocab/failure.h"
#include "common/vocab/progress.h"
#include "common/vocab/target.h"
#include "common/vocab/toolset.h"

namespace gofarm::build {

// With less room on the disk of the work or cache folder no offer is taken and no build begins. One number for both:
// between two, a job would be accepted and fail until its tries are used up. Above what a running build must leave free
// (exec::SandboxLimits::disk_free_bytes), so that one that begins has something to write to.
inline constexpr int64_t kDiskFreeMin = int64_t{1} << 30;

struct BuildLimits {
  absl::Duration wall = absl::Minutes(30);
  absl::Duration silence = absl::Minutes(10);
  int64_t memory_bytes = int64_t{6} << 30;
  int64_t log_bytes = int64_t{16} << 20;
  int64_t output_bytes = int64_t{8} << 30;
  int processes = 1024;
};

struct BuildOrder {
  AttemptToken token;
  JobId job;
  std::string module;
  std::string version;
  Target target = Target::kX86_64;
  std::vector<Target> siblings;  // fetch and list these too, in the same go
  Toolset toolset;
  BuildLimits limits;
  int slot = 0;
};

struct Dependency {
  std::string path, version, h1, replace_path, replace_version;
};

struct BuiltExecutable {
  std::string name;
  std::string import_path;
  std::string file;  // on the host, inside the workspace
  int64_t size = 0;
  std::string sha256, blake3;
  std::string main_version, go_version, build_info;
  std::vector<Dependency> dependencies;
  std::string variant;
};

struct FailedProgram {
  std::string import_path;
  std::string name;
  FailureClass failure = FailureClass::kInternal;
  std::string detail;
};

struct VariantTry {
  std::string variant;      // "install", "source", "noreplace", each also with "+lfs64"
  std::string outcome;      // "built", "partial", "failed"
  std::string fingerprint;  // of the failure that led to the next variant
  double seconds = 0;
  std::vector<std::string> argv;
  std::vector<std::string> environment;  // NAME=value
  std::string go_mod;                    // the edited go.mod of a source variant
  std::string working_directory;
};

struct AttemptFacts {
  std::string go_version, zig_version, go_sha256, zig_sha256;
  int sandbox_layout = 0;
  std::string module_h1;
  int64_t bytes_fetched = 0;
  int dependency_count = 0;
  std::string licences_file;  // host path of the deterministic blob; empty when none
  std::string licences_sha256;
  int64_t licences_size = 0;
  bool used_shared_cache = false;
};

// The folder that holds the executables until they are uploaded; its destructor removes it.
class Workspace {
 public:
  virtual ~Workspace() = default;
};

struct BuildReport {
  AttemptOutcome outcome = AttemptOutcome::kFailed;  // kBuilt, kPartial, kNothingToBuild, kFailed, kCancelled
  FailureClass failure = FailureClass::kNone;
  std::string detail;  // decisive log lines, escaped, at most 4 KiB
  std::vector<BuiltExecutable> executables;
  std::vector<FailedProgram> failed_programs;  // by import path
  std::vector<VariantTry> variants;
  std::vector<std::pair<Phase, double>> phases;
  int64_t peak_memory_bytes = 0;
  double cpu_seconds = 0;
  AttemptFacts facts;
  std::unique_ptr<Workspace> workspace;
};

// Called from the thread that runs the build. Log lines come whole, tagged "phase/variant| text\n", already escaped.
class BuildListener {
 public:
  virtual ~BuildListener() = default;
  // Without phase_seconds and phases: the listener keeps the time and the steps.
  virtual void OnProgress(const Progress& progress) = 0;
  virtual void OnLog(std::string_view lines) = 0;
};

class Runner {
 public:
  virtual ~Runner() = default;
  // Blocks until the build ended. A stop of `scope` gives kCancelled, its deadline kTimeout. Never throws; every
  // failure is in the report. Thread-safe: one call a slot at a time.
  virtual BuildReport Run(const Scope& scope, const BuildOrder& order, BuildListener& listener) = 0;
};

}  // namespace gofarm::build
