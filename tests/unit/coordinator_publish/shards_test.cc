#include "coordinator/publish/shards.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "common/base/text.h"
#include "common/publish/versions.h"

namespace gofarm::publish {
namespace {

std::vector<ShardItem> ManyVersions(int count) {
  std::vector<ShardItem> items;
  for (int i = 0; i < count; ++i) {
    for (const std::string host : {"x86_64-Linux", "riscv64-Linux"}) {
      items.push_back(
          {.module = "github.com/a/b",
           .version = Cat("v1.", i, ".0"),
           .path = "github.com/a/b/cmd/x",
           .name = "x",
           .target = {.host = host, .size = i + 1, .sha256 = std::string(64, 'a'), .url = "https://e.org/x"}});
    }
  }
  return items;
}

std::vector<const ShardItem*> Pointers(const std::vector<ShardItem>& items) {
  std::vector<const ShardItem*> out;
  for (const ShardItem& item : items) out.push_back(&item);
  return out;
}

TEST(ShardJsonTest, TheSameWhateverTheOrder) {
  const std::vector<ShardItem> items = ManyVersions(10);
  std::vector<const ShardItem*> pointers = Pointers(items);
  const std::string once = ShardJson("4f", pointers);
  std::shuffle(pointers.begin(), pointers.end(), std::mt19937_64(std::random_device()()));
  EXPECT_EQ(ShardJson("4f", pointers), once);
  const LookupShard shard = ReadShard(once, "4f").value();
  ASSERT_EQ(shard.modules.size(), 1u);
  EXPECT_EQ(shard.modules[0].versions[0].version, "v1.9.0");
  EXPECT_EQ(shard.modules[0].versions[0].programs[0].targets.size(), 2u);
}

// The form is written by hand here and by its fields on the other side.
TEST(ShardJsonTest, EveryFieldIsReadAgain) {
  const ShardItem item{.module = "github.com/a/b",
                       .version = "v1.0.0",
                       .path = "github.com/a/b/cmd/x",
                       .name = "x\"",
                       .target = {.host = "x86_64-Linux",
                                  .size = 77,
                                  .sha256 = "5a",
                                  .url = "https://e.org/x",
                                  .provenance_url = "https://e.org/p",
                                  .reproduced = "true"}};
  const LookupShard shard{
      .shard = "4f",
      .modules = {{.module = item.module,
                   .versions = {{.version = item.version,
                                 .programs = {{.path = item.path, .name = item.name, .targets = {item.target}}}}}}}};
  LookupShard read;
  ASSERT_TRUE(json::Read(ShardJson("4f", {&item}), json::Rule::kStrict, read).ok());
  EXPECT_EQ(read, shard);
}

TEST(ShardJsonTest, AnEmptyShardSaysThatItIsEmpty) {
  const LookupShard shard = ReadShard(ShardJson("00", {}), "00").value();
  EXPECT_TRUE(shard.modules.empty());
}

TEST(ShardJsonTest, OldVersionsAreLeftOutWhereItWouldBeTooMuch) {
  const std::vector<ShardItem> items = ManyVersions(200);
  const LookupShard shard = ReadShard(ShardJson("4f", Pointers(items)), "4f").value();
  EXPECT_EQ(shard.modules[0].versions.size(), kShardVersionsMax);
  const std::string small = ShardJson("4f", Pointers(items), 10'000);
  EXPECT_LE(small.size(), 10'000u);
  const LookupShard cut = ReadShard(small, "4f").value();
  EXPECT_GE(cut.modules[0].versions.size(), 1u);
  EXPECT_EQ(cut.modules[0].versions[0].version, "v1.199.0");
}

}  // namespace
}  // namespace gofarm::publish
