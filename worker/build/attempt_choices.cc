// The part of an attempt that chooses: which form of the module is listed, which programs are tried, and what is tried
// after a failure.
#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <utility>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/gomod/path.h"
#include "common/gomod/version.h"
#include "common/io/files.h"
#include "worker/build/attempt.h"
#include "worker/build/cgo_lines.h"
#include "worker/fetch/fetch_errors.h"
#include "worker/fetch/package_files.h"

namespace gofarm::build {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kOverlaidFileMax = 16 << 20;
// Of more programs each with a call of its own, loading alone would take long.
constexpr size_t kProgramsApartMax = 64;

}  // namespace

fetch::FetchOutcome Attempt::List(const std::optional<fetch::SourceForm>& form, const fetch::FetchProgress& progress) {
  fetch::FetchRequest request{.module = offer_.module,
                              .version = offer_.version,
                              .targets = {offer_.target},
                              .toolset = offer_.pins,
                              .gos = toolchains_.gos,
                              .previous_go = previous_go_,
                              .form = form};
  for (const Target sibling : offer_.siblings) {
    // A repair is for this target: the others may build as they are.
    if (sibling != offer_.target && !form) request.targets.push_back(sibling);
  }
  return tools_.fetcher.FetchAndList(scope_, request, progress);
}

const fetch::InstalledToolchain* Attempt::FindGo(std::string_view version) const {
  if (previous_go_ && previous_go_->version == version) return &*previous_go_;
  const auto found = std::find_if(toolchains_.gos.begin(), toolchains_.gos.end(),
                                  [&](const fetch::InstalledToolchain& go) { return go.version == version; });
  return found == toolchains_.gos.end() ? nullptr : &*found;
}

bool Attempt::TakeListing(std::shared_ptr<const fetch::Listing> listing) {
  const fetch::TargetListing* target = listing->Find(offer_.target);
  const fetch::InstalledToolchain* const found = FindGo(listing->go_version);
  if (target == nullptr || found == nullptr) {
    return End(FailureClass::kInternal, Cat("the listing has no ", TargetName(offer_.target),
                                            " or wants a Go that is not installed: ", listing->go_version));
  }
  listing_ = std::move(listing);
  target_ = target;
  if (!mod_view_.empty()) folder_->RemoveInside(std::exchange(mod_view_, ""));
  go_ = found;
  headers_.emplace(tools_.cache.Mod(), listing_->own_path(), tools_.fetcher.SourceFolder(*listing_), *target_);
  packages_.clear();
  for (const auto& [path, name] : target_->packages) packages_.insert(path);
  for (const fetch::Program& program : target_->programs) packages_.insert(program.import_path);
  return true;
}

void Attempt::SplitPrograms(const Programs* wanted, Programs& buildable, Programs& repairable,
                            std::vector<Finding>& findings) {
  for (const fetch::Program& program : target_->programs) {
    if (!program.has_main_func) continue;
    if (wanted != nullptr && std::find(wanted->begin(), wanted->end(), program.import_path) == wanted->end()) continue;
    if (program.failure == FailureClass::kNone) {
      buildable.push_back(program.import_path);
      continue;
    }
    if (!failed_.contains(program.import_path)) {
      Say(Tag(), Cat(program.import_path, ": ", InSandboxTerms(program.detail)));
      Fail(program, {program.failure, DetailOf(program.detail)});
    }
    Finding finding;
    if (!program.wants_experiment.empty()) finding = {Fingerprint::kExperimentWanted, program.wants_experiment};
    if (!program.wants_newer.empty()) {
      finding = {Fingerprint::kDependencyBroken, program.wants_newer, /*lacks_target=*/true};
    }
    if (finding.fingerprint == Fingerprint::kNone) continue;
    repairable.push_back(program.import_path);
    findings.push_back(std::move(finding));
  }
}

bool Attempt::RunTries() {
  Variant variant = FirstVariant(*listing_, offer_.target);
  choices_.previous_go =
      !offer_.pins.previous_go.empty() && offer_.pins.previous_go != go_->version &&
      (listing_->go_line.empty() || gomod::CompareGoVersion(listing_->go_line, offer_.pins.previous_go) <= 0);
  std::vector<Variant> tried;
  Programs pending;
  const Programs* wanted = nullptr;
  bool caches_renewed = false, apart = false;
  while (true) {
    TryResult result;
    Programs buildable;
    SplitPrograms(wanted, buildable, result.missing, result.findings);
    if (!buildable.empty()) {
      if (target_->uses_cxx && !cxx_seed_) {
        if (!WaitForSeed(/*cxx=*/true)) return false;
        cxx_seed_ = true;
        folder_->RemoveInside(std::exchange(caches_folder_, ""));  // it stands over the seed without libc++
        foreign_in_caches_ = false;
      }
      if (phase_ != Phase::kBuild) EnterPhase(Phase::kBuild);
      if (!RunTry(variant, buildable, apart, result)) return false;
      // Go refuses a whole call for what one of its programs cannot be loaded by: then each gets a call of its own.
      if (result.refused && !apart && buildable.size() > 1 && buildable.size() <= kProgramsApartMax) {
        apart = true;
        pending = std::move(buildable);
        wanted = &pending;
        continue;
      }
    }
    if (result.missing.empty()) return true;
    pending = std::move(result.missing);
    wanted = &pending;
    std::stable_sort(result.findings.begin(), result.findings.end());
    if (!result.findings.empty() && !report_.variants.empty()) {
      report_.variants.back().fingerprint = std::string(FingerprintName(result.findings.front().fingerprint));
    }
    // Zig has had races in its cache: once more from a fresh one before the worker is blamed.
    if (!result.findings.empty() && result.findings.front().fingerprint == Fingerprint::kToolchainBroken &&
        !caches_renewed) {
      caches_renewed = true;
      folder_->RemoveInside(std::exchange(caches_folder_, ""));
      foreign_in_caches_ = false;
      continue;
    }
    tried.push_back(variant);
    std::optional<Variant> next;
    if (!ChooseNext(variant, result.findings, tried, next)) return false;
    if (!next) return true;
    variant = *std::move(next);
  }
}

bool Attempt::ChooseNext(const Variant& failed, const std::vector<Finding>& findings, std::vector<Variant>& tried,
                         std::optional<Variant>& next) {
  while (true) {
    std::optional<Next> choice = NextVariant(failed, findings, tried, choices_);
    if (!choice) return true;
    Variant& variant = choice->variant;
    if (phase_ != Phase::kBuild) EnterPhase(Phase::kBuild);
    Say(Tag(), Cat("repair ", VariantName(variant), " for ", FingerprintName(choice->finding.fingerprint),
                   choice->finding.about.empty() ? "" : " ", choice->finding.about));
    if (variant.form == failed.form) {
      next = std::move(variant);
      return true;
    }
    const auto open = std::find_if(variant.form.raised.begin(), variant.form.raised.end(),
                                   [](const gomod::ModuleVersion& raised) { return raised.version.empty(); });
    if (open != variant.form.raised.end()) {
      gomod::ModuleVersion current = *open;
      for (const fetch::LinkedModule& module : target_->modules) {
        if (module.path == open->path) current.version = module.version;
      }
      const fetch::InstalledToolchain& go = toolchains_.gos.back();
      absl::StatusOr<std::string> newest = tools_.fetcher.NewestRelease(scope_, go, current);
      if (absl::IsCancelled(newest.status()) || absl::IsDeadlineExceeded(newest.status())) {
        return EndWith(newest.status(), FailureClass::kInternal);
      }
      // Not the module's fault: the job would end for good as something that a newer release may mend.
      if (!newest.ok()) return End(FailureClass::kProxyError, Sv(newest.status().message()));
      if (newest->empty()) {
        Say(Tag(), Cat(open->path, " has no newer release"));
        choices_.cannot_be_raised.insert(open->path);
        continue;
      }
      open->version = *std::move(newest);
    }
    if (variant.form.previous_go && !previous_go_) {
      absl::StatusOr<fetch::InstalledToolchain> go =
          tools_.seeder.InstallPreviousGo(scope_, offer_.pins, ProgressOf(Phase::kBuild, Tag()));
      if (absl::IsNotFound(go.status())) {
        choices_.previous_go = false;
        continue;
      }
      if (!go.ok()) return EndWith(go.status(), FailureClass::kToolchainBroken);
      previous_go_ = *std::move(go);
    }
    const FailureClass failure = ListForm(variant.form);
    if (const absl::Status status = scope_.Check(); !status.ok()) return EndWith(status, FailureClass::kInternal);
    if (failure == FailureClass::kNone) {
      next = std::move(variant);
      return true;
    }
    if (fetch::IsTransient(failure)) return End(failure, "a repair could not be fetched; see the log");
    if (open != variant.form.raised.end()) choices_.cannot_be_raised.insert(open->path);
    tried.push_back(std::move(variant));
  }
}

FailureClass Attempt::ListForm(const fetch::SourceForm& form) {
  fetch::FetchOutcome outcome = List(form, ProgressOf(Phase::kBuild, Tag()));
  if (outcome.listing == nullptr) {
    Say(Tag(), Cat("the repair cannot be listed: ", InSandboxTerms(outcome.detail)));
    return outcome.failure == FailureClass::kNone ? FailureClass::kInternal : outcome.failure;
  }
  if (!TakeListing(std::move(outcome.listing))) return FailureClass::kInternal;
  for (const std::string& edit : listing_->edits) Say(Tag(), edit);
  return FailureClass::kNone;
}

PackageOrigin Attempt::OriginOf(std::string_view package) const {
  const fetch::LinkedModule* found = fetch::ModuleOf(*target_, package);
  const std::string& own = fetch::IsSource(listing_->form) ? listing_->own_path() : listing_->module;
  if (fetch::IsInModule(package, own) && (found == nullptr || own.size() >= found->path.size())) {
    return {PackageOrigin::Kind::kOwn, "", false, !listing_->has_go_mod};
  }
  if (found == nullptr) return {};
  const std::string folder = Cat(tools_.cache.Mod(), "/", found->dir, package.substr(found->path.size()));
  return {PackageOrigin::Kind::kDependency, found->path,
          fetch::LacksTarget(fetch::DiskReader(), folder, offer_.target, go_->version), !listing_->has_go_mod};
}

std::vector<OverlaidFile> Attempt::OverlayFor(const Variant& variant) const {
  std::vector<OverlaidFile> overlay;
  if (!variant.portable && variant.dropped_link_flags.empty()) return overlay;
  for (const fetch::CgoDemand& demand : target_->cgo_demands) {
    const std::string below = demand.dir == "." ? "" : Cat("/", demand.dir);
    const std::string host = Cat(demand.in_source ? tools_.fetcher.SourceFolder(*listing_) : tools_.cache.Mod(), below);
    for (const std::string& file : demand.files) {
      const absl::StatusOr<std::string> text = io::ReadFile(Cat(host, "/", file), kOverlaidFileMax);
      if (!text.ok()) continue;  // then the build says what is wrong with it
      std::string edited = EditCgoLines(variant, *text);
      if (edited == *text) continue;
      overlay.push_back({Cat(demand.in_source ? kSrc : kModCache, below, "/", file), std::move(edited)});
    }
  }
  return overlay;
}

absl::Status Attempt::MakeModuleView() {
  if (!mod_view_.empty()) return absl::OkStatus();
  GOFARM_ASSIGN_OR_RETURN(mod_view_, folder_->MakeInside(Cat("mod-", try_number_)));
  std::error_code opened;
  fs::permissions(mod_view_, fs::perms(0755), opened);  // a build of another user reads it
  if (opened) return ErrnoStatus(opened.value(), Cat("chmod ", mod_view_));
  for (const std::string& module : listing_->cache_dirs) {
    GOFARM_RETURN_IF_ERROR(io::MakeFolders(Cat(mod_view_, "/", module)));
  }
  // The zips stay outside: go looks at the unpacked folders, their hashes and the go.mod files. In each list of
  // versions stand those that are there.
  std::map<std::string, std::string> lists;
  for (const std::string& download : listing_->downloads) {
    const std::string below = Cat("/cache/download/", download);
    const std::string versions = Cat(mod_view_, below.substr(0, below.rfind('/')));
    GOFARM_RETURN_IF_ERROR(io::MakeFolders(versions));
    lists[versions] += Cat(gomod::UnescapeVersion(below.substr(below.rfind('/') + 1)), "\n");
    for (const std::string_view part : {".info", ".mod", ".ziphash"}) {
      const std::string from = Cat(tools_.cache.Mod(), below, part), to = Cat(mod_view_, below, part);
      std::error_code error;
      if (!fs::exists(from, error)) continue;
      fs::create_hard_link(from, to, error);
      if (error) fs::copy_file(from, to, error);  // another disk
      if (error) return ErrnoStatus(error.value(), Cat("copy ", from));
    }
  }
  for (const auto& [versions, list] : lists) {
    std::ofstream file(versions + "/list");
    file << list;
    if (!file.flush()) return ErrnoStatus(errno, Cat("write ", versions, "/list"));
  }
  return absl::OkStatus();
}

}  // namespace gofarm::build
