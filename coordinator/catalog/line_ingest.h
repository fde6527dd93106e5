// The two sources of keying: what pages left in the landing table, and the bytes of a file. A file goes straight to the
// keyer: should the process die, the file is still there.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/scope.h"
#include "common/io/decompress.h"
#include "coordinator/catalog/hand_over.h"
#include "coordinator/catalog/index_lines.h"
#include "coordinator/catalog/keying.h"
#include "coordinator/catalog/line_blocks.h"
#include "coordinator/store/catalog_index_store.h"

namespace gofarm::catalog {

inline constexpr int64_t kIngestBytesMax = int64_t{64} << 30;  // of lines, when they are unpacked
inline constexpr size_t kIngestBlock = size_t{1} << 20;        // bytes of lines that are read at once, and of one line
inline constexpr size_t kRejectsAtOnce = 5'000;                // that wait for the store

// Keys what landed; all zero when nothing did. Repeatable at any time. FAILED_PRECONDITION: `epoch` leads no more.
absl::StatusOr<KeyedCounts> KeyLanded(const Scope& scope, store::Pool& pool, int64_t epoch,
                                      const KeyingOptions& options);

struct IngestCounts {
  int64_t lines = 0;  // = stored + known + rejected
  int64_t stored = 0;
  int64_t known = 0;  // repeats within the file too
  int64_t rejected = 0;
  absl::Duration took;
};

// One file of index lines, plain, gzip or zstd, piece by piece; a last line needs no newline. It never moves a slice.
// Not thread-safe; has threads of its own.
class LineIngest {
 public:
  // `pool` must outlive it. `scope` is for all of it.
  LineIngest(const Scope& scope, store::Pool& pool, int64_t epoch, const KeyingOptions& options);
  // Not finished: parts of it may be stored already.
  ~LineIngest();
  LineIngest(const LineIngest&) = delete;
  LineIngest& operator=(const LineIngest&) = delete;

  // Waits while keying is behind. INVALID_ARGUMENT: damaged gzip or zstd; FAILED_PRECONDITION: `epoch` leads no more;
  // RESOURCE_EXHAUSTED: a disk is full.
  absl::Status Add(std::string_view bytes);
  // Everything is stored when this returns OK, and the counts are exact.
  absl::StatusOr<IngestCounts> Finish();

 private:
  absl::Status HandBlock(std::string block);
  void Read();
  absl::Status ReadBlock(std::string_view block);
  absl::Status KeepRejects(size_t at_least);
  void Fail(const absl::Status& status);
  absl::Status failed() const;

  const Scope scope_;
  const int64_t epoch_;
  store::CatalogIndexStore store_;
  const absl::Time began_;
  io::Decompressor decompressor_;
  LineBlocks lines_;  // on their way to the reader
  HandOver<std::string> blocks_{4};

  // The reading thread's own.
  IndexReader reader_;
  IndexBlock block_;
  LineRun run_;
  Keyer keyer_;
  int64_t good_ = 0;
  int64_t rejected_ = 0;
  absl::flat_hash_map<std::string, domain::IndexReject> rejects_;

  mutable absl::Mutex mutex_;
  absl::Status failed_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace gofarm::catalog
