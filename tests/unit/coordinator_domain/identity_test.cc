// Who gets an identity, who gets it again, and who does not.
#include "coordinator/domain/identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gofarm::domain {
namespace {

using ::testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

std::string Message(const absl::Status& status) { return std::string(status.message()); }

JoinToken Token() {
  return {.id = TokenId{3},
          .role = Role::kWorker,
          .created_by = "local",
          .created_at = kNow - absl::Minutes(5),
          .expires_at = kNow + absl::Minutes(55)};
}
Identity Made() {
  return {.id = IdentityId{9},
          .role = Role::kWorker,
          .name = "far",
          .key_sha256 = "k1",
          .token = TokenId{3},
          .created_at = kNow - absl::Minutes(1),
          .expires_at = kNow + absl::Hours(24)};
}
const JoinRequest kFar{.name = "far", .key_sha256 = "k1"};

TEST(IdentityJoinTest, AnActiveTokenMakesAnIdentityOfItsRoleUnderTheWantedName) {
  const auto decision = DecideJoin({.token = Token()}, kFar, kNow);
  ASSERT_TRUE(decision.ok()) << decision.status();
  EXPECT_FALSE(decision->again);
  EXPECT_EQ(decision->role, Role::kWorker);
  EXPECT_EQ(decision->name, "far");
}

TEST(IdentityJoinTest, TheUsualNameCountsWhereNothingElseSaysOne) {
  const JoinRequest host{.key_sha256 = "k1", .usual_name = "host-7"};
  EXPECT_EQ(DecideJoin({.token = Token()}, host, kNow)->name, "host-7");
  JoinToken named = Token();
  named.name = "far";
  EXPECT_EQ(DecideJoin({.token = named}, host, kNow)->name, "far");
  JoinRequest insists = host;
  insists.name = "other";
  EXPECT_EQ(DecideJoin({.token = Token()}, insists, kNow)->name, "other");
  EXPECT_TRUE(absl::IsPermissionDenied(DecideJoin({.token = named}, insists, kNow).status()));
}

TEST(IdentityJoinTest, ANameThatIsNoneLetsNobodyIn) {
  for (const char* bad : {"", ".", "a/b", "-x"}) {
    const auto decision = DecideJoin({.token = Token()}, {.name = bad, .key_sha256 = "k1"}, kNow);
    EXPECT_TRUE(absl::IsInvalidArgument(decision.status())) << bad;
  }
}

TEST(IdentityJoinTest, AnUnknownSecretIsRefusedWithoutAWordOfWhy) {
  const absl::Status refused = DecideJoin({}, kFar, kNow).status();
  EXPECT_TRUE(absl::IsUnauthenticated(refused));
  EXPECT_THAT(Message(refused), HasSubstr("gofarm token create"));
}

TEST(IdentityJoinTest, ATokenThatIsOverSaysInWhichWay) {
  JoinToken used = Token(), expired = Token(), revoked = Token();
  used.used = 1;
  expired.expires_at = kNow;
  revoked.revoked = true;
  EXPECT_THAT(Message(DecideJoin({.token = used}, kFar, kNow).status()), HasSubstr("was already used"));
  EXPECT_THAT(Message(DecideJoin({.token = expired}, kFar, kNow).status()),
              HasSubstr("ran out at 2027-01-15 08:00 UTC"));
  EXPECT_THAT(Message(DecideJoin({.token = revoked}, kFar, kNow).status()), HasSubstr("was revoked"));
  for (const JoinToken& token : {used, expired, revoked}) {
    EXPECT_TRUE(absl::IsUnauthenticated(DecideJoin({.token = token}, kFar, kNow).status()));
  }
}

TEST(IdentityJoinTest, TheSameKeyGetsTheSameIdentityAgainUntilTheTokenEnds) {
  JoinToken token = Token();
  token.used = 1;
  const JoinFacts facts{.token = token, .of_this_key = Made(), .newest_named = Made()};
  const auto again = DecideJoin(facts, kFar, kNow);
  ASSERT_TRUE(again.ok()) << again.status();
  ASSERT_TRUE(again->again);
  EXPECT_EQ(again->again->id, IdentityId{9});

  EXPECT_TRUE(absl::IsUnauthenticated(DecideJoin(facts, kFar, token.expires_at).status()));
  JoinFacts taken_back = facts;
  taken_back.token->revoked = true;
  EXPECT_TRUE(absl::IsUnauthenticated(DecideJoin(taken_back, kFar, kNow).status()));
  JoinFacts thrown_out = facts;
  thrown_out.of_this_key->revoked_at = thrown_out.newest_named->revoked_at = kNow - absl::Seconds(1);
  EXPECT_TRUE(absl::IsUnauthenticated(DecideJoin(thrown_out, kFar, kNow).status()));
  thrown_out.token->uses = 10;
  EXPECT_THAT(Message(DecideJoin(thrown_out, kFar, kNow).status()), HasSubstr("was revoked"));
}

TEST(IdentityJoinTest, ANameBelongsToOneOnly) {
  Identity other = Made();
  other.role = Role::kOperator;
  const absl::Status taken = DecideJoin({.token = Token(), .newest_named = other}, kFar, kNow).status();
  EXPECT_TRUE(absl::IsAlreadyExists(taken));
  EXPECT_THAT(Message(taken), HasSubstr("another identity of this farm (operator)"));
  // Also while its certificate has run out: it may renew.
  other.expires_at = kNow - absl::Hours(1);
  EXPECT_TRUE(absl::IsAlreadyExists(DecideJoin({.token = Token(), .newest_named = other}, kFar, kNow).status()));
}

TEST(IdentityJoinTest, ARevokedNameTakesATokenThatWasMadeForItAfterwards) {
  Identity gone = Made();
  gone.revoked_at = kNow - absl::Hours(1);
  EXPECT_TRUE(absl::IsAlreadyExists(DecideJoin({.token = Token(), .newest_named = gone}, kFar, kNow).status()));
  JoinToken named = Token();
  named.name = "far";
  EXPECT_TRUE(DecideJoin({.token = named, .newest_named = gone}, kFar, kNow).ok());
  EXPECT_TRUE(DecideJoin({.token = named, .newest_named = gone}, {.key_sha256 = "k2"}, kNow).ok());
  named.created_at = gone.revoked_at - absl::Seconds(1);
  EXPECT_TRUE(absl::IsAlreadyExists(DecideJoin({.token = named, .newest_named = gone}, kFar, kNow).status()));
}

TEST(IdentityJoinTest, ATokenForANameMakesNoOther) {
  JoinToken named = Token();
  named.name = "near";
  const absl::Status other = DecideJoin({.token = named}, kFar, kNow).status();
  EXPECT_TRUE(absl::IsPermissionDenied(other));
  EXPECT_EQ(DecideJoin({.token = named}, {.key_sha256 = "k1"}, kNow)->name, "near");
}

TEST(TokenRequestTest, WhatNobodyCouldMeanIsRefused) {
  const TokenRequest good{.role = Role::kWorker};
  EXPECT_TRUE(CheckTokenRequest(good).ok());
  const auto with = [&](auto change) {
    TokenRequest request = good;
    change(request);
    return CheckTokenRequest(request);
  };
  EXPECT_TRUE(with([](TokenRequest& r) { r.uses = kTokenUsesMax; }).ok());
  EXPECT_TRUE(with([](TokenRequest& r) { r.life = kTokenLifeMax; }).ok());
  EXPECT_TRUE(with([](TokenRequest& r) { r.name = "far"; }).ok());
  for (const absl::Status& bad :
       {with([](TokenRequest& r) { r.role = Role::kNone; }), with([](TokenRequest& r) { r.uses = 0; }),
        with([](TokenRequest& r) { r.uses = kTokenUsesMax + 1; }),
        with([](TokenRequest& r) { r.life = -absl::Hours(1); }),
        with([](TokenRequest& r) { r.life = kTokenLifeMax + absl::Seconds(1); }),
        with([](TokenRequest& r) { r.name = "a/b"; }), with([](TokenRequest& r) {
          r.name = "far";
          r.uses = 2;
        })}) {
    EXPECT_TRUE(absl::IsInvalidArgument(bad)) << bad;
  }
}

TEST(RenewalTest, TheKeyOfALiveIdentityRenewsUntilAMonthAfterItsEnd) {
  const Identity identity = Made();
  EXPECT_TRUE(CheckRenewal(identity, "k1", kNow).ok());
  EXPECT_TRUE(CheckRenewal(identity, "k1", identity.expires_at + kRenewableAfterEnd).ok());
  EXPECT_TRUE(absl::IsUnauthenticated(
      CheckRenewal(identity, "k1", identity.expires_at + kRenewableAfterEnd + absl::Seconds(1))));
  EXPECT_TRUE(absl::IsUnauthenticated(CheckRenewal(identity, "k2", kNow)));
  EXPECT_TRUE(absl::IsUnauthenticated(CheckRenewal(std::nullopt, "k1", kNow)));
  Identity revoked = identity;
  revoked.revoked_at = kNow - absl::Hours(1);
  EXPECT_THAT(Message(CheckRenewal(revoked, "k1", kNow)), HasSubstr("was revoked at 2027-01-15 07:00 UTC"));
}

TEST(IdentityStateTest, IsTold) {
  Identity identity = Made();
  EXPECT_EQ(Name(StateOf(identity, kNow)), "active");
  EXPECT_EQ(Name(StateOf(identity, identity.expires_at)), "expired");
  identity.revoked_at = kNow;
  EXPECT_EQ(Name(StateOf(identity, kNow)), "revoked");
  JoinToken token = Token();
  EXPECT_EQ(Name(StateOf(token, kNow)), "active");
  EXPECT_EQ(Name(StateOf(token, token.expires_at)), "expired");
  token.used = 1;
  EXPECT_EQ(Name(StateOf(token, token.expires_at)), "used");
  token.revoked = true;
  EXPECT_EQ(Name(StateOf(token, kNow)), "revoked");
}

}  // namespace
}  // namespace gofarm::domain
