// How sessions end and what becomes of what their workers ran and were offered, within the caller's transaction. Inside
// the store only.
#pragma once

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/ids.h"
#include "coordinator/domain/dispatch_store.h"
#include "coordinator/store/attempt_end.h"
#include "coordinator/store/transaction.h"

namespace gofarm::store {

// The first column.
template <typename IdType>
std::vector<IdType> Ids(const pqxx::result& rows) {
  std::vector<IdType> ids;
  for (const pqxx::row& row : rows) ids.push_back(IdType{row[0].as<int64_t>()});
  return ids;
}

struct Lease {
  AttemptToken token;
  JobId job;
  std::string worker;
};
// Locks the jobs first and reads the leases after that: what completed meanwhile holds none any more.
std::vector<Lease> LockLeases(Txn& txn, const char* jobs_statement, const char* leases_statement,
                              const std::string& keys, absl::flat_hash_map<JobId, LockedJob>& jobs);

// These attempts are lost. `counts`: among the tries of their jobs.
absl::StatusOr<std::vector<domain::LostAttempt>> Lose(Txn& txn, const std::vector<Lease>& leases,
                                                      const absl::flat_hash_map<JobId, LockedJob>& jobs, bool counts,
                                                      const std::string& detail, const Random& random);

// These sessions, which the caller has locked: their attempts are lost, their open offers return.
absl::StatusOr<domain::ExpiredSessions> EndSessionsIn(Txn& txn, std::vector<SessionId> sessions, bool counts,
                                                      const std::string& detail, const Random& random);

}  // namespace gofarm::store
