#include "coordinator/oci/reference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/base/text.h"

namespace gofarm::oci {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ReferenceTest, DestinationsAreReadAndPrinted) {
  struct Case {
    std::string text, origin, authority, host, prefix;
    bool loopback;
  };
  for (const Case& c : std::vector<Case>{
           {"https://ghcr.io/pkgforge-go", "https://ghcr.io", "ghcr.io", "ghcr.io", "pkgforge-go", false},
           {"https://GHCR.io:443/a/b/", "https://ghcr.io", "ghcr.io", "ghcr.io", "a/b", false},
           {"https://reg.example.org:8443", "https://reg.example.org:8443", "reg.example.org:8443", "reg.example.org",
            "", false},
           {"http://127.0.0.1:5000/farm", "http://127.0.0.1:5000", "127.0.0.1:5000", "127.0.0.1", "farm", true},
           {"http://localhost/x", "http://localhost", "localhost", "localhost", "x", true},
           {"http://[::1]:5000/x", "http://[::1]:5000", "[::1]:5000", "::1", "x", true},
           {"https://127.0.0.1:5443/x", "https://127.0.0.1:5443", "127.0.0.1:5443", "127.0.0.1", "x", true}}) {
    const absl::StatusOr<Destination> read = ParseDestination(c.text);
    ASSERT_TRUE(read.ok()) << c.text << " " << read.status();
    EXPECT_EQ(read->registry.origin, c.origin);
    EXPECT_EQ(read->registry.authority, c.authority);
    EXPECT_EQ(read->registry.host, c.host);
    EXPECT_EQ(read->registry.loopback, c.loopback);
    EXPECT_EQ(read->prefix, c.prefix);
    const absl::StatusOr<Destination> again = ParseDestination(Print(*read));
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(*again, *read);
  }
}

TEST(ReferenceTest, WhatIsNoDestinationIsRefusedWithoutItsSecrets) {
  for (const std::string text : {"",
                                 "ghcr.io/x",
                                 "localhost:5000/x",
                                 "ftp://h/x",
                                 "file:///etc/x",
                                 "https://",
                                 "https:///x",
                                 "https://h/Upper",
                                 "https://h/a//b",
                                 "https://h/-a",
                                 "https://h/a%2fb",
                                 "https://h/a?x=1",
                                 "https://h/a#x",
                                 "http://ghcr.io/x",
                                 "http://10.0.0.1:5000/x",
                                 "http://127.0.0.1.example.org/x",
                                 "http://localhost.example.org/x",
                                 "https://h:0/x",
                                 "https://h:99999/x",
                                 "https://h\n/x",
                                 "https://h/a\nb"}) {
    EXPECT_EQ(ParseDestination(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
  const absl::Status with_user = ParseDestination("https://user:hunter2@ghcr.io/x").status();
  EXPECT_EQ(with_user.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(with_user.ToString(), Not(HasSubstr("hunter2")));
  EXPECT_FALSE(ParseDestination("https://h/" + std::string(2000, 'a')).ok());
}

TEST(ReferenceTest, RepositoriesFollowTheRule) {
  const Registry registry = ParseDestination("https://ghcr.io")->registry;
  for (const std::string good :
       {"a", "a0", "a.b", "a_b", "a__b", "a-b", "a----b", "a/b/c", "0/1", "github/fortio/logc/logc"}) {
    EXPECT_TRUE(CheckRepository(registry, good).ok()) << good;
  }
  for (const std::string bad : {"", "/", "a/", "/a", "a//b", "A", "a..b", "a___b", "a._b", "a-_b", ".a", "a.", "a b",
                                "a:b", "a@b", "\xc3\xa4", "a\n"}) {
    EXPECT_FALSE(CheckRepository(registry, bad).ok()) << bad;
  }
  // "ghcr.io/" takes 8 of the 255.
  EXPECT_TRUE(CheckRepository(registry, std::string(247, 'a')).ok());
  EXPECT_FALSE(CheckRepository(registry, std::string(248, 'a')).ok());
}

TEST(ReferenceTest, TagsFollowTheRuleAndTakeNoPlus) {
  EXPECT_EQ(TagOf("v2.0.0+incompatible-x86_64-Linux").value(), "v2.0.0-incompatible-x86_64-Linux");
  EXPECT_EQ(TagOf("_x").value(), "_x");
  EXPECT_TRUE(CheckTag(std::string(128, 'a')).ok());
  for (const std::string bad : {"", ".a", "-a", "a/b", "a:b", "a b", "a\n", "\xc3\xa4"}) {
    EXPECT_FALSE(CheckTag(bad).ok()) << bad;
    EXPECT_FALSE(TagOf(bad).ok()) << bad;
  }
  EXPECT_FALSE(CheckTag(std::string(129, 'a')).ok());
  EXPECT_FALSE(CheckTag("v1+x").ok());
  EXPECT_FALSE(TagOf("+x").ok());  // would begin with "-"
}

TEST(ReferenceTest, DigestsAndWhatStandsUnderThem) {
  const std::string digest = Cat("sha256:", std::string(64, 'a'));
  EXPECT_TRUE(IsDigestText(digest));
  for (const std::string& bad : {std::string(64, 'a'), Cat("sha512:", std::string(64, 'a')), digest + "a",
                                 Cat("sha256:", std::string(64, 'A')), std::string("sha256:")}) {
    EXPECT_FALSE(IsDigestText(bad)) << bad;
  }
  EXPECT_EQ(ReferrersTag(digest), Cat("sha256-", std::string(64, 'a')));
  EXPECT_TRUE(CheckTag(ReferrersTag(digest)).ok());
}

TEST(ReferenceTest, WhatStandsBelowAPrefixIsChecked) {
  const Destination destination = *ParseDestination("https://ghcr.io/farm");
  EXPECT_EQ(RepositoryBelow(destination, "github/a/b").value(), "farm/github/a/b");
  EXPECT_EQ(RepositoryBelow(*ParseDestination("https://ghcr.io"), "a").value(), "a");
  EXPECT_FALSE(RepositoryBelow(destination, "../other").ok());
  EXPECT_FALSE(RepositoryBelow(destination, "").ok());
}

}  // namespace
}  // namespace gofarm::oci
