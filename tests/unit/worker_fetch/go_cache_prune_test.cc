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
  // Foreign files go by the time of their last change, which nobody can set back: tests have them grow old by `grace`.
  static constexpr absl::Duration kAllIsOld = -absl::Hours(2);
  Pruned Prune(absl::Duration grace = absl::Hours(2), int64_t bytes = 1) const {
    const auto pruned = PruneCache(Scope::For(absl::Minutes(1)), CacheLayout(base_),
                                   {.mod_bytes = 1 << 20, .gocache_bytes = bytes, .grace = grace});
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
  const auto pruned =
      PruneCache(Scope::For(absl::Minutes(1)), CacheLayout(base_), {.mod_bytes = 1 << 20, .gocache_bytes = 1 << 20});
  ASSERT_TRUE(pruned.ok()) << pruned.status();
  EXPECT_EQ(pruned->gocache_entries, 0);
  EXPECT_TRUE(fs::exists(Shared() + "/ab/one-a"));
}

TEST_F(GoCachePruneTest, ForeignFilesGoOnceTheyAreOldWhateverTheBudget) {
  fs::create_directories(Shared() + "/ab/inner/deep");
  WriteOld(Shared() + "/ab/inner/deep/one-a");
  WriteOld(Shared() + "/ab/two-d.merge");
  WriteOld(Shared() + "/hidden");
  fs::create_directories(Shared() + "/elsewhere/ab");
  WriteOld(Shared() + "/elsewhere/ab/one-a");
  fs::create_directories(Shared() + "/trim.txt");
  fs::create_directories(base_ + "/host");
  WriteOld(base_ + "/host/secret");
  fs::create_directory_symlink(base_ + "/host", Shared() + "/ab/out");
  fs::create_directory_symlink(base_ + "/host", Shared() + "/cd");
  fs::create_directory_symlink(base_ + "/host", Shared() + "/ab/inner/out");
  WriteOld(Shared() + "/ab/one-a");
  EXPECT_EQ(Prune(absl::Hours(2), 1 << 30).gocache_foreign_files, 0) << "young ones stay: a merge may be writing them";
  const Pruned pruned = Prune(kAllIsOld, 1 << 30);
  EXPECT_EQ(pruned.gocache_foreign_files, 7);
  EXPECT_GE(pruned.bytes, 4 * 4096);
  EXPECT_EQ(pruned.gocache_entries, 0);
  for (const char* name : {"/ab/inner", "/ab/two-d.merge", "/hidden", "/elsewhere", "/trim.txt", "/ab/out", "/cd"}) {
    EXPECT_EQ(fs::symlink_status(Shared() + name).type(), fs::file_type::not_found) << name;
  }
  EXPECT_TRUE(fs::exists(Shared() + "/ab/one-a"));
  EXPECT_TRUE(fs::exists(base_ + "/host/secret"));
}

TEST_F(GoCachePruneTest, YoungForeignFilesCountAgainstTheBudget) {
  WriteOld(Shared() + "/ab/one-a");
  std::ofstream(Shared() + "/ab/hidden") << std::string(2 << 20, 'x');
  EXPECT_EQ(Prune(absl::Hours(2), 1 << 20).gocache_entries, 1);
  EXPECT_TRUE(fs::exists(Shared() + "/ab/hidden"));
}

TEST_F(GoCachePruneTest, WhatGoKeepsStays) {
  for (const char* name : {"README", "trim.txt", "testexpire.txt"}) WriteOld(Shared() + "/" + name);
  fs::create_directories(Shared() + "/fuzz/example.test");
  WriteOld(Shared() + "/fuzz/example.test/seed");
  // Newer versions of Go keep a program in a folder of its own.
  fs::create_directories(Shared() + "/ab/two-d");
  WriteOld(Shared() + "/ab/two-d/program");
  EXPECT_EQ(Prune(kAllIsOld, 1 << 30).gocache_foreign_files, 0);
  for (const char* name : {"README", "trim.txt", "testexpire.txt", "fuzz/example.test/seed", "ab/two-d/program"}) {
    EXPECT_TRUE(fs::exists(Shared() + "/" + name)) << name;
  }
  EXPECT_EQ(Prune(kAllIsOld).gocache_entries, 1);
  EXPECT_FALSE(fs::exists(Shared() + "/ab/two-d"));
  EXPECT_TRUE(fs::exists(Shared() + "/ab"));
}

TEST_F(GoCachePruneTest, OurOwnMarksStayWhileTheyAreEmpty) {
  std::ofstream(Shared() + "/gofarm-seeded-x86_64").close();
  WriteOld(Shared() + "/gofarm-seeded-hidden");
  EXPECT_EQ(Prune(kAllIsOld, 1 << 30).gocache_foreign_files, 1);
  EXPECT_TRUE(fs::exists(Shared() + "/gofarm-seeded-x86_64"));
  EXPECT_FALSE(fs::exists(Shared() + "/gofarm-seeded-hidden"));
}

TEST_F(GoCachePruneTest, AnEntryOfTheFutureIsAsOldAsItsLastChange) {
  WriteOld(Shared() + "/ab/one-a");
  const timespec far_off[2] = {{4'000'000'000, 0}, {4'000'000'000, 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, (Shared() + "/ab/one-a").c_str(), far_off, 0), 0);
  EXPECT_EQ(Prune(kAllIsOld).gocache_entries, 1);
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
