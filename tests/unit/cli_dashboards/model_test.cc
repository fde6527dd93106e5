#include "cli/dashboards/model.h"

#include <gmock/gmock.h>
#include <gofarm_dashboards_data.h>
#include <gtest/gtest.h>

#include "common/base/text.h"

namespace gofarm::dashboards {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ModelTest, ReadsTheDashboardsThatTheProgramCarries) {
  size_t queries = 0;
  EXPECT_GE(data::kAll.size(), 7u);
  for (const data::EmbeddedFile& file : data::kAll) {
    const absl::StatusOr<Dashboard> dashboard = ReadDashboard(file.text);
    ASSERT_TRUE(dashboard.ok()) << file.name << ": " << dashboard.status();
    EXPECT_EQ(dashboard->uid, Cat("gofarm-", file.name));
    for (const Panel& panel : dashboard->panels) {
      if (panel.kind == Kind::kRow) continue;
      EXPECT_FALSE(panel.title.empty());
      EXPECT_FALSE(panel.look.unit.empty()) << panel.title;
      EXPECT_FALSE(panel.queries.empty()) << panel.title;
      for (const Query& query : panel.queries) {
        ++queries;
        EXPECT_THAT(WithoutVariables(query.expr, absl::Hours(1), absl::Seconds(15)), Not(HasSubstr("$")));
      }
    }
  }
  EXPECT_GE(queries, 40u);
}

TEST(ModelTest, KnowsWhyAPanelMayBeEmpty) {
  Panel panel;
  panel.description = "Life of certificates. no data here: a farm of one machine has none.";
  EXPECT_EQ(panel.Excuse(), "a farm of one machine has none.");
  panel.description = "Life of certificates.";
  EXPECT_EQ(panel.Excuse(), "");
}

TEST(ModelTest, VariablesBecomeWhatPrometheusTakes) {
  EXPECT_EQ(WithoutVariables(R"(sum(rate(x{target=~"$target", worker=~"$worker"}[$__rate_interval])))", absl::Hours(1),
                             absl::Seconds(15)),
            R"(sum(rate(x{target=~".*", worker=~".*"}[60s])))");
  EXPECT_EQ(WithoutVariables("increase(x[$__range]) / rate(x[$__rate_interval])", absl::Hours(24), absl::Minutes(6)),
            "increase(x[86400s]) / rate(x[720s])");
}

TEST(ModelTest, RefusesWhatItWouldNotDraw) {
  EXPECT_TRUE(absl::IsInvalidArgument(ReadDashboard("{").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ReadDashboard("[]").status()));
  EXPECT_THAT(ReadDashboard(R"({"uid":"x","elements":{}})").status().message(), HasSubstr("classic model"));
  EXPECT_THAT(ReadDashboard(R"({"uid":"x","panels":[{"type":"heatmap","title":"h\u001b[2J"}]})").status().message(),
              HasSubstr("panel \"h\\x1b[2J\" is of type \"heatmap\""));
  EXPECT_THAT(ReadDashboard(R"({"uid":"x","panels":[{"type":"table","title":"t","targets":[{"expr":"x"}]}]})")
                  .status()
                  .message(),
              HasSubstr("joins by no label"));
}

}  // namespace
}  // namespace gofarm::dashboards
