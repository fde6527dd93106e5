#include "coordinator/catalog/catalog_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/synchronization/notification.h"
#include "common/base/status.h"
#include "coordinator/catalog/room_rule.h"
#include "coordinator/catalog/stage_loop.h"
#include "coordinator/domain/epoch.h"

namespace gofarm::catalog {
namespace {

using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

TEST(CatalogMetricsTest, EverySeriesStandsThereFromTheStart) {
  metrics::Registry registry;
  const CatalogMetrics metrics(registry);
  const std::string text = registry.Text();
  for (const Stage stage : kStages) {
    EXPECT_THAT(text, HasSubstr("gofarm_catalog_backlog{stage=\"" + std::string(Name(stage)) + "\"} 0\n"));
    for (const std::string_view error : kStageErrors) {
      EXPECT_THAT(text, HasSubstr("gofarm_catalog_errors_total{class=\"" + std::string(error) + "\",stage=\"" +
                                  std::string(Name(stage)) + "\"} 0\n"));
    }
  }
  for (const Service service : kServices) {
    EXPECT_THAT(text,
                HasSubstr("gofarm_catalog_requests_total{service=\"" + std::string(ServiceName(service)) + "\"} 0\n"));
  }
}

TEST(CatalogMetricsTest, AnErrorOfNoKnownClassIsInternal) {
  metrics::Registry registry;
  CatalogMetrics metrics(registry);
  metrics.Of(Stage::kReach).AddErrors("no_answer", 2);
  metrics.Of(Stage::kReach).AddErrors("example.com/a module's name", 1);
  const std::string text = registry.Text();
  EXPECT_THAT(text, HasSubstr("gofarm_catalog_errors_total{class=\"no_answer\",stage=\"reach\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("gofarm_catalog_errors_total{class=\"internal\",stage=\"reach\"} 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("example.com")));
}

TEST(CatalogMetricsTest, AFollowerShowsNoBacklog) {
  metrics::Registry registry;
  CatalogMetrics metrics(registry);
  metrics.Show(CatalogStatus{.stages = {{.name = "detect", .state = "running", .backlog = 7},
                                        {.name = "reach", .state = "waits", .backlog = 3}}},
               absl::UnixEpoch());
  EXPECT_THAT(registry.Text(), HasSubstr("gofarm_catalog_backlog{stage=\"detect\"} 7\n"));
  EXPECT_THAT(registry.Text(), HasSubstr("gofarm_catalog_stage_running{stage=\"detect\"} 1\n"));
  EXPECT_THAT(registry.Text(), HasSubstr("gofarm_catalog_stage_running{stage=\"reach\"} 0\n"));
  metrics.Show(std::nullopt, absl::UnixEpoch());
  EXPECT_THAT(registry.Text(), HasSubstr("gofarm_catalog_backlog{stage=\"detect\"} 0\n"));
}

TEST(CatalogMetricsTest, HowFarTheIndexWasReadAndWhichStageStandsStillAreShown) {
  metrics::Registry registry;
  CatalogMetrics metrics(registry);
  const absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  CatalogStatus status{.stages = {{.name = "index", .state = "running"},
                                  {.name = "detect", .state = "running", .backlog = 7, .stalled_seconds = 90}}};
  status.index_read_until = now - absl::Minutes(3);
  metrics.Show(status, now);
  EXPECT_THAT(registry.Text(), HasSubstr("gofarm_catalog_cursor_age_seconds 180\n"));
  EXPECT_THAT(registry.Text(), HasSubstr("gofarm_catalog_stage_progress_age_seconds{stage=\"detect\"} 90\n"));
  status.stages[0].state = "paused";
  metrics.Show(status, now);
  EXPECT_THAT(registry.Text(), HasSubstr("gofarm_catalog_cursor_age_seconds 0\n")) << "nobody reads it";
}

TEST(CatalogMetricsTest, AServicesCountsAreShownAsItsGateHasThem) {
  metrics::Registry registry;
  CatalogMetrics metrics(registry);
  const absl::Time now = absl::UnixEpoch() + absl::Hours(1);
  const GateStatus gate{.service = Service::kDepsdev,
                        .paused_until = now + absl::Minutes(1),
                        .requests = 12,
                        .answers = 9,
                        .bytes = 4096,
                        .errors = {{"timeout", 3}}};
  metrics.Show({gate}, now);
  metrics.Show({gate}, now);
  const std::string text = registry.Text();
  EXPECT_THAT(text, HasSubstr("gofarm_catalog_requests_total{service=\"depsdev\"} 12\n"));
  EXPECT_THAT(text, HasSubstr("gofarm_catalog_received_bytes_total{service=\"depsdev\"} 4096\n"));
  EXPECT_THAT(text, HasSubstr("gofarm_catalog_request_errors_total{class=\"timeout\",service=\"depsdev\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("gofarm_catalog_service_paused{service=\"depsdev\"} 1\n"));
  metrics.Show({gate}, now + absl::Minutes(2));
  EXPECT_THAT(registry.Text(), HasSubstr("gofarm_catalog_service_paused{service=\"depsdev\"} 0\n"));
}

class OneTurn final : public StageTurn {
 public:
  absl::StatusOr<Done> Turn(const Scope&) override {
    ++turns;
    if (turns == 1) return Done{.taken_up = 1, .modules = 5, .errors = {{"absent", 2}}};
    if (turns == 2) return absl::UnavailableError("the database does not answer");
    if (turns == 3) return absl::FailedPreconditionError("the index answers 404; is its address right?");
    return Annotate(domain::EpochOver(1), "save");
  }
  int turns = 0;
};

TEST(StageLoopTest, CountsModulesAndErrorsAndEndsWhenAnotherLeads) {
  metrics::Registry registry;
  CatalogMetrics metrics(registry);
  OneTurn turn;
  absl::Notification lost;
  StageLoop loop(Stage::kDetect, turn, metrics.Of(Stage::kDetect), [&](const absl::Status&) { lost.Notify(); });
  loop.SetRunning(true);
  loop.Start();
  ASSERT_TRUE(lost.WaitForNotificationWithTimeout(absl::Seconds(30)));
  loop.Stop();
  EXPECT_EQ(turn.turns, 4) << "a wrong address costs nobody the lead";
  const std::string text = registry.Text();
  EXPECT_THAT(text, HasSubstr("gofarm_catalog_modules_total{stage=\"detect\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("gofarm_catalog_errors_total{class=\"absent\",stage=\"detect\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("gofarm_catalog_errors_total{class=\"unavailable\",stage=\"detect\"} 1\n"));
}

// A turn that finds no room, ever.
class FullDisk final : public StageTurn {
 public:
  absl::StatusOr<Done> Turn(const Scope&) override {
    if (++turns_ == 2) second.Notify();  // the first is noted by then
    return Annotate(NoRoomError("only 3 MiB are free"), "index");
  }
  absl::Notification second;

 private:
  int turns_ = 0;
};

TEST(StageLoopTest, AFullDiskIsAClassOfItsOwn) {
  metrics::Registry registry;
  CatalogMetrics metrics(registry);
  FullDisk turn;
  StageLoop loop(Stage::kIndex, turn, metrics.Of(Stage::kIndex), [](const absl::Status&) {});
  loop.SetRunning(true);
  loop.Start();
  ASSERT_TRUE(turn.second.WaitForNotificationWithTimeout(absl::Seconds(30)));
  loop.Stop();
  const StageFacts facts = loop.Facts();
  EXPECT_THAT(facts.errors, ElementsAre(Pair("no_room", Ge(1))));
  EXPECT_EQ(facts.last_error, "index: only 3 MiB are free");
  EXPECT_THAT(registry.Text(), Not(HasSubstr("gofarm_catalog_errors_total{class=\"no_room\",stage=\"index\"} 0\n")));
}

}  // namespace
}  // namespace gofarm::catalog
