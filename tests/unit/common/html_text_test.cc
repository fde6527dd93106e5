#include "common/base/html_text.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "common/base/text.h"

namespace gofarm {
namespace {

constexpr std::string_view kReplaced = "\xEF\xBF\xBD";

TEST(EscapeHtmlTest, MarkupBecomesReferences) {
  EXPECT_EQ(EscapeHtml("<a b='c' d=\"e\">&amp;"), "&lt;a b=&#39;c&#39; d=&quot;e&quot;&gt;&amp;amp;");
}

TEST(EscapeHtmlTest, WhatIsNoTextIsSeenAndDoesNothing) {
  EXPECT_EQ(EscapeHtml(std::string_view("a\0b\x1b[2Jc\x7f", 9)),
            Cat("a", kReplaced, "b", kReplaced, "[2Jc", kReplaced));
  // Bidi override, isolate, zero width space, byte order mark.
  for (const char* hidden : {"\u202e", "\u2066", "\u200b", "\ufeff", "\u0085"})
    EXPECT_EQ(EscapeHtml(hidden), kReplaced);
  // Noncharacters.
  EXPECT_EQ(EscapeHtml("\xEF\xBF\xBF\xEF\xB7\x90\xF4\x8F\xBF\xBF"), Cat(kReplaced, kReplaced, kReplaced));
  // Overlong "<", a surrogate, a cut character: a byte at a time.
  EXPECT_EQ(EscapeHtml("\xC0\xBC"), Cat(kReplaced, kReplaced));
  EXPECT_EQ(EscapeHtml("\xED\xA0\x80"), Cat(kReplaced, kReplaced, kReplaced));
  EXPECT_EQ(EscapeHtml("x\xE2\x82"), Cat("x", kReplaced, kReplaced));
}

TEST(EscapeHtmlTest, LinesStayLines) {
  EXPECT_EQ(EscapeHtml("a\nb\tc\r\nd"), "a\nb\tc\nd");
  EXPECT_EQ(EscapeHtml("a\rb"), Cat("a", kReplaced, "b"));
}

TEST(EscapeHtmlTest, LettersOfAllScriptsStay) {
  const std::string text = "Grüße, 世界, سلام, 👩‍💻";
  EXPECT_EQ(EscapeHtml(text), text);
}

TEST(VisibleTextTest, IsTheSameWithoutReferences) { EXPECT_EQ(VisibleText("<\x1b&"), Cat("<", kReplaced, "&")); }

}  // namespace
}  // namespace gofarm
