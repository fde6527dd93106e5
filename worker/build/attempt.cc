#include "worker/build/attempt.h"

#include <algorithm>
#include <csignal>
#include <optional>
#include <set>
#include <stop_token>
#include <utility>

#include "absl/strings/str_replace.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "common/vocab/failure_text.h"
#include "common/vocab/report_check.h"
#include "worker/build/build_sandbox.h"
#include "worker/build/go_cache_merge.h"

namespace gofarm::build {
namespace {

constexpr absl::Duration kProgressEvery = absl::Seconds(1);
constexpr int64_t kMiB = int64_t{1} << 20;

}  // namespace

Attempt::Attempt(const BuildTools& tools, const Scope& scope, const AcceptedOffer& offer, BuildListener& listener)
    : tools_(tools), scope_(scope), offer_(offer), listener_(listener) {}

BuildReport Attempt::Run() {
  if (Prepare() && WaitForSeed(/*cxx=*/false) && Fetch() && Build() && Record()) Conclude();
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
  fetch::FetchOutcome outcome = List(std::nullopt, ProgressOf(Phase::kFetch, "fetch"));
  if (outcome.stopped) return EndWith(absl::CancelledError("stopped"), FailureClass::kInternal);
  if (outcome.listing == nullptr) {
    const FailureClass failure = outcome.failure == FailureClass::kNone ? FailureClass::kInternal : outcome.failure;
    return End(failure, outcome.detail);
  }
  if (!TakeListing(std::move(outcome.listing))) return false;
  built_ = listing_;
  report_.facts.go_version = go_->version;
  report_.facts.go_sha256 = go_->sha256;
  report_.facts.module_h1 = listing_->module_h1;
  report_.facts.declared_path = listing_->declared_path;
  report_.facts.bytes_fetched = listing_->bytes_fetched;
  report_.facts.dependency_count = static_cast<int>(target_->modules.size());
  report_.facts.used_shared_cache = SharesGoCache();
  report_.facts.cold_caches = offer_.cold_caches;
  Say("fetch", Cat(listing_->bytes_fetched, " bytes fetched, ", target_->modules.size(), " modules linked, go ",
                   go_->version, ", zig ", toolchains_.zig.version));
  for (const std::string& edit : listing_->edits) Say("fetch", edit);
  for (const std::string& folder : target_->unreadable) Note(Cat("no package to go, so nothing was built: ", folder));
  return true;
}

bool Attempt::Build() {
  if (std::none_of(target_->programs.begin(), target_->programs.end(),
                   [](const fetch::Program& program) { return program.has_main_func; })) {
    Say("fetch", Cat("no programs for ", TargetName(offer_.target)));
    report_.outcome = AttemptOutcome::kNothingToBuild;
    return false;
  }
  if (!RunTries()) return false;
  TakeExecutables();
  MergeCaches();
  return true;
}

bool Attempt::RunTry(const Variant& variant, const Programs& pending, bool apart, TryResult& result) {
  std::vector<const fetch::Program*> programs;
  for (const fetch::Program& program : target_->programs) {
    if (std::find(pending.begin(), pending.end(), program.import_path) != pending.end()) programs.push_back(&program);
  }
  const PlanInput input{
      .listing = *listing_,
      .target = offer_.target,
      .variant = variant,
      .programs = programs,
      .host_goarch = HostGoarch(fetch::ToolchainStore::HostArch()),
      .share = ShareOf(tools_.options.cores, tools_.options.slots, tools_.running.load(), MemoryBytes()),
      .apart = apart,
      .overlay = OverlayFor(variant)};
  const PlannedTry planned = PlanTry(input);
  ++try_number_;
  variant_name_ = VariantName(variant);
  packages_compiled_ = 0;
  report_.variants.push_back({.variant = variant_name_,
                              .argv = RecordedArgv(planned),
                              .environment = RecordedEnvironment(planned),
                              .go_mod = planned.go_mod,
                              .working_directory = planned.working_directory,
                              .edits = listing_->edits});
  for (std::string& edit : EditsOf(variant)) report_.variants.back().edits.push_back(std::move(edit));
  ShowProgress({.phase = Phase::kBuild, .variant = variant_name_, .detail = Cat(pending.size(), " programs")});
  if (!MakeFolders(planned)) return false;

  const absl::Time started = SteadyNow();
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
  report_.variants.back().seconds = absl::ToDoubleSeconds(SteadyNow() - started);
  if (!going) return false;

  const std::string text = lines.Kept();
  const ParsedLog log(text, packages_);
  const LogVerdicts verdicts(
      log, [this](std::string_view package, std::string_view name) { return headers_->Has(package, name); });
  size_t missing = 0;
  const size_t first_built = candidates_.size(), missing_before = result.missing.size();
  for (const PlannedCall& call : planned.calls) {
    for (const PlannedProgram& done : call.programs) {
      if (const absl::Status status = scope_.Check(); !status.ok()) return EndWith(status, FailureClass::kInternal);
      const fetch::Program& program = **std::find_if(programs.begin(), programs.end(), [&](const fetch::Program* p) {
        return p->import_path == done.import_path;
      });
      if (IsPlainFileBelow(out_folder_, done.out_path)) {
        candidates_.push_back({&program, out_folder_, done.out_path, variant, listing_});
        continue;
      }
      ++missing;
      result.missing.push_back(program.import_path);
      if (!KeepsFirstFailure(variant) || !failed_.contains(program.import_path)) {
        Fail(program, verdicts.OfProgram(DependenciesOf(program)));
      }
    }
  }
  foreign_in_caches_ |= !MayShareGoCache(*target_);
  if (missing > 0) {
    std::set<std::string> linked;
    for (const fetch::LinkedModule& module : target_->modules) linked.insert(module.path);
    for (Finding& finding : FindingsOf(
             log.sections(), [this](std::string_view p) { return OriginOf(p); }, linked)) {
      result.findings.push_back(std::move(finding));
    }
  }
  result.refused = missing == pending.size() && packages_compiled_ == 0;
  if (!CheckBuilt(first_built, variant, result)) return false;
  missing = result.missing.size() - missing_before;
  if (missing < pending.size()) {
    built_ = listing_;
    report_.facts.go_version = go_->version;
    report_.facts.go_sha256 = go_->sha256;
    report_.facts.dependency_count = static_cast<int>(target_->modules.size());
  }
  report_.variants.back().outcome = missing == 0               ? VariantOutcome::kBuilt
                                    : missing < pending.size() ? VariantOutcome::kPartial
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
    GOFARM_RETURN_IF_ERROR(MakeModuleView());
    GOFARM_RETURN_IF_ERROR(make("out", out_folder_));
    GOFARM_RETURN_IF_ERROR(make("job", job_folder_));
    GOFARM_RETURN_IF_ERROR(io::MakeFolders(job_folder_ + "/home"));
    GOFARM_RETURN_IF_ERROR(io::MakeFolders(job_folder_ + "/tmp"));
    const auto in_job = [&](std::string_view path) { return Cat(job_folder_, path.substr(kJob.size())); };
    if (!planned.alias_source.empty()) {
      GOFARM_RETURN_IF_ERROR(io::WriteFileAtomic(in_job(kAliasSource), planned.alias_source));
    }
    if (!planned.overlay.empty()) {
      GOFARM_RETURN_IF_ERROR(io::MakeFolders(in_job(kOverlay)));
    }
    for (size_t i = 0; i < planned.overlay.size(); ++i) {
      GOFARM_RETURN_IF_ERROR(io::WriteFileAtomic(Cat(in_job(kOverlay), "/", i, ".go"), planned.overlay[i].text));
    }
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
  if (offer_.cold_caches) {
    cold_folder_ = caches_folder_ + "/cold";
    GOFARM_RETURN_IF_ERROR(io::MakeFolders(cold_folder_, 0755));
  }
  GOFARM_RETURN_IF_ERROR(io::MakeFolders(caches_folder_ + "/zig", 0700));
  return io::MakeFolders(caches_folder_ + "/go", 0700);
}

bool Attempt::SharesGoCache() const { return !offer_.cold_caches && MayShareGoCache(*target_); }

// What later jobs may use, once no try can change it any more. One that saw foreign C has put its objects into the same
// layer: that never leaves it.
void Attempt::MergeCaches() {
  if (foreign_in_caches_ || offer_.cold_caches || caches_folder_.empty()) return;
  const absl::Status merged = MergeGoCache(scope_, caches_folder_ + "/go/upper", seed_.shared_gocache);
  if (!merged.ok()) Say(Tag(), Cat("nothing was added to the shared Go cache: ", InSandboxTerms(Sv(merged.message()))));
}

bool Attempt::RunCall(const PlannedTry& planned, const PlannedCall& call, LogLines& lines) {
  if (const absl::Status status = MakeCaches(); !status.ok()) return EndWith(status, FailureClass::kInternal);
  report_.facts.used_shared_cache = SharesGoCache();
  const BuildLimits& limits = offer_.limits;
  exec::SandboxSpec spec = BuildSandbox(planned, call,
                                        {.go = go_->root,
                                         .zig = toolchains_.zig.root,
                                         .mod_cache = tools_.cache.Mod(),
                                         .mod_view = mod_view_,
                                         .modules = listing_->cache_dirs,
                                         .out = out_folder_,
                                         .job = job_folder_,
                                         .source = source_folder_,
                                         .caches = caches_folder_,
                                         .seed = seed_,
                                         .shared_go_cache = SharesGoCache(),
                                         .cold = cold_folder_});
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
  report_.failure_detail = DetailOf(InSandboxTerms(detail));
  report_.executables.clear();
  report_.dependencies.clear();
  report_.files.clear();
  report_.facts.source_sha256.clear();
  report_.facts.source_size = 0;
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

// A report is read by strangers: it names the paths of every build instead of this machine's.
std::string Attempt::InSandboxTerms(std::string_view text) const {
  std::vector<std::pair<absl::string_view, absl::string_view>> terms;
  for (const fetch::InstalledToolchain& go : toolchains_.gos) terms.emplace_back(go.root, Av(kGoRoot));
  if (previous_go_) terms.emplace_back(previous_go_->root, Av(kGoRoot));
  if (!toolchains_.zig.root.empty()) terms.emplace_back(toolchains_.zig.root, Av(kZigRoot));
  const std::string mod = tools_.cache.Mod();
  terms.emplace_back(mod, Av(kModCache));
  if (folder_ != nullptr) terms.emplace_back(folder_->path(), "(attempt)");
  terms.emplace_back(tools_.options.work_dir, "(work folder)");
  terms.emplace_back(tools_.cache.root(), "(cache folder)");
  return absl::StrReplaceAll(Av(text), terms);
}

void Attempt::Fail(const fetch::Program& program, Classified why) {
  std::string detail = InSandboxTerms(why.detail);
  if (const std::string_view hint = HintOf(why.failure, detail); !hint.empty()) {
    detail = Cat(Clip(detail, kDetailMax - hint.size() - 1), "\n", hint);
  }
  failed_[program.import_path] = {fetch::AskedImportPath(*listing_, program.import_path), program.name, why.failure,
                                  std::move(detail)};
}

void Attempt::Note(std::string_view text) {
  if (report_.notes.size() >= kNotesMax) return;
  report_.notes.push_back(Clip(EscapeForPrint(InSandboxTerms(text)), kTextBytesMax));
  Say(Tag(), report_.notes.back());
}

void Attempt::EnterPhase(Phase phase) {
  LeavePhase();
  phase_ = phase;
  phase_started_ = SteadyNow();
  progress_shown_ = absl::InfinitePast();
  ShowProgress(
      {.phase = phase, .variant = phase == Phase::kBuild ? VariantName(FirstVariant(*listing_, offer_.target)) : ""});
}

void Attempt::LeavePhase() {
  if (phase_ == Phase::kNone) return;
  const double seconds = absl::ToDoubleSeconds(SteadyNow() - phase_started_);
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
  progress_shown_ = SteadyNow();
  listener_.OnProgress(progress);
}

fetch::FetchProgress Attempt::ProgressOf(Phase phase, std::string tag) {
  return [this, phase, tag = std::move(tag), log = StepLog(), last = std::string()](std::string_view step, int64_t done,
                                                                                    int64_t total) mutable {
    if (log.IsNews(step, SteadyNow())) Say(tag, step);
    const bool new_step = step != last;
    if (new_step) last = std::string(step);
    if (new_step || SteadyNow() - progress_shown_ >= kProgressEvery) {
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
  if (last.empty() || SteadyNow() - progress_shown_ < kProgressEvery) return;
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
