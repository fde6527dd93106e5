// A connection that knows our statements by name. Inside the store only: pqxx stays behind this folder.
#pragma once

#include <functional>
#include <memory>
#include <pqxx/pqxx>
#include <set>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "coordinator/store/pool.h"

namespace gofarm::store {

// `url` with limits on what would else wait for ever: a host that does not answer, or a network that died under a
// statement (statement_timeout is the server's own). What the url sets itself stays.
std::string ConnectString(const std::string& url);

class Connection {
 public:
  // Throws pqxx::broken_connection.
  explicit Connection(const PoolOptions& options);

  pqxx::connection& db() { return db_; }
  // Makes the file `name`.sql known to the server, once; before a statement's first use, not earlier: a connection that
  // brings the schema up to date meets tables that most statements do not find yet. Throws what pqxx throws.
  void Prepare(std::string_view name);
  // A broken connection is thrown away instead of going back to the pool.
  void MarkBroken() { broken_ = true; }
  bool Usable() const { return !broken_ && db_.is_open(); }
  DatabaseMetrics* metrics() const { return metrics_; }  // null: nothing is counted

 private:
  pqxx::connection db_;
  pqxx::quiet_errorhandler quiet_;
  DatabaseMetrics* const metrics_;
  std::set<std::string, std::less<>> prepared_;  // outlives a rollback, as on the server
  bool broken_ = false;
};

}  // namespace gofarm::store
