// The door to PostgreSQL: what becomes of conflicts, lost connections, lost commit answers and statements that take
// long.
#include <gtest/gtest.h>

#include "coordinator/store/transaction.h"
#include "tests/support/pg_fixture.h"

namespace gofarm::testing {
namespace {

TEST(ConnectStringTest, NothingWaitsForEverUnlessTheUrlSaysSo) {
  const std::string uri = store::ConnectString("postgresql:///gofarm?host=%2Frun&connect_timeout=60");
  EXPECT_EQ(
      uri,
      "postgresql:///gofarm?host=%2Frun&connect_timeout=60&keepalives_idle=10&keepalives_interval=5&keepalives_count=3"
      "&tcp_user_timeout=20000");
  EXPECT_EQ(store::ConnectString("postgresql:///gofarm").find('?'), std::string("postgresql:///gofarm").size());
  EXPECT_EQ(
      store::ConnectString("dbname=gofarm tcp_user_timeout=1"),
      "dbname=gofarm tcp_user_timeout=1 connect_timeout=5 keepalives_idle=10 keepalives_interval=5 keepalives_count=3");
}

class TransactionTest : public PgTest {
 protected:
  static Scope Soon() { return Scope::For(absl::Minutes(1)); }
};

TEST_F(TransactionTest, AnErrorOfTheBodyRollsBack) {
  const absl::Status status = store::RunTransaction(*pool_, Soon(), "try", [](store::Txn& txn) -> absl::Status {
    txn.Exec("CREATE TABLE gone (id int)");
    return absl::NotFoundError("no");
  });
  EXPECT_EQ(status, absl::NotFoundError("try: no"));
  EXPECT_EQ(Sql("SELECT to_regclass('gone')"), "");
}

TEST_F(TransactionTest, AConflictIsTriedAgainAndThenSucceeds) {
  int tries = 0;
  const absl::Status status = store::RunTransaction(*pool_, Soon(), "try", [&](store::Txn& txn) -> absl::Status {
    if (++tries < 3) txn.Exec("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = 'serialization_failure'; END $$");
    return absl::OkStatus();
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(tries, 3);
}

TEST_F(TransactionTest, AConflictThatDoesNotEndIsAborted) {
  int tries = 0;
  const absl::Status status = store::RunTransaction(*pool_, Soon(), "try", [&](store::Txn& txn) -> absl::Status {
    ++tries;
    txn.Exec("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = 'deadlock_detected'; END $$");
    return absl::OkStatus();
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted) << status;
  EXPECT_EQ(tries, store::kTriesMax);
}

TEST_F(TransactionTest, AStatementEndsAtTheCallersDeadline) {
  const absl::Status status =
      store::RunTransaction(*pool_, Scope::For(absl::Milliseconds(100)), "sleep", [](store::Txn& txn) -> absl::Status {
        txn.Exec("SELECT pg_sleep(30)");
        return absl::OkStatus();
      });
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded) << status;
}

TEST_F(TransactionTest, ACommitWhoseAnswerWasLostIsUnknownAndNotTriedAgain) {
  // The server ends our connection while it commits.
  Sql("CREATE TABLE t (id int)");
  Sql("CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS "
      "$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(1); RETURN NULL; END $$");
  Sql("CREATE CONSTRAINT TRIGGER die AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "
      "die()");
  int tries = 0;
  const absl::Status status = store::RunTransaction(*pool_, Soon(), "insert", [&](store::Txn& txn) -> absl::Status {
    ++tries;
    txn.Exec("INSERT INTO t VALUES (1)");
    return absl::OkStatus();
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kUnknown) << status;
  EXPECT_EQ(tries, 1);
  EXPECT_EQ(Count("SELECT count(*) FROM t"), 0);
}

TEST_F(TransactionTest, AConnectionThatBreaksBeforeTheCommitIsReplacedOnce) {
  int tries = 0;
  const absl::Status status = store::RunTransaction(*pool_, Soon(), "try", [&](store::Txn& txn) -> absl::Status {
    if (++tries == 1) txn.Exec("SELECT pg_terminate_backend(pg_backend_pid())");
    txn.Exec("SELECT 1");
    return absl::OkStatus();
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(tries, 2);
}

TEST_F(TransactionTest, ArraysSurviveEveryCharacter) {
  const std::vector<std::string> values = {"plain",       "",          "a,b",  "{x}", "q\"uote",
                                           "back\\slash", "new\nline", "NULL", "ü"};
  const absl::Status status = store::RunTransaction(*pool_, Soon(), "echo", [&](store::Txn& txn) -> absl::Status {
    std::vector<std::string> back;
    // Any statement that gives a text array back.
    for (const pqxx::row& row : txn.Run("latest_generations", store::Array(values))) back.push_back(row[0].c_str());
    EXPECT_EQ(back, values);
    return absl::OkStatus();
  });
  EXPECT_TRUE(status.ok()) << status;
}

}  // namespace
}  // namespace gofarm::testing
