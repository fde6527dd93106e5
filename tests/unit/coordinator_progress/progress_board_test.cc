// The board: every step of a job is published once, in order, and none that nobody reported.
#include "coordinator/service/progress_board.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace gofarm::service {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const domain::JobRef kJob = {JobId{7}, "example.com/m", "v1.0.0", Target::kX86_64};
const absl::Time kNoon = absl::FromUnixSeconds(1'700'000'000);

std::vector<std::string> Steps(const ProgressBoard& board, int64_t after = 0) {
  std::vector<std::string> out;
  for (const domain::JobEvent& e : board.Since(after, 1000)) {
    out.emplace_back(std::visit([](auto step) { return Name(step); }, e.step));
  }
  return out;
}

// A worker's report: what it does, the last of the phases it came to.
Progress In(std::vector<Phase> phases) {
  Progress p;
  p.phase = phases.back();
  p.phases = std::move(phases);
  return p;
}

void Start(ProgressBoard& board, int64_t token, const std::string& worker = "w1") {
  board.Started(AttemptToken{token}, kJob, worker, kNoon);
}

std::vector<domain::RunningJob> Running(const ProgressBoard& board) {
  return board.Running(100, [](const domain::RunningJob&) { return true; });
}

TEST(ProgressBoardTest, EachPhaseIsPublishedOnce) {
  ProgressBoard board;
  board.Publish(kJob, JobState::kQueued, "");
  Start(board, 1);
  Start(board, 1);
  for (int i = 0; i < 3; ++i) board.Report(AttemptToken{1}, "w1", In({Phase::kFetch}));
  board.Report(AttemptToken{1}, "w1", In({Phase::kFetch, Phase::kBuild}));
  board.Report(AttemptToken{1}, "w1", In({Phase::kFetch, Phase::kBuild, Phase::kCheck}));
  board.Ended(AttemptToken{1}, {Phase::kFetch, Phase::kBuild, Phase::kCheck}, JobState::kBuilt, "");
  EXPECT_THAT(Steps(board), ElementsAre("queued", "running", "fetch", "build", "check", "built"));
}

TEST(ProgressBoardTest, OneReportNamesThePhasesThatWentByUnseen) {
  ProgressBoard board;
  Start(board, 1);
  board.Report(AttemptToken{1}, "w1", In({Phase::kSeed, Phase::kFetch, Phase::kBuild}));
  EXPECT_THAT(Steps(board), ElementsAre("running", "seed", "fetch", "build"));
}

TEST(ProgressBoardTest, AQuickJobShowsThePhasesOfItsLastReport) {
  ProgressBoard board;
  Start(board, 1);
  board.Ended(AttemptToken{1}, {Phase::kFetch, Phase::kBuild, Phase::kCheck}, JobState::kBuilt, "");
  EXPECT_THAT(Steps(board), ElementsAre("running", "fetch", "build", "check", "built"));
}

TEST(ProgressBoardTest, WhatNobodyReportedIsNotPublished) {
  ProgressBoard board;
  Start(board, 1);
  board.Report(AttemptToken{1}, "w1", In({Phase::kBuild}));
  board.Ended(AttemptToken{1}, {}, JobState::kBuilt, "");
  EXPECT_THAT(Steps(board), ElementsAre("running", "build", "built"));
}

TEST(ProgressBoardTest, ReportsBetweenOfferAndAcceptAreKeptAndPublishedInOrder) {
  ProgressBoard board;
  board.Offered(AttemptToken{1}, kJob, "w1");
  EXPECT_THAT(Steps(board), IsEmpty()) << "an offer may be refused";
  EXPECT_TRUE(board.Report(AttemptToken{1}, "w1", In({Phase::kFetch})));
  EXPECT_FALSE(board.Report(AttemptToken{1}, "w2", In({Phase::kUpload}))) << "it was not offered to this one";
  EXPECT_EQ(board.Of(AttemptToken{1})->phase, Phase::kFetch);
  EXPECT_THAT(Running(board), IsEmpty());
  Start(board, 1);
  EXPECT_THAT(Steps(board), ElementsAre("running", "fetch"));
  ASSERT_EQ(Running(board).size(), 1u);
  EXPECT_EQ(Running(board)[0].started_at, kNoon);
}

TEST(ProgressBoardTest, AnEndThatOvertakesTheAcceptIsTheLastWord) {
  ProgressBoard board;
  board.Offered(AttemptToken{1}, kJob, "w1");
  board.Ended(AttemptToken{1}, {Phase::kFetch}, JobState::kFailed, "source_unavailable");
  Start(board, 1);  // the dispatcher takes the store's answer only now
  EXPECT_THAT(Steps(board), ElementsAre("running", "fetch", "failed"));
  EXPECT_THAT(Running(board), IsEmpty());
}

TEST(ProgressBoardTest, AnOfferThatWasRefusedMakesRoomForTheNextAndACancelEndsIt) {
  ProgressBoard board;
  board.Offered(AttemptToken{1}, kJob, "w1");
  board.Offered(AttemptToken{2}, kJob, "w2");
  EXPECT_FALSE(board.Of(AttemptToken{1}).has_value());
  EXPECT_TRUE(board.Of(AttemptToken{2}).has_value());
  Start(board, 1);  // late news
  EXPECT_THAT(Steps(board), IsEmpty());
  board.Publish(kJob, JobState::kCancelled, "");
  EXPECT_FALSE(board.Of(AttemptToken{2}).has_value());
  EXPECT_THAT(Steps(board), ElementsAre("cancelled"));
}

TEST(ProgressBoardTest, OnlySoManyOffersAreRemembered) {
  ProgressBoard board;
  for (int64_t n = 1; n <= static_cast<int64_t>(kBoardOffersMax) + 1; ++n) {
    board.Offered(AttemptToken{n}, {JobId{n}, "m", "v1.0.0", Target::kX86_64}, "w1");
  }
  EXPECT_FALSE(board.Of(AttemptToken{1}).has_value());
  EXPECT_TRUE(board.Of(AttemptToken{2}).has_value());
  board.Started(AttemptToken{1}, {JobId{1}, "m", "v1.0.0", Target::kX86_64}, "w1", kNoon);
  EXPECT_EQ(Running(board).size(), 1u) << "it is taken up again when it runs";
}

TEST(ProgressBoardTest, TheNewestEndsAreRemembered) {
  ProgressBoard board;
  const auto job = [](int64_t n) { return domain::JobRef{JobId{n}, "m", "v1.0.0", Target::kX86_64}; };
  for (int64_t n = 1; n <= static_cast<int64_t>(kBoardEndedMax) + 1; ++n) {
    board.Offered(AttemptToken{n}, job(n), "w1");
    board.Ended(AttemptToken{n}, {}, JobState::kBuilt, "");
  }
  board.Started(AttemptToken{2}, job(2), "w1", kNoon);
  EXPECT_THAT(Running(board), IsEmpty());
  board.Started(AttemptToken{1}, job(1), "w1", kNoon);
  EXPECT_EQ(Running(board).size(), 1u) << "only so many";
}

TEST(ProgressBoardTest, APhaseThatComesBackIsShownAndNotPublishedAgain) {
  ProgressBoard board;
  Start(board, 1);
  board.Report(AttemptToken{1}, "w1", In({Phase::kSeed, Phase::kFetch, Phase::kBuild}));
  Progress again = In({Phase::kSeed, Phase::kFetch, Phase::kBuild});
  again.phase = Phase::kSeed;  // C++ came up late: the build waits for another seed
  board.Report(AttemptToken{1}, "w1", again);
  EXPECT_EQ(board.Of(AttemptToken{1})->phase, Phase::kSeed);
  EXPECT_THAT(Steps(board), ElementsAre("running", "seed", "fetch", "build"));
}

TEST(ProgressBoardTest, LateReportsOfEndedAttemptsChangeNothing) {
  ProgressBoard board;
  Start(board, 1);
  board.Ended(AttemptToken{1}, {}, JobState::kFailed, "compile_error");
  board.Report(AttemptToken{1}, "w1", In({Phase::kBuild}));
  board.Ended(AttemptToken{1}, {Phase::kBuild}, JobState::kBuilt, "");
  board.Forget(AttemptToken{1});
  Start(board, 1);
  EXPECT_THAT(Steps(board), ElementsAre("running", "failed"));
  EXPECT_FALSE(board.Of(AttemptToken{1}).has_value());
}

TEST(ProgressBoardTest, OnlyTheWorkerThatRunsAnAttemptReportsItsProgress) {
  ProgressBoard board;
  Start(board, 1);
  EXPECT_TRUE(board.Report(AttemptToken{1}, "w1", In({Phase::kFetch})));
  EXPECT_FALSE(board.Report(AttemptToken{1}, "w2", In({Phase::kUpload})));
  EXPECT_EQ(board.Of(AttemptToken{1})->phase, Phase::kFetch);
  EXPECT_THAT(Steps(board), ElementsAre("running", "fetch"));
  EXPECT_TRUE(board.Report(AttemptToken{2}, "w2", In({Phase::kUpload})))
      << "of an unknown token: late or early, and no lie";
}

TEST(ProgressBoardTest, ALostAttemptsJobWaitsAgainOrItsEndIsInTheStore) {
  ProgressBoard board;
  Start(board, 1);
  board.Ended(AttemptToken{1}, {}, JobState::kQueued, "worker is gone");
  EXPECT_THAT(Running(board), IsEmpty());
  Start(board, 2, "w2");
  EXPECT_THAT(Steps(board), ElementsAre("running", "queued", "running"));
  board.Forget(AttemptToken{2});
  EXPECT_THAT(Running(board), IsEmpty());
  EXPECT_THAT(Steps(board), ElementsAre("running", "queued", "running"));
}

TEST(ProgressBoardTest, WhatRunsIsListedByTokenUpToALimit) {
  ProgressBoard board;
  for (int64_t n = 9; n > 0; --n) {
    board.Started(AttemptToken{n}, {JobId{n}, "m", "v1.0.0", Target::kX86_64}, "w1", kNoon);
  }
  const auto odd = [](const domain::RunningJob& running) { return running.job.id.value % 2 == 1; };
  const std::vector<domain::RunningJob> running = board.Running(2, odd);
  ASSERT_EQ(running.size(), 2u);
  EXPECT_EQ(running[0].token, AttemptToken{1});
  EXPECT_EQ(running[1].token, AttemptToken{3});
}

TEST(ProgressBoardTest, TheRingIsBoundedInBytesWhateverTheTextsAre) {
  ProgressBoard board;
  const std::string detail(4'096, 'x');
  const size_t rounds = 3 * kBoardEventBytesMax / detail.size();
  ASSERT_LT(rounds, kBoardEventsMax);
  for (size_t i = 0; i < rounds; ++i) board.Publish(kJob, JobState::kFailed, detail);
  EXPECT_LE(board.EventBytes(), kBoardEventBytesMax);
  EXPECT_GT(board.EventBytes(), kBoardEventBytesMax / 2);
  EXPECT_EQ(board.Newest(), static_cast<int64_t>(rounds));
  const auto held = board.Since(0, rounds);
  ASSERT_FALSE(held.empty());
  EXPECT_EQ(held.back().sequence, board.Newest()) << "the newest stay, without gaps";
  EXPECT_EQ(held.front().sequence, board.Newest() - static_cast<int64_t>(held.size()) + 1);
}

TEST(ProgressBoardTest, RingForgetsTheOldestAndReadersGoOn) {
  ProgressBoard board;
  for (size_t i = 0; i < kBoardEventsMax + 10; ++i) board.Publish(kJob, JobState::kQueued, "");
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
  Start(board, 1);
  board.Report(AttemptToken{1}, "w1", In({Phase::kBuild}));
  EXPECT_EQ(heard, 2);
  board.Unlisten(id);
  board.Ended(AttemptToken{1}, {}, JobState::kQueued, "");
  EXPECT_EQ(heard, 2);
}

TEST(ProgressBoardTest, ManyThreadsReportAtOnce) {
  ProgressBoard board;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      const AttemptToken token{t + 1};
      const domain::JobRef job = {JobId{t + 1}, "example.com/m", "v1.0.0", Target::kX86_64};
      board.Offered(token, job, "w");
      board.Started(token, job, "w", kNoon);
      for (int i = 0; i < 500; ++i) board.Report(token, "w", In({static_cast<Phase>(2 + i % 4)}));
      board.Ended(token, {}, JobState::kBuilt, "");
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(board.Newest(), 8 * 6);
}

}  // namespace
}  // namespace gofarm::service
