#include "worker/build/attempt.h"

#include <algorithm>
#include <csignal>
#include <optional>
#include <stop_token>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/io/files.h"
#include "worker/build/build_sandbox.h"
#include "worker/build/verify.h"

namespace gofarm::build {
namespace {

constexpr absl::Duration kProgressEvery = absl::Seconds(1);
constexpr int64_t kMiB = int64_t{1} << 20;

std::string DevelOr(const Variant& variant, const std::string& version) {
  return variant.base == Base::kInstall ? version : std::string("(devel)");
}

}  // namespace

Attempt::Attempt(const BuildTools& tools, const Scope& scope, const AcceptedOffer& offer, BuildListener& listener)
    : tools_(tools), scope_(scope), offer_(offer), listener_(listener) {}

BuildReport Attempt::Run() {
  if (Prepare() && WaitForSeed(/*cxx=*/false) && Fetch() && Build() && Check() && Record()) Conclude();
  LeavePhase();
  return std::move(report_);
}

bool Attempt::Prepare() {
  if (const absl::Status status = scope_.Check(); !status.ok()) return EndWith(status, FailureClass::kInternal);
  for (const std::string& folder : {tools_.options.work_dir, tools_.cache.root()}) {
    const absl::StatusOr<int64_t> free = io::FreeBytes(folder);
    if (!free.ok()) return EndWith(free.status(), FailureClass::kInternal);
    if (*free < tools_.options.disk_free_min) {
      return End(FailureClass::kDiskFull, Cat("only ", *free / kMiB, " MiB free under ", folder, ", a build needs ",
                                              tools_.options.disk_free_min / kMiB));
    }
  }
  absl::StatusOr<std::unique_ptr<AttemptFolder>> folder = AttemptFolder::Make(tools_.options.work_dir, offer_.token);
  if (!folder.ok()) return EndWith(folder.status(), FailureClass::kInternal);
  folder_ = folder->get();
  report_.workspace = *std::move(folder);
  return true;
}

bool Attempt::WaitForSeed(bool cxx) {
  EnterPhase(Phase::kSeed);
  const fetch::FetchProgress progress = ProgressOf(Phase::kSeed, "seed");
  if (!cxx) {
    absl::StatusOr<fetch::ToolchainStore::Installed> installed =
        tools_.seeder.WaitToolchains(scope_, offer_.pins, progress);
    if (!installed.ok()) return EndWith(installed.status(), FailureClass::kToolchainBroken);
    toolchains_ = *std::move(installed);
    report_.facts.zig_version = toolchains_.zig.version;
    report_.facts.zig_sha256 = toolchains_.zig.sha256;
    report_.facts.sandbox_layout = exec::kSandboxLayout;
  }
  absl::StatusOr<Seed> seed = tools_.seeder.WaitReady(scope_, offer_.pins, offer_.target, cxx, progress);
  if (!seed.ok()) return EndWith(seed.status(), FailureClass::kToolchainBroken);
  seed_ = *std::move(seed);
  return true;
}

bool Attempt::Fetch() {
  EnterPhase(Phase::kFetch);
  fetch::FetchRequest request{offer_.module, offer_.version, {offer_.target}, offer_.pins, toolchains_.gos};
  for (const Target sibling : offer_.siblings) {
    if (sibling != offer_.target) request.targets.push_back(sibling);
  }
  fetch::FetchOutcome outcome = tools_.fetcher.FetchAndList(scope_, request, ProgressOf(Phase::kFetch, "fetch"));
  if (outcome.stopped) return EndWith(absl::CancelledError("stopped"), FailureClass::kInternal);
  if (outcome.listing == nullptr) {
    const FailureClass failure = outcome.failure == FailureClass::kNone ? FailureClass::kInternal : outcome.failure;
    return End(failure, InSandboxTerms(outcome.detail));
  }
  listing_ = std::move(outcome.listing);
  target_ = listing_->Find(offer_.target);
  for (const fetch::InstalledToolchain& go : toolchains_.gos) {
    if (go.version == listing_->go_version) go_ = &go;
  }
  if (target_ == nullptr || go_ == nullptr) {
    return End(FailureClass::kInternal, Cat("the listing has no ", TargetName(offer_.target),
                                            " or wants a Go that is not installed: ", listing_->go_version));
  }
  report_.facts.go_version = go_->version;
  report_.facts.go_sha256 = go_->sha256;
  report_.facts.module_h1 = listing_->module_h1;
  report_.facts.bytes_fetched = listing_->bytes_fetched;
  report_.facts.dependency_count = static_cast<int>(target_->modules.size());
  report_.facts.used_shared_cache = MayShareGoCache(*target_);
  headers_.emplace(tools_.cache.Mod(), offer_.module, tools_.fetcher.SourceFolder(*listing_), *target_);
  for (const auto& [path, name] : target_->packages) packages_.insert(path);
  for (const fetch::Program& program : target_->programs) packages_.insert(program.import_path);
  Say("fetch", Cat(listing_->bytes_fetched, " bytes fetched, ", target_->modules.size(), " modules linked, go ",
                   go_->version, ", zig ", toolchains_.zig.version));
  return true;
}

bool Attempt::Build() {
  const ProgramSplit programs = SplitPrograms(*target_);
  if (programs.buildable.empty() && programs.broken.empty()) {
    Say("fetch", Cat("no programs for ", TargetName(offer_.target)));
    report_.outcome = AttemptOutcome::kNothingToBuild;
    return false;
  }
  for (const fetch::Program* program : programs.broken) {
    const std::string detail = InSandboxTerms(program->detail);
    Say("fetch", Cat(program->import_path, ": ", detail));
    Fail(*program, {program->failure, DetailOf(detail)});
  }
  if (programs.buildable.empty()) return true;
  if (target_->uses_cxx && !WaitForSeed(/*cxx=*/true)) return false;
  EnterPhase(Phase::kBuild);
  return RunTries(programs.buildable);
}

bool Attempt::RunTries(std::vector<const fetch::Program*> pending) {
  Variant variant = FirstVariant(*listing_);
  std::vector<Variant> tried;
  bool caches_renewed = false;
  while (true) {
    TryResult result;
    if (!RunTry(variant, pending, result)) return false;
    pending = std::move(result.missing);
    if (pending.empty()) return true;
    const Fingerprint fingerprint = FingerprintOf(result.log);
    report_.variants.back().fingerprint = std::string(FingerprintName(fingerprint));
    // Zig has had races in its cache: once more from a fresh one before the worker is blamed.
    if (fingerprint == Fingerprint::kToolchainBroken && !caches_renewed) {
      caches_renewed = true;
      folder_->RemoveInside(std::exchange(caches_folder_, ""));
      continue;
    }
    tried.push_back(variant);
    const std::optional<Variant> next = NextVariant(variant, fingerprint, tried);
    if (!next) return true;
    variant = *next;
  }
}

bool Attempt::RunTry(const Variant& variant, const std::vector<const fetch::Program*>& pending, TryResult& result) {
  PlanInput input{*listing_,
                  offer_.target,
                  variant,
                  pending,
                  HostGoarch(fetch::ToolchainStore::HostArch()),
                  ShareOf(tools_.options.cores, tools_.options.slots, tools_.running.load(), MemoryBytes()),
                  ""};
  const std::string source = tools_.fetcher.SourceFolder(*listing_);
  if (variant.base != Base::kInstall && listing_->go_mod.empty()) {
    absl::StatusOr<std::string> own = io::ReadFile(source + "/go.mod", int64_t{16} << 20);
    if (own.ok()) input.own_go_mod = *std::move(own);
  }
  const PlannedTry planned = PlanTry(input);
  ++try_number_;
  variant_name_ = VariantName(variant);
  packages_compiled_ = 0;
  report_.variants.push_back({.variant = variant_name_,
                              .argv = RecordedArgv(planned),
                              .environment = RecordedEnvironment(planned),
                              .go_mod = planned.go_mod,
                              .working_directory = planned.working_directory});
  ShowProgress({.phase = Phase::kBuild, .variant = variant_name_, .detail = Cat(pending.size(), " programs")});
  if (!MakeFolders(planned)) return false;

  const absl::Time started = absl::Now();
  LogLines lines(Tag(), [this](std::string_view text) {
    listener_.OnLog(text);
    CountPackages(text);
  });
  bool going = true;
  for (const PlannedCall& call : planned.calls) {
    Say(Tag(), Cat("$ ", call.argv[0], " ", call.argv[1], " ... for ", call.programs.size(), " programs"));
    going = RunCall(planned, call, lines);
    lines.Finish();
    if (!going) break;
  }
  report_.variants.back().seconds = absl::ToDoubleSeconds(absl::Now() - started);
  if (!going) return false;

  result.log = lines.Kept();
  const ParsedLog log(result.log, packages_);
  const LogVerdicts verdicts(
      log, [this](std::string_view package, std::string_view name) { return headers_->Has(package, name); });
  absl::flat_hash_map<std::string, const fetch::Program*> by_path;
  for (const fetch::Program* program : pending) by_path[program->import_path] = program;
  for (const PlannedCall& call : planned.calls) {
    for (const PlannedProgram& done : call.programs) {
      if (const absl::Status status = scope_.Check(); !status.ok()) return EndWith(status, FailureClass::kInternal);
      const fetch::Program& program = *by_path.at(done.import_path);
      if (IsPlainFileBelow(out_folder_, done.out_path)) {
        failed_.erase(program.import_path);
        candidates_.push_back({&program, out_folder_, done.out_path, variant});
        continue;
      }
      result.missing.push_back(&program);
      Fail(program, verdicts.OfProgram(DependenciesOf(program)));
    }
  }
  report_.variants.back().outcome = result.missing.empty()                   ? VariantOutcome::kBuilt
                                    : result.missing.size() < pending.size() ? VariantOutcome::kPartial
                                                                             : VariantOutcome::kFailed;
  return true;
}

bool Attempt::MakeFolders(const PlannedTry& planned) {
  const auto make = [&](std::string_view name, std::string& folder) -> absl::Status {
    GOFARM_ASSIGN_OR_RETURN(folder, folder_->MakeInside(Cat(name, "-", try_number_)));
    return absl::OkStatus();
  };
  // Of the try before only the programs are wanted; the rest would add to what one attempt has on disk.
  if (!job_folder_.empty()) folder_->RemoveInside(job_folder_);
  if (!source_folder_.empty()) folder_->RemoveInside(std::exchange(source_folder_, ""));
  if (!out_folder_.empty() && (candidates_.empty() || candidates_.back().out_folder != out_folder_)) {
    folder_->RemoveInside(out_folder_);
  }
  const auto all = [&]() -> absl::Status {
    GOFARM_RETURN_IF_ERROR(make("out", out_folder_));
    GOFARM_RETURN_IF_ERROR(make("job", job_folder_));
    GOFARM_RETURN_IF_ERROR(io::MakeFolders(job_folder_ + "/home"));
    GOFARM_RETURN_IF_ERROR(io::MakeFolders(job_folder_ + "/tmp"));
    if (planned.UsesSrc()) {
      GOFARM_RETURN_IF_ERROR(make("src", source_folder_));
      if (planned.needs_source) {
        GOFARM_RETURN_IF_ERROR(CopySource(scope_, tools_.fetcher.SourceFolder(*listing_), source_folder_));
      }
      if (!planned.go_mod.empty())
        GOFARM_RETURN_IF_ERROR(io::WriteFileAtomic(source_folder_ + "/go.mod", planned.go_mod));
      if (!planned.go_sum.empty())
        GOFARM_RETURN_IF_ERROR(io::WriteFileAtomic(source_folder_ + "/go.sum", planned.go_sum));
      GOFARM_RETURN_IF_ERROR(tools_.sandbox.GiveToBuilds(source_folder_, offer_.slot));
    }
    GOFARM_RETURN_IF_ERROR(tools_.sandbox.GiveToBuilds(out_folder_, offer_.slot));
    return tools_.sandbox.GiveToBuilds(job_folder_, offer_.slot);
  };
  const absl::Status status = all();
  // What cannot be copied or given away as it is (INVALID_ARGUMENT) is the source's own doing.
  return status.ok() ||
         EndWith(Annotate(status, "prepare the folders of a build"),
                 absl::IsInvalidArgument(status) ? FailureClass::kSourceInvalid : FailureClass::kInternal);
}

absl::Status Attempt::MakeCaches() {
  if (!caches_folder_.empty()) return absl::OkStatus();
  GOFARM_ASSIGN_OR_RETURN(caches_folder_, folder_->MakeInside(Cat("caches-", try_number_)));
  GOFARM_RETURN_IF_ERROR(io::MakeFolders(caches_folder_ + "/zig", 0700));
  return io::MakeFolders(caches_folder_ + "/go", 0700);
}

bool Attempt::RunCall(const PlannedTry& planned, const PlannedCall& call, LogLines& lines) {
  if (const absl::Status status = MakeCaches(); !status.ok()) return EndWith(status, FailureClass::kInternal);
  const BuildLimits& limits = offer_.limits;
  exec::SandboxSpec spec = BuildSandbox(planned, call,
                                        {.go = go_->root,
                                         .zig = toolchains_.zig.root,
                                         .mod_cache = tools_.cache.Mod(),
                                         .out = out_folder_,
                                         .job = job_folder_,
                                         .source = source_folder_,
                                         .caches = caches_folder_,
                                         .seed = seed_,
                                         .shared_go_cache = report_.facts.used_shared_cache});
  spec.limits.wall = std::max(limits.wall - absl::Seconds(build_seconds_), absl::ZeroDuration());
  spec.limits.silence = limits.silence;
  spec.limits.memory_bytes = MemoryBytes();
  spec.limits.output_bytes = limits.output_bytes;
  spec.limits.processes = limits.processes;
  spec.slot = offer_.slot;

  // Too much output ends the build through a stop of its own; a stop from outside is passed on.
  std::stop_source stop;
  const std::stop_callback pass_on(scope_.stop, [&stop] { stop.request_stop(); });
  const int64_t output_max = std::max<int64_t>(limits.log_bytes, 1) * kRawOutputPerLogByte;
  const int64_t before = lines.raw_bytes();
  const absl::StatusOr<exec::SandboxResult> result =
      tools_.sandbox.Run(Scope{scope_.deadline, stop.get_token()}, spec, [&](std::string_view bytes) {
        lines.Feed(bytes);
        if (raw_output_bytes_ + lines.raw_bytes() - before <= output_max) return;
        too_much_output_ = true;
        stop.request_stop();
      });
  raw_output_bytes_ += lines.raw_bytes() - before;
  if (!result.ok()) return EndWith(Annotate(result.status(), "start the build"), FailureClass::kInternal);
  return JudgeEnd(*result);
}

bool Attempt::JudgeEnd(const exec::SandboxResult& result) {
  build_seconds_ += result.seconds;
  report_.cpu_seconds += result.cpu_seconds;
  report_.peak_memory_bytes = std::max(report_.peak_memory_bytes, result.peak_memory_bytes);
  const BuildLimits& limits = offer_.limits;
  switch (result.ended_by) {
    case exec::EndedBy::kExit:
      return true;  // which programs are there decides, not the exit code
    case exec::EndedBy::kSignal:
      // SIGKILL that nobody here sent is the kernel's for memory.
      if (result.signal == SIGKILL)
        return End(FailureClass::kOutOfMemory, "the kernel killed the build, most likely for memory");
      // The sandbox also bounds the size of a single file, by a signal.
      if (result.signal == SIGXFSZ)
        return End(FailureClass::kOutputLimit, Cat("a file of more than ", limits.output_bytes / kMiB, " MiB"));
      return End(FailureClass::kToolchainBroken, Cat("go died of signal ", result.signal));
    case exec::EndedBy::kWall:
      if (const absl::Status status = scope_.Check(); !status.ok()) return EndWith(status, FailureClass::kTimeout);
      return End(FailureClass::kTimeout, Cat("not finished after ", absl::FormatDuration(limits.wall)));
    case exec::EndedBy::kSilence:
      return End(FailureClass::kSilence, Cat("no output and no CPU use for ", absl::FormatDuration(limits.silence)));
    case exec::EndedBy::kMemory:
      return End(FailureClass::kOutOfMemory,
                 Cat("more than ", MemoryBytes() / kMiB, " MiB of memory (", result.peak_memory_bytes / kMiB, " MiB)"));
    case exec::EndedBy::kOutput:
      return End(FailureClass::kOutputLimit, Cat("more than ", limits.output_bytes / kMiB, " MiB of files"));
    case exec::EndedBy::kDisk:
      return End(FailureClass::kDiskFull,
                 Cat("less than ", exec::SandboxLimits().disk_free_bytes / kMiB, " MiB were left under ",
                     tools_.options.work_dir, " or ", tools_.cache.root(), " while it was building"));
    case exec::EndedBy::kStopped:
      if (too_much_output_ && !scope_.stop.stop_requested()) {
        return End(FailureClass::kOutputLimit,
                   Cat("more than ", kRawOutputPerLogByte, " times ", limits.log_bytes, " bytes of output"));
      }
      return EndWith(absl::CancelledError("stopped"), FailureClass::kInternal);
  }
  return End(FailureClass::kInternal, "unknown end of the sandbox");
}

bool Attempt::Check() {
  if (candidates_.empty()) return true;
  EnterPhase(Phase::kCheck);
  std::sort(candidates_.begin(), candidates_.end(),
            [](const Candidate& a, const Candidate& b) { return a.program->import_path < b.program->import_path; });
  for (const Candidate& candidate : candidates_) {
    if (const absl::Status status = scope_.Check(); !status.ok()) return EndWith(status, FailureClass::kInternal);
    const fetch::Program& program = *candidate.program;
    absl::StatusOr<VerifiedExecutable> built =
        VerifyExecutable(candidate.out_folder, candidate.relative,
                         {program.import_path, program.name, offer_.module, DevelOr(candidate.variant, offer_.version),
                          "go" + go_->version, offer_.target});
    if (built.ok()) {
      Executable& executable = built->executable;
      executable.variant = VariantName(candidate.variant);
      for (Dependency& dependency : built->dependencies) {
        const auto [place, is_new] = dependency_places_.try_emplace(dependency, report_.dependencies.size());
        if (is_new) report_.dependencies.push_back(std::move(dependency));
        executable.dependencies.push_back(static_cast<int>(place->second));
      }
      Say("check", Cat(program.import_path, ": ", executable.size, " bytes, sha256 ", executable.sha256));
      report_.executables.push_back(std::move(executable));
      report_.files.push_back(std::move(built->file));
      continue;
    }
    const std::string_view message = Sv(built.status().message());
    Say("check", Cat(program.import_path, ": ", message));
    if (!absl::IsFailedPrecondition(built.status())) return EndWith(built.status(), FailureClass::kInternal);
    Fail(program, {FailureClass::kNotStaticPie, DetailOf(message)});
  }
  return true;
}

bool Attempt::Record() {
  if (report_.executables.empty()) return true;
  const std::string file = folder_->path() + "/licences";
  const absl::StatusOr<int64_t> size = tools_.fetcher.WriteLicences(*listing_, offer_.target, file);
  if (!size.ok()) return EndWith(Annotate(size.status(), "gather the licences"), FailureClass::kInternal);
  if (*size == 0) return true;
  const absl::StatusOr<digest::FileDigests> digests = digest::DigestFile(file);
  if (!digests.ok()) return EndWith(digests.status(), FailureClass::kInternal);
  report_.licences_file = file;
  report_.facts.licences_sha256 = digests->sha256;
  report_.facts.licences_size = digests->size;
  return true;
}

void Attempt::Conclude() {
  for (auto& [path, program] : failed_) {
    // A trouble of the worker says nothing about the program: the whole attempt counts as failed, so that it is tried
    // again.
    if (ConcernsWorker(program.failure_class)) {
      End(program.failure_class, program.failure_detail);
      return;
    }
    report_.failed_programs.push_back(program);
  }
  if (report_.failed_programs.empty()) {
    report_.outcome = AttemptOutcome::kBuilt;
    return;
  }
  report_.outcome = report_.executables.empty() ? AttemptOutcome::kFailed : AttemptOutcome::kPartial;
  report_.failure_class = report_.failed_programs.front().failure_class;
  report_.failure_detail = report_.failed_programs.front().failure_detail;
}

bool Attempt::End(FailureClass failure, std::string_view detail) {
  report_.outcome = AttemptOutcome::kFailed;
  report_.failure_class = failure;
  report_.failure_detail = DetailOf(detail);
  report_.executables.clear();
  report_.dependencies.clear();
  report_.files.clear();
  report_.failed_programs.clear();
  Say(Tag(), Cat("ended as ", Name(failure), ": ", report_.failure_detail));
  return false;
}

bool Attempt::EndWith(const absl::Status& status, FailureClass otherwise) {
  // Stop first: what breaks because of it reports all sorts of errors.
  if (scope_.stop.stop_requested() || absl::IsCancelled(status)) {
    End(FailureClass::kNone, "cancelled");
    report_.outcome = AttemptOutcome::kCancelled;
    return false;
  }
  if (absl::IsDeadlineExceeded(status)) return End(FailureClass::kTimeout, Sv(status.message()));
  if (absl::IsResourceExhausted(status)) return End(FailureClass::kDiskFull, Sv(status.message()));
  return End(otherwise, Sv(status.message()));
}

// Go listed on the host; a report names the paths of every build instead of this machine's.
std::string Attempt::InSandboxTerms(std::string_view text) const {
  return absl::StrReplaceAll(Av(text), {{tools_.cache.Mod(), Av(kModCache)}});
}

void Attempt::Fail(const fetch::Program& program, Classified why) {
  failed_[program.import_path] = {program.import_path, program.name, why.failure, std::move(why.detail)};
}

void Attempt::EnterPhase(Phase phase) {
  LeavePhase();
  phase_ = phase;
  phase_started_ = absl::Now();
  progress_shown_ = absl::InfinitePast();
  ShowProgress({.phase = phase, .variant = phase == Phase::kBuild ? VariantName(FirstVariant(*listing_)) : ""});
}

void Attempt::LeavePhase() {
  if (phase_ == Phase::kNone) return;
  const double seconds = absl::ToDoubleSeconds(absl::Now() - phase_started_);
  const auto found =
      std::find_if(report_.phases.begin(), report_.phases.end(), [&](const PhaseTime& p) { return p.phase == phase_; });
  if (found == report_.phases.end()) {
    report_.phases.push_back({phase_, seconds});
  } else {
    found->seconds += seconds;
  }
  phase_ = Phase::kNone;
}

void Attempt::Say(std::string_view tag, std::string_view text) {
  LogLines lines{std::string(tag), [this](std::string_view out) { listener_.OnLog(out); }};
  lines.Feed(text);
  lines.Finish();
}

void Attempt::ShowProgress(Progress progress) {
  progress_shown_ = absl::Now();
  listener_.OnProgress(progress);
}

fetch::FetchProgress Attempt::ProgressOf(Phase phase, std::string tag) {
  return [this, phase, tag = std::move(tag), log = StepLog(), last = std::string()](std::string_view step, int64_t done,
                                                                                    int64_t total) mutable {
    if (log.IsNews(step, absl::Now())) Say(tag, step);
    const bool new_step = step != last;
    if (new_step) last = std::string(step);
    if (new_step || absl::Now() - progress_shown_ >= kProgressEvery) {
      ShowProgress({.phase = phase, .detail = EscapeForPrint(step), .bytes_done = done, .bytes_total = total});
    }
  };
}

// `go -v` prints the import path of each package it compiles.
void Attempt::CountPackages(std::string_view tagged_lines) {
  std::string_view last;
  while (!tagged_lines.empty()) {
    const size_t end = tagged_lines.find('\n');
    std::string_view line = tagged_lines.substr(0, end);
    tagged_lines.remove_prefix(end == std::string_view::npos ? tagged_lines.size() : end + 1);
    line.remove_prefix(std::min(line.size(), Tag().size() + 2));
    if (!packages_.contains(std::string(line))) continue;
    ++packages_compiled_;
    last = line;
  }
  if (last.empty() || absl::Now() - progress_shown_ < kProgressEvery) return;
  ShowProgress({.phase = Phase::kBuild,
                .variant = variant_name_,
                .detail = Cat(packages_compiled_, " packages compiled, now ", last)});
}

int64_t Attempt::MemoryBytes() const {
  const int64_t worker = tools_.options.memory_bytes_per_slot, asked = offer_.limits.memory_bytes;
  if (asked <= 0) return worker;
  return worker <= 0 ? asked : std::min(asked, worker);
}

std::string Attempt::Tag() const {
  std::string tag(phase_ == Phase::kNone ? "prepare" : Name(phase_));
  if (phase_ == Phase::kBuild && !variant_name_.empty()) tag += Cat("/", variant_name_);
  return tag;
}

absl::flat_hash_set<std::string> Attempt::DependenciesOf(const fetch::Program& program) const {
  absl::flat_hash_set<std::string> all = {program.import_path};
  std::vector<std::string> open = {program.import_path};
  while (!open.empty()) {
    const auto found = target_->imports.find(open.back());
    open.pop_back();
    if (found == target_->imports.end()) continue;
    for (const std::string& import : found->second) {
      if (all.insert(import).second) open.push_back(import);
    }
  }
  return all;
}

}  // namespace gofarm::build
