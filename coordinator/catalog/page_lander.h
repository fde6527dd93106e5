// Pages of several slices on their way into the landing table: those that come while a transaction is under way make
// the next one together, so that a back-fill of many slices costs few commits. Thread-safe.
#pragma once

#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/base/scope.h"
#include "coordinator/domain/catalog_index.h"
#include "coordinator/store/catalog_index_store.h"

namespace gofarm::catalog {

inline constexpr size_t kPagesOfCommitMax = 16;

class PageLander {
 public:
  // `store` must outlive it.
  PageLander(store::CatalogIndexStore& store, int64_t epoch) : store_(store), epoch_(epoch) {}

  // True when it landed with its slice's step, false when the slice was moved by somebody else. Errors are those of
  // CatalogIndexStore::Land, of whoever's transaction it was in.
  absl::StatusOr<bool> Land(const Scope& scope, const domain::IndexLanding& page);

 private:
  struct Waiting {
    const domain::IndexLanding* page;
    bool ended = false;
    absl::StatusOr<bool> landed = false;
  };

  store::CatalogIndexStore& store_;
  const int64_t epoch_;
  absl::Mutex mutex_;
  absl::CondVar changed_;
  bool busy_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<Waiting*> waiting_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gofarm::catalog
