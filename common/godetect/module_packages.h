// What a module's packages bring to programs of other modules that import them, in a form small enough to be kept for
// every module of a catalog. Plain values, and their compact JSON; what follows imports through them is
// package_graph.h. Text from modules is bounded here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/vocab/target.h"

namespace gofarm::godetect {

inline constexpr size_t kModulePackagesMax = 4'000;           // that are told of
inline constexpr size_t kModulePackagesBytesMax = 256 << 10;  // of the JSON, about
inline constexpr int kAllTargetBits = (1 << kAllTargets.size()) - 1;
inline constexpr int TargetBit(Target target) { return 1 << (static_cast<int>(target) - 1); }

// Of a package for some targets.
struct PackagePart {
  int targets = kAllTargetBits;  // TargetBit of each
  std::vector<int64_t> own;      // packages of the module that it imports: indexes; -1: one that is not told of
  std::vector<int64_t> imports;  // of other modules: indexes into ModulePackages::imports
  std::string need;              // the first thing that it asks of the system: "library pcap"
  std::string excluded;          // as Use::excluded
};

struct ModulePackage {
  std::string dir;                 // below the module's root, "" for it
  std::vector<PackagePart> parts;  // by disjoint targets; none: nothing is to be said against it nor what it imports
};

struct ModulePackages {
  std::vector<std::string> imports;  // each import path of another module once
  std::vector<ModulePackage> packages;
  // Packages that are not told of: reading them would have cost too much, or there was no room.
  int64_t unread = 0;
  int64_t cut = 0;

  bool whole() const { return unread == 0 && cut == 0; }
};

std::string ToJson(const ModulePackages& packages);
absl::StatusOr<ModulePackages> PackagesFromJson(std::string_view text);

}  // namespace gofarm::godetect
