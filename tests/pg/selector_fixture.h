// The selection on PostgreSQL: its stage with a module proxy that the test speaks for, and rows of the catalog.
#pragma once

#include <gmock/gmock.h>

#include "common/base/clock.h"
#include "common/godetect/detection_json.h"
#include "common/metrics/metrics.h"
#include "coordinator/catalog/forecaster.h"
#include "coordinator/catalog/select_stage.h"
#include "coordinator/catalog/updater.h"
#include "coordinator/service/batch_service.h"
#include "coordinator/service/job_news.h"
#include "coordinator/store/update_store.h"
#include "tests/pg/farm_fixture.h"

namespace gofarm::catalog {

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
    updates_ = std::make_unique<store::UpdateStore>(*pool_);
    updater_ = std::make_unique<Updater>(config_, epoch_, *store_, *updates_, *service_);
    selector_ = std::make_unique<Selector>(config_, epoch_, *store_, *forecaster_, *service_, *updater_);
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

  Config config_{};
  FakeProxy proxy_;
  service::ProgressBoard board_;
  service::AttemptFence fence_{
      [this](const Scope& scope, AttemptToken token) { return queries_->FactsOf(scope, token); }, RealClock()};
  metrics::Registry registry_;
  service::JobMetrics metrics_{registry_, RealClock()};
  NoDispatch dispatch_;
  service::JobNews news_{board_, fence_, dispatch_, metrics_};
  std::unique_ptr<service::BatchService> service_;
  std::unique_ptr<store::CatalogStore> store_;
  std::unique_ptr<Forecaster> forecaster_;
  std::unique_ptr<store::UpdateStore> updates_;
  std::unique_ptr<Updater> updater_;
  std::unique_ptr<Selector> selector_;
};

}  // namespace gofarm::catalog
