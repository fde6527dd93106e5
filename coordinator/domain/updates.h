// What decides about new versions of published modules, row by row: see migrations/V0023__updates.sql. Plain values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/base/ids.h"
#include "common/catalog/types.h"
#include "coordinator/domain/catalog.h"

namespace gofarm::catalog {

struct PublishedProgram {
  std::string import_path;
  int targets = 0;  // bit n - 1: it is published for target n in some version
};

// A module of which something is published, and whose newest version is not.
struct UpdateCandidate {
  int32_t module_id = 0;
  std::string module;
  std::vector<std::string> published;  // versions that their author did not take back
  std::vector<PublishedProgram> programs;
  std::string version;  // the newest that is not retracted, as reach found it
  Reachability reach = Reachability::kNone;
  bool retracted = false;  // all of its versions are
  std::string detected;    // the version that was looked into; empty: none
  std::string undecided;   // why nothing is known of that
  int buildable = 0;       // bit n - 1: target n has a program that is forecast as buildable
  std::string document;    // JSON: the detection of `version`; "{}": there is none
  absl::Time indexed_at = absl::InfinitePast();
  int jobs = 0;           // bit n - 1: there is a job of this version for target n, whatever came of it
  std::string withdrawn;  // why a person keeps it from being published; empty: nobody does
};

// What became of a new version, once.
struct QueuedVersion {
  std::string module, version;
  int targets = 0;
  BatchId batch;       // 0: the door of batches did not take it
  std::string detail;  // why not
  absl::Time queued_at = absl::InfinitePast();
};

// A version of which something is released, and what the newest go.mod of its module takes back.
struct Retractable {
  std::string module, version;
  std::string least, most;  // of what its releases say: why it was taken back; empty: it was not
  std::vector<RetractedRange> ranges;
};

struct RetractionMark {
  std::string module, version;
  std::string why;  // empty: it is not taken back any more
};

}  // namespace gofarm::catalog
