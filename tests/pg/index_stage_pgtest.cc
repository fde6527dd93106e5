// The stage "index" with a real PostgreSQL and an index server of the test: what stops it, and that nothing is lost by
// that.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "common/base/clock.h"
#include "common/goproxy/list.h"
#include "coordinator/catalog/index_stage.h"
#include "coordinator/catalog/room_rule.h"
#include "coordinator/catalog/upstream.h"
#include "tests/pg/farm_fixture.h"
#include "tests/support/raw_http_server.h"

namespace gofarm::catalog {
namespace {

using ::testing::HasSubstr;
using Server = testing::RawHttpServer;

constexpr char kPage[] =
    "{\"Path\":\"example.com/a\",\"Version\":\"v1.0.0\",\"Timestamp\":\"2024-01-02T03:04:05.5Z\"}\n"
    "{\"Path\":\"example.com/b\",\"Version\":\"v1.0.0\",\"Timestamp\":\"2024-01-02T03:04:05.6Z\"}\n";

class IndexStageTest : public testing::FarmTest {
 protected:
  IndexStageTest()
      : server_([](const Server::Request& request, Server::Peer& peer) {
          return peer.Answer(200, "", absl::StrContains(request.target, "since=2024-01-01") ? kPage : "");
        }) {}
  void SetUp() override {
    FarmTest::SetUp();
    index_ = std::make_unique<store::CatalogIndexStore>(*pool_);
    store_ = std::make_unique<store::CatalogStore>(*pool_);
    config_.index_url = server_.url();
    config_.index_since = absl::FromUnixSeconds(1704067200) + kIndexLead;
    upstream_ = Upstream::Make(config_, goproxy::Parse("off").value(), "0", RealClock()).value();
  }
  std::unique_ptr<IndexStage> Stage() {
    return std::make_unique<IndexStage>(config_, epoch_, *pool_, *index_, *store_, *upstream_, "/tmp", pace_);
  }
  static Scope Now() { return Scope::For(absl::Minutes(1)); }

  Server server_;
  Config config_;
  BulkPace pace_{[] { return false; }};
  std::unique_ptr<Upstream> upstream_;
  std::unique_ptr<store::CatalogIndexStore> index_;
  std::unique_ptr<store::CatalogStore> store_;
};

TEST_F(IndexStageTest, BelowTheFloorOfFreeSpaceNothingIsAskedAndWithRoomItGoesOn) {
  config_.disk_free_floor = int64_t{1} << 60;
  const auto full = Stage();
  const auto stopped = full->Turn(Now());
  EXPECT_TRUE(IsNoRoom(stopped.status())) << stopped.status();
  EXPECT_THAT(std::string(stopped.status().message()), HasSubstr("disk_free_floor"));
  EXPECT_EQ(full->WhyStopped(), stopped.status().message());
  EXPECT_THAT(server_.requests(), ::testing::IsEmpty());

  config_.disk_free_floor = 0;
  const auto roomy = Stage();
  for (int turn = 0; turn < 100 && !roomy->caught_up(); ++turn) {
    const auto done = roomy->Turn(Now());
    ASSERT_TRUE(done.ok()) << done.status();
  }
  EXPECT_TRUE(roomy->caught_up());
  EXPECT_EQ(roomy->WhyStopped(), "");
  EXPECT_EQ(index_->Stats(Now())->versions, 2);
}

}  // namespace
}  // namespace gofarm::catalog
