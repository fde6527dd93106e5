#include "coordinator/domain/affinity.h"

#include <algorithm>

#include "common/base/text.h"

namespace gofarm::dispatch {

std::string ModuleKey(const domain::QueuedJob& job) { return Cat(job.module, "@", job.version, " ", job.toolset); }

void Affinity::Note(const std::string& module_key, const std::string& worker) {
  Entry& entry = by_module_[module_key];
  by_use_.erase(entry.used);
  entry.used = ++clock_;
  by_use_[entry.used] = module_key;
  std::erase(entry.workers, worker);
  entry.workers.insert(entry.workers.begin(), worker);
  if (entry.workers.size() > kAffinityWorkersMax) entry.workers.pop_back();
  if (by_module_.size() > kAffinityModulesMax) {
    by_module_.erase(by_use_.begin()->second);
    by_use_.erase(by_use_.begin());
  }
}

const std::vector<std::string>& Affinity::WorkersOf(const std::string& module_key) const {
  static const auto& nobody = *new std::vector<std::string>();
  const auto it = by_module_.find(module_key);
  return it == by_module_.end() ? nobody : it->second.workers;
}

}  // namespace gofarm::dispatch
