// A bounded pool of PostgreSQL connections: the only way to one. Thread-safe; one thread at a time per connection.
// Connections are opened when first needed and thrown away when they broke, so a database that was restarted needs no
// restart of ours. Statements are limited by the server (statement_timeout, idle_in_transaction_session_timeout), waits
// for a connection by the caller's deadline and kAcquireMax.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/scope.h"
#include "coordinator/store/database_metrics.h"

namespace gofarm::store {

class Connection;  // connection.h: with pqxx inside

inline constexpr absl::Duration kAcquireMax = absl::Seconds(10);

struct PoolOptions {
  std::string url;  // as libpq takes it: postgresql://... or key=value ...
  int connections = 8;
  absl::Duration statement_timeout = absl::Seconds(30);
  absl::Duration idle_in_transaction_timeout = absl::Seconds(60);
  std::string application_name = "gofarm-coordinator";
  DatabaseMetrics* metrics = nullptr;  // null: nothing is counted; outlives the pool
};

class Pool {
 public:
  explicit Pool(PoolOptions options);
  ~Pool();  // all leases must be back
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // Gives the connection back when it dies.
  class Lease {
   public:
    Lease(Pool& pool, std::unique_ptr<Connection> connection);
    Lease(Lease&&) noexcept;
    Lease& operator=(Lease&&) = delete;
    ~Lease();
    Connection& operator*() { return *connection_; }
    Connection* operator->() { return connection_.get(); }

   private:
    Pool* pool_;
    std::unique_ptr<Connection> connection_;
  };
  // UNAVAILABLE: no connection could be made; DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED: all were busy for too long.
  absl::StatusOr<Lease> Acquire(const Scope& scope);

  const PoolOptions& options() const { return options_; }
  ConnectionFigures Connections() const;

 private:
  absl::StatusOr<Lease> Get(const Scope& scope);
  void GiveBack(std::unique_ptr<Connection> connection);
  bool SlotFree() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return in_use_ < options_.connections; }

  const PoolOptions options_;
  mutable absl::Mutex mutex_;
  int in_use_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::unique_ptr<Connection>> idle_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gofarm::store
