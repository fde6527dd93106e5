// Webhooks on PostgreSQL: which batches a destination is told of, how they stand, and who may change what was said.
#include <gmock/gmock.h>

#include <pqxx/pqxx>
#include <thread>

#include "absl/time/clock.h"
#include "coordinator/store/webhook_store.h"
#include "tests/pg/farm_fixture.h"

namespace gofarm::testing {
namespace {

using domain::BatchNews;
using domain::WebhookMessage;
using store::WebhookStore;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

const std::string kHook(64, 'a'), kOther(64, 'b');

class WebhookStoreTest : public FarmTest {
 protected:
  void SetUp() override {
    FarmTest::SetUp();
    hooks_ = std::make_unique<WebhookStore>(*pool_);
  }
  std::vector<BatchId> OpenOf(const std::string& hook) {
    const absl::StatusOr<std::vector<WebhookMessage>> open = hooks_->Open(Now(), hook);
    EXPECT_TRUE(open.ok()) << open.status();
    std::vector<BatchId> ids;
    for (const WebhookMessage& message : *open) ids.push_back(message.batch);
    return ids;
  }
  BatchNews NewsOf(BatchId id) {
    const absl::StatusOr<std::vector<BatchNews>> news = hooks_->News(Now(), {id});
    EXPECT_TRUE(news.ok()) << news.status();
    EXPECT_EQ(news->size(), 1u);
    BatchNews whole = news->at(0);
    EXPECT_TRUE(whole.failures.empty()) << "it is read of many batches";
    const absl::Status added = hooks_->AddJobs(Now(), whole);
    EXPECT_TRUE(added.ok()) << added;
    return whole;
  }
  absl::Status Retry(BatchId batch) {
    return batches_->RetryFailed(Now(), batch, [](const store::EndedJob&) { return absl::OkStatus(); }).status();
  }
  std::unique_ptr<WebhookStore> hooks_;
};

TEST_F(WebhookStoreTest, OnlyBatchesAfterTheFirstRegistrationAreTold) {
  Submit({"example.com/old"});
  ASSERT_TRUE(hooks_->Register(Now(), epoch_, kHook, "discord").ok());
  EXPECT_EQ(hooks_->TakeUp(Now(), epoch_, kHook).value(), 0);
  const BatchId first = Submit({"example.com/a"}).batch.id;
  const BatchId second = Submit({"example.com/b"}).batch.id;
  ASSERT_TRUE(hooks_->Register(Now(), epoch_, kHook, "discord").ok()) << "a restart";
  EXPECT_EQ(hooks_->TakeUp(Now(), epoch_, kHook).value(), 2);
  EXPECT_EQ(hooks_->TakeUp(Now(), epoch_, kHook).value(), 0);
  EXPECT_THAT(OpenOf(kHook), ElementsAre(first, second));
  ASSERT_TRUE(hooks_->Register(Now(), epoch_, kOther, "json").ok());
  EXPECT_EQ(hooks_->TakeUp(Now(), epoch_, kOther).value(), 0);
  EXPECT_THAT(OpenOf(kOther), IsEmpty());
  EXPECT_EQ(hooks_->TakeUp(Now(), epoch_, std::string(64, 'c')).value(), 0) << "of one that is not registered";
}

TEST_F(WebhookStoreTest, ABatchThatIsSeenLateIsTakenUp) {
  ASSERT_TRUE(hooks_->Register(Now(), epoch_, kHook, "discord").ok());
  const BatchId first = Submit({"example.com/a"}).batch.id;
  const BatchId second = Submit({"example.com/b"}).batch.id;
  EXPECT_EQ(hooks_->TakeUp(Now(), epoch_, kHook).value(), 2);
  Sql(Cat("DELETE FROM webhook_messages WHERE batch_id = ", first.value));  // as if it had not been committed then
  EXPECT_EQ(hooks_->TakeUp(Now(), epoch_, kHook).value(), 1);
  EXPECT_THAT(OpenOf(kHook), ElementsAre(first, second));
}

TEST_F(WebhookStoreTest, ManyBatchesAreTakenUpInPieces) {
  ASSERT_TRUE(hooks_->Register(Now(), epoch_, kHook, "discord").ok());
  Sql("INSERT INTO batches (name, submitter) SELECT 'n', 's' FROM generate_series(1, 2500)");
  EXPECT_EQ(hooks_->TakeUp(Now(), epoch_, kHook).value(), store::kTakenUpAtOnce);
  EXPECT_EQ(hooks_->TakeUp(Now(), epoch_, kHook).value(), store::kTakenUpAtOnce);
  EXPECT_EQ(hooks_->TakeUp(Now(), epoch_, kHook).value(), 500);
  EXPECT_EQ(hooks_->TakeUp(Now(), epoch_, kHook).value(), 0);
  EXPECT_THAT(OpenOf(kHook), SizeIs(2'500));
}

TEST_F(WebhookStoreTest, OnlyTheLeaderTakesUp) {
  EXPECT_EQ(hooks_->Register(Now(), epoch_ - 1, kHook, "discord").code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(hooks_->TakeUp(Now(), epoch_ - 1, kHook).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(WebhookStoreTest, WhatWasSaidChangesOnlyFromWhatWasRead) {
  ASSERT_TRUE(hooks_->Register(Now(), epoch_, kHook, "discord").ok());
  const BatchId batch = SubmitAndFail("example.com/a", FailureClass::kCompileError, Hello("w").session).batch.id;
  ASSERT_EQ(hooks_->TakeUp(Now(), epoch_, kHook).value(), 1);
  EXPECT_TRUE(hooks_->Told(Now(), kHook, {.batch = batch, .sequence = 0, .message_id = "11", .said = "x"}).value());
  EXPECT_FALSE(hooks_->Told(Now(), kHook, {.batch = batch, .sequence = 0, .message_id = "12"}).value())
      << "another coordinator was first";
  const std::vector<WebhookMessage> open = hooks_->Open(Now(), kHook).value();
  ASSERT_THAT(open, SizeIs(1));
  EXPECT_EQ(open[0].message_id, "11");
  EXPECT_EQ(open[0].sequence, 1);
  EXPECT_EQ(open[0].said, "x");
  EXPECT_TRUE(
      hooks_->Told(Now(), kHook, {.batch = batch, .sequence = 1, .message_id = "11", .said = "y", .ended = true})
          .value());
  EXPECT_THAT(OpenOf(kHook), IsEmpty());
  EXPECT_FALSE(hooks_->Told(Now(), kHook, {.batch = batch, .sequence = 2, .message_id = "../x"}).ok());
}

TEST_F(WebhookStoreTest, ABatchIsToldWithItsFailuresAndTimes) {
  const SessionId session = Hello("w").session;
  const BatchId failed = SubmitAndFail("example.com/bad", FailureClass::kCompileError, session).batch.id;
  BatchNews news = NewsOf(failed);
  EXPECT_EQ(news.batch.state, BatchState::kDone);
  EXPECT_EQ(news.batch.jobs.failed, 1);
  EXPECT_THAT(news.failures, ElementsAre(Pair(FailureClass::kCompileError, 1)));
  EXPECT_EQ(news.ended_lately, 1);
  EXPECT_GE(news.ended_at, news.batch.created_at);
  EXPECT_LT(news.age, absl::Minutes(1));

  const BatchId again = Submit({"example.com/bad", "example.com/new"}).batch.id;  // one of both is known
  news = NewsOf(again);
  EXPECT_EQ(news.batch.state, BatchState::kRunning);
  EXPECT_EQ(news.ended_lately, 0) << "what ended before the batch says nothing of its pace";
  EXPECT_THAT(hooks_->News(Now(), {BatchId{9'999}}).value(), IsEmpty());
}

TEST_F(WebhookStoreTest, ARetryIsToldInTheSameMessage) {
  ASSERT_TRUE(hooks_->Register(Now(), epoch_, kHook, "discord").ok());
  const BatchId batch = SubmitAndFail("example.com/bad", FailureClass::kCompileError, Hello("w").session).batch.id;
  ASSERT_EQ(hooks_->TakeUp(Now(), epoch_, kHook).value(), 1);
  ASSERT_TRUE(hooks_->Told(Now(), kHook, {.batch = batch, .message_id = "11", .ended = true}).value());
  ASSERT_TRUE(Retry(batch).ok());
  const std::vector<WebhookMessage> open = hooks_->Open(Now(), kHook).value();
  ASSERT_THAT(open, SizeIs(1));
  EXPECT_EQ(open[0].message_id, "11");
}

TEST_F(WebhookStoreTest, ARetryWhileTheEndIsBeingToldIsToldToo) {
  ASSERT_TRUE(hooks_->Register(Now(), epoch_, kHook, "discord").ok());
  const BatchId batch = SubmitAndFail("example.com/bad", FailureClass::kCompileError, Hello("w").session).batch.id;
  ASSERT_EQ(hooks_->TakeUp(Now(), epoch_, kHook).value(), 1);
  ASSERT_TRUE(Retry(batch).ok()) << "between the message of the end and this:";
  EXPECT_TRUE(hooks_->Told(Now(), kHook, {.batch = batch, .message_id = "11", .said = "x", .ended = true}).value());
  const std::vector<WebhookMessage> open = hooks_->Open(Now(), kHook).value();
  ASSERT_THAT(open, SizeIs(1)) << "its new jobs are told of";
  EXPECT_EQ(open[0].message_id, "11");
  EXPECT_EQ(open[0].sequence, 1);
}

TEST_F(WebhookStoreTest, ARetryThatIsNotCommittedIsWaitedFor) {
  ASSERT_TRUE(hooks_->Register(Now(), epoch_, kHook, "discord").ok());
  const BatchId batch = SubmitAndFail("example.com/bad", FailureClass::kCompileError, Hello("w").session).batch.id;
  const JobId job = OnlyJob(batch);
  ASSERT_EQ(hooks_->TakeUp(Now(), epoch_, kHook).value(), 1);
  pqxx::connection db(url_);
  absl::StatusOr<bool> told = false;
  std::thread teller;
  {
    // As a retry does: the batch has a job that waits, and the message is touched.
    pqxx::work retry(db);
    retry.exec(Cat("UPDATE jobs SET state = 1, ended_at = NULL, failure_class = 0 WHERE id = ", job.value));
    retry.exec(Cat("UPDATE webhook_messages SET ended = false WHERE batch_id = ", batch.value));
    teller =
        std::thread([&] { told = hooks_->Told(Now(), kHook, {.batch = batch, .message_id = "11", .ended = true}); });
    const Scope patience = Scope::For(absl::Seconds(30));
    while (!patience.Done() && Count("SELECT count(*) FROM pg_locks WHERE NOT granted") == 0) {
      absl::SleepFor(absl::Milliseconds(5));
    }
    EXPECT_FALSE(patience.Done()) << "it does not wait";
    retry.commit();
  }
  teller.join();
  EXPECT_TRUE(told.value());
  EXPECT_THAT(OpenOf(kHook), ElementsAre(batch));
}

}  // namespace
}  // namespace gofarm::testing
