// The only way to run statements: a transaction on a pooled connection, by statement name. Inside the store only.
//
//   return RunTransaction(pool, scope, "accept offers", [&](Txn& txn) -> absl::StatusOr<int> {
//     const pqxx::result rows = txn.Run("accept_offers", ...);
//     ...
//   });
//
// A body that returns an error rolls back. ABORTED (conflict, deadlock) and a connection that broke before the commit
// are tried again here, so a body must be able to run more than once; UNKNOWN is not: the caller has to read back.
#pragma once

#include <pqxx/pqxx>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/scope.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "coordinator/store/connection.h"
#include "coordinator/store/exceptions.h"
#include "coordinator/store/pool.h"

namespace gofarm::store {

inline constexpr int kTriesMax = 5;

namespace internal_txn {
// Counts one statement, as failed unless it Succeeded.
class Timer {
 public:
  Timer(DatabaseMetrics* metrics, const char* name) : metrics_(metrics), name_(name) {
    if (metrics_ != nullptr) began_ = SteadyNow();
  }
  ~Timer() {
    if (metrics_ != nullptr) metrics_->AddStatement(name_, SteadyNow() - began_, !succeeded_);
  }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  void Succeeded() { succeeded_ = true; }

 private:
  DatabaseMetrics* const metrics_;
  const char* const name_;
  absl::Time began_;
  bool succeeded_ = false;
};
}  // namespace internal_txn

class Txn {
 public:
  Txn(Connection& connection, pqxx::work& work) : connection_(connection), work_(work) {}
  // `name`: a file of coordinator/sql without its ending.
  template <typename... Args>
  pqxx::result Run(const char* name, Args&&... args) {
    internal_txn::Timer timer(connection_.metrics(), name);
    connection_.Prepare(name);
    pqxx::result result = work_.exec_prepared(name, std::forward<Args>(args)...);
    timer.Succeeded();
    return result;
  }
  // Statements that are no file: migrations only.
  pqxx::result Exec(std::string_view text) { return work_.exec(std::string(text)); }

 private:
  Connection& connection_;
  pqxx::work& work_;
};

namespace internal_txn {
void LimitStatements(pqxx::work& work, const Scope& scope, absl::Duration statement_timeout);
// Waits a little, jittered, before try number `failures` + 1; false when the scope ends first.
bool Pause(const Scope& scope, int failures);
inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}
}  // namespace internal_txn

template <typename Body>
auto RunTransaction(Pool& pool, const Scope& scope, std::string_view what, Body body)
    -> decltype(body(std::declval<Txn&>())) {
  using Result = decltype(body(std::declval<Txn&>()));
  for (int tries = 1;; ++tries) {
    const auto once = [&]() -> Result {
      absl::StatusOr<Pool::Lease> lease = pool.Acquire(scope);
      if (!lease.ok()) return lease.status();
      Connection& connection = **lease;
      try {
        pqxx::work work(connection.db());
        internal_txn::LimitStatements(work, scope, pool.options().statement_timeout);
        Txn txn(connection, work);
        Result result = body(txn);
        if (internal_txn::StatusOf(result).ok()) work.commit();
        return result;
      } catch (...) {
        absl::Status status = StatusFromCurrentException();
        if (absl::IsUnavailable(status) || absl::IsUnknown(status)) connection.MarkBroken();
        return status;
      }
    };
    Result result = once();
    const absl::Status& status = internal_txn::StatusOf(result);
    if (status.ok()) return result;
    const bool again = absl::IsAborted(status) || (absl::IsUnavailable(status) && tries == 1);
    if (!again || tries >= kTriesMax || !internal_txn::Pause(scope, tries)) {
      return Annotate(status, what);
    }
  }
}

// First in every transaction of the one that leads: it holds the row against a new leader until the end.
// domain::EpochOver: another coordinator leads.
absl::Status CheckEpoch(Txn& txn, int64_t epoch);

// PostgreSQL's text form of an array.
std::string Array(absl::Span<const int64_t> values);
std::string Array(absl::Span<const std::string> values);
template <typename Tag>
std::string Array(absl::Span<const Id<Tag>> ids) {
  std::vector<int64_t> values;
  values.reserve(ids.size());
  for (const Id<Tag>& id : ids) values.push_back(id.value);
  return Array(absl::Span<const int64_t>(values));
}
template <typename Tag>
std::string Array(const std::vector<Id<Tag>>& ids) {
  return Array(absl::Span<const Id<Tag>>(ids));
}

// By their numbers.
template <typename Enum>
requires std::is_enum_v<Enum> std::string Array(const std::vector<Enum>& values) {
  std::vector<int64_t> numbers;
  for (const Enum value : values) numbers.push_back(static_cast<int64_t>(value));
  return Array(absl::Span<const int64_t>(numbers));
}

// Microseconds since 1970 in a column; NULL: never.
absl::Time TimeOf(const pqxx::field& field);

}  // namespace gofarm::store
