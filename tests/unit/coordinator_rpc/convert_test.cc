#include "coordinator/rpc/convert.h"

#include <gmock/gmock.h>
#include <gofarm/v1/farm.pb.h>
#include <gtest/gtest.h>

#include <utility>

#include "absl/time/clock.h"
#include "common/base/text.h"

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

TEST(JobToProtoTest, AJobOfTooManyProgramsShowsThoseThatFitAndCountsTheOthers) {
  constexpr int kPrograms = 4'096;
  domain::Job job = JobWithGoMods(1, 10);
  for (int i = 0; i < kPrograms; ++i) {
    job.executables.push_back({.name = std::string(1'000, 'n'), .import_path = std::string(1'000, 'p')});
    job.failed_programs.push_back(
        {.import_path = std::string(1'000, 'p'), .name = "n", .failure_detail = std::string(4'096, 'd')});
  }
  v1::Job out;
  ToProto(domain::JobView{.job = std::move(job)}, out);
  EXPECT_LE(out.ByteSizeLong(), kRowBytesMax);
  EXPECT_GT(out.executables_size(), 1'000) << "what was built is shown before what failed";
  ASSERT_EQ(out.attempts(0).omitted_size(), 4);
  EXPECT_EQ(out.attempts(0).omitted(3).part(), v1::REPORT_PART_PROGRAMS);
  EXPECT_EQ(out.attempts(0).omitted(3).items(), 2 * kPrograms - out.executables_size() - out.failed_programs_size());
}

TEST(JobToProtoTest, AJobOfManyBatchesNamesTheFirst) {
  domain::Job job{.id = JobId{1}};
  for (int64_t i = 1; i <= 500'000; ++i) job.batches.push_back(BatchId{i});
  v1::Job out;
  ToProto(domain::JobView{.job = std::move(job)}, out);
  EXPECT_THAT(out.batch_ids(), SizeIs(kBatchesShownMax));
}

TEST(WorkerToProtoTest, AWorkerThatRunsTooMuchForAMessageSaysHowManyJobsAreNotShown) {
  domain::WorkerView view{.name = "w"};
  for (int64_t i = 1; i <= 1'024; ++i) {
    domain::RunningJob running{.token = AttemptToken{i}, .worker = "w"};
    running.job.module = std::string(4'096, 'm');
    running.progress = {.phase = Phase::kBuild, .detail = std::string(4'096, 'd')};
    view.running.push_back(std::move(running));
  }
  v1::WorkerRow out;
  ToProto(view, absl::Now(), out);
  EXPECT_LE(out.ByteSizeLong(), kRowBytesMax);
  EXPECT_GT(out.running_size(), 500);
  EXPECT_EQ(out.running(0).progress().phase(), v1::PHASE_BUILD);
  EXPECT_EQ(out.detail(), Cat(1'024 - out.running_size(), " of the jobs it runs are not shown"));
  view.running.resize(600);
  v1::WorkerRow whole;
  ToProto(view, absl::Now(), whole);
  EXPECT_EQ(whole.running_size(), 600) << "without their details all of them fit";
  EXPECT_EQ(whole.detail(), "");
}

}  // namespace
}  // namespace gofarm::rpc
