#include <gmock/gmock.h>

#include "coordinator/store/worker_store.h"
#include "tests/pg/farm_fixture.h"

namespace gofarm::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class WorkerStoreTest : public FarmTest {
 protected:
  void SetUp() override {
    FarmTest::SetUp();
    workers_ = std::make_unique<store::WorkerStore>(*pool_, [] { return 0.5; });
  }
  domain::OpenedSession HelloWith(const std::string& worker, const Labels& labels) {
    domain::SessionRequest hello{.name = worker, .instance = "i", .labels = labels, .address = "192.0.2.7"};
    hello.proof_sha256 = hello.fresh_secret_sha256 = digest::Sha256Hex(worker);
    auto opened = dispatch_->OpenSession(Now(), epoch_, hello, absl::Seconds(30));
    EXPECT_TRUE(opened.ok()) << opened.status();
    return *std::move(opened);
  }
  std::vector<std::string> Drain(const domain::WorkerChoice& choice, bool drained = true) {
    const auto changes = workers_->SetDrained(Now(), epoch_, choice, drained);
    EXPECT_TRUE(changes.ok()) << changes.status();
    std::vector<std::string> names;
    if (changes.ok()) {
      for (const domain::DrainChange& change : *changes) names.push_back(change.worker);
    }
    return names;
  }
  std::vector<domain::WorkerInfo> Page(const std::vector<std::string>& names = {}) {
    auto page = queries_->WorkerPage(Now(), "", domain::WorkerDetail::kFull, names);
    EXPECT_TRUE(page.ok()) << page.status();
    return *std::move(page);
  }
  std::unique_ptr<store::WorkerStore> workers_;
};

TEST_F(WorkerStoreTest, ADrainIsKeptOverSessionsUntilItIsTakenBack) {
  const domain::OpenedSession first = Hello("a");
  EXPECT_FALSE(first.drain.drained);
  EXPECT_THAT(Drain({.name = "a", .labels = {}}), ElementsAre("a"));
  const domain::OpenedSession second = Hello("a");
  EXPECT_TRUE(second.drain.drained);
  EXPECT_GT(second.drain.change, first.drain.change);
  EXPECT_TRUE(Page().at(0).drained);
  Drain({.name = "a", .labels = {}}, false);
  const domain::OpenedSession third = Hello("a");
  EXPECT_FALSE(third.drain.drained);
  EXPECT_GT(third.drain.change, second.drain.change) << "the later change is known as such";
}

TEST_F(WorkerStoreTest, LabelsChooseWorkersThatHaveAllOfThem) {
  Hello("plain");
  HelloWith("a", {{"zone", "a"}, {"disk", "fast"}});
  HelloWith("b", {{"zone", "b"}, {"disk", "fast"}});
  EXPECT_THAT(Drain({.name = "", .labels = {{"disk", "fast"}}}), ElementsAre("a", "b"));
  EXPECT_THAT(Drain({.name = "", .labels = {{"disk", "fast"}, {"zone", "b"}}}, false), ElementsAre("b"));
  const auto page = Page({"a", "plain"});
  ASSERT_EQ(page.size(), 2u);
  EXPECT_TRUE(page[0].drained);
  EXPECT_EQ(page[0].labels, (Labels{{"zone", "a"}, {"disk", "fast"}}));
  EXPECT_EQ(page[0].address, "192.0.2.7");
  EXPECT_FALSE(page[1].drained);
}

TEST_F(WorkerStoreTest, WhoIsNotKnownIsNotFound) {
  const auto by_name = workers_->SetDrained(Now(), epoch_, {.name = "nobody\n", .labels = {}}, true);
  EXPECT_EQ(by_name.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(by_name.status().message()), HasSubstr("no worker is called \"nobody\\x0a\""));
  const auto by_label = workers_->SetDrained(Now(), epoch_, {.name = "", .labels = {{"zone", "x"}}}, true);
  EXPECT_EQ(by_label.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(by_label.status().message()), HasSubstr("no worker has the label zone=x"));
  EXPECT_EQ(workers_->Remove(Now(), epoch_, "nobody").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(WorkerStoreTest, AFormerLeaderDrainsAndRemovesNobody) {
  Hello("a");
  const auto drained = workers_->SetDrained(Now(), epoch_ - 1, {.name = "a", .labels = {}}, true);
  EXPECT_EQ(drained.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(workers_->Remove(Now(), epoch_ - 1, "a").status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(Page().at(0).drained);
}

TEST_F(WorkerStoreTest, WhatAWorkerHoldsIsCountedByTheStore) {
  const SessionId session = Hello("a").session;
  const BatchId batch = Submit({"example.com/x", "example.com/y"}).batch.id;
  EXPECT_EQ(Page().at(0).held, 0);
  Claim(JobsOf(batch)[0].id, session);
  EXPECT_EQ(Page().at(0).held, 1) << "an offer that it may have accepted";
  Run(JobsOf(batch)[1].id, session);
  EXPECT_EQ(Page().at(0).held, 2);
}

TEST_F(WorkerStoreTest, ARemovedWorkersAttemptsAreGivenUpAndCountForNothing) {
  const SessionId session = Hello("a").session;
  const JobId job = OnlyJob(Submit({"example.com/x"}).batch.id);
  const AttemptToken token = Run(job, session);
  const auto ended = workers_->Remove(Now(), epoch_, "a");
  ASSERT_TRUE(ended.ok()) << ended.status();
  EXPECT_THAT(ended->sessions, ElementsAre(session));
  ASSERT_EQ(ended->lost.size(), 1u);
  EXPECT_EQ(ended->lost[0].token, token);
  EXPECT_FALSE(ended->lost[0].counts);
  EXPECT_TRUE(ended->lost[0].requeued.has_value());
  EXPECT_EQ(Job(job).state, JobState::kQueued);
  EXPECT_EQ(Job(job).not_before, absl::InfinitePast()) << "at once";
  EXPECT_TRUE(Page().empty());
  const domain::OpenedSession again = Hello("a");
  EXPECT_FALSE(again.drain.drained) << "it is a new one";
  EXPECT_EQ(Accept(token, job, session), domain::AcceptOutcome::kStale);
}

TEST_F(WorkerStoreTest, ADrainedWorkerIsNotForgottenHoweverLongItIsAway) {
  Sql("INSERT INTO workers (name, last_seen_at, draining) VALUES ('drained', now() - interval '30 days', true), "
      "('gone', now() - interval '30 days', false)");
  const auto forgotten = queries_->ForgetWorkers(Now(), store::kWorkerRetention);
  ASSERT_TRUE(forgotten.ok()) << forgotten.status();
  EXPECT_THAT(*forgotten, ElementsAre("gone"));
}

}  // namespace
}  // namespace gofarm::testing
