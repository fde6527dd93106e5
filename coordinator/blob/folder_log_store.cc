// The folder behind LogStore. `mutex_` guards the table of open logs and the list of those to sync; each log has a lock
// of its own for its files. Order: mutex_ is never taken while a log's lock is held.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "common/obs/log.h"
#include "common/sync/wait.h"
#include "coordinator/blob/log_store.h"

namespace gofarm::blob {
namespace {

struct Segment {
  int64_t start = 0;  // offset in the whole log; 0 is the head, and only the head
  int64_t size = 0;
};

// One attempt's log. Segments are ordered; the last one grows.
struct OpenLog {
  absl::Mutex mutex;
  std::vector<Segment> segments ABSL_GUARDED_BY(mutex);
  bool recovered ABSL_GUARDED_BY(mutex) = false;
  io::Fd fd ABSL_GUARDED_BY(mutex);                 // of the last segment, once something is appended
  std::vector<io::Fd> full ABSL_GUARDED_BY(mutex);  // segments that ended since the last sync
  bool new_file ABSL_GUARDED_BY(mutex) = false;     // the folder's entry is not on disk yet
  int64_t synced ABSL_GUARDED_BY(mutex) = 0;
  std::vector<LogStore::Done> waiting ABSL_GUARDED_BY(mutex);

  int64_t End() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    return segments.empty() ? 0 : segments.back().start + segments.back().size;
  }
};

class FolderLogStore final : public LogStore {
 public:
  FolderLogStore(std::string logs, int64_t bytes_max)
      : logs_(std::move(logs)),
        head_max_(std::max<int64_t>(bytes_max / 2, 1)),
        tail_max_(std::max<int64_t>(bytes_max / 4, 1)),
        syncer_([this] { SyncLoop(); }) {}

  ~FolderLogStore() override {
    {
      absl::MutexLock lock(&mutex_);
      stopping_ = true;
    }
    syncer_.join();
  }

  absl::StatusOr<int64_t> StoredOffset(AttemptToken token) override {
    const std::shared_ptr<OpenLog> log = Get(token);
    absl::MutexLock lock(&log->mutex);
    GOFARM_RETURN_IF_ERROR(Recover(token, *log));
    return log->synced;
  }

  absl::Status Append(AttemptToken token, int64_t offset, std::string_view data, Done done) override;
  absl::StatusOr<LogSlice> Read(AttemptToken token, int64_t offset, size_t limit) override;

 private:
  std::string FolderOf(AttemptToken token) const { return Cat(logs_, "/", token.value / 1000); }
  std::string PathOf(AttemptToken token, int64_t start) const {
    const std::string base = Cat(FolderOf(token), "/", token.value);
    return start == 0 ? Cat(base, ".log") : Cat(base, ".", start, ".tail");
  }

  std::shared_ptr<OpenLog> Get(AttemptToken token);
  absl::Status Recover(AttemptToken token, OpenLog& log) ABSL_EXCLUSIVE_LOCKS_REQUIRED(log.mutex);
  absl::Status Write(AttemptToken token, OpenLog& log, std::string_view data) ABSL_EXCLUSIVE_LOCKS_REQUIRED(log.mutex);
  absl::Status NextSegment(AttemptToken token, OpenLog& log) ABSL_EXCLUSIVE_LOCKS_REQUIRED(log.mutex);
  absl::Status OpenForAppend(AttemptToken token, OpenLog& log, int64_t start) ABSL_EXCLUSIVE_LOCKS_REQUIRED(log.mutex);
  bool HasDirtyOrStops() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_ || !dirty_.empty(); }
  bool Stops() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_; }
  void SyncLoop();
  void SyncOne(AttemptToken token, OpenLog& log);

  const std::string logs_;
  const int64_t head_max_;
  const int64_t tail_max_;
  absl::Mutex mutex_;
  absl::flat_hash_map<AttemptToken, std::shared_ptr<OpenLog>> open_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<AttemptToken, std::shared_ptr<OpenLog>> dirty_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread syncer_;  // last: starts when all else is there
};

std::shared_ptr<OpenLog> FolderLogStore::Get(AttemptToken token) {
  absl::MutexLock lock(&mutex_);
  if (const auto it = open_.find(token); it != open_.end()) return it->second;
  if (open_.size() >= kOpenLogsMax) {
    // Nobody can come by a new reference while mutex_ is held, so a count of one means that nobody uses it; logs to be
    // synced are referenced by dirty_. A log forgotten here is recovered from its files.
    for (auto it = open_.begin(); it != open_.end();) {
      const auto here = it++;
      if (here->second.use_count() == 1) open_.erase(here);
    }
  }
  return open_[token] = std::make_shared<OpenLog>();
}

absl::Status FolderLogStore::Recover(AttemptToken token, OpenLog& log) {
  if (log.recovered) return absl::OkStatus();
  std::vector<Segment> found;
  struct stat st;
  if (::stat(PathOf(token, 0).c_str(), &st) == 0) {
    found.push_back({0, st.st_size});
    const std::string prefix = Cat(token.value, ".");
    if (DIR* dir = ::opendir(FolderOf(token).c_str())) {
      while (const dirent* entry = ::readdir(dir)) {
        const std::string_view name = entry->d_name;
        if (name.substr(0, prefix.size()) != prefix || name.size() < 5 || name.substr(name.size() - 5) != ".tail")
          continue;
        const int64_t start = std::strtoll(entry->d_name + prefix.size(), nullptr, 10);
        if (start > 0 && ::stat(PathOf(token, start).c_str(), &st) == 0) found.push_back({start, st.st_size});
      }
      ::closedir(dir);
    } else {
      return ErrnoStatus(errno, Cat("open log folder ", FolderOf(token)));
    }
    std::sort(found.begin(), found.end(), [](const Segment& a, const Segment& b) { return a.start < b.start; });
  } else if (errno != ENOENT) {
    return ErrnoStatus(errno, Cat("look for log ", PathOf(token, 0)));
  }
  log.segments = std::move(found);
  // The files outlived the process that wrote them; what a crash of the machine took is not in their sizes. One fsync
  // each before the first acknowledgement makes the rest certain.
  for (const Segment& segment : log.segments) {
    GOFARM_RETURN_IF_ERROR(OpenForAppend(token, log, segment.start));
    if (::fsync(log.fd.get()) != 0) return ErrnoStatus(errno, Cat("fsync log of attempt ", token.value));
    log.fd.Close();
  }
  log.synced = log.End();
  log.recovered = true;
  return absl::OkStatus();
}

absl::Status FolderLogStore::OpenForAppend(AttemptToken token, OpenLog& log, int64_t start) {
  const std::string path = PathOf(token, start);
  log.fd = io::Fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  if (!log.fd) return ErrnoStatus(errno, Cat("open log ", path));
  return absl::OkStatus();
}

absl::Status FolderLogStore::NextSegment(AttemptToken token, OpenLog& log) {
  const int64_t start = log.End();
  if (log.fd) log.full.push_back(std::move(log.fd));
  if (log.segments.empty()) GOFARM_RETURN_IF_ERROR(io::MakeFolders(FolderOf(token)));
  GOFARM_RETURN_IF_ERROR(OpenForAppend(token, log, start));
  log.new_file = true;
  log.segments.push_back({start, 0});
  // Head, the tail before this one, and this one stay.
  while (log.segments.size() > 3) {
    ::unlink(PathOf(token, log.segments[1].start).c_str());
    log.segments.erase(log.segments.begin() + 1);
  }
  return absl::OkStatus();
}

absl::Status FolderLogStore::Write(AttemptToken token, OpenLog& log, std::string_view data) {
  while (!data.empty()) {
    if (log.segments.empty() || log.segments.back().size >= (log.segments.back().start == 0 ? head_max_ : tail_max_)) {
      GOFARM_RETURN_IF_ERROR(NextSegment(token, log));
    } else if (!log.fd) {
      GOFARM_RETURN_IF_ERROR(OpenForAppend(token, log, log.segments.back().start));
    }
    Segment& segment = log.segments.back();
    const int64_t room = (segment.start == 0 ? head_max_ : tail_max_) - segment.size;
    const size_t n = static_cast<size_t>(std::min<int64_t>(room, static_cast<int64_t>(data.size())));
    const ssize_t written = ::pwrite(log.fd.get(), data.data(), n, segment.size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return ErrnoStatus(errno, Cat("write log ", PathOf(token, segment.start)));
    segment.size += written;
    data.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status FolderLogStore::Append(AttemptToken token, int64_t offset, std::string_view data, Done done) {
  if (offset < 0 || data.size() > kLogChunkMax) {
    return absl::InvalidArgumentError(Cat("log of attempt ", token.value, ": offset ", offset, " with ", data.size(),
                                          " bytes; an offset is not negative and a chunk has at most ", kLogChunkMax,
                                          " bytes"));
  }
  const std::shared_ptr<OpenLog> log = Get(token);
  absl::Status written;
  {
    absl::MutexLock lock(&log->mutex);
    GOFARM_RETURN_IF_ERROR(Recover(token, *log));
    const int64_t end = log->End();
    if (offset > end) {
      return absl::OutOfRangeError(
          Cat("log of attempt ", token.value, " ends at ", end, ", the chunk starts at ", offset, "; send from ", end));
    }
    const int64_t known = end - offset;
    if (known < static_cast<int64_t>(data.size())) {
      written = Write(token, *log, data.substr(static_cast<size_t>(known)));
    }
    if (written.ok()) log->waiting.push_back(std::move(done));
  }
  {
    absl::MutexLock lock(&mutex_);
    dirty_[token] = log;
  }
  return written;
}

absl::StatusOr<LogSlice> FolderLogStore::Read(AttemptToken token, int64_t offset, size_t limit) {
  if (offset < 0) return absl::InvalidArgumentError(Cat("log of attempt ", token.value, ": negative offset ", offset));
  const std::shared_ptr<OpenLog> log = Get(token);
  std::vector<Segment> segments;
  {
    absl::MutexLock lock(&log->mutex);
    GOFARM_RETURN_IF_ERROR(Recover(token, *log));
    segments = log->segments;
  }
  LogSlice slice;
  slice.next_offset = offset;
  const int64_t end = segments.empty() ? 0 : segments.back().start + segments.back().size;
  if (offset >= end) {
    slice.at_end = true;
    return slice;
  }
  for (const Segment& s : segments) {
    if (offset < s.start) {
      slice.data =
          Cat("\n[", s.start - offset, " bytes of this log were left out here: it is longer than its limit]\n");
      slice.next_offset = s.start;
      return slice;
    }
    if (offset >= s.start + s.size) continue;
    const std::string path = PathOf(token, s.start);
    const io::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) {
      const absl::Status gone = ErrnoStatus(errno, Cat("open log ", path));
      // A tail segment that was dropped since: the next call sees where the log goes on.
      absl::MutexLock lock(&log->mutex);
      const auto still = [&](const Segment& segment) { return segment.start == s.start; };
      if (std::none_of(log->segments.begin(), log->segments.end(), still)) return slice;
      return gone;
    }
    const int64_t rest = s.start + s.size - offset;
    slice.data.resize(static_cast<size_t>(std::min<int64_t>(rest, static_cast<int64_t>(limit))));
    ssize_t n;
    do {
      n = ::pread(fd.get(), slice.data.data(), slice.data.size(), offset - s.start);
    } while (n < 0 && errno == EINTR);
    if (n < 0) return ErrnoStatus(errno, Cat("read log ", path));
    if (n == 0 && !slice.data.empty())
      return absl::DataLossError(Cat("log ", path, " is shorter than it was; somebody cut it"));
    slice.data.resize(static_cast<size_t>(n));
    slice.next_offset = offset + n;
    slice.at_end = slice.next_offset == end;
    return slice;
  }
  return absl::InternalError(Cat("log of attempt ", token.value, " has no segment for offset ", offset));
}

void FolderLogStore::SyncLoop() {
  absl::Time last = absl::InfinitePast();
  while (true) {
    std::vector<std::pair<AttemptToken, std::shared_ptr<OpenLog>>> batch;
    bool stop = false;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(
          +[](FolderLogStore* self) ABSL_EXCLUSIVE_LOCKS_REQUIRED(self->mutex_) { return self->HasDirtyOrStops(); },
          this));
      // The first append after a pause is synced at once, a stream of them at this pace.
      sync::AwaitUntil(
          mutex_,
          absl::Condition(
              +[](FolderLogStore* self) ABSL_EXCLUSIVE_LOCKS_REQUIRED(self->mutex_) { return self->Stops(); }, this),
          last + kSyncInterval);
      stop = stopping_;
      batch.reserve(dirty_.size());
      for (auto& [token, log] : dirty_) batch.emplace_back(token, log);
      dirty_.clear();
    }
    for (const auto& [token, log] : batch) SyncOne(token, *log);
    last = SteadyNow();
    if (stop && batch.empty()) return;
  }
}

void FolderLogStore::SyncOne(AttemptToken token, OpenLog& log) {
  std::vector<io::Fd> fds;
  std::vector<Done> waiting;
  bool new_file = false;
  int64_t end = 0;
  {
    absl::MutexLock lock(&log.mutex);
    fds = std::move(log.full);
    log.full.clear();
    if (log.fd) fds.emplace_back(::fcntl(log.fd.get(), F_DUPFD_CLOEXEC, 0));
    new_file = std::exchange(log.new_file, false);
    waiting = std::move(log.waiting);
    log.waiting.clear();
    end = log.End();
  }
  absl::Status status;
  for (const io::Fd& fd : fds) {
    if (::fsync(fd.get()) != 0) status.Update(ErrnoStatus(errno, Cat("fsync log of attempt ", token.value)));
  }
  if (status.ok() && new_file) {
    status = io::SyncFolder(FolderOf(token));
    if (status.ok()) status = io::SyncFolder(logs_);
  }
  absl::StatusOr<int64_t> answer = int64_t{0};
  {
    absl::MutexLock lock(&log.mutex);
    if (status.ok()) {
      log.synced = std::max(log.synced, end);
      answer = log.synced;
    } else {
      answer = status;
      // The kernel may have dropped the pages: forget what is not certain, the worker sends it again.
      log.fd.Close();
      Segment& last = log.segments.back();
      const int64_t keep = std::max(log.synced, last.start) - last.start;
      if (::truncate(PathOf(token, last.start).c_str(), keep) == 0) last.size = keep;
      log.new_file = true;
    }
  }
  if (!status.ok())
    obs::Error("log_not_stored", {{"token", Cat(token.value)}, {"error", std::string(status.message())}});
  for (const Done& done : waiting) done(answer);
}

}  // namespace

absl::StatusOr<std::unique_ptr<LogStore>> OpenFolderLogStore(const std::string& data_dir, int64_t bytes_max) {
  const std::string logs = Cat(data_dir, "/logs");
  GOFARM_RETURN_IF_ERROR_CTX(io::MakeFolders(logs), "open log store");
  return std::unique_ptr<LogStore>(std::make_unique<FolderLogStore>(logs, bytes_max));
}

}  // namespace gofarm::blob
