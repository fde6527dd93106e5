// A worker's way to the archives that its coordinator keeps, against a coordinator that breaks off, is busy, and lies.
#include "worker/upload/archive_download.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>

#include "absl/time/clock.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "common/rpc/channel.h"
#include "tests/rpc/fake_coordinator.h"

namespace gofarm::upload {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ArchiveDownloadTest : public ::testing::Test {
 protected:
  ArchiveDownloadTest() {
    char name[] = "/tmp/gofarm-download-XXXXXX";
    folder_ = ::mkdtemp(name);
    farm_.archive = "the bytes of an archive";
    uplink_.Set(rpc::MakeChannel(farm_.address(), rpc::Credentials::Plaintext()));
  }
  ~ArchiveDownloadTest() override { EXPECT_TRUE(io::RemoveTree(folder_).ok()); }

  absl::Status Download(const ArchivePatience& patience = {}, const Scope& scope = Scope::For(absl::Seconds(60))) {
    return DownloadArchive(scope, uplink_, std::string(64, 'a'), folder_ + "/file", progress_, patience);
  }
  std::string Got() { return io::ReadFile(folder_ + "/file", 1 << 20).value_or("nothing"); }

  FakeCoordinator farm_;
  Uplink uplink_;
  std::string folder_;
  DownloadProgress progress_;
};

TEST_F(ArchiveDownloadTest, GoesOnWhereItBrokeOff) {
  farm_.break_archive_after = 8;
  int64_t total = 0, last = 0;
  progress_ = [&](int64_t done, int64_t all) {
    EXPECT_GE(done, last);
    last = done;
    total = all;
  };
  ASSERT_EQ(Download(), absl::OkStatus());
  EXPECT_EQ(Got(), farm_.archive);
  EXPECT_THAT(farm_.archive_offsets, ElementsAre(0, 8, 16));
  EXPECT_EQ(last, 23);
  EXPECT_EQ(total, 23);
}

TEST_F(ArchiveDownloadTest, WaitsForOneThatIsBusyAndAsksNoLongerThanItsPatience) {
  const grpc::Status busy(grpc::StatusCode::RESOURCE_EXHAUSTED, "48 streams are open");
  farm_.archive_refusals = {busy, busy};
  ASSERT_EQ(Download(), absl::OkStatus());
  EXPECT_EQ(farm_.archive_offsets.size(), 3u);
  farm_.archive_refusals.assign(100, busy);
  const absl::Status status = Download({.busy = absl::Milliseconds(300)});
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << "a full disk would be this host's";
  EXPECT_THAT(std::string(status.message()), HasSubstr("the coordinator is busy: 48 streams are open"));
}

TEST_F(ArchiveDownloadTest, WhatItWillNotHaveIsSaidAtOnce) {
  for (const auto& [code, expected] :
       {std::pair{grpc::StatusCode::NOT_FOUND, absl::StatusCode::kNotFound},
        std::pair{grpc::StatusCode::FAILED_PRECONDITION, absl::StatusCode::kFailedPrecondition},
        std::pair{grpc::StatusCode::UNIMPLEMENTED, absl::StatusCode::kUnimplemented}}) {
    farm_.archive_offsets.clear();
    farm_.archive_refusals = {grpc::Status(code, "no")};
    EXPECT_EQ(Download().code(), expected);
    EXPECT_EQ(farm_.archive_offsets.size(), 1u);
  }
}

TEST_F(ArchiveDownloadTest, OneThatIsAwayIsGivenUpAfterAWhile) {
  farm_.Stop();
  const absl::Time began = absl::Now();
  EXPECT_EQ(Download({.away = absl::Milliseconds(500)}).code(), absl::StatusCode::kUnavailable);
  EXPECT_LT(absl::Now() - began, absl::Seconds(20));
  EXPECT_EQ(Download({}, Scope::For(absl::Milliseconds(300))).code(), absl::StatusCode::kDeadlineExceeded);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(Download({}, Scope{absl::InfiniteFuture(), stop.get_token()}).code(), absl::StatusCode::kCancelled);
  Uplink nobody;
  EXPECT_EQ(DownloadArchive(Scope::For(absl::Seconds(10)), nobody, std::string(64, 'a'), folder_ + "/file", {},
                            {.away = absl::ZeroDuration()})
                .code(),
            absl::StatusCode::kUnavailable);
}

TEST_F(ArchiveDownloadTest, AnAnswerThatIsNoneIsNotTriedAgain) {
  farm_.archive.clear();
  EXPECT_EQ(Download({.away = absl::Milliseconds(300)}).code(), absl::StatusCode::kUnavailable) << "an empty stream";
  farm_.archive_offsets.clear();
  farm_.archive = "the bytes of an archive";
  // The second stream speaks of fewer bytes than are there already.
  farm_.break_archive_after = 8;
  progress_ = [&](int64_t done, int64_t) {
    if (done == 8) {
      farm_.WaitFor([&] {
        farm_.archive = "short";
        return true;
      });
    }
  };
  EXPECT_EQ(Download().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(farm_.archive_offsets.size(), 2u);
}

TEST_F(ArchiveDownloadTest, AFileThatCannotBeWrittenIsThisHosts) {
  EXPECT_EQ(
      DownloadArchive(Scope::For(absl::Seconds(10)), uplink_, std::string(64, 'a'), folder_ + "/none/file").code(),
      absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace gofarm::upload
