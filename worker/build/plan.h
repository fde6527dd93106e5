// From an offer and what fetching found out to the exact commands of one try: argv, environment, folders, and where
// each program will lie. Pure: the runner carries it out, the report quotes it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/vocab/target.h"
#include "worker/build/recipe.h"
#include "worker/build/rules.h"
#include "worker/fetch/listing.h"

namespace gofarm::build {

// One command names at most so many programs; more are split. Far below ARG_MAX with the longest import paths.
inline constexpr size_t kProgramsPerCall = 400;

// What one try may use.
struct SlotShare {
  int parallel = 1;  // actions of go side by side, at least 1
  int64_t memory_bytes = int64_t{6} << 30;
};
// The cores are divided among the attempts that run when the try starts, this one among them, never among more than
// there are slots: a job alone on its worker has every core, as far as the memory of its slot goes. One that comes a
// moment later finds the first still using its larger share; the kernel divides the cores then, and the next try is
// planned anew.
SlotShare ShareOf(int cores, int slots, int running, int64_t memory_bytes_per_slot);

struct PlannedProgram {
  std::string import_path;
  std::string name;
  std::string out_path;  // inside the try's output folder: "bin/linux_arm64/age", "c1/bin/age"
};

// One go command. Programs whose base names clash are never in the same one: go would write one over the other,
// silently.
struct PlannedCall {
  std::vector<std::string> argv;
  Environment environment;
  std::vector<PlannedProgram> programs;
};

// A file that stands in place of another one during a build: at kOverlay/N.go of the job folder, mounted over `path`.
// (`go build -overlay` refuses files of the module cache.)
struct OverlaidFile {
  std::string path;  // of the other one, inside the sandbox
  std::string text;
};

struct PlannedTry {
  Variant variant;
  std::vector<PlannedCall> calls;
  std::string working_directory;
  // What stands at /src: a copy of the module, in which go_mod and go_sum (unless empty) take the place of its own; or
  // these two alone; or nothing.
  bool needs_source = false;
  bool needs_main = false;
  bool UsesSrc() const { return needs_source || needs_main; }
  std::string go_mod;
  std::string go_sum;
  std::vector<OverlaidFile> overlay;
  std::string alias_source;  // kAliasSource; the first call makes kAliasObject of it; empty: none
};

struct PlanInput {
  const fetch::Listing& listing;  // of the variant's form
  Target target;
  Variant variant;
  std::vector<const fetch::Program*> programs;  // to build now; each has func main and no listing failure
  std::string host_goarch;                      // decides between bin/ and bin/linux_GOARCH
  SlotShare share;
  bool apart = false;  // each program by a command of its own
  std::vector<OverlaidFile> overlay = {};
};

PlannedTry PlanTry(const PlanInput& input);

// What to start with, as the module itself asks.
Variant FirstVariant(const fetch::Listing& listing, Target target);

// Functions of musl under the names that prebuilt objects want: an assembler file of jumps, for the target.
std::string AliasSource(Target target, const std::vector<std::string>& aliases);

// Whether such a job may write to the Go cache that others read: the C compiler runs for no package outside std.
bool MayShareGoCache(const fetch::TargetListing& listing);

// The commands of a try in one line of words, as recorded: several calls stand behind each other with "&&" between
// them, a later one with the variables that differ in front ("env", "GOPATH=/out/c1", "/go/bin/go", ...).
std::vector<std::string> RecordedArgv(const PlannedTry& planned);
std::vector<std::string> RecordedEnvironment(const PlannedTry& planned);

// "amd64" for "x86_64"; the name itself for a host that is none of the targets.
std::string HostGoarch(std::string_view host_arch);

}  // namespace gofarm::build
