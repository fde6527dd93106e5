#include "cli/print.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace gofarm::cli {
namespace {

const Terminal kPipe{};
const Terminal kNarrow{.is_terminal = true, .colors = false, .columns = 40, .rows = 24};
const Terminal kColored{.is_terminal = true, .colors = true, .columns = 80, .rows = 24};

TableText Sample() {
  TableText table({{"ID", true}, {"MODULE", false, true}, {"STATE"}});
  table.Add({"7", "github.com/some/very/long/module/path@v1.2.3", {"built", Color::kGreen}});
  table.Add({"12", "short", {"failed", Color::kRed}});
  return table;
}

TEST(TableTest, PipedItIsAlignedWholeAndPlain) {
  EXPECT_EQ(Sample().Render(kPipe),
            "ID  MODULE                                        STATE\n"
            " 7  github.com/some/very/long/module/path@v1.2.3  built\n"
            "12  short                                         failed\n");
}

TEST(TableTest, OnATerminalTheWidestColumnGivesWay) {
  const std::string text = Sample().Render(kNarrow);
  EXPECT_THAT(text, ::testing::HasSubstr("github.com/some/very/long/m…  built\n"));
  for (size_t begin = 0; begin < text.size(); begin = text.find('\n', begin) + 1) {
    EXPECT_LE(DisplayWidth(std::string_view(text).substr(begin, text.find('\n', begin) - begin)), 40);
  }
}

TEST(TableTest, ColoursDoNotDisturbTheColumns) {
  EXPECT_THAT(Sample().Render(kColored), ::testing::HasSubstr("\x1b[32mbuilt\x1b[0m\n"));
}

TEST(TableTest, CellsAreEscaped) {
  TableText table({{"A"}});
  table.Add({"x\x1b[2Jy\n"});
  EXPECT_EQ(table.Render(kPipe).find('\x1b'), std::string::npos);
  EXPECT_EQ(table.Render(kPipe), "A\nx\\x1b[2Jy\\x0a\n");
}

TEST(ClipTest, CharactersAreCountedAndNotBytes) {
  EXPECT_EQ(ClipToWidth("größer", 6), "größer");
  EXPECT_EQ(ClipToWidth("größer", 4), "grö…");
  EXPECT_EQ(ClipToWidth("abc", 0), "");
}

TEST(HumanTest, SizesAndTimesAreShort) {
  EXPECT_EQ(HumanBytes(812), "812 B");
  EXPECT_EQ(HumanBytes(3'355'443), "3.2 MiB");
  EXPECT_EQ(HumanBytes(int64_t{250} << 20), "250 MiB");
  EXPECT_EQ(HumanSeconds(0.44), "0.4s");
  EXPECT_EQ(HumanSeconds(12.4), "12s");
  EXPECT_EQ(HumanSeconds(184), "3m04s");
  EXPECT_EQ(HumanSeconds(7500), "2h05m");
  EXPECT_EQ(HumanSeconds(-1), "0.0s");
}

TEST(ClipTest, WideCharactersAndMarksAreCountedAsTheTerminalShowsThem) {
  EXPECT_EQ(DisplayWidth("日本"), 4);
  EXPECT_EQ(DisplayWidth("e\u0301"), 1);
  EXPECT_EQ(ClipToWidth("日本語", 6), "日本語");
  EXPECT_EQ(ClipToWidth("日本語", 5), "日本…");
  EXPECT_EQ(ClipToWidth("日本語", 4), "日…");
}

TEST(ClipTest, NamesMayLoseTheirBeginning) {
  EXPECT_EQ(ClipFrontToWidth("github.com/a/toml@v1.6.0", 12), "…toml@v1.6.0");
  EXPECT_EQ(ClipFrontToWidth("toml", 4), "toml");
  EXPECT_EQ(ClipFrontToWidth("日本語", 4), "…語");
  EXPECT_EQ(ClipFrontToWidth("toml", 1), "…");
  EXPECT_EQ(ClipFrontToWidth("toml", 0), "");
}

TEST(ClipTest, ColoursTakeNoColumns) { EXPECT_EQ(DisplayWidth(Paint(kColored, Color::kRed, "failed")), 6); }

TEST(ClipTest, ColoursStayAndEndWithTheText) {
  const std::string failed = Paint(kColored, Color::kRed, "failed");
  EXPECT_EQ(ClipToWidth(failed, 6), failed);
  EXPECT_EQ(ClipToWidth(failed, 4), "\x1b[31mfai…\x1b[0m");
  EXPECT_EQ(ClipToWidth(failed + " job", 8), "\x1b[31mfailed\x1b[0m …");
}

TEST(DescribeTerminalTest, TheRowsAreThoseOfTheWindowHoweverFew) {
  winsize size{.ws_row = 3, .ws_col = 60, .ws_xpixel = 0, .ws_ypixel = 0};
  int ours = -1, terminal = -1;
  ASSERT_EQ(openpty(&ours, &terminal, nullptr, nullptr, &size), 0);
  EXPECT_EQ(DescribeTerminal(terminal).rows, 3);
  EXPECT_EQ(DescribeTerminal(terminal).columns, 60);
  size.ws_row = 0;
  ASSERT_EQ(ioctl(terminal, TIOCSWINSZ, &size), 0);
  EXPECT_EQ(DescribeTerminal(terminal).rows, 5) << "it does not tell them";
  close(terminal);
  close(ours);
}

}  // namespace
}  // namespace gofarm::cli
