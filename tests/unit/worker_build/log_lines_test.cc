// Output of a sandbox as log lines: whole, tagged, escaped, bounded.
#include "worker/build/log_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/text.h"

namespace gofarm::build {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

struct Collected {
  std::string text;
  LogLines lines{"build/install", [this](std::string_view out) { text += out; }};
};

TEST(LogLinesTest, ALineIsTaggedOnceItIsWhole) {
  Collected c;
  c.lines.Feed("# example.com/m");
  EXPECT_EQ(c.text, "");
  c.lines.Feed("/lib\nl.go:2:23: undefined: z\nrest");
  EXPECT_EQ(c.text, "build/install| # example.com/m/lib\nbuild/install| l.go:2:23: undefined: z\n");
  c.lines.Finish();
  EXPECT_THAT(c.text, EndsWith("build/install| rest\n"));
  c.lines.Finish();
  EXPECT_THAT(c.text, EndsWith("undefined: z\nbuild/install| rest\n"));
}

TEST(LogLinesTest, EmptyLinesStay) {
  Collected c;
  c.lines.Feed("\n\r\nx\r\n");
  EXPECT_EQ(c.text, "build/install| \nbuild/install| \nbuild/install| x\n");
}

TEST(LogLinesTest, ControlCharactersReachNoTerminal) {
  Collected c;
  c.lines.Feed("\x1b[2Jfake\x07 \xff\n");
  EXPECT_EQ(c.text, "build/install| \\x1b[2Jfake\\x07 \\xff\n");
}

TEST(LogLinesTest, AnEndlessLineIsCutAndCounted) {
  Collected c;
  const std::string part(10'000, 'a');
  for (int i = 0; i < 10; ++i) c.lines.Feed(part);
  c.lines.Feed("\nnext\n");
  EXPECT_THAT(c.text, HasSubstr("... (83616 bytes more)\nbuild/install| next\n"));
  EXPECT_LT(c.text.size(), kLogLineMax + 100);
  EXPECT_EQ(c.lines.raw_bytes(), 100'006);
}

TEST(StepLogTest, AStepThatOnlyCountsOnGetsALineEveryTenSeconds) {
  StepLog log;
  absl::Time now = absl::FromUnixSeconds(1'000'000);
  int lines = 0;
  for (int mib = 0; mib < 400; ++mib, now += absl::Milliseconds(100)) {
    lines += log.IsNews(Cat("waits for toolchains: downloading go 1.26.8, ", mib, " MiB"), now) ? 1 : 0;
  }
  EXPECT_EQ(lines, 4) << "40 seconds";
}

TEST(StepLogTest, OtherWordsAndOtherVersionsAreNewsAtOnce) {
  StepLog log;
  const absl::Time now = absl::FromUnixSeconds(1'000'000);
  EXPECT_TRUE(log.IsNews("downloading go 1.26.8", now));
  EXPECT_FALSE(log.IsNews("downloading go 1.26.8", now + absl::Minutes(1))) << "the same again";
  EXPECT_TRUE(log.IsNews("downloading go 1.25.3", now));
  EXPECT_TRUE(log.IsNews("std, package 12", now));
  EXPECT_FALSE(log.IsNews("std, package 13", now));
  EXPECT_TRUE(log.IsNews("linking", now));
}

TEST(LogLinesTest, KeepsAllOfAShortTry) {
  Collected c;
  c.lines.Feed("one\ntwo\n");
  EXPECT_EQ(c.lines.Kept(), "one\ntwo\n");
}

TEST(LogLinesTest, NothingIsLeftOutBeforeTheTailIsTwiceItsSize) {
  Collected c;
  const std::string line = Cat(std::string(999, 'x'), "\n");
  const size_t lines = (kKeptHeadMax + 2 * kKeptTailMax) / line.size() - 2;
  for (size_t i = 0; i < lines; ++i) c.lines.Feed(line);
  EXPECT_EQ(c.lines.Kept().size(), lines * line.size());
}

TEST(LogLinesTest, KeepsHeadAndTailOfALongOne) {
  Collected c;
  c.lines.Feed("first error\n");
  const std::string line = Cat(std::string(999, 'x'), "\n");
  for (int i = 0; i < 20'000; ++i) c.lines.Feed(line);
  c.lines.Feed("last error\n");
  const std::string kept = c.lines.Kept();
  EXPECT_THAT(kept, StartsWith("first error\n"));
  EXPECT_THAT(kept, EndsWith("last error\n"));
  EXPECT_THAT(kept, HasSubstr(" bytes left out)\n"));
  EXPECT_LE(kept.size(), kKeptHeadMax + 2 * kKeptTailMax + 100);
  EXPECT_EQ(c.lines.raw_bytes(), 20'000'023);
}

}  // namespace
}  // namespace gofarm::build
