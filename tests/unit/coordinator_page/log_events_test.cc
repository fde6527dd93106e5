#include "coordinator/page/log_events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/base/text.h"

namespace gofarm::page {
namespace {

using ::testing::StartsWith;

TEST(LogEventsTest, AnEventHasItsNextOffsetAndItsTextInOneLine) {
  AnsiReader reader;
  EXPECT_EQ(LogEvent(reader, "one\n\x1b[31m\"two\"\n", 17),
            "id: 17\ndata: [[\"\",\"one\\n\"],[\"red\",\"\\\"two\\\"\\n\"]]\n\n");
  EXPECT_EQ(LogEvent(reader, "x", 18), "id: 18\ndata: [[\"red\",\"x\"]]\n\n") << "the colour goes on";
}

TEST(LogEventsTest, NoTextCanEndAnEventOrBeginAnother) {
  AnsiReader reader;
  const std::string event = LogEvent(reader, "a\n\nevent: end\nid: 0\ndata: x\r\n\rretry: 1\n\u2028b", 5);
  EXPECT_THAT(event, StartsWith("id: 5\ndata: [["));
  EXPECT_EQ(event.find('\n', event.find("data: ")), event.size() - 2) << event;
  EXPECT_EQ(event.find('\r'), std::string::npos);
}

TEST(LogEventsTest, NoLogBecomesMoreThanEightTimesAsLong) {
  std::string colourful = "\x1b[1;2;3;4m", control(30'000, '\x01'), quotes(30'000, '"');
  for (int i = 0; i < 5'000; ++i) colourful += i % 2 == 0 ? "\x1b[35mx" : "\x1b[36mx";
  for (const std::string& log : {colourful, control, quotes}) {
    AnsiReader reader;
    EXPECT_LT(LogEvent(reader, log, 1).size(), 8 * log.size());
  }
}

TEST(LogEventsTest, TheEndSaysWhereItIs) { EXPECT_EQ(EndEvent(42), "event: end\nid: 42\ndata: []\n\n"); }

TEST(LogEventsTest, OfALogThatGrowsWholeLinesAreShown) {
  EXPECT_EQ(ShownBytes("one\ntwo", false), 4u);
  EXPECT_EQ(ShownBytes("one\ntwo", true), 7u);
  EXPECT_EQ(ShownBytes("one", false), 0u);
  EXPECT_EQ(ShownBytes("", false), 0u);
  EXPECT_EQ(ShownBytes("", true), 0u);
}

TEST(LogEventsTest, ALineThatIsTooLongIsCutBetweenCharacters) {
  const std::string line(kLogLineMax + 1, 'x');
  EXPECT_EQ(ShownBytes(line, false), line.size());
  EXPECT_EQ(ShownBytes(line.substr(1), false), 0u);
  EXPECT_EQ(ShownBytes(Cat(line, "\xE2\x82"), false), line.size());
  EXPECT_EQ(ShownBytes(Cat("a\n", line, "\xE2"), false), line.size() + 2);
}

}  // namespace
}  // namespace gofarm::page
