#include "worker/build/plan.h"

#include <algorithm>
#include <climits>
#include <map>
#include <optional>

#include "common/base/text.h"
#include "common/gomod/go_mod_file.h"

namespace gofarm::build {
namespace {

void Set(Environment& environment, std::string_view name, std::string value) {
  const auto at = std::lower_bound(environment.begin(), environment.end(), name,
                                   [](const auto& pair, std::string_view n) { return pair.first < n; });
  if (at != environment.end() && at->first == name) {
    at->second = std::move(value);
  } else {
    environment.insert(at, {std::string(name), std::move(value)});
  }
}

// GOGC=off takes 17 % less CPU than the default; GOMEMLIMIT makes the collector run before the slot's memory is gone.
// Each process has the limit for itself: `parallel` compilers or linkers, and go with all that it holds about the
// packages.
void SetResources(Environment& environment, const SlotShare& share) {
  constexpr int64_t kMiB = int64_t{1} << 20;
  const int64_t each = std::max<int64_t>(256, share.memory_bytes / (share.parallel + 1) / kMiB);
  Set(environment, "GOGC", "off");
  Set(environment, "GOMEMLIMIT", Cat(each, "MiB"));
  Set(environment, "GOMAXPROCS", Cat(share.parallel));
}

// Cores lie idle beside a job, but its slot's memory does not grow with them: what one large compile or link is given
// at least.
constexpr int64_t kMemoryPerAction = int64_t{768} << 20;

// The package as a source variant names it, from inside /src.
std::string SourceArgument(const fetch::Program& program) {
  return program.dir.empty() || program.dir == "." ? std::string(".") : Cat("./", program.dir);
}

// Call k holds the k-th program of each base name, so no call has a name twice.
std::vector<std::vector<const fetch::Program*>> ApartByName(const std::vector<const fetch::Program*>& programs) {
  std::vector<std::vector<const fetch::Program*>> calls;
  std::map<std::string, size_t> seen;
  for (const fetch::Program* program : programs) {
    const size_t call = seen[program->name]++;
    if (call >= calls.size()) calls.resize(call + 1);
    calls[call].push_back(program);
  }
  std::vector<std::vector<const fetch::Program*>> split;
  for (const auto& call : calls) {
    for (size_t i = 0; i < call.size(); i += kProgramsPerCall) {
      split.emplace_back(call.begin() + static_cast<std::ptrdiff_t>(i),
                         call.begin() + static_cast<std::ptrdiff_t>(std::min(call.size(), i + kProgramsPerCall)));
    }
  }
  return split;
}

std::optional<Variant> VariantByName(std::string_view name) {
  for (const Base base : {Base::kInstall, Base::kSource, Base::kNoReplace}) {
    if (VariantName({base, false}) == name) return Variant{base, false};
  }
  return std::nullopt;
}

// Whether the listing chose versions that no go.mod names: the build must not choose again.
bool IsPinned(const PlanInput& input) {
  return input.variant.base == Base::kInstall && !input.listing.pinned_go_mod.empty();
}

PlannedCall PlanCall(const PlanInput& input, const std::vector<const fetch::Program*>& programs, size_t index) {
  const bool install = input.variant.base == Base::kInstall;
  const bool pinned = IsPinned(input);
  const std::string_view goarch = InfoOf(input.target).goarch;
  const std::string folder = index == 0 ? "" : Cat("c", index, "/");  // below /out
  PlannedCall call;
  call.environment = RecipeEnvironment(input.target, input.variant.lfs64);
  SetResources(call.environment, input.share);
  call.argv = {std::string(kGoExe), install ? "install" : "build"};
  if (!install || pinned) call.argv.push_back("-mod=mod");
  for (std::string& flag : RecipeFlags()) call.argv.push_back(std::move(flag));
  // The names of packages as they are compiled: something to follow, and a sign of life.
  call.argv.insert(call.argv.end(), {"-v", "-p", Cat(input.share.parallel)});
  std::string bin = folder + "bin/";
  if (install) {
    Set(call.environment, "GOPATH", index == 0 ? std::string(kOut) : Cat(kOut, "/c", index));
    if (goarch != input.host_goarch) bin += Cat("linux_", goarch, "/");
  } else {
    call.argv.insert(call.argv.end(), {"-o", Cat(kOut, "/", bin)});
  }
  for (const fetch::Program* program : programs) {
    call.argv.push_back(!install ? SourceArgument(*program)
                        : pinned ? program->import_path
                                 : Cat(program->import_path, "@", input.listing.version));
    call.programs.push_back({program->import_path, program->name, bin + program->name});
  }
  return call;
}

}  // namespace

SlotShare ShareOf(int cores, int slots, int running, int64_t memory_bytes_per_slot) {
  SlotShare share;
  if (memory_bytes_per_slot > 0) share.memory_bytes = memory_bytes_per_slot;
  const int least = std::max(1, cores / std::max(1, slots));
  const int idle_too = cores / std::clamp(running, 1, std::max(1, slots));
  const auto by_memory = static_cast<int>(std::min<int64_t>(share.memory_bytes / kMemoryPerAction, INT_MAX));
  share.parallel = std::max(least, std::min(idle_too, by_memory));
  return share;
}

PlannedTry PlanTry(const PlanInput& input) {
  PlannedTry planned;
  planned.variant = input.variant;
  planned.needs_source = input.variant.base != Base::kInstall;
  planned.needs_main = IsPinned(input);
  planned.working_directory = std::string(planned.UsesSrc() ? kSrc : kJob);
  if (planned.needs_main) {
    planned.go_mod = input.listing.pinned_go_mod;
    planned.go_sum = input.listing.pinned_go_sum;
  }
  if (planned.needs_source) {
    if (FirstVariant(input.listing).base == input.variant.base && !input.listing.go_mod.empty()) {
      planned.go_mod = input.listing.go_mod;
      planned.go_sum = input.listing.go_sum;
    } else {
      planned.go_mod = !input.listing.go_mod.empty() ? input.listing.go_mod : input.own_go_mod;
      if (input.variant.base == Base::kNoReplace) {
        absl::StatusOr<std::string> without = gomod::DropFolderReplacements(planned.go_mod);
        if (without.ok()) planned.go_mod = *std::move(without);
      }
    }
  }
  for (const auto& programs : ApartByName(input.programs)) {
    planned.calls.push_back(PlanCall(input, programs, planned.calls.size()));
  }
  return planned;
}

Variant FirstVariant(const fetch::Listing& listing) { return VariantByName(listing.variant).value_or(kFirstVariant); }

ProgramSplit SplitPrograms(const fetch::TargetListing& listing) {
  ProgramSplit split;
  for (const fetch::Program& program : listing.programs) {
    if (!program.has_main_func) continue;
    (program.failure == FailureClass::kNone ? split.buildable : split.broken).push_back(&program);
  }
  return split;
}

bool MayShareGoCache(const fetch::TargetListing& listing) {
  return !listing.uses_cgo && !listing.uses_c && !listing.uses_cxx && !listing.uses_syso;
}

std::vector<std::string> RecordedArgv(const PlannedTry& planned) {
  std::vector<std::string> words;
  for (size_t i = 0; i < planned.calls.size(); ++i) {
    const PlannedCall& call = planned.calls[i];
    if (i > 0) {
      words.insert(words.end(), {"&&", "env"});
      for (const auto& [name, value] : call.environment) {
        if (ValueOf(planned.calls[0].environment, name) != value) words.push_back(Cat(name, "=", value));
      }
      if (words.back() == "env") words.pop_back();
    }
    words.insert(words.end(), call.argv.begin(), call.argv.end());
  }
  return words;
}

std::vector<std::string> RecordedEnvironment(const PlannedTry& planned) {
  std::vector<std::string> lines;
  if (planned.calls.empty()) return lines;
  for (const auto& [name, value] : planned.calls[0].environment) lines.push_back(Cat(name, "=", value));
  return lines;
}

std::string HostGoarch(std::string_view host_arch) {
  const std::optional<Target> target = ParseTarget(host_arch);
  return std::string(target ? InfoOf(*target).goarch : host_arch);
}

}  // namespace gofarm::build
