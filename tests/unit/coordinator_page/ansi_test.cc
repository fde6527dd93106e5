// A hostile log gives text and class names, and nothing else.
#include "coordinator/page/ansi.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>

#include "absl/strings/str_split.h"
#include "common/base/text.h"

namespace gofarm::page {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::string_view kReplaced = "\xEF\xBF\xBD";

std::vector<LogRun> Read(std::string_view text) { return AnsiReader().Read(text); }
std::string TextOf(std::string_view text) {
  std::string out;
  for (const LogRun& run : Read(text)) out += run.text;
  return out;
}

TEST(AnsiTest, ColoursBecomeClasses) {
  EXPECT_THAT(
      Read("plain \x1b[31mred\x1b[1m both\x1b[0m plain\n"),
      ElementsAre(LogRun{"", "plain "}, LogRun{"red", "red"}, LogRun{"red bold", " both"}, LogRun{"", " plain\n"}));
  EXPECT_THAT(Read("\x1b[93mx\x1b[39;2;3;4my\x1b[22;23;24mz"),
              ElementsAre(LogRun{"yellow bold", "x"}, LogRun{"faint italic underlined", "y"}, LogRun{"", "z"}));
  EXPECT_THAT(Read("\x1b[38;5;2mx\x1b[38;5;200my\x1b[38;2;1;2;31mz\x1b[48;5;1mb"),
              ElementsAre(LogRun{"green", "x"}, LogRun{"", "yzb"}));
  EXPECT_THAT(Read("\x1b[32mx\x1b[my"), ElementsAre(LogRun{"green", "x"}, LogRun{"", "y"}));
}

TEST(AnsiTest, AColourThatAWorkerWroteOutCounts) {
  EXPECT_THAT(Read(R"(build| \x1b[1;31merror\x1b[0m: x)"
                   "\n"),
              ElementsAre(LogRun{"", "build| "}, LogRun{"red bold", "error"}, LogRun{"", ": x\n"}));
  EXPECT_THAT(Read(EscapeForPrint("\x1b[32mx\x1b[my")), ElementsAre(LogRun{"green", "x"}, LogRun{"", "y"}))
      << "as workers write it";
}

TEST(AnsiTest, NothingElseThatIsWrittenOutCounts) {
  for (const char* text : {R"(a\x1b[2Jb)", R"(a\x1b]0;t\x07b)", R"(a\x1b[31)", R"(a\x1b[31 mb)", R"(\x1b)", R"(C:\m\)",
                           R"(\\x1b)", R"(\x1B[31mx)"}) {
    EXPECT_THAT(Read(text), ElementsAre(LogRun{"", text}));
  }
}

TEST(AnsiTest, AColourGoesOnInTheNextText) {
  AnsiReader reader;
  (void)reader.Read("\x1b[35mone\n");
  EXPECT_THAT(reader.Read("two"), ElementsAre(LogRun{"magenta", "two"}));
}

TEST(AnsiTest, OtherSequencesAreLeftOut) {
  EXPECT_EQ(TextOf("a\x1b[2Jb\x1b[10;20Hc\x1b[?25ld"), "abcd");
  EXPECT_EQ(TextOf("a\x1b]0;title\ab\x1b]8;;https://evil.example\x1b\\c"), "abc");
  EXPECT_EQ(TextOf("a\x1b(Bb\x1b=c"), "abc");
  EXPECT_EQ(TextOf("a\x1bPdata\x1b\\b"), "ab");
}

TEST(AnsiTest, AStringEndsWhereAnotherSequenceBegins) {
  EXPECT_EQ(TextOf("\x1b]a\x1b[31mb\x1b\\c"), "abc") << "what is looked at for one is not looked at for the next";
  std::string many;
  for (int i = 0; i < 100; ++i) many += "\x1b]";
  EXPECT_EQ(TextOf(many + "x\a"), "") << "the last one is whole";
  EXPECT_EQ(TextOf(many + "x\n"), "x\n");
}

TEST(AnsiTest, WhatIsCutOrNoSequenceHasNoEffect) {
  EXPECT_EQ(TextOf("a\x1b"), "a");
  EXPECT_EQ(TextOf("a\x1b["), "a");
  EXPECT_EQ(TextOf("a\x1b[31"), "a");
  EXPECT_EQ(TextOf("a\x1b]never ended\nb"), "anever ended\nb") << "a line is not swallowed by one before";
  EXPECT_EQ(TextOf(Cat("\x1b]", std::string(2 * kControlStringMax, 'x'), "\a")).size(),
            2 * kControlStringMax + kReplaced.size());
  EXPECT_EQ(TextOf("\x1b[99999999999999999999mx"), "x");
}

TEST(AnsiTest, ControlCharactersAndBrokenTextAreSeenAndDoNothing) {
  EXPECT_EQ(TextOf(std::string_view("a\0b\x07\xff\u202e", 8)),
            Cat("a", kReplaced, "b", kReplaced, kReplaced, kReplaced));
  EXPECT_EQ(TextOf("one\r\ntwo\tx\n"), "one\ntwo\tx\n");
  EXPECT_EQ(TextOf("<script>alert(1)</script>"), "<script>alert(1)</script>") << "escaped by who writes HTML";
  EXPECT_THAT(Read(""), IsEmpty());
}

TEST(AnsiTest, AnyBytesGiveKnownClassesAndText) {
  const std::set<std::string> known = {"",     "black", "red",  "green", "yellow", "blue",      "magenta",
                                       "cyan", "white", "bold", "faint", "italic", "underlined"};
  const unsigned seed = std::random_device()();
  std::mt19937 random(seed);
  SCOPED_TRACE(Cat("seed ", seed));
  constexpr std::string_view kOften = "\x1b[]0123456789;mHJ\a\\\n <&é";
  for (int i = 0; i < 2'000; ++i) {
    std::string text;
    for (int n = 0; n < 60; ++n) {
      text += random() % 4 == 0 ? static_cast<char>(random()) : kOften[random() % kOften.size()];
    }
    for (const LogRun& run : Read(text)) {
      for (const absl::string_view name : absl::StrSplit(run.classes, ' ')) {
        ASSERT_TRUE(known.contains(std::string(name))) << name;
      }
      ASSERT_EQ(run.text.find('\x1b'), std::string::npos);
      ASSERT_EQ(run.text.find('\r'), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace gofarm::page
