// Stage "index": the back-fill in slices side by side, then from where it ended on once a minute, and keying of what
// landed. Files (`catalog ingest`) come in beside it and move no slice.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "coordinator/catalog/bulk_pace.h"
#include "coordinator/catalog/catalog.h"
#include "coordinator/catalog/config.h"
#include "coordinator/catalog/keying.h"
#include "coordinator/catalog/page_lander.h"
#include "coordinator/catalog/stage_loop.h"
#include "coordinator/catalog/upstream.h"
#include "coordinator/domain/catalog_index.h"
#include "coordinator/store/catalog_index_store.h"
#include "coordinator/store/catalog_store.h"

namespace gofarm::catalog {

inline constexpr absl::Duration kFollowEvery = absl::Seconds(60);
// Half of kLookBack: a line that comes up to five minutes late is met while it is still looked back at.
inline constexpr absl::Duration kLookBackEvery = absl::Minutes(5);
inline constexpr int kPagesAtOnce = 50;  // of one slice in one turn
// 72 million lines were keyed in a quarter of an hour on two busy processors, and take as long again at the pace that
// queued jobs leave them (kBulkEvery).
inline constexpr absl::Duration kIndexTurnMax = absl::Hours(3);
// The back-fill begins so long before index_since: a module that was first seen shortly before it is not to look new.
inline constexpr absl::Duration kIndexLead = absl::Hours(24 * 31);

class IndexStage final : public StageTurn {
 public:
  // What is passed by reference must outlive the stage.
  IndexStage(const Config& config, int64_t epoch, store::Pool& pool, store::CatalogIndexStore& store,
             store::CatalogStore& catalog, Upstream& upstream, std::string data_dir, BulkPace& pace);

  absl::StatusOr<Done> Turn(const Scope& scope) override;
  absl::Duration TurnMax() const override { return kIndexTurnMax; }
  // Everything that the index had was read, the last page was short, and all of it is keyed.
  bool caught_up() const { return caught_up_; }

  // Why the index is not read on: less is free than the floor. Empty: it is.
  std::string WhyStopped() const;
  // What the rest of the back-fill will take; `tables` as they are.
  absl::StatusOr<RoomForecast> Room(const Scope& scope, const domain::IndexStats& stats, int64_t table_bytes);

  // RESOURCE_EXHAUSTED: another file is on its way.
  absl::StatusOr<std::unique_ptr<Ingestion>> BeginIngestion(const Scope& scope);

 private:
  class FileIngestion;
  struct Read {
    int64_t pages = 0;
    int64_t rows = 0;
    bool caught_up = false;  // of slice 0
    absl::Status status;
  };
  absl::StatusOr<std::vector<domain::IndexSlice>> Slices(const Scope& scope);
  // Up to kPagesAtOnce pages of one slice. `look_back`: the first is asked for from kLookBack before where it stands.
  Read ReadSlice(const Scope& scope, domain::IndexSlice slice, bool look_back);
  // Asks once where PostgreSQL stands.
  void FindFolder(const Scope& scope);

  const Config& config_;
  const int64_t epoch_;
  store::Pool& pool_;
  store::CatalogIndexStore& store_;
  PageLander lander_;
  store::CatalogStore& catalog_;
  Upstream& upstream_;
  const std::string data_dir_;
  BulkPace& pace_;
  const KeyingOptions keying_;
  mutable absl::Mutex mutex_;
  bool folder_asked_ ABSL_GUARDED_BY(mutex_) = false;
  std::string folder_ ABSL_GUARDED_BY(mutex_);        // of PostgreSQL; empty: not known here
  absl::Time followed_at_ = absl::InfinitePast();     // own thread
  absl::Time looked_back_at_ = absl::InfinitePast();  // own thread
  bool follow_full_ = true;                           // own thread
  std::atomic<bool> caught_up_{false};
  std::atomic<bool> ingesting_{false};
};

}  // namespace gofarm::catalog
