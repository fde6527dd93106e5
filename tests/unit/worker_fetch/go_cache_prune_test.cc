// The shared Go cache is pruned by a worker, possibly root, among folders that builds write to.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "worker/exec/tree.h"
#include "worker/fetch/module_cache.h"

namespace gofarm::fetch {
namespace {

namespace fs = std::filesystem;

class GoCachePruneTest : public ::testing::Test {
 protected:
  GoCachePruneTest() {
    char name[] = "/tmp/gofarm-prune-XXXXXX";
    base_ = mkdtemp(name);
    fs::create_directories(base_ + "/mod");
    fs::create_directories(Shared() + "/ab");
  }
  ~GoCachePruneTest() override { EXPECT_TRUE(exec::RemoveTree(base_).ok()); }

  std::string Shared() const { return base_ + "/gocache/key"; }
  static void WriteOld(const std::string& path) {
    std::ofstream(path) << std::string(4096, 'x');
    const timespec long_ago[2] = {{1'600'000'000, 0}, {1'600'000'000, 0}};
    ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), long_ago, 0), 0);
  }
  Pruned Prune() const {
    const auto pruned = PruneCache(Scope::For(absl::Minutes(1)), CacheLayout(base_), {.mod_bytes = 1 << 20, .gocache_bytes = 1});
    EXPECT_TRUE(pruned.ok()) << pruned.status();
    return pruned.value_or(Pruned{});
  }
  std::string base_;
};

TEST_F(GoCachePruneTest, TakesOldEntriesAndNothingElse) {
  WriteOld(Shared() + "/ab/one-a");
  WriteOld(Shared() + "/README");
  EXPECT_EQ(Prune().gocache_entries, 1);
  EXPECT_FALSE(fs::exists(Shared() + "/ab/one-a"));
  EXPECT_TRUE(fs::exists(Shared() + "/README"));
}

TEST_F(GoCachePruneTest, WhatGoDoesNotPutThereIsNotTakenForAnEntry) {
  fs::create_directories(Shared() + "/ab/inner");
  WriteOld(Shared() + "/ab/inner/one-a");
  EXPECT_EQ(Prune().gocache_entries, 0);
  EXPECT_TRUE(fs::exists(Shared() + "/ab/inner/one-a"));
}

TEST_F(GoCachePruneTest, WhatMayNotGoPushesNothingElseOut) {
  WriteOld(Shared() + "/ab/one-a");
  std::ofstream(Shared() + "/README") << std::string(2 << 20, 'x');
  const auto pruned = PruneCache(Scope::For(absl::Minutes(1)), CacheLayout(base_), {.mod_bytes = 1 << 20, .gocache_bytes = 1 << 20});
  ASSERT_TRUE(pruned.ok()) << pruned.status();
  EXPECT_EQ(pruned->gocache_entries, 0);
  EXPECT_TRUE(fs::exists(Shared() + "/ab/one-a"));
}

TEST_F(GoCachePruneTest, FollowsNoLink) {
  fs::create_directories(base_ + "/host");
  WriteOld(base_ + "/host/one-a");
  fs::create_directory_symlink(base_ + "/host", Shared() + "/cd");
  EXPECT_EQ(Prune().gocache_entries, 0);
  EXPECT_TRUE(fs::exists(base_ + "/host/one-a"));
}

}  // namespace
}  // namespace gofarm::fetch
