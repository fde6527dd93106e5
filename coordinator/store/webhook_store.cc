#include "coordinator/store/webhook_store.h"

#include <algorithm>
#include <utility>

#include "common/base/status_macros.h"
#include "coordinator/store/batch_rows.h"
#include "coordinator/store/catalog_rows.h"
#include "coordinator/store/transaction.h"

namespace gofarm::store {

using domain::BatchNews;
using domain::WebhookMessage;
using domain::WebhookTold;

absl::Status WebhookStore::Register(const Scope& scope, int64_t epoch, const std::string& destination,
                                    const std::string& kind) {
  return WriteAsLeader(pool_, scope, epoch, "register a webhook", [&](Txn& txn) {
    txn.Run("webhook_register", destination, kind);
    return absl::OkStatus();
  });
}

absl::StatusOr<int> WebhookStore::TakeUp(const Scope& scope, int64_t epoch, const std::string& destination) {
  int taken = 0;
  GOFARM_RETURN_IF_ERROR(WriteAsLeader(pool_, scope, epoch, "look for batches to tell of", [&](Txn& txn) {
    const pqxx::result rows = txn.Run("webhook_take_up", destination, kBatchesOvertaking, kTakenUpAtOnce);
    taken = rows.empty() ? 0 : rows[0]["taken"].as<int>();
    return absl::OkStatus();
  }));
  return taken;
}

absl::StatusOr<std::vector<WebhookMessage>> WebhookStore::Open(const Scope& scope, const std::string& destination) {
  using Messages = std::vector<WebhookMessage>;
  return RunTransaction(pool_, scope, "list a webhook's messages", [&](Txn& txn) -> absl::StatusOr<Messages> {
    Messages messages;
    for (const pqxx::row& row : txn.Run("webhook_open", destination)) {
      messages.push_back({.batch = BatchId{row["batch_id"].as<int64_t>()},
                          .message_id = row["message_id"].as<std::string>(),
                          .sequence = row["sequence"].as<int>(),
                          .said = row["said"].as<std::string>()});
    }
    return messages;
  });
}

absl::StatusOr<std::vector<BatchNews>> WebhookStore::News(const Scope& scope, const std::vector<BatchId>& batches) {
  using All = std::vector<BatchNews>;
  return RunTransaction(pool_, scope, "read how batches stand", [&](Txn& txn) -> absl::StatusOr<All> {
    All all;
    for (const pqxx::row& row : txn.Run("webhook_batches", Array(batches))) {
      all.push_back({.batch = BatchOf(row),
                     .age = absl::Seconds(row["age_s"].as<double>()),
                     .ended_at = TimeOf(row["cancelled_us"])});
    }
    return all;
  });
}

absl::Status WebhookStore::AddJobs(const Scope& scope, BatchNews& news) {
  return RunTransaction(pool_, scope, "read what became of a batch's jobs", [&](Txn& txn) {
    BatchNews full = news;
    full.failures.clear();
    full.ended_lately = 0;
    const double lately = absl::ToDoubleSeconds(domain::kLately);
    for (const pqxx::row& row : txn.Run("webhook_jobs", news.batch.id.value, lately)) {
      const auto failure = static_cast<FailureClass>(row["class"].as<int>());
      if (failure != FailureClass::kNone) full.failures[failure] = row["jobs"].as<int64_t>();
      full.ended_lately += row["lately"].as<int64_t>();
      full.ended_at = std::max(full.ended_at, TimeOf(row["ended_us"]));
    }
    news = std::move(full);
    return absl::OkStatus();
  });
}

absl::StatusOr<bool> WebhookStore::Told(const Scope& scope, const std::string& destination, const WebhookTold& told) {
  return RunTransaction(pool_, scope, "keep what a webhook was told", [&](Txn& txn) -> absl::StatusOr<bool> {
    txn.Run("webhook_lock", destination, told.batch.value);
    return txn.Run("webhook_told", destination, told.batch.value, told.sequence, told.message_id, told.said, told.ended)
               .affected_rows() == 1;
  });
}

}  // namespace gofarm::store
