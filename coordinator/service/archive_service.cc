#include "coordinator/service/archive_service.h"

#include <stdio.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "common/archives/archive_source.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "common/io/scratch_folder.h"
#include "common/obs/log.h"
#include "common/sync/wait.h"

namespace gofarm::service {
namespace {

namespace fs = std::filesystem;

constexpr absl::Duration kLook = absl::Milliseconds(200);  // how late a waiting caller sees that its scope ended

}  // namespace

ArchiveService::ArchiveService(Options options, Obtain obtain)
    : options_(std::move(options)), obtain_(std::move(obtain)) {
  absl::MutexLock lock(&mutex_);
  for (const Archive& archive : options_.archives) entries_[archive.sha256].places.push_back(archive);
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

ArchiveService::~ArchiveService() { Stop(); }

void ArchiveService::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.SignalAll();
  }
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

std::string ArchiveService::FileOf(const std::string& sha256) const { return Cat(options_.folder, "/", sha256); }

absl::Status ArchiveService::Prepare() {
  GOFARM_RETURN_IF_ERROR_CTX(io::MakeFolders(options_.folder, 0700), "archives of toolchains");
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(options_.folder, error)) {
    const std::string name = entry.path().filename().string();
    bool named = false;
    {
      absl::MutexLock lock(&mutex_);
      named = entries_.find(name) != entries_.end();
    }
    if (named) continue;
    GOFARM_RETURN_IF_ERROR_CTX(io::RemoveTree(entry.path().string()), "archives of toolchains");
  }
  return error ? ErrnoStatus(error.value(), Cat("look through ", options_.folder)) : absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<blob::Reader>> ArchiveService::Open(const Scope& scope, const std::string& sha256,
                                                                   int64_t offset) {
  for (bool again = false;; again = true) {
    GOFARM_RETURN_IF_ERROR(Await(scope, sha256));
    absl::StatusOr<std::unique_ptr<blob::Reader>> reader =
        blob::OpenFile(FileOf(sha256), Cat("archive ", sha256), offset);
    if (again || !absl::IsNotFound(reader.status())) return reader;
    // Somebody made room by hand.
    absl::MutexLock lock(&mutex_);
    entries_[sha256].here = false;
  }
}

absl::Status ArchiveService::Await(const Scope& scope, const std::string& sha256) {
  absl::MutexLock lock(&mutex_);
  const auto found = entries_.find(sha256);
  if (found == entries_.end()) {
    return absl::NotFoundError(Cat("no toolset of this farm names an archive ", EscapeForPrint(Clip(sha256, 100))));
  }
  Entry& entry = found->second;
  for (bool asked = false; !entry.here; asked = true) {
    if (stopping_) return absl::UnavailableError("the coordinator stops");
    GOFARM_RETURN_IF_ERROR_CTX(scope.Check(), Cat("wait for archive ", sha256));
    if (!entry.wanted) {
      const bool rested = SteadyNow() - entry.failed_at > options_.failure_rests;
      if (!entry.failure.ok() && (asked || !rested)) return entry.failure;
      entry.wanted = true;
      line_.push_back(sha256);
      changed_.SignalAll();
    }
    sync::WaitFor(changed_, mutex_, kLook);
  }
  return absl::OkStatus();
}

void ArchiveService::Run(const std::stop_token& stop) {
  while (true) {
    std::string sha256;
    std::vector<Archive> places;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &ArchiveService::HasWork));
      if (stopping_) return;
      sha256 = std::move(line_.front());
      line_.pop_front();
      places = entries_[sha256].places;
    }
    const absl::Time began = SteadyNow();
    const absl::Status got = Get(Scope::For(kArchiveObtainMax, stop), sha256, places);
    const Archive& archive = places.front();
    if (got.ok()) {
      obs::Info("archive_here", {{"kind", archive.kind},
                                 {"version", archive.version},
                                 {"host_arch", archive.host_arch},
                                 {"sha256", sha256},
                                 {"seconds", Cat(absl::ToDoubleSeconds(SteadyNow() - began))}});
    } else if (!stop.stop_requested()) {
      obs::Warn("archive_not_got", {{"kind", archive.kind},
                                    {"version", archive.version},
                                    {"host_arch", archive.host_arch},
                                    {"error", got.ToString()}});
    }
    absl::MutexLock lock(&mutex_);
    Entry& entry = entries_[sha256];
    entry.wanted = false;
    entry.here = got.ok();
    entry.failure = absl::OkStatus();
    if (!got.ok()) {
      entry.failed_at = SteadyNow();
      entry.failure =
          absl::FailedPreconditionError(Cat("the coordinator could not get ", archive.kind, " ", archive.version,
                                            " for ", archive.host_arch, " hosts: ", Sv(got.message())));
    }
    changed_.SignalAll();
  }
}

absl::Status ArchiveService::Get(const Scope& scope, const std::string& sha256, const std::vector<Archive>& places) {
  const std::string file = FileOf(sha256);
  std::error_code error;
  if (fs::exists(file, error)) {
    // Of an earlier process. What a disk spoilt is got anew.
    absl::Status same = archives::CheckSha256(places.front(), file, file);
    if (same.ok()) return same;
    obs::Warn("archive_spoilt", {{"sha256", sha256}, {"error", same.ToString()}});
    GOFARM_RETURN_IF_ERROR(io::RemoveTree(file));
  }
  absl::Status failure = absl::NotFoundError("it stands nowhere");
  for (const Archive& place : places) {
    GOFARM_RETURN_IF_ERROR(scope.Check());
    GOFARM_ASSIGN_OR_RETURN(const io::ScratchFolder scratch, io::ScratchFolder::Make(options_.folder, ".tmp-"));
    const absl::StatusOr<std::string> brought = obtain_(scope, place, scratch.path());
    failure = brought.ok() ? archives::CheckSha256(place, *brought, place.locator) : brought.status();
    if (!failure.ok()) continue;
    // A folder of archives keeps its own; all else lies in scratch, which is of the same file system.
    std::string mine = *brought;
    if (mine.rfind(scratch.path() + "/", 0) != 0) {
      mine = scratch.path() + "/copy";
      if (!fs::copy_file(*brought, mine, error)) return ErrnoStatus(error.value(), Cat("copy ", *brought));
      GOFARM_RETURN_IF_ERROR(archives::CheckSha256(place, mine, *brought));
    }
    if (::rename(mine.c_str(), file.c_str()) != 0) return ErrnoStatus(errno, Cat("rename to ", file));
    return io::SyncFolder(options_.folder);
  }
  return failure;
}

}  // namespace gofarm::service
