#include "coordinator/publish/publish_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/text.h"

namespace gofarm::publish {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(PublishMetricsTest, EverySeriesStandsThereFromTheStart) {
  metrics::Registry registry;
  const PublishMetrics metrics(registry);
  const std::string text = registry.Text();
  for (const char* kind : {"index", "registry", "folder"}) {
    for (const char* state : {"pending", "failed", "parked", "published", "withdrawn"}) {
      EXPECT_THAT(text,
                  HasSubstr(Cat("gofarm_publish_rows{destination_kind=\"", kind, "\",state=\"", state, "\"} 0\n")));
    }
    EXPECT_THAT(text, HasSubstr(Cat("gofarm_publish_oldest_waiting_seconds{destination_kind=\"", kind, "\"} 0\n")));
  }
  EXPECT_THAT(text, HasSubstr("gofarm_publish_requests_total{class=\"ok\"} 0\n"));
  for (int i = 0; i <= static_cast<int>(oci::kLastFailureClass); ++i) {
    EXPECT_THAT(text, HasSubstr(Cat("gofarm_publish_requests_total{class=\"",
                                    oci::FailureClassName(static_cast<oci::FailureClass>(i)), "\"} 0\n")));
  }
  for (const char* name :
       {"budget_left", "index_generation", "index_age_seconds", "withdrawals", "retracted_versions"}) {
    EXPECT_THAT(text, HasSubstr(Cat("gofarm_publish_", name, " 0\n")));
  }
}

TEST(PublishMetricsTest, DestinationsOfOneKindAreAddedUpAndNeverNamed) {
  metrics::Registry registry;
  PublishMetrics metrics(registry);
  const absl::Time now = absl::FromUnixSeconds(1'000);
  metrics.Show(
      PublishFigures{
          .destinations =
              {{.destination = "index", .published = 3},
               {.destination = "registry.test/a", .pending = 1, .oldest_waiting = absl::Seconds(7)},
               {.destination = "registry.test/b", .pending = 2, .failed = 4, .oldest_waiting = absl::Seconds(9)},
               {.destination = "/srv/www", .parked = 5}},
          .totals = {.withdrawals = 6, .retracted = 2},
          .budget_left = 11,
          .generation = 17,
          .generation_at = now - absl::Seconds(30)},
      now);
  metrics.AddRequest(std::nullopt);
  metrics.AddRequest(oci::FailureClass::kRateLimited);
  const std::string text = registry.Text();
  for (const char* line : {"gofarm_publish_rows{destination_kind=\"registry\",state=\"pending\"} 3\n",
                           "gofarm_publish_rows{destination_kind=\"registry\",state=\"failed\"} 4\n",
                           "gofarm_publish_rows{destination_kind=\"index\",state=\"published\"} 3\n",
                           "gofarm_publish_rows{destination_kind=\"folder\",state=\"parked\"} 5\n",
                           "gofarm_publish_oldest_waiting_seconds{destination_kind=\"registry\"} 9\n",
                           "gofarm_publish_budget_left 11\n", "gofarm_publish_index_generation 17\n",
                           "gofarm_publish_index_age_seconds 30\n", "gofarm_publish_withdrawals 6\n",
                           "gofarm_publish_retracted_versions 2\n", "gofarm_publish_requests_total{class=\"ok\"} 1\n",
                           "gofarm_publish_requests_total{class=\"rate_limited\"} 1\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(text, Not(HasSubstr("registry.test")));
  metrics.Show(std::nullopt, now);
  EXPECT_THAT(registry.Text(), HasSubstr("gofarm_publish_index_age_seconds 0\n")) << "it does not lead any more";
}

}  // namespace
}  // namespace gofarm::publish
