#include "coordinator/rpc/convert.h"

#include <gmock/gmock.h>
#include <gofarm/v1/farm.pb.h>
#include <gtest/gtest.h>

namespace gofarm::rpc {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

domain::Job JobWithGoMods(int attempts, size_t go_mod_bytes) {
  domain::Job job{.id = JobId{1}};
  for (int i = 1; i <= attempts; ++i) {
    domain::Attempt attempt{.token = AttemptToken{i}};
    attempt.report.variants = {{.variant = "install", .argv = {"go"}},
                               {.variant = "source", .argv = {"go"}, .go_mod = std::string(go_mod_bytes, 'x')}};
    job.attempts.push_back(std::move(attempt));
  }
  return job;
}

TEST(JobToProtoTest, AJobThatFitsIsWhole) {
  v1::Job out;
  ToProto(domain::JobView{.job = JobWithGoMods(6, 1000)}, out);
  ASSERT_THAT(out.attempts(), SizeIs(6));
  EXPECT_THAT(out.attempts(0).variants(1).go_mod(), SizeIs(1000));
  EXPECT_THAT(out.attempts(0).omitted(), IsEmpty());
}

TEST(JobToProtoTest, AJobThatDoesNotFitSaysWhatItLeavesOut) {
  v1::Job out;
  ToProto(domain::JobView{.job = JobWithGoMods(6, 1 << 20)}, out);
  EXPECT_LE(out.ByteSizeLong(), kRowBytesMax);
  ASSERT_THAT(out.attempts(), SizeIs(6));
  const v1::Attempt& first = out.attempts(0);
  EXPECT_THAT(first.variants(1).go_mod(), IsEmpty());
  EXPECT_THAT(first.variants(1).argv(), SizeIs(1)) << "what need not go stays";
  ASSERT_THAT(first.omitted(), SizeIs(1));
  EXPECT_EQ(first.omitted(0).part(), v1::REPORT_PART_GO_MOD);
  EXPECT_EQ(first.omitted(0).items(), 1);
  const v1::Attempt& last = out.attempts(5);
  EXPECT_THAT(last.variants(1).go_mod(), SizeIs(1 << 20));
  EXPECT_THAT(last.omitted(), IsEmpty());
}

}  // namespace
}  // namespace gofarm::rpc
