// The stage "detect" with a real PostgreSQL and a module proxy of the test: what it asks, and what it keeps.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/synchronization/mutex.h"
#include "common/base/clock.h"
#include "common/goproxy/list.h"
#include "coordinator/catalog/detect_stage.h"
#include "coordinator/catalog/forecaster.h"
#include "coordinator/catalog/upstream.h"
#include "tests/pg/farm_fixture.h"
#include "tests/support/raw_http_server.h"
#include "tests/support/zip_maker.h"

namespace gofarm::catalog {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Server = testing::RawHttpServer;
using HttpRequest = Server::Request;
using Peer = Server::Peer;
using Files = std::map<std::string, std::string>;

constexpr char kVersion[] = "v1.0.0";
constexpr char kProgram[] = "package main\n\nfunc main() {}\n";

// Serves go.mod and zip of each module; `fault` may answer in its place.
class Proxy {
 public:
  Proxy() : server_([this](const HttpRequest& request, Peer& peer) { return Answer(request, peer); }) {}
  void Add(const std::string& module, const Files& files) {
    std::vector<testing::ZipEntry> entries;
    for (const auto& [name, text] : files) {
      entries.push_back({.name = Cat(module, "@", kVersion, "/", name), .data = text});
    }
    const absl::MutexLock lock(&mutex_);
    files_[Cat("/", module, "/@v/", kVersion, ".zip")] = testing::MakeZip(entries);
    files_[Cat("/", module, "/@v/", kVersion, ".mod")] = files.at("go.mod");
  }
  void SetFault(Server::Handler fault) {
    const absl::MutexLock lock(&mutex_);
    fault_ = std::move(fault);
  }
  const Server& server() const { return server_; }

 private:
  bool Answer(const HttpRequest& request, Peer& peer) {
    std::string body;
    Server::Handler fault;
    {
      const absl::MutexLock lock(&mutex_);
      fault = fault_;
      if (const auto file = files_.find(request.target); file != files_.end()) body = file->second;
    }
    if (fault) return fault(request, peer);
    return body.empty() ? peer.Answer(404, "", "not found") : peer.Answer(200, "", body);
  }

  absl::Mutex mutex_;
  std::map<std::string, std::string> files_ ABSL_GUARDED_BY(mutex_);
  Server::Handler fault_ ABSL_GUARDED_BY(mutex_);
  Server server_;
};

class DetectStageTest : public testing::FarmTest {
 protected:
  void SetUp() override {
    FarmTest::SetUp();
    store_ = std::make_unique<store::CatalogStore>(*pool_);
    config_.eligible_since = absl::FromUnixSeconds(0);
    proxies_ = goproxy::Parse(proxy_.server().url()).value();
    upstream_ = Upstream::Make(config_, proxies_, "0", RealClock()).value();
    stage_ = std::make_unique<DetectStage>(config_, epoch_, *store_, *upstream_, "1.26.8", GOFARM_TEST_PARSER);
  }
  // A module that reach found.
  int32_t Add(const std::string& module, const Files& files) {
    proxy_.Add(module, files);
    const int32_t id = ++modules_;
    Sql(Cat(
        "INSERT INTO catalog_modules (id, versions, latest_indexed_at, first_indexed_at, last_indexed_at, revision, "
        "path, latest) VALUES (",
        id, ", 1, now(), now(), now(), nextval('catalog_revisions'), '", module, "', '", kVersion, "')"));
    EXPECT_TRUE(
        store_
            ->SaveReach(
                Now(), epoch_, 1,
                {{.module_id = id, .version = kVersion, .state = Reachability::kAvailable, .checked_at = absl::Now()}},
                {})
            .ok());
    return id;
  }
  StageTurn::Done Turn() {
    const absl::StatusOr<StageTurn::Done> done = stage_->Turn(Now());
    EXPECT_TRUE(done.ok()) << done.status();
    return done.value_or(StageTurn::Done());
  }
  void TurnUntilIdle() {
    for (int i = 0; i < 20; ++i) {
      const StageTurn::Done done = Turn();
      if (done.modules == 0 && done.taken_up == 0) return;
    }
    ADD_FAILURE() << "the stage does not come to rest";
  }
  size_t Claimable() { return store_->Claim(Now(), Stage::kDetect, kDetectVersion, 100)->size(); }
  GateStatus ProxyGate() {
    for (const GateStatus& gate : upstream_->Status()) {
      if (gate.service == Service::kProxy) return gate;
    }
    return {};
  }

  Config config_;
  Proxy proxy_;
  goproxy::List proxies_;
  std::unique_ptr<Upstream> upstream_;
  std::unique_ptr<store::CatalogStore> store_;
  std::unique_ptr<DetectStage> stage_;
  int32_t modules_ = 0;
};

TEST_F(DetectStageTest, ZipsCountAgainstTheBudgetOfTheProxyAsReachDoes) {
  const int32_t id = Add("example.com/a", {{"go.mod", "module example.com/a\n"}, {"main.go", kProgram}});
  EXPECT_EQ(upstream_->proxy()->Mod(Now(), "example.com/a", kVersion).state, service::VersionState::kThere);
  const int64_t before = ProxyGate().requests;
  EXPECT_GT(before, 0);
  TurnUntilIdle();
  EXPECT_EQ(store_->DetectionsOf(Now(), {id})->at(id).programs, 1);
  EXPECT_GT(ProxyGate().requests, before);
  EXPECT_EQ(ProxyGate().requests, static_cast<int64_t>(proxy_.server().requests().size())) << "none goes beside it";
}

TEST_F(DetectStageTest, APausedProxyTeachesNothingAndTheModuleStaysDue) {
  Add("example.com/a", {{"go.mod", "module example.com/a\n"}, {"main.go", kProgram}});
  Add("example.com/b", {{"go.mod", "module example.com/b\n"}, {"main.go", kProgram}});
  proxy_.SetFault(
      [](const HttpRequest&, Peer& peer) { return peer.Answer(429, "Retry-After: 3600\r\n", "slow down"); });
  const StageTurn::Done done = Turn();
  EXPECT_EQ(done.modules, 0);
  EXPECT_THAT(done.errors, IsEmpty());
  EXPECT_THAT(upstream_->WhyPaused(Service::kProxy, absl::Now()), HasSubstr("slow down"));
  EXPECT_EQ(Claimable(), 2u);
  EXPECT_EQ(Sql("SELECT max(failures)::text FROM catalog_work"), "0");
  EXPECT_EQ(Sql("SELECT count(*)::text FROM catalog_detections"), "0");
  const size_t asked = proxy_.server().requests().size();
  TurnUntilIdle();
  EXPECT_EQ(proxy_.server().requests().size(), asked) << "a paused service is not asked";
}

TEST_F(DetectStageTest, AZipThatLeadsInsideIsRefused) {
  const int32_t id = Add("example.com/a", {{"go.mod", "module example.com/a\n"}, {"main.go", kProgram}});
  Server inside([](const HttpRequest&, Peer& peer) { return peer.Answer(200, "", "secret"); });
  proxy_.SetFault([&](const HttpRequest&, Peer& peer) {
    return peer.Answer(302, Cat("Location: ", inside.url(), "/secret\r\n"), "");
  });
  TurnUntilIdle();
  EXPECT_THAT(inside.requests(), IsEmpty());
  const DetectionRow row = store_->DetectionsOf(Now(), {id})->at(id);
  EXPECT_THAT(row.undecided, HasSubstr("is not a public address"));
  EXPECT_EQ(Sql("SELECT failures::text FROM catalog_work WHERE stage = 4"), "1") << "it is asked for again later";
}

class FollowedForecastTest : public DetectStageTest {
 protected:
  void SetUp() override {
    DetectStageTest::SetUp();
    forecaster_ = std::make_unique<Forecaster>(epoch_, *store_, "1.26.8");
  }
  int32_t AddProgram() {
    return Add("example.com/replay",
               {{"go.mod", "module example.com/replay\n"},
                {"main.go", "package main\n\nimport _ \"example.com/wrap/in/net\"\n\nfunc main() {}\n"}});
  }
  // Its package brings what a module further down asks for.
  int32_t AddWrapper() {
    return Add("example.com/wrap", {{"go.mod", "module example.com/wrap\n"},
                                    {"in/net/n.go", "package net\n\nimport _ \"example.com/wrap/in\"\n"},
                                    {"in/i.go", "package in\n\nimport _ \"example.com/packets/pcap\"\n"}});
  }
  int32_t AddPackets(const std::string& flags = "// #cgo linux LDFLAGS: -lpcap\nimport \"C\"\n") {
    return Add("example.com/packets", {{"go.mod", "module example.com/packets\n"},
                                       {"pcap/p.go", Cat("package pcap\n\n", flags)},
                                       {"other/o_amd64.go", "package other\n"}});
  }
  ForecastView Now1(int32_t id, const std::string& target = "x86_64") {
    return forecaster_->Of(Now(), store_->DetectionsOf(Now(), {id})->at(id).document)->at(target);
  }
  std::string Stored(int32_t id) {
    return Sql(
        Cat("SELECT targets || ' ' || (forecast -> 'x86_64' ->> 'verdict') FROM catalog_detections WHERE "
            "module_id = ",
            id));
  }
  std::unique_ptr<Forecaster> forecaster_;
};

TEST_F(FollowedForecastTest, NamesTheModuleThatBringsALibraryWheneverThatIsDetected) {
  const int32_t program = AddProgram();
  TurnUntilIdle();
  EXPECT_EQ(Now1(program).verdict, "buildable");
  EXPECT_EQ(Now1(program).detail, "dependencies unknown: example.com/wrap/in/net");
  AddWrapper();
  TurnUntilIdle();
  EXPECT_EQ(Now1(program).detail, "dependencies unknown: example.com/packets/pcap");
  EXPECT_EQ(Stored(program), "15 buildable");
  AddPackets();
  TurnUntilIdle();
  const ForecastView found = Now1(program);
  EXPECT_EQ(found.verdict, "needs_library");
  EXPECT_EQ(found.detail,
            "example.com/replay: library pcap (example.com/packets/pcap), brought by example.com/packets");
  EXPECT_EQ(Stored(program), "15 buildable") << "until somebody asks for all";
  ASSERT_TRUE(forecaster_->Refresh(Now()).ok());
  EXPECT_EQ(Stored(program), "0 needs_library");
  const std::vector<Candidate> candidates = *store_->Candidates(Now(), 0, absl::FromUnixSeconds(0));
  ASSERT_THAT(candidates, SizeIs(1));
  EXPECT_EQ(candidates[0].targets, 0) << "what the selection goes by";
}

TEST_F(FollowedForecastTest, ChangesWithTheDependencyAndIsMadeAnewOnlyWhenSomethingWasDetected) {
  const int32_t program = AddProgram();
  AddWrapper();
  const int32_t packets = AddPackets();
  TurnUntilIdle();
  ASSERT_TRUE(forecaster_->Refresh(Now()).ok());
  EXPECT_EQ(Stored(program), "0 needs_library");
  Sql(Cat("UPDATE catalog_detections SET targets = 7 WHERE module_id = ", program));
  ASSERT_TRUE(forecaster_->Refresh(Now()).ok());
  EXPECT_EQ(Stored(program), "7 needs_library") << "nothing was detected since";
  // Its next version needs nothing any more.
  const DetectionRow next{.module_id = packets,
                          .version = "v1.1.0",
                          .packages = R"({"packages":[{"d":"pcap"}]})",
                          .packages_told = 1,
                          .checked_at = absl::Now()};
  ASSERT_TRUE(store_->SaveDetections(Now(), epoch_, kDetectVersion, {next}, {}).ok());
  ASSERT_TRUE(forecaster_->Refresh(Now()).ok());
  EXPECT_EQ(Stored(program), "15 buildable");
  EXPECT_EQ(Now1(program).detail, "");
  // One that could not be looked into takes nothing back.
  ASSERT_TRUE(store_
                  ->SaveDetections(
                      Now(), epoch_, kDetectVersion,
                      {{.module_id = packets, .version = "v1.2.0", .undecided = "why", .checked_at = absl::Now()}}, {})
                  .ok());
  EXPECT_EQ(Now1(program).detail, "");
}

TEST_F(FollowedForecastTest, APackageWithoutFilesForATargetExcludesThere) {
  const int32_t program =
      Add("example.com/p", {{"go.mod", "module example.com/p\n"},
                            {"main.go", "package main\n\nimport _ \"example.com/packets/other\"\n\nfunc main() {}\n"}});
  AddPackets();
  TurnUntilIdle();
  ASSERT_TRUE(forecaster_->Refresh(Now()).ok());
  EXPECT_EQ(Stored(program), "1 buildable");
  EXPECT_EQ(Now1(program, "riscv64").verdict, "excluded");
  EXPECT_THAT(Now1(program, "riscv64").detail, HasSubstr("brought by example.com/packets"));
}

TEST_F(FollowedForecastTest, AGoModByWhichNothingIsBuiltExcludesHoweverOftenItIsMade) {
  const int32_t program =
      Add("example.com/p", {{"go.mod", "module example.com/p\n\nfuture x\n"}, {"main.go", kProgram}});
  TurnUntilIdle();
  EXPECT_EQ(Stored(program), "0 excluded");
  ASSERT_TRUE(forecaster_->Refresh(Now()).ok());
  EXPECT_EQ(Stored(program), "0 excluded");
  EXPECT_EQ(Now1(program).verdict, "excluded");
  EXPECT_EQ(Now1(program).detail, "go.mod:3: unknown directive \"future\"");
}

TEST_F(FollowedForecastTest, WhatWasDetectedAgainMeanwhileKeepsItsOwn) {
  const int32_t program = AddProgram();
  TurnUntilIdle();
  const std::vector<ForecastInput> inputs = *store_->ForecastInputs(Now(), 0);
  ASSERT_THAT(inputs, SizeIs(1));
  Sql("UPDATE catalog_detections SET revision = nextval('catalog_revisions')");
  ASSERT_TRUE(
      store_
          ->SaveForecasts(Now(), epoch_,
                          {{.module_id = program, .revision = inputs[0].revision, .targets = 1, .forecast = "{}"}})
          .ok());
  EXPECT_EQ(Stored(program), "15 buildable");
}

TEST_F(FollowedForecastTest, ADeposedLeaderStoresNone) {
  AddProgram();
  TurnUntilIdle();
  Forecaster deposed(epoch_ - 1, *store_, "1.26.8");
  EXPECT_TRUE(absl::IsFailedPrecondition(deposed.Refresh(Now())));
}

TEST_F(DetectStageTest, WithoutAProxyNothingIsClaimed) {
  Add("example.com/a", {{"go.mod", "module example.com/a\n"}, {"main.go", kProgram}});
  const goproxy::List off = goproxy::Parse("off").value();
  const auto upstream = Upstream::Make(config_, off, "0", RealClock()).value();
  DetectStage stage(config_, epoch_, *store_, *upstream, "1.26.8", GOFARM_TEST_PARSER);
  EXPECT_EQ(stage.Turn(Now())->modules, 0);
  EXPECT_THAT(upstream->WhyPaused(Service::kProxy, absl::Now()), HasSubstr("no module proxy is configured"));
  EXPECT_EQ(Claimable(), 1u);
}

}  // namespace
}  // namespace gofarm::catalog
