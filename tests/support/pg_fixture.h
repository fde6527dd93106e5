// A throwaway PostgreSQL server for one test binary: made when first asked for, without fsync, on a unix socket in a
// short temporary folder, gone when the binary ends (also when it is killed). Every test gets a database of its own,
// copied from a template that was migrated once. Not thread-safe.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/store/pool.h"

namespace gofarm::testing {

class PgServer {
 public:
  static PgServer& Get();
  ~PgServer();

  std::string NewDatabase();    // URL of a fresh, migrated database
  std::string EmptyDatabase();  // URL of a fresh one without any table
  // kill -9 of the whole server, and its start on the same data: what a crash leaves.
  void Crash();
  void Start();
  // Of the next Start and those after it: "NAME=VALUE", over the settings above.
  void Set(std::vector<std::string> settings) { settings_ = std::move(settings); }
  std::string SocketFolder() const { return dir_; }

 private:
  PgServer();
  std::string UrlOf(const std::string& database) const;
  void CreateDatabase(const std::string& name, const std::string& template_name);
  pid_t ServerPid() const;
  void SpawnServer();
  void WaitUntilGone();

  std::string dir_;
  std::string bin_;
  std::vector<std::string> settings_;
  pid_t child_ = 0;
  int databases_ = 0;
};

// A test on a migrated database of its own.
class PgTest : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;
  // One statement without answer or with one cell: for looking behind the stores.
  std::string Sql(const std::string& statement);
  int64_t Count(const std::string& statement);

  std::string url_;
  std::unique_ptr<store::Pool> pool_;
};

}  // namespace gofarm::testing
