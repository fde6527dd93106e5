#include "coordinator/oci/holdings.h"

#include "common/base/text.h"

namespace gofarm::oci {

bool Holdings::Looked(const std::string& repository) const {
  const absl::MutexLock lock(&mutex_);
  return repositories_.contains(repository);
}

void Holdings::Look(const std::string& repository, bool is_new) {
  const absl::MutexLock lock(&mutex_);
  if (repositories_.contains(repository)) return;
  if (++entries_ > entries_max_) {
    repositories_.clear();
    entries_ = 1;
  }
  repositories_[repository].is_new = is_new;
}

Holdings::Known Holdings::Of(const std::string& repository, std::string_view what) const {
  const absl::MutexLock lock(&mutex_);
  const auto found = repositories_.find(repository);
  if (found == repositories_.end()) return Known::kUnknown;
  if (found->second.held.contains(Av(what))) return Known::kHeld;
  return found->second.is_new ? Known::kAbsent : Known::kUnknown;
}

void Holdings::Add(const std::string& repository, std::string_view what) {
  const absl::MutexLock lock(&mutex_);
  const auto found = repositories_.find(repository);
  if (found == repositories_.end()) return;
  if (!found->second.held.insert(std::string(what)).second) return;
  if (++entries_ <= entries_max_) return;
  repositories_.clear();
  entries_ = 0;
}

void Holdings::Doubt(const std::string& repository) {
  Look(repository, false);
  const absl::MutexLock lock(&mutex_);
  Repository& doubted = repositories_[repository];
  entries_ -= doubted.held.size();
  doubted = {};
}

}  // namespace gofarm::oci
