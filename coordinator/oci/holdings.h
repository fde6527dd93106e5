// What a registry is known to hold, so that each thing is asked for and sent once: what this process pushed, or found
// there. A repository that had no tag when it was first looked at is new; what is not known to be there then is not
// there, or it is what a process that was killed had sent, and sending that again changes nothing. Whoever knows better
// calls Doubt. Thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"

namespace gofarm::oci {

class Holdings {
 public:
  // Beyond it all is forgotten: then it is asked for again.
  static constexpr size_t kEntriesMax = 200'000;

  enum class Known { kHeld, kAbsent, kUnknown };

  explicit Holdings(size_t entries_max = kEntriesMax) : entries_max_(entries_max) {}

  bool Looked(const std::string& repository) const;
  void Look(const std::string& repository, bool is_new);
  // `what`: a digest or a tag. A tag that is held may name another manifest by now.
  Known Of(const std::string& repository, std::string_view what) const;
  void Add(const std::string& repository, std::string_view what);
  // From now on nothing is known of it: it is not new, and what it held may be gone.
  void Doubt(const std::string& repository);

 private:
  struct Repository {
    bool is_new = false;
    absl::flat_hash_set<std::string> held;
  };

  const size_t entries_max_;
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<std::string, Repository> repositories_ ABSL_GUARDED_BY(mutex_);
  size_t entries_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace gofarm::oci
