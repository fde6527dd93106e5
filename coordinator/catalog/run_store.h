// Bytes that are needed later in this keying: in memory up to a budget, beyond it in a file that has no name, below the
// coordinator's data folder, so that nothing is left of it whenever the process ends. Stops before the disk is full.
// Not thread-safe but for reading blobs.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/io/fd.h"
#include "coordinator/catalog/line_run.h"

namespace gofarm::catalog {

inline constexpr size_t kKnownPartMax = 131'072;  // fingerprints of one row of catalog_known_lines: 1 MiB

struct RunStoreOptions {
  std::string folder;                     // where the file would be; must exist
  size_t memory_max = size_t{384} << 20;  // bytes kept in memory
  int64_t free_floor = int64_t{2} << 30;  // bytes that stay free on the folder's disk
};

class RunStore {
 public:
  explicit RunStore(RunStoreOptions options) : options_(std::move(options)) {}

  struct Blob {
    std::string memory;
    int64_t offset = -1;  // in the file; below 0: it is in `memory`
    size_t size = 0;
  };
  // RESOURCE_EXHAUSTED: less than free_floor would be left on the disk.
  absl::StatusOr<Blob> Put(std::string bytes);
  // `out` bytes of a blob from `at`, as many as there are; returns how many.
  absl::StatusOr<size_t> Read(const Blob& blob, size_t at, absl::Span<char> out) const;
  int64_t spilled() const { return file_bytes_; }

 private:
  absl::Status OpenFile();

  const RunStoreOptions options_;
  size_t memory_ = 0;
  io::Fd file_;
  int64_t file_bytes_ = 0;
  int64_t looked_at_ = 0;  // file_bytes_ when the free space was last looked at
};

// A sorted run as bytes: per path its length, itself, and the number that it has in the store (0: none yet); per
// version its length, itself and its time; a length of 0 ends the path.
class RunEncoder {
 public:
  void BeginPath(std::string_view path, int32_t id);
  void Version(std::string_view version, int64_t micros);
  void EndPath() { Length(0); }
  std::string Finish();
  size_t size() const { return out_.size(); }

 private:
  void Length(size_t length);
  std::string out_;
};

// Walks through the blobs of one run, in order, as if they were one. The views hold until the next call.
class RunReader {
 public:
  RunReader(const RunStore& store, std::vector<RunStore::Blob> blobs);

  // The next path, or false at the run's end; skips what is left of the path before.
  absl::StatusOr<bool> NextPath();
  std::string_view path() const { return path_; }
  int32_t id() const { return id_; }
  // The next version of this path, or false after its last.
  absl::StatusOr<bool> NextVersion();
  std::string_view version() const { return version_; }
  int64_t micros() const { return micros_; }

 private:
  absl::Status Fill();
  template <typename T>
  T Take();

  const RunStore& store_;
  std::vector<RunStore::Blob> blobs_;
  size_t blob_ = 0;
  size_t blob_at_ = 0;
  std::string window_;
  std::string_view left_;  // of the window
  std::string path_;
  int32_t id_ = 0;
  std::string_view version_;
  int64_t micros_ = 0;
  bool in_path_ = false;
};

// Fingerprints by day, for days in any number: what does not fit into the buffers goes to the store.
class DayFingerprints {
 public:
  explicit DayFingerprints(RunStore& store) : store_(store) {}
  absl::Status Add(int32_t day, uint64_t fingerprint);
  // All of them, in parts of at most kKnownPartMax for one day each, sorted.
  using Each = std::function<absl::Status(int32_t day, absl::Span<const uint64_t> fingerprints)>;
  absl::Status ForEachPart(const Each& each);

 private:
  absl::Status Spill();

  RunStore& store_;
  struct Day {
    std::vector<uint64_t> buffer;
    std::vector<RunStore::Blob> blobs;
  };
  std::map<int32_t, Day> days_;
  Day* last_ = nullptr;  // lines of one day come together
  int32_t last_day_ = 0;
  size_t buffered_ = 0;
};

}  // namespace gofarm::catalog
