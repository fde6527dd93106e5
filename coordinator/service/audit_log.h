// The record of who did what, who came in and who was refused: rows of PostgreSQL that are only ever added to. What
// people change is written before they get their answer; refusals, which anybody can cause, are written by a thread of
// their own, so many of them at most, and the others are counted.
//
// Thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/scope.h"
#include "coordinator/domain/identity.h"

namespace gofarm::store {
class IdentityStore;
}

namespace gofarm::service {

inline constexpr size_t kRefusalsWaitingMax = 1'000;
inline constexpr size_t kOriginsMax = 1'000;  // that are told apart
inline constexpr double kRefusalBurst = 50;   // of all of them
inline constexpr double kRefusalsASecond = 1;
inline constexpr double kOriginBurst = 10;  // of one name at one address
inline constexpr double kOriginRefusalsASecond = 0.1;
inline constexpr absl::Duration kSuppressedTold = absl::Minutes(1);
inline constexpr size_t kAuditDetailMax = 500;

// Which refusals are written. Pure; not thread-safe.
class RefusalFilter {
 public:
  // False: it is only counted.
  bool Pass(const std::string& origin, absl::Time now);

 private:
  struct Bucket {
    double left = 0;
    absl::Time at;
  };
  static bool Take(Bucket& bucket, double burst, double a_second, absl::Time now);

  Bucket all_{.left = kRefusalBurst, .at = absl::InfinitePast()};
  absl::flat_hash_map<std::string, Bucket> by_origin_;
};

class AuditLog {
 public:
  explicit AuditLog(store::IdentityStore& store);
  // What waits is written first, for a moment.
  ~AuditLog();
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  // Waits for the database, a few seconds at most; a failure is logged, since what was done is done.
  void Did(const domain::Actor& actor, std::string_view action, std::string_view detail);
  // Does not wait. `what`: the method, or "connection".
  void Refused(const domain::Actor& actor, std::string_view what, const absl::Status& why);
  absl::StatusOr<std::vector<domain::AuditEntry>> Read(const Scope& scope, int64_t after, absl::Time since, int limit);

 private:
  void Run(const std::stop_token& stop);
  void Write(const Scope& scope, const domain::Actor& actor, std::string_view action, std::string_view detail);
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_ || !waiting_.empty(); }

  store::IdentityStore& store_;
  absl::Mutex mutex_;
  RefusalFilter filter_ ABSL_GUARDED_BY(mutex_);
  std::deque<domain::AuditEntry> waiting_ ABSL_GUARDED_BY(mutex_);
  int64_t suppressed_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::jthread thread_;
};

}  // namespace gofarm::service
