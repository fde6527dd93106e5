#include "worker/fetch/one_fetch.h"

#include <sys/stat.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_split.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/gomod/go_mod_file.h"
#include "common/gomod/path.h"
#include "common/gomod/version.h"
#include "common/io/files.h"
#include "worker/fetch/fetch_errors.h"
#include "worker/fetch/go_list.h"
#include "worker/fetch/lock_files.h"
#include "worker/fetch/module_cache.h"
#include "worker/fetch/module_form.h"

namespace gofarm::fetch {
namespace {

constexpr int64_t kInfoBytesMax = 1 << 20;
constexpr int64_t kGoSumMax = 64 << 20;
// `go list` calls of one fetch. Each further round over the targets means that one of them raised a version; they
// settle.
constexpr int kListCallsMax = 4 * static_cast<int>(kAllTargets.size());

// The modules of a go.sum: their place below cache/download, and as folders of the module cache those whose zip was
// needed (not only their go.mod).
struct SumModules {
  std::set<std::string> downloads, folders;
};
SumModules ModulesOfGoSum(std::string_view go_sum, const CacheLayout& cache) {
  constexpr std::string_view kOnlyGoMod = "/go.mod";
  SumModules all;
  for (const absl::string_view line : absl::StrSplit(Av(go_sum), '\n')) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
    if (words.size() != 3) continue;
    std::string_view named = Sv(words[1]);
    const bool only_go_mod = named.ends_with(kOnlyGoMod);
    if (only_go_mod) named.remove_suffix(kOnlyGoMod.size());
    const absl::StatusOr<std::string> path = gomod::EscapePath(Sv(words[0]));
    const absl::StatusOr<std::string> version = gomod::EscapeVersion(named);
    if (!path.ok() || !version.ok()) continue;
    all.downloads.insert(Cat(*path, "/@v/", *version));
    std::string folder = Cat(*path, "@", *version);
    struct stat info {};
    // The go.sum of a source form also names what only its tests need.
    if (!only_go_mod && stat(Cat(cache.Mod(), "/", folder).c_str(), &info) == 0) all.folders.insert(std::move(folder));
  }
  return all;
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

int Healthy(const Listing& listing) {
  int programs = 0;
  for (const TargetListing& target : listing.targets) {
    for (const Program& program : target.programs) {
      programs += program.has_main_func && program.failure == FailureClass::kNone ? 1 : 0;
    }
  }
  return programs;
}

// "404" is the answer of a moment: tomorrow the proxy may have it.
std::string AskedAt() {
  return Cat("\n(asked ", absl::FormatTime("%Y-%m-%d %H:%M", WallNow(), absl::UTCTimeZone()), " UTC)");
}

// One fetch: from an empty or stored listing to one that has all wanted targets.
class Fetch {
 public:
  Fetch(const FetchRequest& request, const CacheLayout& cache, const FetchLimits& limits, GoCommands& go)
      : request_(request), cache_(cache), limits_(limits), go_(go) {}

  // `stored`: the listing was made before and lacks targets; its form and versions stay.
  StepResult Run(const Scope& scope, bool stored, Listing& listing) {
    StepResult step = ReadModule(scope, listing);
    if (!step.ok()) return step;
    if (!stored) listing.form = request_.form ? *request_.form : FirstForm(own_, listing.declared_path);
    const bool may_differ = !stored && !request_.form && listing.form.base == Base::kNoReplace;
    Listing with_siblings = listing;
    step = RunForm(scope, listing);
    if (!may_differ || !LacksAFolder(step, listing)) return step;
    with_siblings.form.base = Base::kSibling;
    if (RunForm(scope, with_siblings).ok() && Healthy(with_siblings) > (step.ok() ? Healthy(listing) : 0)) {
      listing = std::move(with_siblings);
      return {};
    }
    return step.stopped || !scope.Done() ? step : FromStatus(scope, scope.Check());
  }

 private:
  // What was replaced by a folder may be nowhere else.
  static bool LacksAFolder(const StepResult& step, const Listing& listing) {
    if (!step.ok()) {
      return step.failure == FailureClass::kSourceUnavailable || step.failure == FailureClass::kSourceInvalid;
    }
    return HasFailures(listing, FailureClass::kSourceUnavailable) ||
           HasFailures(listing, FailureClass::kSourceInvalid) || HasFailures(listing, FailureClass::kSourceIncomplete);
  }

  StepResult RunForm(const Scope& scope, Listing& listing) {
    std::vector<InstalledToolchain> gos = request_.gos;
    if (listing.form.previous_go) {
      if (!request_.previous_go.has_value()) {
        return Failed(FailureClass::kInternal, "the previous Go was asked for and is not installed");
      }
      gos = {*request_.previous_go};
    }
    const std::string& go_line = listing.form.go_line.empty() ? listing.go_line : listing.form.go_line;
    size_t choice = 0;
    while (choice < gos.size() && !go_line.empty() && gomod::CompareGoVersion(go_line, gos[choice].version) > 0) {
      ++choice;
    }
    if (choice == gos.size()) {
      return Failed(FailureClass::kGoTooOld, Cat("go.mod requires go >= ", go_line, "; toolset ", request_.toolset.name,
                                                 " has ", gos.back().version));
    }
    // A dependency may ask for a newer Go than the module does.
    while (true) {
      Listing tried = listing;
      if (tried.go_version != gos[choice].version) {
        tried.go_version = gos[choice].version;
        tried.targets.clear();
        tried.pinned_go_mod.clear();
        tried.pinned_go_sum.clear();
      }
      StepResult step = ListAll(scope, gos[choice], tried);
      if (step.ok()) {
        listing = std::move(tried);
        return step;
      }
      if (step.failure == FailureClass::kSourceUnavailable) step.detail += Cat(WithdrawnNote(step.detail), AskedAt());
      step.detail += DroppedReplaceNote(own_, listing.form, step.detail);
      if (step.failure != FailureClass::kGoTooOld || ++choice == gos.size()) return step;
    }
  }

  StepResult ReadModule(const Scope& scope, Listing& listing) {
    DownloadAnswer answer;
    StepResult step = go_.Download(scope, request_.gos.back().path, request_.module, request_.version, answer);
    if (step.failure == FailureClass::kSourceUnavailable) step.detail += Cat(WithdrawnNote(step.detail), AskedAt());
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
    if (step = CheckEntries(listing.dir); !step.ok()) return step;
    absl::StatusOr<std::string> text = io::ReadFile(answer.dir + "/go.mod", gomod::kGoModBytesMax);
    listing.has_go_mod = text.ok();
    if (absl::IsNotFound(text.status())) return {};
    if (!text.ok()) return Failed(FailureClass::kSourceInvalid, Sv(text.status().message()));
    absl::StatusOr<gomod::GoModFile> file = gomod::ParseOwnGoMod(*text, request_.module);
    if (!file.ok()) return Failed(FailureClass::kSourceInvalid, Sv(file.status().message()));
    if (file->module != request_.module) listing.declared_path = file->module;
    listing.go_line = file->go;
    own_ = *std::move(file);
    own_text_ = *std::move(text);
    return {};
  }

  // Each file costs a disk an inode and a block, however small its zip.
  StepResult CheckEntries(const std::string& dir) {
    if (EntriesOf(cache_, dir, limits_.entries_max + 1) <= limits_.entries_max) return {};
    RemoveModule(cache_, dir);
    return Failed(FailureClass::kSourceInvalid, Cat("module ", dir, " has more than ", limits_.entries_max, " files"));
  }

  // Of the modules that go.mod replaces by folders, those that the proxy has at the module's own commit.
  StepResult FindSiblings(const Scope& scope, const InstalledToolchain& tool, const Listing& listing,
                          std::vector<gomod::ModuleVersion>& siblings) {
    const size_t at = listing.dir.rfind('@');
    const absl::StatusOr<std::string> info = io::ReadFile(
        Cat(cache_.Mod(), "/cache/download/", listing.dir.substr(0, at), "/@v/", listing.dir.substr(at + 1), ".info"),
        kInfoBytesMax);
    const std::string commit = CommitOf(info.ok() ? *info : "", listing.version);
    if (commit.empty()) {
      return Failed(FailureClass::kSourceUnavailable,
                    Cat("nothing tells which commit ", listing.module, "@", listing.version, " was made from"));
    }
    std::vector<std::string> queries;
    for (const gomod::Replacement& r : own_.replacements) {
      if (r.is_folder() && gomod::CheckModulePath(r.old_module.path).ok() && queries.size() < kQueriesMax) {
        queries.push_back(Cat(r.old_module.path, "@", commit));
      }
    }
    std::vector<ModuleAnswer> answers;
    StepResult step = go_.Query(scope, tool.path, queries, /*versions=*/false, answers);
    for (const ModuleAnswer& answer : answers) {
      if (answer.error.empty() && !answer.version.empty()) siblings.push_back({answer.path, answer.version});
    }
    if (step.ok() && siblings.empty()) {
      return Failed(FailureClass::kSourceUnavailable, "the proxy has none of the replaced modules at that commit");
    }
    return step;
  }

  // What the lock file names, as versions that the proxy has; then, by a first look, what it does not name, as it was
  // when the module was made.
  StepResult FindLocked(const Scope& scope, const InstalledToolchain& tool, const Listing& listing,
                        std::vector<gomod::ModuleVersion>& locked) {
    std::vector<gomod::ModuleVersion> noted;
    for (const std::string& name : LockFileNames()) {
      const absl::StatusOr<std::string> text =
          io::ReadFile(Cat(cache_.Mod(), "/", listing.dir, "/", name), kLockFileMax);
      if (text.ok()) noted = ReadLockFile(name, *text);
      if (!noted.empty()) break;
    }
    std::vector<std::string> queries;
    for (const gomod::ModuleVersion& n : noted) {
      if (n.path != listing.module) queries.push_back(Cat(n.path, "@", n.version));
    }
    std::vector<ModuleAnswer> answers;
    StepResult step = go_.Query(scope, tool.path, queries, /*versions=*/false, answers);
    for (const ModuleAnswer& answer : answers) {
      if (answer.error.empty() && !answer.version.empty()) locked.push_back({answer.path, answer.version});
    }
    if (!step.ok()) return step;
    Listing first;
    first.module = listing.module;
    first.version = listing.version;
    first.dir = listing.dir;
    first.go_version = listing.go_version;
    if (const absl::Status made = go_.MakeSynthetic(SyntheticGoMod(first, locked), ""); !made.ok()) {
      return FromStatus(scope, made);
    }
    step = ListOne(scope, tool, listing.module + "/...", request_.targets.front(), first);
    if (!step.ok()) return step;
    const absl::StatusOr<std::string> text = io::ReadFile(go_.main_folder() + "/go.mod", gomod::kGoModBytesMax);
    if (!text.ok()) return FromStatus(scope, text.status());
    absl::StatusOr<Requirements> chosen = RequirementsOf(*text);
    if (!chosen.ok()) return Failed(FailureClass::kInternal, Sv(chosen.status().message()));
    chosen->erase(listing.module);
    for (const gomod::ModuleVersion& l : locked) chosen->erase(l.path);
    return FindOfItsTime(scope, tool, listing, *chosen, locked);
  }

  // Of each the newest release that is no younger than the module. All are searched side by side, each by halves.
  StepResult FindOfItsTime(const Scope& scope, const InstalledToolchain& tool, const Listing& listing,
                           const Requirements& wanted, std::vector<gomod::ModuleVersion>& locked) {
    struct Search {
      std::vector<std::string> versions;  // releases, ascending
      size_t below = 0;                   // that many are known to be old enough
      size_t above = 0;                   // from here on they are too young
    };
    std::vector<std::string> queries = {Cat(listing.module, "@", listing.version)};
    std::vector<ModuleAnswer> answers;
    StepResult step = go_.Query(scope, tool.path, queries, /*versions=*/false, answers);
    if (!step.ok()) return step;
    const std::string made_at = answers.front().time;
    if (made_at.empty()) return {};
    queries.clear();
    for (const auto& [path, version] : wanted) {
      if (queries.size() < kQueriesMax) queries.push_back(path);
    }
    step = go_.Query(scope, tool.path, queries, /*versions=*/true, answers);
    if (!step.ok()) return step;
    std::map<std::string, Search> searches;
    for (const ModuleAnswer& answer : answers) {
      Search search;
      std::copy_if(answer.versions.begin(), answer.versions.end(), std::back_inserter(search.versions),
                   [](const std::string& version) { return !gomod::IsPrerelease(version); });
      search.above = search.versions.size();
      if (!search.versions.empty()) searches[answer.path] = std::move(search);
    }
    while (true) {
      queries.clear();
      for (const auto& [path, search] : searches) {
        if (search.below < search.above) {
          queries.push_back(Cat(path, "@", search.versions[(search.below + search.above) / 2]));
        }
      }
      if (queries.empty()) break;
      step = go_.Query(scope, tool.path, queries, /*versions=*/false, answers);
      if (!step.ok()) return step;
      for (const ModuleAnswer& answer : answers) {
        const auto found = searches.find(answer.path);
        if (found == searches.end()) return Failed(FailureClass::kInternal, "go answered about another module");
        Search& search = found->second;
        const size_t middle = (search.below + search.above) / 2;
        // RFC 3339 in UTC: the order of the text is that of the times. One without a time counts as too young.
        const bool old_enough = answer.error.empty() && !answer.time.empty() && answer.time <= made_at;
        (old_enough ? search.below : search.above) = old_enough ? middle + 1 : middle;
      }
    }
    for (const auto& [path, search] : searches) {
      if (search.below > 0) locked.push_back({path, search.versions[search.below - 1]});
    }
    return {};
  }

  StepResult ListAll(const Scope& scope, const InstalledToolchain& tool, Listing& listing) {
    const bool source = IsSource(listing.form);
    // What a stored listing chose stays chosen.
    std::string go_mod = source ? listing.go_mod : listing.pinned_go_mod;
    if (go_mod.empty()) {
      std::vector<gomod::ModuleVersion> siblings;
      if (listing.form.base == Base::kSibling) {
        StepResult step = FindSiblings(scope, tool, listing, siblings);
        if (!step.ok()) return step;
      }
      std::vector<gomod::ModuleVersion> locked;
      if (listing.form.locked) {
        StepResult step = FindLocked(scope, tool, listing, locked);
        if (!step.ok()) return step;
      }
      absl::StatusOr<std::string> made =
          source ? SourceGoMod(listing, own_text_, siblings) : SyntheticGoMod(listing, locked);
      if (!made.ok()) return Failed(FailureClass::kSourceInvalid, Sv(made.status().message()));
      go_mod = *std::move(made);
      listing.edits = EditsOf(listing, own_, siblings);
    }
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
    SumModules of_sum = ModulesOfGoSum(*go_sum, cache_);
    for (const std::string& folder : of_sum.folders) {
      if (dirs.contains(folder)) continue;
      if (StepResult step = CheckEntries(folder); !step.ok()) return step;
    }
    dirs.merge(of_sum.folders);
    listing.cache_dirs.assign(dirs.begin(), dirs.end());
    of_sum.downloads.insert(listing.downloads.begin(), listing.downloads.end());
    const size_t at = listing.dir.rfind('@');
    of_sum.downloads.insert(Cat(listing.dir.substr(0, at), "/@v/", listing.dir.substr(at + 1)));
    listing.downloads.assign(of_sum.downloads.begin(), of_sum.downloads.end());
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
    StepResult step = go_.ListTarget(scope, tool.path, target, pattern, listing.form, packages);
    if (!step.ok()) return step;
    ListingInput input;
    input.target = target;
    input.go_version = listing.go_version;
    input.module = IsSource(listing.form) ? listing.own_path() : listing.module;
    input.version = listing.version;
    input.mod_cache = cache_.Mod();
    input.reader = DiskReader();
    TargetListing made = MakeTargetListing(packages, input);
    if (const std::string fault = WhyNotReportable(made); !fault.empty())
      return Failed(FailureClass::kSourceInvalid, fault);
    for (Program& program : made.programs) {
      // Not the program's fault and perhaps over in a minute: nothing of this fetch is kept.
      if (IsTransient(program.failure)) return Failed(program.failure, program.detail);
      if (program.failure == FailureClass::kSourceUnavailable) {
        program.detail += Cat(WithdrawnNote(program.detail), AskedAt());
      }
      if (program.failure != FailureClass::kNone) {
        program.detail += DroppedReplaceNote(own_, listing.form, program.detail);
      }
    }
    listing.targets.push_back(std::move(made));
    return {};
  }

  const FetchRequest& request_;
  const CacheLayout& cache_;
  const FetchLimits& limits_;
  GoCommands& go_;
  gomod::GoModFile own_;  // the module's; empty when it has none
  std::string own_text_;
};

}  // namespace

std::vector<Target> Missing(const Listing* listing, const std::vector<Target>& wanted) {
  std::vector<Target> missing;
  for (const Target target : wanted) {
    if (listing == nullptr || listing->Find(target) == nullptr) missing.push_back(target);
  }
  return missing;
}

bool HasFailures(const Listing& listing, FailureClass failure) {
  return std::any_of(listing.targets.begin(), listing.targets.end(), [&](const TargetListing& target) {
    return std::any_of(target.programs.begin(), target.programs.end(),
                       [&](const Program& program) { return program.failure == failure; });
  });
}

StepResult FetchListing(const Scope& scope, const FetchRequest& request, const CacheLayout& cache,
                        const FetchLimits& limits, GoCommands& go, bool stored, Listing& listing) {
  return Fetch(request, cache, limits, go).Run(scope, stored, listing);
}

}  // namespace gofarm::fetch
