#include "common/publish/generation.h"

#include <gtest/gtest.h>

#include <string>

namespace gofarm::publish {
namespace {

const absl::Time kTime = absl::FromCivil(absl::CivilSecond(2026, 11, 30, 9, 40, 30), absl::UTCTimeZone());

TEST(GenerationTest, TheCommentSaysNumberTimeAndFile) {
  const SignedAs signed_as{.generation = {.number = 17, .time = kTime}, .file = "shards/4f.json"};
  const std::string comment = TrustedComment(signed_as);
  EXPECT_EQ(comment, "gofarm index generation=17 time=2026-11-30T09:40:30Z file=shards/4f.json");
  const SignedAs read = ParseTrustedComment(comment).value();
  EXPECT_EQ(read.generation.number, 17);
  EXPECT_EQ(read.generation.time, kTime);
  EXPECT_EQ(read.file, "shards/4f.json");
}

TEST(GenerationTest, OtherCommentsAreRefused) {
  for (const std::string text :
       {"", "timestamp:1764495630\tfile:index.json", "gofarm index generation=17 time=2026-11-30T09:40:30Z",
        "gofarm index generation=-1 time=2026-11-30T09:40:30Z file=a",
        "gofarm index generation=017 time=2026-11-30T09:40:30Z file=a",
        "gofarm index generation=99999999999999999999 time=2026-11-30T09:40:30Z file=a",
        "gofarm index generation=1 time=yesterday file=a",
        "gofarm index generation=1 time=2026-11-30T09:40:30Z file=../a",
        "gofarm index generation=1 time=2026-11-30T09:40:30Z file=a extra",
        "gofarm index generation=1  time=2026-11-30T09:40:30Z file=a"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseTrustedComment(text).status())) << text;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(ParseTrustedComment(std::string(10'000, 'x')).status()));
}

TEST(GenerationTest, FilesHaveNamesThatStayBelowTheirFolder) {
  EXPECT_TRUE(IsIndexFile("x86_64-Linux-2026.2.json.zst"));
  EXPECT_TRUE(IsIndexFile("shards/00.json"));
  for (const std::string name : {"", ".", "..", "../a", "a/../b", "/a", "a/", "a/b/c", "a b", ".hidden", "a\\b"}) {
    EXPECT_FALSE(IsIndexFile(name)) << name;
  }
  EXPECT_FALSE(IsIndexFile(std::string(300, 'a')));
}

}  // namespace
}  // namespace gofarm::publish
