#include "common/base/clean_text.h"

#include <gtest/gtest.h>

#include <string>

namespace gofarm {
namespace {

TEST(CleanTextTest, RunsOfWhatIsNotShownBecomeOneBlank) {
  EXPECT_EQ(CleanText("  a \t\r\n b\x1b[2Jc  ", 100), "a b [2Jc");
  EXPECT_EQ(CleanText(std::string("a\0b\xff\xfe c", 8), 100), "a b c");
  EXPECT_EQ(CleanText("gr\xc3\xbc\xc3\x9f\xe2\x80\xae dich", 100), "gr\xc3\xbc\xc3\x9f dich");
  EXPECT_EQ(CleanText("\n \x7f", 100), "");
  EXPECT_EQ(CleanText("", 100), "");
}

TEST(CleanTextTest, LongTextsAreCut) {
  EXPECT_EQ(CleanText("abcdef", 6), "abcdef");
  EXPECT_EQ(CleanText("abcdefg", 6), "abc...");
  EXPECT_EQ(CleanText("ab cd ef gh", 8), "ab cd...");
  EXPECT_EQ(CleanText(std::string(10 << 20, 'a'), 10), "aaaaaaa...");
  EXPECT_EQ(CleanText("\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4", 6), "\xc3\xa4...");
}

}  // namespace
}  // namespace gofarm
