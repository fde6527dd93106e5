// The stage "reach" with a real PostgreSQL and a module proxy of the test: which of a module's versions it asks for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "common/base/clock.h"
#include "common/goproxy/list.h"
#include "coordinator/catalog/reach_stage.h"
#include "coordinator/catalog/upstream.h"
#include "tests/pg/farm_fixture.h"
#include "tests/support/raw_http_server.h"

namespace gofarm::catalog {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::SizeIs;
using Server = testing::RawHttpServer;

constexpr char kModule[] = "example.com/m";

class ReachStageTest : public testing::FarmTest {
 protected:
  void SetUp() override {
    FarmTest::SetUp();
    store_ = std::make_unique<store::CatalogStore>(*pool_);
    index_ = std::make_unique<store::CatalogIndexStore>(*pool_);
    config_.eligible_since = absl::FromUnixSeconds(0);
    proxies_ = goproxy::Parse(server_.url()).value();
    upstream_ = Upstream::Make(config_, proxies_, "0", RealClock()).value();
    stage_ = std::make_unique<ReachStage>(
        config_, epoch_, *store_,
        [this](const Scope& scope, absl::Span<const int32_t> modules) { return ReadVersions(scope, *index_, modules); },
        *upstream_);
  }
  void AddModule(int32_t id, const std::string& path, const std::string& latest) {
    Sql(
        Cat("INSERT INTO catalog_modules (id, versions, latest_indexed_at, first_indexed_at, last_indexed_at, "
            "revision, path, latest) VALUES (",
            id, ", 1, now(), now(), now(), nextval('catalog_revisions'), '", path, "', '", latest, "')"));
  }
  void AddVersion(int32_t module, const std::string& version) {
    Sql(Cat("INSERT INTO catalog_versions (indexed_at, module_id, version) VALUES (now(), ", module, ", '", version,
            "')"));
  }
  // Commits, which come before every release in bytewise order.
  void AddCommits(int32_t module, int count) {
    Sql(Cat("INSERT INTO catalog_versions (indexed_at, module_id, version) SELECT now(), ", module,
            ", 'v0.0.0-20240101' || lpad(i::text, 6, '0') || '-0123456789ab' FROM generate_series(1, ", count, ") i"));
  }
  ReachRow Reached(int32_t module) {
    for (int i = 0; i < 20; ++i) {
      const absl::StatusOr<StageTurn::Done> done = stage_->Turn(Now());
      EXPECT_TRUE(done.ok()) << done.status();
      if (!done.ok() || (done->modules == 0 && done->taken_up == 0)) break;
    }
    const auto rows = store_->ReachOf(Now(), {module});
    EXPECT_TRUE(rows.ok() && rows->contains(module)) << rows.status();
    return rows.ok() && rows->contains(module) ? rows->at(module) : ReachRow{};
  }

  Server server_{[](const Server::Request& request, Server::Peer& peer) {
    if (request.method == "HEAD") return peer.Send("HTTP/1.1 200 X\r\nContent-Length: 1234\r\n\r\n");
    return peer.Answer(200, "", absl::EndsWith(request.target, ".mod") ? Cat("module ", kModule, "\n") : "x");
  }};
  Config config_;
  goproxy::List proxies_;
  std::unique_ptr<store::CatalogStore> store_;
  std::unique_ptr<store::CatalogIndexStore> index_;
  std::unique_ptr<Upstream> upstream_;
  std::unique_ptr<ReachStage> stage_;
};

TEST_F(ReachStageTest, AReleaseBehindAPageOfCommitsIsFound) {
  AddModule(1, kModule, "v0.0.0-20240101000001-0123456789ab");
  AddCommits(1, store::kVersionsPageMax + 1);
  AddVersion(1, "v1.2.0");
  EXPECT_EQ(Reached(1).version, "v1.2.0");
  EXPECT_EQ(Reached(1).state, Reachability::kAvailable);
}

TEST_F(ReachStageTest, VersionsAreReadPageByPageUpToALimit) {
  AddCommits(1, store::kVersionsPageMax);
  AddVersion(2, "v1.0.0");
  AddCommits(3, static_cast<int>(kReachVersionsMax) + 5);
  const auto versions = ReadVersions(Now(), *index_, {1, 2, 3, 4});
  ASSERT_TRUE(versions.ok()) << versions.status();
  EXPECT_THAT(versions->at(1), SizeIs(store::kVersionsPageMax)) << "a page that is just full is not the last";
  EXPECT_THAT(versions->at(2), ElementsAre("v1.0.0"));
  EXPECT_THAT(versions->at(3), SizeIs(kReachVersionsMax));
  EXPECT_THAT(versions->at(4), SizeIs(0));
  const auto few = ReadVersions(Now(), *index_, {3, 1, 2}, /*at_once=*/2 * store::kVersionsPageMax);
  ASSERT_TRUE(few.ok()) << few.status();
  EXPECT_THAT(few->at(3), SizeIs(2 * store::kVersionsPageMax));
  EXPECT_THAT(few->at(1), SizeIs(store::kVersionsPageMax)) << "what others take costs a module no first page";
  EXPECT_THAT(few->at(2), ElementsAre("v1.0.0"));
}

TEST_F(ReachStageTest, TheLatestOfTheIndexCountsWhereTheListLacksIt) {
  AddModule(1, kModule, "v1.1.0");
  AddVersion(1, "v1.0.0");
  EXPECT_EQ(Reached(1).version, "v1.1.0");
  std::vector<std::string> targets;
  for (const Server::Request& request : server_.requests()) targets.push_back(request.target);
  EXPECT_THAT(targets, Contains("/example.com/m/@v/v1.1.0.mod"));
}

}  // namespace
}  // namespace gofarm::catalog
