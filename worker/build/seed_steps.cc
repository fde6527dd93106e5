#include "worker/build/seed_steps.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "worker/build/classify.h"
#include "worker/build/recipe.h"

namespace gofarm::build {
namespace {

namespace fs = std::filesystem;

constexpr size_t kTailMax = 8 << 10;
constexpr int64_t kSeedMemoryBytes = int64_t{6} << 30;
// Collections cost a sixth of the compiler's CPU time; each process may use this much before it collects after all.
constexpr std::string_view kGoMemoryLimit = "1500MiB";

constexpr std::string_view kGoProgram = R"(package main

import (
	"fmt"
	"net/http"
)

func main() {
	fmt.Println(http.ListenAndServe(":0", nil))
}
)";

constexpr std::string_view kCxxGo = R"(package main

// int seed(int n);
import "C"
import "fmt"

func main() {
	fmt.Println(C.seed(3))
}
)";

constexpr std::string_view kCxxFile = R"(#include <algorithm>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

extern "C" int seed(int n) {
  std::vector<std::string> words(n, "word");
  std::map<std::string, int> counts;
  for (const auto& word : words) ++counts[word];
  std::sort(words.begin(), words.end());
  try {
    if (n < 0) throw std::runtime_error("negative");
  } catch (const std::exception& e) {
    std::cerr << e.what() << std::endl;
  }
  return counts["word"];
}
)";

// Output of a step: counts packages (go build -v prints one line each), keeps the end for an error message.
class Output {
 public:
  Output(std::string_view step, const SeedProgress& progress) : step_(step), progress_(progress) {}
  void operator()(std::string_view piece) {
    lines_ += std::count(piece.begin(), piece.end(), '\n');
    tail_ += piece;
    if (tail_.size() > 2 * kTailMax) tail_.erase(0, tail_.size() - kTailMax);
    if (progress_) progress_(Cat(step_, ", package ", lines_));
  }
  std::string Tail() const {
    const size_t start = tail_.size() > kTailMax ? tail_.size() - kTailMax : 0;
    return EscapeForPrint(std::string_view(tail_).substr(start), true);
  }

 private:
  const std::string step_;
  const SeedProgress& progress_;
  int64_t lines_ = 0;
  std::string tail_;
};

std::string EndOf(const exec::SandboxResult& result) {
  switch (result.ended_by) {
    case exec::EndedBy::kExit:
      return Cat("exit code ", result.exit_code);
    case exec::EndedBy::kSignal:
      return Cat("signal ", result.signal);
    case exec::EndedBy::kWall:
      return "took too long";
    case exec::EndedBy::kSilence:
      return "did nothing for too long";
    case exec::EndedBy::kMemory:
      return Cat("used too much memory (", result.peak_memory_bytes >> 20, " MiB)");
    case exec::EndedBy::kOutput:
      return "wrote too much";
    case exec::EndedBy::kDisk:
      return "the disk is nearly full: no space left on device";
    case exec::EndedBy::kStopped:
      return "was stopped";
  }
  return "ended strangely";
}

class Steps {
 public:
  Steps(const Scope& scope, const exec::Sandbox& sandbox, const SeedOrder& order, const SeedProgress& progress)
      : scope_(scope), sandbox_(sandbox), order_(order), progress_(progress) {}

  // Folders of the scratch, given to the build's uid.
  absl::Status Prepare(const std::vector<std::pair<std::string, std::string_view>>& source_files) {
    for (const char* name : {"/src", "/out", "/job/home", "/job/tmp"}) {
      GOFARM_RETURN_IF_ERROR(io::MakeFolders(order_.scratch + name));
    }
    for (const auto& [name, text] : source_files) {
      GOFARM_RETURN_IF_ERROR(io::WriteFileAtomic(Cat(order_.scratch, "/src/", name), text));
    }
    for (const char* name : {"/src", "/out", "/job"}) {
      GOFARM_RETURN_IF_ERROR(sandbox_.GiveToBuilds(order_.scratch + name, order_.slot));
    }
    return absl::OkStatus();
  }

  absl::Status Go(const fetch::InstalledToolchain& go, std::string_view step, const std::vector<std::string>& what,
                  const std::vector<exec::BindMount>& caches, const std::vector<exec::OverlayMount>& overlays) {
    exec::SandboxSpec spec;
    spec.argv = {std::string(kGoExe), "build", "-v", "-p", Cat(order_.parallel)};
    for (std::string& flag : RecipeFlags()) spec.argv.push_back(std::move(flag));
    spec.argv.insert(spec.argv.end(), what.begin(), what.end());
    spec.environment = RecipeEnvironment(order_.target);
    spec.environment.emplace_back("GOGC", "off");
    spec.environment.emplace_back("GOMEMLIMIT", std::string(kGoMemoryLimit));
    spec.environment.emplace_back("GOMAXPROCS", Cat(order_.parallel));
    spec.working_directory = std::string(kSrc);
    spec.binds = caches;
    spec.binds.push_back({go.root, std::string(kGoRoot), false});
    spec.binds.push_back({order_.zig.root, std::string(kZigRoot), false});
    spec.binds.push_back({order_.scratch + "/src", std::string(kSrc), true});
    spec.binds.push_back({order_.scratch + "/out", std::string(kOut), true});
    spec.binds.push_back({order_.scratch + "/job", std::string(kJob), true});
    spec.overlays = overlays;
    spec.limits.wall = order_.step_wall;
    spec.limits.memory_bytes = kSeedMemoryBytes;
    spec.slot = order_.slot;
    Output output(Cat(step, " with Go ", go.version), progress_);
    if (progress_) progress_(step);
    GOFARM_ASSIGN_OR_RETURN_CTX(const exec::SandboxResult result,
                                sandbox_.Run(scope_, spec, [&](std::string_view piece) { output(piece); }), step);
    GOFARM_RETURN_IF_ERROR(scope_.Check());
    if (result.ended_by == exec::EndedBy::kExit && result.exit_code == 0) return absl::OkStatus();
    const std::string tail = output.Tail();
    const std::string message = Cat("seed of ", TargetName(order_.target), ": ", step, ": ", EndOf(result), "\n", tail);
    if (result.ended_by == exec::EndedBy::kDisk || SaysDiskFull(tail)) return absl::ResourceExhaustedError(message);
    return absl::FailedPreconditionError(message);
  }

 private:
  const Scope& scope_;
  const exec::Sandbox& sandbox_;
  const SeedOrder& order_;
  const SeedProgress& progress_;
};

}  // namespace

absl::Status MakeSeed(const Scope& scope, const exec::Sandbox& sandbox, const SeedOrder& order,
                      const SeedProgress& progress) {
  Steps steps(scope, sandbox, order, progress);
  GOFARM_RETURN_IF_ERROR(
      steps.Prepare({{"go.mod", "module gofarm.invalid/seed\n\ngo 1.21\n"}, {"main.go", kGoProgram}}));
  const std::string gocache = order.folder + "/gocache";
  const std::string zigcache = order.folder + "/zigcache";
  for (const std::string& folder : {gocache, zigcache}) {
    GOFARM_RETURN_IF_ERROR(io::MakeFolders(folder));
    GOFARM_RETURN_IF_ERROR(sandbox.GiveToBuilds(folder, order.slot));
  }
  const std::vector<exec::BindMount> caches = {{gocache, std::string(kGoCache), true},
                                               {zigcache, std::string(kZigCache), true}};
  for (const fetch::InstalledToolchain& go : order.gos) {
    GOFARM_RETURN_IF_ERROR(steps.Go(go, "compiling std", {"std"}, caches, {}));
    GOFARM_RETURN_IF_ERROR(steps.Go(go, "linking a first program", {"-o", "/out/seed", "."}, caches, {}));
  }
  GOFARM_RETURN_IF_ERROR(sandbox.GiveToBuilds(gocache, exec::kAnySlot));
  return sandbox.GiveToBuilds(zigcache, exec::kAnySlot);
}

absl::Status MakeCxxSeed(const Scope& scope, const exec::Sandbox& sandbox, const SeedOrder& order,
                         const std::string& base, const SeedProgress& progress) {
  Steps steps(scope, sandbox, order, progress);
  GOFARM_RETURN_IF_ERROR(steps.Prepare(
      {{"go.mod", "module gofarm.invalid/seed\n\ngo 1.21\n"}, {"main.go", kCxxGo}, {"seed.cc", kCxxFile}}));
  const std::string zigcache = order.folder + "/zigcache";
  GOFARM_RETURN_IF_ERROR(io::MakeFolders(order.folder));
  std::error_code error;
  fs::copy(base + "/zigcache", zigcache, fs::copy_options::recursive, error);
  if (error) return ErrnoStatus(error.value(), Cat("copy the zig seed of ", TargetName(order.target)));
  GOFARM_RETURN_IF_ERROR(sandbox.GiveToBuilds(zigcache, order.slot));
  const std::string upper = order.scratch + "/gocache-upper";
  GOFARM_RETURN_IF_ERROR(io::MakeFolders(upper));
  GOFARM_RETURN_IF_ERROR(steps.Go(order.gos.back(), "linking a first C++ program", {"-o", "/out/seed", "."},
                                  {{zigcache, std::string(kZigCache), true}},
                                  {{base + "/gocache", upper, std::string(kGoCache)}}));
  return sandbox.GiveToBuilds(zigcache, exec::kAnySlot);
}

}  // namespace gofarm::build
