// The recipe's constants: sandbox paths, environment and go flags. Seeds and jobs must use exactly the same ones, since
// the Go build cache keys contain flags, tags, CC and its version: one letter more and every package of std is compiled
// anew. A change here needs a new recipe_version (coordinator) or kSandboxLayout. Pure; thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/vocab/target.h"
#include "worker/build/rules.h"

namespace gofarm::build {

// Paths inside the sandbox.
inline constexpr std::string_view kGoRoot = "/go";
inline constexpr std::string_view kGoExe = "/go/bin/go";
inline constexpr std::string_view kZigRoot = "/zig";
inline constexpr std::string_view kZigExe = "/zig/zig";
inline constexpr std::string_view kModCache = "/mod";
inline constexpr std::string_view kSrc = "/src";
inline constexpr std::string_view kGoCache = "/gocache";
inline constexpr std::string_view kZigCache = "/zigcache";
inline constexpr std::string_view kOut = "/out";
inline constexpr std::string_view kJob = "/job";
inline constexpr std::string_view kJobHome = "/job/home";  // must exist before the command starts
inline constexpr std::string_view kJobTmp = "/job/tmp";    // must exist before the command starts

inline constexpr std::string_view kAliasSource = "/job/aliases.s";  // of Variant::aliases
inline constexpr std::string_view kAliasObject = "/job/aliases.o";
inline constexpr std::string_view kOverlay = "/job/overlay";  // of edited files

inline constexpr std::string_view kLfs64Define = "-D_LARGEFILE64_SOURCE";

using Environment = std::vector<std::pair<std::string, std::string>>;

// All variables of a build, sorted by name; nothing is inherited. GOPATH is /job/gopath: an install variant replaces it
// by /out (it enters no cache key).
Environment RecipeEnvironment(Target target, const Variant& variant = {});

// -trimpath ... -ldflags "...": between `go build|install` and the packages.
std::vector<std::string> RecipeFlags(const Variant& variant = {});

// Value of one variable; empty when it is not there.
std::string_view ValueOf(const Environment& environment, std::string_view name);

}  // namespace gofarm::build
