// Archives of toolchains and Go's settings on their way from the real server to workers: the real download, cache and
// checks of a worker; only where the coordinator gets an archive from is the test's.
#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <thread>

#include "absl/time/clock.h"
#include "common/archives/archive_source.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/io/files.h"
#include "common/rpc/channel.h"
#include "coordinator/service/archive_service.h"
#include "tests/rpc/farm_server.h"
#include "tests/support/proxy_folder.h"
#include "tests/support/zip_maker.h"
#include "worker/exec/host_machine.h"
#include "worker/fetch/toolchain.h"
#include "worker/upload/archive_download.h"

namespace gofarm::testing {
namespace {

using grpc::StatusCode;
using ::testing::HasSubstr;

class ArchivesTest : public RpcTest {
 protected:
  void SetUp() override {
    bytes_.resize(5 * rpc::kArchivePieceBytes + 17);
    for (size_t i = 0; i < bytes_.size(); ++i) bytes_[i] = static_cast<char>(i * 2'654'435'761U >> 16);
    pinned_ = {"zig", "0.15.2", exec::HostArch(), "url", "", digest::Sha256Hex(bytes_)};
    adjust_ = [this](rpc::ServerParts& parts) {
      if (archives_ == nullptr) MakeArchives();
      parts.archives = archives_.get();
      parts.go = {.goproxy = "https://farm.test", .gosumdb = "off", .gonosumdb = "", .goprivate = "corp.test"};
      if (bytes_in_flight_max_ > 0) parts.bytes_in_flight_max = bytes_in_flight_max_;
    };
    RpcTest::SetUp();
  }
  void TearDown() override {
    RpcTest::TearDown();
    archives_.reset();
  }
  void MakeArchives() {
    archives_ = std::make_unique<service::ArchiveService>(
        service::ArchiveService::Options{.folder = dir_ + "/archives", .archives = {pinned_}}, obtain_);
    ASSERT_TRUE(archives_->Prepare().ok());
  }

  // What comes, from `offset` on.
  std::string Fetch(int64_t offset, grpc::Status* status, int64_t* total = nullptr) {
    v1::FetchArchiveRequest request;
    request.set_sha256(pinned_.sha256);
    request.set_offset(offset);
    const auto context = Context();
    const auto stream = worker_->FetchArchive(context.get(), request);
    std::string got;
    v1::ArchivePiece piece;
    for (bool first = true; stream->Read(&piece); first = false) {
      EXPECT_LE(piece.data().size(), rpc::kArchivePieceBytes);
      if (first && total != nullptr) *total = piece.total_size();
      got += piece.data();
    }
    *status = stream->Finish();
    return got;
  }

  std::string bytes_;
  Archive pinned_;
  size_t bytes_in_flight_max_ = 0;
  service::ArchiveService::Obtain obtain_ = [this](const Scope&, const Archive&,
                                                   const std::string& scratch) -> absl::StatusOr<std::string> {
    GOFARM_RETURN_IF_ERROR(io::WriteFileAtomic(scratch + "/file", bytes_));
    return scratch + "/file";
  };
  std::unique_ptr<service::ArchiveService> archives_;
};

TEST_F(ArchivesTest, ComeInPiecesFromWhereverIsAskedFor) {
  grpc::Status status;
  int64_t total = 0;
  EXPECT_TRUE(Fetch(0, &status, &total) == bytes_);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(total, static_cast<int64_t>(bytes_.size()));
  EXPECT_TRUE(Fetch(300'000, &status) == bytes_.substr(300'000)) << "what broke off goes on";
  total = 0;
  EXPECT_EQ(Fetch(static_cast<int64_t>(bytes_.size()), &status, &total), "");
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(total, static_cast<int64_t>(bytes_.size()));
  Fetch(static_cast<int64_t>(bytes_.size()) + 1, &status);
  EXPECT_EQ(status.error_code(), StatusCode::OUT_OF_RANGE);
  pinned_.sha256 = std::string(64, 'a');
  Fetch(0, &status);
  EXPECT_EQ(status.error_code(), StatusCode::NOT_FOUND);
  EXPECT_THAT(status.error_message(), HasSubstr("no toolset of this farm names"));
}

TEST_F(ArchivesTest, ACoordinatorThatKeepsNoneSaysSo) {
  adjust_ = nullptr;
  Restart();
  grpc::Status status;
  Fetch(0, &status);
  EXPECT_EQ(status.error_code(), StatusCode::NOT_FOUND);
}

TEST_F(ArchivesTest, StreamsAreLimitedInNumberAndHostsBeyondAskAgain) {
  bytes_.assign(24 << 20, 'x');  // more than gRPC takes in for a reader that does not read
  pinned_.sha256 = digest::Sha256Hex(bytes_);
  archives_.reset();
  Restart();
  v1::FetchArchiveRequest request;
  request.set_sha256(pinned_.sha256);
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<grpc::ClientReader<v1::ArchivePiece>>> streams;
  v1::ArchivePiece first;
  for (int i = 0; i < rpc::kArchiveStreamsMax; ++i) {
    contexts.push_back(Context(absl::Seconds(100)));
    streams.push_back(worker_->FetchArchive(contexts.back().get(), request));
    ASSERT_TRUE(streams.back()->Read(&first));
  }
  grpc::Status status;
  Fetch(0, &status);
  EXPECT_EQ(status.error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), HasSubstr("try again"));
  // The host beyond asks again until there is room.
  upload::Uplink uplink;
  uplink.Set(channel_);
  std::atomic<bool> done = false;
  absl::Status downloaded;
  std::thread late([&] {
    downloaded = upload::DownloadArchive(Scope::For(absl::Seconds(60)), uplink, pinned_.sha256, dir_ + "/late");
    done = true;
  });
  absl::SleepFor(absl::Milliseconds(700));
  EXPECT_FALSE(done);
  for (size_t i = 0; i < streams.size(); ++i) {
    contexts[i]->TryCancel();
    EXPECT_EQ(streams[i]->Finish().error_code(), StatusCode::CANCELLED);
  }
  late.join();
  EXPECT_EQ(downloaded, absl::OkStatus());
}

TEST_F(ArchivesTest, BytesInFlightAreOfTheBudgetOfAllMessages) {
  bytes_in_flight_max_ = rpc::kArchivePieceBytes;  // less than what one stream needs
  Restart();
  grpc::Status status;
  Fetch(0, &status);
  EXPECT_EQ(status.error_code(), StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(ArchivesTest, ManyHostsLoadTheWorldOnceAndNeedNothingButTheCoordinator) {
  const std::string zip = MakeZip({{"ziglang/zig", "#!zig"}, {"ziglang/lib/std/std.zig", "// std"}});
  WriteFileOrDie(dir_ + "/mirror/zig.whl", zip);
  FolderServer world(dir_ + "/mirror");
  pinned_.locator = world.url() + "/zig.whl";
  pinned_.sha256 = digest::Sha256Hex(zip);
  obtain_ = [](const Scope& scope, const Archive& archive, const std::string& scratch) {
    return archives::Obtain(scope, archive, {.goproxy = {}, .scratch = scratch, .user_agent = "test"}, nullptr);
  };
  archives_.reset();
  Restart();
  upload::Uplink uplink;
  uplink.Set(channel_);
  const fetch::ArchiveDoor door = [&](const Scope& scope, const Archive& archive, const std::string& path,
                                      const fetch::FetchProgress&) {
    return upload::DownloadArchive(scope, uplink, archive.sha256, path);
  };
  const fetch::ProxySettings proxy{fetch::ProxyEnvironment{}};
  // As a host sees it that has neither python3 nor a way to the index.
  Archive unreachable = pinned_;
  unreachable.source = "url";
  unreachable.locator = "http://127.0.0.1:1/zig.whl";
  std::vector<std::thread> hosts;
  std::atomic<int> installed = 0;
  for (int i = 0; i < 12; ++i) {
    hosts.emplace_back([&, i] {
      fetch::ToolchainStore store(proxy, fetch::CacheLayout(Cat(dir_, "/host-", i)), {}, {.door = door});
      const auto zig = store.Install(Scope::For(absl::Seconds(60)), unreachable);
      EXPECT_TRUE(zig.ok()) << zig.status();
      if (zig.ok() && zig->sha256 == pinned_.sha256) ++installed;
    });
  }
  for (std::thread& host : hosts) host.join();
  EXPECT_EQ(installed, 12);
  EXPECT_EQ(world.counts(), (std::map<std::string, int>{{"/zig.whl", 1}}));
}

TEST_F(ArchivesTest, WelcomeSaysFromWhereTheFarmHasItsModules) {
  FakeWorker worker(*worker_);
  worker.SayHello(FakeWorker::Hello("w1"));
  const v1::GoSettings go = worker.HearWelcome().go();
  EXPECT_EQ(go.goproxy(), "https://farm.test");
  EXPECT_EQ(go.gosumdb(), "off");
  EXPECT_EQ(go.gonosumdb(), "");
  EXPECT_EQ(go.goprivate(), "corp.test");
}

}  // namespace
}  // namespace gofarm::testing
