// Log bytes, one file per attempt: DATA_DIR/logs/<token/1000>/<token>.log. Appends are idempotent at their offset and
// are acknowledged only when they are fsynced, by one thread for all logs every kSyncInterval (group commit). A log
// longer than `bytes_max` keeps its head in that file and its tail in at most two segments beside it. Offsets are those
// of the whole log as the worker sent it. Thread-safe; callbacks run on the sync thread and must not wait.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/ids.h"

namespace gofarm::blob {

inline constexpr absl::Duration kSyncInterval = absl::Milliseconds(50);  // a job waits this long for its last lines
inline constexpr size_t kLogChunkMax = 256 << 10;
inline constexpr size_t kOpenLogsMax = 512;  // files kept open; the others are opened again when needed

struct LogSlice {
  std::string data;
  int64_t next_offset = 0;  // read on from here; larger than offset + size of data where the middle was left out
  bool at_end = false;      // nothing more is stored now
};

class LogStore {
 public:
  virtual ~LogStore() = default;

  // Bytes known to be on disk; 0 for a log that is not there.
  virtual absl::StatusOr<int64_t> StoredOffset(AttemptToken token) = 0;
  // After OK `done` is called once, with the fsynced offset or the error that kept the bytes from the disk; after an
  // error it is not called. OUT_OF_RANGE: `offset` lies beyond the end; RESOURCE_EXHAUSTED: the disk is full. Bytes
  // below the end are skipped.
  using Done = std::function<void(const absl::StatusOr<int64_t>& stored_offset)>;
  virtual absl::Status Append(AttemptToken token, int64_t offset, std::string_view data, Done done) = 0;
  // What can be read from `offset` now, synced or not. An empty slice at the end, also for a log that is not there.
  virtual absl::StatusOr<LogSlice> Read(AttemptToken token, int64_t offset, size_t limit) = 0;
};

// `bytes_max` is per log.
absl::StatusOr<std::unique_ptr<LogStore>> OpenFolderLogStore(const std::string& data_dir, int64_t bytes_max);

}  // namespace gofarm::blob
