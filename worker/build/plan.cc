#include "worker/build/plan.h"

#include <algorithm>
#include <climits>
#include <map>
#include <optional>

#include "common/base/text.h"

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

std::vector<std::vector<const fetch::Program*>> OneByOne(const std::vector<const fetch::Program*>& programs) {
  std::vector<std::vector<const fetch::Program*>> calls;
  for (const fetch::Program* program : programs) calls.push_back({program});
  return calls;
}

// Whether the listing chose versions that no go.mod names: the build must not choose again.
bool IsPinned(const PlanInput& input) {
  return !fetch::IsSource(input.variant.form) && !input.listing.pinned_go_mod.empty();
}

PlannedCall PlanCall(const PlanInput& input, const std::vector<const fetch::Program*>& programs, size_t index) {
  const bool install = !fetch::IsSource(input.variant.form);
  const bool pinned = IsPinned(input);
  const std::string_view goarch = InfoOf(input.target).goarch;
  const std::string folder = index == 0 ? "" : Cat("c", index, "/");  // below /out
  PlannedCall call;
  call.environment = RecipeEnvironment(input.target, input.variant);
  SetResources(call.environment, input.share);
  call.argv = {std::string(kGoExe), install ? "install" : "build"};
  // Every version was chosen when the module was listed.
  if (!install || pinned) call.argv.push_back("-mod=readonly");
  // Go keeps an index of what it read in the files of the module cache, and believes it.
  if (!input.overlay.empty()) Set(call.environment, "GODEBUG", "goindex=0");
  for (std::string& flag : RecipeFlags(input.variant)) call.argv.push_back(std::move(flag));
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
  planned.needs_source = fetch::IsSource(input.variant.form);
  planned.needs_main = IsPinned(input);
  planned.working_directory = std::string(planned.UsesSrc() ? kSrc : kJob);
  if (planned.needs_main) {
    planned.go_mod = input.listing.pinned_go_mod;
    planned.go_sum = input.listing.pinned_go_sum;
  }
  if (planned.needs_source) {
    planned.go_mod = input.listing.go_mod;
    planned.go_sum = input.listing.go_sum;
  }
  planned.overlay = input.overlay;
  planned.alias_source = AliasSource(input.target, input.variant.aliases);
  if (!planned.alias_source.empty()) {
    PlannedCall call;
    call.environment = RecipeEnvironment(input.target, input.variant);
    call.argv = {std::string(kZigExe),
                 "cc",
                 "-target",
                 std::string(InfoOf(input.target).zig),
                 "-c",
                 std::string(kAliasSource),
                 "-o",
                 std::string(kAliasObject)};
    planned.calls.push_back(std::move(call));
  }
  size_t index = 0;
  for (const auto& programs : input.apart ? OneByOne(input.programs) : ApartByName(input.programs)) {
    planned.calls.push_back(PlanCall(input, programs, index++));
  }
  return planned;
}

Variant FirstVariant(const fetch::Listing& listing, Target target) {
  Variant variant;
  variant.form = listing.form;
  const fetch::TargetListing* found = listing.Find(target);
  variant.portable = found != nullptr && std::any_of(found->cgo_demands.begin(), found->cgo_demands.end(),
                                                     [](const fetch::CgoDemand& demand) { return demand.native; });
  return variant;
}

std::string AliasSource(Target target, const std::vector<std::string>& aliases) {
  constexpr std::string_view kMark = "64";
  const std::string_view jump = target == Target::kX86_64 ? "jmp" : target == Target::kRiscv64 ? "tail" : "b";
  std::string text;
  for (const std::string& alias : aliases) {
    std::string plain = alias;
    if (const size_t at = plain.rfind(kMark); at != std::string::npos) plain.erase(at, kMark.size());
    text += Cat(".globl ", alias, "\n.type ", alias, ",@function\n", alias, ": ", jump, " ", plain, "\n");
  }
  return text;
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
