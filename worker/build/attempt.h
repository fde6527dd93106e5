// One attempt from offer to report: the phases in their order, each of which may end it. Used by LocalRunner only; one
// object per attempt, one thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "worker/build/attempt_folder.h"
#include "worker/build/classify.h"
#include "worker/build/header_finder.h"
#include "worker/build/local_runner.h"
#include "worker/build/log_lines.h"
#include "worker/build/plan.h"
#include "worker/build/runner.h"
#include "worker/build/seeder.h"
#include "worker/exec/sandbox.h"
#include "worker/fetch/module_fetcher.h"

namespace gofarm::build {

class Attempt {
 public:
  // All outlive it.
  Attempt(const BuildTools& tools, const Scope& scope, const AcceptedOffer& offer, BuildListener& listener);

  BuildReport Run();

 private:
  // A program that lies in an output folder and waits to be checked.
  struct Candidate {
    const fetch::Program* program;
    std::string out_folder;
    std::string relative;
    Variant variant;
  };
  struct TryResult {
    std::vector<const fetch::Program*> missing;
    std::string log;
  };

  // Each returns false when the attempt has ended; the report says how.
  bool Prepare();
  bool WaitForSeed(bool cxx);
  bool Fetch();
  bool Build();
  bool RunTries(std::vector<const fetch::Program*> pending);
  bool RunTry(const Variant& variant, const std::vector<const fetch::Program*>& pending, TryResult& result);
  bool MakeFolders(const PlannedTry& planned);
  absl::Status MakeCaches();
  bool RunCall(const PlannedTry& planned, const PlannedCall& call, LogLines& lines);
  bool JudgeEnd(const exec::SandboxResult& result);
  bool Check();
  bool Record();
  void Conclude();

  bool End(FailureClass failure, std::string_view detail);
  // Stop and deadline of the scope as what they are, a full disk too, anything else as `otherwise`.
  bool EndWith(const absl::Status& status, FailureClass otherwise);
  std::string InSandboxTerms(std::string_view text) const;
  void Fail(const fetch::Program& program, Classified why);

  void EnterPhase(Phase phase);
  void LeavePhase();
  void Say(std::string_view tag, std::string_view text);
  void ShowProgress(Progress progress);
  fetch::FetchProgress ProgressOf(Phase phase, std::string tag);
  void CountPackages(std::string_view tagged_lines);
  int64_t MemoryBytes() const;
  std::string Tag() const;
  absl::flat_hash_set<std::string> DependenciesOf(const fetch::Program& program) const;

  const BuildTools& tools_;
  const Scope scope_;
  const AcceptedOffer& offer_;
  BuildListener& listener_;
  BuildReport report_;

  const AttemptFolder* folder_ = nullptr;  // owned by the report
  fetch::ToolchainStore::Installed toolchains_;
  const fetch::InstalledToolchain* go_ = nullptr;
  Seed seed_;
  std::shared_ptr<const fetch::Listing> listing_;
  const fetch::TargetListing* target_ = nullptr;
  absl::flat_hash_set<std::string> packages_;
  std::vector<Candidate> candidates_;
  std::map<std::string, FailedProgram> failed_;     // by import path
  std::map<Dependency, size_t> dependency_places_;  // in the report
  std::optional<HeaderFinder> headers_;             // of the listed module

  // Of the running try.
  int try_number_ = 0;
  std::string caches_folder_;  // upper layers of this job's caches; empty: to be made
  std::string variant_name_;
  std::string out_folder_, job_folder_, source_folder_;
  double build_seconds_ = 0;  // of all sandbox runs: the wall limit covers them together
  int64_t raw_output_bytes_ = 0;
  bool too_much_output_ = false;
  int packages_compiled_ = 0;

  Phase phase_ = Phase::kNone;
  absl::Time phase_started_;
  absl::Time progress_shown_ = absl::InfinitePast();
};

}  // namespace gofarm::build
