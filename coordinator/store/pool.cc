#include "coordinator/store/pool.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/sync/wait.h"
#include "coordinator/store/connection.h"
#include "coordinator/store/exceptions.h"
#include "coordinator_sql.h"

namespace gofarm::store {
namespace {

// A peer that is gone is noticed within 10 + 3 * 5 s while we wait for its answer, and within 20 s while we send.
constexpr std::pair<std::string_view, int> kConnectDefaults[] = {
    {"connect_timeout", 5},  {"keepalives_idle", 10},      {"keepalives_interval", 5},
    {"keepalives_count", 3}, {"tcp_user_timeout", 20'000},
};

}  // namespace

std::string ConnectString(const std::string& url) {
  const bool is_uri = url.find("://") != std::string::npos;
  std::string out = url;
  for (const auto& [name, value] : kConnectDefaults) {
    if (url.find(Cat(name, "=")) != std::string::npos) continue;
    out += is_uri ? (out.find('?') == std::string::npos ? "?" : "&") : " ";
    out += Cat(name, "=", value);
  }
  return out;
}

Connection::Connection(const PoolOptions& options)
    : db_(ConnectString(options.url)), quiet_(db_), metrics_(options.metrics) {
  // A connection that broke is replaced by the pool; should pqxx reconnect silently, it sets these again.
  const auto set = [&](const char* name, const std::string& value) { db_.set_variable(name, db_.quote(value)); };
  set("client_encoding", "UTF8");
  set("application_name", options.application_name);
  set("statement_timeout", Cat(absl::ToInt64Milliseconds(options.statement_timeout)));
  set("idle_in_transaction_session_timeout", Cat(absl::ToInt64Milliseconds(options.idle_in_transaction_timeout)));
  set("timezone", "UTC");
  // Compiling a plan costs more than any of ours takes to run: half a second for a list of kept counts.
  set("jit", "off");
}

void Connection::Prepare(std::string_view name) {
  if (prepared_.contains(name)) return;
  const auto file =
      std::find_if(sql::kAll.begin(), sql::kAll.end(), [&](const sql::EmbeddedFile& f) { return f.name == name; });
  GOFARM_CHECK(file != sql::kAll.end());
  db_.prepare(std::string(name), std::string(file->text));
  prepared_.emplace(name);
}

Pool::Pool(PoolOptions options) : options_(std::move(options)) {}
Pool::~Pool() = default;

ConnectionFigures Pool::Connections() const {
  const absl::MutexLock lock(&mutex_);
  return {.busy = in_use_, .idle = static_cast<int64_t>(idle_.size())};
}

absl::StatusOr<Pool::Lease> Pool::Acquire(const Scope& scope) {
  if (options_.metrics == nullptr) return Get(scope);
  const absl::Time began = SteadyNow();
  absl::StatusOr<Lease> lease = Get(scope);
  const bool failed = absl::IsUnavailable(lease.status()) || absl::IsResourceExhausted(lease.status());
  options_.metrics->AddWait(SteadyNow() - began, failed);
  return lease;
}

absl::StatusOr<Pool::Lease> Pool::Get(const Scope& scope) {
  GOFARM_RETURN_IF_ERROR_CTX(scope.Check(), "database connection");
  std::unique_ptr<Connection> connection;
  {
    const absl::Time until = std::min(scope.deadline, SteadyNow() + kAcquireMax);
    absl::MutexLock lock(&mutex_);
    if (!sync::AwaitUntil(mutex_, absl::Condition(this, &Pool::SlotFree), until)) {
      return absl::ResourceExhaustedError(
          Cat("database connection: all ", options_.connections, " are busy; try again later"));
    }
    ++in_use_;
    if (!idle_.empty()) {
      connection = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (connection != nullptr && connection->Usable()) return Lease(*this, std::move(connection));
  try {
    return Lease(*this, std::make_unique<Connection>(options_));
  } catch (...) {
    GiveBack(nullptr);
    return Annotate(StatusFromCurrentException(), "connect to the database");
  }
}

void Pool::GiveBack(std::unique_ptr<Connection> connection) {
  std::vector<std::unique_ptr<Connection>> dropped;  // closed outside the lock
  absl::MutexLock lock(&mutex_);
  --in_use_;
  if (connection == nullptr) return;
  if (connection->Usable()) {
    idle_.push_back(std::move(connection));
  } else {
    // What broke one has broken the others too, most often: a restart of the database.
    dropped.swap(idle_);
    dropped.push_back(std::move(connection));
  }
}

Pool::Lease::Lease(Pool& pool, std::unique_ptr<Connection> connection)
    : pool_(&pool), connection_(std::move(connection)) {}
Pool::Lease::Lease(Lease&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)), connection_(std::move(other.connection_)) {}
Pool::Lease::~Lease() {
  if (pool_ != nullptr) pool_->GiveBack(std::move(connection_));
}

}  // namespace gofarm::store
