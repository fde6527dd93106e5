// Readers without a thread: they are woken by their own log's growth and end, and by nobody else's.
#include "coordinator/service/log_tails.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

namespace gofarm::service {
namespace {

constexpr AttemptToken kOne{1}, kTwo{2};
constexpr JobId kJob{7};

class FakeLogs final : public blob::LogStore {
 public:
  absl::StatusOr<int64_t> StoredOffset(AttemptToken token) override {
    const absl::MutexLock lock(&mutex_);
    return static_cast<int64_t>(logs_[token].size());
  }
  absl::Status Append(AttemptToken token, int64_t, std::string_view data, Done) override {
    const absl::MutexLock lock(&mutex_);
    logs_[token] += data;
    return absl::OkStatus();
  }
  absl::StatusOr<blob::LogSlice> Read(AttemptToken token, int64_t offset, size_t limit) override {
    const absl::MutexLock lock(&mutex_);
    const std::string& log = logs_[token];
    blob::LogSlice slice;
    if (offset < static_cast<int64_t>(log.size())) slice.data = log.substr(static_cast<size_t>(offset), limit);
    slice.next_offset = offset + static_cast<int64_t>(slice.data.size());
    slice.at_end = slice.next_offset >= static_cast<int64_t>(log.size());
    return slice;
  }

 private:
  absl::Mutex mutex_;
  std::map<AttemptToken, std::string> logs_ ABSL_GUARDED_BY(mutex_);
};

class LogTailsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const AttemptToken token : {kOne, kTwo}) {
      board_.Started(token, {.id = JobId{token.value}, .module = "m", .version = "v"}, "w", absl::Now());
    }
    tails_ = std::make_unique<LogTails>(
        logs_, growth_, board_, [this](const Scope&, JobId, AttemptToken) -> absl::StatusOr<bool> {
          ++asked_;
          return store_status_.ok() ? absl::StatusOr<bool>(ended_.load()) : store_status_;
        });
  }
  void Grow(AttemptToken token, std::string_view data) {
    ASSERT_TRUE(logs_.Append(token, 0, data, nullptr).ok());
    growth_.Grew(token);
  }
  static bool Soon(const std::function<bool()>& holds, absl::Duration within = absl::Seconds(20)) {
    for (const absl::Time until = absl::Now() + within; absl::Now() < until;) {
      if (holds()) return true;
      absl::SleepFor(absl::Milliseconds(5));
    }
    return false;
  }

  FakeLogs logs_;
  LogGrowth growth_;
  ProgressBoard board_;
  std::atomic<int> asked_ = 0;
  std::atomic<bool> ended_ = false;
  absl::Status store_status_;
  std::unique_ptr<LogTails> tails_;
};

TEST_F(LogTailsTest, AFollowerIsWokenByItsOwnLogOnly) {
  std::atomic<int> one = 0, two = 0;
  const auto first = tails_->Open(kJob, kOne), second = tails_->Open(kJob, kTwo);
  first->OnNews([&] { ++one; });
  second->OnNews([&] { ++two; });
  EXPECT_EQ(tails_->followed(), 2u);
  Grow(kOne, "line\n");
  EXPECT_TRUE(Soon([&] { return one > 0; }));
  EXPECT_EQ(two, 0);
  const auto piece = first->Read(0, 100);
  ASSERT_TRUE(piece.ok()) << piece.status();
  EXPECT_EQ(piece->slice.data, "line\n");
  EXPECT_FALSE(piece->ended);
  EXPECT_EQ(asked_, 0) << "what the board knows runs";
}

TEST_F(LogTailsTest, TheEndOfAnAttemptIsToldOnceTheStoreKnowsIt) {
  std::atomic<int> woken = 0;
  const auto tail = tails_->Open(kJob, kOne), other = tails_->Open(kJob, kOne);
  tail->OnNews([&] { ++woken; });
  board_.Forget(kOne);
  EXPECT_TRUE(Soon([&] { return asked_ > 0; }));
  EXPECT_FALSE(tail->Read(0, 100)->ended) << "the store does not say so yet";
  ended_ = true;
  EXPECT_TRUE(Soon([&] { return woken > 0; }));
  EXPECT_TRUE(tail->Read(0, 100)->ended);
  const int asked = asked_;
  EXPECT_TRUE(other->Read(0, 100)->ended);
  EXPECT_EQ(asked_, asked) << "what ended is asked for no more";
}

TEST_F(LogTailsTest, AnEndThatOneFollowersReadingFindsIsToldToTheOthers) {
  std::atomic<int> woken = 0;
  const auto tail = tails_->Open(kJob, kOne), other = tails_->Open(kJob, kOne);
  tail->OnNews([&] { ++woken; });
  ended_ = true;
  board_.Forget(kOne);
  EXPECT_TRUE(other->Read(0, 100)->ended);
  EXPECT_TRUE(Soon([&] { return woken > 0; }, kTailStillThere / 4));
  absl::SleepFor(3 * kTailTick);
  EXPECT_EQ(woken, 1) << "once";
}

TEST_F(LogTailsTest, AnAttemptThatEndedLongAgoIsKnownAtTheFirstReading) {
  board_.Forget(kTwo);
  ended_ = true;
  Grow(kTwo, "all of it\n");
  const auto piece = tails_->Open(kJob, kTwo)->Read(0, 100);
  ASSERT_TRUE(piece.ok());
  EXPECT_TRUE(piece->ended);
  EXPECT_EQ(piece->slice.data, "all of it\n");
}

TEST_F(LogTailsTest, AStoreThatIsAwayIsAnErrorAndNoEnd) {
  board_.Forget(kTwo);
  store_status_ = absl::UnavailableError("database");
  EXPECT_TRUE(absl::IsUnavailable(tails_->Open(kJob, kTwo)->Read(0, 100).status()));
}

TEST_F(LogTailsTest, WhoLeavesIsForgotten) {
  auto tail = tails_->Open(kJob, kOne);
  tail->OnNews([] {});
  EXPECT_EQ(growth_.followed(), 1u);
  tail.reset();
  EXPECT_EQ(growth_.followed(), 0u);
  EXPECT_EQ(tails_->followed(), 0u);
}

TEST_F(LogTailsTest, TheEndOfAllWakesEveryoneAndReadersSaySo) {
  std::atomic<int> woken = 0;
  const auto tail = tails_->Open(kJob, kOne);
  tail->OnNews([&] { ++woken; });
  tails_.reset();
  EXPECT_EQ(woken, 1);
  EXPECT_TRUE(absl::IsUnavailable(tail->Read(0, 100).status()));
  EXPECT_EQ(growth_.followed(), 0u) << "nothing of it is used any more";
}

TEST_F(LogTailsTest, AWakeMayLetGoOfTheLastOfATail) {
  auto tail = tails_->Open(kJob, kOne);
  absl::Notification gone;
  tail->OnNews([&tail, &gone] {
    if (tail == nullptr) return;
    tail.reset();
    gone.Notify();
  });
  Grow(kOne, "x\n");
  EXPECT_TRUE(gone.WaitForNotificationWithTimeout(absl::Seconds(20)));
}

}  // namespace
}  // namespace gofarm::service
