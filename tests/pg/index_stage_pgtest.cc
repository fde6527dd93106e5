// The stage "index" with a real PostgreSQL and an index server of the test: what stops it, and that nothing is lost by
// that, nor by where the index ends or by the times of its lines.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/goproxy/list.h"
#include "coordinator/catalog/index_lines.h"
#include "coordinator/catalog/index_stage.h"
#include "coordinator/catalog/room_rule.h"
#include "coordinator/catalog/upstream.h"
#include "tests/pg/farm_fixture.h"
#include "tests/support/raw_http_server.h"

namespace gofarm::catalog {
namespace {

using ::testing::HasSubstr;
using Server = testing::RawHttpServer;

class IndexStageTest : public testing::FarmTest {
 protected:
  IndexStageTest()
      : server_([this](const Server::Request& request, Server::Peer& peer) {
          return peer.Answer(200, "", Page(request.target));
        }) {
    Tell("example.com/a", "2024-01-02T03:04:05.5Z");
    Tell("example.com/b", "2024-01-02T03:04:05.6Z");
  }
  void SetUp() override {
    FarmTest::SetUp();
    index_ = std::make_unique<store::CatalogIndexStore>(*pool_);
    store_ = std::make_unique<store::CatalogStore>(*pool_);
    config_.index_url = server_.url();
    config_.disk_free_floor = 0;
    config_.index_since = absl::FromUnixSeconds(1704067200) + kIndexLead;
    upstream_ = Upstream::Make(config_, goproxy::Parse("off").value(), "0", RealClock()).value();
  }
  std::unique_ptr<IndexStage> Stage() {
    return std::make_unique<IndexStage>(config_, epoch_, *pool_, *index_, *store_, *upstream_, "/tmp", pace_);
  }
  static Scope Now() { return Scope::For(absl::Minutes(1)); }
  // The index has this line from now on.
  void Tell(std::string_view path, std::string_view time, std::string_view version = "v1.0.0") {
    const absl::MutexLock lock(&mutex_);
    lines_.emplace(Micros(time),
                   Cat("{\"Path\":\"", path, "\",\"Version\":\"", version, "\",\"Timestamp\":\"", time, "\"}\n"));
  }
  // As a coordinator that begins to lead, until it is caught up.
  void ReadIndex() {
    const auto stage = Stage();
    for (int turn = 0; turn < 100 && !stage->caught_up(); ++turn) {
      const auto done = stage->Turn(Now());
      ASSERT_TRUE(done.ok()) << done.status();
    }
    EXPECT_TRUE(stage->caught_up());
  }
  int64_t Versions() { return index_->Stats(Now())->versions; }

 private:
  static int64_t Micros(std::string_view time) {
    int64_t micros = 0;
    int32_t nanos = 0;
    EXPECT_TRUE(ParseTimestamp(time, micros, nanos)) << time;
    return micros;
  }
  std::string Page(const std::string& target) {
    const absl::MutexLock lock(&mutex_);
    const size_t since = target.find("since=") + 6;
    std::string page;
    for (auto it = lines_.lower_bound(Micros(std::string_view(target).substr(since))); it != lines_.end(); ++it) {
      page += it->second;
    }
    return page;
  }

  absl::Mutex mutex_;
  std::multimap<int64_t, std::string> lines_ ABSL_GUARDED_BY(mutex_);  // by their time

 protected:
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
  ReadIndex();
  EXPECT_EQ(Stage()->WhyStopped(), "");
  EXPECT_EQ(Versions(), 2);
}

TEST_F(IndexStageTest, LinesBehindTheLastOneArriveThoughTheIndexEndedLongAgo) {
  ReadIndex();
  EXPECT_EQ(Versions(), 2);
  Tell("example.com/c", "2024-01-02T03:04:05.600001Z");
  Tell("example.com/d", "2025-06-01T00:00:00Z");
  ReadIndex();
  EXPECT_EQ(Versions(), 4);
  const size_t before = server_.requests().size();
  ReadIndex();
  EXPECT_EQ(server_.requests().size() - before, 1u) << "nothing is new";
}

TEST_F(IndexStageTest, LinesThatComeLateArrive) {
  ReadIndex();
  Tell("example.com/c", "2024-01-02T02:59:00Z");
  Tell("example.com/d", "2024-01-02T03:04:05.6Z");
  ReadIndex();
  EXPECT_EQ(Versions(), 4);
}

TEST_F(IndexStageTest, ATimeFarAheadHidesNothing) {
  Tell("example.com/ahead", "2999-01-01T00:00:00Z");
  ReadIndex();
  EXPECT_EQ(Versions(), 3) << "it is stored like others";
  Tell("example.com/c", "2025-06-01T00:00:00Z");
  ReadIndex();
  EXPECT_EQ(Versions(), 4);
  const size_t before = server_.requests().size();
  ReadIndex();
  EXPECT_EQ(server_.requests().size() - before, 1u);
}

TEST_F(IndexStageTest, ABadLineAtTheEndIsKeptAndHoldsUpNothing) {
  Tell("example.com/c", "2024-01-02T03:05:00Z", "no version");
  ReadIndex();
  EXPECT_EQ(Versions(), 2);
  EXPECT_EQ(index_->Stats(Now())->rejected, 1);
  EXPECT_EQ(index_->Slices(Now())->at(0).since, "2024-01-02T03:05:00Z");
  ReadIndex();
}

}  // namespace
}  // namespace gofarm::catalog
