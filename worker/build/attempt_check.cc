// The part of an attempt that looks at what a try built: the acceptance gate, and the smoke run of what passed it.
#include <algorithm>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <system_error>
#include <utility>

#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "common/vocab/report_check.h"
#include "worker/build/attempt.h"
#include "worker/build/program_text.h"
#include "worker/build/smoke.h"
#include "worker/build/verify.h"

namespace gofarm::build {
namespace {

// As Go writes it into a program.
std::string GoVersionOf(const fetch::Listing& listing) {
  const std::vector<std::string>& experiments = listing.form.experiments;
  return Cat("go", listing.go_version, experiments.empty() ? "" : "-X:", absl::StrJoin(experiments, ","));
}

// Both ends of what a program prints: what it says first, and how it ended.
class Output {
 public:
  // False: it has printed too much.
  bool Add(std::string_view bytes) {
    text_ += bytes.substr(0, kSmokeOutputBytesMax - std::min(kSmokeOutputBytesMax, text_.size()));
    total_ += bytes.size();
    return total_ <= kSmokeOutputBytesMax;
  }
  std::string_view text() const { return text_; }
  bool too_much() const { return total_ > kSmokeOutputBytesMax; }

 private:
  std::string text_;
  size_t total_ = 0;
};

}  // namespace

bool Attempt::CheckBuilt(size_t first, const Variant& variant, TryResult& result) {
  if (first == candidates_.size()) return true;
  EnterPhase(Phase::kCheck);
  for (size_t i = first; i < candidates_.size();) {
    if (const absl::Status status = scope_.Check(); !status.ok()) return EndWith(status, FailureClass::kInternal);
    Candidate& candidate = candidates_[i];
    const fetch::Program& program = *candidate.program;
    const fetch::Listing& listing = *candidate.listing;
    const bool is_source = fetch::IsSource(listing.form);
    absl::StatusOr<VerifiedExecutable> built =
        VerifyExecutable(candidate.out_folder, candidate.relative,
                         {program.import_path, program.name, is_source ? listing.own_path() : offer_.module,
                          is_source ? std::string("(devel)") : offer_.version, GoVersionOf(listing), offer_.target});
    if (!built.ok()) {
      const std::string_view message = Sv(built.status().message());
      Say("check", Cat(program.import_path, ": ", message));
      if (!absl::IsFailedPrecondition(built.status())) return EndWith(built.status(), FailureClass::kInternal);
      Fail(program, {FailureClass::kNotStaticPie, DetailOf(message)});
      candidates_.erase(candidates_.begin() + static_cast<std::ptrdiff_t>(i));
      continue;
    }
    candidate.built = *std::move(built);
    std::optional<SmokeVerdict> crash;
    if (!SmokeRun(candidate, crash)) return false;
    if (!crash) {
      failed_.erase(program.import_path);
      ++i;
      continue;
    }
    // A repair may mend it: it is pending again, and nothing that it left counts.
    result.missing.push_back(program.import_path);
    const PackageOrigin origin = crash->package.empty() ? PackageOrigin() : OriginOf(crash->package);
    result.findings.push_back({Fingerprint::kCrashesAtStart,
                               origin.kind == PackageOrigin::Kind::kDependency ? origin.module : std::string()});
    if (!KeepsFirstFailure(variant) || !failed_.contains(program.import_path)) {
      Fail(program, {FailureClass::kCrashesAtStart, DetailOf(crash->lines)});
    }
    candidates_.erase(candidates_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return true;
}

// Native runs alone say something of a program: `crash` is set by those. False: the attempt has ended.
bool Attempt::SmokeRun(Candidate& candidate, std::optional<SmokeVerdict>& crash) {
  Executable& executable = candidate.built.executable;
  const auto record = [&](Smoke smoke, std::string_view detail) {
    executable.smoke = smoke;
    executable.smoke_detail = EscapeAndClip(InSandboxTerms(detail), kSmokeDetailBytesMax);
    return true;
  };
  if (!smoke_runner_) {
    smoke_runner_ = FindSmokeRunner(tools_.options.smoke, offer_.target, fetch::ToolchainStore::HostArch());
  }
  if (!smoke_runner_->can_run) return record(Smoke::kNotRun, smoke_runner_->why_not);
  const auto time_left = [&] { return tools_.options.smoke_attempt_max - absl::Seconds(smoke_seconds_); };
  if (time_left() <= absl::ZeroDuration()) return record(Smoke::kNotRun, kSmokeTimeOver);
  const bool emulated = !smoke_runner_->emulator.empty();
  const std::string& path = candidate.program->import_path;
  ShowProgress({.phase = Phase::kCheck, .variant = variant_name_, .detail = Cat("smoke run of ", path)});

  const std::string name = Cat("smoke-", ++smoke_runs_);
  const std::string zones = go_->root + "/lib/time/zoneinfo.zip";
  std::error_code error;
  SmokeFolders folders{.program = candidate.built.file,
                       .job = "",
                       .emulator = smoke_runner_->emulator,
                       .zones = std::filesystem::exists(zones, error) ? zones : ""};
  const auto make = [&]() -> absl::Status {
    GOFARM_ASSIGN_OR_RETURN(folders.job, folder_->MakeInside(name));
    GOFARM_RETURN_IF_ERROR(io::MakeFolders(folders.job + "/home"));
    GOFARM_RETURN_IF_ERROR(io::MakeFolders(folders.job + "/tmp"));
    return tools_.sandbox.GiveToBuilds(folders.job, offer_.slot);
  };
  if (const absl::Status made = make(); !made.ok()) return EndWith(made, FailureClass::kInternal);
  std::string detail;
  for (const std::string_view flag : kSmokeFlags) {
    if (time_left() <= absl::ZeroDuration()) break;
    SmokeVerdict verdict;
    std::string text;
    if (!RunForSmoke(folders, executable.name, flag, time_left(), verdict, text)) return false;
    if (!verdict.ran || verdict.crashed || !verdict.detail.empty()) {
      Say("smoke", InSandboxTerms(Cat(path, " ", flag, ": ",
                                      !verdict.ran      ? "not run, "
                                      : verdict.crashed ? "crashed, "
                                                        : "ok, ",
                                      verdict.detail, verdict.lines.empty() ? "" : "\n", verdict.lines)));
    }
    if (verdict.crashed && !emulated) {
      crash = std::move(verdict);
      crash->lines = Cat("started with ", flag, ": ", crash->lines);
      folder_->RemoveInside(folders.job);
      return true;
    }
    if (verdict.crashed) {
      record(Smoke::kCrashed, "emulator");
    } else if (verdict.ran) {
      record(Smoke::kOk, emulated ? "emulator" : detail.empty() ? verdict.detail : detail);
    } else if (flag == kSmokeFlags[0]) {
      record(Smoke::kNotRun, verdict.detail);
    }
    // What it does until its time is over it would do with another flag too.
    if (verdict.crashed || !verdict.ran || verdict.detail == kSmokeTimeOver) break;
    detail = verdict.detail;
    (flag == kSmokeHelp ? executable.help_text : executable.version_text) = std::move(text);
  }
  // One that prints the same whatever it is asked does not tell its version.
  if (executable.version_text == executable.help_text) executable.version_text.clear();
  folder_->RemoveInside(folders.job);
  return true;
}

bool Attempt::RunForSmoke(const SmokeFolders& folders, std::string_view name, std::string_view flag,
                          absl::Duration left, SmokeVerdict& verdict, std::string& text) {
  exec::SandboxSpec spec = SmokeSandbox(folders, name, flag);
  spec.slot = offer_.slot;
  spec.limits.wall = std::min(spec.limits.wall, left);
  spec.limits.memory_bytes = std::min(spec.limits.memory_bytes, MemoryBytes());
  std::stop_source stop;
  const std::stop_callback pass_on(scope_.stop, [&stop] { stop.request_stop(); });
  Output output;
  const absl::Time started = SteadyNow();
  const absl::StatusOr<exec::SandboxResult> ran =
      tools_.sandbox.Run(Scope{scope_.deadline, stop.get_token()}, spec, [&](std::string_view bytes) {
        if (!output.Add(bytes)) stop.request_stop();
      });
  smoke_seconds_ += absl::ToDoubleSeconds(SteadyNow() - started);
  if (const absl::Status status = scope_.Check(); !status.ok()) return EndWith(status, FailureClass::kInternal);
  if (!ran.ok()) {
    // The program is as good as before.
    Say("smoke", InSandboxTerms(Sv(ran.status().message())));
    verdict = {.ran = false, .detail = "the sandbox did not start it"};
    return true;
  }
  report_.cpu_seconds += ran->cpu_seconds;
  report_.peak_memory_bytes = std::max(report_.peak_memory_bytes, ran->peak_memory_bytes);
  const SmokeEnd end{.result = *ran, .printed_too_much = output.too_much(), .output = output.text()};
  verdict = JudgeSmoke(end);
  if (IsAnswer(flag, end, verdict)) text = ProgramText(end.output, Cat(kOut, "/", name), name);
  return true;
}

void Attempt::TakeExecutables() {
  for (const Candidate& candidate : candidates_) {
    built_variants_.insert_or_assign(VariantName(candidate.variant),
                                     BuiltVariant{candidate.variant, candidate.listing});
  }
  std::sort(candidates_.begin(), candidates_.end(),
            [](const Candidate& a, const Candidate& b) { return a.program->import_path < b.program->import_path; });
  for (Candidate& candidate : candidates_) {
    Executable& executable = candidate.built.executable;
    executable.variant = VariantName(candidate.variant);
    executable.import_path = fetch::AskedImportPath(*candidate.listing, candidate.program->import_path);
    for (Dependency& dependency : candidate.built.dependencies) {
      const auto [place, is_new] = dependency_places_.try_emplace(dependency, report_.dependencies.size());
      if (is_new) report_.dependencies.push_back(std::move(dependency));
      executable.dependencies.push_back(static_cast<int>(place->second));
    }
    Say("check", Cat(candidate.program->import_path, ": ", executable.size, " bytes, sha256 ", executable.sha256));
    report_.executables.push_back(std::move(executable));
    report_.files.push_back(std::move(candidate.built.file));
  }
  candidates_.clear();
}

}  // namespace gofarm::build
