#include "cli/updates_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gofarm::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const absl::Time kNoon = absl::FromCivil(absl::CivilHour(2026, 11, 30, 12), absl::UTCTimeZone());

TEST(UpdatesTextTest, SaysWhatWaitsUntilWhenAndWhy) {
  const catalog::UpdatesView view{.on = true,
                                  .running = true,
                                  .per_day = 5,
                                  .used_today = 2,
                                  .left_today = 3,
                                  .waiting_total = 4,
                                  .waiting = {{.module = "example.com/m",
                                               .published = "v1.0.0",
                                               .version = "v1.1.0",
                                               .state = "waits",
                                               .reason = "the delay of updates",
                                               .until = kNoon,
                                               .targets = {}},
                                              {.module = "example.com/n",
                                               .published = "",
                                               .version = "v1.1.0",
                                               .state = "waits",
                                               .reason = "not looked into \x1b[2Jyet",
                                               .until = std::nullopt,
                                               .targets = {}}},
                                  .queued = {{.module = "example.com/o",
                                              .version = "v2.0.0",
                                              .targets = {Target::kX86_64, Target::kRiscv64},
                                              .batch_id = 7,
                                              .detail = "",
                                              .queued_at = kNoon}},
                                  .retracted = {{"example.com/p", "v1.0.1", "leaks keys"}}};
  const std::string text = UpdatesText(view, Terminal{});
  for (const char* part :
       {"v1.1.0", "the delay of updates", "2026-11-30", "something changes", "and 2 more\n", "example.com/o@v2.0.0",
        "x86_64 riscv64", "example.com/p@v1.0.1", "leaks keys", "budget of the day: 2 of 5 used, 3 left\n"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
  EXPECT_THAT(text, Not(HasSubstr("\x1b[2J")));
  EXPECT_THAT(text, Not(HasSubstr("paused")));
}

TEST(UpdatesTextTest, SaysWhyNothingHappensByItself) {
  EXPECT_THAT(UpdatesText({.on = false}, Terminal{}), HasSubstr("updates = false"));
  EXPECT_THAT(UpdatesText({.on = true, .running = false}, Terminal{}), HasSubstr("gofarm catalog run select"));
}

}  // namespace
}  // namespace gofarm::cli
