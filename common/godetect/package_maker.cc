#include "common/godetect/package_maker.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "common/base/text.h"

namespace gofarm::godetect {
namespace {

// A test cannot be imported.
bool Fits(const GoFile& file) { return !file.test && file.FitsAny(); }

class Maker {
 public:
  Maker(std::map<std::string, Folder>& folders, UseMaker& uses, const PackageLimits& limits)
      : folders_(folders), uses_(uses), limits_(limits) {}

  ModulePackages Run() {
    FindRead();
    const absl::flat_hash_set<Folder*> is_read(read_.begin(), read_.end());
    FindTelling(is_read);
    Choose();
    for (size_t i = 0; i < chosen_.size(); ++i) index_[chosen_[i]] = static_cast<int64_t>(i);
    for (Folder* const folder : chosen_) out_.packages.push_back(PackageOf(*folder));
    return std::move(out_);
  }

 private:
  // What others may import, and internal packages that these lead to.
  void FindRead() {
    absl::flat_hash_set<Folder*> seen;
    std::vector<Folder*> queue;
    for (auto& [dir, folder] : folders_) {
      if (IsImportable(folder) && !IsInternal(folder) && seen.insert(&folder).second) queue.push_back(&folder);
    }
    for (size_t i = 0; i < queue.size(); ++i) {
      Folder& folder = *queue[i];
      if (!IsRead(folder)) {
        ++out_.unread;
        continue;
      }
      read_.push_back(&folder);
      for (size_t t = 0; t < kTargets; ++t) {
        for (Folder* const own : uses_.PartsOf(folder, t).own) {
          if (IsImportable(*own) && seen.insert(own).second) queue.push_back(own);
        }
      }
    }
  }

  bool TellsItself(Folder& folder, const absl::flat_hash_set<Folder*>& is_read) {
    for (size_t t = 0; t < kTargets; ++t) {
      const Parts& parts = uses_.PartsOf(folder, t);
      if (!parts.imports.empty() || !parts.needs.empty() || !parts.excluded.empty()) return true;
      for (Folder* const own : parts.own) {
        if (!is_read.contains(own)) return true;
      }
    }
    return false;
  }

  // Packages that say something, and those that import them.
  void FindTelling(const absl::flat_hash_set<Folder*>& is_read) {
    absl::flat_hash_map<Folder*, std::vector<Folder*>> importers;
    std::vector<Folder*> queue;
    for (Folder* const folder : read_) {
      for (size_t t = 0; t < kTargets; ++t) {
        for (Folder* const own : uses_.PartsOf(*folder, t).own) importers[own].push_back(folder);
      }
      if (TellsItself(*folder, is_read) && telling_.insert(folder).second) queue.push_back(folder);
    }
    while (!queue.empty()) {
      Folder* const folder = queue.back();
      queue.pop_back();
      const auto found = importers.find(folder);
      if (found == importers.end()) continue;
      for (Folder* const importer : found->second) {
        if (telling_.insert(importer).second) queue.push_back(importer);
      }
    }
  }

  // What decides about a build by itself comes first, then what lies near the root.
  void Choose() {
    const auto rank = [this](Folder* folder) {
      bool decides = false;
      for (size_t t = 0; t < kTargets; ++t) {
        const Parts& parts = uses_.PartsOf(*folder, t);
        decides = decides || !parts.needs.empty() || !parts.excluded.empty();
      }
      return std::make_tuple(!decides, std::count(folder->dir.begin(), folder->dir.end(), '/'), folder->dir);
    };
    std::vector<std::pair<std::tuple<bool, std::ptrdiff_t, std::string>, Folder*>> ranked;
    for (Folder* const folder : read_) ranked.emplace_back(rank(folder), folder);
    std::sort(ranked.begin(), ranked.end());
    absl::flat_hash_set<std::string> paths;
    size_t bytes = 0;
    for (const auto& [unused, folder] : ranked) {
      const size_t cost = CostOf(*folder, paths);
      if (chosen_.size() >= limits_.packages || bytes + cost > limits_.bytes) {
        ++out_.cut;
        continue;
      }
      bytes += cost;
      if (telling_.contains(folder)) {
        for (size_t t = 0; t < kTargets; ++t) {
          for (const std::string& path : uses_.PartsOf(*folder, t).imports) paths.insert(path);
        }
      }
      chosen_.push_back(folder);
    }
    std::sort(chosen_.begin(), chosen_.end(), [](Folder* a, Folder* b) { return a->dir < b->dir; });
  }

  // In bytes, about; of the largest target for all.
  size_t CostOf(Folder& folder, const absl::flat_hash_set<std::string>& paths) {
    size_t cost = folder.dir.size() + 16;
    if (!telling_.contains(&folder)) return cost;
    size_t most = 0;
    for (size_t t = 0; t < kTargets; ++t) {
      const Parts& parts = uses_.PartsOf(folder, t);
      size_t one = 40 + 6 * (parts.own.size() + parts.imports.size()) + parts.excluded.size();
      if (!parts.needs.empty()) one += parts.needs.front().name.size();
      for (const std::string& path : parts.imports) one += paths.contains(path) ? 0 : path.size() + 3;
      most = std::max(most, one);
    }
    return cost + most;
  }

  ModulePackage PackageOf(Folder& folder) {
    ModulePackage package{.dir = folder.dir};
    if (!telling_.contains(&folder)) return package;
    for (size_t t = 0; t < kTargets; ++t) {
      PackagePart part = PartOf(uses_.PartsOf(folder, t));
      part.targets = TargetBit(kAllTargets[t]);
      const auto same = std::find_if(package.parts.begin(), package.parts.end(), [&](const PackagePart& p) {
        return p.own == part.own && p.imports == part.imports && p.need == part.need && p.excluded == part.excluded;
      });
      if (same == package.parts.end()) {
        package.parts.push_back(std::move(part));
      } else {
        same->targets |= part.targets;
      }
    }
    return package;
  }

  PackagePart PartOf(const Parts& parts) {
    PackagePart part;
    bool untold = false;
    for (Folder* const own : parts.own) {
      const auto told = index_.find(own);
      if (told == index_.end()) {
        untold = true;
      } else if (telling_.contains(own)) {
        part.own.push_back(told->second);
      }
    }
    std::sort(part.own.begin(), part.own.end());
    if (untold) part.own.push_back(-1);
    for (const std::string& path : parts.imports) {
      const auto [place, fresh] = import_index_.try_emplace(path, static_cast<int64_t>(out_.imports.size()));
      if (fresh) out_.imports.push_back(path);
      part.imports.push_back(place->second);
    }
    // A library says more than the header that comes with it; needs are sorted by kind.
    if (!parts.needs.empty()) part.need = TextOf(parts.needs.front());
    part.excluded = parts.excluded;
    return part;
  }

  std::map<std::string, Folder>& folders_;
  UseMaker& uses_;
  const PackageLimits limits_;
  std::vector<Folder*> read_, chosen_;
  absl::flat_hash_set<Folder*> telling_;
  absl::flat_hash_map<Folder*, int64_t> index_;  // of those that are chosen
  absl::flat_hash_map<std::string, int64_t> import_index_;
  ModulePackages out_;
};

}  // namespace

bool IsImportable(const Folder& folder) {
  return folder.listed && !folder.IsMainAnywhere() &&
         std::any_of(folder.files.begin(), folder.files.end(), [](const GoFile& file) { return !file.test; });
}

bool IsInternal(const Folder& folder) {
  const std::string path = Cat("/", folder.dir, "/");
  return path.find("/internal/") != std::string::npos;
}

bool IsRead(const Folder& folder) {
  return std::all_of(folder.files.begin(), folder.files.end(),
                     [](const GoFile& file) { return !Fits(file) || file.header.has_value(); });
}

ModulePackages MakePackages(const Detection& found, std::map<std::string, Folder>& folders, UseMaker& uses,
                            const PackageLimits& limits) {
  if (found.declared_module != found.module) {
    ModulePackages none;
    none.unread = 1;
    return none;
  }
  return Maker(folders, uses, limits).Run();
}

}  // namespace gofarm::godetect
