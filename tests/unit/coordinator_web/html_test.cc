#include "coordinator/web/html.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/base/text.h"

namespace gofarm::web {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(HtmlWriterTest, ElementsCloseInTheirOrder) {
  HtmlWriter html;
  {
    const Element outer = html.In("ul", {{"class", "a\"b"}});
    html.Leaf("li", "1 < 2");
    const Element inner = html.In("li");
    html.Void("br").Text("x");
  }
  EXPECT_EQ(html.Take(), "<ul class=\"a&quot;b\"><li>1 &lt; 2</li><li><br>x</li></ul>");
}

TEST(HtmlWriterTest, TheFirstNewlineOfAPreIsKept) {
  HtmlWriter html;
  html.Leaf("pre", "\nfirst");
  EXPECT_EQ(html.Take(), "<pre>\n\nfirst</pre>");
}

TEST(HtmlWriterTest, TextByOthersIsCutAndKeptApart) {
  HtmlWriter html;
  html.Foreign("<b>" + std::string(10 << 20, 'x'), 10);
  EXPECT_EQ(html.Take(), "<bdi>&lt;b&gt;xxxx...</bdi>");
}

TEST(HtmlWriterTest, TimesSayTheirZone) {
  HtmlWriter html;
  html.Time(absl::FromUnixSeconds(1796031660)).Text("; ").Time(absl::InfinitePast());
  EXPECT_EQ(html.Take(), "<time datetime=\"2026-11-30T09:41:00Z\">2026-11-30 09:41 UTC</time>; not known");
}

TEST(HtmlWriterDeathTest, WhatIsNotClosedEndsTheProcess) {
  EXPECT_DEATH(
      {
        HtmlWriter html;
        const Element open = html.In("p");
        html.Take();
      },
      "open_.empty");
}

TEST(HrefTest, OnlyPlainWebAddressesAreLinks) {
  EXPECT_TRUE(Href::Foreign("https://example.com/a?b=c&d=%20#e").has_value());
  EXPECT_TRUE(Href::Foreign("http://[::1]:8080/").has_value());
  for (const std::string& bad :
       {std::string("javascript:alert(1)"), std::string("JAVASCRIPT:alert(1)"), std::string("data:text/html,x"),
        std::string("//example.com/"), std::string("/p/x"), std::string("ftp://example.com/"), std::string("https://"),
        std::string("https:///x"), std::string("https://github.com@evil.example/"), std::string("https://a\\b"),
        std::string("https://a/ b"), std::string("https://a/\"onclick=x"), std::string("https://a/<script>"),
        std::string("https://a/\n"), std::string("https://ex\u00e4mple.com/"), std::string(" https://a/"),
        std::string("https://a/\0x", 12), "https://a/" + std::string(kHrefMax, 'x')}) {
    EXPECT_FALSE(Href::Foreign(bad).has_value()) << bad;
    EXPECT_FALSE(Href::Own(bad).has_value()) << bad;
  }
}

TEST(HrefTest, LinksToOthersTellThemNothing) {
  HtmlWriter html;
  html.Link(*Href::Foreign("https://example.com/?a&b"), "x");
  EXPECT_EQ(html.Take(), "<a href=\"https://example.com/?a&amp;b\" rel=\"nofollow noreferrer\">x</a>");
  html.Link(*Href::Own("https://example.com/"), "x");
  EXPECT_THAT(html.Take(), Not(HasSubstr("rel=")));
}

TEST(HrefTest, APathStaysAPath) {
  EXPECT_EQ(Href::Path("/p/github.com/a/b@v2.0.0+incompatible").text(), "/p/github.com/a/b@v2.0.0+incompatible");
  EXPECT_EQ(Href::Path("/p/a?b#c d\"<\n\xff").text(), "/p/a%3Fb%23c%20d%22%3C%0A%FF");
}

TEST(SizeTextTest, IsShortAndRounded) {
  EXPECT_EQ(SizeText(0), "0 bytes");
  EXPECT_EQ(SizeText(1023), "1023 bytes");
  EXPECT_EQ(SizeText(1024), "1.0 KiB");
  EXPECT_EQ(SizeText(24'534'123), "23.4 MiB");
  EXPECT_EQ(SizeText(1'048'575), "1.0 MiB");
  EXPECT_EQ(SizeText(int64_t{150} << 20), "150 MiB");
  EXPECT_EQ(SizeText(int64_t{5} << 50), "5120 TiB");
}

}  // namespace
}  // namespace gofarm::web
