#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <pqxx/pqxx>

#include "coordinator/store/catalog_store.h"
#include "coordinator_sql.h"
#include "tests/pg/farm_fixture.h"

namespace gofarm::store {
namespace {

using catalog::Claimed;
using catalog::Reachability;
using catalog::ReachRow;
using catalog::Stage;
using catalog::WorkDone;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using namespace std::string_literals;

class CatalogStoreTest : public testing::FarmTest {
 protected:
  void SetUp() override {
    FarmTest::SetUp();
    store_ = std::make_unique<CatalogStore>(*pool_);
  }
  // As keying leaves it.
  void AddModule(int id, const std::string& path, const std::string& last = "2026-01-01",
                 std::string latest = "v1.0.0") {
    Sql(Cat(
        "INSERT INTO catalog_modules (id, versions, latest_indexed_at, first_indexed_at, last_indexed_at, revision, "
        "path, latest) VALUES (",
        id, ", 1, '", last, "', '", last, "', '", last, "', nextval('catalog_revisions'), '", path, "', '", latest,
        "')"));
  }
  void ChangeModule(int id) {
    Sql(Cat("UPDATE catalog_modules SET latest = 'v1.0.1', revision = nextval('catalog_revisions') WHERE id = ", id));
  }
  Enrolled EnrollAll(Stage stage, absl::Time since = kSince) {
    Enrolled all;
    for (;;) {
      const absl::StatusOr<Enrolled> page = store_->Enroll(Now(), epoch_, stage, since);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok() || page->read == 0) return all;
      all.read += page->read;
      all.enrolled += page->enrolled;
    }
  }
  std::vector<std::string> ClaimedPaths(Stage stage, int version = 1) {
    const auto set = store_->Claim(Now(), stage, version, kClaimMax);
    EXPECT_TRUE(set.ok()) << set.status();
    std::vector<std::string> paths;
    for (const Claimed& module : *set) paths.push_back(module.path);
    std::sort(paths.begin(), paths.end());
    return paths;
  }
  void AddDetection(int id, std::string version, int targets) {
    const absl::Status saved = store_->SaveDetections(Now(), epoch_, 1,
                                                      {{.module_id = id,
                                                        .version = std::move(version),
                                                        .programs = 1,
                                                        .targets = targets,
                                                        .document = R"({"programs":[{"name":"a"}]})",
                                                        .checked_at = kNoon}},
                                                      {});
    EXPECT_TRUE(saved.ok()) << saved;
  }
  static ReachRow Available(int id, std::string version = "v1.0.0") {
    return {.module_id = id, .version = std::move(version), .state = Reachability::kAvailable, .checked_at = kNoon};
  }

  static inline const absl::Time kSince = absl::FromUnixSeconds(1'704'067'200);  // 2024-01-01
  static inline const absl::Time kNoon = absl::FromUnixSeconds(1'790'000'000);
  std::unique_ptr<CatalogStore> store_;
};

TEST_F(CatalogStoreTest, StagesAreOffUntilSomebodyTurnsThemOn) {
  auto running = *store_->Running(Now());
  EXPECT_THAT(running, SizeIs(5));
  for (const auto& [stage, on] : running) EXPECT_FALSE(on) << Name(stage);
  ASSERT_TRUE(store_->SetRunning(Now(), epoch_, {Stage::kReach}, true).ok());
  running = *store_->Running(Now());
  EXPECT_TRUE(running[Stage::kReach]);
  EXPECT_FALSE(running[Stage::kDetect]);
}

TEST_F(CatalogStoreTest, EligibleModulesAreTakenUpOnce) {
  AddModule(1, "example.com/new");
  AddModule(2, "example.com/old", "2020-01-01");
  EXPECT_EQ(EnrollAll(Stage::kReach).enrolled, 1);
  EXPECT_THAT(ClaimedPaths(Stage::kReach), ElementsAre("example.com/new"));
  EXPECT_EQ(EnrollAll(Stage::kReach).read, 0);
  EXPECT_EQ(EnrollAll(Stage::kEnrich).enrolled, 1) << "each stage follows by itself";
}

TEST_F(CatalogStoreTest, AnotherDateBeginsAgain) {
  AddModule(1, "example.com/new");
  AddModule(2, "example.com/old", "2020-01-01");
  EnrollAll(Stage::kReach);
  const Enrolled again = EnrollAll(Stage::kReach, absl::FromUnixSeconds(0));
  EXPECT_EQ(again.read, 2);
  EXPECT_THAT(ClaimedPaths(Stage::kReach), ElementsAre("example.com/new", "example.com/old"));
}

TEST_F(CatalogStoreTest, WhatIsDoneIsClaimedAgainWhenItIsDue) {
  AddModule(1, "example.com/a");
  AddModule(2, "example.com/b");
  EnrollAll(Stage::kReach);
  ASSERT_TRUE(store_
                  ->SaveReach(Now(), epoch_, 1, {Available(1), Available(2)},
                              {WorkDone{.module_id = 1},
                               WorkDone{.module_id = 2, .due_at = absl::Now() - absl::Seconds(1), .failures = 3}})
                  .ok());
  const auto set = *store_->Claim(Now(), Stage::kReach, 1, 10);
  ASSERT_THAT(set, SizeIs(1));
  EXPECT_EQ(set[0].path, "example.com/b");
  EXPECT_EQ(set[0].failures, 3);
}

TEST_F(CatalogStoreTest, ARaisedStageVersionMakesExactlyThatStageDue) {
  AddModule(1, "example.com/a");
  EnrollAll(Stage::kReach);
  EnrollAll(Stage::kEnrich);
  ASSERT_TRUE(store_->SaveReach(Now(), epoch_, 1, {Available(1)}, {WorkDone{.module_id = 1}}).ok());
  ASSERT_TRUE(
      store_->SaveEnrichment(Now(), epoch_, 1, {{.module_id = 1, .checked_at = kNoon}}, {WorkDone{.module_id = 1}})
          .ok());
  EXPECT_THAT(ClaimedPaths(Stage::kReach), IsEmpty());
  EXPECT_THAT(ClaimedPaths(Stage::kReach, 2), ElementsAre("example.com/a"));
  EXPECT_THAT(ClaimedPaths(Stage::kEnrich), IsEmpty());
}

TEST_F(CatalogStoreTest, AChangedModuleIsDueForReachAtOnceAndForEnrichInItsTime) {
  AddModule(1, "example.com/a");
  EnrollAll(Stage::kReach);
  EnrollAll(Stage::kEnrich);
  ASSERT_TRUE(store_->SaveReach(Now(), epoch_, 1, {Available(1)}, {WorkDone{.module_id = 1}}).ok());
  ASSERT_TRUE(
      store_->SaveEnrichment(Now(), epoch_, 1, {{.module_id = 1, .checked_at = kNoon}}, {WorkDone{.module_id = 1}})
          .ok());
  ChangeModule(1);
  EXPECT_EQ(EnrollAll(Stage::kReach).enrolled, 1);
  EXPECT_EQ(EnrollAll(Stage::kEnrich).enrolled, 0);
  const auto set = *store_->Claim(Now(), Stage::kReach, 1, 10);
  ASSERT_THAT(set, SizeIs(1));
  EXPECT_EQ(set[0].latest, "v1.0.1");
}

TEST_F(CatalogStoreTest, DetectTakesUpWhatIsReachableInAnotherVersion) {
  AddModule(1, "example.com/a");
  AddModule(2, "example.com/gone");
  EnrollAll(Stage::kReach);
  ReachRow gone = Available(2);
  gone.state = Reachability::kAbsent;
  ASSERT_TRUE(store_->SaveReach(Now(), epoch_, 1, {Available(1), gone}, {}).ok());
  EXPECT_EQ(EnrollAll(Stage::kDetect).enrolled, 1);
  EXPECT_THAT(ClaimedPaths(Stage::kDetect), ElementsAre("example.com/a"));
  ASSERT_TRUE(store_
                  ->SaveDetections(Now(), epoch_, 1, {{.module_id = 1, .version = "v1.0.0", .checked_at = kNoon}},
                                   {WorkDone{.module_id = 1}})
                  .ok());
  ASSERT_TRUE(store_->SaveReach(Now(), epoch_, 1, {Available(1)}, {}).ok());
  EXPECT_EQ(EnrollAll(Stage::kDetect).enrolled, 0) << "the same version is not looked into again";
  ASSERT_TRUE(store_->SaveReach(Now(), epoch_, 1, {Available(1, "v1.0.1")}, {}).ok());
  EXPECT_EQ(EnrollAll(Stage::kDetect).enrolled, 1);
}

TEST_F(CatalogStoreTest, ADeposedLeaderWritesNothing) {
  AddModule(1, "example.com/a");
  EnrollAll(Stage::kReach);
  const int64_t old = epoch_ - 1;
  EXPECT_TRUE(absl::IsFailedPrecondition(store_->SaveReach(Now(), old, 1, {Available(1)}, {WorkDone{.module_id = 1}})));
  EXPECT_TRUE(absl::IsFailedPrecondition(store_->Enroll(Now(), old, Stage::kEnrich, kSince).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(store_->SetRunning(Now(), old, {Stage::kReach}, true)));
  EXPECT_EQ(Count("SELECT count(*) FROM catalog_reach"), 0);
  EXPECT_EQ(Count("SELECT count(*) FROM catalog_work WHERE stage = 2"), 0);
  EXPECT_THAT(ClaimedPaths(Stage::kReach), ElementsAre("example.com/a"));
}

TEST_F(CatalogStoreTest, PendingSeesWorkAndWhatWasNotTakenUp) {
  const StageVersions versions{{Stage::kEnrich, 1}, {Stage::kReach, 1}, {Stage::kDetect, 1}};
  EXPECT_FALSE(store_->Pending(Now(), versions)->at(Stage::kReach).unread);
  AddModule(1, "example.com/a");
  EXPECT_TRUE(store_->Pending(Now(), versions)->at(Stage::kReach).unread);
  EnrollAll(Stage::kReach);
  auto pending = *store_->Pending(Now(), versions);
  EXPECT_FALSE(pending.at(Stage::kReach).unread);
  EXPECT_TRUE(pending.at(Stage::kReach).due);
  ASSERT_TRUE(store_
                  ->SaveReach(Now(), epoch_, 1, {Available(1)},
                              {WorkDone{.module_id = 1, .due_at = absl::Now() + absl::Hours(1)}})
                  .ok());
  pending = *store_->Pending(Now(), versions);
  EXPECT_FALSE(pending.at(Stage::kReach).due) << "what is not due yet is no backlog";
  EXPECT_TRUE(pending.at(Stage::kDetect).unread);
  const auto counts = *store_->Counts(Now(), versions);
  EXPECT_EQ(counts.at(Stage::kReach).done, 1);
  EXPECT_EQ(counts.at(Stage::kReach).backlog, 0);
}

TEST_F(CatalogStoreTest, DemandIsThatOfTheLastDetection) {
  AddModule(1, "example.com/asks");
  AddModule(2, "example.com/asked");
  using catalog::DemandKind;
  const auto save = [&](std::vector<catalog::Demand> demand) {
    return store_->SaveDetections(
        Now(), epoch_, 1, {{.module_id = 1, .version = "v1.0.0", .demand = std::move(demand), .checked_at = kNoon}},
        {});
  };
  ASSERT_TRUE(save({{"example.com/asked/cmd/x", DemandKind::kToolDirective},
                    {"example.com/asked", DemandKind::kInstallLine},
                    {"example.com/asked2", DemandKind::kInstallLine}})
                  .ok());
  ModuleRecord record = *store_->Find(Now(), "example.com/asked");
  EXPECT_EQ(record.demand[DemandKind::kToolDirective], 1);
  EXPECT_EQ(record.demand[DemandKind::kInstallLine], 1);
  ASSERT_TRUE(save({}).ok());
  EXPECT_THAT(store_->Find(Now(), "example.com/asked")->demand, IsEmpty());
}

TEST_F(CatalogStoreTest, TextsOfStrangersAreStoredWhole) {
  AddModule(1, "example.com/a");
  ReachRow row = Available(1);
  row.detail = "quote \" backslash \\ newline \n nul \0 end"s;
  ASSERT_TRUE(store_->SaveReach(Now(), epoch_, 1, {row}, {}).ok());
  EXPECT_EQ(store_->ReachOf(Now(), {1})->at(1).detail, "quote \" backslash \\ newline \n nul  end");
}

TEST_F(CatalogStoreTest, ChangedDecisionsAreStoredAndUnchangedOnesLeaveNoDeadRow) {
  AddModule(1, "example.com/a");
  AddDetection(1, "v1.0.0", 5);
  const std::vector<catalog::DecisionRow> rows{
      {.module_id = 1, .version = "v1.0.0", .selected = true, .reason = "why"}};
  ASSERT_TRUE(store_->SaveDecisions(Now(), epoch_, rows).ok());
  const std::string before = Sql("SELECT xmin::text FROM catalog_decisions");
  ASSERT_TRUE(store_->SaveDecisions(Now(), epoch_, rows).ok());
  EXPECT_EQ(Sql("SELECT xmin::text FROM catalog_decisions"), before);
  auto waiting = *store_->NotSubmitted(Now(), 10, false);
  ASSERT_THAT(waiting, SizeIs(1));
  EXPECT_EQ(waiting[0].targets, 5);
  EXPECT_EQ(waiting[0].reason, "why");
  const int64_t batch = Count("INSERT INTO batches (request_id, name, submitter) VALUES ('r', 'n', 's') RETURNING id");
  ASSERT_TRUE(store_->MarkSubmitted(Now(), epoch_, waiting, BatchId{batch}).ok());
  EXPECT_THAT(*store_->NotSubmitted(Now(), 10, false), IsEmpty());
  EXPECT_THAT(*store_->NotSubmitted(Now(), 10, true), SizeIs(1));
  EXPECT_EQ(*store_->SubmittedIn(Now(), BatchId{batch}), 1);
  ASSERT_TRUE(
      store_->SaveDecisions(Now(), epoch_, {{{.module_id = 1, .version = "v1.1.0", .selected = true, .reason = "why"}}})
          .ok());
  EXPECT_THAT(*store_->NotSubmitted(Now(), 10, false), IsEmpty()) << "its programs are not known yet";
  AddDetection(1, "v1.1.0", 1);
  EXPECT_THAT(*store_->NotSubmitted(Now(), 10, false), SizeIs(1)) << "a new version is built by itself";
}

TEST_F(CatalogStoreTest, WhatNoBatchTookStaysOutUntilReachLookedAgain) {
  AddModule(1, "example.com/a");
  EnrollAll(Stage::kReach);
  ReachRow reach = Available(1);
  ASSERT_TRUE(store_->SaveReach(Now(), epoch_, 1, {reach}, {WorkDone{.module_id = 1}}).ok());
  AddDetection(1, "v1.0.0", 1);
  const auto left_out = [&] { return store_->Candidates(Now(), 0, kSince)->at(0).left_out; };
  const catalog::DecisionRow selected{.module_id = 1, .version = "v1.0.0", .selected = true, .reason = "why"};
  ASSERT_TRUE(store_->SaveDecisions(Now(), epoch_, {selected}).ok());
  EXPECT_EQ(left_out(), "");
  const catalog::DecisionRow gone{.module_id = 1, .version = "v1.0.0", .reason = "left out"};
  ASSERT_TRUE(store_->LeaveOut(Now(), epoch_, {gone}, kNoon + absl::Hours(1)).ok());
  EXPECT_EQ(left_out(), "left out");
  EXPECT_THAT(ClaimedPaths(Stage::kReach), ElementsAre("example.com/a")) << "it is looked at next";
  ASSERT_TRUE(store_->SaveDecisions(Now(), epoch_, {gone}).ok());
  EXPECT_EQ(left_out(), "left out") << "the same decision changes nothing";
  reach.checked_at = kNoon + absl::Hours(2);
  ASSERT_TRUE(store_->SaveReach(Now(), epoch_, 1, {reach}, {WorkDone{.module_id = 1}}).ok());
  EXPECT_EQ(left_out(), "");
  ASSERT_TRUE(store_->SaveDecisions(Now(), epoch_, {selected}).ok());
  EXPECT_THAT(*store_->NotSubmitted(Now(), 10, false), SizeIs(1));
  reach.checked_at = kNoon;
  ASSERT_TRUE(store_->SaveReach(Now(), epoch_, 1, {reach}, {}).ok());
  EXPECT_EQ(left_out(), "") << "a later decision is not taken for it";
}

TEST_F(CatalogStoreTest, SearchFindsPathsProgramsAndDescriptions) {
  AddModule(1, "github.com/rakyll/hey");
  AddModule(2, "example.com/other");
  catalog::EnrichmentRow enriched{.module_id = 1, .known = true, .stars = 10, .checked_at = kNoon};
  enriched.description = "HTTP load generator";
  ASSERT_TRUE(store_->SaveEnrichment(Now(), epoch_, 1, {enriched}, {}).ok());
  ASSERT_TRUE(store_
                  ->SaveDetections(
                      Now(), epoch_, 1,
                      {{.module_id = 2, .version = "v1.0.0", .programs = 1, .words = "loadtool", .checked_at = kNoon}},
                      {})
                  .ok());
  const auto modules = [&](const std::string& words) {
    std::vector<std::string> out;
    const std::vector<catalog::SearchHit> hits = *store_->Search(Now(), words, 10);
    for (const catalog::SearchHit& hit : hits) out.push_back(hit.module);
    return out;
  };
  EXPECT_THAT(modules("hey"), ElementsAre("github.com/rakyll/hey"));
  EXPECT_THAT(modules("http load"), ElementsAre("github.com/rakyll/hey"));
  EXPECT_THAT(modules("loadtool"), ElementsAre("example.com/other"));
  EXPECT_THAT(modules("nothing-of-this"), IsEmpty());
  EXPECT_THAT(modules("' OR 1=1 --"), IsEmpty());
}

TEST_F(CatalogStoreTest, AListTakesUpModulesWhateverTheirDates) {
  AddModule(1, "github.com/o/r", "2019-01-01");
  AddModule(2, "github.com/o/r/sub", "2019-01-01");
  AddModule(3, "github.com/o/rest", "2019-01-01");
  AddModule(4, "example.org/vanity", "2019-01-01");
  AddModule(5, "github.com/Big/Letters", "2019-01-01");
  ASSERT_TRUE(
      store_
          ->SaveEnrichment(Now(), epoch_, 1,
                           {{.module_id = 4, .repository = "github.com/o/v", .known = true, .checked_at = kNoon}}, {})
          .ok());
  const std::vector<CatalogStore::ImportName> names{{"github.com/o/r", "github.com/o/r"},
                                                    {"github.com/x/y", "github.com/x/y"},
                                                    {"github.com/o/v", "github.com/O/V"},
                                                    {"github.com/big/letters", "github.com/Big/Letters"}};
  const auto imported = *store_->Import(Now(), epoch_, "awesome-go", names);
  EXPECT_EQ(imported.modules, 4);
  EXPECT_EQ(imported.names_unknown, 1);
  EXPECT_THAT(ClaimedPaths(Stage::kReach),
              ElementsAre("example.org/vanity", "github.com/Big/Letters", "github.com/o/r", "github.com/o/r/sub"));
  EXPECT_THAT(store_->Find(Now(), "example.org/vanity")->origins, ElementsAre("awesome-go"));
  EXPECT_THAT(store_->Find(Now(), "github.com/o/r")->origins, ElementsAre("awesome-go"));
}

TEST_F(CatalogStoreTest, FunnelCountsEligibleModulesStepByStep) {
  AddModule(1, "example.com/a");
  AddModule(2, "example.com/b");
  AddModule(3, "example.com/old", "2020-01-01");
  const catalog::EnrichmentRow known{.module_id = 1, .known = true, .checked_at = kNoon};
  const catalog::EnrichmentRow unknown{.module_id = 2, .checked_at = kNoon};
  ASSERT_TRUE(store_->SaveEnrichment(Now(), epoch_, 1, {known, unknown}, {}).ok());
  ASSERT_TRUE(store_->SaveReach(Now(), epoch_, 1, {Available(1), Available(2), Available(3)}, {}).ok());
  ASSERT_TRUE(store_
                  ->SaveDetections(Now(), epoch_, 1,
                                   {{.module_id = 1, .version = "v1.0.0", .programs = 2, .checked_at = kNoon}}, {})
                  .ok());
  std::map<std::string, int64_t> counts;
  const std::vector<catalog::FunnelStep> steps = *store_->Funnel(Now(), kSince);
  for (const catalog::FunnelStep& step : steps) counts[step.step] = step.count;
  EXPECT_EQ(counts,
            (std::map<std::string, int64_t>{
                {"indexed", 3}, {"eligible", 2}, {"enriched", 1}, {"reachable", 2}, {"programs", 1}, {"selected", 0}}));
}

TEST_F(CatalogStoreTest, WhereTheDatabaseStandsIsKnownOnTheSameHost) {
  const auto folder = store_->DataFolder(Now());
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_EQ(*folder, Sql("SHOW data_directory"));
}

TEST_F(CatalogStoreTest, AModuleThatIsNotThereIsNotFound) {
  const absl::Status status = store_->Find(Now(), "example.com/none").status();
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("example.com/none"));
}

// Every verdict by itself: of what was forecast so, how much came; of what came so, how much was forecast.
TEST_F(CatalogStoreTest, ForecastsAreComparedWithWhatCame) {
  int modules = 0;
  const auto add = [&](const std::string& verdict, int state, int failure, const std::string& version = "v1.0.0",
                       const std::string& programs = "[{}]") {
    const int id = ++modules;
    AddModule(id, Cat("example.com/m", id));
    Sql(Cat("INSERT INTO catalog_detections (module_id, version, document, forecast, checked_at, revision) VALUES (",
            id, ", 'v1.0.0', '{\"programs\": ", programs, "}', '{\"aarch64\": {\"verdict\": \"", verdict,
            "\"}}', now(), nextval('catalog_revisions'))"));
    Sql(
        Cat("INSERT INTO jobs (recipe_digest, generation, module, version, target, toolset, state, failure_class, "
            "ended_at, result_token) VALUES (lpad(to_hex(",
            id, "), 64, '0'), 1, 'example.com/m", id, "', '", version, "', 2, 't1', ", state, ", ", failure,
            ", now(), 1)"));
    return id;
  };
  constexpr int kBuilt = 3, kPartial = 4, kNothing = 5, kFailed = 6;
  add("buildable", kBuilt, 0);
  // One with a program that was built, one with an example only: there the program lacks a library.
  for (const char* kind : {"program", "example"}) {
    const std::string verdict = std::string_view(kind) == "program" ? "buildable" : "needs_library";
    const int id =
        add(verdict, kPartial, 4, "v1.0.0",
            Cat(R"([{"import_path": "built", "kind": ")", kind, R"("}, {"import_path": "x", "kind": "program"}])"));
    Sql(Cat("UPDATE catalog_detections SET programs = 1 WHERE module_id = ", id));
    Sql(Cat("INSERT INTO attempts (token, job_id, worker, outcome, ended_at) SELECT ", 1000 + id,
            ", id, 'w', 3, now() "
            "FROM jobs WHERE module = 'example.com/m",
            id, "'"));
    Sql(Cat("INSERT INTO artifacts (sha256, size, kind) VALUES (lpad('", id, "', 64, 'a'), 5, 'executable')"));
    Sql(
        Cat("INSERT INTO executables (token, import_path, job_id, name, size, sha256, blake3, main_version, "
            "go_version) SELECT ",
            1000 + id, ", 'built', id, 'x', 5, lpad('", id,
            "', 64, 'a'), repeat('b', 64), 'v', 'go' FROM jobs WHERE module = 'example.com/m", id, "'"));
    Sql(Cat("UPDATE jobs SET result_token = ", 1000 + id, " WHERE module = 'example.com/m", id, "'"));
  }
  const int again = add("buildable", kFailed, 6);  // compile error, then built
  add("buildable", kFailed, 4);                    // a library that was not foreseen
  add("needs_library", kFailed, 4);
  add("needs_library", kBuilt, 0);
  add("excluded", kNothing, 0);
  add("no_program", kNothing, 0, "v1.0.0", "[]");
  add("go_too_new", kFailed, 3);
  add("buildable", kFailed, 7);            // link error
  add("buildable", kFailed, 9);            // a timeout says nothing of the module
  add("buildable", kFailed, 17);           // nor does the farm itself
  add("buildable", kFailed, 6, "v0.9.0");  // another version than the one that is known
  Sql(Cat(
      "INSERT INTO jobs (recipe_digest, generation, module, version, target, toolset, state, failure_class, ended_at, "
      "result_token) VALUES (lpad(to_hex(",
      again, "), 64, '0'), 2, 'example.com/m", again, "', 'v1.0.0', 2, 't1', 3, 0, now(), 1)"));
  std::map<std::string, catalog::VerdictCheck> checks;
  const std::vector<catalog::VerdictCheck> all = *store_->ForecastOutcomes(Now());
  for (const catalog::VerdictCheck& check : all) checks[check.verdict] = check;
  const catalog::VerdictCheck buildable = checks["buildable"];
  EXPECT_EQ(buildable.forecast, 5);
  EXPECT_EQ(buildable.right, 3);
  EXPECT_EQ(buildable.outcomes, 4);
  EXPECT_DOUBLE_EQ(buildable.precision, 0.6);
  EXPECT_DOUBLE_EQ(buildable.recall, 0.75);
  EXPECT_DOUBLE_EQ(checks["needs_library"].precision, 2.0 / 3);
  EXPECT_DOUBLE_EQ(checks["needs_library"].recall, 2.0 / 3);
  for (const char* verdict : {"excluded", "no_program", "go_too_new"}) {
    EXPECT_EQ(checks[verdict].forecast, 1) << verdict;
    EXPECT_DOUBLE_EQ(checks[verdict].precision, 1) << verdict;
    EXPECT_DOUBLE_EQ(checks[verdict].recall, 1) << verdict;
  }
  EXPECT_EQ(checks["other"].outcomes, 1);
  EXPECT_THAT(checks, SizeIs(6));
}

TEST_F(CatalogStoreTest, PackagesAreFoundByPathsMostOfWhichAreNoModules) {
  AddModule(1, "example.com/a");
  AddModule(2, "example.com/b");
  ASSERT_TRUE(
      store_
          ->SaveDetections(Now(), epoch_, 1,
                           {{.module_id = 1, .version = "v1.0.0", .packages = "{\"cut\":1}", .checked_at = kNoon},
                            {.module_id = 2, .version = "v1.0.0", .checked_at = kNoon}},
                           {})
          .ok());
  const auto documents = *store_->PackagesOf(Now(), {"example.com/a/x", "example.com/a", "example.com/b"});
  EXPECT_EQ(documents, (std::map<std::string, std::string>{{"example.com/a", "{\"cut\":1}"}}));
  EXPECT_TRUE(absl::IsInvalidArgument(
      store_->PackagesOf(Now(), std::vector<std::string>(kPackagesOfMax + 1, "example.com/a")).status()));
}

TEST_F(CatalogStoreTest, WhatForecastsFollowIsFoundByIndexes) {
  Sql("INSERT INTO catalog_modules (id, versions, latest_indexed_at, first_indexed_at, last_indexed_at, revision, "
      "path, latest) "
      "SELECT i, 1, now(), now(), now(), i, 'example.com/m' || i, 'v1.0.0' FROM generate_series(1, 20000) AS i");
  Sql("INSERT INTO catalog_packages (module_id, version, packages, untold, document) SELECT i, 'v1.0.0', 1, 0, '{}' "
      "FROM generate_series(1, 20000) AS i");
  Sql("INSERT INTO catalog_detections (module_id, version, checked_at, revision) SELECT i, 'v1.0.0', now(), i "
      "FROM generate_series(1, 20000) AS i");
  Sql("ANALYZE catalog_modules");
  Sql("ANALYZE catalog_packages");
  Sql("ANALYZE catalog_detections");
  std::string paths;
  for (int i = 0; i < kPackagesOfMax; ++i) paths += Cat(i == 0 ? "" : ",", "example.com/m", i, "/x");
  const std::pair<std::string, std::string> statements[] = {{"catalog_packages_of", Cat("('{", paths, "}')")},
                                                            {"catalog_detections_head", ""}};
  pqxx::connection db(url_);
  pqxx::nontransaction txn(db);
  for (const auto& [name, arguments] : statements) {
    const auto file =
        std::find_if(sql::kAll.begin(), sql::kAll.end(), [&name = name](const auto& f) { return f.name == name; });
    ASSERT_NE(file, sql::kAll.end());
    txn.exec(Cat("PREPARE ", name, " AS ", file->text));
    std::string plan;
    for (const pqxx::row& row : txn.exec(Cat("EXPLAIN EXECUTE ", name, arguments))) plan += Cat(row[0].c_str(), "\n");
    EXPECT_THAT(plan, ::testing::Not(::testing::HasSubstr("Seq Scan"))) << name;
  }
}

// Claims stay cheap whatever the table holds: both halves go by the index.
TEST_F(CatalogStoreTest, ClaimsScanNoTable) {
  Sql("INSERT INTO catalog_modules (id, versions, latest_indexed_at, first_indexed_at, last_indexed_at, revision, "
      "path, latest) "
      "SELECT i, 1, now(), now(), now(), i, 'example.com/m' || i, 'v1.0.0' FROM generate_series(1, 20000) AS i");
  Sql("INSERT INTO catalog_work (stage, module_id, stage_version, due_at) SELECT 3, i, 1, 'infinity' FROM "
      "generate_series(1, 20000) AS i");
  Sql("ANALYZE catalog_work");
  Sql("ANALYZE catalog_modules");
  const std::string plan = Sql(
      "CREATE FUNCTION pg_temp.plan() RETURNS text LANGUAGE plpgsql AS $$ DECLARE line text; whole text := ''; BEGIN "
      "FOR line IN EXPLAIN SELECT module_id FROM catalog_work WHERE stage = 3 AND stage_version = 1 AND due_at <= "
      "now() "
      "ORDER BY due_at LIMIT 500 LOOP whole := whole || line || E'\\n'; END LOOP; RETURN whole; END $$; "
      "SELECT pg_temp.plan()");
  EXPECT_THAT(plan, ::testing::HasSubstr("catalog_work_due"));
  EXPECT_THAT(plan, ::testing::Not(::testing::HasSubstr("Seq Scan")));
}

}  // namespace
}  // namespace gofarm::store
