#include "common/goproxy/list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gofarm::goproxy {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

List Parsed(std::string_view text) {
  const absl::StatusOr<List> list = Parse(text);
  EXPECT_TRUE(list.ok()) << text << ": " << list.status();
  return list.value_or(List{});
}
std::string Fault(std::string_view text) { return std::string(Parse(text).status().message()); }
std::string Dropped(std::string_view text) { return ToText(WithoutDirect(Parsed(text))); }

Entry Proxy(std::string url, bool next_after_any = false) {
  return {.url = std::move(url), .next_after_any = next_after_any};
}
const Entry kDirect = {.kind = Entry::Kind::kDirect};
const Entry kOff = {.kind = Entry::Kind::kOff};

TEST(GoProxyListTest, EveryEntryKeepsTheSeparatorBehindIt) {
  EXPECT_THAT(Parsed("https://a.test|http://b.test,file:///srv/p,direct").entries,
              ElementsAre(Proxy("https://a.test", true), Proxy("http://b.test"), Proxy("file:///srv/p"), kDirect));
  EXPECT_EQ(ToText(Parsed("https://a.test|http://b.test,file:///srv/p,direct")),
            "https://a.test|http://b.test,file:///srv/p,direct");
}

TEST(GoProxyListTest, BlanksAndEmptyEntriesCountForNothing) {
  EXPECT_EQ(ToText(Parsed(" file:///p , https://a.test ")), "file:///p,https://a.test");
  EXPECT_EQ(ToText(Parsed(",|\thttps://a.test|,,https://b.test,")), "https://a.test|https://b.test");
}

TEST(GoProxyListTest, OffEndsTheList) {
  EXPECT_THAT(Parsed("https://a.test,off,https://b.test").entries, ElementsAre(Proxy("https://a.test"), kOff));
  EXPECT_THAT(Parsed("off|nonsense").entries, ElementsAre(kOff));
  EXPECT_FALSE(Parsed("off").HasProxy());
  EXPECT_FALSE(Parsed("off").empty());
}

// What `go env -w GOPROXY=proxy.corp.test` accepts.
TEST(GoProxyListTest, WhatLooksLikeAHostGetsHttps) {
  EXPECT_EQ(ToText(Parsed("proxy.test")), "https://proxy.test");
  EXPECT_EQ(ToText(Parsed("localhost:3000,proxy.test/go")), "https://localhost:3000,https://proxy.test/go");
}

TEST(GoProxyListTest, WhatGoRefusesIsNamedWithoutItsPassword) {
  EXPECT_THAT(Fault("https://a.test,word"), HasSubstr("\"word\" is no http, https or file URL"));
  EXPECT_THAT(Fault("noproxy"), HasSubstr("noproxy"));
  for (const char* bad : {"file://p", "file:p/q", "/srv/p", "https://", "https:///p", "https:/a.test", "a b.test"}) {
    EXPECT_NE(Fault(bad), "") << bad;
  }
  EXPECT_NE(Fault("https://a.test\x01"), "");
  EXPECT_THAT(Fault("ftp://ann:secret@a.test/x?token=1"),
              AllOf(HasSubstr("ftp://a.test/x"), Not(HasSubstr("secret")), Not(HasSubstr("token"))));
}

TEST(GoProxyListTest, WithoutDirectTheSeparatorStaysWithItsProxy) {
  EXPECT_EQ(Dropped("https://a.test,direct|https://b.test"), "https://a.test,https://b.test");
  EXPECT_EQ(Dropped("https://a.test|direct,https://b.test"), "https://a.test|https://b.test");
  EXPECT_EQ(Dropped("https://a.test,direct"), "https://a.test");
  EXPECT_EQ(Dropped("https://a.test|https://b.test,direct"), "https://a.test|https://b.test");
  EXPECT_EQ(Dropped("direct|https://a.test,off"), "https://a.test,off");
  EXPECT_EQ(Dropped("file:///p"), "file:///p");
}

TEST(GoProxyListTest, NothingToAskIsOffAndNeverGosDefault) {
  EXPECT_EQ(Dropped("direct"), "off");
  EXPECT_EQ(ToText(List{}), "off");
  EXPECT_TRUE(Parsed("").empty());
  EXPECT_EQ(Redacted(List{}), "off");
}

TEST(GoProxyListTest, TheFarmNeedsAProxyOrOff) {
  for (const char* value : {"direct", "", ",|", "direct,direct"}) {
    const absl::Status status = ParseWithoutDirect(value).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << value;
    EXPECT_THAT(std::string(status.message()), HasSubstr("names no proxy"));
  }
  EXPECT_EQ(ToText(ParseWithoutDirect("off").value()), "off");
  EXPECT_EQ(ToText(ParseWithoutDirect("a.test,direct").value()), "https://a.test");
  EXPECT_EQ(ParseWithoutDirect("word,direct").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(GoProxyListTest, TheNextIsAskedAfterAbsenceOrBehindABarAfterAnything) {
  EXPECT_TRUE(Proxy("https://a.test").GoesOn(/*absent=*/true));
  EXPECT_FALSE(Proxy("https://a.test").GoesOn(/*absent=*/false));
  EXPECT_TRUE(Proxy("https://a.test", true).GoesOn(/*absent=*/false));
}

TEST(GoProxyListTest, PathsAreJoinedWithOneSlash) {
  EXPECT_EQ(Proxy("https://a.test//").UrlOf("/m/@v/list"), "https://a.test/m/@v/list");
  EXPECT_EQ(Proxy("file:///p").UrlOf("/m/@v/list"), "file:///p/m/@v/list");
}

TEST(GoProxyListTest, LogsShowNoPasswords) {
  EXPECT_EQ(Redacted(Parsed("https://ann:secret@a.test/x|b.test?token=1,direct")),
            "https://a.test/x|https://b.test,direct");
}

}  // namespace
}  // namespace gofarm::goproxy
