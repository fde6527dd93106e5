// The keys of [catalog] about automatic updates.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/config/table.h"
#include "coordinator/catalog/config.h"

namespace gofarm::catalog {
namespace {

using ::testing::HasSubstr;

struct Loaded {
  Config config;
  absl::Status faults;
};
Loaded Load(const std::string& text) {
  config::Table table = config::Table::Parse(text, "c.toml");
  Loaded loaded;
  loaded.config = LoadConfig(table);
  loaded.faults = table.Finish();
  return loaded;
}

TEST(UpdateConfigTest, UpdatesAreOnWithADelayAndWithoutPreReleases) {
  const Loaded loaded = Load("");
  EXPECT_TRUE(loaded.faults.ok()) << loaded.faults;
  EXPECT_TRUE(loaded.config.updates.on);
  EXPECT_EQ(loaded.config.updates.delay, absl::Hours(1));
  EXPECT_FALSE(loaded.config.updates.prereleases);
}

TEST(UpdateConfigTest, EachKeyIsTaken) {
  const Loaded loaded = Load(
      "[catalog]\nupdates = false\nupdates_delay = \"30m\"\nupdates_prereleases = true\nauto_select_per_day = 7\n");
  EXPECT_TRUE(loaded.faults.ok()) << loaded.faults;
  EXPECT_FALSE(loaded.config.updates.on);
  EXPECT_EQ(loaded.config.updates.delay, absl::Minutes(30));
  EXPECT_TRUE(loaded.config.updates.prereleases);
  EXPECT_EQ(loaded.config.auto_select_per_day, 7);
}

TEST(UpdateConfigTest, WhatIsWrongIsNamed) {
  EXPECT_THAT(std::string(Load("[catalog]\nupdates_delay = \"soon\"\n").faults.message()), HasSubstr("updates_delay"));
  EXPECT_THAT(std::string(Load("[catalog]\nupdates_delay = \"-1h\"\n").faults.message()), HasSubstr("updates_delay"));
  EXPECT_THAT(std::string(Load("[catalog]\nupdates = \"yes\"\n").faults.message()), HasSubstr("updates"));
  EXPECT_THAT(std::string(Load("[catalog]\nupdates_a_day = 3\n").faults.message()), HasSubstr("updates_a_day"));
}

}  // namespace
}  // namespace gofarm::catalog
