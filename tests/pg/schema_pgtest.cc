// Migrations, schema.sql, statements, and what the pool does when the database goes away.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <pqxx/pqxx>
#include <regex>
#include <thread>

#include "common/base/text.h"
#include "coordinator/store/migrator.h"
#include "coordinator/store/query_store.h"
#include "coordinator/store/toolset_store.h"
#include "coordinator/store/transaction.h"
#include "coordinator_sql.h"
#include "tests/support/pg_fixture.h"

namespace gofarm::testing {
namespace {

Scope Soon() { return Scope::For(absl::Minutes(1)); }

std::string ReadSource(const std::string& path) {
  const char* root = std::getenv("GOFARM_SOURCE_DIR");
  std::ifstream file(Cat(root != nullptr ? root : ".", "/", path));
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Everything that the catalogs say of our schema, line by line.
std::string Catalog(const std::string& url) {
  pqxx::connection db(url);
  pqxx::nontransaction txn(db);
  std::string out;
  for (const char* query : {
           "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1",
           "SELECT table_name, column_name, row_number() OVER (PARTITION BY table_name ORDER BY ordinal_position), "
           "data_type, domain_name, is_nullable, column_default, "
           "is_identity, identity_generation FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, "
           "3",
           "SELECT coalesce(c.relname, t.typname), o.conname, o.contype, o.condeferrable, o.condeferred, "
           "pg_get_constraintdef(o.oid) FROM pg_constraint o LEFT JOIN pg_class c ON c.oid = o.conrelid LEFT JOIN "
           "pg_type t "
           "ON t.oid = o.contypid WHERE o.connamespace = 'public'::regnamespace ORDER BY 1, 2",
           "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
           "SELECT viewname, definition FROM pg_views WHERE schemaname = 'public' ORDER BY 1",
           "SELECT sequencename, data_type, start_value, increment_by FROM pg_sequences WHERE schemaname = 'public' "
           "ORDER BY 1",
           "SELECT relname, reloptions FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' "
           "ORDER BY 1",
           "SELECT typname, typtype FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typtype = 'd' ORDER "
           "BY 1",
           "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1",
           "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1",
           "SELECT only_row, epoch, holder FROM coordinator",
       }) {
    for (const pqxx::row& row : txn.exec(query)) {
      for (const pqxx::field& field : row) out += Cat(field.is_null() ? "NULL" : field.c_str(), " | ");
      out += "\n";
    }
    out += "--\n";
  }
  return out;
}

TEST(SchemaTest, AllMigrationsTogetherMakeTheSchemaFile) {
  const std::string migrated = PgServer::Get().EmptyDatabase();
  store::Pool pool({.url = migrated, .connections = 1});
  const absl::StatusOr<int> applied = store::Migrate(Soon(), pool);
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_EQ(*applied, static_cast<int>(store::EmbeddedMigrations().size()));

  const std::string written = PgServer::Get().EmptyDatabase();
  {
    const std::string schema = ReadSource("migrations/schema.sql");
    ASSERT_FALSE(schema.empty());
    pqxx::connection db(written);
    pqxx::work txn(db);
    txn.exec(schema);
    txn.commit();
  }
  const std::string catalog = Catalog(migrated);
  EXPECT_NE(catalog.find("leases"), std::string::npos);
  EXPECT_EQ(catalog, Catalog(written));
}

TEST(MigrationTest, ReportsOfEarlierFarmsAreReadAsTheyWere) {
  const std::string url = PgServer::Get().EmptyDatabase();
  store::Pool pool({.url = url, .connections = 1});
  std::vector<store::Migration> before;
  for (const store::Migration& m : store::EmbeddedMigrations()) {
    if (m.name.find("reports") != std::string_view::npos) break;
    before.push_back(m);
  }
  ASSERT_LT(before.size(), store::EmbeddedMigrations().size());
  ASSERT_TRUE(store::Migrate(Soon(), pool, before).ok());
  {
    pqxx::connection db(url);
    pqxx::work txn(db);
    txn.exec(R"sql(
      INSERT INTO toolsets (name, digest, content) VALUES ('t', repeat('1', 64), '');
      INSERT INTO jobs (recipe_digest, generation, module, version, target, toolset, state, failure_class, ended_at,
                        result_token, executables)
      VALUES (repeat('2', 64), 1, 'example.com/a', 'v1.0.0', 1, 't', 4, 6, now(), 2, 2);
      INSERT INTO attempts (token, job_id, worker, outcome, ended_at, failure_class, failure_detail, variants, phases,
                            facts, peak_memory_bytes, cpu_seconds, log_bytes)
      VALUES (1, 1, 'w', 7, now(), 16, 'silent', '[]', '[]', '{}', 0, 0, 0),
             (2, 1, 'w', 3, now(), 6, 'x.go:1', '[{"variant": "source", "outcome": "partial", "argv": ["go"]}]',
              '[{"phase": 3, "seconds": 1.5}]', '{"module_h1": "h1:m=", "log_bytes": 9}', 77, 2.5, 9);
      INSERT INTO artifacts (sha256, size, kind) VALUES (repeat('a', 64), 5, 'executable');
      INSERT INTO executables (token, import_path, job_id, name, size, sha256, blake3, main_version, go_version,
                               build_info, dependencies, variant)
      VALUES (2, 'example.com/a/x', 1, 'x', 5, repeat('a', 64), repeat('b', 64), 'v1.0.0', 'go1.26.8', 'path x',
              '[{"path": "d/2", "version": "v2", "h1": "h1:2="}, {"path": "d/1", "version": "v1", "h1": "h1:1="}]', 'source'),
             (2, 'example.com/a/y', 1, 'y', 5, repeat('a', 64), repeat('b', 64), 'v1.0.0', 'go1.26.8', 'path y',
              '[{"path": "d/2", "version": "v2", "h1": "h1:2="}]', 'source');
      INSERT INTO failed_programs (token, import_path, job_id, name, failure_class, failure_detail)
      VALUES (2, 'example.com/a/z', 1, 'z', 6, 'undefined: z'))sql");
    txn.commit();
  }
  ASSERT_TRUE(store::Migrate(Soon(), pool).ok());
  store::QueryStore queries(pool);
  const absl::StatusOr<domain::Job> job = queries.GetJob(Soon(), JobId{1});
  ASSERT_TRUE(job.ok()) << job.status();
  ASSERT_EQ(job->attempts.size(), 2u);
  EXPECT_EQ(job->attempts[0].report, AttemptReport{}) << "a lost attempt has none";
  const AttemptReport& report = job->attempts[1].report;
  EXPECT_EQ(report.outcome, AttemptOutcome::kPartial);
  EXPECT_EQ(report.failure_class, FailureClass::kCompileError);
  ASSERT_EQ(report.executables.size(), 2u);
  ASSERT_EQ(report.dependencies.size(), 2u) << "each once";
  ASSERT_EQ(report.executables[0].dependencies.size(), 2u);
  EXPECT_EQ(report.dependencies.at(report.executables[0].dependencies[0]).path, "d/2") << "in its order";
  EXPECT_EQ(report.dependencies.at(report.executables[1].dependencies.at(0)).h1, "h1:2=");
  EXPECT_EQ(report.executables[1].build_info, "path y");
  EXPECT_EQ(report.variants.at(0).outcome, VariantOutcome::kPartial);
  EXPECT_EQ(report.phases.at(0).phase, Phase::kBuild);
  EXPECT_EQ(report.facts.module_h1, "h1:m=");
  EXPECT_EQ(report.peak_memory_bytes, 77);
  ASSERT_EQ(job->failed_programs.size(), 1u);
  EXPECT_EQ(job->failed_programs[0].failure_detail, "undefined: z");
  ASSERT_EQ(job->executables.size(), 2u);
  EXPECT_EQ(job->executables[0].smoke, Smoke::kNotRun) << "of a release that ran none";
  EXPECT_EQ(report.executables[0].smoke, Smoke::kNotRun);
}

TEST(MigrationTest, AToolsetThatAFarmHasUsedIsTheSameOneAfterwards) {
  const std::string url = PgServer::Get().EmptyDatabase();
  store::Pool pool({.url = url, .connections = 1});
  std::vector<store::Migration> before;
  for (const store::Migration& m : store::EmbeddedMigrations()) {
    if (m.name.find("toolset_archives") != std::string_view::npos) break;
    before.push_back(m);
  }
  ASSERT_LT(before.size(), store::EmbeddedMigrations().size());
  ASSERT_TRUE(store::Migrate(Soon(), pool, before).ok());
  Toolset toolset{.name = "t",
                  .go_versions = {"1.26.8"},
                  .previous_go = "1.25.12",
                  .zig_version = "0.15.2",
                  .archives = {{"go", "1.26.8", "x86_64", "goproxy", "m@v1", std::string(64, 'a')},
                               {"zig", "0.15.2", "aarch64", "pypi", "z==1", std::string(64, 'b')}}};
  {
    // As the release before wrote it.
    pqxx::connection db(url);
    pqxx::work txn(db);
    txn.exec_params(
        "INSERT INTO toolsets (name, digest, content) VALUES ('t', repeat('1', 64), $1), ('u', repeat('2', 64), $2)",
        Cat("kind 14:gofarm toolset\nname 1:t\ngo_version 6:1.26.8\nprevious_go 7:1.25.12\nzig_version 6:0.15.2\n",
            "archive 2:go\nversion 6:1.26.8\nhost_arch 6:x86_64\nsource 7:goproxy\nlocator 4:m@v1\nsha256 64:",
            std::string(64, 'a'),
            "\narchive 3:zig\nversion 6:0.15.2\nhost_arch 7:aarch64\nsource 4:pypi\nlocator 4:z==1\nsha256 64:",
            std::string(64, 'b'), "\n"),
        "kind 14:gofarm toolset\nname 1:u\ngo_version 6:1.25.0\nzig_version 6:0.15.2\n");
    txn.commit();
  }
  ASSERT_TRUE(store::Migrate(Soon(), pool).ok());
  store::ToolsetStore toolsets(pool);
  EXPECT_EQ(toolsets.Pin(Soon(), toolset), absl::OkStatus());
  EXPECT_EQ(toolsets.Pin(Soon(), {.name = "u", .go_versions = {"1.25.0"}, .zig_version = "0.15.2"}), absl::OkStatus());
  toolset.archives[0].sha256 = std::string(64, 'c');
  EXPECT_EQ(toolsets.Pin(Soon(), toolset).code(), absl::StatusCode::kFailedPrecondition) << "its archives are known";
}

TEST(MigratorTest, AppliesNothingTheSecondTime) {
  store::Pool pool({.url = PgServer::Get().NewDatabase(), .connections = 1});
  EXPECT_EQ(*store::Migrate(Soon(), pool), 0);
}

TEST(MigratorTest, TwoCoordinatorsMayStartAtOnce) {
  const std::string url = PgServer::Get().EmptyDatabase();
  store::Pool one({.url = url, .connections = 1});
  store::Pool two({.url = url, .connections = 1});
  absl::StatusOr<int> first = 0, second = 0;
  std::thread other([&] { second = store::Migrate(Soon(), two); });
  first = store::Migrate(Soon(), one);
  other.join();
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(*first + *second, static_cast<int>(store::EmbeddedMigrations().size()));
}

TEST(MigratorTest, RefusesASchemaNewerThanItself) {
  store::Pool pool({.url = PgServer::Get().EmptyDatabase(), .connections = 1});
  std::vector<store::Migration> newer = store::EmbeddedMigrations();
  newer.push_back(
      {.version = static_cast<int>(newer.size()) + 1, .name = "V9__later", .sql = "CREATE TABLE later (id int)"});
  ASSERT_TRUE(store::Migrate(Soon(), pool, newer).ok());
  const absl::Status status = store::Migrate(Soon(), pool).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("newer gofarm-coordinator"), absl::string_view::npos) << status;
}

TEST(MigratorTest, RefusesADatabaseMadeByOtherMigrations) {
  store::Pool pool({.url = PgServer::Get().EmptyDatabase(), .connections = 1});
  std::vector<store::Migration> other = {{.version = 1, .name = "V0001__other", .sql = "CREATE TABLE other (id int)"}};
  ASSERT_TRUE(store::Migrate(Soon(), pool, other).ok());
  EXPECT_EQ(store::Migrate(Soon(), pool).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(MigratorTest, AFailedMigrationLeavesNothing) {
  const std::string url = PgServer::Get().EmptyDatabase();
  store::Pool pool({.url = url, .connections = 1});
  std::vector<store::Migration> broken = {
      {.version = 1, .name = "V0001__broken", .sql = "CREATE TABLE half (id int); SELECT no_such_function()"}};
  EXPECT_FALSE(store::Migrate(Soon(), pool, broken).ok());
  pqxx::connection db(url);
  EXPECT_TRUE(pqxx::nontransaction(db).exec("SELECT to_regclass('half')")[0][0].is_null());
}

TEST(PoolTest, AnUnreachableDatabaseIsUnavailable) {
  store::Pool pool({.url = "host=/nonexistent dbname=x", .connections = 1});
  EXPECT_EQ(store::Ping(Soon(), pool).code(), absl::StatusCode::kUnavailable);
}

TEST(PoolTest, NoConnectionCompilesItsPlans) {
  store::Pool pool({.url = PgServer::Get().NewDatabase(), .connections = 1});
  const auto jit = store::RunTransaction(pool, Soon(), "look", [](store::Txn& txn) -> absl::StatusOr<std::string> {
    return txn.Exec("SHOW jit")[0][0].as<std::string>();
  });
  EXPECT_EQ(*jit, "off");
}

TEST(PoolTest, HealsAfterTheServerWasKilled) {
  store::Pool pool({.url = PgServer::Get().NewDatabase(), .connections = 2});
  ASSERT_TRUE(store::Ping(Soon(), pool).ok());
  PgServer::Get().Crash();
  // A backend whose server was killed may answer once more before it notices.
  absl::Status after;
  for (int i = 0; i < 100 && !absl::IsUnavailable(after); ++i) {
    after = store::Ping(Soon(), pool);
    absl::SleepFor(absl::Milliseconds(20));
  }
  EXPECT_TRUE(absl::IsUnavailable(after)) << after;
  PgServer::Get().Start();
  EXPECT_TRUE(store::Ping(Soon(), pool).ok()) << store::Ping(Soon(), pool);
}

TEST(PoolTest, AKilledIdleConnectionCostsNoCallItsAnswer) {
  const std::string url = PgServer::Get().NewDatabase();
  store::Pool pool({.url = url, .connections = 1});
  ASSERT_TRUE(store::Ping(Soon(), pool).ok());
  {
    pqxx::connection db(url);
    pqxx::nontransaction(db).exec(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'gofarm-coordinator' "
        "AND datname = current_database()");
  }
  EXPECT_TRUE(store::Ping(Soon(), pool).ok());
}

TEST(PoolTest, AWaitForAConnectionEndsAtTheDeadline) {
  store::Pool pool({.url = PgServer::Get().NewDatabase(), .connections = 1});
  const absl::StatusOr<store::Pool::Lease> held = pool.Acquire(Soon());
  ASSERT_TRUE(held.ok());
  EXPECT_EQ(pool.Acquire(Scope::For(absl::Milliseconds(20))).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(StatementsTest, EveryStatementFitsTheSchema) {
  pqxx::connection db(PgServer::Get().NewDatabase());
  EXPECT_GT(sql::kAll.size(), 50u);
  for (const sql::EmbeddedFile& file : sql::kAll) {
    // COPY, TRUNCATE and the like cannot be prepared; catalog_index_pgtest runs them.
    static const std::regex kUtility("(--[^\\n]*\\n)*(COPY|TRUNCATE|CREATE|ALTER|DROP|DO) ");
    if (std::regex_search(std::string(file.text), kUtility, std::regex_constants::match_continuous)) continue;
    try {
      // In SQL, since libpqxx 6 puts its own off until a first use.
      pqxx::nontransaction(db).exec(Cat("PREPARE ", db.quote_name(std::string(file.name)), " AS ", file.text));
    } catch (const std::exception& e) {
      ADD_FAILURE() << file.name << ": " << e.what();
    }
  }
}

}  // namespace
}  // namespace gofarm::testing
