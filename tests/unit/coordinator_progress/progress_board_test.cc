// The board: every step of a job is told once, in order, however quick or disordered its reports come.
#include "coordinator/service/progress_board.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "coordinator/service/attempt_service.h"

namespace gofarm::service {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const BoardJob kJob = {JobId{7}, "example.com/m", "v1.0.0", Target::kX86_64};

std::vector<std::string> Steps(const ProgressBoard& board, int64_t after = 0) {
  std::vector<std::string> out;
  for (const BoardEvent& e : board.Since(after, 1000)) out.push_back(e.what);
  return out;
}

LiveProgress In(Phase phase) {
  LiveProgress p;
  p.phase = phase;
  return p;
}

TEST(ProgressBoardTest, EachPhaseIsToldOnce) {
  ProgressBoard board;
  board.Tell(kJob, "queued", "");
  board.Started(AttemptToken{1}, kJob, "w1");
  board.Started(AttemptToken{1}, kJob, "w1");
  for (int i = 0; i < 3; ++i) board.Report(AttemptToken{1}, "w1", In(Phase::kFetch));
  board.Report(AttemptToken{1}, "w1", In(Phase::kBuild));
  board.Report(AttemptToken{1}, "w1", In(Phase::kCheck));
  board.Ended(AttemptToken{1}, {Phase::kFetch, Phase::kBuild, Phase::kCheck}, JobState::kBuilt, "");
  EXPECT_THAT(Steps(board), ElementsAre("queued", "running", "fetch", "build", "check", "built"));
}

TEST(ProgressBoardTest, QuickJobShowsThePhasesThatNobodyReported) {
  ProgressBoard board;
  board.Started(AttemptToken{1}, kJob, "w1");
  board.Ended(AttemptToken{1}, {Phase::kFetch, Phase::kBuild, Phase::kCheck}, JobState::kBuilt, "");
  EXPECT_THAT(Steps(board), ElementsAre("running", "fetch", "build", "check", "built"));
}

TEST(ProgressBoardTest, LostFirstReportIsMadeUp) {
  ProgressBoard board;
  board.Report(AttemptToken{1}, "w1", In(Phase::kFetch));  // before its Accept is stored
  board.Started(AttemptToken{1}, kJob, "w1");
  board.Report(AttemptToken{1}, "w1", In(Phase::kBuild));
  EXPECT_THAT(Steps(board), ElementsAre("running", "fetch", "build"));
}

TEST(ProgressBoardTest, NoPhaseIsToldAfterALaterOne) {
  ProgressBoard board;
  board.Report(AttemptToken{1}, "w1", In(Phase::kSeed));  // before its Accept is stored
  board.Started(AttemptToken{1}, kJob, "w1");
  board.Report(AttemptToken{1}, "w1", In(Phase::kUpload));
  board.Report(AttemptToken{1}, "w1", In(Phase::kSeed));  // C++ came up late: the build waits for another seed
  EXPECT_EQ(board.Of(AttemptToken{1})->phase, Phase::kSeed) << "what it does now is shown all the same";
  board.Ended(AttemptToken{1}, {Phase::kSeed, Phase::kFetch, Phase::kBuild, Phase::kCheck, Phase::kUpload},
              JobState::kBuilt, "");
  EXPECT_THAT(Steps(board), ElementsAre("running", "fetch", "build", "check", "upload", "built"));
}

TEST(ProgressBoardTest, LateReportsOfEndedAttemptsChangeNothing) {
  ProgressBoard board;
  board.Started(AttemptToken{1}, kJob, "w1");
  board.Ended(AttemptToken{1}, {}, JobState::kFailed, "compile_error");
  board.Report(AttemptToken{1}, "w1", In(Phase::kBuild));
  board.Ended(AttemptToken{1}, {Phase::kBuild}, JobState::kBuilt, "");
  board.Lost(AttemptToken{1}, "gone");
  EXPECT_THAT(Steps(board), ElementsAre("running", "failed"));
  EXPECT_FALSE(board.Of(AttemptToken{1}).has_value());
}

TEST(ProgressBoardTest, OnlyTheWorkerThatRunsAnAttemptReportsItsProgress) {
  ProgressBoard board;
  board.Started(AttemptToken{1}, kJob, "w1");
  EXPECT_TRUE(board.Report(AttemptToken{1}, "w1", In(Phase::kFetch)));
  EXPECT_FALSE(board.Report(AttemptToken{1}, "w2", In(Phase::kUpload)));
  EXPECT_EQ(board.Of(AttemptToken{1})->phase, Phase::kFetch);
  EXPECT_THAT(Steps(board), ElementsAre("running", "fetch"));
  EXPECT_TRUE(board.Report(AttemptToken{2}, "w2", In(Phase::kUpload)))
      << "of an unknown token: late or early, and no lie";
}

TEST(ProgressBoardTest, LostAttemptWaitsAgain) {
  ProgressBoard board;
  board.Started(AttemptToken{1}, kJob, "w1");
  EXPECT_EQ(board.RunningOn("w1").size(), 1u);
  board.Lost(AttemptToken{1}, "worker is gone");
  EXPECT_THAT(board.RunningOn("w1"), IsEmpty());
  board.Started(AttemptToken{2}, kJob, "w2");
  EXPECT_THAT(Steps(board), ElementsAre("running", "queued", "running"));
}

// The worker ends an attempt as cancelled; what the store made of it is `result`.
BoardEvent EndOf(const domain::CompleteResult& result) {
  ProgressBoard board;
  board.Started(AttemptToken{1}, kJob, "w1");
  TellEnd(board, {.token = AttemptToken{1}, .job = JobId{7}, .outcome = AttemptOutcome::kCancelled}, result);
  EXPECT_FALSE(board.Of(AttemptToken{1}).has_value());
  return board.Since(board.Newest() - 1, 1).at(0);
}

TEST(ProgressBoardTest, AnEndIsShownAsItWasRecordedNotAsItsWorkerToldIt) {
  domain::CompleteResult result{.outcome = domain::CompleteOutcome::kEnded,
                                .job_state = JobState::kQueued,
                                .recorded = AttemptOutcome::kFailed,
                                .recorded_failure = FailureClass::kInternal};
  EXPECT_EQ(EndOf(result).what, "queued");
  EXPECT_EQ(EndOf(result).detail, "again: its worker ended it unasked");
  result.job_state = JobState::kFailed;  // no try is left
  EXPECT_EQ(EndOf(result).what, "failed");
  EXPECT_EQ(EndOf(result).detail, "internal");
  result = {.outcome = domain::CompleteOutcome::kEnded,
            .job_state = JobState::kCancelled,
            .recorded = AttemptOutcome::kCancelled};
  EXPECT_EQ(EndOf(result).what, "cancelled");
  EXPECT_EQ(EndOf(result).detail, "");
}

TEST(ProgressBoardTest, RingForgetsTheOldestAndReadersGoOn) {
  ProgressBoard board;
  for (size_t i = 0; i < kBoardEventsMax + 10; ++i) board.Tell(kJob, i < 20 ? "old" : "new", "");
  EXPECT_EQ(board.Newest(), static_cast<int64_t>(kBoardEventsMax) + 10);
  EXPECT_EQ(board.Since(0, 1).at(0).sequence, 11);
  EXPECT_EQ(board.Since(board.Newest() - 2, 100).size(), 2u);
  EXPECT_THAT(board.Since(board.Newest(), 100), IsEmpty());
  EXPECT_THAT(board.Since(board.Newest() + 5, 100), IsEmpty());
}

TEST(ProgressBoardTest, ListenersHearEveryChangeUntilTheyLeave) {
  ProgressBoard board;
  int heard = 0;
  const int64_t id = board.Listen([&] { ++heard; });
  board.Started(AttemptToken{1}, kJob, "w1");
  board.Report(AttemptToken{1}, "w1", In(Phase::kBuild));
  EXPECT_EQ(heard, 2);
  board.Unlisten(id);
  board.Lost(AttemptToken{1}, "");
  EXPECT_EQ(heard, 2);
}

TEST(ProgressBoardTest, ManyThreadsReportAtOnce) {
  ProgressBoard board;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      const AttemptToken token{t + 1};
      board.Started(token, kJob, "w");
      for (int i = 0; i < 500; ++i) board.Report(token, "w", In(static_cast<Phase>(2 + i % 4)));
      board.Ended(token, {}, JobState::kBuilt, "");
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(board.Newest(), 8 * 6);
}

}  // namespace
}  // namespace gofarm::service
