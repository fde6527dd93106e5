// Rebuilds on PostgreSQL: which builds may be made again, the jobs of the farm's own, and what their results change.
#include <gmock/gmock.h>

#include <pqxx/pqxx>

#include "coordinator/store/publish_store.h"
#include "coordinator/store/rebuild_store.h"
#include "tests/pg/farm_fixture.h"

namespace gofarm::testing {
namespace {

using domain::PublicationState;
using domain::RebuildFilter;
using store::PublishStore;
using store::RebuildStore;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kModule[] = "example.com/m";
const std::string kBytes(64, 'a'), kOtherBytes(64, '9');

class RebuildStoreTest : public FarmTest {
 protected:
  void SetUp() override {
    FarmTest::SetUp();
    publish_ = std::make_unique<PublishStore>(*pool_);
    rebuilds_ = std::make_unique<RebuildStore>(*pool_);
    session_ = Hello("w").session;
    ASSERT_TRUE(publish_->Enroll(Now(), destinations_).ok());
  }

  struct Built {
    JobId job;
    AttemptToken token;
  };
  // A build of the module's program that is to be published.
  Built Build(const std::string& version = "v1.0.0", const std::string& sha256 = kBytes) {
    std::vector<domain::WantedJob> wanted = Wanted({kModule});
    wanted[0].version = version;
    wanted[0].recipe_digest = digest::Sha256Hex(version);
    auto inserted = batches_->Insert(Now(), Request(/*force=*/true), wanted, toolset_.name);
    EXPECT_TRUE(inserted.ok()) << inserted.status();
    Built built{.job = OnlyJob(inserted->batch.id)};
    built.token = Run(built.job, session_);
    domain::CompletedAttempt report = BuiltReport(built.token, built.job, {kModule});
    report.executables[0].sha256 = sha256;
    report.publishing = {.attachments = {File("m.sigstore.json", "provenance", '1')},
                         .releases = {{.import_path = kModule, .facts = {.program = "m"}}},
                         .destinations = destinations_};
    EXPECT_EQ(Complete(report).outcome, domain::CompleteOutcome::kEnded);
    return built;
  }
  static domain::Attachment File(const std::string& name, const std::string& kind, char digest) {
    return {.name = name,
            .import_path = kModule,
            .kind = kind,
            .size = 7,
            .sha256 = std::string(64, digest),
            .blake3 = std::string(64, digest)};
  }
  std::vector<domain::RebuildCandidate> Candidates(const RebuildFilter& filter = {}) {
    auto jobs = rebuilds_->Candidates(Now(), filter, JobId{}, 100);
    EXPECT_TRUE(jobs.ok()) << jobs.status();
    return *std::move(jobs);
  }
  domain::RebuildOrder Order(const std::vector<domain::RebuildCandidate>& jobs) {
    auto order = rebuilds_->Order(Now(), jobs, "rebuild", 0);
    EXPECT_TRUE(order.ok()) << order.status();
    return *std::move(order);
  }
  // Runs a rebuild of `first` to its end, with these bytes.
  Built Rebuild(const Built& first, const std::string& sha256, std::string detail = "") {
    const domain::RebuildOrder order = Order({{.job = {.id = first.job}, .recipe_digest = kBytes}});
    EXPECT_THAT(order.queued, SizeIs(1));
    const JobId job = order.queued.at(0).id;
    Built built{.job = job, .token = Run(job, session_)};
    domain::CompletedAttempt report = BuiltReport(built.token, job, {kModule});
    report.executables[0].sha256 = sha256;
    const bool same = sha256 == kBytes;
    report.publishing.attachments = {File("m.sigstore.json", "provenance", '2')};
    if (!same) report.publishing.attachments.push_back(File("m.diff.txt", "diff", '3'));
    report.publishing.rebuilt = {
        .of = first.token, .programs = {{.import_path = kModule, .reproduced = same, .detail = std::move(detail)}}};
    EXPECT_EQ(Complete(report).outcome, domain::CompleteOutcome::kEnded);
    return built;
  }
  std::vector<domain::Publication> All(std::vector<PublicationState> states = {}) {
    auto page = publish_->Page(Now(), {.states = std::move(states)}, {}, 100);
    EXPECT_TRUE(page.ok()) << page.status();
    return *std::move(page);
  }
  domain::Release Released(const std::string& version = "v1.0.0") {
    for (const domain::Publication& p : All()) {
      if (p.release.version == version && p.destination == "index") return p.release;
    }
    ADD_FAILURE() << version << " is not released";
    return {};
  }
  void PublishAll() {
    for (const std::string& destination : destinations_) {
      const auto due = publish_->Due(Now(), destination, 100);
      ASSERT_TRUE(due.ok()) << due.status();
      for (const domain::Publication& p : *due) {
        EXPECT_TRUE(publish_->Settle(Now(), {.id = p.id, .change = p.change, .digest = "sha256:1"}).value());
      }
    }
  }
  domain::RebuildCounts Counts() { return rebuilds_->Counts(Now()).value(); }

  const std::vector<std::string> destinations_ = {"index", "registry one"};
  SessionId session_;
  std::unique_ptr<PublishStore> publish_;
  std::unique_ptr<RebuildStore> rebuilds_;
};

TEST_F(RebuildStoreTest, WhatIsPublishedMayBeBuiltAgain) {
  const Built one = Build("v1.0.0"), two = Build("v1.1.0");
  OnlyJob(Submit({"example.com/waits"}).batch.id);
  const auto all = Candidates();
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_EQ(all[0].job.id, one.job);
  EXPECT_EQ(all[0].worker, "w");
  EXPECT_EQ(all[0].toolset, toolset_.name);
  EXPECT_EQ(all[0].recipe_digest, digest::Sha256Hex("v1.0.0"));
  EXPECT_THAT(Candidates({.module = kModule, .version = "v1.1.0"}), SizeIs(1));
  EXPECT_THAT(Candidates({.module = "example.com/other"}), IsEmpty());
  // By digest, as text.
  EXPECT_THAT(Candidates({.below = ""}), IsEmpty());
  EXPECT_THAT(Candidates({.below = all[0].recipe_digest}), SizeIs(all[1].recipe_digest < all[0].recipe_digest ? 1 : 0));
  EXPECT_THAT(rebuilds_->Candidates(Now(), {}, one.job, 100).value(), SizeIs(1));
  const auto of = rebuilds_->CandidatesOf(Now(), {All()[0].id, domain::PublicationId{999}});
  ASSERT_TRUE(of.ok()) << of.status();
  ASSERT_THAT(*of, SizeIs(1));
  Order({all[0]});
  const auto never = Candidates({.never_rebuilt = true});
  ASSERT_THAT(never, SizeIs(1));
  EXPECT_EQ(never[0].job.id, two.job);
  ASSERT_TRUE(publish_->Withdraw(Now(), {.module = kModule, .version = "v1.1.0", .reason = "r"}, "ann").ok());
  EXPECT_THAT(Candidates({.module = kModule, .version = "v1.1.0"}), IsEmpty());
}

TEST_F(RebuildStoreTest, ARebuildIsAJobOfTheFarmsThatAvoidsTheFirstWorkerAndAsksForColdCaches) {
  const Built first = Build();
  const domain::RebuildOrder order = Order(Candidates());
  ASSERT_THAT(order.queued, SizeIs(1));
  EXPECT_EQ(order.queued[0].module, kModule);
  EXPECT_EQ(Counts().rebuilding, 1);
  const auto batch = batches_->Get(Now(), order.batch);
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_EQ(batch->submitter, "gofarm");
  EXPECT_EQ(batch->jobs.queued, 1);
  const auto queue = dispatch_->LoadQueue(Now(), JobId{}, 100);
  ASSERT_TRUE(queue.ok()) << queue.status();
  ASSERT_THAT(queue->jobs, SizeIs(1));
  EXPECT_TRUE(queue->jobs[0].cold_caches);
  EXPECT_EQ(queue->jobs[0].avoid_worker, "w");
  EXPECT_EQ(queue->jobs[0].submitter, "gofarm");
  EXPECT_EQ(Job(order.queued[0].id).rebuild_of, first.job);
  // Nobody joins it, and it joins nobody: the next submission gets the first build.
  std::vector<domain::WantedJob> wanted = Wanted({kModule});
  wanted[0].recipe_digest = digest::Sha256Hex("v1.0.0");
  const auto again = batches_->Insert(Now(), Request(), wanted, toolset_.name);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(OnlyJob(again->batch.id), first.job);
}

TEST_F(RebuildStoreTest, OneThatIsUnderWayIsNotOrderedTwice) {
  Build();
  const domain::RebuildOrder first = Order(Candidates());
  const domain::RebuildOrder second = Order(Candidates());
  EXPECT_THAT(second.queued, IsEmpty());
  EXPECT_EQ(second.running, 1);
  EXPECT_NE(second.batch, first.batch);
  EXPECT_EQ(OnlyJob(second.batch), first.queued[0].id);
  ASSERT_TRUE(batches_->CancelJob(Now(), first.queued[0].id).ok());
  EXPECT_THAT(Order(Candidates()).queued, SizeIs(1)) << "that one is over";
  EXPECT_FALSE(Order({}).batch);
}

TEST_F(RebuildStoreTest, ALostRebuildGoesOnToAvoidTheFirstWorker) {
  Build();
  const JobId job = Order(Candidates()).queued.at(0).id;
  const SessionId other = Hello("other").session;
  Run(job, other);
  LetLeaseRunOut(other);
  const auto expired = dispatch_->ExpireSessions(Now(), epoch_);
  ASSERT_TRUE(expired.ok()) << expired.status();
  ASSERT_THAT(expired->lost, SizeIs(1));
  ASSERT_TRUE(expired->lost[0].requeued.has_value());
  EXPECT_TRUE(expired->lost[0].requeued->cold_caches);
  EXPECT_FALSE(expired->lost[0].requeued->avoid_worker.empty());
}

TEST_F(RebuildStoreTest, TheSameBytesEarnItAndPublishNothing) {
  const Built first = Build();
  PublishAll();
  const size_t artifacts = queries_->ArtifactPage(Now(), {}, {}, 100)->size();
  const Built again = Rebuild(first, kBytes);
  const domain::Release release = Released();
  EXPECT_EQ(release.reproduced, 1);
  EXPECT_EQ(release.differed, 0);
  EXPECT_EQ(release.token, first.token);
  EXPECT_EQ(release.rebuild, again.token);
  EXPECT_GT(release.rebuilt_at, release.built_at - absl::Seconds(1));
  EXPECT_THAT(publish_->Due(Now(), "registry one", 100).value(), IsEmpty());
  EXPECT_THAT(publish_->Due(Now(), "index", 100).value(), SizeIs(1)) << "which tells of it";
  EXPECT_EQ(queries_->ArtifactPage(Now(), {}, {}, 100)->size(), artifacts) << "what it built is nobody's artifact";
  EXPECT_THAT(All(), SizeIs(2));
  EXPECT_EQ(Counts().reproduced, 1);
  EXPECT_EQ(Counts().rebuilding, 0);
  // The statement that was signed once more is served; the executable of the rebuild is not.
  EXPECT_EQ(publish_->PublicFileOf(Now(), again.token, "m.sigstore.json")->sha256, std::string(64, '2'));
  EXPECT_TRUE(absl::IsNotFound(publish_->PublicFileOf(Now(), again.token, "m").status()));
}

TEST_F(RebuildStoreTest, JobsTellOfTheirRebuilds) {
  const Built first = Build();
  const Built again = Rebuild(first, kOtherBytes, "1 of 100 bytes differ");
  const std::vector<domain::RebuildResult> of_first = Job(first.job).rebuilds, own = Job(again.job).rebuilds;
  ASSERT_THAT(of_first, SizeIs(1));
  EXPECT_EQ(of_first[0].rebuild, again.job);
  EXPECT_EQ(of_first[0].import_path, kModule);
  EXPECT_EQ(of_first[0].worker, "w");
  EXPECT_FALSE(of_first[0].reproduced);
  EXPECT_EQ(of_first[0].detail, "1 of 100 bytes differ");
  EXPECT_GT(of_first[0].at, absl::UnixEpoch());
  ASSERT_THAT(own, SizeIs(1));
  EXPECT_EQ(own[0].rebuild, again.job);
  EXPECT_FALSE(Job(first.job).rebuild_of);
}

TEST_F(RebuildStoreTest, ADifferenceIsTheLastWordAndHoldsLaterVersionsUpForAPerson) {
  const Built first = Build();
  PublishAll();
  const Built differs = Rebuild(first, kOtherBytes, "1 of 100 bytes differ");
  const Built same = Rebuild(first, kBytes);
  domain::Release release = Released();
  EXPECT_EQ(release.differed, 1);
  EXPECT_EQ(release.reproduced, 1);
  EXPECT_EQ(release.rebuild, differs.token) << "not " << same.token.value;
  EXPECT_EQ(release.rebuild_detail, "1 of 100 bytes differ");
  EXPECT_EQ(Counts().differing, 1);
  EXPECT_EQ(Counts().reproduced, 0);
  EXPECT_EQ(publish_->PublicFileOf(Now(), differs.token, "m.diff.txt")->sha256, std::string(64, '3'));
  PublishAll();
  EXPECT_THAT(All({PublicationState::kPublished}), SizeIs(2)) << "what stands stays";

  const Built later = Build("v1.1.0", std::string(64, '5'));
  std::vector<domain::Publication> parked = All({PublicationState::kParked});
  ASSERT_THAT(parked, SizeIs(2));
  for (const domain::Publication& p : parked) {
    EXPECT_EQ(p.failure_class, "not_reproduced");
    EXPECT_THAT(p.detail, HasSubstr("v1.0.0"));
    EXPECT_EQ(p.release.version, "v1.1.0");
  }
  // A destination that comes later learns of it.
  ASSERT_TRUE(publish_->Enroll(Now(), {"index", "registry one", "folder"}).ok());
  EXPECT_THAT(All({PublicationState::kParked}), SizeIs(3));
  EXPECT_THAT(publish_->Due(Now(), "folder", 100).value(), SizeIs(1)) << "the version that stands";
  EXPECT_EQ(publish_->Retry(Now(), {parked[0].id, parked[1].id}, false).value(), 2);
  PublishAll();

  // It waits until a later version was reproduced.
  Build("v1.2.0", std::string(64, '6'));
  EXPECT_THAT(All({PublicationState::kParked}), SizeIs(3));
  {
    const domain::RebuildOrder order = Order(Candidates({.version = "v1.1.0"}));
    const JobId job = order.queued.at(0).id;
    domain::CompletedAttempt report = BuiltReport(Run(job, session_), job, {kModule});
    report.executables[0].sha256 = std::string(64, '5');
    report.publishing.rebuilt = {.of = later.token, .programs = {{.import_path = kModule, .reproduced = true}}};
    Complete(report);
  }
  Build("v1.3.0", std::string(64, '7'));
  EXPECT_EQ(publish_->Page(Now(), {.destination = "index", .states = {PublicationState::kParked}}, {}, 100)->size(),
            1u);
  EXPECT_EQ(Released("v1.3.0").version, "v1.3.0");
}

TEST_F(RebuildStoreTest, WhatWaitedForAPersonIsWithdrawnAtOnce) {
  const Built first = Build();
  Rebuild(first, kOtherBytes);
  Build("v1.1.0", std::string(64, '5'));
  ASSERT_TRUE(publish_->Withdraw(Now(), {.module = kModule, .version = "v1.1.0", .reason = "r"}, "ann").ok());
  EXPECT_THAT(All({PublicationState::kWithdrawn}), SizeIs(2)) << "it never left";
  // Nor does a withdrawn version hold later ones up.
  ASSERT_TRUE(publish_->Withdraw(Now(), {.module = kModule, .version = "v1.0.0", .reason = "r"}, "ann").ok());
  Build("v1.2.0", std::string(64, '6'));
  EXPECT_THAT(All({PublicationState::kParked}), IsEmpty());
}

TEST_F(RebuildStoreTest, OtherTargetsAndOtherProgramsAreNotHeldUp) {
  const Built first = Build();
  Rebuild(first, kOtherBytes);
  const JobId job = OnlyJob(Submit({"example.com/other"}).batch.id);
  domain::CompletedAttempt report = BuiltReport(Run(job, session_), job, {"example.com/other"});
  report.publishing = {.releases = {{.import_path = "example.com/other", .facts = {.program = "other"}}},
                       .destinations = destinations_};
  Complete(report);
  EXPECT_THAT(All({PublicationState::kParked}), IsEmpty());
}

TEST_F(RebuildStoreTest, AnotherRecipeThatDiffersIsNoFailedRebuild) {
  Build();
  std::vector<domain::WantedJob> wanted = Wanted({kModule});
  wanted[0].recipe_digest = std::string(64, 'e');
  const auto batch = batches_->Insert(Now(), Request(), wanted, toolset_.name);
  ASSERT_TRUE(batch.ok()) << batch.status();
  const JobId job = OnlyJob(batch->batch.id);
  domain::CompletedAttempt report = BuiltReport(Run(job, session_), job, {kModule});
  report.executables[0].sha256 = kOtherBytes;
  report.publishing = {.releases = {{.import_path = kModule, .facts = {.program = "m"}}},
                       .destinations = destinations_};
  Complete(report);
  EXPECT_EQ(Released().differed, 0);
  const std::vector<domain::Publication> parked = All({PublicationState::kParked});
  ASSERT_THAT(parked, SizeIs(2));
  EXPECT_EQ(parked[0].failure_class, "differs");

  // What takes the place brings what is known of itself.
  const domain::RebuildOrder order = Order(rebuilds_->CandidatesOf(Now(), {parked[0].id}).value());
  const JobId again = order.queued.at(0).id;
  EXPECT_EQ(Job(again).rebuild_of, job);
  domain::CompletedAttempt rebuilt = BuiltReport(Run(again, session_), again, {kModule});
  rebuilt.executables[0].sha256 = kOtherBytes;
  rebuilt.publishing.rebuilt = {.of = report.token, .programs = {{.import_path = kModule, .reproduced = true}}};
  Complete(rebuilt);
  EXPECT_EQ(Released().reproduced, 0) << "the one that stands was not built again";
  EXPECT_EQ(publish_->Retry(Now(), {parked[0].id}, true).value(), 1);
  EXPECT_EQ(Released().reproduced, 1);
  EXPECT_EQ(Released().rebuild, rebuilt.token);
}

TEST_F(RebuildStoreTest, AFailedRebuildSaysNothingAndIsNotRetriedAsOneOfAPerson) {
  const Built first = Build();
  const domain::RebuildOrder order = Order(Candidates());
  const JobId job = order.queued.at(0).id;
  Complete(FailedReport(Run(job, session_), job, FailureClass::kCompileError));
  EXPECT_THAT(Job(job).rebuilds, IsEmpty());
  EXPECT_THAT(Job(first.job).rebuilds, IsEmpty());
  EXPECT_EQ(Released().differed, 0);
  const auto build = rebuilds_->FirstBuildOf(Now(), Job(job).attempts.at(0).token);
  ASSERT_TRUE(build.ok()) << build.status();
  ASSERT_THAT(*build, SizeIs(1));
  EXPECT_EQ((*build)[0].job, first.job);
  EXPECT_EQ((*build)[0].sha256, kBytes);
  EXPECT_THAT(rebuilds_->FirstBuildOf(Now(), first.token).value(), IsEmpty());
  const auto retried = batches_->RetryJob(Now(), job, [](const store::EndedJob& ended) {
    EXPECT_TRUE(ended.rebuild_of);
    return absl::FailedPreconditionError("a rebuild");
  });
  EXPECT_TRUE(absl::IsFailedPrecondition(retried.status()));
}

}  // namespace
}  // namespace gofarm::testing
