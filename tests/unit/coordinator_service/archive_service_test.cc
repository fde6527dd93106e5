// Archives made by the test, brought by a function of the test.
#include "coordinator/service/archive_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "common/archives/archive_source.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/io/files.h"

namespace gofarm::service {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr char kBytes[] = "the bytes of an archive";

class ArchiveServiceTest : public ::testing::Test {
 protected:
  ArchiveServiceTest() {
    char name[] = "/tmp/gofarm-archives-XXXXXX";
    base_ = ::mkdtemp(name);
  }
  ~ArchiveServiceTest() override {
    service_.reset();
    EXPECT_TRUE(io::RemoveTree(base_).ok());
  }

  Archive Pinned(const std::string& source = "url", const std::string& bytes = kBytes) {
    return {"zig", "0.15.2", "x86_64", source, "there", digest::Sha256Hex(bytes)};
  }
  void Start(std::vector<Archive> archives, absl::Duration rests = absl::Hours(1)) {
    service_.reset();
    service_ = std::make_unique<ArchiveService>(
        ArchiveService::Options{.folder = base_ + "/archives", .archives = std::move(archives), .failure_rests = rests},
        [this](const Scope& scope, const Archive& archive, const std::string& scratch) {
          ++obtained_;
          return obtain_(scope, archive, scratch);
        });
    ASSERT_TRUE(service_->Prepare().ok());
  }
  absl::StatusOr<std::string> Read(const std::string& sha256, int64_t offset = 0) {
    auto reader = service_->Open(Scope::For(absl::Seconds(20)), sha256, offset);
    if (!reader.ok()) return reader.status();
    EXPECT_EQ((*reader)->size(), static_cast<int64_t>(sizeof kBytes) - 1);
    return (*reader)->Read(1 << 20);
  }
  std::vector<std::string> Kept() {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(base_ + "/archives")) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }

  std::string base_;
  std::atomic<int> obtained_ = 0;
  ArchiveService::Obtain obtain_ = [](const Scope&, const Archive&,
                                      const std::string& scratch) -> absl::StatusOr<std::string> {
    std::ofstream(scratch + "/file") << kBytes;
    return scratch + "/file";
  };
  std::unique_ptr<ArchiveService> service_;
};

TEST_F(ArchiveServiceTest, IsGotOnceForAllWhoAskAndKept) {
  const Archive archive = Pinned();
  Start({archive});
  std::vector<std::thread> workers;
  std::atomic<int> good = 0;
  for (int i = 0; i < 20; ++i) {
    workers.emplace_back([&] {
      const auto bytes = Read(archive.sha256);
      if (bytes.ok() && *bytes == kBytes) ++good;
    });
  }
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(good, 20);
  EXPECT_EQ(obtained_, 1);
  EXPECT_EQ(*Read(archive.sha256, 10), std::string(kBytes).substr(10));
  EXPECT_EQ(*Read(archive.sha256, sizeof kBytes - 1), "");
  EXPECT_EQ(Read(archive.sha256, sizeof kBytes).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(Read(archive.sha256, -1).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(Kept(), ::testing::ElementsAre(archive.sha256)) << "and nothing else is left";

  Start({archive});
  EXPECT_EQ(*Read(archive.sha256), kBytes);
  EXPECT_EQ(obtained_, 1) << "the next process has it";
  fs::remove(base_ + "/archives/" + archive.sha256);
  EXPECT_EQ(*Read(archive.sha256), kBytes) << "somebody made room by hand";
  EXPECT_EQ(obtained_, 2);
}

TEST_F(ArchiveServiceTest, WhatNoToolsetNamesIsNotServed) {
  Start({Pinned()});
  for (const std::string& other : {std::string(64, 'a'), std::string(""), std::string("../../../etc/passwd")}) {
    EXPECT_EQ(Read(other).status().code(), absl::StatusCode::kNotFound) << other;
  }
  EXPECT_EQ(obtained_, 0);
}

TEST_F(ArchiveServiceTest, AnotherFileThanThePinnedOneReachesNobody) {
  const Archive archive = Pinned("url", "what the toolset pins");
  Start({archive});
  const absl::Status status = Read(archive.sha256).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("it is not what the toolset pins"));
  EXPECT_THAT(Kept(), ::testing::IsEmpty());
}

TEST_F(ArchiveServiceTest, ASourceThatFailsIsAskedAgainAfterAWhile) {
  const Archive archive = Pinned();
  const auto good = obtain_;
  obtain_ = [](const Scope&, const Archive&, const std::string&) -> absl::StatusOr<std::string> {
    return absl::UnavailableError("the index does not answer");
  };
  Start({archive});
  for (int i = 0; i < 3; ++i) {
    const absl::Status status = Read(archive.sha256).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()), HasSubstr("zig 0.15.2 for x86_64 hosts: the index does not answer"));
  }
  EXPECT_EQ(obtained_, 1) << "it rests";
  obtain_ = good;
  Start({archive}, absl::ZeroDuration());
  EXPECT_EQ(*Read(archive.sha256), kBytes);
}

TEST_F(ArchiveServiceTest, PlacesOfOneDigestAreTriedInTurn) {
  const auto good = obtain_;
  std::vector<std::string> asked;
  obtain_ = [&](const Scope& scope, const Archive& archive, const std::string& scratch) {
    asked.push_back(archive.source);
    return archive.source == "pypi" ? absl::StatusOr<std::string>(absl::FailedPreconditionError("no pip"))
                                    : good(scope, archive, scratch);
  };
  Start({Pinned("pypi"), Pinned("url")});
  EXPECT_EQ(*Read(Pinned().sha256), kBytes);
  EXPECT_THAT(asked, ::testing::ElementsAre("pypi", "url"));
}

TEST_F(ArchiveServiceTest, AFolderOfArchivesKeepsItsOwn) {
  const Archive archive = {"go", "1.26.8", "riscv64", "folder", base_ + "/given", digest::Sha256Hex(kBytes)};
  fs::create_directories(base_ + "/given");
  std::ofstream(base_ + "/given/go.tar.gz") << kBytes;
  obtain_ = [](const Scope& scope, const Archive& wanted, const std::string& scratch) {
    return archives::Obtain(scope, wanted, {.goproxy = {}, .scratch = scratch, .user_agent = "test"}, nullptr);
  };
  Start({archive});
  EXPECT_EQ(*Read(archive.sha256), kBytes);
  EXPECT_TRUE(fs::exists(base_ + "/given/go.tar.gz"));
}

TEST_F(ArchiveServiceTest, WhatIsSpoiltOnDiskIsGotAnewAndWhatIsNotNamedGoes) {
  const Archive archive = Pinned();
  fs::create_directories(base_ + "/archives/.tmp-abc");
  std::ofstream(base_ + "/archives/" + archive.sha256) << "cut";
  std::ofstream(base_ + "/archives/" + std::string(64, 'f')) << "of a former toolset";
  Start({archive});
  EXPECT_THAT(Kept(), ::testing::ElementsAre(archive.sha256));
  EXPECT_EQ(*Read(archive.sha256), kBytes);
  EXPECT_EQ(obtained_, 1);
}

TEST_F(ArchiveServiceTest, WhoWaitsGoesByHisScopeAndAStopEndsAll) {
  absl::Notification begun;
  obtain_ = [&](const Scope& scope, const Archive&, const std::string&) -> absl::StatusOr<std::string> {
    if (!begun.HasBeenNotified()) begun.Notify();
    while (!scope.Done()) absl::SleepFor(absl::Milliseconds(5));
    return scope.Check();
  };
  const Archive archive = Pinned();
  Start({archive});
  EXPECT_EQ(service_->Open(Scope::For(absl::Milliseconds(50)), archive.sha256, 0).status().code(),
            absl::StatusCode::kDeadlineExceeded);
  begun.WaitForNotification();
  std::thread waits([&] { EXPECT_EQ(Read(archive.sha256).status().code(), absl::StatusCode::kUnavailable); });
  absl::SleepFor(absl::Milliseconds(50));
  service_->Stop();
  waits.join();
  EXPECT_EQ(obtained_, 1);
}

}  // namespace
}  // namespace gofarm::service
