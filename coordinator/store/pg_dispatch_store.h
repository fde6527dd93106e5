// domain::DispatchStore over PostgreSQL; its meaning is described there and tested by
// tests/support/dispatch_store_contract.h.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "coordinator/domain/dispatch_store.h"
#include "coordinator/store/attempt_store.h"
#include "coordinator/store/database_clock.h"
#include "coordinator/store/pool.h"

namespace gofarm::store {

class PgDispatchStore final : public domain::DispatchStore {
 public:
  explicit PgDispatchStore(Pool& pool, Random random = SystemRandom, const Clock& clock = RealClock())
      : pool_(pool), random_(std::move(random)), clock_(clock) {}

  absl::Status ResetLeasesAtStart(const Scope& scope, int64_t epoch, absl::Duration lease) override;
  absl::Status ExtendLeases(const Scope& scope, int64_t epoch, absl::Duration lease) override;
  absl::StatusOr<domain::LoadedQueue> LoadQueue(const Scope& scope, JobId after, int limit) override;
  absl::StatusOr<std::vector<domain::ClaimResult>> ClaimOffers(
      const Scope& scope, int64_t epoch, const std::vector<domain::ClaimRequest>& claims) override;
  absl::StatusOr<std::vector<domain::ClaimState>> ReadClaims(const Scope& scope,
                                                             const std::vector<JobId>& jobs) override;
  absl::StatusOr<std::vector<domain::AcceptOutcome>> AcceptOffers(const Scope& scope, int64_t epoch,
                                                                  const std::vector<domain::OfferRef>& offers) override;
  absl::StatusOr<std::vector<domain::ReturnOutcome>> ReturnOffers(const Scope& scope, int64_t epoch,
                                                                  const std::vector<domain::OfferRef>& offers) override;
  absl::StatusOr<domain::OpenedSession> OpenSession(const Scope& scope, int64_t epoch,
                                                    const domain::SessionRequest& request,
                                                    absl::Duration lease) override;
  absl::StatusOr<std::vector<SessionId>> RenewSessions(const Scope& scope, int64_t epoch,
                                                       const std::vector<SessionId>& sessions,
                                                       absl::Duration lease) override;
  absl::StatusOr<domain::ExpiredSessions> ExpireSessions(const Scope& scope, int64_t epoch) override;
  absl::StatusOr<domain::ExpiredSessions> EndSessions(const Scope& scope, int64_t epoch,
                                                      const std::vector<SessionId>& sessions) override;
  absl::StatusOr<std::vector<domain::LostAttempt>> LoseAttempts(const Scope& scope, int64_t epoch,
                                                                const std::vector<AttemptToken>& tokens) override;

 private:
  Pool& pool_;
  Random random_;
  DatabaseClock clock_;
};

}  // namespace gofarm::store
