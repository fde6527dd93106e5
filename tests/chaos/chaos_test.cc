// A real coordinator on a real PostgreSQL, workers and customers that sabotage it from the proto files alone, and
// blows: kill -9, SIGSTOP, cut and stalled connections. Then honest workers run everything out, and nothing may be lost
// or doubled (checker.h). GOFARM_CHAOS_SECONDS is how long the sabotage lasts, GOFARM_CHAOS_SEED what it is drawn from;
// both are printed.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <pqxx/pqxx>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/time/clock.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "common/sync/wait.h"
#include "tests/chaos/customer.h"
#include "tests/chaos/saboteur.h"
#include "tests/chaos/stored.h"
#include "tests/support/coordinator_process.h"
#include "tests/support/pg_fixture.h"

namespace gofarm::chaos {
namespace {

constexpr int64_t kSecondsByDefault = 60;
constexpr int kSaboteurs = 14;
constexpr int kSlots = 6;
constexpr int kHonest = 2;
constexpr int kHonestSlots = 8;
constexpr int kCustomers = 3;
constexpr absl::Duration kStartMax = absl::Seconds(60);
// The leases of those who left without a word, and the waits before what failed is tried again.
constexpr absl::Duration kRunOutMax = absl::Minutes(6);
constexpr int64_t kMemoryMax = int64_t{512} << 20;  // of the coordinator

int64_t NumberOf(const char* variable, int64_t otherwise) {
  const char* const text = std::getenv(variable);
  int64_t number = 0;
  return text != nullptr && absl::SimpleAtoi(text, &number) ? number : otherwise;
}

int64_t ResidentBytes(pid_t pid) {
  std::ifstream status(Cat("/proc/", pid, "/status"));
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmRSS:", 0) == 0) return std::stoll(line.substr(6)) << 10;
  }
  return 0;
}

class ChaosTest : public testing::PgTest {
 protected:
  void SetUp() override {
    PgTest::SetUp();
    // What it acknowledged must outlive its death. The kernel lives on, so fsync stays off.
    testing::PgServer::Get().Crash();
    testing::PgServer::Get().Set({"synchronous_commit=on", "full_page_writes=on"});
    testing::PgServer::Get().Start();
    char name[] = "/tmp/gofarm-chaos-XXXXXX";
    dir_ = ::mkdtemp(name);
    coordinator_ = std::make_unique<testing::Coordinator>(dir_, "c", url_);
    coordinator_->Start();
    ASSERT_TRUE(coordinator_->Becomes("running", kStartMax)) << coordinator_->log();
  }
  void TearDown() override {
    customers_.clear();
    workers_.clear();
    if (HasFailure()) {
      std::fprintf(stderr, "---- end of the coordinator's log\n%s\n", EndOfLog(6'000).c_str());
    }
    coordinator_.reset();
    EXPECT_TRUE(io::RemoveTree(dir_).ok());
    PgTest::TearDown();
  }

  void Hire(const std::string& name, int slots, bool honest) {
    workers_.push_back(std::make_unique<Saboteur>(SaboteurOptions{.seed = seed_,
                                                                  .name = name,
                                                                  .relay_path = Cat(dir_, "/", name),
                                                                  .coordinator = coordinator_->socket(),
                                                                  .slots = slots,
                                                                  .honest = honest},
                                                  ledger_));
  }

  std::string EndOfLog(size_t bytes) const {
    const std::string log = coordinator_->log();
    return log.substr(log.size() > bytes ? log.size() - bytes : 0);
  }

  // Waits while it looks after the coordinator: one that ends is started again, as a supervisor does.
  void Watch(absl::Duration duration) {
    for (const absl::Time end = absl::Now() + duration; absl::Now() < end; absl::SleepFor(absl::Milliseconds(50))) {
      if (const std::optional<int> code = coordinator_->Ended()) {
        ++blows_["coordinator ended by itself"];
        std::printf("chaos: the coordinator ended by itself with %d\n%s\n", *code, EndOfLog(1'000).c_str());
        EXPECT_LT(*code, 128) << "the coordinator died of signal " << *code - 128;
        coordinator_->Start();
      }
      memory_ = std::max(memory_, ResidentBytes(coordinator_->pid()));
    }
  }

  // Some process of the server that serves the coordinator; 0: none, or it does not answer.
  pid_t Backend(int victim) const {
    try {
      pqxx::connection db(url_);
      pqxx::nontransaction txn(db);
      const pqxx::result rows = txn.exec(
          "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY "
          "pid");
      return rows.empty() ? 0 : rows[static_cast<size_t>(victim) % rows.size()][0].as<pid_t>();
    } catch (const std::exception&) {
      return 0;
    }
  }

  void Strike(const BlowPlan& plan) {
    ++blows_[NameOf(plan.blow)];
    Saboteur& worker = *workers_[static_cast<size_t>(plan.victim) % workers_.size()];
    switch (plan.blow) {
      case Blow::kKillCoordinator:
      case Blow::kStopCoordinator:
        coordinator_->Kill(plan.blow == Blow::kKillCoordinator ? SIGKILL : SIGTERM);
        coordinator_->Start();
        return;
      case Blow::kPauseCoordinator:
        coordinator_->Signal(SIGSTOP);
        absl::SleepFor(plan.length);
        coordinator_->Signal(SIGCONT);
        return;
      case Blow::kKillPostgres:
        testing::PgServer::Get().Crash();
        Watch(plan.length);
        testing::PgServer::Get().Start();
        return;
      case Blow::kKillBackend:
        if (const pid_t pid = Backend(plan.victim); pid > 0) ::kill(pid, SIGKILL);
        return;
      case Blow::kPauseBackend:
        if (const pid_t pid = Backend(plan.victim); pid > 0 && ::kill(pid, SIGSTOP) == 0) {
          Watch(plan.length);
          ::kill(pid, SIGCONT);
        }
        return;
      case Blow::kCutAll:
        for (const auto& one : workers_) one->Cut();
        return;
      case Blow::kCutOne:
        worker.Cut();
        return;
      case Blow::kStallOne:
        worker.StallUntil(absl::Now() + plan.length);
        return;
    }
  }

  bool RunOut() {
    for (int i = 1; i <= kHonest; ++i) Hire(Cat("h", i), kHonestSlots, /*honest=*/true);
    for (const absl::Time end = absl::Now() + kRunOutMax; absl::Now() < end;) {
      Watch(absl::Milliseconds(300));
      const v1::FarmStatus status = coordinator_->Status();
      if (status.state() == "running" && status.jobs().queued() + status.jobs().running() == 0) return true;
    }
    return false;
  }

  void Print(const Told& told, const Stored& stored, absl::Duration sabotage, absl::Duration all) {
    int64_t lost = 0, taken = 0, refused = 0;
    for (const auto& [token, attempt] : stored.attempts) lost += attempt.outcome == AttemptOutcome::kLost ? 1 : 0;
    for (const ToldCompletion& c : told.completions) {
      taken += c.reply == Reply::kTaken ? 1 : 0;
      refused += c.reply == Reply::kRefused ? 1 : 0;
    }
    std::map<JobState, int64_t> states;
    for (const auto& [id, job] : stored.jobs) ++states[job.state];
    std::printf("chaos: %zu jobs in %zu batches, %zu attempts of %zu offers, %lld lost\n", stored.jobs.size(),
                stored.batches.size(), stored.attempts.size(), told.offers.size(), static_cast<long long>(lost));
    for (const auto& [state, count] : states) {
      std::printf("chaos:   %s: %lld\n", std::string(Name(state)).c_str(), static_cast<long long>(count));
    }
    std::printf("chaos: %zu completions sent, %lld taken, %lld refused, the rest not answered\n",
                told.completions.size(), static_cast<long long>(taken), static_cast<long long>(refused));
    for (const auto& [what, count] : blows_) std::printf("chaos:   %s: %d\n", what.c_str(), count);
    for (const auto& [what, count] : ledger_.counts()) {
      std::printf("chaos:   %s: %lld\n", what.c_str(), static_cast<long long>(count));
    }
    std::printf(
        "chaos: coordinator %lld MiB at most; %zu artifacts and %zu logs read back; %.0f s of sabotage, %.0f s in "
        "all\n",
        static_cast<long long>(memory_ >> 20), stored.downloads.size(), stored.logs.size(),
        absl::ToDoubleSeconds(sabotage), absl::ToDoubleSeconds(all));
    std::fflush(stdout);
  }

  const uint64_t seed_ = static_cast<uint64_t>(NumberOf("GOFARM_CHAOS_SEED", std::random_device()()));
  std::string dir_;
  std::unique_ptr<testing::Coordinator> coordinator_;
  Ledger ledger_;
  std::vector<std::unique_ptr<Saboteur>> workers_;
  std::vector<std::unique_ptr<Customer>> customers_;
  std::map<std::string, int> blows_;
  int64_t memory_ = 0;
};

TEST_F(ChaosTest, NothingIsLostOrDoubled) {
  const absl::Duration duration = absl::Seconds(NumberOf("GOFARM_CHAOS_SECONDS", kSecondsByDefault));
  std::printf("chaos: GOFARM_CHAOS_SEED=%llu GOFARM_CHAOS_SECONDS=%lld\n", static_cast<unsigned long long>(seed_),
              static_cast<long long>(absl::ToInt64Seconds(duration)));
  std::fflush(stdout);
  const absl::Time began = absl::Now();
  for (int i = 1; i <= kSaboteurs; ++i) Hire(Cat("w", i), kSlots, /*honest=*/false);
  for (int i = 1; i <= kCustomers; ++i) {
    customers_.push_back(std::make_unique<Customer>(seed_, Cat("c", i), coordinator_->address(), ledger_));
  }
  for (int64_t i = 0; absl::Now() < began + duration; ++i) {
    const BlowPlan plan = PlanBlow(seed_, i);
    Watch(plan.after);
    Strike(plan);
  }
  const absl::Duration sabotage = absl::Now() - began;
  customers_.clear();
  for (size_t i = 0; i < workers_.size(); ++i) workers_[i]->Quit(/*with_goodbye=*/i % 2 == 0);
  workers_.clear();
  EXPECT_TRUE(RunOut()) << "jobs are left after " << kRunOutMax << ": " << coordinator_->Status().ShortDebugString();
  workers_.clear();

  const auto farm = v1::Farm::NewStub(coordinator_->channel());
  const Told told = ledger_.told();
  const Stored stored = ReadStored(url_, *farm, told);
  Print(told, stored, sabotage, absl::Now() - began);
  for (const std::string& fault : Check(told, stored)) ADD_FAILURE() << fault;
  EXPECT_LE(memory_, kMemoryMax);
  EXPECT_FALSE(stored.jobs.empty());
}

}  // namespace
}  // namespace gofarm::chaos
