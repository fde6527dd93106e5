#include "cli/nearest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gofarm::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::vector<std::string> kVerbs = {"up",  "down",     "status", "submit", "batch",
                                         "job", "artifact", "worker", "logs"};

TEST(NearestTest, SlipsOfTheFingerFindTheirWord) {
  EXPECT_THAT(Nearest("sbumit", kVerbs), ElementsAre("submit"));
  EXPECT_THAT(Nearest("bacth", kVerbs), ElementsAre("batch"));
  EXPECT_THAT(Nearest("jobs", kVerbs), ElementsAre("job", "logs"));
}

TEST(NearestTest, ABeginningFindsAllThatBeginSo) { EXPECT_THAT(Nearest("s", kVerbs), ElementsAre("status", "submit")); }

TEST(NearestTest, OtherWordsFindNothing) {
  EXPECT_THAT(Nearest("deploy", kVerbs), IsEmpty());
  EXPECT_THAT(Nearest("", kVerbs), IsEmpty());
  EXPECT_THAT(Nearest(std::string(100000, 'b'), kVerbs), IsEmpty());
}

}  // namespace
}  // namespace gofarm::cli
