// What a build is to the rest of the worker: an offer goes in, a report comes out. The agent knows this header only;
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
#include "common/vocab/offer.h"
#include "common/vocab/progress.h"
#include "common/vocab/report.h"
#include "common/vocab/target.h"
#include "common/vocab/toolset.h"

namespace gofarm::build {

// With less room on the disk of the work or cache folder no offer is taken and no build begins. One number for both:
// between two, a job would be accepted and fail until its tries are used up. Above what a running build must leave free
// (exec::SandboxLimits::disk_free_bytes), so that one that begins has something to write to.
inline constexpr int64_t kDiskFreeMin = int64_t{1} << 30;

// An offer that this worker took: with the toolset it names, the slot it runs in, and limits that fit the slot.
struct AcceptedOffer : Offer {
  Toolset pins;
  int slot = 0;
};

// The folder that holds the executables until they are uploaded; its destructor removes it.
class Workspace {
 public:
  virtual ~Workspace() = default;
};

// The attempt's report, without what the agent adds (log, upload, its own build), and where its files are.
struct BuildReport : AttemptReport {
  std::vector<std::string> files;  // of the executables, in their order: on the host, inside the workspace
  std::string licences_file;       // host path of the licence document; empty when none
  std::string source_file;         // and of the source archive
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
  virtual BuildReport Run(const Scope& scope, const AcceptedOffer& offer, BuildListener& listener) = 0;
};

}  // namespace gofarm::build
