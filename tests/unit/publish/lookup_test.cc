#include "common/publish/lookup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/base/text.h"

namespace gofarm::publish {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

constexpr char kHost[] = "x86_64-Linux";

LookupProgram Program(const std::string& path, const std::string& name, const std::vector<std::string>& hosts) {
  LookupProgram program{.path = path, .name = name};
  for (const std::string& host : hosts)
    program.targets.push_back({.host = host, .size = 10, .sha256 = Cat(path, host)});
  return program;
}

LookupShard AgeShard() {
  LookupShard shard{.shard = ShardOf("filippo.io/age")};
  const LookupProgram age = Program("filippo.io/age/cmd/age", "age", {kHost, "riscv64-Linux"});
  const LookupProgram keygen = Program("filippo.io/age/cmd/age-keygen", "age-keygen", {kHost});
  const LookupProgram old = Program("filippo.io/age/cmd/old", "old", {kHost});
  shard.modules = {{.module = "filippo.io/age",
                    .versions = {{.version = "v1.3.2", .programs = {age, keygen}},
                                 {.version = "v1.2.0", .programs = {age, keygen, old}}}},
                   {.module = "filippo.io/age/cmd", .versions = {{.version = "v0.1.0", .programs = {}}}}};
  return shard;
}

absl::StatusOr<Resolved> Ask(std::string_view address, std::string_view host = kHost) {
  return Resolve({AgeShard()}, ParseAddress(address).value(), host);
}

TEST(ShardTest, AllModulesOfARepositoryShareOne) {
  EXPECT_EQ(ShardOf("github.com/a/b"), ShardOf("github.com/a/b/sub/v2"));
  EXPECT_EQ(ShardOf("filippo.io/age"), ShardOf("filippo.io/age/extra"));
  EXPECT_EQ(ShardFile("4f"), "shards/4f.json");
}

TEST(ShardTest, TheShardOfAProgramIsThatOfItsModule) {
  for (const std::string module :
       {"github.com/a/b", "github.com/a/b/v2", "filippo.io/age", "example.com", "gopkg.in/x.v2"}) {
    for (const std::string below : {"", "/cmd/x", "/x"}) {
      EXPECT_THAT(ShardsOfAddress(module + below), Contains(ShardOf(module))) << module << below;
    }
  }
}

TEST(ShardTest, WhatIsWrittenIsReadAgain) {
  const LookupShard shard = AgeShard();
  EXPECT_EQ(ReadShard(json::Write(shard), shard.shard).value(), shard);
}

TEST(ShardTest, WrongDocumentsAreRefused) {
  LookupShard shard = AgeShard();
  EXPECT_TRUE(absl::IsInvalidArgument(ReadShard(json::Write(shard), "zz").status()));
  shard.format = 2;
  EXPECT_TRUE(absl::IsInvalidArgument(ReadShard(json::Write(shard), shard.shard).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ReadShard("{}", shard.shard).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ReadShard("<html>", shard.shard).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ReadShard("[]", shard.shard).status()));
  EXPECT_TRUE(absl::IsResourceExhausted(ReadShard(std::string(kShardBytesMax + 1, ' '), shard.shard).status()));
}

TEST(ResolveTest, TheNewestVersionAndTheProgramMeant) {
  const Resolved found = Ask("filippo.io/age").value();
  EXPECT_EQ(found.version, "v1.3.2");
  EXPECT_EQ(found.name, "age");
  EXPECT_EQ(found.target.sha256, "filippo.io/age/cmd/agex86_64-Linux");
  EXPECT_EQ(Ask("filippo.io/age/cmd/age-keygen@1.2")->version, "v1.2.0");
}

TEST(ResolveTest, AProgramThatWentAwayIsTheLastVersionThatHadIt) {
  EXPECT_EQ(Ask("filippo.io/age/cmd/old")->version, "v1.2.0");
  EXPECT_TRUE(absl::IsNotFound(Ask("filippo.io/age/cmd/old@v1.3.2").status()));
}

TEST(ResolveTest, OnlyWhatIsThereForTheHostCounts) {
  EXPECT_EQ(Ask("filippo.io/age", "riscv64-Linux")->name, "age");
  EXPECT_TRUE(absl::IsNotFound(Ask("filippo.io/age/cmd/age-keygen", "riscv64-Linux").status()));
  EXPECT_THAT(std::string(Ask("filippo.io/age", "loongarch64-Linux").status().message()),
              HasSubstr("but for: riscv64-Linux, x86_64-Linux"));
}

TEST(ResolveTest, TheUnknownIsNotFoundAndSaysWhatThereIs) {
  EXPECT_TRUE(absl::IsNotFound(Ask("github.com/no/such").status()));
  EXPECT_THAT(std::string(Ask("filippo.io/age@v9").status().message()), HasSubstr("v1.3.2, v1.2.0"));
  EXPECT_THAT(std::string(Ask("filippo.io/age/tools/none").status().message()), HasSubstr("filippo.io/age/cmd/old"));
}

}  // namespace
}  // namespace gofarm::publish
