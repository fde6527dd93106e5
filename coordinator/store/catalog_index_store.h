// The module index in the database: how far it is read, what its pages brought, and what keying made of it. Keying
// itself runs on a connection of its own (keying_session.h). Thread-safe; errors as in exceptions.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/base/scope.h"
#include "coordinator/domain/catalog_index.h"
#include "coordinator/store/pool.h"

namespace gofarm::store {

inline constexpr int kRejectsMax = 100'000;      // distinct bad lines that are kept; those beyond are only counted
inline constexpr int kVersionsPageMax = 10'000;  // rows of one call

class CatalogIndexStore {
 public:
  explicit CatalogIndexStore(Pool& pool) : pool_(pool) {}

  // All slices, in order. Empty: reading the index never began.
  absl::StatusOr<std::vector<domain::IndexSlice>> Slices(const Scope& scope);
  // In place of all there are. FAILED_PRECONDITION here and below: `epoch` leads no more, and nothing was written.
  absl::Status SetSlices(const Scope& scope, int64_t epoch, absl::Span<const domain::IndexSlice> slices);
  // One transaction for all of them (pages of several slices share its cost): each page's rows and rejects, and its
  // slice moved. For each page whether it landed: false, its slice was moved by others meanwhile and nothing of the
  // page was written; read the slices again. UNKNOWN: read them again too; what was stored may come again.
  absl::StatusOr<std::vector<bool>> Land(const Scope& scope, int64_t epoch,
                                         absl::Span<const domain::IndexLanding* const> pages);
  // For lines that came in no page. Known ones are left as they are.
  absl::Status AddRejects(const Scope& scope, int64_t epoch, absl::Span<const domain::IndexReject> rejects);

  // What keying shall read: closes the half to which pages go now, unless another one still waits. Nothing: all is
  // keyed. The half stays closed until keying emptied it.
  absl::StatusOr<std::optional<domain::LandedHalf>> CloseHalf(const Scope& scope, int64_t epoch);

  // Costs no more when there are tens of millions of versions.
  absl::StatusOr<domain::IndexStats> Stats(const Scope& scope);
  absl::StatusOr<std::optional<domain::IndexedModule>> Module(const Scope& scope, const std::string& path);
  // In bytewise order behind `after` (empty: from the first), at most `limit` and kVersionsPageMax.
  absl::StatusOr<std::vector<domain::IndexedVersion>> Versions(const Scope& scope, int32_t module,
                                                               const std::string& after, int limit);

 private:
  Pool& pool_;
};

}  // namespace gofarm::store
