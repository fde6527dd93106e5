// The selection down to the batch that it makes.
#include <gmock/gmock.h>

#include "common/base/clock.h"
#include "common/godetect/detection_json.h"
#include "common/metrics/metrics.h"
#include "coordinator/catalog/forecaster.h"
#include "coordinator/catalog/select_stage.h"
#include "coordinator/service/batch_service.h"
#include "coordinator/service/job_news.h"
#include "tests/pg/farm_fixture.h"

namespace gofarm::catalog {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class FakeProxy final : public service::ModuleProxy {
 public:
  service::VersionAnswer Check(const Scope&, const std::string& module, const std::string&) override {
    return {.state = module == gone ? service::VersionState::kAbsent : service::VersionState::kThere,
            .detail = "not found"};
  }
  absl::StatusOr<std::string> Latest(const Scope&, const std::string&) override { return std::string("v1.0.0"); }
  std::string gone;
};

class NoDispatch final : public service::DispatchPort {
 public:
  absl::Status Post(dispatch::Event) override { return absl::OkStatus(); }
  void QueueChanged(JobId) override {}
  domain::TryContext ContextOf(AttemptToken) const override { return {}; }
};

class SelectorTest : public testing::FarmTest {
 protected:
  void SetUp() override {
    FarmTest::SetUp();
    toolset_.digest = domain::ToolsetDigest(toolset_);
    service_ = std::make_unique<service::BatchService>(
        *batches_, *queries_, proxy_,
        service::BatchRules{
            .toolset = toolset_, .toolsets = {toolset_}, .policy = domain::CurrentPolicy(), .goprivate = ""},
        news_);
    store_ = std::make_unique<store::CatalogStore>(*pool_);
    forecaster_ = std::make_unique<Forecaster>(epoch_, *store_, "1.26.8");
    selector_ = std::make_unique<Selector>(config_, epoch_, *store_, *forecaster_, *service_);
  }
  // What detect found of a program that has a file for these targets alone.
  static std::string DetectionOf(const std::string& path, int bits) {
    godetect::Program program{.import_path = path, .declared_path = path, .name = "a"};
    for (const Target target : kAllTargets) {
      if ((bits & godetect::TargetBit(target)) != 0) program.targets.push_back(target);
    }
    program.uses = {{.targets = program.targets}};
    return godetect::ToJson({.module = path, .declared_module = path, .version = "v1.0.0", .programs = {program}});
  }
  // A starred program for the targets of `bits`.
  void AddProgram(int id, const std::string& path, int bits) {
    Sql(
        Cat("INSERT INTO catalog_modules (id, versions, latest_indexed_at, first_indexed_at, last_indexed_at, "
            "revision, path, latest) VALUES (",
            id, ", 1, now(), now(), now(), nextval('catalog_revisions'), '", path, "', 'v1.0.0')"));
    EXPECT_TRUE(store_
                    ->SaveReach(Now(), epoch_, 1,
                                {{.module_id = id,
                                  .version = "v1.0.0",
                                  .state = Reachability::kAvailable,
                                  .checked_at = absl::Now() - absl::Seconds(1)}},
                                {})
                    .ok());
    EXPECT_TRUE(store_
                    ->SaveEnrichment(Now(), epoch_, 1,
                                     {{.module_id = id, .known = true, .stars = 10, .checked_at = absl::Now()}}, {})
                    .ok());
    EXPECT_TRUE(store_
                    ->SaveDetections(Now(), epoch_, 1,
                                     {{.module_id = id,
                                       .version = "v1.0.0",
                                       .programs = 1,
                                       .targets = bits,
                                       .document = DetectionOf(path, bits),
                                       .checked_at = absl::Now()}},
                                     {})
                    .ok());
  }
  SelectionResult Select(bool submit, std::string request_id = "") {
    const auto result = selector_->Select(Now(), {.submit = submit, .request_id = std::move(request_id)});
    EXPECT_TRUE(result.ok()) << result.status();
    return result.value_or(SelectionResult{});
  }
  std::string ReasonOf(const std::string& path) { return store_->Find(Now(), path)->decision->reason; }

  const Config config_{};
  FakeProxy proxy_;
  service::ProgressBoard board_;
  service::AttemptFence fence_{
      [this](const Scope& scope, AttemptToken token) { return queries_->FactsOf(scope, token); }, RealClock()};
  metrics::Registry metrics_;
  NoDispatch dispatch_;
  service::JobNews news_{board_, fence_, dispatch_, metrics_};
  std::unique_ptr<service::BatchService> service_;
  std::unique_ptr<store::CatalogStore> store_;
  std::unique_ptr<Forecaster> forecaster_;
  std::unique_ptr<Selector> selector_;
};

TEST_F(SelectorTest, OnlyTargetsThatAreForecastAsBuildableBecomeJobs) {
  AddProgram(1, "example.com/all", 15);
  AddProgram(2, "example.com/two", 0b0011);
  AddProgram(3, "example.com/none", 0);
  const SelectionResult dry = Select(false);
  EXPECT_EQ(dry.modules, 2);
  EXPECT_EQ(dry.waiting, 2);
  EXPECT_EQ(dry.jobs, 6);
  EXPECT_EQ(dry.batch_id, 0);
  const SelectionResult made = Select(true);
  EXPECT_EQ(made.submitted, 2);
  EXPECT_EQ(made.jobs, dry.jobs) << "as was said before";
  EXPECT_THAT(JobsOf(BatchId{made.batch_id}), SizeIs(6));
  EXPECT_EQ(Count("SELECT count(*) FROM jobs WHERE module = 'example.com/two' AND target > 2"), 0);
  const SelectionResult after = Select(false);
  EXPECT_EQ(after.modules, 2);
  EXPECT_EQ(after.waiting, 0);
  EXPECT_EQ(after.jobs, 0);
}

TEST_F(SelectorTest, OneVersionThatIsGoneIsLeftOutWithItsReason) {
  AddProgram(1, "example.com/gone", 1);
  AddProgram(2, "example.com/there", 1);
  proxy_.gone = "example.com/gone";
  const SelectionResult made = Select(true);
  EXPECT_NE(made.batch_id, 0);
  EXPECT_EQ(made.modules, 1);
  EXPECT_EQ(made.submitted, 1);
  EXPECT_EQ(made.left_out, 1);
  EXPECT_EQ(made.jobs, 1);
  // Labels would say which workers may build it: any may.
  EXPECT_EQ(Sql("SELECT labels::text FROM batches"), "{}");
  EXPECT_EQ(made.reasons.at("left out of the batch"), 1);
  EXPECT_EQ(made.reasons.at("selected: more than 2 stars"), 1);
  EXPECT_THAT(ReasonOf("example.com/gone"), HasSubstr("does not know this version"));
  const SelectionResult dry = Select(false);
  EXPECT_EQ(dry.waiting, 0) << "it is not asked for again before reach looked at it";
  EXPECT_THAT(ReasonOf("example.com/gone"), HasSubstr("does not know this version"));
}

TEST_F(SelectorTest, WhenAllAreGoneNoBatchIsMade) {
  AddProgram(1, "example.com/gone", 1);
  proxy_.gone = "example.com/gone";
  const SelectionResult made = Select(true);
  EXPECT_EQ(made.batch_id, 0);
  EXPECT_EQ(made.left_out, 1);
  EXPECT_EQ(made.modules, 0);
  EXPECT_EQ(made.reasons.count("selected: more than 2 stars"), 0u);
}

TEST_F(SelectorTest, ARepeatedRequestGetsTheFirstBatchAndMarksNothing) {
  AddProgram(1, "example.com/a", 1);
  const SelectionResult first = Select(true, "same");
  AddProgram(2, "example.com/b", 1);
  const SelectionResult second = Select(true, "same");
  EXPECT_EQ(second.batch_id, first.batch_id);
  EXPECT_EQ(second.submitted, 1);
  EXPECT_EQ(second.jobs, 1);
  EXPECT_THAT(*store_->NotSubmitted(Now(), 10, false), SizeIs(1)) << "what came since is in no batch";
}

}  // namespace
}  // namespace gofarm::catalog
