// Keying: rows of the index in any order and with any repeats become modules and versions, each once. Rows come in runs
// (line_run.h). Two ways lead into the tables:
//   - what is little against what is stored is looked up and added, a run at a time, each in a transaction of its own;
//   - what is much (a back-fill) is sorted run by run, merged with what is stored into a new table, keyed when all is
//     there, and put in place, all in one transaction.
// Either may be killed at any time and repeated: what is stored already is found again.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/base/scope.h"
#include "coordinator/catalog/bulk_pace.h"
#include "coordinator/catalog/hand_over.h"
#include "coordinator/catalog/line_run.h"
#include "coordinator/catalog/run_store.h"
#include "coordinator/domain/catalog_index.h"
#include "coordinator/store/keying_session.h"
#include "coordinator/store/pool.h"

namespace gofarm::catalog {

inline constexpr int64_t kBreatheEvery = 8192;  // rows of a block

struct KeyingOptions {
  RunStoreOptions store;
  // New rows from which all versions are written anew, when they are also a good part of them (IsMuch).
  int64_t much = 50'000;
  // Of the blocks of work, so that others have the machine; null: as fast as it goes. It must outlive the keying.
  BulkPace* pace = nullptr;
};

// Are `fresh` rows so many against those `stored` that writing all of them anew is the faster way? Looking up and
// adding one costs about as much as writing six.
bool IsMuch(int64_t fresh, int64_t stored, int64_t much);

struct KeyedCounts {
  int64_t rows = 0;  // = stored + known
  int64_t stored = 0;
  int64_t known = 0;
};

// One keying. Runs are worked on by a thread of the keyer, while the next is collected. Not thread-safe.
class Keyer {
 public:
  // `half`: of catalog_landing, whose lines are added; it is emptied when all is keyed.
  Keyer(const Scope& scope, const store::PoolOptions& database, int64_t epoch, const KeyingOptions& options,
        std::optional<domain::LandedHalf> half = std::nullopt);
  // Not finished: what was not committed did not happen.
  ~Keyer();
  Keyer(const Keyer&) = delete;
  Keyer& operator=(const Keyer&) = delete;

  // Waits while the keyer is busy with the runs before.
  absl::Status Add(LineRun run);
  // All rows are stored when this returns OK.
  absl::StatusOr<KeyedCounts> Finish();

 private:
  struct Known;

  void Work();
  absl::Status Take(LineRun run, bool last);
  absl::Status DropKnown(LineRun& run, Known& known);
  absl::Status AddSome(LineRun run, Known& known);
  absl::Status AddKnownLines(store::KeyingSession& session, Known& known);
  absl::Status Collect(LineRun run);
  absl::Status WriteAll();
  absl::Status EmptyHalf();
  void Breathe() const {
    if (options_.pace != nullptr) options_.pace->Pass(scope_);
  }

  const Scope scope_;
  const store::PoolOptions database_;
  const int64_t epoch_;
  const KeyingOptions options_;
  std::optional<domain::LandedHalf> half_;  // nothing: none, or it is empty already

  HandOver<LineRun> runs_{1};
  std::thread worker_;
  absl::Mutex mutex_;
  absl::Status failed_ ABSL_GUARDED_BY(mutex_);

  // The worker's own.
  std::unique_ptr<store::KeyingReader> reader_;
  bool all_ = false;        // the second way
  int64_t fresh_ = 0;       // rows so far whose lines were not known
  int64_t lines_left_ = 0;  // still to come, as far as it is known
  RunStore store_;
  DayFingerprints fingerprints_{store_};
  std::vector<std::vector<RunStore::Blob>> sorted_;
  KeyedCounts counts_;
};

}  // namespace gofarm::catalog
