#include "coordinator/store/transaction.h"

#include <algorithm>
#include <random>

#include "absl/time/clock.h"
#include "common/base/backoff.h"
#include "common/base/ids.h"
#include "common/sync/wait.h"
#include "coordinator/domain/epoch.h"
#include "coordinator/store/attempt_store.h"

namespace gofarm::store {
namespace internal_txn {

void LimitStatements(pqxx::work& work, const Scope& scope, absl::Duration statement_timeout) {
  const absl::Duration left = scope.Remaining();
  if (left >= statement_timeout) return;
  // 0 would mean no limit at all.
  const int64_t millis = std::max<int64_t>(1, absl::ToInt64Milliseconds(left));
  work.exec(Cat("SET LOCAL statement_timeout = ", millis));
}

bool Pause(const Scope& scope, int failures) {
  static const BackoffPolicy policy = {.first = absl::Milliseconds(10), .longest = absl::Milliseconds(500)};
  const absl::Duration wait = BackoffDelay(policy, failures, SystemRandom());
  if (scope.Remaining() <= wait) return false;
  return sync::SleepFor(scope, wait);
}

}  // namespace internal_txn

double SystemRandom() {
  thread_local std::mt19937_64 engine{std::random_device{}()};
  return std::uniform_real_distribution<double>(0.0, 1.0)(engine);
}

std::string Array(absl::Span<const int64_t> values) {
  std::string out = "{";
  for (const int64_t value : values) {
    if (out.size() > 1) out += ',';
    absl::StrAppend(&out, value);
  }
  return out += '}';
}

std::string Array(absl::Span<const std::string> values) {
  std::string out = "{";
  for (const std::string& value : values) {
    if (out.size() > 1) out += ',';
    out += '"';
    for (const char c : value) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += '"';
  }
  return out += '}';
}

absl::Status CheckEpoch(Txn& txn, int64_t epoch) {
  if (!txn.Run("check_epoch", epoch).empty()) return absl::OkStatus();
  return domain::EpochOver(epoch);
}

absl::Time TimeOf(const pqxx::field& field) {
  if (field.is_null()) return absl::InfinitePast();
  return absl::FromUnixMicros(field.as<int64_t>());
}

}  // namespace gofarm::store
