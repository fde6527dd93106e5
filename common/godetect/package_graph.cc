#include "common/godetect/package_graph.h"

#include <algorithm>
#include <utility>

#include "common/base/text.h"
#include "common/godetect/uses.h"
#include "common/gomod/path.h"

namespace gofarm::godetect {
namespace {

constexpr size_t kPrefixesMax = 16;  // of one import path; a module has rarely more elements than six
constexpr std::string_view kHostsWithOwners[] = {"github.com/", "bitbucket.org/"};

// No module of these hosts has fewer elements than host, owner and repository.
bool MayBeModule(std::string_view path) {
  for (const std::string_view host : kHostsWithOwners) {
    if (path.substr(0, host.size()) == host) return path.find('/', host.size()) != std::string_view::npos;
    if (path == host.substr(0, host.size() - 1)) return false;
  }
  return true;
}

}  // namespace

PackageGraph::Id PackageGraph::IdOf(std::string_view path) {
  const std::string key(path);
  if (const auto known = ids_.find(key); known != ids_.end()) return known->second;
  if (packages_.size() >= packages_max_) {
    full_ = true;
    return -1;
  }
  const auto place = ids_.emplace(key, static_cast<Id>(packages_.size())).first;
  packages_.push_back({.path = &place->first});
  return place->second;
}

bool PackageGraph::AskFor(const std::string& path, absl::flat_hash_set<std::string>& missing) const {
  bool asked = false;
  size_t prefixes = 0;
  for (size_t end = path.size(); end != std::string::npos && end > 0 && prefixes < kPrefixesMax;
       end = path.rfind('/', end - 1), ++prefixes) {
    const std::string_view prefix = std::string_view(path).substr(0, end);
    if (!MayBeModule(prefix)) break;
    std::string module(prefix);
    if (added_.contains(module)) continue;
    missing.insert(std::move(module));
    asked = true;
  }
  return asked;
}

std::vector<std::string> PackageGraph::Missing(const std::vector<std::string>& imports) {
  for (const std::string& path : imports) {
    const Id id = IdOf(path);
    if (id >= 0 && !packages_[static_cast<size_t>(id)].followed) unfollowed_.push_back(id);
  }
  absl::flat_hash_set<std::string> missing;
  std::vector<Id> again;
  while (!unfollowed_.empty()) {
    const Id id = unfollowed_.back();
    unfollowed_.pop_back();
    if (id < 0) continue;
    Package& package = packages_[static_cast<size_t>(id)];
    if (package.followed) continue;
    if (AskFor(*package.path, missing)) {
      again.push_back(id);
      continue;
    }
    package.followed = true;
    for (const Part& part : package.parts) unfollowed_.insert(unfollowed_.end(), part.next.begin(), part.next.end());
  }
  unfollowed_ = std::move(again);
  return {missing.begin(), missing.end()};
}

void PackageGraph::AddUnknown(const std::string& module) { added_.insert(module); }

PackageGraph::Part PackageGraph::PartOf(const std::string& module, const ModulePackages& packages,
                                        const ModulePackage& package, const PackagePart& part) {
  Part out{.targets = part.targets};
  const std::string path = PathBelow(module, package.dir);
  // A package that cannot be built there at all is worse than what it asks for.
  if (!part.excluded.empty()) {
    out.fault = static_cast<Id>(faults_.size());
    faults_.push_back({Verdict::kExcluded, part.excluded});
  } else if (!part.need.empty()) {
    out.fault = static_cast<Id>(faults_.size());
    faults_.push_back({Verdict::kNeedsLibrary, Cat(part.need, " (", path, ")")});
  }
  for (const int64_t own : part.own) {
    const bool told = own >= 0 && own < static_cast<int64_t>(packages.packages.size());
    out.next.push_back(told ? IdOf(PathBelow(module, packages.packages[static_cast<size_t>(own)].dir)) : -1);
  }
  for (const int64_t import : part.imports) {
    const bool told = import >= 0 && import < static_cast<int64_t>(packages.imports.size());
    out.next.push_back(told ? IdOf(packages.imports[static_cast<size_t>(import)]) : -1);
  }
  return out;
}

void PackageGraph::Add(const std::string& module, const ModulePackages& packages) {
  if (!added_.insert(module).second) return;
  const Id number = static_cast<Id>(modules_.size());
  modules_.push_back(module);
  for (const ModulePackage& package : packages.packages) {
    const Id id = IdOf(PathBelow(module, package.dir));
    if (id < 0) return;
    const Id holder = packages_[static_cast<size_t>(id)].module;
    if (holder >= 0 && modules_[static_cast<size_t>(holder)].size() > module.size()) continue;
    std::vector<Part> parts;
    for (const PackagePart& part : package.parts) parts.push_back(PartOf(module, packages, package, part));
    // Names that were new may have moved the packages.
    packages_[static_cast<size_t>(id)].module = number;
    packages_[static_cast<size_t>(id)].parts = std::move(parts);
  }
}

PackageGraph::FoundByTarget PackageGraph::Follow(const std::vector<std::string>& imports, int targets) {
  FoundByTarget all;
  const auto each = [&all](int bits, const auto& note) {
    for (size_t t = 0; t < all.size(); ++t) {
      if ((bits & TargetBit(kAllTargets[t])) != 0) note(all[t]);
    }
  };
  const auto unknown = [&](int bits, const auto& name) {
    each(bits, [&](Found& found) {
      if (++found.unknown == 1) found.first_unknown = name();
    });
  };
  const uint32_t walk = ++walk_;
  // A package that several targets reach by different ways is looked at once for each of them.
  std::vector<std::pair<Id, int>> queue;
  const auto enqueue = [&](Id id, int bits) {
    Package& package = packages_[static_cast<size_t>(id)];
    if (package.walk != walk) {
      package.walk = walk;
      package.seen = 0;
    }
    const int fresh = bits & ~package.seen;
    if (fresh == 0) return;
    package.seen |= fresh;
    queue.emplace_back(id, fresh);
  };
  for (const std::string& path : imports) {
    const auto known = ids_.find(path);
    if (known == ids_.end()) {
      unknown(targets, [&] { return path; });
    } else {
      enqueue(known->second, targets);
    }
  }
  for (size_t i = 0; i < queue.size(); ++i) {
    const auto [id, bits] = queue[i];
    const Package& package = packages_[static_cast<size_t>(id)];
    if (package.module < 0 || i >= kFollowedPackagesMax) {
      unknown(bits, [&] { return *package.path; });
      continue;
    }
    const std::string& module = modules_[static_cast<size_t>(package.module)];
    for (const Part& part : package.parts) {
      const int mine = part.targets & bits;
      if (mine == 0) continue;
      if (part.fault >= 0) {
        const Fault& fault = faults_[static_cast<size_t>(part.fault)];
        each(mine, [&](Found& found) {
          if (found.verdict != Verdict::kBuildable && !IsWorse(fault.verdict, found.verdict)) return;
          found.verdict = fault.verdict;
          found.detail = Cat(fault.detail, ", brought by ", module);
        });
      }
      for (const Id next : part.next) {
        if (next >= 0) {
          enqueue(next, mine);
        } else {
          unknown(mine, [&] { return Cat("a package of ", module); });
        }
      }
    }
  }
  return all;
}

}  // namespace gofarm::godetect
