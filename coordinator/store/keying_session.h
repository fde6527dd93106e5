// The transaction in which keying turns rows of the index into modules and versions: the only writer of catalog_modules
// and catalog_versions. On a connection of its own, outside the pool, for as long as it takes. What the rows are and
// which are new is decided by coordinator/catalog; here stand the verbs.
//
// One keying at a time: Begin waits for another's end. The epoch is checked last, in Commit, and not first as
// elsewhere: the check holds the leader's row, which the leader itself must renew every few seconds. Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/base/scope.h"
#include "coordinator/store/copy_writer.h"
#include "coordinator/store/pool.h"

namespace gofarm::store {

inline constexpr size_t kFindMax = 10'000;  // paths or versions of one question

// Times are microseconds since 1970 here.
struct KeyedModule {
  int32_t id = 0;
  int32_t versions = 0;
  int64_t latest_at = 0;
  int64_t first_at = 0;
  int64_t last_at = 0;
  std::string latest;
};

// One change of a module that exists; revision 0: the old one stays.
struct ModuleChange {
  KeyedModule module;
  int64_t revision = 0;
};

class KeyingSession {
 public:
  // Connects, begins and locks. Errors as in exceptions.h.
  static absl::StatusOr<std::unique_ptr<KeyingSession>> Begin(const Scope& scope, const PoolOptions& options);
  // Not committed: nothing happened.
  ~KeyingSession();

  int32_t modules() const { return modules_; }    // that exist, numbered 1 to this
  int64_t versions() const { return versions_; }  // that exist

  // Every version there is, ordered by path and version.
  absl::Status ReadVersions(const Scope& scope,
                            const std::function<absl::Status(std::string_view path, int32_t id,
                                                             std::string_view version, int64_t unix_micros)>& each);
  // For each of `paths` (kFindMax at most) what is known of it.
  absl::StatusOr<std::vector<std::optional<KeyedModule>>> FindModules(const Scope& scope,
                                                                      absl::Span<const std::string_view> paths);
  // For each pair (kFindMax at most) whether it is known.
  absl::StatusOr<std::vector<bool>> FindVersions(const Scope& scope, absl::Span<const int32_t> modules,
                                                 absl::Span<const std::string_view> versions);

  // The first of `count` new revisions.
  absl::StatusOr<int64_t> TakeRevisions(const Scope& scope, int64_t count);

  // Rows by EncodeVersion, EncodeModule and EncodeKnownLines into the writer's buffer. One writer at a time.
  absl::StatusOr<std::unique_ptr<CopyWriter>> CopyVersions(const Scope& scope);
  absl::StatusOr<std::unique_ptr<CopyWriter>> CopyModules(const Scope& scope);
  // As CopyModules, for many; once a session. Where there are no modules yet, Commit makes their keys when all are
  // there, and puts their table in its place.
  absl::StatusOr<std::unique_ptr<CopyWriter>> CopyManyModules(const Scope& scope);
  absl::StatusOr<std::unique_ptr<CopyWriter>> CopyKnownLines(const Scope& scope);
  absl::Status UpdateModules(const Scope& scope, absl::Span<const ModuleChange> changes);
  // Of these days the parts with less than `entries_below` fingerprints.
  absl::Status DeleteKnownLines(const Scope& scope, absl::Span<const int32_t> days, int32_t entries_below);

  // All versions anew: what CopyAllVersions gets takes the place of what there is, keyed when all is there.
  absl::StatusOr<std::unique_ptr<CopyWriter>> CopyAllVersions(const Scope& scope);
  absl::Status KeyAllVersions(const Scope& scope);

  absl::Status EmptyHalf(const Scope& scope, int half);
  // `modules` and `versions`: how many there are now. FAILED_PRECONDITION: `epoch` leads no more, nothing was written.
  absl::Status Commit(const Scope& scope, int64_t epoch, int32_t modules, int64_t versions);

 private:
  explicit KeyingSession(std::unique_ptr<RawConnection> connection);

  const std::unique_ptr<RawConnection> connection_;
  int32_t modules_ = 0;
  int64_t versions_ = 0;
  bool swap_ = false;
  bool swap_modules_ = false;
};

// What keying reads before its transaction begins, on a connection of its own. Not thread-safe.
class KeyingReader {
 public:
  static absl::StatusOr<std::unique_ptr<KeyingReader>> Open(const Scope& scope, const PoolOptions& options);
  ~KeyingReader();

  // How many versions there are.
  absl::StatusOr<int64_t> Versions(const Scope& scope);
  // Which lines of these days are keyed: `each` gets the sorted fingerprints of one part, valid while it runs.
  absl::Status KnownLines(const Scope& scope, absl::Span<const int32_t> days,
                          const std::function<void(int32_t day, absl::Span<const uint64_t> fingerprints)>& each);
  // The pages of the closed half, in any order.
  absl::Status Landed(const Scope& scope, int half, const std::function<absl::Status(std::string_view packed)>& each);

 private:
  explicit KeyingReader(std::unique_ptr<RawConnection> connection);
  const std::unique_ptr<RawConnection> connection_;
};

inline void EncodeVersion(std::string& out, int64_t unix_micros, int32_t module, std::string_view version) {
  RowEncoder row{out};
  row.Begin(3);
  row.Time(unix_micros);
  row.Int32(module);
  row.Bytes(version);
}
void EncodeModule(std::string& out, const KeyedModule& module, int64_t revision, std::string_view path);
void EncodeKnownLines(std::string& out, int32_t day, absl::Span<const uint64_t> fingerprints);

}  // namespace gofarm::store
