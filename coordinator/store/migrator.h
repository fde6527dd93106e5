// Brings a database to this program's schema: every migration in a transaction of its own, under a lock, so that two
// coordinators may start at once. Stateless.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/scope.h"
#include "coordinator/store/pool.h"

namespace gofarm::store {

struct Migration {
  int version = 0;
  std::string_view name;  // "V0001__farm"
  std::string_view sql;
};
// The embedded ones, ascending.
std::vector<Migration> EmbeddedMigrations();

// How many were applied. FAILED_PRECONDITION: the schema is newer than this program, or an applied migration is not the
// one of this program; UNAVAILABLE: the database does not answer (try again).
absl::StatusOr<int> Migrate(const Scope& scope, Pool& pool,
                            const std::vector<Migration>& migrations = EmbeddedMigrations());

// "15.13": for farm status.
absl::StatusOr<std::string> ServerVersion(const Scope& scope, Pool& pool);
// OK when the database answers: for /readyz.
absl::Status Ping(const Scope& scope, Pool& pool);

}  // namespace gofarm::store
