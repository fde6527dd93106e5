#include "coordinator/store/migrator.h"

#include <charconv>
#include <map>

#include "common/base/check.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "coordinator/store/transaction.h"
#include "gofarm_migrations.h"

namespace gofarm::store {
namespace {

// Applies the first migration that is missing. False: none is.
absl::StatusOr<bool> ApplyNext(Txn& txn, const std::vector<Migration>& all) {
  txn.Run("lock_migrations");
  txn.Exec("SET LOCAL client_min_messages = warning");
  txn.Exec("SET LOCAL statement_timeout = 0");  // an index on a large table takes its time
  txn.Exec(migrations::V0000__schema_migrations);
  std::map<int, std::pair<std::string, std::string>> applied;
  for (const pqxx::row& row : txn.Run("list_migrations")) {
    applied[row[0].as<int>()] = {row[1].as<std::string>(), row[2].as<std::string>()};
  }
  const int newest = all.empty() ? 0 : all.back().version;
  if (!applied.empty() && applied.rbegin()->first > newest) {
    return absl::FailedPreconditionError(
        Cat("the database has schema version ", applied.rbegin()->first, " (", applied.rbegin()->second.first,
            "), this program knows only ", newest,
            ": start the newer gofarm-coordinator, or restore the database of before the upgrade"));
  }
  for (const Migration& migration : all) {
    const std::string sha256 = digest::Sha256Hex(migration.sql);
    const auto known = applied.find(migration.version);
    if (known != applied.end()) {
      if (known->second.second == sha256) continue;
      return absl::FailedPreconditionError(
          Cat("migration ", migration.name, " of this program is not the one that made this database (",
              known->second.first, ", SHA-256 ", known->second.second, "): use the program that made it"));
    }
    txn.Exec(migration.sql);
    txn.Run("record_migration", migration.version, std::string(migration.name), sha256);
    return true;
  }
  return false;
}

}  // namespace

std::vector<Migration> EmbeddedMigrations() {
  std::vector<Migration> all;
  for (const migrations::EmbeddedFile& file : migrations::kAll) {
    if (file.text == migrations::V0000__schema_migrations) continue;
    Migration migration{.version = 0, .name = file.name, .sql = file.text};
    // "V0001__farm"
    const std::string_view digits = file.name.substr(1, 4);
    std::from_chars(digits.data(), digits.data() + digits.size(), migration.version);
    GOFARM_CHECK(migration.version == static_cast<int>(all.size()) + 1);
    all.push_back(migration);
  }
  return all;
}

absl::StatusOr<int> Migrate(const Scope& scope, Pool& pool, const std::vector<Migration>& migrations) {
  for (int applied = 0;; ++applied) {
    const absl::StatusOr<bool> more =
        RunTransaction(pool, scope, "migrate the database", [&](Txn& txn) { return ApplyNext(txn, migrations); });
    if (!more.ok()) return more.status();
    if (!*more) return applied;
  }
}

absl::StatusOr<std::string> ServerVersion(const Scope& scope, Pool& pool) {
  return RunTransaction(pool, scope, "ask for the database's version", [](Txn& txn) -> absl::StatusOr<std::string> {
    const std::string full = txn.Run("server_version")[0][0].as<std::string>();
    return full.substr(0, full.find(' '));  // "15.13 (Debian 15.13-0+deb12u1)"
  });
}

absl::Status Ping(const Scope& scope, Pool& pool) { return ServerVersion(scope, pool).status(); }

}  // namespace gofarm::store
