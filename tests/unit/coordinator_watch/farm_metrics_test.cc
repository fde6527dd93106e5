#include "coordinator/watch/farm_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/text.h"
#include "coordinator/watch/http_metrics.h"

namespace gofarm::watch {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

std::shared_ptr<service::PublishedFigures> Published(int64_t epoch, int64_t made, double busy = 0) {
  auto published = std::make_shared<service::PublishedFigures>();
  published->epoch = epoch;
  published->busy_seconds = busy;
  published->figures.counters.offers_made = made;
  published->figures.counters.refused_for[static_cast<size_t>(RefuseReason::kDiskFull)] = made;
  return published;
}

class FarmMetricsTest : public ::testing::Test {
 protected:
  std::string TextOf(FarmView view) {
    return Cat("\n", metrics::Write(farm_.Collect(view, kNow, kNow), metrics::Format::kPrometheus));
  }

  metrics::Registry registry_;
  FarmMetrics farm_{registry_, "gofarm-coordinator", "1.0"};
};

TEST_F(FarmMetricsTest, ACoordinatorThatStandsByShowsEverythingAtZero) {
  const std::string text = TextOf({});
  for (const char* line :
       {"gofarm_leading 0", "gofarm_epoch 0", "gofarm_leadership_changes_total 0",
        "gofarm_offers_total{what=\"made\"} 0", "gofarm_refusals_total{reason=\"disk_full\"} 0",
        "gofarm_attempts_lost_total 0", "gofarm_store_failures_total 0", "gofarm_dispatcher_busy_seconds_total 0",
        "gofarm_sessions 0", "gofarm_build_info{program=\"gofarm-coordinator\",version=\"1.0\"} 1"}) {
    EXPECT_THAT(text, HasSubstr(Cat("\n", line, "\n")));
  }
}

TEST_F(FarmMetricsTest, CountersGoOnOverLeadershipsAndNeverBack) {
  TextOf({.leads = true, .dispatcher = Published(3, 10, 1.5)});
  std::string text = TextOf({.leads = true, .dispatcher = Published(3, 12, 2)});
  EXPECT_THAT(text, HasSubstr("\ngofarm_offers_total{what=\"made\"} 12\n"));
  EXPECT_THAT(text, HasSubstr("\ngofarm_dispatcher_busy_seconds_total 2\n"));
  EXPECT_THAT(text, HasSubstr("\ngofarm_epoch 3\n"));
  text = TextOf({});
  EXPECT_THAT(text, HasSubstr("\ngofarm_offers_total{what=\"made\"} 12\n")) << "it stands by";
  text = TextOf({.leads = true, .dispatcher = Published(5, 4)});
  EXPECT_THAT(text, HasSubstr("\ngofarm_offers_total{what=\"made\"} 16\n")) << "a new leadership begins at 0";
  EXPECT_THAT(text, HasSubstr("\ngofarm_refusals_total{reason=\"disk_full\"} 16\n"));
  text = TextOf({.leads = true, .dispatcher = Published(5, 3)});
  EXPECT_THAT(text, HasSubstr("\ngofarm_offers_total{what=\"made\"} 16\n")) << "two scrapes overtook each other";
  text = TextOf({.leads = true, .dispatcher = Published(3, 50)});
  EXPECT_THAT(text, HasSubstr("\ngofarm_offers_total{what=\"made\"} 16\n")) << "of a leadership that is over";
}

TEST_F(FarmMetricsTest, CertificatesAreThereOnlyWhereTlsIsOn) {
  StoredFigures stored{.totals = store::ArtifactStore::Totals{.artifact_bytes = 70, .toolset = 2}, .free_bytes = 9};
  std::string text = TextOf({.stored = stored});
  EXPECT_THAT(text, Not(HasSubstr("\ngofarm_certificate_left_seconds{")));
  EXPECT_THAT(text, HasSubstr("\ngofarm_blob_store_bytes 70\n"));
  EXPECT_THAT(text, HasSubstr("\ngofarm_toolset_generation 2\n"));
  stored.server = kNow + absl::Hours(1);
  stored.authority = kNow - absl::Seconds(5);
  text = TextOf({.stored = stored});
  EXPECT_THAT(text, HasSubstr("\ngofarm_certificate_left_seconds{which=\"server\"} 3600\n"));
  EXPECT_THAT(text, HasSubstr("\ngofarm_certificate_left_seconds{which=\"authority\"} -5\n")) << "it ran out";
}

TEST_F(FarmMetricsTest, AStatusThatNobodyKnowsIsCountedAsOther) {
  HttpMetrics http(registry_);
  http.AddAnswer(200);
  http.AddAnswer(599);
  *http.open() += 3;
  http.ShowConnections();
  const std::string text = TextOf({});
  EXPECT_THAT(text, HasSubstr("\ngofarm_http_requests_total{code=\"200\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("\ngofarm_http_requests_total{code=\"other\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("\ngofarm_http_requests_total{code=\"503\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("\ngofarm_http_connections 3\n"));
}

TEST(EndOfCertificateTest, WhatIsNoCertificateHasNoEnd) { EXPECT_EQ(EndOfCertificate("no PEM"), std::nullopt); }

}  // namespace
}  // namespace gofarm::watch
