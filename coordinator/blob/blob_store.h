// Blobs by their SHA-256, behind one interface: a folder now, S3 later. Bytes become visible only when their digest was
// recomputed and they lie on disk for good; an upload that broke off goes on where it stopped. Thread-safe; an Upload
// and a Reader belong to one thread at a time. A digest is 64 lower-case hex digits, anything else INVALID_ARGUMENT.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace gofarm::blob {

inline constexpr int64_t kBlobBytesMax = int64_t{4} << 30;
inline constexpr size_t kReadBytesMax = 1 << 20;
// Nothing younger is collected: an artifact is uploaded before its attempt completes, and is unreferenced until then.
inline constexpr absl::Duration kUnreferencedMinAge = absl::Hours(24);

bool IsDigest(std::string_view sha256);

class Upload {
 public:
  virtual ~Upload() = default;         // keeps what was written, for the next try
  virtual int64_t offset() const = 0;  // go on from here
  // DATA_LOSS when more comes than was announced (the partial is removed then); RESOURCE_EXHAUSTED: disk full.
  virtual absl::Status Append(std::string_view data) = 0;
  // DATA_LOSS when the bytes do not match the digest; the partial is removed then. FAILED_PRECONDITION before the end.
  virtual absl::Status Finish() = 0;
};

class Reader {
 public:
  virtual ~Reader() = default;
  virtual int64_t size() const = 0;
  // At most `limit` and kReadBytesMax bytes; empty at the end.
  virtual absl::StatusOr<std::string> Read(size_t limit) = 0;
};

// Of one file, from `offset` on. `what`: it, for messages. NOT_FOUND; OUT_OF_RANGE when `offset` lies beyond the end.
absl::StatusOr<std::unique_ptr<Reader>> OpenFile(const std::string& path, std::string_view what, int64_t offset);

struct Collected {
  int64_t blobs = 0;
  int64_t partials = 0;
  int64_t bytes = 0;
};

class BlobStore {
 public:
  virtual ~BlobStore() = default;

  // Null when the blob is stored already; its age is renewed then, so that it outlives its attempt. INVALID_ARGUMENT
  // when it is stored with another size; if what is stored there is no longer what its digest says, a disk or somebody
  // spoilt it, and the upload takes its place. Two uploads of one digest at once both succeed; only the first is
  // resumable.
  virtual absl::StatusOr<std::unique_ptr<Upload>> BeginUpload(const std::string& sha256, int64_t size) = 0;
  // The size of a stored blob, whose age is renewed; NOT_FOUND names the digest.
  virtual absl::StatusOr<int64_t> Renew(const std::string& sha256) = 0;
  // OUT_OF_RANGE when `offset` lies beyond the end.
  virtual absl::StatusOr<std::unique_ptr<Reader>> Open(const std::string& sha256, int64_t offset) = 0;
  // A file of this machine that holds the blob, for who must map it; NOT_FOUND names the digest.
  virtual absl::StatusOr<std::string> LocalFile(const std::string& sha256) = 0;
  virtual absl::Status Delete(const std::string& sha256) = 0;  // OK when it is not there

  // Of the given digests, those that something refers to.
  using Referenced = std::function<absl::StatusOr<std::vector<std::string>>(const std::vector<std::string>&)>;
  // Deletes blobs older than `min_age` that nothing refers to, and partial uploads of that age.
  virtual absl::StatusOr<Collected> Collect(absl::Duration min_age, const Referenced& referenced) = 0;
};

// The system calls that a full or broken disk makes fail: tests put their own in place.
struct FileOps {
  std::function<int64_t(int fd, const char* data, size_t size, int64_t offset)> pwrite;
  std::function<int(int fd)> fsync;
};
FileOps RealFileOps();

// DATA_DIR/blobs/ab/cdef..., partial uploads under DATA_DIR/partial. Folders are made when missing.
absl::StatusOr<std::unique_ptr<BlobStore>> OpenFolderBlobStore(const std::string& data_dir,
                                                               FileOps ops = RealFileOps());

}  // namespace gofarm::blob
