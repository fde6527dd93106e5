#include "coordinator/catalog/keying.h"

#include <algorithm>
#include <map>
#include <utility>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "coordinator/catalog/latest_version.h"
#include "coordinator/catalog/run_merge.h"

namespace gofarm::catalog {
namespace {

using store::KeyedModule;

constexpr size_t kPiece = size_t{4} << 20;        // bytes of what is kept at once
constexpr size_t kSmallPart = kKnownPartMax / 2;  // fingerprints; smaller parts are put together when they are many
constexpr int kSmallPartsMax = 32;                // of one day
constexpr size_t kTogetherMax = size_t{4} << 20;  // fingerprints that are put together at once

void CountVersion(KeyedModule& module, std::string_view version, int64_t micros) {
  module.first_at = module.versions == 0 ? micros : std::min(module.first_at, micros);
  module.last_at = module.versions == 0 ? micros : std::max(module.last_at, micros);
  ++module.versions;
  if (IsBetterLatest(version, module.latest)) {
    module.latest = version;
    module.latest_at = micros;
  }
}

// Encoded rows in pieces that the store keeps.
class Pieces {
 public:
  explicit Pieces(RunStore& store) : store_(store) {}
  std::string& buffer() { return buffer_; }
  absl::Status RowDone() { return buffer_.size() < kPiece ? absl::OkStatus() : Flush(); }
  absl::Status Flush() {
    if (buffer_.empty()) return absl::OkStatus();
    GOFARM_ASSIGN_OR_RETURN(RunStore::Blob blob, store_.Put(std::exchange(buffer_, {})));
    blobs_.push_back(std::move(blob));
    return absl::OkStatus();
  }
  std::vector<RunStore::Blob>& blobs() { return blobs_; }

 private:
  RunStore& store_;
  std::string buffer_;
  std::vector<RunStore::Blob> blobs_;
};

// What the merge gives, written: versions at once, modules into pieces, for one COPY runs at a time.
class AllWriter : public MergeSink {
 public:
  AllWriter(store::CopyWriter& versions, RunStore& store, int32_t modules, int64_t first_revision,
            std::function<void()> breathe)
      : writer_(versions),
        modules_(modules),
        next_revision_(first_revision),
        breathe_(std::move(breathe)),
        new_modules_(store) {}

  absl::Status BeginPath(std::string_view path, int32_t id) override {
    path_ = path;
    stored_ = id != 0;
    module_.id = stored_ ? id : ++modules_;
    module_.versions = 0;
    module_.latest.clear();
    fresh_ = false;
    stored_latest_.clear();
    stored_last_ = 0;
    return absl::OkStatus();
  }
  absl::Status Version(std::string_view version, int64_t micros, bool stored) override {
    store::EncodeVersion(writer_.buffer(), micros, module_.id, version);
    GOFARM_RETURN_IF_ERROR(writer_.RowDone());
    CountVersion(module_, version, micros);
    if (stored) {
      if (IsBetterLatest(version, stored_latest_)) stored_latest_ = version;
      stored_last_ = std::max(stored_last_, micros);
    } else {
      fresh_ = true;
      ++fresh_rows_;
    }
    if (++rows_ % kBreatheEvery == 0) breathe_();
    return absl::OkStatus();
  }
  absl::Status EndPath() override {
    if (!stored_) {
      store::EncodeModule(new_modules_.buffer(), module_, next_revision_++, path_);
      return new_modules_.RowDone();
    }
    if (!fresh_) return absl::OkStatus();
    const bool news = module_.latest != stored_latest_ || module_.last_at != stored_last_;
    changes_.push_back({.module = module_, .revision = news ? next_revision_++ : 0});
    return absl::OkStatus();
  }

  int32_t modules() const { return modules_; }
  int64_t rows() const { return rows_; }
  int64_t fresh_rows() const { return fresh_rows_; }
  int64_t next_revision() const { return next_revision_; }
  Pieces& new_modules() { return new_modules_; }
  const std::vector<store::ModuleChange>& changes() const { return changes_; }

 private:
  store::CopyWriter& writer_;
  int32_t modules_;
  int64_t next_revision_;
  const std::function<void()> breathe_;
  Pieces new_modules_;
  std::vector<store::ModuleChange> changes_;
  int64_t rows_ = 0;
  int64_t fresh_rows_ = 0;

  std::string path_;
  bool stored_ = false;  // the module is
  bool fresh_ = false;   // a version of it is new
  KeyedModule module_;
  std::string stored_latest_;
  int64_t stored_last_ = 0;
};

}  // namespace

bool IsMuch(int64_t fresh, int64_t stored, int64_t much) { return fresh >= much && fresh >= stored / 6; }

// The fingerprints of a run's rows, and what is to be done about those stored for the same days.
struct Keyer::Known {
  struct Line {
    uint64_t fingerprint;
    int32_t day;
    uint32_t row;
  };
  std::vector<Line> lines;  // of the rows that are left, by day and fingerprint
  struct Small {
    int parts = 0;
    std::vector<uint64_t> fingerprints;
  };
  std::map<int32_t, Small> small;
  size_t kept = 0;
};

Keyer::Keyer(const Scope& scope, const store::PoolOptions& database, int64_t epoch, const KeyingOptions& options,
             std::optional<domain::LandedHalf> half)
    : scope_(scope),
      database_(database),
      epoch_(epoch),
      options_(options),
      half_(half),
      lines_left_(half.has_value() ? half->lines : 0),
      store_(options.store) {
  worker_ = std::thread([this] { Work(); });
}

Keyer::~Keyer() {
  if (!worker_.joinable()) return;
  {
    const absl::MutexLock lock(&mutex_);
    if (failed_.ok()) failed_ = absl::CancelledError("keying was given up");
  }
  runs_.End();
  worker_.join();
}

absl::Status Keyer::Add(LineRun run) {
  if (runs_.Put(std::move(run))) return absl::OkStatus();
  const absl::MutexLock lock(&mutex_);
  return failed_;
}

absl::StatusOr<KeyedCounts> Keyer::Finish() {
  runs_.End();
  worker_.join();
  const absl::MutexLock lock(&mutex_);
  if (!failed_.ok()) return failed_;
  counts_.known = counts_.rows - counts_.stored;
  return counts_;
}

void Keyer::Work() {
  const auto stopped = [this] {
    const absl::MutexLock lock(&mutex_);
    return !failed_.ok();
  };
  absl::Status status;
  // One run is held back, for the last one is treated with the end in sight.
  std::optional<LineRun> held;
  while (status.ok()) {
    std::optional<LineRun> next = runs_.Take();
    if (stopped()) return runs_.Close();
    if (held.has_value()) status = Take(*std::move(held), /*last=*/!next.has_value());
    held = std::move(next);
    if (!held.has_value()) break;
  }
  if (status.ok() && all_) status = WriteAll();
  if (status.ok() && half_.has_value()) status = EmptyHalf();
  if (!status.ok()) {
    const absl::MutexLock lock(&mutex_);
    failed_ = Annotate(status, "key the module index");
  }
  runs_.Close();
}

absl::Status Keyer::Take(LineRun run, bool last) {
  GOFARM_RETURN_IF_ERROR(scope_.Check());
  Breathe();
  counts_.rows += static_cast<int64_t>(run.size());
  if (all_) return Collect(std::move(run));
  if (reader_ == nullptr) {
    GOFARM_ASSIGN_OR_RETURN(reader_, store::KeyingReader::Open(scope_, database_));
  }
  GOFARM_ASSIGN_OR_RETURN(const int64_t stored, reader_->Versions(scope_));
  Known known;
  const auto lines = static_cast<int64_t>(run.size());
  GOFARM_RETURN_IF_ERROR(DropKnown(run, known));
  lines_left_ = std::max<int64_t>(0, lines_left_ - lines);
  if (run.empty()) return absl::OkStatus();
  const auto fresh = static_cast<int64_t>(run.size());
  fresh_ += fresh;
  // What comes is expected to be as new as this run. Where nobody knows how much comes, adding some ends when it has
  // cost about as much as writing all.
  const double to_come = static_cast<double>(lines_left_) * static_cast<double>(fresh) / static_cast<double>(lines);
  all_ = IsMuch(fresh_ + static_cast<int64_t>(to_come), stored, options_.much) || (stored == 0 && !last);
  return all_ ? Collect(std::move(run)) : AddSome(std::move(run), known);
}

absl::Status Keyer::DropKnown(LineRun& run, Known& known) {
  std::vector<RunRow>& rows = run.rows();
  std::vector<Known::Line>& lines = known.lines;
  lines.reserve(rows.size());
  for (uint32_t i = 0; i < rows.size(); ++i) {
    lines.push_back({.fingerprint = run.Fingerprint(rows[i]), .day = DayOf(rows[i].micros), .row = i});
  }
  std::sort(lines.begin(), lines.end(), [](const Known::Line& a, const Known::Line& b) {
    return a.day != b.day ? a.day < b.day : a.fingerprint < b.fingerprint;
  });
  std::vector<int32_t> days;
  std::vector<size_t> begins;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (!days.empty() && days.back() == lines[i].day) continue;
    days.push_back(lines[i].day);
    begins.push_back(i);
  }
  begins.push_back(lines.size());

  std::vector<bool> drop(rows.size());
  const auto part = [&](int32_t day, absl::Span<const uint64_t> fingerprints) {
    const size_t place = static_cast<size_t>(std::lower_bound(days.begin(), days.end(), day) - days.begin());
    auto line = lines.begin() + static_cast<std::ptrdiff_t>(begins[place]);
    const auto end = lines.begin() + static_cast<std::ptrdiff_t>(begins[place + 1]);
    const auto below = [](const Known::Line& a, uint64_t fingerprint) { return a.fingerprint < fingerprint; };
    const bool search = fingerprints.size() * 16 < static_cast<size_t>(end - line);
    for (const uint64_t fingerprint : fingerprints) {
      if (search) {
        line = std::lower_bound(line, end, fingerprint, below);
      } else {
        while (line != end && line->fingerprint < fingerprint) ++line;
      }
      for (auto same = line; same != end && same->fingerprint == fingerprint; ++same) drop[same->row] = true;
    }
    if (fingerprints.size() >= kSmallPart) return;
    Known::Small& small = known.small[day];
    ++small.parts;
    if (known.kept + fingerprints.size() > kTogetherMax) return;
    known.kept += fingerprints.size();
    small.fingerprints.insert(small.fingerprints.end(), fingerprints.begin(), fingerprints.end());
  };
  GOFARM_RETURN_IF_ERROR(reader_->KnownLines(scope_, days, part));

  lines.erase(std::remove_if(lines.begin(), lines.end(), [&](const Known::Line& line) { return drop[line.row]; }),
              lines.end());
  size_t left = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!drop[i]) rows[left++] = rows[i];
  }
  rows.resize(left);
  return absl::OkStatus();
}

absl::Status Keyer::AddSome(LineRun run, Known& known) {
  const std::vector<PathGroup> groups = SortRun(run);
  const std::vector<RunRow>& rows = run.rows();
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<store::KeyingSession> session,
                          store::KeyingSession::Begin(scope_, database_));
  // What is known of each path.
  std::vector<KeyedModule> modules(groups.size());
  std::vector<bool> is_new(groups.size());
  int32_t last_id = session->modules();
  for (size_t from = 0; from < groups.size(); from += store::kFindMax) {
    std::vector<std::string_view> paths;
    for (size_t i = from; i < groups.size() && paths.size() < store::kFindMax; ++i) paths.push_back(groups[i].path);
    GOFARM_ASSIGN_OR_RETURN(std::vector<std::optional<KeyedModule>> found, session->FindModules(scope_, paths));
    for (size_t i = 0; i < found.size(); ++i) {
      is_new[from + i] = !found[i].has_value();
      if (found[i].has_value()) {
        modules[from + i] = *std::move(found[i]);
      } else {
        modules[from + i].id = ++last_id;
      }
    }
    Breathe();
  }
  // Which versions of known modules are known.
  std::vector<bool> stored(rows.size());
  std::vector<int32_t> ids;
  std::vector<std::string_view> versions;
  std::vector<uint32_t> places;
  const auto find = [&]() -> absl::Status {
    GOFARM_ASSIGN_OR_RETURN(const std::vector<bool> found, session->FindVersions(scope_, ids, versions));
    for (size_t i = 0; i < found.size(); ++i) stored[places[i]] = found[i];
    ids.clear();
    versions.clear();
    places.clear();
    Breathe();
    return absl::OkStatus();
  };
  for (size_t g = 0; g < groups.size(); ++g) {
    for (uint32_t i = groups[g].begin; i < groups[g].end && !is_new[g]; ++i) {
      ids.push_back(modules[g].id);
      versions.push_back(run.version(rows[i]));
      places.push_back(i);
      if (ids.size() == store::kFindMax) GOFARM_RETURN_IF_ERROR(find());
    }
  }
  if (!ids.empty()) GOFARM_RETURN_IF_ERROR(find());

  // The others, in the order of the key.
  std::vector<uint32_t> order(groups.size());
  for (uint32_t g = 0; g < order.size(); ++g) order[g] = g;
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return modules[a].id < modules[b].id; });
  int64_t fresh_rows = 0;
  std::vector<std::pair<uint32_t, bool>> changed;  // which modules, and whether latest or last_at did
  {
    GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<store::CopyWriter> writer, session->CopyVersions(scope_));
    for (const uint32_t g : order) {
      KeyedModule& module = modules[g];
      const std::string latest = module.latest;
      const int64_t last_at = module.last_at;
      const int64_t before = fresh_rows;
      for (uint32_t i = groups[g].begin; i < groups[g].end; ++i) {
        if (stored[i]) continue;
        store::EncodeVersion(writer->buffer(), rows[i].micros, module.id, run.version(rows[i]));
        GOFARM_RETURN_IF_ERROR(writer->RowDone());
        CountVersion(module, run.version(rows[i]), rows[i].micros);
        if (++fresh_rows % kBreatheEvery == 0) Breathe();
      }
      if (fresh_rows > before) {
        changed.emplace_back(g, is_new[g] || module.latest != latest || module.last_at != last_at);
      }
    }
    GOFARM_RETURN_IF_ERROR(writer->Finish().status());
  }
  const int64_t news = std::count_if(changed.begin(), changed.end(), [](const auto& change) { return change.second; });
  GOFARM_ASSIGN_OR_RETURN(int64_t revision, session->TakeRevisions(scope_, news));
  std::vector<store::ModuleChange> changes;
  {
    GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<store::CopyWriter> writer, session->CopyModules(scope_));
    for (const auto& [g, is_news] : changed) {
      if (!is_new[g]) {
        changes.push_back({.module = modules[g], .revision = is_news ? revision++ : 0});
        continue;
      }
      store::EncodeModule(writer->buffer(), modules[g], revision++, groups[g].path);
      GOFARM_RETURN_IF_ERROR(writer->RowDone());
    }
    GOFARM_RETURN_IF_ERROR(writer->Finish().status());
  }
  GOFARM_RETURN_IF_ERROR(session->UpdateModules(scope_, changes));
  GOFARM_RETURN_IF_ERROR(AddKnownLines(*session, known));
  GOFARM_RETURN_IF_ERROR(session->Commit(scope_, epoch_, last_id, session->versions() + fresh_rows));
  counts_.stored += fresh_rows;
  return absl::OkStatus();
}

absl::Status Keyer::AddKnownLines(store::KeyingSession& session, Known& known) {
  std::vector<int32_t> together;
  for (auto small = known.small.begin(); small != known.small.end();) {
    if (small->second.parts > kSmallPartsMax && known.kept < kTogetherMax) {
      together.push_back(small->first);
      ++small;
    } else {
      small = known.small.erase(small);
    }
  }
  GOFARM_RETURN_IF_ERROR(session.DeleteKnownLines(scope_, together, static_cast<int32_t>(kSmallPart)));
  DayFingerprints days(store_);
  for (const auto& [day, small] : known.small) {
    for (const uint64_t fingerprint : small.fingerprints) GOFARM_RETURN_IF_ERROR(days.Add(day, fingerprint));
  }
  for (const Known::Line& line : known.lines) GOFARM_RETURN_IF_ERROR(days.Add(line.day, line.fingerprint));
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<store::CopyWriter> writer, session.CopyKnownLines(scope_));
  GOFARM_RETURN_IF_ERROR(days.ForEachPart([&](int32_t day, absl::Span<const uint64_t> fingerprints) {
    store::EncodeKnownLines(writer->buffer(), day, fingerprints);
    return writer->RowDone();
  }));
  return writer->Finish().status();
}

absl::Status Keyer::Collect(LineRun run) {
  for (const RunRow& row : run.rows()) {
    GOFARM_RETURN_IF_ERROR(fingerprints_.Add(DayOf(row.micros), run.Fingerprint(row)));
  }
  const std::vector<PathGroup> groups = SortRun(run);
  std::vector<RunStore::Blob> blobs;
  RunEncoder encoder;
  const auto keep = [&]() -> absl::Status {
    GOFARM_ASSIGN_OR_RETURN(RunStore::Blob blob, store_.Put(encoder.Finish()));
    blobs.push_back(std::move(blob));
    return absl::OkStatus();
  };
  for (const PathGroup& group : groups) {
    encoder.BeginPath(group.path, 0);
    for (uint32_t i = group.begin; i < group.end; ++i) {
      encoder.Version(run.version(run.rows()[i]), run.rows()[i].micros);
    }
    encoder.EndPath();
    if (encoder.size() >= kPiece) GOFARM_RETURN_IF_ERROR(keep());
  }
  GOFARM_RETURN_IF_ERROR(keep());
  sorted_.push_back(std::move(blobs));
  return absl::OkStatus();
}

absl::Status Keyer::WriteAll() {
  reader_ = nullptr;
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<store::KeyingSession> session,
                          store::KeyingSession::Begin(scope_, database_));
  if (session->versions() > 0) {
    // One run more, whose rows are there already.
    std::vector<RunStore::Blob> blobs;
    RunEncoder encoder;
    int32_t current = 0;
    GOFARM_RETURN_IF_ERROR(session->ReadVersions(
        scope_, [&](std::string_view path, int32_t id, std::string_view version, int64_t micros) -> absl::Status {
          if (id != current) {
            if (current != 0) encoder.EndPath();
            if (encoder.size() >= kPiece) {
              GOFARM_ASSIGN_OR_RETURN(RunStore::Blob blob, store_.Put(encoder.Finish()));
              blobs.push_back(std::move(blob));
            }
            encoder.BeginPath(path, id);
            current = id;
          }
          encoder.Version(version, micros);
          return absl::OkStatus();
        }));
    encoder.EndPath();
    GOFARM_ASSIGN_OR_RETURN(RunStore::Blob blob, store_.Put(encoder.Finish()));
    blobs.push_back(std::move(blob));
    sorted_.push_back(std::move(blobs));
  }
  std::vector<std::unique_ptr<RunReader>> readers;
  std::vector<RunReader*> runs;
  for (std::vector<RunStore::Blob>& blobs : sorted_) {
    runs.push_back(readers.emplace_back(std::make_unique<RunReader>(store_, std::move(blobs))).get());
  }
  // The first revision now, the others when it is known how many: only keying takes any.
  GOFARM_ASSIGN_OR_RETURN(const int64_t revision, session->TakeRevisions(scope_, 1));
  GOFARM_ASSIGN_OR_RETURN(std::unique_ptr<store::CopyWriter> writer, session->CopyAllVersions(scope_));
  AllWriter all(*writer, store_, session->modules(), revision, [this] { Breathe(); });
  GOFARM_RETURN_IF_ERROR(MergeRuns(runs, all));
  GOFARM_RETURN_IF_ERROR(writer->Finish().status());
  writer = nullptr;
  readers.clear();
  GOFARM_RETURN_IF_ERROR(session->KeyAllVersions(scope_));
  Breathe();

  GOFARM_ASSIGN_OR_RETURN(writer, session->CopyKnownLines(scope_));
  GOFARM_RETURN_IF_ERROR(fingerprints_.ForEachPart([&](int32_t day, absl::Span<const uint64_t> fingerprints) {
    store::EncodeKnownLines(writer->buffer(), day, fingerprints);
    return writer->RowDone();
  }));
  GOFARM_RETURN_IF_ERROR(writer->Finish().status());

  GOFARM_RETURN_IF_ERROR(
      session->TakeRevisions(scope_, std::max<int64_t>(0, all.next_revision() - revision - 1)).status());
  GOFARM_RETURN_IF_ERROR(all.new_modules().Flush());
  GOFARM_ASSIGN_OR_RETURN(writer, session->CopyManyModules(scope_));
  for (RunStore::Blob& blob : all.new_modules().blobs()) {
    std::string bytes(blob.size, '\0');
    GOFARM_RETURN_IF_ERROR(store_.Read(blob, 0, absl::MakeSpan(bytes.data(), bytes.size())).status());
    blob.memory = {};
    GOFARM_RETURN_IF_ERROR(writer->Put(std::move(bytes)));
  }
  GOFARM_RETURN_IF_ERROR(writer->Finish().status());
  GOFARM_RETURN_IF_ERROR(session->UpdateModules(scope_, all.changes()));
  if (half_.has_value()) GOFARM_RETURN_IF_ERROR(session->EmptyHalf(scope_, half_->half));
  GOFARM_RETURN_IF_ERROR(session->Commit(scope_, epoch_, all.modules(), all.rows()));
  half_.reset();
  counts_.stored += all.fresh_rows();
  return absl::OkStatus();
}

absl::Status Keyer::EmptyHalf() {
  reader_ = nullptr;
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<store::KeyingSession> session,
                          store::KeyingSession::Begin(scope_, database_));
  GOFARM_RETURN_IF_ERROR(session->EmptyHalf(scope_, half_->half));
  GOFARM_RETURN_IF_ERROR(session->Commit(scope_, epoch_, session->modules(), session->versions()));
  half_.reset();
  return absl::OkStatus();
}

}  // namespace gofarm::catalog
