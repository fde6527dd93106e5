// A run: some millions of rows of the index in memory, collected as they come, then sorted by path, version and time
// with repeats left out. Runs bound what keying needs in memory; run_store.h keeps them, run_merge.h puts them
// together. No I/O, no locks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "coordinator/catalog/fingerprint.h"
#include "coordinator/catalog/index_lines.h"

namespace gofarm::catalog {

// Small enough that one run is sorted while the next is collected, also of a day's worth of a back-fill.
inline constexpr size_t kRunRowsMax = 500'000;
inline constexpr size_t kRunTextMax = size_t{256} << 20;  // bytes of paths and versions

// Paths, each once, numbered as they come.
class PathTable {
 public:
  PathTable();
  // `hash`: HashBytes of the path.
  uint32_t Intern(std::string_view path, uint64_t hash);
  // Called in this order some paths before Intern of the same, so that the memory it looks at is there by then: tables
  // of hundreds of thousands of paths stand in no cache.
  void PrefetchSlot(uint64_t hash) const { __builtin_prefetch(&slots_[hash & mask_]); }
  void PrefetchText(uint64_t hash) const { __builtin_prefetch(text_.data() + slots_[hash & mask_].offset); }
  size_t size() const { return paths_.size(); }
  size_t bytes() const { return text_.size(); }
  std::string_view path(uint32_t index) const { return {text_.data() + paths_[index].offset, paths_[index].length}; }
  uint64_t hash(uint32_t index) const { return paths_[index].hash; }

 private:
  struct Path {
    uint64_t hash;
    uint32_t offset;
    uint32_t length;
  };
  struct Slot {
    uint32_t tag = 0;     // upper half of the hash
    uint32_t number = 0;  // index + 1; 0: free
    uint32_t offset = 0;
    uint32_t length = 0;
  };
  void Grow();

  std::string text_;
  std::vector<Path> paths_;
  std::vector<Slot> slots_;
  uint64_t mask_;
};

struct RunRow {
  uint64_t prefix;  // of the version, behind its "v": most comparisons need no more
  int64_t micros;
  uint32_t path;
  uint32_t version;  // where it stands in the run's text
};

class LineRun {
 public:
  void Add(absl::Span<const IndexLine> lines);
  bool Full() const { return rows_.size() >= kRunRowsMax || paths_.bytes() + text_.size() >= kRunTextMax; }
  bool empty() const { return rows_.empty(); }
  size_t size() const { return rows_.size(); }

  std::vector<RunRow>& rows() { return rows_; }
  const std::vector<RunRow>& rows() const { return rows_; }
  const PathTable& paths() const { return paths_; }
  std::string_view version(const RunRow& row) const;
  uint64_t Fingerprint(const RunRow& row) const {
    return LineFingerprint(paths_.hash(row.path), version(row), row.micros);
  }

 private:
  void AddOne(const IndexLine& line, uint64_t hash);

  std::vector<RunRow> rows_;
  std::string text_;
  PathTable paths_;
};

// The rows of one path: versions ascending bytewise, each once, with its earliest time.
struct PathGroup {
  std::string_view path;
  uint32_t begin = 0;
  uint32_t end = 0;
};

// Sorts `run` (its rows change their order, and repeats are gone) and says where each path's rows stand, paths
// ascending bytewise.
std::vector<PathGroup> SortRun(LineRun& run);

}  // namespace gofarm::catalog
