#include "common/wire/report.h"

#include <gofarm/v1/worker.pb.h>
#include <gtest/gtest.h>

#include "tests/unit/wire/fill_all.h"

namespace gofarm::wire {
namespace {

TEST(ReportTest, NoFieldIsForgottenOnTheWayToTheVocabularyAndBack) {
  v1::CompleteRequest sent;
  int values = 0;
  FillAll(sent, values);
  ASSERT_GT(values, 80) << "every field of every message in it";
  v1::CompleteRequest back;
  back.set_token(sent.token());
  back.set_job_id(sent.job_id());
  ToProto(ReportFromProto(sent), back);
  EXPECT_EQ(DifferenceOf(sent, back), "");
}

TEST(ReportTest, ValuesOutsideOfTheirSetsArriveForTheRuleToJudge) {
  v1::CompleteRequest sent;
  sent.set_outcome(static_cast<v1::AttemptOutcome>(50));
  sent.add_phases()->set_phase(static_cast<v1::Phase>(-3));
  const AttemptReport report = ReportFromProto(sent);
  EXPECT_EQ(static_cast<int>(report.outcome), 50);
  EXPECT_EQ(static_cast<int>(report.phases.at(0).phase), -3);
}

}  // namespace
}  // namespace gofarm::wire
