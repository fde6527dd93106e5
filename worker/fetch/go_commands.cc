#include "worker/fetch/go_commands.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <utility>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/gomod/build_constraint.h"
#include "common/io/files.h"
#include "common/process/proc_fs.h"
#include "worker/fetch/command.h"
#include "worker/fetch/toolchain_source.h"

namespace gofarm::fetch {
namespace {

namespace fs = std::filesystem;

constexpr size_t kDownloadJsonMax = 1 << 20;
constexpr size_t kQueryJsonMax = 16 << 20;
constexpr std::string_view kQueryGoMod = "module gofarm.invalid/query\n";

}  // namespace

StepResult Failed(FailureClass failure, std::string_view detail) {
  return {.failure = failure, .detail = Clip(EscapeForPrint(detail, true), kFailureDetailMax)};
}

StepResult FromStatus(const Scope& scope, const absl::Status& status) {
  if (scope.stop.stop_requested()) return {.stopped = true};
  if (SteadyNow() >= scope.deadline) return Failed(FailureClass::kTimeout, "the attempt's time ended while fetching");
  if (status.code() == absl::StatusCode::kResourceExhausted)
    return Failed(FailureClass::kDiskFull, Sv(status.message()));
  return Failed(FailureClass::kInternal, Sv(status.message()));
}

std::string ErrorLines(std::string_view stderr_text) {
  std::string kept;
  for (const absl::string_view line : absl::StrSplit(Av(stderr_text), '\n')) {
    bool progress = line.empty();
    for (const char* start : {"go: downloading ", "go: finding ", "go: found ", "go: extracting ", "go: added ",
                              "go: upgraded ", "go: warning: ", "go: trying upgrade"}) {
      progress |= line.substr(0, std::char_traits<char>::length(start)) == start;
    }
    if (!progress) kept += Cat(kept.empty() ? "" : "\n", Sv(line));
  }
  return kept;
}

GoCommands::GoCommands(const CacheLayout& cache, const ProxyEnvironment& proxy, const FetchLimits& limits,
                       std::string scratch, std::string go_cache, const FetchProgress& progress)
    : cache_(cache),
      proxy_(proxy),
      limits_(limits),
      scratch_(std::move(scratch)),
      go_cache_(std::move(go_cache)),
      main_(scratch_ + "/main"),
      progress_(progress),
      started_(WallNow()) {}

StepResult GoCommands::RunGo(const Scope& scope, std::vector<std::string> argv, std::string_view goarch,
                             std::string_view step, size_t stdout_max, process::CommandResult& result) {
  process::Command spec;
  spec.argv = std::move(argv);
  spec.environment = DownloadEnvironment(proxy_, cache_.Mod(), scratch_);
  for (auto& [name, value] : spec.environment) {
    if (name == "GOCACHE") value = go_cache_;
  }
  spec.environment.emplace_back("GOOS", "linux");
  spec.environment.emplace_back("GOARCH", std::string(goarch));
  if (!experiments_.empty()) spec.environment.emplace_back("GOEXPERIMENT", experiments_);
  spec.working_directory = main_;
  spec.stdout_max = stdout_max;
  const std::string downloads = cache_.Mod() + "/cache/download";
  std::atomic<pid_t> child = 0;
  spec.on_started = [&child](pid_t pid) { child = pid; };
  bool too_much = false;
  int64_t seen = 0;  // in full: of an ended process the kernel shows an ordinary user less
  if (progress_) progress_(step, 0, 0);
  absl::StatusOr<process::CommandResult> ran = RunWatched(
      scope.Within(limits_.command), spec,
      [&] {
        // What the folder grows by is good enough to show; other fetches download into it too, so it condemns no
        // module.
        if (progress_) progress_(step, BytesSince(downloads, started_), 0);
        const pid_t pid = child;
        if (pid != 0) seen = process::BytesWrittenBy(pid).value_or(seen);
        too_much = written_ + seen > limits_.bytes_max;
        return !too_much;
      },
      limits_.memory_bytes);
  if (ran.ok()) written_ += std::max(ran->bytes_written.value_or(0), seen);
  if (too_much || written_ > limits_.bytes_max) {
    return Failed(FailureClass::kSourceInvalid,
                  Cat("the module and its dependencies are larger than ", limits_.bytes_max, " bytes"));
  }
  if (ran.ok()) {
    result = *std::move(ran);
    return {};
  }
  switch (ran.status().code()) {
    case absl::StatusCode::kResourceExhausted:
      return Failed(FailureClass::kSourceInvalid,
                    Cat("go answered more than ", stdout_max, " bytes: too many packages"));
    case absl::StatusCode::kAborted:
      return Failed(FailureClass::kOutOfMemory, Cat(step, ": go held more than ", limits_.memory_bytes >> 20, " MiB"));
    case absl::StatusCode::kDeadlineExceeded:
      if (scope.Done()) return FromStatus(scope, ran.status());
      return Failed(FailureClass::kProxyError, Cat(step, ": no end after ", absl::FormatDuration(limits_.command)));
    case absl::StatusCode::kCancelled:
      return FromStatus(scope, ran.status());
    default:
      return Failed(FailureClass::kToolchainBroken, Cat("run ", spec.argv[0], ": ", Sv(ran.status().message())));
  }
}

StepResult GoCommands::Download(const Scope& scope, const std::string& go, const std::string& module,
                                const std::string& version, DownloadAnswer& answer) {
  if (const absl::Status made = io::MakeFolders(main_); !made.ok()) return FromStatus(scope, made);
  process::CommandResult result;
  StepResult step = RunGo(scope, {go, "mod", "download", "-json", Cat(module, "@", version)}, "amd64",
                          Cat("downloading ", module, "@", version), kDownloadJsonMax, result);
  if (!step.ok()) return step;
  answer = ParseDownloadAnswer(result.out);
  if (result.exit_code == 0 && answer.error.empty() && !answer.dir.empty()) return {};
  const std::string message = answer.error.empty() ? ErrorLines(result.err) : answer.error;
  return Failed(ClassifyFetchError(message), message);
}

absl::Status GoCommands::MakeSynthetic(std::string_view go_mod, std::string_view go_sum) {
  GOFARM_RETURN_IF_ERROR(io::RemoveTree(main_));
  GOFARM_RETURN_IF_ERROR(io::MakeFolders(main_));
  GOFARM_RETURN_IF_ERROR(io::WriteFileAtomic(main_ + "/go.mod", go_mod));
  return go_sum.empty() ? absl::OkStatus() : io::WriteFileAtomic(main_ + "/go.sum", go_sum);
}

absl::Status GoCommands::MakeCopy(const std::string& module_folder, std::string_view go_mod, std::string_view go_sum) {
  GOFARM_RETURN_IF_ERROR(io::RemoveTree(main_));
  std::error_code error;
  fs::copy(module_folder, main_, fs::copy_options::recursive | fs::copy_options::create_hard_links, error);
  if (error) {  // another disk
    GOFARM_RETURN_IF_ERROR(io::RemoveTree(main_));
    fs::copy(module_folder, main_, fs::copy_options::recursive, error);
  }
  if (error) return ErrnoStatus(error.value(), Cat("copy ", module_folder));
  fs::permissions(main_, fs::perms::owner_all, fs::perm_options::add, error);
  // New files, never written into: a linked file is the module cache's own.
  GOFARM_RETURN_IF_ERROR(io::WriteFileAtomic(main_ + "/go.mod", go_mod));
  if (go_sum.empty()) {
    absl::StatusOr<std::string> own = io::ReadFile(main_ + "/go.sum", 64 << 20);
    if (!own.ok()) return absl::IsNotFound(own.status()) ? absl::OkStatus() : own.status();
    return io::WriteFileAtomic(main_ + "/go.sum", *own);
  }
  return io::WriteFileAtomic(main_ + "/go.sum", go_sum);
}

StepResult GoCommands::ListTarget(const Scope& scope, const std::string& go, Target target, const std::string& pattern,
                                  const SourceForm& form, std::vector<GoListPackage>& packages) {
  process::CommandResult result;
  std::string tags = absl::StrJoin(gomod::RecipeTags(), ",");
  for (const std::string& tag : form.tags) tags += Cat(",", tag);
  experiments_ = absl::StrJoin(form.experiments, ",");
  StepResult step = RunGo(scope, {go, "list", "-e", "-deps", "-tags", tags, Cat("-json=", kGoListFields), pattern},
                          InfoOf(target).goarch, Cat("listing for ", TargetName(target)),
                          static_cast<size_t>(limits_.json_bytes_max), result);
  experiments_.clear();
  if (!step.ok()) return step;
  if (result.exit_code != 0) {
    const std::string message = ErrorLines(result.err);
    return Failed(ClassifyFetchError(message), message);
  }
  absl::StatusOr<std::vector<GoListPackage>> parsed = ParseGoList(result.out);
  if (!parsed.ok()) return Failed(FailureClass::kSourceInvalid, Sv(parsed.status().message()));
  // With -e what kept the whole module from loading stands at a package named like the pattern.
  for (const GoListPackage& package : *parsed) {
    if (package.import_path == pattern && !package.error.empty()) {
      return Failed(ClassifyFetchError(package.error), package.error);
    }
  }
  packages = *std::move(parsed);
  return {};
}

StepResult GoCommands::Query(const Scope& scope, const std::string& go, const std::vector<std::string>& queries,
                             bool versions, std::vector<ModuleAnswer>& answers) {
  answers.clear();
  if (queries.empty()) return {};
  if (queries.size() > kQueriesMax) {
    return Failed(FailureClass::kInternal, Cat(queries.size(), " queries at once, at most ", kQueriesMax));
  }
  if (const absl::Status made = MakeSynthetic(kQueryGoMod, ""); !made.ok()) return FromStatus(scope, made);
  std::vector<std::string> argv = {go, "list", "-m", "-e", "-json"};
  if (versions) argv.push_back("-versions");
  argv.push_back("--");
  argv.insert(argv.end(), queries.begin(), queries.end());
  process::CommandResult result;
  StepResult step = RunGo(scope, std::move(argv), "amd64", "asking for versions", kQueryJsonMax, result);
  if (!step.ok()) return step;
  absl::StatusOr<std::vector<ModuleAnswer>> parsed = ParseModuleAnswers(result.out);
  if (result.exit_code != 0 || !parsed.ok() || parsed->size() != queries.size()) {
    const std::string message = ErrorLines(result.err);
    return Failed(message.empty() ? FailureClass::kInternal : ClassifyFetchError(message),
                  message.empty() ? "go list -m answered something else than was asked" : message);
  }
  answers = *std::move(parsed);
  return {};
}

}  // namespace gofarm::fetch
