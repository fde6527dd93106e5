#include "coordinator/catalog/page_lander.h"

#include <algorithm>

namespace gofarm::catalog {

absl::StatusOr<bool> PageLander::Land(const Scope& scope, const domain::IndexLanding& page) {
  Waiting mine{.page = &page};
  const absl::MutexLock lock(&mutex_);
  waiting_.push_back(&mine);
  while (!mine.ended) {
    if (busy_) {
      changed_.Wait(&mutex_);  // ends: the transaction under way has its scope's deadline
      continue;
    }
    busy_ = true;
    const size_t count = std::min(waiting_.size(), kPagesOfCommitMax);
    const std::vector<Waiting*> some(waiting_.begin(), waiting_.begin() + static_cast<ptrdiff_t>(count));
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<ptrdiff_t>(count));
    std::vector<const domain::IndexLanding*> pages;
    for (const Waiting* w : some) pages.push_back(w->page);
    mutex_.Unlock();
    const absl::StatusOr<std::vector<bool>> landed = store_.Land(scope, epoch_, pages);
    mutex_.Lock();
    for (size_t i = 0; i < some.size(); ++i) {
      some[i]->ended = true;
      if (landed.ok()) {
        some[i]->landed = (*landed)[i];
      } else {
        some[i]->landed = landed.status();
      }
    }
    busy_ = false;
    changed_.SignalAll();
  }
  return std::move(mine.landed);
}

}  // namespace gofarm::catalog
