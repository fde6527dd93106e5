// Automatic updates on PostgreSQL, from a new version of a published module to its batch, and from a go.mod that takes
// versions back, or is deprecated, to what the index is told.
#include "coordinator/store/publish_store.h"
#include "tests/pg/selector_fixture.h"

namespace gofarm::catalog {
namespace {

using domain::Publication;
using domain::PublicationState;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kModule[] = "example.com/m";

class UpdaterTest : public SelectorTest {
 protected:
  void SetUp() override {
    SelectorTest::SetUp();
    config_.updates.delay = absl::ZeroDuration();
    publish_ = std::make_unique<store::PublishStore>(*pool_);
    ASSERT_TRUE(publish_->Enroll(Now(), {"index", "registry"}).ok());
    session_ = Hello("w").session;
  }
  // v1.0.0 of the module, built for x86_64, is ordered at both destinations.
  void Release(const std::string& module) {
    const JobId job = OnlyJob(Submit({module}).batch.id);
    domain::CompletedAttempt report = BuiltReport(Run(job, session_), job, {module});
    report.publishing = {.releases = {{.import_path = module, .facts = {.program = "m"}}},
                         .destinations = {"index", "registry"}};
    ASSERT_EQ(Complete(report).outcome, domain::CompleteOutcome::kEnded);
  }
  // Carries out all orders of the index, as its publisher does.
  void WriteIndex() {
    std::vector<std::pair<domain::PublicationId, int>> shown;
    for (const Publication& p : Rows()) {
      if (p.destination == "index" && p.state == PublicationState::kPending) shown.emplace_back(p.id, p.change);
    }
    ASSERT_TRUE(publish_->SettleIndex(Now(), shown).ok());
  }
  void Publish(int id, const std::string& module) {
    AddProgram(id, module, 0b1111);
    Release(module);
    WriteIndex();
  }
  std::vector<Publication> Rows() {
    auto rows = publish_->Page(Now(), {}, domain::PublicationId{}, 100);
    EXPECT_TRUE(rows.ok()) << rows.status();
    return *std::move(rows);
  }
  Publication IndexRow(const std::string& module) {
    for (const Publication& p : Rows()) {
      if (p.destination == "index" && p.release.module == module) return p;
    }
    ADD_FAILURE() << module;
    return {};
  }
  // What index, reach and detect find of a later version.
  void Newer(int id, const std::string& path, const std::string& version, ReachRow reach = {}) {
    Sql(Cat("INSERT INTO catalog_versions (indexed_at, module_id, version) VALUES (now() - interval '1 second', ", id,
            ", '", version, "') ON CONFLICT DO NOTHING"));
    reach.module_id = id;
    reach.version = version;
    if (reach.state == Reachability::kUnknown) reach.state = Reachability::kAvailable;
    reach.checked_at = absl::Now();
    ASSERT_TRUE(store_->SaveReach(Now(), epoch_, 1, {reach}, {}).ok());
    ASSERT_TRUE(store_
                    ->SaveDetections(Now(), epoch_, 1,
                                     {{.module_id = id,
                                       .version = version,
                                       .programs = 1,
                                       .targets = 0b1111,
                                       .document = DetectionOf(path, 0b1111),
                                       .checked_at = absl::Now()}},
                                     {})
                    .ok());
  }
  void Says(int id, const std::string& version, std::optional<std::vector<RetractedRange>> ranges,
            const std::string& deprecated = "", Reachability state = Reachability::kAvailable) {
    ASSERT_TRUE(store_
                    ->SaveReach(Now(), epoch_, 1,
                                {{.module_id = id,
                                  .version = version,
                                  .state = state,
                                  .deprecated = deprecated,
                                  .checked_at = absl::Now(),
                                  .retractions = std::move(ranges)}},
                                {})
                    .ok());
  }
  // Its own object: no rest of a look before stands in the way.
  StageTurn::Done Look() {
    Updater fresh(config_, epoch_, *store_, *updates_, *service_);
    auto done = fresh.Turn(Now());
    EXPECT_TRUE(done.ok()) << done.status();
    return *done;
  }
  UpdatesView View() {
    auto view = updater_->View(Now());
    EXPECT_TRUE(view.ok()) << view.status();
    return *std::move(view);
  }
  int64_t JobsOfVersion(const std::string& version) {
    return Count(Cat("SELECT count(*) FROM jobs WHERE version = '", version, "'"));
  }

  SessionId session_;
  std::unique_ptr<store::PublishStore> publish_;
};

TEST_F(UpdaterTest, ANewVersionOfAPublishedModuleIsQueuedOnceForItsTargets) {
  Publish(1, kModule);
  EXPECT_EQ(Look().modules, 0) << "it is published as it is";
  Newer(1, kModule, "v1.1.0");
  EXPECT_THAT(View().waiting, SizeIs(1));
  EXPECT_EQ(View().waiting[0].state, "next");
  EXPECT_EQ(Look().modules, 1);
  EXPECT_EQ(Sql("SELECT string_agg(target::text, ',') FROM jobs WHERE version = 'v1.1.0'"), "1");
  const UpdatesView view = View();
  EXPECT_THAT(view.waiting, IsEmpty());
  ASSERT_THAT(view.queued, SizeIs(1));
  EXPECT_EQ(view.queued[0].module, kModule);
  EXPECT_EQ(view.queued[0].version, "v1.1.0");
  EXPECT_THAT(view.queued[0].targets, ElementsAre(Target::kX86_64));
  EXPECT_GT(view.queued[0].batch_id, 0);
  EXPECT_EQ(view.used_today, 1);
  EXPECT_EQ(view.left_today, config_.auto_select_per_day - 1);
  EXPECT_EQ(Look().modules, 0);
  EXPECT_EQ(JobsOfVersion("v1.1.0"), 1);
  EXPECT_EQ(Count("SELECT modules FROM catalog_days"), 1);
}

TEST_F(UpdaterTest, WhatIsOrderedAndNotPublishedYetIsNoPublishedModule) {
  AddProgram(1, kModule, 0b1111);
  Release(kModule);
  Newer(1, kModule, "v1.1.0");
  EXPECT_EQ(Look().modules, 0);
  WriteIndex();
  EXPECT_EQ(Look().modules, 1);
}

TEST_F(UpdaterTest, AWithdrawnModuleIsNotUpdated) {
  Publish(1, kModule);
  ASSERT_TRUE(publish_->Withdraw(Now(), {kModule, "", "malware"}, "me").ok());
  Newer(1, kModule, "v1.1.0");
  EXPECT_EQ(Look().modules, 0);
  EXPECT_EQ(JobsOfVersion("v1.1.0"), 0);
}

TEST_F(UpdaterTest, AWithdrawnVersionIsSkippedAndSaysWhy) {
  Publish(1, kModule);
  ASSERT_TRUE(publish_->Withdraw(Now(), {kModule, "v1.1.0", "licence"}, "me").ok());
  Newer(1, kModule, "v1.1.0");
  EXPECT_EQ(Look().modules, 0);
  ASSERT_THAT(View().waiting, SizeIs(1));
  EXPECT_EQ(View().waiting[0].reason, "withdrawn: licence");
}

TEST_F(UpdaterTest, TheDelayAndTheBudgetAreWaitedFor) {
  config_.updates.delay = absl::Hours(1);
  Publish(1, kModule);
  Publish(2, "example.com/n");
  Newer(1, kModule, "v1.1.0");
  Newer(2, "example.com/n", "v1.1.0");
  EXPECT_EQ(Look().modules, 0);
  ASSERT_THAT(View().waiting, SizeIs(2));
  EXPECT_THAT(View().waiting[0].reason, HasSubstr("delay"));
  ASSERT_TRUE(View().waiting[0].until.has_value());
  config_.updates.delay = absl::ZeroDuration();
  config_.auto_select_per_day = 1;
  EXPECT_EQ(Look().modules, 1);
  EXPECT_EQ(Look().modules, 0) << "the budget is used up, by another object too";
  ASSERT_THAT(View().waiting, SizeIs(1));
  EXPECT_EQ(View().waiting[0].reason, kBudgetUsed);
  EXPECT_EQ(View().left_today, 0);
  Sql("UPDATE catalog_days SET day = day - 1");
  EXPECT_EQ(Look().modules, 1) << "the next day";
}

TEST_F(UpdaterTest, AVersionThatFailedOrWasLeftOutIsNotQueuedAgain) {
  Publish(1, kModule);
  Newer(1, kModule, "v1.1.0");
  EXPECT_EQ(Look().modules, 1);
  Sql("UPDATE jobs SET state = 6, failure_class = 1, ended_at = now() WHERE version = 'v1.1.0'");
  Sql("DELETE FROM publish_updates");  // as if the coordinator was killed before it was noted
  EXPECT_EQ(Look().modules, 0);
  EXPECT_EQ(View().waiting[0].reason, "it has jobs already");
  Newer(1, kModule, "v1.2.0");
  proxy_.gone = kModule;
  EXPECT_EQ(Look().modules, 0);
  proxy_.gone.clear();
  EXPECT_EQ(Look().modules, 0);
  ASSERT_THAT(View().queued, SizeIs(1));
  EXPECT_EQ(View().queued[0].batch_id, 0);
  EXPECT_THAT(View().queued[0].detail, HasSubstr("does not know this version"));
  EXPECT_EQ(View().used_today, 1) << "what is left out costs nothing";
}

TEST_F(UpdaterTest, TurnedOffNothingHappens) {
  config_.updates.on = false;
  Publish(1, kModule);
  Newer(1, kModule, "v1.1.0", {.retractions = std::vector<RetractedRange>{{"v1.0.0", "v1.0.0", "bad"}}});
  EXPECT_EQ(Look().modules, 0);
  EXPECT_EQ(IndexRow(kModule).state, PublicationState::kPublished);
}

TEST_F(UpdaterTest, AutoSelectLeavesPublishedModulesToThisRuleAndSharesItsBudget) {
  config_.auto_select = absl::Hours(1);
  config_.auto_select_per_day = 2;
  config_.updates.delay = absl::Hours(1);
  Publish(1, kModule);
  Newer(1, kModule, "v1.1.0");
  AddProgram(2, "example.com/new1", 1);
  AddProgram(3, "example.com/new2", 1);
  AddProgram(4, "example.com/new3", 1);
  ASSERT_TRUE(selector_->Turn(Now()).ok());
  EXPECT_EQ(JobsOfVersion("v1.1.0"), 0) << "its delay is not over";
  EXPECT_EQ(Count("SELECT count(*) FROM jobs WHERE module LIKE '%/new_'"), 2);
  EXPECT_EQ(View().left_today, 0);
  config_.updates.delay = absl::ZeroDuration();
  EXPECT_EQ(Look().modules, 0) << "auto_select has used up the budget";
}

TEST_F(UpdaterTest, ARetractedVersionLeavesTheIndexAloneAndComesBack) {
  Publish(1, kModule);
  Sql("UPDATE publications SET state = 4 WHERE destination = 'registry'");
  Says(1, "v1.0.0", std::vector<RetractedRange>{{"v1.0.0", "v1.0.9", "leaks \"keys\""}});
  EXPECT_GT(Look().taken_up, 0);
  Publication row = IndexRow(kModule);
  EXPECT_TRUE(row.withdraw);
  EXPECT_EQ(row.state, PublicationState::kPending);
  EXPECT_EQ(row.detail, "retracted: leaks \"keys\"");
  WriteIndex();
  row = IndexRow(kModule);
  EXPECT_EQ(row.state, PublicationState::kWithdrawn);
  EXPECT_EQ(row.detail, "retracted: leaks \"keys\"") << "the reason stays";
  EXPECT_THAT(*publish_->InIndex(Now(), domain::PublicationId{}, 10), IsEmpty());
  EXPECT_EQ(*publish_->WhyRetracted(Now(), kModule, "v1.0.0"), "leaks \"keys\"");
  for (const Publication& p : Rows()) EXPECT_EQ(p.withdraw, p.destination == "index") << p.destination;
  for (const Publication& p : Rows()) {
    EXPECT_TRUE(p.release.retracted) << p.destination;
    if (p.destination == "index") continue;
    EXPECT_EQ(p.state, PublicationState::kPending) << "it looks for its latest anew";
  }
  EXPECT_THAT(*publish_->Withdrawals(Now()), IsEmpty()) << "it is not barred";
  ASSERT_THAT(View().retracted, SizeIs(1));
  EXPECT_EQ(Look().taken_up, 0) << "it says so already";

  Says(1, "v1.0.0", std::nullopt, "", Reachability::kUnknown);
  Look();
  EXPECT_EQ(IndexRow(kModule).state, PublicationState::kWithdrawn) << "no answer takes nothing back";
  Says(1, "v1.0.0", std::vector<RetractedRange>{});
  Look();
  row = IndexRow(kModule);
  EXPECT_FALSE(row.withdraw);
  EXPECT_EQ(row.detail, "");
  WriteIndex();
  EXPECT_EQ(IndexRow(kModule).state, PublicationState::kPublished);
  EXPECT_THAT(*publish_->InIndex(Now(), domain::PublicationId{}, 10), SizeIs(1));
  EXPECT_THAT(View().retracted, IsEmpty());
}

TEST_F(UpdaterTest, WhatAPersonWithdrewDoesNotComeBackWithTheEndOfARetraction) {
  Publish(1, kModule);
  Says(1, "v1.0.0", std::vector<RetractedRange>{{"v1.0.0", "v1.0.0", "bad"}});
  Look();
  for (const Publication& p : Rows()) EXPECT_EQ(p.change > 0, p.destination == "index") << "it never stood there";
  WriteIndex();
  ASSERT_TRUE(publish_->Withdraw(Now(), {kModule, "v1.0.0", "malware"}, "me").ok());
  Says(1, "v1.0.0", std::vector<RetractedRange>{});
  Look();
  EXPECT_EQ(IndexRow(kModule).state, PublicationState::kWithdrawn);
}

TEST_F(UpdaterTest, AModuleStaysPublishedWhileTheIndexTellsItAnew) {
  Publish(1, kModule);
  Newer(1, kModule, "v1.1.0", {.deprecated = "use another"});
  EXPECT_EQ(Look().modules, 1);
  EXPECT_EQ(IndexRow(kModule).state, PublicationState::kPending);
}

TEST_F(UpdaterTest, ADeprecatedModuleKeepsItsRecordWithANote) {
  Publish(1, kModule);
  Says(1, "v1.0.0", std::nullopt, "use example.com/other");
  EXPECT_GT(Look().taken_up, 0);
  const Publication row = IndexRow(kModule);
  EXPECT_EQ(row.state, PublicationState::kPending) << "the index tells it anew";
  EXPECT_FALSE(row.withdraw);
  EXPECT_TRUE(row.release.facts.deprecated);
  EXPECT_EQ(row.release.facts.deprecated_note, "use example.com/other");
  EXPECT_EQ(row.release.facts.program, "m") << "the other facts stay";
  WriteIndex();
  EXPECT_EQ(Look().taken_up, 0);
  Says(1, "v1.0.0", std::nullopt, "");
  Look();
  EXPECT_FALSE(IndexRow(kModule).release.facts.deprecated);
  EXPECT_EQ(IndexRow(kModule).release.facts.deprecated_note, "");
}

TEST_F(UpdaterTest, ALookRestsUntilSomethingChanges) {
  Publish(1, kModule);
  Newer(1, kModule, "v1.1.0");
  ASSERT_EQ(updater_->Turn(Now())->modules, 1);
  Newer(1, kModule, "v1.2.0");
  int64_t queued = 0;
  for (int i = 0; i < 1'000 && queued == 0; ++i) {
    absl::SleepFor(absl::Milliseconds(20));
    queued = updater_->Turn(Now())->modules;
  }
  EXPECT_EQ(queued, 1) << "after nine times what a look takes";
}

TEST_F(UpdaterTest, OneNameOfAVersionIsOfOneProgramInTheDatabaseToo) {
  const JobId job = OnlyJob(Submit({kModule}).batch.id);
  domain::CompletedAttempt report =
      BuiltReport(Run(job, session_), job, {"example.com/m/a/tool", "example.com/m/b/tool"});
  report.publishing = {.releases = {{.import_path = "example.com/m/a/tool", .facts = {.program = "tool"}},
                                    {.import_path = "example.com/m/b/tool", .facts = {.program = "Tool"}}},
                       .destinations = {"index"}};
  ASSERT_EQ(Complete(report).outcome, domain::CompleteOutcome::kEnded);
  EXPECT_EQ(Sql("SELECT string_agg(import_path, ',') FROM releases"), "example.com/m/a/tool");
}

}  // namespace
}  // namespace gofarm::catalog
