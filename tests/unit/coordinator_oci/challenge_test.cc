#include "coordinator/oci/challenge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/base/text.h"

namespace gofarm::oci {
namespace {

using ::testing::ElementsAre;

io::HttpHeaders With(const std::string& value) { return {{"Content-Type", "x"}, {"Www-Authenticate", value}}; }

TEST(ChallengeTest, BearerIsRead) {
  const std::optional<Challenge> c = ReadChallenge(With(
      R"(Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:a/b:pull,push repository:c:pull",error="invalid_token")"));
  ASSERT_TRUE(c);
  EXPECT_EQ(c->scheme, Challenge::Scheme::kBearer);
  EXPECT_EQ(c->realm, "https://ghcr.io/token");
  EXPECT_EQ(c->service, "ghcr.io");
  EXPECT_THAT(c->scopes, ElementsAre("repository:a/b:pull,push", "repository:c:pull"));
}

TEST(ChallengeTest, OddButGoodForms) {
  EXPECT_EQ(ReadChallenge(With("bearer REALM = \"https://h/t\" , service=plain"))->service, "plain");
  EXPECT_EQ(ReadChallenge(With(R"(Bearer realm="https://h/\"q\"")"))->realm, "https://h/\"q\"");
  // The stronger one of two, in one field or in two.
  EXPECT_EQ(ReadChallenge(With(R"(Basic realm="x", Bearer realm="https://h/t")"))->scheme, Challenge::Scheme::kBearer);
  io::HttpHeaders two = With("Basic realm=\"x\"");
  two.Add("WWW-Authenticate", "Bearer realm=\"https://h/t\"");
  EXPECT_EQ(ReadChallenge(two)->realm, "https://h/t");
  EXPECT_EQ(ReadChallenge(With("Basic realm=\"x\""))->scheme, Challenge::Scheme::kBasic);
  EXPECT_EQ(ReadChallenge(With("Basic"))->scheme, Challenge::Scheme::kBasic);
}

TEST(ChallengeTest, WhatIsNoneIsNone) {
  for (const std::string bad :
       {"", ",", "Negotiate", "Bearer", "Bearer service=\"x\"", "Bearer realm=\"\"", "Bearer realm=\"https://h",
        "realm=\"https://h/t\"", "Bearer realm=\"https://h/t\", =", "\"x\"", "Digest realm=\"x\", nonce=\"y\""}) {
    EXPECT_FALSE(ReadChallenge(With(bad))) << bad;
  }
  EXPECT_FALSE(ReadChallenge({}));
  EXPECT_FALSE(ReadChallenge(With(Cat("Bearer realm=\"https://h/", std::string(kChallengeBytesMax, 'x'), "\""))));
  std::string many = "Bearer realm=\"https://h/t\",scope=\"";
  for (size_t i = 0; i < 2 * kScopesMax; ++i) many += Cat("s", i, " ");
  EXPECT_EQ(ReadChallenge(With(many + "\""))->scopes.size(), kScopesMax);
}

TEST(ChallengeTest, RealmsAreHttpsOrOnThisMachineForARegistryOnIt) {
  const Registry far = ParseDestination("https://ghcr.io")->registry;
  const Registry near = ParseDestination("http://127.0.0.1:5000")->registry;
  EXPECT_TRUE(CheckRealm(far, "https://auth.docker.io/token?x=1").ok());
  EXPECT_TRUE(CheckRealm(near, "http://127.0.0.1:5001/token").ok());
  EXPECT_TRUE(CheckRealm(near, "https://auth.example.org/token").ok());
  for (const std::string bad :
       {"http://ghcr.io/token", "https://127.0.0.1/token", "http://127.0.0.1/token", "ghcr.io/token",
        "file:///etc/passwd", "https://user:pw@h/token", "", "https://localhost:9/token"}) {
    EXPECT_FALSE(CheckRealm(far, bad).ok()) << bad;
  }
  EXPECT_FALSE(CheckRealm(near, "http://auth.example.org/token").ok());
}

TEST(ChallengeTest, TheTokenIsAskedForAllScopes) {
  const Challenge c{.scheme = Challenge::Scheme::kBearer, .realm = "https://h/t#f", .service = "a b&c", .scopes = {}};
  EXPECT_EQ(TokenUrl(c, {"repository:x/y:pull,push", "z"}),
            "https://h/t?service=a%20b%26c&scope=repository%3Ax%2Fy%3Apull%2Cpush&scope=z");
  EXPECT_EQ(
      TokenUrl({.scheme = Challenge::Scheme::kBearer, .realm = "https://h/t?q=1", .service = "", .scopes = {}}, {"s"}),
      "https://h/t?q=1&scope=s");
}

TEST(ChallengeTest, TokensAreRead) {
  EXPECT_EQ(ReadToken(R"({"token":"abc"})")->value, "abc");
  EXPECT_EQ(ReadToken(R"({"token":"abc"})")->life, absl::Seconds(60));
  EXPECT_EQ(ReadToken(R"({"access_token":"abc","expires_in":300})")->value, "abc");
  EXPECT_EQ(ReadToken(R"({"access_token":"abc","expires_in":300})")->life, absl::Seconds(300));
  EXPECT_EQ(ReadToken(R"({"token":"","access_token":"abc"})")->value, "abc");
  EXPECT_EQ(ReadToken(R"({"token":"a","expires_in":0})")->life, kTokenLifeDefault);
  EXPECT_EQ(ReadToken(R"({"token":"a","expires_in":-5})")->life, kTokenLifeDefault);
  EXPECT_EQ(ReadToken(R"({"token":"a","expires_in":99999999999})")->life, kTokenLifeMax);
  for (const std::string bad :
       {"", "x", "{}", R"({"token":7})", R"({"token":"a b"})", R"({"token":"a\r\nX: y"})", "[]"}) {
    EXPECT_EQ(ReadToken(bad).status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
  EXPECT_TRUE(ReadToken(Cat(R"({"token":")", std::string(kTokenBytesMax, 'a'), "\"}")).ok());
  EXPECT_FALSE(ReadToken(Cat(R"({"token":")", std::string(kTokenBytesMax + 1, 'a'), "\"}")).ok());
}

}  // namespace
}  // namespace gofarm::oci
