// Publishing on PostgreSQL: what an attempt leaves, which build stands for a program, and what is ordered where.
#include <gmock/gmock.h>

#include <pqxx/pqxx>
#include <thread>

#include "absl/time/clock.h"
#include "coordinator/store/publish_store.h"
#include "tests/pg/farm_fixture.h"

namespace gofarm::testing {
namespace {

using domain::Publication;
using domain::PublicationId;
using domain::PublicationState;
using store::PublishStore;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr char kModule[] = "example.com/m";
constexpr char kRegistry[] = "registry one";

class PublishStoreTest : public FarmTest {
 protected:
  void SetUp() override {
    FarmTest::SetUp();
    publish_ = std::make_unique<PublishStore>(*pool_);
    session_ = Hello("w").session;
    ASSERT_TRUE(publish_->Enroll(Now(), destinations_).ok());
  }
  // One more build of the module's program, of bytes that `sha256` names.
  AttemptToken Build(const std::string& sha256 = std::string(64, 'a'), const std::string& module = kModule) {
    const JobId job = OnlyJob(Submit({module}, /*force=*/true).batch.id);
    const AttemptToken token = Run(job, session_);
    domain::CompletedAttempt report = BuiltReport(token, job, {module});
    report.executables[0].sha256 = sha256;
    report.publishing = {.attachments = {{.name = "CHECKSUM",
                                          .kind = "checksums",
                                          .size = 9,
                                          .sha256 = std::string(64, 'c'),
                                          .blake3 = std::string(64, 'd')},
                                         {.name = "m.cdx.json",
                                          .import_path = module,
                                          .kind = "sbom",
                                          .size = 7,
                                          .sha256 = std::string(64, 'e'),
                                          .blake3 = std::string(64, 'f')}},
                         .releases = {{.import_path = module, .facts = {.program = "m", .licences = {"MIT"}}}},
                         .destinations = destinations_};
    EXPECT_EQ(Complete(report).outcome, domain::CompleteOutcome::kEnded);
    return token;
  }
  std::vector<Publication> All(std::vector<PublicationState> states = {}) {
    auto page = publish_->Page(Now(), {.states = std::move(states)}, PublicationId{}, 100);
    EXPECT_TRUE(page.ok()) << page.status();
    return *std::move(page);
  }
  std::vector<Publication> Due(const std::string& destination) {
    auto due = publish_->Due(Now(), destination, 100);
    EXPECT_TRUE(due.ok()) << due.status();
    return *std::move(due);
  }
  void PublishAll() {
    for (const std::string& destination : destinations_) {
      for (const Publication& p : Due(destination)) {
        const auto settled =
            publish_->Settle(Now(), {.id = p.id,
                                     .change = p.change,
                                     .state = p.withdraw ? PublicationState::kWithdrawn : PublicationState::kPublished,
                                     .digest = "sha256:1"});
        EXPECT_TRUE(settled.ok() && *settled);
      }
    }
  }
  domain::PublicationCounts CountsOf(const std::string& destination) {
    const auto counts = publish_->Counts(Now());
    EXPECT_TRUE(counts.ok()) << counts.status();
    for (const domain::PublicationCounts& one : *counts) {
      if (one.destination == destination) return one;
    }
    ADD_FAILURE() << destination;
    return {};
  }

  const std::vector<std::string> destinations_ = {"index", kRegistry};
  SessionId session_;
  std::unique_ptr<PublishStore> publish_;
};

TEST_F(PublishStoreTest, WhatAnAttemptLeavesIsThereWithItsEnd) {
  const AttemptToken token = Build();
  const auto attachments = publish_->AttachmentsOf(Now(), {token});
  ASSERT_TRUE(attachments.ok()) << attachments.status();
  ASSERT_THAT(*attachments, SizeIs(2));
  EXPECT_EQ((*attachments)[0].second.name, "CHECKSUM");
  EXPECT_EQ((*attachments)[1].second.import_path, kModule);
  EXPECT_EQ(Count("SELECT count(*) FROM artifacts WHERE kind = 'attachment' AND referenced"), 2);
  const std::vector<Publication> all = All();
  ASSERT_THAT(all, SizeIs(2));
  std::vector<std::string> where;
  for (const Publication& p : all) {
    where.push_back(p.destination);
    EXPECT_EQ(p.state, PublicationState::kPending);
    EXPECT_EQ(p.release.module, kModule);
    EXPECT_EQ(p.release.token, token);
    EXPECT_EQ(p.release.facts.program, "m");
    EXPECT_THAT(p.release.facts.licences, ElementsAre("MIT"));
  }
  EXPECT_THAT(where, UnorderedElementsAre("index", kRegistry));
}

TEST_F(PublishStoreTest, AnEqualBuildIsAReproductionAndIsPublishedNowhere) {
  const AttemptToken first = Build();
  PublishAll();
  EXPECT_EQ(CountsOf(kRegistry).published, 1);
  Build();
  EXPECT_EQ(CountsOf(kRegistry).published, 1);
  EXPECT_EQ(CountsOf(kRegistry).pending, 0);
  const std::vector<Publication> due = Due("index");
  ASSERT_THAT(due, SizeIs(1)) << "the index tells of it";
  EXPECT_EQ(due[0].release.reproduced, 1);
  EXPECT_EQ(due[0].release.token, first);
}

TEST_F(PublishStoreTest, AnotherBuildWaitsForAPersonAndThenTakesThePlace) {
  const AttemptToken first = Build();
  PublishAll();
  const AttemptToken second = Build(std::string(64, '9'));
  const std::vector<Publication> parked = All({PublicationState::kParked});
  ASSERT_THAT(parked, SizeIs(2));
  for (const Publication& p : parked) {
    EXPECT_EQ(p.failure_class, "differs");
    EXPECT_EQ(p.release.token, second);
    EXPECT_EQ(p.release.differed, 1);
  }
  EXPECT_EQ(publish_->Retry(Now(), {}, false).value(), 0) << "all, but not what differs";
  EXPECT_EQ(publish_->InIndex(Now(), PublicationId{}, 10)->at(0).release.token, first);
  EXPECT_TRUE(absl::IsInvalidArgument(publish_->Retry(Now(), {}, true).status()));
  EXPECT_EQ(publish_->Retry(Now(), {parked[0].id}, true).value(), 1);
  EXPECT_THAT(All({PublicationState::kParked}), IsEmpty());
  EXPECT_THAT(All({PublicationState::kWithdrawn}), SizeIs(2)) << "the rows of the first build";
  PublishAll();
  const std::vector<Publication> published = All({PublicationState::kPublished});
  ASSERT_THAT(published, SizeIs(2));
  EXPECT_EQ(published[0].release.token, second);
}

TEST_F(PublishStoreTest, ATryThatFailedWaitsAndAnOrderThatChangedIsNotSettledByTheOlderOne) {
  Build();
  const Publication p = Due(kRegistry).at(0);
  EXPECT_TRUE(publish_
                  ->Settle(Now(), {.id = p.id,
                                   .change = p.change,
                                   .state = PublicationState::kFailed,
                                   .failure_class = "unavailable",
                                   .detail = "no answer",
                                   .wait = absl::Hours(1)})
                  .value());
  EXPECT_THAT(Due(kRegistry), IsEmpty());
  EXPECT_EQ(CountsOf(kRegistry).failed, 1);
  EXPECT_EQ(All({PublicationState::kFailed})[0].tries, 1);
  EXPECT_EQ(publish_->Retry(Now(), {}, false).value(), 1);
  const Publication again = Due(kRegistry).at(0);
  EXPECT_EQ(again.tries, 0);
  EXPECT_NE(again.change, p.change);
  EXPECT_FALSE(publish_->Settle(Now(), {.id = p.id, .change = p.change}).value());
  EXPECT_EQ(CountsOf(kRegistry).pending, 1);
  EXPECT_TRUE(publish_->SettleIndex(Now(), {{Due("index").at(0).id, 99}}).ok());
  EXPECT_EQ(CountsOf("index").pending, 1);
  EXPECT_TRUE(publish_->SettleIndex(Now(), {{Due("index").at(0).id, Due("index").at(0).change}}).ok());
  EXPECT_EQ(CountsOf("index").published, 1);
}

TEST_F(PublishStoreTest, ANewDestinationGetsWhatStandsAlready) {
  Build();
  Build(std::string(64, 'a'), "example.com/other");
  EXPECT_EQ(publish_->Enroll(Now(), {"index", kRegistry, "folder"}).value(), 2);
  EXPECT_EQ(publish_->Enroll(Now(), {"index", kRegistry, "folder"}).value(), 0);
  EXPECT_THAT(Due("folder"), SizeIs(2));
}

TEST_F(PublishStoreTest, OneCallOrdersABoundedNumberForEachNewDestinationTheOldestFirst) {
  for (const char* const module : {"example.com/a", "example.com/b", "example.com/c"}) {
    Build(std::string(64, 'a'), module);
  }
  const std::vector<std::string> destinations = {"index", kRegistry, "folder", "other folder"};
  EXPECT_EQ(publish_->Enroll(Now(), destinations, 2).value(), 4);
  std::vector<std::string> modules;
  for (const Publication& p : Due("folder")) modules.push_back(p.release.module);
  EXPECT_THAT(modules, UnorderedElementsAre("example.com/a", "example.com/b"));
  EXPECT_THAT(Due("other folder"), SizeIs(2));
  EXPECT_EQ(publish_->Enroll(Now(), destinations, 2).value(), 2);
  EXPECT_EQ(publish_->Enroll(Now(), destinations, 2).value(), 0);
  EXPECT_THAT(Due("folder"), SizeIs(3));
  EXPECT_THAT(Due("other folder"), SizeIs(3));
  EXPECT_THAT(Due("index"), SizeIs(3)) << "nothing twice";
}

TEST_F(PublishStoreTest, WhatIsWithdrawnMeanwhileIsNotOrderedForANewDestination) {
  Build();
  pqxx::connection db(url_);
  pqxx::work withdrawing(db);
  withdrawing.exec("UPDATE releases SET withdrawn_at = now()");
  const std::jthread committing([&] {
    absl::SleepFor(absl::Milliseconds(300));
    withdrawing.commit();
  });
  EXPECT_EQ(publish_->Enroll(Now(), {"folder"}).value(), 0) << "it waits, and sees the withdrawal";
}

TEST_F(PublishStoreTest, WhatIsWithdrawnGoesAwayEverywhereAndDoesNotComeBack) {
  Build();
  PublishAll();
  EXPECT_EQ(publish_->Withdraw(Now(), {.module = kModule, .version = "", .reason = "the author's wish"}, "ann").value(),
            1);
  EXPECT_THAT(publish_->InIndex(Now(), PublicationId{}, 10).value(), IsEmpty());
  EXPECT_THAT(publish_->OfModule(Now(), kModule, 10).value(), IsEmpty());
  const std::vector<Publication> due = Due(kRegistry);
  ASSERT_THAT(due, SizeIs(1));
  EXPECT_TRUE(due[0].withdraw);
  EXPECT_EQ(due[0].digest, "sha256:1");
  PublishAll();
  EXPECT_EQ(CountsOf(kRegistry).withdrawn, 1);
  Build();
  Build(std::string(64, '9'));
  EXPECT_EQ(CountsOf(kRegistry).pending + CountsOf(kRegistry).parked, 0);
  EXPECT_EQ(publish_->Withdrawals(Now())->at(0).reason, "the author's wish");
  EXPECT_EQ(publish_->Withdraw(Now(), {.module = "example.com/never", .reason = "malware"}, "ann").value(), 0);
  Build(std::string(64, 'a'), "example.com/never");
  EXPECT_EQ(Count("SELECT count(*) FROM releases WHERE module = 'example.com/never'"), 0);
}

TEST_F(PublishStoreTest, APausedDestinationGetsNothing) {
  Build();
  EXPECT_TRUE(absl::IsNotFound(publish_->Pause(Now(), "nowhere", true, "")));
  ASSERT_TRUE(publish_->Pause(Now(), kRegistry, true, "it moves").ok());
  EXPECT_THAT(Due(kRegistry), IsEmpty());
  EXPECT_THAT(Due("index"), SizeIs(1));
  EXPECT_TRUE(CountsOf(kRegistry).paused);
  EXPECT_EQ(CountsOf(kRegistry).pause_reason, "it moves");
  ASSERT_TRUE(publish_->Pause(Now(), kRegistry, false, "").ok());
  EXPECT_THAT(Due(kRegistry), SizeIs(1));
}

TEST_F(PublishStoreTest, OneKeyOfAKindSignsAndThoseOfBeforeStay) {
  ASSERT_TRUE(publish_->SetKey(Now(), "provenance", "one").ok());
  ASSERT_TRUE(publish_->SetKey(Now(), "provenance", "one").ok());
  ASSERT_TRUE(publish_->SetKey(Now(), "minisign", "m").ok());
  ASSERT_TRUE(publish_->SetKey(Now(), "provenance", "two").ok());
  const std::vector<domain::PublishKey> keys = publish_->Keys(Now()).value();
  ASSERT_THAT(keys, SizeIs(3));
  EXPECT_EQ(keys[0].kind, "minisign");
  EXPECT_EQ(keys[1].public_key, "one");
  EXPECT_LT(keys[1].until, absl::InfiniteFuture());
  EXPECT_EQ(keys[2].until, absl::InfiniteFuture());
}

TEST_F(PublishStoreTest, WhatIsKnownOfAnAttemptThatEnds) {
  const JobId job = OnlyJob(Submit({kModule}).batch.id);
  const AttemptToken token = Run(job, session_);
  const auto facts = publish_->FactsOf(Now(), token);
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_EQ(facts->module, kModule);
  EXPECT_EQ(facts->toolset, toolset_.name);
  EXPECT_EQ(facts->worker, "w");
  EXPECT_EQ(facts->worker_arch, "x86_64");
  EXPECT_EQ(facts->stars, -1);
  EXPECT_FALSE(facts->withdrawn);
  ASSERT_TRUE(publish_->Withdraw(Now(), {.module = kModule, .version = "v1.0.0", .reason = "r"}, "ann").ok());
  EXPECT_TRUE(publish_->FactsOf(Now(), token)->withdrawn);
  EXPECT_TRUE(absl::IsNotFound(publish_->FactsOf(Now(), AttemptToken{999}).status()));
}

}  // namespace
}  // namespace gofarm::testing
