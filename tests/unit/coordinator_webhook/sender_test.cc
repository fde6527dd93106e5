// The loop against a real server on this machine, a database in memory and a clock that tests move.
#include "coordinator/webhook/sender.h"

#include <gmock/gmock.h>

#include <map>

#include "common/base/text.h"
#include "common/io/http_client.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_webhooks.h"
#include "tests/unit/coordinator_webhook/news.h"

namespace gofarm::webhook {
namespace {

using domain::BatchNews;
using domain::WebhookMessage;
using domain::WebhookTold;
using gofarm::testing::FakeClock;
using gofarm::testing::FakeWebhooks;
using gofarm::testing::kWebhookToken;
using ::testing::HasSubstr;
using ::testing::Not;

class MemoryMessages final : public Messages {
 public:
  absl::Status Register(const Scope& /*scope*/) override { return absl::OkStatus(); }
  absl::StatusOr<int> TakeUp(const Scope& /*scope*/) override {
    int taken = 0;
    for (const auto& [id, news] : batches) taken += rows.try_emplace(id, Row{.message = {.batch = id}}).second ? 1 : 0;
    return taken;
  }
  absl::StatusOr<std::vector<WebhookMessage>> Open(const Scope& /*scope*/) override {
    std::vector<WebhookMessage> open;
    for (const auto& [id, row] : rows) {
      if (!row.ended) open.push_back(row.message);
    }
    return open;
  }
  absl::StatusOr<std::vector<BatchNews>> News(const Scope& /*scope*/, const std::vector<BatchId>& ids) override {
    std::vector<BatchNews> news;
    for (const BatchId id : ids) news.push_back(batches.at(id));
    return news;
  }
  absl::Status AddJobs(const Scope& /*scope*/, BatchNews& news) override {
    ++read_whole;
    news.failures = failures;
    return absl::OkStatus();
  }
  absl::StatusOr<bool> Told(const Scope& /*scope*/, const WebhookTold& told) override {
    if (failing) return absl::UnavailableError("the database is away");
    Row& row = rows.at(told.batch);
    if (row.message.sequence != told.sequence) return false;
    row.message = {told.batch, told.message_id, told.sequence + 1, told.said};
    row.ended = told.ended;
    return true;
  }

  struct Row {
    WebhookMessage message;
    bool ended = false;
  };
  std::map<BatchId, BatchNews> batches;
  std::map<BatchId, Row> rows;
  std::map<FailureClass, int64_t> failures;  // of each batch
  int read_whole = 0;                        // batches
  bool failing = false;
};

class SenderTest : public ::testing::Test {
 protected:
  std::unique_ptr<Sender> Make(Kind kind) {
    return std::make_unique<Sender>(
        SenderParts{.destination = {.kind = kind,
                                    .url = kind == Kind::kDiscord ? server_.discord_url() : server_.json_url(),
                                    .secret = kind == Kind::kJson ? "key" : ""},
                    .messages = messages_,
                    .ask = io::AskDirectly(client_),
                    .metrics = metrics_,
                    .write_batch = WriteShownBatch,
                    .clock = clock_,
                    .random = [] { return 0.5; }});
  }
  void SetUp() override { sender_ = Make(Kind::kDiscord); }
  // Rounds and their rests for so long.
  void Go(absl::Duration time) {
    for (const absl::Time end = clock_.Now() + time; clock_.Now() < end;) {
      const absl::StatusOr<absl::Duration> rest = sender_->RunOnce(Scope::For(absl::Seconds(20)));
      clock_.Advance(std::max(rest.value_or(kStoreRest), absl::Milliseconds(1)));
    }
  }
  void Set(int64_t id, BatchState state, domain::JobCounts jobs) {
    messages_.batches[BatchId{id}] = NewsOf(id, state, jobs);
    messages_.batches[BatchId{id}].age = absl::ZeroDuration();
  }
  std::string OnlyMessage() const {
    const std::map<std::string, std::string> all = server_.messages();
    EXPECT_EQ(all.size(), 1u);
    return all.empty() ? "" : all.begin()->second;
  }
  std::string Count(const char* kind, const char* result) const {
    const std::string text = registry_.Text();
    const std::string name = Cat("gofarm_webhook_messages_total{kind=\"", kind, "\",result=\"", result, "\"} ");
    const size_t at = text.find(name);
    if (at == std::string::npos) return "none";
    return text.substr(at + name.size(), text.find('\n', at) - at - name.size());
  }

  metrics::Registry registry_;
  WebhookMetrics metrics_{registry_};
  FakeWebhooks server_;
  FakeClock clock_;
  io::HttpClient client_{"gofarm-test"};
  MemoryMessages messages_;
  std::unique_ptr<Sender> sender_;
};

TEST_F(SenderTest, OneMessageIsEditedToTheBatchsEnd) {
  EXPECT_EQ(Count("discord", "sent"), "0") << "every series is there from the start";
  Set(1, BatchState::kRunning, {.queued = 4});
  Go(absl::Seconds(3));
  EXPECT_EQ(server_.posts(), 1);
  EXPECT_THAT(OnlyMessage(), HasSubstr("0/4 jobs"));
  Go(absl::Seconds(60));
  EXPECT_EQ(server_.edits(), 0) << "nothing changed";
  Set(1, BatchState::kRunning, {.running = 1, .built = 3});
  Go(absl::Seconds(10));
  EXPECT_EQ(server_.edits(), 1);
  EXPECT_THAT(OnlyMessage(), HasSubstr("3/4 jobs"));
  Set(1, BatchState::kDone, {.built = 4});
  Go(absl::Seconds(60));
  EXPECT_EQ(server_.posts(), 1);
  EXPECT_EQ(server_.edits(), 2);
  EXPECT_THAT(OnlyMessage(), HasSubstr("4/4 jobs"));
  EXPECT_EQ(Count("discord", "sent"), "1");
  EXPECT_EQ(Count("discord", "edited"), "2");
}

TEST_F(SenderTest, ABatchIsEditedNoMoreOftenThanItsPace) {
  const absl::Time began = clock_.Now();
  for (int i = 0; i < 100; ++i) {
    Set(1, BatchState::kRunning, {.queued = 100 - i, .built = i});
    Go(absl::Seconds(1));
  }
  const double seconds = absl::ToDoubleSeconds(clock_.Now() - began);
  EXPECT_LE(server_.edits(), seconds / absl::ToDoubleSeconds(kBatchEvery));
  EXPECT_GE(server_.edits(), seconds / 10);
}

TEST_F(SenderTest, AnotherCoordinatorEditsTheSameMessage) {
  Set(1, BatchState::kRunning, {.queued = 4});
  Go(absl::Seconds(3));
  sender_ = Make(Kind::kDiscord);
  Set(1, BatchState::kDone, {.built = 4});
  Go(absl::Seconds(10));
  EXPECT_EQ(server_.posts(), 1);
  EXPECT_THAT(OnlyMessage(), HasSubstr("4/4 jobs"));
}

TEST_F(SenderTest, ADeletedMessageBecomesANewOne) {
  Set(1, BatchState::kRunning, {.queued = 4});
  Go(absl::Seconds(3));
  server_.Delete(server_.messages().begin()->first);
  Set(1, BatchState::kDone, {.built = 4});
  Go(absl::Seconds(20));
  EXPECT_EQ(server_.posts(), 2);
  EXPECT_THAT(OnlyMessage(), HasSubstr("4/4 jobs"));
  EXPECT_EQ(Count("discord", "gone"), "1");
}

TEST_F(SenderTest, ItWaitsAsLongAsItIsAskedTo) {
  server_.Inject({.status = 429, .fields = "Retry-After: 1\r\n", .body = R"({"retry_after": 40.0})"});
  Set(1, BatchState::kRunning, {.queued = 4});
  Go(absl::Seconds(39));
  EXPECT_EQ(server_.requests(), 1);
  Go(absl::Seconds(5));
  EXPECT_EQ(server_.posts(), 1);
  EXPECT_EQ(Count("discord", "rate_limited"), "1");
  server_.Inject({.status = 200,
                  .fields = "X-RateLimit-Remaining: 0\r\nX-RateLimit-Reset-After: 30\r\n",
                  .body = R"({"id": "5"})"});
  Set(2, BatchState::kRunning, {.queued = 4});
  Set(3, BatchState::kRunning, {.queued = 4});
  Go(absl::Seconds(29));
  EXPECT_EQ(server_.requests(), 3) << "an empty bucket is waited for";
  Go(absl::Seconds(5));
  EXPECT_EQ(server_.requests(), 4);
}

TEST_F(SenderTest, ADestinationThatFailsIsAskedLessAndLessMessagesByTurnsAndOneIsGivenUp) {
  server_.Inject({.status = 503, .times = 2 * kTriesMax - 1});
  Set(1, BatchState::kDone, {.built = 4});
  Set(2, BatchState::kDone, {.built = 5});
  Go(absl::Minutes(1));
  EXPECT_GE(server_.requests(), 4);
  EXPECT_LE(server_.requests(), 8);
  EXPECT_THAT(sender_->state().fault, HasSubstr("HTTP 503"));
  Go(absl::Hours(3));
  EXPECT_EQ(server_.requests(), 2 * kTriesMax);
  EXPECT_THAT(OnlyMessage(), HasSubstr("5/5 jobs")) << "the second one, which was tried once less";
  EXPECT_EQ(sender_->state().fault, "");
}

TEST_F(SenderTest, AMessageThatIsToBlameHoldsUpNoOther) {
  server_.Inject({.holding = "4/4 jobs", .status = 503, .times = 2 * kTriesMax});
  Set(1, BatchState::kDone, {.built = 4});
  Set(2, BatchState::kRunning, {.queued = 5});
  Go(absl::Minutes(1));
  EXPECT_THAT(OnlyMessage(), HasSubstr("0/5 jobs"));
  for (int i = 1; i < 5; ++i) {
    Set(2, BatchState::kRunning, {.queued = 5 - i, .built = i});
    Go(absl::Seconds(10));
    EXPECT_THAT(OnlyMessage(), HasSubstr(Cat(i, "/5 jobs"))) << "progress of others, too";
  }
  EXPECT_LT(std::stoi(Count("discord", "unavailable")), 10) << "what others are told uses up none of its tries";
  Go(absl::Minutes(30));
  EXPECT_LT(std::stoi(Count("discord", "unavailable")), kTriesMax);
  Set(3, BatchState::kRunning, {.queued = 7});
  Go(absl::Seconds(10));
  EXPECT_EQ(server_.posts(), 2) << "its long waits are its own";
  Go(absl::Hours(3));
  EXPECT_EQ(Count("discord", "unavailable"), Cat(kTriesMax));
  EXPECT_EQ(server_.posts(), 2) << "it is given up";
}

TEST_F(SenderTest, WhileNobodyAnswersNoMessageIsGivenUp) {
  server_.Inject({.times = 3 * kTriesMax, .cut = true});
  Set(1, BatchState::kDone, {.built = 4});
  Go(absl::Hours(12));
  EXPECT_EQ(server_.posts(), 1);
  EXPECT_THAT(OnlyMessage(), HasSubstr("4/4 jobs"));
}

TEST_F(SenderTest, OfALongAnswerTheStatusCounts) {
  sender_ = Make(Kind::kJson);
  const std::string text(4 << 20, 'x');
  server_.Inject({.status = 200, .body = text});
  Set(1, BatchState::kDone, {.built = 4});
  Go(absl::Minutes(1));
  EXPECT_EQ(server_.requests(), 1);
  EXPECT_EQ(Count("json", "sent"), "1");
  EXPECT_EQ(sender_->state().fault, "");
  server_.Inject({.status = 400, .body = text});
  Set(2, BatchState::kDone, {.built = 4});
  Go(absl::Minutes(1));
  EXPECT_EQ(server_.requests(), 2);
  EXPECT_EQ(Count("json", "refused"), "1");
  EXPECT_THAT(sender_->state().fault, HasSubstr("HTTP 400"));
}

TEST_F(SenderTest, WhatIsRefusedIsNotSentAgain) {
  server_.Inject({.status = 400, .times = 1});
  Set(1, BatchState::kDone, {.built = 4});
  Go(absl::Minutes(10));
  EXPECT_EQ(server_.requests(), 1);
  EXPECT_EQ(Count("discord", "refused"), "1");
}

TEST_F(SenderTest, AnAddressThatIsNotKnownIsAskedOnce) {
  server_.Inject({.status = 404, .body = R"({"code": 10015})", .times = 1});
  Set(1, BatchState::kRunning, {.queued = 4});
  Go(absl::Hours(1));
  EXPECT_EQ(server_.requests(), 1);
  EXPECT_TRUE(sender_->state().parked);
  EXPECT_THAT(sender_->state().fault, HasSubstr("HTTP 404, code 10015"));
  EXPECT_THAT(sender_->state().fault, Not(HasSubstr(kWebhookToken)));
  EXPECT_EQ(Count("discord", "parked"), "1");
}

TEST_F(SenderTest, RedirectsAreNotFollowed) {
  server_.Inject({.status = 307, .fields = Cat("Location: ", server_.json_url(), "\r\n"), .times = 1});
  Set(1, BatchState::kRunning, {.queued = 4});
  Go(absl::Minutes(1));
  EXPECT_EQ(server_.requests(), 1);
  EXPECT_TRUE(sender_->state().parked);
}

TEST_F(SenderTest, WhatWasSaidIsKeptBeforeAnythingElseIsSaid) {
  messages_.failing = true;
  Set(1, BatchState::kRunning, {.queued = 4});
  Set(2, BatchState::kRunning, {.queued = 4});
  Go(absl::Minutes(5));
  EXPECT_EQ(server_.posts(), 1) << "without a database, one message and no more";
  messages_.failing = false;
  Set(1, BatchState::kDone, {.built = 4});
  Go(absl::Minutes(1));
  EXPECT_EQ(server_.posts(), 2) << "one a batch";
}

TEST_F(SenderTest, AThousandSmallBatchesGetOneMessageEach) {
  for (int i = 1; i <= 1'000; ++i) Set(i, BatchState::kDone, {.built = 1});
  Go(absl::Seconds(100));
  EXPECT_LE(server_.posts(), 51) << "within the budget of the destination";
  Go(absl::Minutes(40));
  EXPECT_EQ(server_.posts(), 1'000);
  EXPECT_EQ(server_.edits(), 0);
}

TEST_F(SenderTest, AThousandBatchesThatRunKeepNoNewOneOut) {
  for (int i = 1; i <= 1'000; ++i) {
    Set(i, BatchState::kRunning, {.queued = 1});
    messages_.rows[BatchId{i}] = {
        .message = {
            .batch = BatchId{i}, .message_id = "5", .sequence = 1, .said = Gist(messages_.batches[BatchId{i}])}};
  }
  Go(absl::Seconds(20));
  EXPECT_EQ(server_.requests(), 0);
  Set(1'001, BatchState::kRunning, {.queued = 1});
  Go(absl::Seconds(5));
  EXPECT_EQ(server_.posts(), 1);
  Set(1'001, BatchState::kDone, {.built = 1});
  Go(absl::Seconds(30));
  EXPECT_THAT(OnlyMessage(), HasSubstr("1/1 jobs")) << "nor its end";
}

TEST_F(SenderTest, JobsAreReadOfTheBatchThatIsToldOfOnly) {
  for (int i = 1; i <= 50; ++i) Set(i, BatchState::kDone, {.failed = 7});
  messages_.failures = {{FailureClass::kTimeout, 7}};
  Go(absl::Seconds(1));
  EXPECT_EQ(server_.posts(), 1);
  EXPECT_EQ(messages_.read_whole, 1);
  EXPECT_THAT(OnlyMessage(), HasSubstr("7 timeout"));
}

TEST_F(SenderTest, JsonIsSignedAndToldEachTime) {
  sender_ = Make(Kind::kJson);
  Set(1, BatchState::kRunning, {.queued = 4});
  Go(absl::Seconds(3));
  Set(1, BatchState::kDone, {.built = 4});
  Go(absl::Seconds(10));
  const std::vector<FakeWebhooks::Posted> posted = server_.json();
  ASSERT_EQ(posted.size(), 2u);
  EXPECT_THAT(posted[0].body, HasSubstr(R"({"event":"batch_submitted","sequence":0,)"));
  EXPECT_THAT(posted[1].body, HasSubstr(R"({"event":"batch_ended","sequence":1,)"));
  for (const FakeWebhooks::Posted& each : posted) EXPECT_EQ(each.signature, Signature("key", each.body));
}

TEST_F(SenderTest, ARepetitionAfterALostAnswerHasTheSameSequence) {
  sender_ = Make(Kind::kJson);
  server_.Inject({.status = 500, .times = 1, .after = true});
  Set(1, BatchState::kDone, {.built = 4});
  Go(absl::Minutes(1));
  const std::vector<FakeWebhooks::Posted> posted = server_.json();
  ASSERT_EQ(posted.size(), 2u);
  EXPECT_EQ(posted[0].body, posted[1].body);
}

TEST_F(SenderTest, ItsThreadEndsWhenItIsToldTo) {
  Set(1, BatchState::kRunning, {.queued = 4});
  sender_->Start();
  for (int i = 0; i < 500 && server_.posts() == 0; ++i) absl::SleepFor(absl::Milliseconds(10));
  EXPECT_EQ(server_.posts(), 1);
  sender_->Stop();
}

}  // namespace
}  // namespace gofarm::webhook
