// The shared Go cache belongs to builds: what they leave there must not lead the worker, which may be root, anywhere
// else.
#include "worker/build/go_cache_merge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stop_token>
#include <string>

#include "common/io/files.h"

namespace gofarm::build {
namespace {

namespace fs = std::filesystem;

class GoCacheMergeTest : public ::testing::Test {
 protected:
  GoCacheMergeTest() {
    char name[] = "/tmp/gofarm-merge-XXXXXX";
    base_ = mkdtemp(name);
    Write("seed/ab/one-a", "entry");
    Write("seed/ab/two-d", "data");
    Write("seed/README", "text");
    fs::create_directories(base_ + "/shared");
    fs::create_directories(base_ + "/host");
    Write("host/secret", "the host's");
    fs::permissions(base_ + "/host/secret", fs::perms::owner_read | fs::perms::owner_write);
  }
  ~GoCacheMergeTest() override { EXPECT_TRUE(io::RemoveTree(base_).ok()); }

  absl::Status Run(const Scope& scope = {}) const { return MergeGoCache(scope, base_ + "/seed", base_ + "/shared"); }
  void Write(const std::string& name, const std::string& text) const {
    fs::create_directories(fs::path(base_ + "/" + name).parent_path());
    std::ofstream(base_ + "/" + name) << text;
  }
  std::string Read(const std::string& name) const {
    std::ostringstream all;
    all << std::ifstream(base_ + "/" + name).rdbuf();
    return all.str();
  }
  unsigned Mode(const std::string& name) const {
    struct stat info = {};
    EXPECT_EQ(lstat((base_ + "/" + name).c_str(), &info), 0) << name;
    return info.st_mode & 07777;
  }
  std::string base_;
};

TEST_F(GoCacheMergeTest, CopiesWhatIsNotThereAndOpensItToEverySlot) {
  Write("shared/ab/one-a", "newer");
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(Read("shared/ab/one-a"), "newer");
  EXPECT_EQ(Read("shared/ab/two-d"), "data");
  EXPECT_EQ(Read("shared/README"), "text");
  EXPECT_EQ(Mode("shared"), 0777u);
  EXPECT_EQ(Mode("shared/ab"), 0777u);
  EXPECT_EQ(Mode("shared/ab/two-d"), 0666u);
  EXPECT_EQ(std::distance(fs::recursive_directory_iterator(base_ + "/shared"), {}), 4) << "no temporary file stays";
  EXPECT_TRUE(Run().ok()) << "a second time";
}

TEST_F(GoCacheMergeTest, ALinkInPlaceOfAFolderIsReplacedAndItsTargetStaysAsItWas) {
  fs::create_directory_symlink(base_ + "/host", base_ + "/shared/ab");
  const unsigned before = Mode("host");
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(Read("shared/ab/two-d"), "data");
  EXPECT_TRUE(fs::is_directory(fs::symlink_status(base_ + "/shared/ab")));
  EXPECT_EQ(Mode("host"), before);
  EXPECT_FALSE(fs::exists(base_ + "/host/two-d"));
}

TEST_F(GoCacheMergeTest, LinksInPlaceOfAFileOrOfItsTemporaryAreReplacedToo) {
  fs::create_directories(base_ + "/shared/ab");
  fs::create_symlink(base_ + "/host/secret", base_ + "/shared/ab/one-a");
  fs::create_symlink(base_ + "/host/secret", base_ + "/shared/ab/two-d.merge");
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(Read("host/secret"), "the host's");
  EXPECT_EQ(Mode("host/secret"), 0600u);
  EXPECT_EQ(Read("shared/ab/one-a"), "entry");
  EXPECT_EQ(Read("shared/ab/two-d"), "data");
}

TEST_F(GoCacheMergeTest, AFolderInPlaceOfAFileKeepsNoOtherFileOut) {
  fs::create_directories(base_ + "/shared/ab/two-d/inner");
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(Read("shared/ab/one-a"), "entry");
  EXPECT_FALSE(fs::exists(base_ + "/shared/ab/two-d.merge"));
}

TEST_F(GoCacheMergeTest, WhatLooksLikeATemporaryKeepsNothingOutAndNoLinkInItIsFollowed) {
  Write("shared/ab/two-d.merge/inner/file", "a prank");
  fs::create_directory_symlink(base_ + "/host", base_ + "/shared/ab/two-d.merge/inner/out");
  fs::create_symlink(base_ + "/host/secret", base_ + "/shared/ab/two-d.merge/secret");
  fs::permissions(base_ + "/shared/ab/two-d.merge/inner", fs::perms::none);
  const absl::Status merged = Run();
  ASSERT_TRUE(merged.ok()) << merged;
  EXPECT_EQ(Read("shared/ab/two-d"), "data");
  EXPECT_EQ(Read("host/secret"), "the host's");
  fs::permissions(base_ + "/shared/ab/two-d.merge/inner", fs::perms::owner_all);
}

// A build adds its entries while another reads, and what both used counts as used now.
TEST_F(GoCacheMergeTest, AnEntryThatIsThereIsTouched) {
  ASSERT_TRUE(Run().ok());
  const std::string entry = base_ + "/shared/ab/two-d";
  fs::last_write_time(entry, fs::file_time_type::clock::now() - std::chrono::hours(100));
  ASSERT_TRUE(Run().ok());
  EXPECT_LT(fs::file_time_type::clock::now() - fs::last_write_time(entry), std::chrono::hours(1));
}

TEST_F(GoCacheMergeTest, AStopEndsIt) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(absl::IsCancelled(Run(Scope{absl::InfiniteFuture(), stop.get_token()})));
}

}  // namespace
}  // namespace gofarm::build
