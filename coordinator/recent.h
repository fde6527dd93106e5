// Answers that are kept for a moment, so that many who ask at once cost as much as one. Thread-safe; two who ask in the
// same moment may both make an answer.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/clock.h"

namespace gofarm::coordinator {

template <typename Key, typename Value>
class Recent {
 public:
  // `most`: answers that are kept at once; the oldest goes.
  Recent(absl::Duration fresh, size_t most) : fresh_(fresh), most_(most) {}

  // What `make` gives, a StatusOr<Value>; of failures nothing is kept.
  template <typename Make>
  absl::StatusOr<std::shared_ptr<const Value>> Get(const Key& key, const Make& make) {
    const absl::Time now = SteadyNow();
    {
      const absl::MutexLock lock(&mutex_);
      const auto kept = kept_.find(key);
      if (kept != kept_.end() && now - kept->second.at < fresh_) return kept->second.value;
    }
    absl::StatusOr<Value> made = make();
    if (!made.ok()) return made.status();
    std::shared_ptr<const Value> value = std::make_shared<const Value>(*std::move(made));
    const absl::MutexLock lock(&mutex_);
    kept_[key] = {value, now};
    if (kept_.size() > most_) {
      kept_.erase(std::min_element(kept_.begin(), kept_.end(),
                                   [](const auto& a, const auto& b) { return a.second.at < b.second.at; }));
    }
    return value;
  }

 private:
  struct Kept {
    std::shared_ptr<const Value> value;
    absl::Time at;
  };
  const absl::Duration fresh_;
  const size_t most_;
  absl::Mutex mutex_;
  std::map<Key, Kept> kept_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gofarm::coordinator
