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
#include "worker/build/smoke.h"
#include "worker/build/smoke_runner.h"
#include "worker/build/source_archive.h"
#include "worker/build/verify.h"
#include "worker/exec/sandbox.h"
#include "worker/fetch/module_fetcher.h"

namespace gofarm::build {

class Attempt {
 public:
  // All outlive it.
  Attempt(const BuildTools& tools, const Scope& scope, const AcceptedOffer& offer, BuildListener& listener);

  BuildReport Run();

 private:
  // A program that lies in an output folder, and passed gate and smoke run once they looked at it.
  struct Candidate {
    const fetch::Program* program;  // of `listing`
    std::string out_folder;
    std::string relative;
    Variant variant;
    std::shared_ptr<const fetch::Listing> listing;
    VerifiedExecutable built = {};  // once it passed the gate
  };
  struct TryResult {
    std::vector<std::string> missing;  // import paths
    std::vector<Finding> findings;
    bool refused = false;  // go did not get as far as compiling anything
  };
  using Programs = std::vector<std::string>;  // import paths

  // Each returns false when the attempt has ended; the report says how.
  bool Prepare();
  bool WaitForSeed(bool cxx);
  bool Fetch();
  bool Build();
  bool RunTries();
  // The variant to go on with after `failed`, listed; nullopt when there is none. False: the attempt has ended.
  bool ChooseNext(const Variant& failed, const std::vector<Finding>& findings, std::vector<Variant>& tried,
                  std::optional<Variant>& next);
  // kNone: listing_ is of the form now. Otherwise why not; the attempt goes on.
  FailureClass ListForm(const fetch::SourceForm& form);
  bool RunTry(const Variant& variant, const Programs& pending, bool apart, TryResult& result);
  fetch::FetchOutcome List(const std::optional<fetch::SourceForm>& form, const fetch::FetchProgress& progress);
  // nullptr: no Go of that version is installed for this attempt.
  const fetch::InstalledToolchain* FindGo(std::string_view version) const;
  bool TakeListing(std::shared_ptr<const fetch::Listing> listing);
  // Programs that cannot be loaded fail now; those that a repair may help are pending too, and why goes to `findings`.
  void SplitPrograms(const Programs* wanted, Programs& buildable, Programs& repairable, std::vector<Finding>& findings);
  std::vector<OverlaidFile> OverlayFor(const Variant& variant) const;
  PackageOrigin OriginOf(std::string_view package) const;
  bool MakeFolders(const PlannedTry& planned);
  absl::Status MakeModuleView();
  absl::Status MakeCaches();
  bool SharesGoCache() const;
  void MergeCaches();
  bool RunCall(const PlannedTry& planned, const PlannedCall& call, LogLines& lines);
  bool JudgeEnd(const exec::SandboxResult& result);
  // Looks at candidates_ from `first` on. Those that fail leave; what crashes joins what is missing.
  bool CheckBuilt(size_t first, const Variant& variant, TryResult& result);
  bool SmokeRun(Candidate& candidate, std::optional<SmokeVerdict>& crash);
  bool RunForSmoke(const SmokeFolders& folders, std::string_view name, std::string_view flag, absl::Duration left,
                   SmokeVerdict& verdict, std::string& text);
  void TakeExecutables();
  bool Record();
  bool RecordSource();
  void Conclude();

  // Repairs that swap what the module is made of: where they fail too, the first failure tells its author more.
  static bool KeepsFirstFailure(const Variant& variant) {
    return variant.form.previous_go || !variant.form.raised.empty();
  }
  bool End(FailureClass failure, std::string_view detail);
  // Stop and deadline of the scope as what they are, a full disk too, anything else as `otherwise`.
  bool EndWith(const absl::Status& status, FailureClass otherwise);
  std::string InSandboxTerms(std::string_view text) const;
  void Fail(const fetch::Program& program, Classified why);
  void Note(std::string_view text);

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
  std::optional<fetch::InstalledToolchain> previous_go_;
  std::shared_ptr<const fetch::Listing> listing_;  // of the form that is built now
  std::shared_ptr<const fetch::Listing> built_;    // of the last try that gave a program
  Choices choices_;
  const fetch::TargetListing* target_ = nullptr;
  absl::flat_hash_set<std::string> packages_;
  std::vector<Candidate> candidates_;
  BuiltVariants built_variants_;                    // of the executables in the report
  std::map<std::string, FailedProgram> failed_;     // by import path, as go names it
  std::map<Dependency, size_t> dependency_places_;  // in the report
  std::optional<HeaderFinder> headers_;             // of the listed module

  // Of the running try.
  int try_number_ = 0;
  std::string mod_view_;       // what the build sees as the module cache; empty: to be made
  std::string caches_folder_;  // upper layers of this job's caches; empty: to be made
  std::string cold_folder_;    // below them where nothing may be; empty: what the worker has is
  bool foreign_in_caches_ = false;
  bool cxx_seed_ = false;  // seed_ has libc++
  std::string variant_name_;
  std::string out_folder_, job_folder_, source_folder_;
  double build_seconds_ = 0;  // of all sandbox runs: the wall limit covers them together
  int64_t raw_output_bytes_ = 0;
  bool too_much_output_ = false;
  int packages_compiled_ = 0;

  std::optional<SmokeRunner> smoke_runner_;  // once the first program is there
  int smoke_runs_ = 0;
  double smoke_seconds_ = 0;  // of all runs: the attempt's time for them covers them together

  Phase phase_ = Phase::kNone;
  absl::Time phase_started_;
  absl::Time progress_shown_ = absl::InfinitePast();
};

}  // namespace gofarm::build
