// The selection down to the batch that it makes.
#include "tests/pg/selector_fixture.h"

namespace gofarm::catalog {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

TEST_F(SelectorTest, OnlyTargetsThatAreForecastAsBuildableBecomeJobs) {
  AddProgram(1, "example.com/all", 15);
  AddProgram(2, "example.com/two", 0b0011);
  AddProgram(3, "example.com/none", 0);
  const SelectionResult dry = Select(false);
  EXPECT_EQ(dry.modules, 2);
  EXPECT_EQ(dry.waiting, 2);
  EXPECT_EQ(dry.jobs, 6);
  EXPECT_EQ(dry.batch_id, 0);
  const SelectionResult made = Select(true);
  EXPECT_EQ(made.submitted, 2);
  EXPECT_EQ(made.jobs, dry.jobs) << "as was said before";
  EXPECT_THAT(JobsOf(BatchId{made.batch_id}), SizeIs(6));
  EXPECT_EQ(Count("SELECT count(*) FROM jobs WHERE module = 'example.com/two' AND target > 2"), 0);
  const SelectionResult after = Select(false);
  EXPECT_EQ(after.modules, 2);
  EXPECT_EQ(after.waiting, 0);
  EXPECT_EQ(after.jobs, 0);
}

TEST_F(SelectorTest, OneVersionThatIsGoneIsLeftOutWithItsReason) {
  AddProgram(1, "example.com/gone", 1);
  AddProgram(2, "example.com/there", 1);
  proxy_.gone = "example.com/gone";
  const SelectionResult made = Select(true);
  EXPECT_NE(made.batch_id, 0);
  EXPECT_EQ(made.modules, 1);
  EXPECT_EQ(made.submitted, 1);
  EXPECT_EQ(made.left_out, 1);
  EXPECT_EQ(made.jobs, 1);
  // Labels would say which workers may build it: any may.
  EXPECT_EQ(Sql("SELECT labels::text FROM batches"), "{}");
  EXPECT_EQ(made.reasons.at("left out of the batch"), 1);
  EXPECT_EQ(made.reasons.at("selected: more than 2 stars"), 1);
  EXPECT_THAT(ReasonOf("example.com/gone"), HasSubstr("does not know this version"));
  const SelectionResult dry = Select(false);
  EXPECT_EQ(dry.waiting, 0) << "it is not asked for again before reach looked at it";
  EXPECT_THAT(ReasonOf("example.com/gone"), HasSubstr("does not know this version"));
}

TEST_F(SelectorTest, WhenAllAreGoneNoBatchIsMade) {
  AddProgram(1, "example.com/gone", 1);
  proxy_.gone = "example.com/gone";
  const SelectionResult made = Select(true);
  EXPECT_EQ(made.batch_id, 0);
  EXPECT_EQ(made.left_out, 1);
  EXPECT_EQ(made.modules, 0);
  EXPECT_EQ(made.reasons.count("selected: more than 2 stars"), 0u);
}

TEST_F(SelectorTest, ARepeatedRequestGetsTheFirstBatchAndMarksNothing) {
  AddProgram(1, "example.com/a", 1);
  const SelectionResult first = Select(true, "same");
  AddProgram(2, "example.com/b", 1);
  const SelectionResult second = Select(true, "same");
  EXPECT_EQ(second.batch_id, first.batch_id);
  EXPECT_EQ(second.submitted, 1);
  EXPECT_EQ(second.jobs, 1);
  EXPECT_THAT(*store_->NotSubmitted(Now(), 10, false), SizeIs(1)) << "what came since is in no batch";
}

}  // namespace
}  // namespace gofarm::catalog
