#include "coordinator/store/leadership_store.h"

#include "coordinator/store/transaction.h"

namespace gofarm::store {

using leadership::TakeAnswer;

absl::StatusOr<TakeAnswer> PgLeadershipStore::Take(const Scope& scope, const leadership::Claim& claim,
                                                   absl::Duration lease) {
  if (claim.id.empty()) return absl::InvalidArgumentError("take the leadership: a claim needs an id");
  Seen before;
  {
    const absl::MutexLock lock(&mutex_);
    before = seen_;
  }
  const bool stood_long = before.epoch >= 0 && clock_.Now() - before.since >= lease;
  std::string stands;
  const auto take = [&](Txn& txn) -> absl::StatusOr<TakeAnswer> {
    TakeAnswer answer;
    answer.taken = !txn.Run("take_leadership", claim.holder, claim.id, absl::ToDoubleSeconds(lease), !before.renewed,
                            stood_long ? before.epoch : -1, before.lease)
                        .empty();
    const pqxx::row row = txn.Run("leader")[0];
    stands = row["lease"].as<std::string>();
    answer.leader = {.epoch = row["epoch"].as<int64_t>(),
                     .holder = row["holder"].as<std::string>(),
                     .lease_left = absl::Seconds(row["lease_left"].as<double>())};
    return answer;
  };
  absl::StatusOr<TakeAnswer> answer = RunTransaction(pool_, scope, "take the leadership", take);
  if (!answer.ok()) return answer;
  const absl::MutexLock lock(&mutex_);
  const bool same_leader = seen_.epoch == answer->leader.epoch;
  if (answer->taken) {
    seen_ = {};
  } else if (!same_leader || seen_.lease != stands) {
    seen_ = {answer->leader.epoch, stands, clock_.Now(), same_leader};
  }
  return answer;
}

absl::Status PgLeadershipStore::Renew(const Scope& scope, int64_t epoch, absl::Duration lease) {
  return RunTransaction(pool_, scope, "renew the leadership", [&](Txn& txn) -> absl::Status {
    if (!txn.Run("renew_leadership", epoch, absl::ToDoubleSeconds(lease)).empty()) return absl::OkStatus();
    return absl::FailedPreconditionError(
        Cat("epoch ", epoch, " is over: ", txn.Run("leader")[0]["holder"].as<std::string>(), " leads this farm"));
  });
}

absl::Status PgLeadershipStore::Release(const Scope& scope, int64_t epoch) {
  return RunTransaction(pool_, scope, "give the leadership back", [&](Txn& txn) -> absl::Status {
    txn.Run("release_leadership", epoch);
    return absl::OkStatus();
  });
}

}  // namespace gofarm::store
