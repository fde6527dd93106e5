#include "coordinator/service/audit_log.h"

#include <gtest/gtest.h>

#include "common/base/text.h"

namespace gofarm::service {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

TEST(RefusalFilterTest, OneAddressTakesNoOthersPlace) {
  RefusalFilter filter;
  int passed = 0;
  for (int i = 0; i < 1'000; ++i) passed += filter.Pass("10.0.0.1", kNow) ? 1 : 0;
  EXPECT_EQ(passed, kOriginBurst);
  EXPECT_TRUE(filter.Pass("10.0.0.2", kNow));
  EXPECT_FALSE(filter.Pass("10.0.0.1", kNow + absl::Seconds(9)));
  EXPECT_TRUE(filter.Pass("10.0.0.1", kNow + absl::Seconds(10)));
}

TEST(RefusalFilterTest, AllOfThemAreBoundedTogetherAndSoIsTheMemory) {
  RefusalFilter filter;
  int passed = 0;
  for (int i = 0; i < 5'000; ++i) passed += filter.Pass(Cat("host-", i), kNow) ? 1 : 0;
  EXPECT_EQ(passed, kRefusalBurst);
  // A minute later there is room for sixty, of old and of new addresses.
  passed = 0;
  for (int i = 4'000; i < 6'000; ++i) passed += filter.Pass(Cat("host-", i), kNow + absl::Minutes(1)) ? 1 : 0;
  EXPECT_EQ(passed, kRefusalBurst);
}

}  // namespace
}  // namespace gofarm::service
