// The steps that make one seed, each a command in the sandbox at the final paths. Called by the seeder's threads, one
// call a folder at a time. Errors: FAILED_PRECONDITION with the last lines of a command that failed; RESOURCE_EXHAUSTED
// for a full disk; CANCELLED and DEADLINE_EXCEEDED by the scope.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "common/base/scope.h"
#include "common/vocab/target.h"
#include "worker/exec/sandbox.h"
#include "worker/fetch/toolchain.h"

namespace gofarm::build {

struct SeedOrder {
  Target target = Target::kX86_64;
  std::vector<fetch::InstalledToolchain> gos;  // std is compiled with each: a module may need any
  fetch::InstalledToolchain zig;
  std::string folder;   // made here: gocache and zigcache; must not exist
  std::string scratch;  // an existing, empty folder for source, output, home
  int slot = 0;
  int parallel = 2;  // actions of go side by side
  absl::Duration step_wall = absl::Minutes(20);
};

// Step in words: "compiling std, package 120", "linking".
using SeedProgress = std::function<void(std::string_view step)>;

// std with the recipe's flags, then the link of a program with net/http, which makes zig's musl and compiler-rt.
absl::Status MakeSeed(const Scope& scope, const exec::Sandbox& sandbox, const SeedOrder& order,
                      const SeedProgress& progress);

// A copy of `base`/zigcache with libc++ in it, by the link of a C++ program; `order.folder` gets only zigcache.
absl::Status MakeCxxSeed(const Scope& scope, const exec::Sandbox& sandbox, const SeedOrder& order,
                         const std::string& base, const SeedProgress& progress);

}  // namespace gofarm::build
