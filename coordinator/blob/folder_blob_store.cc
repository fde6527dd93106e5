// The folder behind BlobStore. One mutex guards which partials are being written, and makes "is it still old?" and
// "delete it" one step against the renewals of uploads and completions; bytes are written outside of it.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <set>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/io/files.h"
#include "common/obs/log.h"
#include "coordinator/blob/blob_store.h"

namespace gofarm::blob {
namespace {

// How many digests one question to `Referenced` holds.
constexpr size_t kCollectPage = 500;

absl::Status CheckDigest(const std::string& sha256) {
  if (IsDigest(sha256)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      Cat("\"", EscapeForPrint(Clip(sha256, 100)), "\" is no SHA-256; write 64 lower-case hex digits"));
}

absl::StatusOr<std::string> HashOf(int fd, const std::string& path) {
  digest::Sha256 hash;
  std::string buffer(kReadBytesMax, '\0');
  for (int64_t at = 0;;) {
    const ssize_t n = ::pread(fd, buffer.data(), buffer.size(), at);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, Cat("read ", path));
    if (n == 0) return hash.HexAndReset();
    hash.Update(std::string_view(buffer.data(), static_cast<size_t>(n)));
    at += n;
  }
}

// Names in `folder`, without "." and "..". A folder that is not there is empty.
absl::StatusOr<std::vector<std::string>> Names(const std::string& folder) {
  std::vector<std::string> names;
  DIR* dir = ::opendir(folder.c_str());
  if (dir == nullptr) {
    if (errno == ENOENT) return names;
    return ErrnoStatus(errno, Cat("open folder ", folder));
  }
  while (const dirent* entry = ::readdir(dir)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  ::closedir(dir);
  return names;
}

absl::Duration AgeOf(const struct stat& st) { return WallNow() - absl::TimeFromTimespec(st.st_mtim); }

class FolderBlobStore final : public BlobStore {
 public:
  FolderBlobStore(std::string data_dir, FileOps ops)
      : blobs_(Cat(data_dir, "/blobs")), partial_(Cat(data_dir, "/partial")), ops_(std::move(ops)) {}

  absl::Status MakeFolders() {
    GOFARM_RETURN_IF_ERROR(io::MakeFolders(blobs_));
    return io::MakeFolders(partial_);
  }

  absl::StatusOr<std::unique_ptr<Upload>> BeginUpload(const std::string& sha256, int64_t size) override;

  absl::StatusOr<int64_t> Renew(const std::string& sha256) override {
    GOFARM_RETURN_IF_ERROR(CheckDigest(sha256));
    absl::MutexLock lock(&mutex_);
    return RenewLocked(sha256);
  }

  absl::StatusOr<std::unique_ptr<Reader>> Open(const std::string& sha256, int64_t offset) override;

  absl::StatusOr<std::string> LocalFile(const std::string& sha256) override {
    GOFARM_RETURN_IF_ERROR(CheckDigest(sha256));
    struct stat st;
    if (::stat(PathOf(sha256).c_str(), &st) == 0) return PathOf(sha256);
    if (errno == ENOENT) return absl::NotFoundError(Cat("blob ", sha256, " is not stored"));
    return ErrnoStatus(errno, Cat("look for blob ", sha256));
  }

  absl::Status Delete(const std::string& sha256) override {
    GOFARM_RETURN_IF_ERROR(CheckDigest(sha256));
    if (::unlink(PathOf(sha256).c_str()) != 0 && errno != ENOENT) {
      return ErrnoStatus(errno, Cat("delete blob ", sha256));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<Collected> Collect(absl::Duration min_age, const Referenced& referenced) override;

 private:
  friend class FolderUpload;

  std::string FolderOf(const std::string& sha256) const { return Cat(blobs_, "/", sha256.substr(0, 2)); }
  std::string PathOf(const std::string& sha256) const { return Cat(FolderOf(sha256), "/", sha256.substr(2)); }

  absl::StatusOr<int64_t> RenewLocked(const std::string& sha256) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const std::string path = PathOf(sha256);
    struct stat st;
    if (::stat(path.c_str(), &st) != 0) {
      if (errno == ENOENT) return absl::NotFoundError(Cat("blob ", sha256, " is not stored"));
      return ErrnoStatus(errno, Cat("look for blob ", sha256));
    }
    if (::utimensat(AT_FDCWD, path.c_str(), nullptr, 0) != 0) {
      return ErrnoStatus(errno, Cat("renew the age of blob ", sha256));
    }
    return st.st_size;
  }

  // OK: nothing is stored there now. Reads all of it, so not under the lock.
  absl::Status DropIfSpoilt(const std::string& sha256, int64_t stored_size, int64_t announced)
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status CollectFolder(const std::string& prefix, absl::Duration min_age, const Referenced& referenced,
                             Collected& sum);
  absl::Status CollectPage(const std::vector<std::string>& candidates, absl::Duration min_age,
                           const Referenced& referenced, Collected& sum);
  absl::Status CollectPartials(absl::Duration min_age, Collected& sum);

  const std::string blobs_;
  const std::string partial_;
  const FileOps ops_;
  absl::Mutex mutex_;
  std::set<std::string> writing_ ABSL_GUARDED_BY(mutex_);  // names in the partial folder
  int64_t next_private_ ABSL_GUARDED_BY(mutex_) = 1;
};

class FolderUpload final : public Upload {
 public:
  FolderUpload(FolderBlobStore& store, std::string sha256, int64_t size, std::string name, bool resumable)
      : store_(store),
        sha256_(std::move(sha256)),
        size_(size),
        name_(std::move(name)),
        resumable_(resumable),
        path_(Cat(store.partial_, "/", name_)) {}

  ~FolderUpload() override {
    if (!resumable_) Remove();
    absl::MutexLock lock(&store_.mutex_);
    store_.writing_.erase(name_);
  }

  absl::Status Start() {
    fd_ = io::Fd(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | (resumable_ ? 0 : O_TRUNC), 0644));
    if (!fd_) return ErrnoStatus(errno, Cat("open partial upload ", path_));
    struct stat st;
    if (::fstat(fd_.get(), &st) != 0) return ErrnoStatus(errno, Cat("look at partial upload ", path_));
    offset_ = st.st_size;
    // Announced with another size before: one of the two announcements was wrong, so nothing of it can be trusted.
    if (offset_ > size_) {
      if (::ftruncate(fd_.get(), 0) != 0) return ErrnoStatus(errno, Cat("empty partial upload ", path_));
      offset_ = 0;
    }
    return absl::OkStatus();
  }

  int64_t offset() const override { return offset_; }

  absl::Status Append(std::string_view data) override {
    if (static_cast<int64_t>(data.size()) > size_ - offset_) {
      Remove();
      return absl::DataLossError(Cat("upload of blob ", sha256_, ": more than the announced ", size_,
                                     " bytes came; the upload starts again from 0"));
    }
    while (!data.empty()) {
      const int64_t n = store_.ops_.pwrite(fd_.get(), data.data(), data.size(), offset_);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return ErrnoStatus(errno, Cat("write partial upload ", path_, " at ", offset_));
      offset_ += n;
      data.remove_prefix(static_cast<size_t>(n));
    }
    return absl::OkStatus();
  }

  absl::Status Finish() override {
    if (offset_ != size_) {
      return absl::FailedPreconditionError(
          Cat("upload of blob ", sha256_, " ended at ", offset_, " of ", size_, " bytes; go on from there"));
    }
    GOFARM_ASSIGN_OR_RETURN(const std::string found, HashOf(fd_.get(), path_));
    if (found != sha256_) {
      Remove();
      return absl::DataLossError(Cat("upload of blob ", sha256_, ": its ", size_, " bytes have the SHA-256 ", found,
                                     "; nothing was stored, the upload starts again from 0"));
    }
    if (store_.ops_.fsync(fd_.get()) != 0) return ErrnoStatus(errno, Cat("fsync ", path_));
    const std::string folder = store_.FolderOf(sha256_);
    if (::access(folder.c_str(), F_OK) != 0) {
      GOFARM_RETURN_IF_ERROR(io::MakeFolders(folder));
      GOFARM_RETURN_IF_ERROR(io::SyncFolder(store_.blobs_));
    }
    // A resumed partial may be old: the age of a blob counts from the moment it is whole.
    if (::futimens(fd_.get(), nullptr) != 0) return ErrnoStatus(errno, Cat("set the age of ", path_));
    {
      // Against a collection that looked at an older blob of this name.
      absl::MutexLock lock(&store_.mutex_);
      if (::rename(path_.c_str(), store_.PathOf(sha256_).c_str()) != 0) {
        return ErrnoStatus(errno, Cat("store blob ", sha256_));
      }
    }
    return io::SyncFolder(folder);
  }

 private:
  void Remove() {
    ::unlink(path_.c_str());
    offset_ = 0;
  }

  FolderBlobStore& store_;
  const std::string sha256_;
  const int64_t size_;
  const std::string name_;
  const bool resumable_;
  const std::string path_;
  io::Fd fd_;
  int64_t offset_ = 0;
};

class FolderReader final : public Reader {
 public:
  FolderReader(io::Fd fd, int64_t size, int64_t offset, std::string what)
      : fd_(std::move(fd)), size_(size), offset_(offset), what_(std::move(what)) {}

  int64_t size() const override { return size_; }

  absl::StatusOr<std::string> Read(size_t limit) override {
    std::string out(std::min(limit, kReadBytesMax), '\0');
    ssize_t n;
    do {
      n = ::pread(fd_.get(), out.data(), out.size(), offset_);
    } while (n < 0 && errno == EINTR);
    if (n < 0) return ErrnoStatus(errno, Cat("read ", what_));
    out.resize(static_cast<size_t>(n));
    offset_ += n;
    return out;
  }

 private:
  const io::Fd fd_;
  const int64_t size_;
  int64_t offset_;
  const std::string what_;
};

absl::StatusOr<std::unique_ptr<Upload>> FolderBlobStore::BeginUpload(const std::string& sha256, int64_t size) {
  GOFARM_RETURN_IF_ERROR(CheckDigest(sha256));
  if (size < 0 || size > kBlobBytesMax) {
    return absl::InvalidArgumentError(
        Cat("upload of blob ", sha256, ": size ", size, " is not between 0 and ", kBlobBytesMax));
  }
  std::string name = sha256;
  int64_t stored_size = -1;
  {
    absl::MutexLock lock(&mutex_);
    const absl::StatusOr<int64_t> stored = RenewLocked(sha256);
    if (stored.ok() && *stored == size) return std::unique_ptr<Upload>();
    if (!stored.ok() && !absl::IsNotFound(stored.status())) return stored.status();
    stored_size = stored.ok() ? *stored : -1;
  }
  if (stored_size >= 0) GOFARM_RETURN_IF_ERROR(DropIfSpoilt(sha256, stored_size, size));
  {
    absl::MutexLock lock(&mutex_);
    // Somebody writes this digest right now: this one gets a file of its own, and whoever ends last renames over the
    // same bytes. The name cannot be a digest.
    if (writing_.count(name) != 0) name = Cat(sha256, ".", next_private_++);
    writing_.insert(name);
  }
  auto upload = std::make_unique<FolderUpload>(*this, sha256, size, name, /*resumable=*/name == sha256);
  GOFARM_RETURN_IF_ERROR(upload->Start());
  return std::unique_ptr<Upload>(std::move(upload));
}

absl::Status FolderBlobStore::DropIfSpoilt(const std::string& sha256, int64_t stored_size, int64_t announced) {
  const std::string path = PathOf(sha256);
  const io::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd && errno == ENOENT) return absl::OkStatus();
  if (!fd) return ErrnoStatus(errno, Cat("open blob ", sha256));
  GOFARM_ASSIGN_OR_RETURN(const std::string found, HashOf(fd.get(), path));
  if (found == sha256) {
    return absl::InvalidArgumentError(
        Cat("blob ", sha256, " is stored with ", stored_size, " bytes, the upload announces ", announced));
  }
  obs::Error("blob_spoilt", {{"sha256", sha256}, {"found", found}, {"bytes", Cat(stored_size)}});
  absl::MutexLock lock(&mutex_);
  struct stat read, there;
  // Another upload may have put a good one in its place meanwhile.
  if (::fstat(fd.get(), &read) != 0 || ::stat(path.c_str(), &there) != 0 || read.st_ino != there.st_ino)
    return absl::OkStatus();
  return Delete(sha256);
}

absl::StatusOr<std::unique_ptr<Reader>> FolderBlobStore::Open(const std::string& sha256, int64_t offset) {
  GOFARM_RETURN_IF_ERROR(CheckDigest(sha256));
  return OpenFile(PathOf(sha256), Cat("blob ", sha256), offset);
}

absl::StatusOr<Collected> FolderBlobStore::Collect(absl::Duration min_age, const Referenced& referenced) {
  Collected sum;
  GOFARM_ASSIGN_OR_RETURN(const std::vector<std::string> prefixes, Names(blobs_));
  for (const std::string& prefix : prefixes) {
    if (prefix.size() == 2) GOFARM_RETURN_IF_ERROR(CollectFolder(prefix, min_age, referenced, sum));
  }
  GOFARM_RETURN_IF_ERROR(CollectPartials(min_age, sum));
  return sum;
}

absl::Status FolderBlobStore::CollectFolder(const std::string& prefix, absl::Duration min_age,
                                            const Referenced& referenced, Collected& sum) {
  GOFARM_ASSIGN_OR_RETURN(const std::vector<std::string> names, Names(Cat(blobs_, "/", prefix)));
  std::vector<std::string> old;
  for (const std::string& name : names) {
    const std::string sha256 = Cat(prefix, name);
    struct stat st;
    if (!IsDigest(sha256) || ::stat(PathOf(sha256).c_str(), &st) != 0 || AgeOf(st) < min_age) continue;
    old.push_back(sha256);
    if (old.size() == kCollectPage) {
      GOFARM_RETURN_IF_ERROR(CollectPage(old, min_age, referenced, sum));
      old.clear();
    }
  }
  return old.empty() ? absl::OkStatus() : CollectPage(old, min_age, referenced, sum);
}

absl::Status FolderBlobStore::CollectPage(const std::vector<std::string>& candidates, absl::Duration min_age,
                                          const Referenced& referenced, Collected& sum) {
  GOFARM_ASSIGN_OR_RETURN(const std::vector<std::string> kept_list, referenced(candidates));
  const std::set<std::string> kept(kept_list.begin(), kept_list.end());
  for (const std::string& sha256 : candidates) {
    if (kept.count(sha256) != 0) continue;
    absl::MutexLock lock(&mutex_);
    struct stat st;
    // Renewed since: an attempt that is about to complete counts on it.
    if (::stat(PathOf(sha256).c_str(), &st) != 0 || AgeOf(st) < min_age) continue;
    if (::unlink(PathOf(sha256).c_str()) != 0) return ErrnoStatus(errno, Cat("delete blob ", sha256));
    ++sum.blobs;
    sum.bytes += st.st_size;
  }
  return absl::OkStatus();
}

absl::Status FolderBlobStore::CollectPartials(absl::Duration min_age, Collected& sum) {
  GOFARM_ASSIGN_OR_RETURN(const std::vector<std::string> names, Names(partial_));
  for (const std::string& name : names) {
    const std::string path = Cat(partial_, "/", name);
    absl::MutexLock lock(&mutex_);
    struct stat st;
    if (writing_.count(name) != 0 || ::stat(path.c_str(), &st) != 0 || AgeOf(st) < min_age) continue;
    if (::unlink(path.c_str()) != 0) return ErrnoStatus(errno, Cat("delete partial upload ", path));
    ++sum.partials;
    sum.bytes += st.st_size;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Reader>> OpenFile(const std::string& path, std::string_view what, int64_t offset) {
  io::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    if (errno == ENOENT) return absl::NotFoundError(Cat(what, " is not stored"));
    return ErrnoStatus(errno, Cat("open ", what));
  }
  struct stat st;
  if (::fstat(fd.get(), &st) != 0) return ErrnoStatus(errno, Cat("look at ", what));
  if (offset < 0 || offset > st.st_size) {
    return absl::OutOfRangeError(Cat(what, " has ", st.st_size, " bytes, asked from offset ", offset));
  }
  return std::unique_ptr<Reader>(std::make_unique<FolderReader>(std::move(fd), st.st_size, offset, std::string(what)));
}

absl::StatusOr<std::unique_ptr<BlobStore>> OpenFolderBlobStore(const std::string& data_dir, FileOps ops) {
  auto store = std::make_unique<FolderBlobStore>(data_dir, std::move(ops));
  GOFARM_RETURN_IF_ERROR_CTX(store->MakeFolders(), "open blob store");
  return std::unique_ptr<BlobStore>(std::move(store));
}

}  // namespace gofarm::blob
