// What the module index told, as the store keeps it. Values only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace gofarm::domain {

// Where reading the index goes on: at the time `since` (inclusive, as text: no digit is lost), whose lines `seen`
// (path@version, sorted) are stored already.
struct IndexSlice {
  int slice = 0;      // 0 follows the head; 1 and above fill up what was before
  std::string since;  // RFC 3339
  std::string until;  // exclusive; empty: no end
  std::vector<std::string> seen;
  bool done = false;
  int64_t moves = 0;  // grows with every page: a page moves the slice only from where it was asked for
};

// A line that is none.
struct IndexReject {
  std::string digest;  // SHA-256 of the whole line, hex
  std::string line;    // clipped, fit to print
  std::string reason;
};

// What one page brings into the store, all or nothing.
struct IndexLanding {
  IndexSlice next;     // `slice` and `moves` as they were read; the rest as it shall be
  int lines = 0;       // rows in `packed`
  std::string packed;  // coordinator/catalog/packed_rows.h; empty: none is new
  std::vector<IndexReject> rejects;
  // A time with more lines than a page holds; empty: none.
  std::string stuck_since;
};

// One of the two halves of what landed: pages go to the other while this one is keyed.
struct LandedHalf {
  int half = 0;
  int64_t lines = 0;
};

struct IndexStats {
  int64_t modules = 0;
  int64_t versions = 0;
  int64_t rejected = 0;  // distinct bad lines
  int64_t stuck = 0;     // times with more lines than a page holds
  int64_t landed = 0;    // lines stored and not keyed yet
};

struct IndexedModule {
  int32_t id = 0;
  std::string path;
  std::string latest;  // by the index alone
  int32_t versions = 0;
  absl::Time latest_indexed_at;
  absl::Time first_indexed_at;
  absl::Time last_indexed_at;  // of its versions, whichever
  int64_t revision = 0;
};

struct IndexedVersion {
  std::string version;
  absl::Time indexed_at;
};

}  // namespace gofarm::domain
