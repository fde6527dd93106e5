// What automatic updates read and write: published modules beside what the catalog knows of them. Methods that write
// carry the epoch of the leader, as those of CatalogStore. Errors as in transaction.h. Thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/base/scope.h"
#include "coordinator/domain/updates.h"
#include "coordinator/store/pool.h"

namespace gofarm::store {

inline constexpr int kUpdatePage = 500;          // candidates, or retracted versions, of one page
inline constexpr int kDeprecatedAtOnce = 5'000;  // releases that one call marks

class UpdateStore {
 public:
  explicit UpdateStore(Pool& pool) : pool_(pool) {}

  // Another one whenever the catalog or the published programs changed.
  struct Head {
    int64_t reach = 0, detections = 0, releases = 0;
    bool operator==(const Head&) const = default;
  };
  absl::StatusOr<Head> HeadNow(const Scope& scope);

  // By module, those after `after`, at most kUpdatePage. Empty: the end.
  absl::StatusOr<std::vector<catalog::UpdateCandidate>> Candidates(const Scope& scope, std::string_view after);
  // They are queued once; the budget of the day pays for those that have a batch.
  absl::Status MarkQueued(const Scope& scope, int64_t epoch, absl::Span<const catalog::QueuedVersion> queued);
  // Since midnight (UTC), the newest first.
  absl::StatusOr<std::vector<catalog::QueuedVersion>> QueuedToday(const Scope& scope, int limit);

  // By module and version, those after, at most kUpdatePage. Empty: the end.
  absl::StatusOr<std::vector<catalog::Retractable>> Retractables(const Scope& scope, std::string_view after_module,
                                                                 std::string_view after_version);
  // Orders that the index forgets, or shows again, what these versions released.
  absl::Status MarkRetracted(const Scope& scope, int64_t epoch, absl::Span<const catalog::RetractionMark> marks);
  // Those of which something is kept out of the index.
  absl::StatusOr<std::vector<catalog::RetractionMark>> Retracted(const Scope& scope, int limit);
  // Tells in the index what authors say of their modules. How many releases it marked; 0: all say it.
  absl::StatusOr<int64_t> MarkDeprecated(const Scope& scope, int64_t epoch);

 private:
  Pool& pool_;
};

}  // namespace gofarm::store
