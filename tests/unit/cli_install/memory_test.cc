#include "cli/install/memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/text.h"
#include "tests/unit/cli_install/fixture.h"

namespace gofarm::install {
namespace {

using ::testing::HasSubstr;

RememberedIndex Entry(const std::string& url, int64_t generation, int64_t used = 0) {
  return {.url = url, .key = "RWkey", .generation = generation, .used_at = absl::FromUnixSeconds(used)};
}

TEST(MemoryTest, TheGenerationOnlyGrowsWhileTheKeyStays) {
  Memory memory;
  memory.Put(Entry("http://a/index", 7));
  memory.Put(Entry("http://a/index", 5));
  EXPECT_EQ(memory.Find("http://a/index")->generation, 7);
  RememberedIndex other = Entry("http://a/index", 1);
  other.key = "RWother";
  memory.Put(other);
  EXPECT_EQ(memory.Find("http://a/index")->generation, 1);
  EXPECT_EQ(memory.indexes.size(), 1u);
  EXPECT_EQ(memory.Find("http://b/index"), nullptr);
}

TEST(MemoryTest, UseAloneIsNotedOnceADay) {
  Memory memory;
  memory.Put(Entry("http://a/index", 7, 1000));
  memory.Put(Entry("http://a/index", 7, 2000));
  EXPECT_EQ(memory.indexes[0].used_at, absl::FromUnixSeconds(1000));
  memory.Put(Entry("http://a/index", 8, 3000));
  EXPECT_EQ(memory.indexes[0].used_at, absl::FromUnixSeconds(3000));
  memory.Put(Entry("http://a/index", 8, 3000 + 24 * 3600));
  EXPECT_EQ(memory.indexes[0].used_at, absl::FromUnixSeconds(3000 + 24 * 3600));
}

TEST(MemoryTest, WhatWasUsedLongestAgoGoesButNotTheUsualOne) {
  Memory memory{.usual = "http://0/index"};
  for (int i = 0; i < static_cast<int>(kIndexesMax) + 2; ++i) memory.Put(Entry(Cat("http://", i, "/index"), 1, i));
  EXPECT_EQ(memory.indexes.size(), kIndexesMax);
  EXPECT_NE(memory.Find("http://0/index"), nullptr);
  EXPECT_EQ(memory.Find("http://1/index"), nullptr);
  EXPECT_EQ(memory.Find("http://2/index"), nullptr);
  EXPECT_NE(memory.Find("http://3/index"), nullptr);
}

TEST(MemoryTest, WhatIsWrittenIsReadAgainAndIsPrivate) {
  const io::ScratchFolder folder = MakeScratch();
  const std::string path = MemoryFile(folder.path() + "/config");
  EXPECT_EQ(ReadMemory(path).value(), Memory{});
  RememberedIndex entry = Entry("http://a/index", 3, 100);
  entry.followed = {"RWnext"};
  entry.ended = {"RWold"};
  entry.builder = "urn:x";
  entry.keys = {{.kind = "provenance", .public_key = "PEM", .since = absl::UnixEpoch()}};
  const auto put = [&](Memory& memory) {
    memory.usual = entry.url;
    memory.Put(entry);
  };
  ASSERT_TRUE(ChangeMemory(Scope::For(absl::Seconds(5)), path, put).ok());
  const Memory memory = ReadMemory(path).value();
  EXPECT_EQ(memory.usual, "http://a/index");
  ASSERT_EQ(memory.indexes.size(), 1u);
  EXPECT_EQ(memory.indexes[0], entry);
  EXPECT_EQ(std::filesystem::status(path).permissions(), std::filesystem::perms(0600));
}

TEST(MemoryTest, AFileOfAReleaseThatKnewNoEndedKeysIsRead) {
  const io::ScratchFolder folder = MakeScratch();
  const std::string path = MemoryFile(folder.path());
  const std::string text = R"({"format": 1, "usual": "http://a/index", "indexes": [{"url": "http://a/index",
      "key": "RWkey", "followed": ["RWnext"], "generation": 3, "builder": "", "keys": []}]})";
  ASSERT_TRUE(io::WriteFileAtomic(path, text).ok());
  const absl::StatusOr<Memory> memory = ReadMemory(path);
  ASSERT_TRUE(memory.ok()) << memory.status();
  ASSERT_EQ(memory->indexes.size(), 1u);
  EXPECT_EQ(memory->indexes[0].generation, 3);
  EXPECT_EQ(memory->indexes[0].followed, std::vector<std::string>{"RWnext"});
  EXPECT_TRUE(memory->indexes[0].ended.empty());
}

TEST(MemoryTest, WhatCannotBeUnderstoodIsNotPassedOver) {
  const io::ScratchFolder folder = MakeScratch();
  const std::string path = MemoryFile(folder.path());
  for (const std::string text : {"", "[]", "{\"format\": 2}", "\xff"}) {
    ASSERT_TRUE(io::WriteFileAtomic(path, text).ok());
    EXPECT_TRUE(absl::IsFailedPrecondition(ReadMemory(path).status())) << text;
    EXPECT_FALSE(ChangeMemory(Scope::For(absl::Seconds(5)), path, [](Memory&) {}).ok());
  }
  ASSERT_TRUE(io::WriteFileAtomic(path, std::string(kMemoryBytesMax + 1, ' ')).ok());
  EXPECT_FALSE(ReadMemory(path).ok());
}

TEST(MemoryTest, ATurnThatDoesNotComeIsAnError) {
  const io::ScratchFolder folder = MakeScratch();
  const std::string path = MemoryFile(folder.path());
  const auto other = io::FileLock::TryAcquire(path + ".lock");
  ASSERT_TRUE(other.ok());
  EXPECT_TRUE(
      absl::IsUnavailable(ChangeMemory(Scope::For(absl::Milliseconds(50)), path, [](Memory& m) { m.usual = "x"; })));
}

}  // namespace
}  // namespace gofarm::install
