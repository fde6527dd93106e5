#include "cli/follow.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

namespace gofarm::cli {
namespace {

TEST(LineEscaperTest, CharactersThatAreCutInTwoStayWhole) {
  std::string out;
  LineEscaper lines([&](std::string_view text) { out += text; });
  lines.Add("na\xc3");
  EXPECT_EQ(out, "");
  lines.Add("\xafve\nnext");
  EXPECT_EQ(out, "na\xc3\xafve\n");
  lines.Finish();
  EXPECT_EQ(out, "na\xc3\xafve\nnext\n");
}

TEST(LineEscaperTest, TerminalCommandsAreShownAndNotObeyed) {
  std::string out;
  LineEscaper lines([&](std::string_view text) { out += text; });
  lines.Add("\x1b]0;title\x07\n");
  EXPECT_EQ(out.find('\x1b'), std::string::npos);
  EXPECT_THAT(out, ::testing::HasSubstr("title"));
}

TEST(LineEscaperTest, ALineWithoutEndIsPrintedInPieces) {
  size_t printed = 0;
  LineEscaper lines([&](std::string_view text) { printed += text.size(); });
  for (int i = 0; i < 100; ++i) lines.Add(std::string(4096, 'x'));
  EXPECT_GT(printed, 300'000u);
}

TEST(PrintFilesTest, SeveralFilesStandUnderTheirNames) {
  const std::string one = ::testing::TempDir() + "/gofarm-follow-1", two = ::testing::TempDir() + "/gofarm-follow-2";
  std::ofstream(one) << "first\n";
  std::ofstream(two) << "second\nlast";
  std::string out;
  const auto print = [&](std::string_view text) { out += text; };
  ASSERT_TRUE(PrintFiles({one, two}, false, print).ok());
  EXPECT_EQ(out, "==> " + one + " <==\nfirst\n==> " + two + " <==\nsecond\nlast\n");
  out.clear();
  ASSERT_TRUE(PrintFiles({one}, false, print).ok());
  EXPECT_EQ(out, "first\n");
  EXPECT_EQ(PrintFiles({"/no/such/log"}, false, print).code(), absl::StatusCode::kNotFound);
  std::remove(one.c_str());
  std::remove(two.c_str());
}

}  // namespace
}  // namespace gofarm::cli
