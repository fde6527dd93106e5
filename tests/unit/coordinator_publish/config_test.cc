// The table [publish] of the configuration: what is refused, and by which words.
#include "coordinator/publish/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/text.h"

namespace gofarm::publish {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<Config> Load(std::string_view text) {
  config::Table table = config::Table::Parse(text, "coordinator.toml");
  Config config = LoadConfig(table, [](const std::string&) { return absl::OkStatus(); });
  if (const absl::Status good = table.Finish(); !good.ok()) return good;
  return config;
}

TEST(PublishConfigTest, AShareOfRecipesIsBuiltAgain) {
  EXPECT_EQ(Load("")->rebuild_share, 0.01);
  EXPECT_EQ(Load("[publish]\nrebuild_share = 0\n")->rebuild_share, 0);
  EXPECT_EQ(Load("[publish]\nrebuild_share = 1\n")->rebuild_share, 1);
  EXPECT_EQ(Load("[publish]\nrebuild_share = 0.25\n")->rebuild_share, 0.25);
  for (const char* wrong : {"-0.1", "1.01", "nan", "inf", "\"0.5\"", "true"}) {
    const absl::StatusOr<Config> refused = Load(Cat("[publish]\nrebuild_share = ", wrong, "\n"));
    EXPECT_TRUE(absl::IsInvalidArgument(refused.status())) << wrong;
    EXPECT_THAT(std::string(refused.status().message()), HasSubstr("rebuild_share")) << wrong;
  }
}

}  // namespace
}  // namespace gofarm::publish
