// The packages of many modules and what they import from each other: what a forecast follows. Filled with modules as
// they are asked for; the newest version of each is taken for the one that is built. Pure; not thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/container/node_hash_map.h"
#include "common/godetect/detection.h"
#include "common/godetect/module_packages.h"

namespace gofarm::godetect {

inline constexpr size_t kGraphPackagesMax = 3'000'000;  // names in one graph: some hundred megabytes
inline constexpr size_t kFollowedPackagesMax = 20'000;  // for one program and target

class PackageGraph {
 public:
  explicit PackageGraph(size_t packages_max = kGraphPackagesMax) : packages_max_(packages_max) {}
  PackageGraph(const PackageGraph&) = delete;
  PackageGraph& operator=(const PackageGraph&) = delete;

  // Which modules have to be known to follow these imports on: paths that were not added yet, of modules that may hold
  // them. Empty: they are followed as far as they can be.
  std::vector<std::string> Missing(const std::vector<std::string>& imports);
  // What is known of a module. Of several that hold a package of one path the longest path is taken, as Go does.
  void Add(const std::string& module, const ModulePackages& packages);
  // Nothing is known of it, or there is none.
  void AddUnknown(const std::string& module);

  struct Found {
    // The worst there is: kNeedsLibrary or kExcluded with `detail`; kBuildable: nothing is known against it.
    Verdict verdict = Verdict::kBuildable;
    std::string detail;
    // Packages of which nothing is known; what they import is not known either.
    int64_t unknown = 0;
    std::string first_unknown;
  };
  using FoundByTarget = std::array<Found, kAllTargets.size()>;  // in the order of kAllTargets
  // For the targets of `targets` (TargetBit), in one walk. After Missing was empty for these imports.
  FoundByTarget Follow(const std::vector<std::string>& imports, int targets = kAllTargetBits);

  // Every name was taken: what came later counts as unknown.
  bool full() const { return full_; }

 private:
  using Id = int32_t;
  struct Part {
    int targets = 0;
    Id fault = -1;         // into faults_
    std::vector<Id> next;  // -1: a package that has no name here
  };
  struct Package {
    const std::string* path = nullptr;  // key of ids_
    Id module = -1;                     // into modules_; -1: nobody that is known has it
    bool followed = false;              // who may hold it is known, and what it imports is followed too
    uint32_t walk = 0;                  // that was here last
    int seen = 0;                       // by it, for these targets
    std::vector<Part> parts;
  };
  struct Fault {
    Verdict verdict;
    std::string detail;
  };
  // -1: it is full.
  Id IdOf(std::string_view path);
  // Adds the modules that may hold the package and were not added yet. False: there are none.
  bool AskFor(const std::string& path, absl::flat_hash_set<std::string>& missing) const;
  Part PartOf(const std::string& module, const ModulePackages& packages, const ModulePackage& package,
              const PackagePart& part);

  const size_t packages_max_;
  bool full_ = false;
  absl::node_hash_map<std::string, Id> ids_;
  std::vector<Package> packages_;
  std::vector<std::string> modules_;  // that are known
  std::vector<Fault> faults_;
  absl::flat_hash_set<std::string> added_;
  std::vector<Id> unfollowed_;
  uint32_t walk_ = 0;
};

}  // namespace gofarm::godetect
