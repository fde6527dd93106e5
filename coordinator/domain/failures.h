// Failures of many jobs, put together by what is behind them: the class, and the headline of the detail without what
// differs from module to module (versions, paths, numbers, digests). Details come from hostile builds: they are only
// matched, bounded and quoted. Pure; a grouper is used by one thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "common/base/ids.h"
#include "common/vocab/failure.h"
#include "coordinator/domain/queries.h"

namespace gofarm::domain {

inline constexpr size_t kFingerprintMax = 200;         // bytes
inline constexpr size_t kFailureDetailReadMax = 1024;  // characters of a detail that are looked at
inline constexpr size_t kFailureExamplesMax = 3;
inline constexpr size_t kFailureGroupsMax = 500;  // of one answer

// A job that failed, or of which some programs did.
struct FailedJob {
  JobRef job;
  FailureClass failure = FailureClass::kInternal;
  std::string detail;  // its beginning
};

struct FailureGroup {
  FailureClass failure = FailureClass::kInternal;
  std::string fingerprint;  // empty: the details say nothing
  int64_t jobs = 0;
  int64_t modules = 0;           // each once, whatever its version
  std::vector<JobRef> examples;  // the first that were added, each of another module as far as there are
  std::string hint;              // a sentence for the modules' authors; empty: none
};

struct Failures {
  std::vector<FailureGroup> groups;  // those of most jobs first
  int64_t jobs = 0;                  // of all groups
  int64_t groups_left_out = 0;       // beyond the limit
  bool older_left_out = false;       // there are more failed jobs than are read at once: these are the newest
};

// "undefined: a.B" of "m.go:12:3: undefined: a.B"; "FILE" and "PATH" stand for names of files and packages, "VERSION",
// "HASH" and "N" for what they say. At most kFingerprintMax bytes.
std::string FingerprintOf(std::string_view headline);

class FailureGrouper {
 public:
  void Add(const FailedJob& failed);
  // At most `limit` groups; 0: kFailureGroupsMax. Ends the grouper.
  Failures Take(size_t limit);

 private:
  struct Gathered {
    FailureGroup group;
    absl::flat_hash_set<std::string> modules;
  };
  std::map<std::pair<FailureClass, std::string>, Gathered> groups_;
};

}  // namespace gofarm::domain
