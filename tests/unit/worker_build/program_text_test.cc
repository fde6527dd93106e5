// What a program prints becomes text that neither a page nor a terminal can be harmed by.
#include "worker/build/program_text.h"

#include <gtest/gtest.h>

#include <string>

#include "common/base/text.h"

namespace gofarm::build {
namespace {

std::string Text(std::string_view output) { return ProgramText(output, "", ""); }

TEST(ProgramTextTest, PlainTextStaysAsItIs) {
  EXPECT_EQ(Text("hey v0.1.5"), "hey v0.1.5");
  EXPECT_EQ(Text("Usage:\n\n  -n  Zahl der Anfragen (größer als 0)\n\tx\n"),
            "Usage:\n\n  -n  Zahl der Anfragen (größer als 0)\n\tx");
  EXPECT_EQ(Text(""), "");
}

TEST(ProgramTextTest, BlanksAroundItAreGone) {
  EXPECT_EQ(Text("\n \n  first  \t\nlast \n\n\n"), "  first\nlast");
  EXPECT_EQ(Text(" \n\t\n "), "");
}

TEST(ProgramTextTest, LinesOfEveryKindEndInANewline) { EXPECT_EQ(Text("a\r\nb\rc\r"), "a\nb\nc"); }

TEST(ProgramTextTest, TerminalSequencesAreRemovedWhole) {
  EXPECT_EQ(Text("\x1b[1;31mred\x1b[0m"), "red");
  EXPECT_EQ(Text("\x1b[?25l\x1b[2Kx\x1b(B\x1b=y"), "xy");
  EXPECT_EQ(Text("\x1b]0;title\x07name"), "name");
  EXPECT_EQ(Text("\x1b]8;;https://example.com\x1b\\link\x1b]8;;\x1b\\"), "link");
  EXPECT_EQ(Text("\x1bP1$r0m\x1b\\x"), "x");
  EXPECT_EQ(Text("\xc2\x9b"
                 "31mred"),
            "red")
      << "the same as one character of C1";
  EXPECT_EQ(Text("\xc2\x9d"
                 "0;title\xc2\x9cname"),
            "name");
}

TEST(ProgramTextTest, ASequenceThatNeverEndsTakesNoMoreThanItsLine) {
  EXPECT_EQ(Text("a\x1b]0;title\nb"), "a\nb");
  EXPECT_EQ(Text("a\x1b["), "a");
  EXPECT_EQ(Text("a\x1b"), "a");
  EXPECT_EQ(Text("a\x1b[31\nb"), "a\nb");
}

TEST(ProgramTextTest, ControlAndHiddenCharactersAreRemoved) {
  EXPECT_EQ(Text(std::string_view("a\0b\x7f\x01"
                                  "c",
                                  6)),
            "abc");
  EXPECT_EQ(Text("a\xe2\x80\xae"
                 "b\xe2\x80\x8b"
                 "c"),
            "abc")
      << "a direction override and a zero-width blank";
}

TEST(ProgramTextTest, OverstruckLettersStandOnce) {
  EXPECT_EQ(Text("N\bNA\bAM\bME\bE"), "NAME");
  EXPECT_EQ(Text("_\b\xc3\xa4"), "\xc3\xa4");
  EXPECT_EQ(Text("\xc3\xa4\bx"), "x");
  EXPECT_EQ(Text("a\n\b\b\bb"), "a\nb") << "not beyond its line";
}

TEST(ProgramTextTest, WhatIsNoUtf8IsRepaired) {
  EXPECT_EQ(Text("a\xff\xc3(b"), "a\xef\xbf\xbd\xef\xbf\xbd(b");
  EXPECT_EQ(Text("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

TEST(ProgramTextTest, WhereItLayBecomesItsName) {
  EXPECT_EQ(ProgramText("Usage of /out/hey:\n  /out/hey URL", "/out/hey", "hey"), "Usage of hey:\n  hey URL");
}

TEST(ProgramTextTest, ItIsBoundedAndWhatComesOutIsFitToBePrinted) {
  std::string wild;
  for (int i = 0; i < 1 << 20; ++i) wild += static_cast<char>(i * 7 + i / 251);
  const std::string text = Text(wild);
  EXPECT_LE(text.size(), kProgramTextBytesMax);
  EXPECT_GT(text.size(), kProgramTextBytesMax / 2);
  EXPECT_EQ(EscapeForPrint(text, /*keep_newlines=*/true), text);
  EXPECT_EQ(ProgramText("\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4", "", "", 6), "\xc3\xa4...");
}

}  // namespace
}  // namespace gofarm::build
