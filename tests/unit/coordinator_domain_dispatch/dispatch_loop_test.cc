// The loop with its real threads over the store in memory: what goes in as events comes out as messages on streams.
#include "coordinator/service/dispatch_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <optional>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "common/base/text.h"
#include "coordinator/service/store_lane.h"
#include "tests/support/fake_clock.h"
#include "tests/support/memory_dispatch_store.h"

namespace gofarm::service {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(20);

// MemoryDispatchStore behind one lock: the loop's thread and the test both use it.
class LockedStore : public domain::DispatchStore {
 public:
  explicit LockedStore(const Clock& clock) : store_(clock) {}

  template <typename Fn>
  auto With(Fn fn) {
    const absl::MutexLock lock(&mutex_);
    return fn(store_);
  }

  // As another coordinator that took over; its epoch.
  int64_t Lead() {
    return With(
        [&](auto& m) { return m.Take(Scope{}, {.id = "one", .holder = ""}, leadership::kLease)->leader.epoch; });
  }
  absl::Status ResetLeasesAtStart(const Scope& s, int64_t epoch, absl::Duration lease) override {
    return With([&](auto& m) { return m.ResetLeasesAtStart(s, epoch, lease); });
  }
  absl::Status ExtendLeases(const Scope& s, int64_t epoch, absl::Duration lease) override {
    return With([&](auto& m) { return m.ExtendLeases(s, epoch, lease); });
  }
  absl::StatusOr<domain::LoadedQueue> LoadQueue(const Scope& s, JobId after, int limit) override {
    return With([&](auto& m) { return m.LoadQueue(s, after, limit); });
  }
  absl::StatusOr<std::vector<domain::ClaimResult>> ClaimOffers(const Scope& s, int64_t epoch,
                                                               const std::vector<domain::ClaimRequest>& c) override {
    return With([&](auto& m) { return m.ClaimOffers(s, epoch, c); });
  }
  absl::StatusOr<std::vector<domain::ClaimState>> ReadClaims(const Scope& s, const std::vector<JobId>& j) override {
    return With([&](auto& m) { return m.ReadClaims(s, j); });
  }
  absl::StatusOr<std::vector<domain::AcceptOutcome>> AcceptOffers(const Scope& s, int64_t epoch,
                                                                  const std::vector<domain::OfferRef>& o) override {
    return With([&](auto& m) { return m.AcceptOffers(s, epoch, o); });
  }
  absl::StatusOr<std::vector<domain::ReturnOutcome>> ReturnOffers(const Scope& s, int64_t epoch,
                                                                  const std::vector<domain::OfferRef>& o) override {
    return With([&](auto& m) { return m.ReturnOffers(s, epoch, o); });
  }
  absl::StatusOr<domain::OpenedSession> OpenSession(const Scope& s, int64_t epoch, const domain::SessionRequest& r,
                                                    absl::Duration lease) override {
    return With([&](auto& m) { return m.OpenSession(s, epoch, r, lease); });
  }
  absl::StatusOr<std::vector<SessionId>> RenewSessions(const Scope& s, int64_t epoch, const std::vector<SessionId>& ids,
                                                       absl::Duration lease) override {
    return With([&](auto& m) { return m.RenewSessions(s, epoch, ids, lease); });
  }
  absl::StatusOr<domain::ExpiredSessions> ExpireSessions(const Scope& s, int64_t epoch) override {
    return With([&](auto& m) { return m.ExpireSessions(s, epoch); });
  }
  absl::StatusOr<domain::ExpiredSessions> EndSessions(const Scope& s, int64_t epoch,
                                                      const std::vector<SessionId>& ids) override {
    return With([&](auto& m) { return m.EndSessions(s, epoch, ids); });
  }
  absl::StatusOr<std::vector<domain::LostAttempt>> LoseAttempts(const Scope& s, int64_t epoch,
                                                                const std::vector<AttemptToken>& t) override {
    return With([&](auto& m) { return m.LoseAttempts(s, epoch, t); });
  }
  domain::CompleteResult Complete(const domain::CompletedAttempt& c) {
    return With([&](auto& m) { return m.Complete(c); });
  }

 private:
  absl::Mutex mutex_;
  testing::MemoryDispatchStore store_ ABSL_GUARDED_BY(mutex_);
};

// Keeps what was sent; Next waits for the next message of one kind and passes over others.
class Streams final : public SessionSink {
 public:
  void Send(dispatch::StreamId stream, int64_t, dispatch::SessionMessage message) override {
    const absl::MutexLock lock(&mutex_);
    sent_.emplace_back(stream, std::move(message));
  }
  void Close(dispatch::StreamId stream, const absl::Status& why) override {
    const absl::MutexLock lock(&mutex_);
    closed_.emplace_back(stream, why);
  }
  template <typename M>
  std::optional<std::pair<dispatch::StreamId, M>> Next() {
    // Pure: the mutex may evaluate it in any thread.
    const auto of_kind = [](const auto& sent) { return std::holds_alternative<M>(sent.second); };
    const auto there = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return std::any_of(sent_.begin(), sent_.end(), of_kind);
    };
    const absl::MutexLock lock(&mutex_);
    if (!mutex_.AwaitWithTimeout(absl::Condition(&there), kPatience)) return std::nullopt;
    const auto it = std::find_if(sent_.begin(), sent_.end(), of_kind);
    std::pair<dispatch::StreamId, M> found(it->first, std::get<M>(it->second));
    sent_.erase(it);
    return found;
  }
  absl::Status ReasonOf(dispatch::StreamId stream) {
    const auto is_it = [&](const auto& closed) { return closed.first == stream; };
    const auto there = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return std::any_of(closed_.begin(), closed_.end(), is_it);
    };
    const absl::MutexLock lock(&mutex_);
    if (!mutex_.AwaitWithTimeout(absl::Condition(&there), kPatience)) {
      return absl::DeadlineExceededError("the stream was not closed");
    }
    return std::find_if(closed_.begin(), closed_.end(), is_it)->second;
  }

 private:
  absl::Mutex mutex_;
  std::deque<std::pair<dispatch::StreamId, dispatch::SessionMessage>> sent_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::pair<dispatch::StreamId, absl::Status>> closed_ ABSL_GUARDED_BY(mutex_);
};

class DispatchLoopTest : public ::testing::Test, public DispatchObserver {
 protected:
  void SetUp() override {
    DispatchLoopOptions options;
    options.toolsets = std::make_shared<const std::vector<Toolset>>(1, Toolset{.name = "t"});
    loop_.emplace(options, store_, streams_, clock_);
    loop_->Observe(*this);
    loop_->OnLeadershipLost([this](const absl::Status&) {
      if (!leadership_lost_.HasBeenNotified()) leadership_lost_.Notify();
    });
    ASSERT_TRUE(loop_->Start(Scope::For(kPatience), store_.Lead()).ok());
  }

  void Offered(AttemptToken token, const domain::QueuedJob&, const std::string& worker) override {
    const absl::MutexLock lock(&mutex_);
    offered_.emplace_back(token, worker);
  }
  void Running(AttemptToken token, const domain::QueuedJob&, const std::string&, absl::Time) override {
    const absl::MutexLock lock(&mutex_);
    running_.push_back(token);
  }
  void Lost(AttemptToken, JobState, const std::string&) override {}
  void LostUnseen(const domain::LostAttempt&) override {}

  JobId AddJob(const std::string& module) {
    return store_.With([&](testing::MemoryDispatchStore& m) {
      return m.AddJob({.module = module, .version = "v1.0.0", .toolset = "t", .queued_at = clock_.Now()});
    });
  }
  JobState StateOf(JobId job) {
    return store_.With([&](testing::MemoryDispatchStore& m) { return m.jobs().at(job).state; });
  }
  dispatch::StreamId Worker(const std::string& name, std::vector<AnnouncedAttempt> attempts = {}) {
    const dispatch::StreamId stream = loop_->NewStream();
    EXPECT_TRUE(loop_
                    ->Post(dispatch::HelloReceived{stream,
                                                   {.name = name,
                                                    .instance = "i",
                                                    .host_arch = "x86_64",
                                                    .pid = 5,
                                                    .targets = {Target::kX86_64},
                                                    .slots = 1,
                                                    .attempts = std::move(attempts)}})
                    .ok());
    const auto welcome = streams_.Next<dispatch::Welcome>();
    EXPECT_TRUE(welcome.has_value());
    if (welcome) {
      EXPECT_EQ(welcome->second.toolsets->at(0).name, "t");
    }
    EXPECT_TRUE(loop_->Post(dispatch::ReadyReceived{stream, 1, false}).ok());
    return stream;
  }
  bool WaitForRunning(AttemptToken token) {
    const auto there = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return std::find(running_.begin(), running_.end(), token) != running_.end();
    };
    const absl::MutexLock lock(&mutex_);
    return mutex_.AwaitWithTimeout(absl::Condition(&there), kPatience);
  }

  testing::FakeClock clock_;
  LockedStore store_{clock_};
  Streams streams_;
  absl::Mutex mutex_;
  std::vector<std::pair<AttemptToken, std::string>> offered_ ABSL_GUARDED_BY(mutex_);
  std::vector<AttemptToken> running_ ABSL_GUARDED_BY(mutex_);
  absl::Notification leadership_lost_;
  std::optional<DispatchLoop> loop_;
};

TEST_F(DispatchLoopTest, AJobGoesFromTheQueueToAWorkerAndItsEndFreesIt) {
  const dispatch::StreamId stream = Worker("w");
  const JobId job = AddJob("example.com/m");
  loop_->QueueChanged(job);
  const auto offer = streams_.Next<Offer>();
  ASSERT_TRUE(offer.has_value());
  EXPECT_EQ(offer->first, stream);
  EXPECT_EQ(offer->second.job, job);
  EXPECT_EQ(offer->second.deadline, absl::Minutes(60));
  ASSERT_TRUE(loop_->Post(dispatch::AcceptReceived{stream, offer->second.token}).ok());
  ASSERT_TRUE(WaitForRunning(offer->second.token));
  EXPECT_EQ(StateOf(job), JobState::kRunning);
  {
    const absl::MutexLock lock(&mutex_);
    EXPECT_THAT(offered_, ::testing::ElementsAre(std::pair(offer->second.token, std::string("w"))));
  }
  EXPECT_EQ(loop_->Stats().offers_accepted, 1);

  domain::CompletedAttempt ended{.token = offer->second.token, .job = job};
  ended.outcome = AttemptOutcome::kNothingToBuild;
  const domain::CompleteResult completed = store_.Complete(ended);
  ASSERT_EQ(completed.outcome, domain::CompleteOutcome::kEnded);
  ASSERT_TRUE(loop_->Post(dispatch::AttemptEnded{offer->second.token, job, std::nullopt}).ok());
  ASSERT_TRUE(loop_->Post(dispatch::ReadyReceived{stream, 1, false}).ok());
  const JobId next = AddJob("example.com/next");
  loop_->QueueChanged(next);
  const auto second = streams_.Next<Offer>();
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->second.job, next);
}

TEST_F(DispatchLoopTest, WhatAWaitingJobWaitsForCanBeAsked) {
  const JobId job = AddJob("example.com/m");
  loop_->QueueChanged(job);
  const absl::Time give_up = absl::Now() + kPatience;
  while (loop_->Why(job).reason == WaitReason::kNone && absl::Now() < give_up) absl::SleepFor(absl::Milliseconds(5));
  EXPECT_EQ(loop_->Why(job).reason, WaitReason::kNoWorker);
}

TEST_F(DispatchLoopTest, WorkersAreShownAndOnesThatLeftAreLost) {
  const dispatch::StreamId stream = Worker("w");
  auto workers = loop_->Workers();
  ASSERT_EQ(workers.size(), 1u);
  EXPECT_EQ(workers[0].state, WorkerState::kConnected);
  EXPECT_EQ(workers[0].pid, 5);
  ASSERT_TRUE(loop_->Post(dispatch::GoodbyeReceived{stream}).ok());
  EXPECT_TRUE(streams_.ReasonOf(stream).ok());
  workers = loop_->Workers();
  ASSERT_EQ(workers.size(), 1u);
  EXPECT_EQ(workers[0].state, WorkerState::kLost);
}

TEST_F(DispatchLoopTest, ASecondSessionOfANameReplacesTheFirst) {
  const dispatch::StreamId first = Worker("w");
  Worker("w");
  EXPECT_TRUE(absl::IsAborted(streams_.ReasonOf(first)));
}

TEST_F(DispatchLoopTest, ASecondWorkerOfALiveNameIsRefusedAndShownBesideTheFirst) {
  Worker("w");
  EXPECT_EQ(loop_->Workers()[0].detail, "");
  const dispatch::StreamId second = loop_->NewStream();
  ASSERT_TRUE(
      loop_->Post(dispatch::HelloReceived{second, {.name = "w", .instance = "other", .pid = 6, .slots = 1}}).ok());
  const absl::Status why = streams_.ReasonOf(second);
  EXPECT_TRUE(absl::IsAlreadyExists(why)) << why;
  EXPECT_THAT(std::string(why.message()), ::testing::HasSubstr("a name of its own"));
  const auto workers = loop_->Workers();
  ASSERT_EQ(workers.size(), 1u);
  EXPECT_EQ(workers[0].state, WorkerState::kConnected);
  EXPECT_EQ(workers[0].pid, 5);
  EXPECT_THAT(workers[0].detail, ::testing::HasSubstr("pid 6"));
  clock_.Advance(dispatch::kNamesakeShown);
  EXPECT_EQ(loop_->Workers()[0].detail, "") << "not for ever";
}

TEST_F(DispatchLoopTest, AStopLosesNoAttempt) {
  const dispatch::StreamId stream = Worker("a");
  const JobId job = AddJob("example.com/a");
  loop_->QueueChanged(job);
  const auto offer = streams_.Next<Offer>();
  ASSERT_TRUE(offer.has_value());
  ASSERT_TRUE(loop_->Post(dispatch::AcceptReceived{stream, offer->second.token}).ok());
  ASSERT_TRUE(WaitForRunning(offer->second.token));
  loop_->Stop();
  EXPECT_EQ(StateOf(job), JobState::kRunning);
}

TEST_F(DispatchLoopTest, AnotherLeaderIsNoticed) {
  store_.Lead();
  EXPECT_TRUE(loop_->Post(dispatch::HelloReceived{loop_->NewStream(), {.name = "w", .instance = "i"}}).ok());
  EXPECT_TRUE(leadership_lost_.WaitForNotificationWithTimeout(kPatience));
}

// Answers the queue's load, or the end of sessions, only when it is let go.
class SlowStore final : public LockedStore {
 public:
  using LockedStore::LockedStore;
  absl::StatusOr<domain::LoadedQueue> LoadQueue(const Scope& s, JobId after, int limit) override {
    waiting.Notify();
    let_go.WaitForNotification();
    return LockedStore::LoadQueue(s, after, limit);
  }
  absl::StatusOr<domain::ExpiredSessions> EndSessions(const Scope& s, int64_t epoch,
                                                      const std::vector<SessionId>& ids) override {
    waiting.Notify();
    let_go.WaitForNotification();
    return LockedStore::EndSessions(s, epoch, ids);
  }
  absl::Notification waiting, let_go;
};

// The lane's answers, by kind.
class Answers {
 public:
  void Add(const dispatch::Event& event) {
    const absl::MutexLock lock(&mutex_);
    events_.push_back(event);
  }
  template <typename E>
  std::optional<E> Await() {
    const auto of_kind = [](const dispatch::Event& event) { return std::holds_alternative<E>(event); };
    const auto there = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return std::any_of(events_.begin(), events_.end(), of_kind);
    };
    const absl::MutexLock lock(&mutex_);
    if (!mutex_.AwaitWithTimeout(absl::Condition(&there), kPatience)) return std::nullopt;
    return std::get<E>(*std::find_if(events_.begin(), events_.end(), of_kind));
  }
  template <typename E>
  bool Has() {
    const absl::MutexLock lock(&mutex_);
    return std::any_of(events_.begin(), events_.end(),
                       [](const dispatch::Event& event) { return std::holds_alternative<E>(event); });
  }

 private:
  absl::Mutex mutex_;
  std::vector<dispatch::Event> events_ ABSL_GUARDED_BY(mutex_);
};

TEST(StoreLaneTest, AnExpiryThatWaitedLongBehindOtherCallsIsNotMade) {
  testing::FakeClock clock;
  SlowStore store(clock);
  const int64_t epoch = store.Lead();
  ASSERT_TRUE(store.OpenSession(Scope{}, epoch, {.name = "w", .instance = "i"}, domain::kLease).ok());
  clock.Advance(2 * domain::kLease);  // its renewal stands behind the same slow call
  Answers answers;
  StoreLane lane(
      store, [&](const dispatch::Event& event) { answers.Add(event); }, /*expiry_wait_max=*/absl::Milliseconds(1));
  lane.Start(epoch);
  lane.Add({dispatch::EndSessions{}, dispatch::ExpireSessions{}, dispatch::ExtendLeases{}});
  store.waiting.WaitForNotification();
  absl::SleepFor(absl::Milliseconds(5));
  store.let_go.Notify();
  ASSERT_TRUE(answers.Await<dispatch::LeasesExtended>().has_value());
  lane.Stop();
  EXPECT_EQ(store.With([](auto& m) { return m.sessions().size(); }), 1u) << "the dispatcher extends all leases then";
}

TEST(StoreLaneTest, ASlowLoadOfTheQueueHoldsUpNeitherClaimsNorRenewals) {
  testing::FakeClock clock;
  SlowStore store(clock);
  const int64_t epoch = store.Lead();
  const SessionId session = store.OpenSession(Scope{}, epoch, {.name = "w", .instance = "i"}, domain::kLease)->session;
  const JobId job = store.With([](auto& m) { return m.AddJob({.module = "m", .version = "v1.0.0", .toolset = "t"}); });
  Answers answers;
  StoreLane lane(store, [&](const dispatch::Event& event) { answers.Add(event); });
  lane.Start(epoch);
  lane.Add({dispatch::LoadQueue{.limit = 10}, dispatch::Claim{{{job, session}}}, dispatch::RenewSessions{{session}}});
  store.waiting.WaitForNotification();
  const auto claimed = answers.Await<dispatch::ClaimsAnswered>();
  ASSERT_TRUE(claimed.has_value());
  EXPECT_EQ(claimed->results.at(0).outcome, domain::ClaimOutcome::kWon);
  const auto renewed = answers.Await<dispatch::SessionsRenewed>();
  ASSERT_TRUE(renewed.has_value());
  EXPECT_EQ(renewed->answer, dispatch::Answer::kDone);
  EXPECT_FALSE(answers.Has<dispatch::QueueLoaded>());
  store.let_go.Notify();
  EXPECT_TRUE(answers.Await<dispatch::QueueLoaded>().has_value());
  lane.Stop();
}

}  // namespace
}  // namespace gofarm::service
