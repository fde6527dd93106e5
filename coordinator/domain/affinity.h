// Which worker has whose source: a module's targets go where it was fetched already, as long as that worker has a free
// slot. Also the name under which targets of one module belong together. Pure; no thread rules.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "coordinator/domain/dispatch_store.h"

namespace gofarm::dispatch {

inline constexpr size_t kAffinityModulesMax = 20'000;  // the least recently used go first
inline constexpr size_t kAffinityWorkersMax = 4;       // per module, newest first

// "module@version toolset": jobs of one key share one fetch and one listing.
std::string ModuleKey(const domain::QueuedJob& job);

class Affinity {
 public:
  void Note(const std::string& module_key, const std::string& worker);
  // Newest first; empty when nobody is known to have the source.
  const std::vector<std::string>& WorkersOf(const std::string& module_key) const;
  size_t size() const { return by_module_.size(); }

 private:
  struct Entry {
    std::vector<std::string> workers;
    int64_t used = 0;
  };
  absl::flat_hash_map<std::string, Entry> by_module_;
  std::map<int64_t, std::string> by_use_;
  int64_t clock_ = 0;
};

}  // namespace gofarm::dispatch
