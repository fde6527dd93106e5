// A farm of several hosts, each a network namespace of its own: coordinator, two workers and an operator, over TLS.
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <sstream>

#include "absl/time/clock.h"
#include "common/base/text.h"
#include "tests/e2e/hosts_fixture.h"

namespace gofarm::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(HostsTest, TwoHostsBuildABatchThatAnOperatorOfAThirdSubmits) {
  EXPECT_EQ(Text(farm_->GofarmJson({"status"}).root(), "tls_address"), Cat(hosts_->AddressOf("c"), ":7443"));
  const auto one = Start("w1", farm_->JoinString("worker"), "far-1"),
             two = Start("w2", farm_->JoinString("worker"), "far-2");
  ASSERT_TRUE(farm_->WaitConnected("far-1")) << one->Log();
  ASSERT_TRUE(farm_->WaitConnected("far-2")) << two->Log();

  CommandResult r = AtOperator({"login", farm_->JoinString("viewer", {"--name", "eve"})});
  ASSERT_EQ(r.exit_code, 0) << r.err;
  std::vector<std::string> submit = {"submit", "--target", "x86_64", "--target", "riscv64"};
  for (int i = 0; i < 2; ++i) submit.push_back(proxy_.AddSlow(Cat("example.com/hosts/m", i), 500));
  r = AtOperator(submit);
  EXPECT_EQ(r.exit_code, 5) << r.err;
  EXPECT_THAT(r.err, HasSubstr("viewer"));
  EXPECT_EQ(Items(farm_->GofarmJson({"batch", "list"}).root()).size(), 0u) << "nothing was stored";

  r = AtOperator({"login", farm_->JoinString("operator", {"--name", "ann"})});
  ASSERT_EQ(r.exit_code, 0) << r.err;
  EXPECT_THAT(r.err, HasSubstr("takes the place of eve"));
  submit.insert(submit.end(), {"--wait", "--output", "json"});
  r = AtOperator(submit);
  ASSERT_EQ(r.exit_code, 0) << r.err;
  const Json jobs = farm_->Jobs(Number(Json(r.out).root(), "id"));
  std::set<std::string> workers;
  for (const simdjson::dom::element job : Items(jobs.root())) {
    EXPECT_EQ(Text(job, "state"), "built") << Text(job, "failure_detail");
    for (const std::string& worker : Attempts(job, "worker")) workers.insert(worker);
  }
  EXPECT_THAT(workers, ElementsAre("far-1", "far-2"));
  EXPECT_THAT(farm_->Gofarm({"audit", "--output", "json"}).out, HasSubstr("\"who\": \"ann\""));
}

// The lines of a PEM file that nobody else has.
std::vector<std::string> KeyLines(const std::string& folder) {
  std::vector<std::string> lines;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file() || entry.path().filename() != "key.pem") continue;
    std::istringstream text(FileText(entry.path()));
    for (std::string line; std::getline(text, line);) {
      if (line.size() == 64) lines.push_back(line);
    }
  }
  return lines;
}

TEST_F(HostsTest, NoSecretStandsWhereTheFarmWrites) {
  const std::string worker_join = farm_->JoinString("worker"), by_variable = farm_->JoinString("worker");
  const std::string person_join = farm_->JoinString("operator", {"--name", "ann"});
  const auto one = Start("w1", worker_join, "far-1"), two = Start("w2", "", "far-2", {{"GOFARM_JOIN", by_variable}});
  ASSERT_TRUE(farm_->WaitConnected("far-1")) << one->Log();
  ASSERT_TRUE(farm_->WaitConnected("far-2")) << two->Log();
  ASSERT_EQ(AtOperator({"login", person_join}).exit_code, 0);
  const CommandResult r =
      AtOperator({"submit", "--target", "x86_64", "--wait", proxy_.AddSlow("example.com/hosts/s", 500)});
  ASSERT_EQ(r.exit_code, 0) << r.err;
  std::vector<std::string> secrets = KeyLines(farm_->scratch());
  EXPECT_GE(secrets.size(), 10u) << "two lines each of authority, server, workers and person";
  for (const std::string& join : {worker_join, person_join, by_variable})
    secrets.push_back(join.substr(join.rfind('.') + 1));
  const auto holds = [&](const std::string& text) {
    return std::any_of(secrets.begin(), secrets.end(),
                       [&](const std::string& secret) { return text.find(secret) != std::string::npos; });
  };
  int files = 0;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(farm_->scratch())) {
    if (!entry.is_regular_file()) continue;
    ++files;
    const bool of_a_key = entry.path().filename() == "key.pem";
    EXPECT_EQ(holds(FileText(entry.path())), of_a_key) << entry.path();
    if (of_a_key) {
      EXPECT_EQ(fs::status(entry.path()).permissions(), fs::perms::owner_read | fs::perms::owner_write);
    }
  }
  EXPECT_GT(files, 100) << "the database's own are among them";
  int processes = 0;
  for (const char* const host : {"c", "w1", "w2"}) {
    for (const int pid : hosts_->Processes(host)) {
      ++processes;
      for (const char* part : {"cmdline", "environ"}) {
        EXPECT_FALSE(holds(FileText(Cat("/proc/", pid, "/", part))))
            << host << " " << FileText(Cat("/proc/", pid, "/comm"));
      }
    }
  }
  EXPECT_GE(processes, 3);
}

TEST_F(HostsTest, JoinStringsLetInOnceInTimeAndIntoTheirOwnFarm) {
  const std::string join = farm_->JoinString("worker"), late = farm_->JoinString("worker", {"--ttl", "1s"});
  const auto one = Start("w1", join, "far-1");
  ASSERT_TRUE(farm_->WaitConnected("far-1")) << one->Log();
  const auto refused = [&](const std::string& string, const std::string& name, const std::string& why) {
    const auto worker = Start("w2", string, name);
    EXPECT_EQ(worker->ExitCode(absl::Seconds(60)), 2) << worker->Log();
    EXPECT_THAT(worker->Log(), HasSubstr(why));
    const std::string secret = string.substr(string.rfind('.') + 1);
    EXPECT_THAT(worker->Log(), Not(HasSubstr(secret)));
  };
  refused(join, "twice", "was already used");
  absl::SleepFor(absl::Seconds(1));
  refused(late, "late", "ran out at");
  std::string other = farm_->JoinString("worker");
  const size_t digest = other.rfind('.') - 64;
  other[digest] = other[digest] == '0' ? '1' : '0';
  refused(other, "other", "another farm answers at this address");
}

}  // namespace
}  // namespace gofarm::testing
