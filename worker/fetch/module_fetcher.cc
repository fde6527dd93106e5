#include "worker/fetch/module_fetcher.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/gomod/go_mod_file.h"
#include "common/gomod/path.h"
#include "common/gomod/version.h"
#include "common/io/files.h"
#include "worker/fetch/command.h"
#include "worker/fetch/fetch_errors.h"
#include "worker/fetch/go_commands.h"
#include "worker/fetch/go_list.h"
#include "worker/fetch/module_cache.h"

namespace gofarm::fetch {
namespace {

constexpr int64_t kListingBytesMax = 256 << 20;
constexpr int64_t kSourceFileMax = 16 << 20;
constexpr int64_t kGoSumMax = 64 << 20;
// `go list` calls of one fetch. Each further round over the targets means that one of them raised a version; they
// settle.
constexpr int kListCallsMax = 4 * static_cast<int>(kAllTargets.size());

FetchOutcome Outcome(const StepResult& step) {
  return {.failure = step.failure, .detail = step.detail, .stopped = step.stopped};
}

std::vector<Target> Missing(const Listing* listing, const std::vector<Target>& wanted) {
  std::vector<Target> missing;
  for (const Target target : wanted) {
    if (listing == nullptr || listing->Find(target) == nullptr) missing.push_back(target);
  }
  return missing;
}

// Modules of a go.sum whose zip was needed (not only their go.mod), as folders of the module cache.
std::vector<std::string> FoldersOfGoSum(std::string_view go_sum, const CacheLayout& cache) {
  std::set<std::string> folders;
  for (const absl::string_view line : absl::StrSplit(Av(go_sum), '\n')) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
    if (words.size() != 3 || Sv(words[1]).find("/go.mod") != std::string_view::npos) continue;
    const absl::StatusOr<std::string> path = gomod::EscapePath(Sv(words[0]));
    const absl::StatusOr<std::string> version = gomod::EscapeVersion(Sv(words[1]));
    if (!path.ok() || !version.ok()) continue;
    std::string folder = Cat(*path, "@", *version);
    struct stat info {};
    // The go.sum of a source variant also names what only its tests need.
    if (stat(Cat(cache.Mod(), "/", folder).c_str(), &info) == 0) folders.insert(std::move(folder));
  }
  return {folders.begin(), folders.end()};
}

// A main module that requires the module alone. It also has the GODEBUG defaults that `go install MODULE@VERSION` gives
// the module's programs (those of its own go line), so that one built in it has the same bytes.
std::string SyntheticGoMod(const Listing& listing) {
  std::string text = Cat("module gofarm.invalid/list\n\ngo ", listing.go_version, "\n\n");
  if (gomod::CompareGoVersion(listing.go_version, "1.23") >= 0) {  // older ones do not know the line
    text += Cat("godebug default=go", gomod::IsGoVersion(listing.go_line) ? listing.go_line : "1.20", "\n\n");
  }
  return text + Cat("require ", listing.module, " ", listing.version, "\n");
}

// What a go.mod requires, apart from its layout and comments.
using Requirements = std::map<std::string, std::string>;
absl::StatusOr<Requirements> RequirementsOf(std::string_view go_mod) {
  GOFARM_ASSIGN_OR_RETURN(const gomod::GoModFile file, gomod::ParseGoMod(go_mod));
  Requirements all;
  for (const gomod::Requirement& r : file.requirements) all[r.module.path] = r.module.version;
  return all;
}

int64_t ZipBytesSince(const CacheLayout& cache, const std::vector<std::string>& folders, absl::Time since) {
  int64_t bytes = 0;
  for (const std::string& folder : folders) {
    const size_t at = folder.rfind('@');
    struct stat info {};
    const std::string zip =
        Cat(cache.Mod(), "/cache/download/", folder.substr(0, at), "/@v/", folder.substr(at + 1), ".zip");
    if (stat(zip.c_str(), &info) == 0 && info.st_mtim.tv_sec >= absl::ToTimeT(since)) bytes += info.st_size;
  }
  return bytes;
}

// One fetch: from an empty or stored listing to one that has all wanted targets.
class Fetch {
 public:
  Fetch(const FetchRequest& request, const CacheLayout& cache, GoCommands& go)
      : request_(request), cache_(cache), go_(go) {}

  StepResult Run(const Scope& scope, Listing& listing) {
    StepResult step = ReadModule(scope, listing);
    if (!step.ok()) return step;
    size_t choice = 0;
    while (choice < request_.gos.size() && !listing.go_line.empty() &&
           gomod::CompareGoVersion(listing.go_line, request_.gos[choice].version) > 0) {
      ++choice;
    }
    if (choice == request_.gos.size()) {
      return Failed(FailureClass::kGoTooOld, Cat("go.mod requires go >= ", listing.go_line, "; toolset ",
                                                 request_.toolset.name, " has ", request_.gos.back().version));
    }
    // A dependency may ask for a newer Go than the module does.
    while (true) {
      Listing tried = listing;
      if (tried.go_version != request_.gos[choice].version) {
        tried.go_version = request_.gos[choice].version;
        tried.targets.clear();
        tried.pinned_go_mod.clear();
        tried.pinned_go_sum.clear();
      }
      step = ListAll(scope, request_.gos[choice], tried);
      if (step.ok()) {
        listing = std::move(tried);
        return step;
      }
      if (step.failure != FailureClass::kGoTooOld || ++choice == request_.gos.size()) return step;
    }
  }

 private:
  StepResult ReadModule(const Scope& scope, Listing& listing) {
    DownloadAnswer answer;
    StepResult step = go_.Download(scope, request_.gos.back().path, request_.module, request_.version, answer);
    if (!step.ok()) return step;
    if (answer.version != request_.version) {
      return Failed(FailureClass::kSourceInvalid, Cat("version ", request_.version, " is really ", answer.version));
    }
    listing.module = request_.module;
    listing.version = request_.version;
    listing.module_h1 = answer.sum;
    const std::string mod = cache_.Mod() + "/";
    if (answer.dir.rfind(mod, 0) != 0) {
      return Failed(FailureClass::kInternal, Cat("go keeps the module outside its cache: ", answer.dir));
    }
    listing.dir = answer.dir.substr(mod.size());
    absl::StatusOr<std::string> text = io::ReadFile(answer.dir + "/go.mod", gomod::kGoModBytesMax);
    listing.has_go_mod = text.ok();
    listing.variant = "install";
    if (absl::IsNotFound(text.status())) return {};
    if (!text.ok()) return Failed(FailureClass::kSourceInvalid, Sv(text.status().message()));
    const absl::StatusOr<gomod::GoModFile> file = gomod::ParseGoMod(*text);
    if (!file.ok()) return Failed(FailureClass::kSourceInvalid, Sv(file.status().message()));
    if (file->module != request_.module) {
      return Failed(FailureClass::kSourceInvalid,
                    Cat("go.mod declares its path as ", file->module, " but it was asked for as ", request_.module));
    }
    listing.go_line = file->go;
    if (file->replacements.empty() && file->exclusions.empty()) return {};
    const bool folders = std::any_of(file->replacements.begin(), file->replacements.end(),
                                     [](const gomod::Replacement& r) { return r.is_folder(); });
    listing.variant = folders ? "noreplace" : "source";
    if (!listing.go_mod.empty()) return {};  // stored: already edited, and completed by go
    if (folders) text = gomod::DropFolderReplacements(*text);
    if (!text.ok()) return Failed(FailureClass::kSourceInvalid, Sv(text.status().message()));
    listing.go_mod = *std::move(text);
    return {};
  }

  StepResult ListAll(const Scope& scope, const InstalledToolchain& tool, Listing& listing) {
    const bool source = listing.variant != "install";
    // What a stored listing chose stays chosen.
    std::string go_mod = source ? listing.go_mod : listing.pinned_go_mod;
    if (!source && go_mod.empty()) go_mod = SyntheticGoMod(listing);
    const absl::Status made = source ? go_.MakeCopy(Cat(cache_.Mod(), "/", listing.dir), go_mod, listing.go_sum)
                                     : go_.MakeSynthetic(go_mod, listing.pinned_go_sum);
    if (!made.ok()) return FromStatus(scope, made);
    absl::StatusOr<Requirements> chosen = RequirementsOf(go_mod);
    if (!chosen.ok()) return Failed(FailureClass::kSourceInvalid, Sv(chosen.status().message()));
    const std::string pattern = source ? "./..." : listing.module + "/...";
    std::vector<Target> missing = Missing(&listing, request_.targets);
    for (int calls = 0; !missing.empty(); missing = Missing(&listing, request_.targets)) {
      if (++calls > kListCallsMax) {
        return Failed(FailureClass::kSourceInvalid, "the versions of what the module imports do not settle");
      }
      StepResult step = ListOne(scope, tool, pattern, missing.front(), listing);
      if (!step.ok()) return step;
      absl::StatusOr<std::string> written = io::ReadFile(go_.main_folder() + "/go.mod", gomod::kGoModBytesMax);
      if (!written.ok()) return FromStatus(scope, written.status());
      go_mod = *std::move(written);
      absl::StatusOr<Requirements> now = RequirementsOf(go_mod);
      if (!now.ok()) return Failed(FailureClass::kInternal, Sv(now.status().message()));
      if (*now == *chosen) continue;
      // Builds of all targets share the go.mod, so the targets before this one are listed again with it.
      chosen = std::move(now);
      listing.targets.erase(listing.targets.begin(), listing.targets.end() - 1);
    }
    std::sort(listing.targets.begin(), listing.targets.end(),
              [](const TargetListing& a, const TargetListing& b) { return a.target < b.target; });
    absl::StatusOr<std::string> go_sum = io::ReadFile(go_.main_folder() + "/go.sum", kGoSumMax);
    if (absl::IsNotFound(go_sum.status())) go_sum = std::string();  // nothing was needed
    if (!go_sum.ok()) return FromStatus(scope, go_sum.status());
    std::set<std::string> dirs = {listing.cache_dirs.begin(), listing.cache_dirs.end()};
    dirs.insert(listing.dir);
    for (std::string& folder : FoldersOfGoSum(*go_sum, cache_)) dirs.insert(std::move(folder));
    listing.cache_dirs.assign(dirs.begin(), dirs.end());
    if (source) {
      listing.go_mod = std::move(go_mod);
      listing.go_sum = *std::move(go_sum);
    } else if (chosen->size() > 1) {
      listing.pinned_go_mod = std::move(go_mod);
      listing.pinned_go_sum = *std::move(go_sum);
    }
    listing.bytes_fetched = ZipBytesSince(cache_, listing.cache_dirs, go_.started());
    return {};
  }

  // Adds the target's listing as the last one.
  StepResult ListOne(const Scope& scope, const InstalledToolchain& tool, const std::string& pattern, Target target,
                     Listing& listing) {
    std::vector<GoListPackage> packages;
    StepResult step = go_.ListTarget(scope, tool.path, target, pattern, packages);
    if (!step.ok()) return step;
    ListingInput input;
    input.target = target;
    input.module = listing.module;
    input.version = listing.version;
    input.mod_cache = cache_.Mod();
    input.read_file = [](const std::string& path) -> std::optional<std::string> {
      absl::StatusOr<std::string> text = io::ReadFile(path, kSourceFileMax);
      if (!text.ok()) return std::nullopt;
      return *std::move(text);
    };
    TargetListing made = MakeTargetListing(packages, input);
    if (const std::string fault = WhyNotReportable(made); !fault.empty())
      return Failed(FailureClass::kSourceInvalid, fault);
    for (const Program& program : made.programs) {
      // Not the program's fault and perhaps over in a minute: nothing of this fetch is kept.
      if (IsTransient(program.failure)) return Failed(program.failure, program.detail);
    }
    listing.targets.push_back(std::move(made));
    return {};
  }

  const FetchRequest& request_;
  const CacheLayout& cache_;
  GoCommands& go_;
};

}  // namespace

// What callers for the same module@version share while one of them leads.
struct ModuleFetcher::Flight {
  absl::Mutex mutex;
  bool done ABSL_GUARDED_BY(mutex) = false;
  FetchOutcome outcome ABSL_GUARDED_BY(mutex);
  std::string step ABSL_GUARDED_BY(mutex);
  int64_t bytes ABSL_GUARDED_BY(mutex) = 0;
};

ModuleFetcher::ModuleFetcher(CacheLayout cache, ProxyEnvironment proxy, std::string scratch, FetchLimits limits)
    : cache_(std::move(cache)), proxy_(std::move(proxy)), scratch_(std::move(scratch)), limits_(limits) {}

ModuleFetcher::~ModuleFetcher() = default;

std::string ModuleFetcher::SourceFolder(const Listing& listing) const { return Cat(cache_.Mod(), "/", listing.dir); }

FetchOutcome ModuleFetcher::FetchAndList(const Scope& scope, const FetchRequest& request,
                                         const FetchProgress& progress) {
  const std::string key = Cat(request.module, "@", request.version, " ", request.toolset.digest);
  while (true) {
    if (!scope.Check().ok()) return Outcome(FromStatus(scope, scope.Check()));
    std::shared_ptr<Flight> flight;
    bool leads = false;
    {
      absl::MutexLock lock(&mutex_);
      std::shared_ptr<Flight>& entry = flights_[key];
      leads = entry == nullptr;
      if (leads) entry = std::make_shared<Flight>();
      flight = entry;
    }
    if (leads) {
      const FetchProgress shared = [&](std::string_view step, int64_t bytes, int64_t total) {
        {
          absl::MutexLock lock(&flight->mutex);
          flight->step = step;
          flight->bytes = bytes;
        }
        if (progress) progress(step, bytes, total);
      };
      FetchOutcome outcome = Lead(scope, request, shared);
      {
        absl::MutexLock lock(&mutex_);
        flights_.erase(key);
      }
      absl::MutexLock lock(&flight->mutex);
      flight->outcome = outcome;
      flight->done = true;
      return outcome;
    }
    FetchOutcome outcome;
    std::string step;
    int64_t bytes = 0;
    bool done = false;
    while (!done && scope.Check().ok()) {
      {
        absl::MutexLock lock(&flight->mutex);
        flight->mutex.AwaitWithTimeout(absl::Condition(&flight->done), absl::Milliseconds(500));
        done = flight->done;
        outcome = flight->outcome;
        step = flight->step;
        bytes = flight->bytes;
      }
      if (!done && progress && !step.empty()) progress(step, bytes, 0);
    }
    if (!done) continue;  // the scope ended
    // The leader's end by its own scope says nothing about this caller; neither does a listing for other targets.
    const bool lone = outcome.stopped || outcome.failure == FailureClass::kTimeout;
    if (!lone && (outcome.listing == nullptr || Missing(outcome.listing.get(), request.targets).empty()))
      return outcome;
  }
}

FetchOutcome ModuleFetcher::Lead(const Scope& scope, const FetchRequest& request, const FetchProgress& progress) {
  const absl::StatusOr<std::string> path = gomod::EscapePath(request.module);
  const absl::StatusOr<std::string> version = gomod::EscapeVersion(request.version);
  if (absl::Status bad = gomod::CheckModulePath(request.module); !bad.ok() || !path.ok() || !version.ok()) {
    return Outcome(Failed(FailureClass::kSourceInvalid,
                          Cat("no module: ", request.module, "@", request.version, ": ", Sv(bad.message()))));
  }
  if (absl::Status bad = gomod::CheckVersion(request.version); !bad.ok()) {
    return Outcome(Failed(FailureClass::kSourceInvalid, Sv(bad.message())));
  }
  if (request.gos.empty() || request.targets.empty()) {
    return Outcome(Failed(FailureClass::kInternal, "a fetch needs a Go and a target"));
  }
  const absl::StatusOr<ModuleCacheLock> in_use =
      ModuleCacheLock::Acquire(scope, cache_, ModuleCacheLock::Mode::kShared);
  if (!in_use.ok()) return Outcome(FromStatus(scope, in_use.status()));

  const std::string file = Cat(cache_.Listings(request.toolset), "/", *path, "@", *version, ".json");
  auto listing = std::make_shared<Listing>();
  if (const absl::StatusOr<std::string> text = io::ReadFile(file, kListingBytesMax); text.ok()) {
    absl::StatusOr<Listing> stored = ListingFromJson(*text);
    if (stored.ok() && stored->module == request.module && stored->version == request.version) {
      const bool whole = std::all_of(stored->cache_dirs.begin(), stored->cache_dirs.end(),
                                     [&](const std::string& dir) { return TouchModule(cache_, dir); });
      if (whole) {
        *listing = *std::move(stored);
        utimensat(AT_FDCWD, file.c_str(), nullptr, 0);  // used now, for the prune
      }
    }
  }
  listing->bytes_fetched = 0;
  if (Missing(listing.get(), request.targets).empty()) return HandOut(std::move(listing));

  const absl::StatusOr<ScratchFolder> scratch = ScratchFolder::Make(scratch_, "fetch-");
  if (!scratch.ok()) return Outcome(FromStatus(scope, scratch.status()));
  GoCommands go(cache_, proxy_, limits_, scratch->path(), scratch_ + "/list-gocache", progress);
  const StepResult step = Fetch(request, cache_, go).Run(scope, *listing);
  if (!step.ok()) return Outcome(step);
  for (const std::string& dir : listing->cache_dirs) {
    if (TouchModule(cache_, dir)) continue;
    // Go is content with the unpacked folder, but its download was lost (somebody made room by hand).
    const size_t at = dir.rfind('@');
    const absl::StatusOr<std::string> lost = gomod::UnescapePath(dir.substr(0, at));
    DownloadAnswer answer;
    const StepResult again = lost.ok() ? go.Download(scope, request.gos.back().path, *lost,
                                                     gomod::UnescapeVersion(dir.substr(at + 1)), answer)
                                       : StepResult{};
    if (!again.ok()) return Outcome(again);
    if (!TouchModule(cache_, dir)) {
      return Outcome(Failed(FailureClass::kInternal, Cat("module cache lacks ", dir, " right after the fetch")));
    }
  }
  absl::Status kept = io::MakeFolders(file.substr(0, file.rfind('/')));
  if (kept.ok()) kept = io::WriteFileAtomic(file, ToJson(*listing));
  if (!kept.ok()) return Outcome(FromStatus(scope, kept));
  return HandOut(std::move(listing));
}

FetchOutcome ModuleFetcher::HandOut(std::shared_ptr<const Listing> listing) {
  absl::MutexLock lock(&mutex_);
  std::erase_if(handed_out_, [](const auto& former) { return former.expired(); });
  handed_out_.push_back(listing);
  return {.listing = std::move(listing)};
}

absl::StatusOr<Pruned> ModuleFetcher::Prune(const Scope& scope, const PruneLimits& limits) {
  std::vector<std::shared_ptr<const Listing>> held;
  {
    absl::MutexLock lock(&mutex_);
    for (const auto& listing : handed_out_) held.push_back(listing.lock());
  }
  for (const auto& listing : held) {
    if (listing == nullptr) continue;
    for (const std::string& dir : listing->cache_dirs) TouchModule(cache_, dir);
  }
  return PruneCache(scope, cache_, limits);
}

}  // namespace gofarm::fetch
