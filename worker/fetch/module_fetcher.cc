#include "worker/fetch/module_fetcher.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/time/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/gomod/go_mod_file.h"
#include "common/gomod/path.h"
#include "common/gomod/version.h"
#include "common/io/files.h"
#include "common/sync/wait.h"
#include "worker/fetch/command.h"
#include "worker/fetch/fetch_errors.h"
#include "worker/fetch/go_commands.h"
#include "worker/fetch/module_cache.h"
#include "worker/fetch/module_form.h"
#include "worker/fetch/one_fetch.h"

namespace gofarm::fetch {
namespace {

constexpr int64_t kListingBytesMax = 256 << 20;
constexpr int64_t kInfoBytesMax = 1 << 20;
constexpr size_t kNewestTried = 12;  // releases of a dependency, from the newest on

FetchOutcome Outcome(const StepResult& step) {
  return {.failure = step.failure, .detail = step.detail, .stopped = step.stopped};
}

// By the go line of its go.mod, which `go list` tells only where it suits this Go.
bool GoCanBuild(const InstalledToolchain& go, const ModuleAnswer& answer, const CacheLayout& cache) {
  if (!answer.go_version.empty()) return gomod::CompareGoVersion(answer.go_version, go.version) <= 0;
  if (!answer.go_mod.starts_with(cache.Mod() + "/")) return false;
  const absl::StatusOr<std::string> text = io::ReadFile(answer.go_mod, gomod::kGoModBytesMax);
  if (!text.ok()) return false;
  const absl::StatusOr<gomod::GoModFile> file = gomod::ParseGoMod(*text);
  return file.ok() && (file->go.empty() || gomod::CompareGoVersion(file->go, go.version) <= 0);
}

// Of the module's zip as it lies in the cache, "h1:..."; empty when it does not.
std::string DownloadedH1(const CacheLayout& cache, const std::string& path, const std::string& version) {
  absl::StatusOr<std::string> text =
      io::ReadFile(Cat(cache.Mod(), "/cache/download/", path, "/@v/", version, ".ziphash"), kInfoBytesMax);
  return text.ok() ? std::string(Sv(absl::StripAsciiWhitespace(*text))) : "";
}

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
    : cache_(std::move(cache)),
      own_proxy_(std::make_unique<const ProxySettings>(std::move(proxy))),
      proxy_(*own_proxy_),
      scratch_(std::move(scratch)),
      limits_(limits) {}

ModuleFetcher::ModuleFetcher(const ProxySettings& proxy, CacheLayout cache, std::string scratch, FetchLimits limits)
    : cache_(std::move(cache)), proxy_(proxy), scratch_(std::move(scratch)), limits_(limits) {}

ModuleFetcher::~ModuleFetcher() = default;

std::string ModuleFetcher::SourceFolder(const Listing& listing) const { return Cat(cache_.Mod(), "/", listing.dir); }

std::string ModuleFetcher::ZipFile(const Listing& listing) const {
  const size_t at = listing.dir.rfind('@');
  if (at == std::string::npos) return "";
  const std::string_view dir = listing.dir;
  return Cat(cache_.Mod(), "/cache/download/", dir.substr(0, at), "/@v/", dir.substr(at + 1), ".zip");
}

FetchOutcome ModuleFetcher::FetchAndList(const Scope& scope, const FetchRequest& request,
                                         const FetchProgress& progress) {
  const std::string key = Cat(request.module, "@", request.version, " ", CacheLayout::ShortDigest(request.toolset), " ",
                              FormKey(request.form ? &*request.form : nullptr));
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
        sync::AwaitFor(flight->mutex, absl::Condition(&flight->done), absl::Milliseconds(500));
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

  const std::string form = FormKey(request.form ? &*request.form : nullptr);
  const std::string file =
      Cat(cache_.Listings(request.toolset), "/", *path, "@", *version, form.empty() ? "" : "~", form, ".json");
  auto listing = std::make_shared<Listing>();
  bool is_stored = false;
  if (const absl::StatusOr<std::string> text = io::ReadFile(file, kListingBytesMax); text.ok()) {
    absl::StatusOr<Listing> stored = ListingFromJson(*text);
    if (stored.ok() && stored->module == request.module && stored->version == request.version &&
        stored->module_h1 == DownloadedH1(cache_, *path, *version)) {
      const bool whole = std::all_of(stored->cache_dirs.begin(), stored->cache_dirs.end(),
                                     [&](const std::string& dir) { return TouchModule(cache_, dir); });
      is_stored = whole;
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
  const absl::StatusOr<ProxyEnvironment> proxy = proxy_.Get(scope);
  if (!proxy.ok()) {
    return Outcome(scope.Done() ? FromStatus(scope, proxy.status())
                                : Failed(FailureClass::kProxyError, Sv(proxy.status().message())));
  }
  GoCommands go(cache_, *proxy, limits_, scratch->path(), scratch_ + "/list-gocache", progress);
  const StepResult step = FetchListing(scope, request, cache_, limits_, go, is_stored, *listing);
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
  // What the proxy lacks today it may have tomorrow: such an answer is used once.
  if (HasFailures(*listing, FailureClass::kSourceUnavailable)) return HandOut(std::move(listing));
  absl::Status kept = io::MakeFolders(file.substr(0, file.rfind('/')));
  if (kept.ok()) kept = io::WriteFileAtomic(file, ToJson(*listing));
  if (!kept.ok()) return Outcome(FromStatus(scope, kept));
  return HandOut(std::move(listing));
}

absl::StatusOr<std::string> ModuleFetcher::NewestRelease(const Scope& scope, const InstalledToolchain& go,
                                                         const gomod::ModuleVersion& current) {
  GOFARM_ASSIGN_OR_RETURN(const ScratchFolder scratch, ScratchFolder::Make(scratch_, "query-"));
  const FetchProgress no_progress;
  GOFARM_ASSIGN_OR_RETURN(const ProxyEnvironment proxy, proxy_.Get(scope));
  GoCommands commands(cache_, proxy, limits_, scratch.path(), scratch_ + "/list-gocache", no_progress);
  const auto ask = [&](const std::vector<std::string>& queries,
                       bool versions) -> absl::StatusOr<std::vector<ModuleAnswer>> {
    std::vector<ModuleAnswer> answers;
    const StepResult step = commands.Query(scope, go.path, queries, versions, answers);
    if (step.stopped) return absl::CancelledError("stopped");
    if (!step.ok()) return absl::UnavailableError(step.detail);
    return answers;
  };
  GOFARM_ASSIGN_OR_RETURN(const std::vector<ModuleAnswer> known, ask({current.path}, /*versions=*/true));
  std::vector<std::string> queries;
  const std::vector<std::string>& versions = known.front().versions;
  for (auto at = versions.rbegin(); at != versions.rend() && queries.size() < kNewestTried; ++at) {
    if (!gomod::IsPrerelease(*at)) queries.push_back(Cat(current.path, "@", *at));
  }
  if (queries.empty()) queries.push_back(Cat(current.path, "@latest"));
  GOFARM_ASSIGN_OR_RETURN(const std::vector<ModuleAnswer> newest, ask(queries, /*versions=*/false));
  for (const ModuleAnswer& answer : newest) {
    if (!answer.error.empty() || !GoCanBuild(go, answer, cache_)) continue;
    return gomod::CompareSemver(answer.version, current.version) > 0 ? answer.version : std::string();
  }
  return std::string();
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
