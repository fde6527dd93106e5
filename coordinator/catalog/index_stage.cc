#include "coordinator/catalog/index_stage.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/obs/log.h"
#include "coordinator/catalog/index_cursor.h"
#include "coordinator/catalog/index_lines.h"
#include "coordinator/catalog/line_ingest.h"
#include "coordinator/catalog/packed_rows.h"
#include "coordinator/catalog/parallel.h"
#include "coordinator/catalog/room_rule.h"
#include "coordinator/domain/epoch.h"

namespace gofarm::catalog {
namespace {

KeyingOptions OptionsFor(const Config& config, const std::string& data_dir, BulkPace& pace) {
  KeyingOptions options;
  options.store.folder = data_dir;
  options.store.free_floor = config.disk_free_floor;
  options.pace = &pace;
  return options;
}

std::optional<int64_t> FreeIn(const std::string& folder) {
  std::error_code error;
  const std::filesystem::space_info space = std::filesystem::space(folder, error);
  if (error) return std::nullopt;
  return static_cast<int64_t>(space.available);
}

// `asked`: the time that the page was asked for with.
domain::IndexLanding LandingOf(PageStep step, const std::string& asked, IndexBlock& block) {
  domain::IndexLanding landing{.next = std::move(step.next), .lines = static_cast<int>(step.fresh.size())};
  for (const IndexLine& line : step.fresh) PackRow(landing.packed, line.path, line.version, line.micros);
  for (BadLine& bad : block.bad) {
    landing.rejects.push_back(
        {.digest = std::move(bad.digest), .line = std::move(bad.text), .reason = std::move(bad.reason)});
  }
  if (step.stuck) landing.stuck_since = asked;
  return landing;
}

}  // namespace

class IndexStage::FileIngestion final : public Ingestion {
 public:
  FileIngestion(const Scope& scope, IndexStage& stage)
      : stage_(stage), ingest_(std::make_unique<LineIngest>(scope, stage.pool_, stage.epoch_, stage.keying_)) {}
  ~FileIngestion() override {
    ingest_.reset();
    stage_.ingesting_ = false;
  }
  absl::Status Add(std::string_view bytes) override { return ingest_->Add(bytes); }
  absl::StatusOr<IngestResult> Finish() override {
    GOFARM_ASSIGN_OR_RETURN(const IngestCounts counts, ingest_->Finish());
    return IngestResult{.lines = counts.lines,
                        .stored = counts.stored,
                        .known = counts.known,
                        .rejected = counts.rejected,
                        .seconds = absl::ToDoubleSeconds(counts.took)};
  }

 private:
  IndexStage& stage_;
  std::unique_ptr<LineIngest> ingest_;
};

IndexStage::IndexStage(const Config& config, int64_t epoch, store::Pool& pool, store::CatalogIndexStore& store,
                       store::CatalogStore& catalog, Upstream& upstream, std::string data_dir, BulkPace& pace)
    : config_(config),
      epoch_(epoch),
      pool_(pool),
      store_(store),
      lander_(store, epoch),
      catalog_(catalog),
      upstream_(upstream),
      data_dir_(std::move(data_dir)),
      pace_(pace),
      keying_(OptionsFor(config, data_dir_, pace_)) {}

absl::StatusOr<std::unique_ptr<Ingestion>> IndexStage::BeginIngestion(const Scope& scope) {
  if (ingesting_.exchange(true)) {
    return absl::ResourceExhaustedError("another index file is on its way; try again when it has ended");
  }
  return std::unique_ptr<Ingestion>(std::make_unique<FileIngestion>(scope, *this));
}

void IndexStage::FindFolder(const Scope& scope) {
  {
    const absl::MutexLock lock(&mutex_);
    if (folder_asked_) return;
  }
  absl::StatusOr<std::string> folder = catalog_.DataFolder(scope);
  if (!folder.ok()) return;  // it is asked again
  const absl::MutexLock lock(&mutex_);
  folder_asked_ = true;
  // A folder that is not seen from here is another machine's, or a container's.
  if (FreeIn(*folder)) folder_ = *std::move(folder);
}

std::string IndexStage::WhyStopped() const {
  std::string folder;
  {
    const absl::MutexLock lock(&mutex_);
    folder = folder_;
  }
  for (const std::string& where : {data_dir_, folder}) {
    const std::optional<int64_t> free = where.empty() ? std::nullopt : FreeIn(where);
    if (!free || *free >= config_.disk_free_floor) continue;
    return Cat("the index is not read on: only ", *free >> 20, " MiB are free where ", where,
               " stands, and disk_free_floor is ", config_.disk_free_floor >> 20, " MiB; free some space");
  }
  return "";
}

absl::StatusOr<RoomForecast> IndexStage::Room(const Scope& scope, const domain::IndexStats& stats,
                                              int64_t table_bytes) {
  FindFolder(scope);
  GOFARM_ASSIGN_OR_RETURN(const std::vector<domain::IndexSlice> slices, store_.Slices(scope));
  const BackFill back_fill = SpansOf(slices, config_.index_since - kIndexLead, WallNow());
  std::string folder;
  {
    const absl::MutexLock lock(&mutex_);
    folder = folder_;
  }
  const std::optional<int64_t> free = folder.empty() ? std::nullopt : FreeIn(folder);
  return ForecastRoom(VersionsToCome(back_fill, stats.versions + stats.landed),
                      {.versions = stats.versions, .bytes = table_bytes}, std::move(folder), free,
                      config_.disk_free_floor, WhyStopped());
}

absl::StatusOr<std::vector<domain::IndexSlice>> IndexStage::Slices(const Scope& scope) {
  GOFARM_ASSIGN_OR_RETURN(std::vector<domain::IndexSlice> slices, store_.Slices(scope));
  if (!slices.empty()) return slices;
  slices = CutSlices(config_.index_since - kIndexLead, WallNow() - kLookBack, kSlicesMax);
  GOFARM_RETURN_IF_ERROR(store_.SetSlices(scope, epoch_, slices));
  obs::Info("catalog_back_fill_begins", {{"slices", Cat(slices.size() - 1)}, {"since", slices.back().since}});
  return slices;
}

IndexStage::Read IndexStage::ReadSlice(const Scope& scope, domain::IndexSlice slice, bool look_back) {
  Read read;
  IndexReader reader;
  domain::IndexSlice at = look_back ? LookBack(slice) : slice;  // what the next page is asked for with
  while (read.pages < kPagesAtOnce && !slice.done && !read.caught_up && !scope.Done()) {
    pace_.Pass(scope);
    absl::StatusOr<IndexPage> page = upstream_.index().Page(scope, at.since);
    if (!page.ok()) {
      read.status = page.status();
      return read;
    }
    IndexBlock block;
    reader.Read(page->body, block);
    absl::StatusOr<PageStep> step = TakePage(at, block, page->full, WallNow());
    if (!step.ok()) {
      read.status = step.status();
      return read;
    }
    if (step->stuck) obs::Warn("catalog_index_stuck", {{"since", at.since}});
    if (step->ahead > 0) obs::Warn("catalog_index_ahead", {{"since", at.since}, {"lines", Cat(step->ahead)}});
    read.caught_up = step->caught_up;
    const std::string asked = std::exchange(at, step->next).since;
    step->next = Further(slice, at);
    domain::IndexLanding landing = LandingOf(*std::move(step), asked, block);
    const int lines = landing.lines;
    const absl::StatusOr<bool> landed = lander_.Land(scope, landing);
    if (!landed.ok()) {
      read.status = landed.status();
      return read;
    }
    // Moved by somebody else: the next turn reads the slices again.
    if (!*landed) return read;
    ++read.pages;
    read.rows += lines;
    slice = std::move(landing.next);
    ++slice.moves;
  }
  return read;
}

absl::StatusOr<StageTurn::Done> IndexStage::Turn(const Scope& scope) {
  Done done;
  FindFolder(scope);
  if (std::string why = WhyStopped(); !why.empty()) return NoRoomError(why);
  const bool paused = !upstream_.WhyPaused(Service::kIndex, SteadyNow()).empty();
  GOFARM_ASSIGN_OR_RETURN(const std::vector<domain::IndexSlice> slices, Slices(scope));
  std::vector<domain::IndexSlice> open;
  bool back_fill = false;
  for (const domain::IndexSlice& slice : slices) {
    if (slice.done || slice.slice == 0) continue;
    back_fill = true;
    if (!paused) open.push_back(slice);
  }
  const std::optional<domain::IndexSlice> follower = FollowerOf(slices);
  const bool due = follow_full_ || SteadyNow() - followed_at_ >= kFollowEvery;
  if (follower && due && !paused) open.push_back(*follower);
  const bool look_back = SteadyNow() - looked_back_at_ >= kLookBackEvery;
  std::vector<Read> reads(open.size());
  ForEachInParallel(scope, open.size(), kSlicesMax,
                    [&](size_t i) { reads[i] = ReadSlice(scope, open[i], look_back && open[i].slice == 0); });
  absl::Status failed;
  for (size_t i = 0; i < open.size(); ++i) {
    done.taken_up += reads[i].pages;
    done.modules += reads[i].rows;
    if (open[i].slice == 0 && reads[i].status.ok() && reads[i].pages > 0) {
      followed_at_ = SteadyNow();
      if (look_back) looked_back_at_ = followed_at_;
      follow_full_ = !reads[i].caught_up;
    }
    if (!reads[i].status.ok() && (failed.ok() || domain::IsEpochOver(reads[i].status))) failed = reads[i].status;
  }
  GOFARM_ASSIGN_OR_RETURN(const domain::IndexStats stats, store_.Stats(scope));
  if (IsKeyingDue(stats.landed, stats.versions, back_fill)) {
    GOFARM_ASSIGN_OR_RETURN(const KeyedCounts keyed, KeyLanded(scope, pool_, epoch_, keying_));
    done.taken_up += keyed.rows;
    // What landed while it was keyed is the next turn's.
    caught_up_ = false;
  } else {
    caught_up_ = !back_fill && !follow_full_ && stats.landed == 0;
  }
  // Keying went on in spite of it; a paused index is no failure of the stage.
  if (!failed.ok() && upstream_.WhyPaused(Service::kIndex, SteadyNow()).empty()) return failed;
  return done;
}

}  // namespace gofarm::catalog
