#include "worker/place.h"

#include <gtest/gtest.h>

#include "common/pki/authority.h"
#include "common/pki/certificate.h"

namespace gofarm::worker {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

TEST(NextStepTest, AnIdentityIsUsedRenewedOrReplaced) {
  const pki::Authority authority = pki::NewAuthority("farm-1", kNow).value();
  const rpc::Membership member{
      .authorities = authority.certificate, .begins_at = kNow, .expires_at = kNow + absl::Hours(24)};
  const pki::JoinString here{.authority_sha256 = pki::Fingerprint(authority.certificate).value()};
  const pki::JoinString elsewhere{.authority_sha256 = std::string(64, 'b')};
  EXPECT_EQ(NextStep(std::nullopt, std::nullopt, kNow), PlaceStep::kNone);
  EXPECT_EQ(NextStep(std::nullopt, here, kNow), PlaceStep::kJoin);
  EXPECT_EQ(NextStep(member, std::nullopt, kNow), PlaceStep::kUse);
  EXPECT_EQ(NextStep(member, here, kNow), PlaceStep::kUse);  // a string is used once
  EXPECT_EQ(NextStep(member, elsewhere, kNow), PlaceStep::kJoin);
  EXPECT_EQ(NextStep(member, here, kNow + absl::Hours(25)), PlaceStep::kRenew);
  // The string that it joined by is still this farm's after a rotation; so is one of the other authority of the bundle.
  rpc::Membership rotated = member;
  rotated.joined_by = here.authority_sha256;
  rotated.authorities = pki::NewAuthority("farm-1", kNow)->certificate;
  EXPECT_EQ(NextStep(rotated, here, kNow), PlaceStep::kUse);
  rotated.joined_by = std::string(64, 'c');
  EXPECT_EQ(NextStep(rotated, here, kNow), PlaceStep::kJoin);
  rotated.authorities += authority.certificate;
  EXPECT_EQ(NextStep(rotated, here, kNow), PlaceStep::kUse);
  // A clock that is a little behind the farm's is borne.
  EXPECT_EQ(NextStep(member, here, kNow - absl::Minutes(9)), PlaceStep::kUse);
  EXPECT_EQ(NextStep(member, here, kNow - absl::Hours(1)), PlaceStep::kRenew);
}

}  // namespace
}  // namespace gofarm::worker
