#include "coordinator/service/attempt_fence.h"

#include <gtest/gtest.h>

#include "common/digest/digest.h"
#include "tests/support/fake_clock.h"

namespace gofarm::service {
namespace {

const std::string kSecret = digest::Sha256Hex("a session's");
const std::string kOther = digest::Sha256Hex("another's");
const PeerIdentity kW1{.role = Role::kWorker, .name = "w1", .secret_sha256 = kSecret};
const PeerIdentity kW2{.role = Role::kWorker, .name = "w2", .secret_sha256 = kSecret};
PeerIdentity Local(const std::string& secret_sha256) {
  PeerIdentity peer = LocalPeer();
  peer.secret_sha256 = secret_sha256;
  return peer;
}

class AttemptFenceTest : public ::testing::Test {
 protected:
  absl::StatusCode Check(const PeerIdentity& peer, int64_t token = 7) {
    return fence_.CheckToken(Scope::For(absl::Seconds(10)), peer, AttemptToken{token}).code();
  }

  testing::FakeClock clock_;
  int asked_ = 0;
  absl::StatusOr<domain::TokenFacts> answer_ = domain::TokenFacts{domain::TokenState::kRunning, "w1", kSecret};
  AttemptFence fence_{[this](const Scope&, AttemptToken) {
                        ++asked_;
                        return answer_;
                      },
                      clock_};
};

TEST_F(AttemptFenceTest, OnlyTheWorkerThatRunsTheAttemptAndTheMachineItselfMayBringBytes) {
  EXPECT_EQ(Check(kW1), absl::StatusCode::kOk);
  EXPECT_EQ(Check(Local(kSecret)), absl::StatusCode::kOk);
  EXPECT_EQ(Check(kW2), absl::StatusCode::kPermissionDenied) << "also from the cache";
  EXPECT_EQ(asked_, 1);
  EXPECT_EQ(Check(kW2, 8), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(asked_, 2);
  EXPECT_EQ(Check({.role = Role::kOperator, .name = "w1"}), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Check({}), absl::StatusCode::kPermissionDenied);
}

TEST_F(AttemptFenceTest, AnAttemptTakesTheSecretOfTheSessionThatItWasGivenTo) {
  EXPECT_EQ(Check(Local("")), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Check(Local(kOther)), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(asked_, 1) << "also from the cache";
  EXPECT_EQ(Check(Local(kSecret)), absl::StatusCode::kOk);
  PeerIdentity other = kW1;
  other.secret_sha256 = kOther;
  EXPECT_EQ(Check(other), absl::StatusCode::kPermissionDenied);
  answer_ = domain::TokenFacts{domain::TokenState::kRunning, "w1", ""};
  EXPECT_EQ(Check(Local(""), 8), absl::StatusCode::kPermissionDenied) << "no secret is nobody's";
}

TEST_F(AttemptFenceTest, AGoodTokenIsTrustedForSomeSecondsOrUntilItsEnd) {
  EXPECT_EQ(Check(kW1), absl::StatusCode::kOk);
  answer_ = domain::TokenFacts{};
  clock_.Advance(kTokenTrust - absl::Milliseconds(1));
  EXPECT_EQ(Check(kW1), absl::StatusCode::kOk);
  clock_.Advance(absl::Milliseconds(1));
  EXPECT_EQ(Check(kW1), absl::StatusCode::kFailedPrecondition);

  answer_ = domain::TokenFacts{domain::TokenState::kRunning, "w1", kSecret};
  EXPECT_EQ(Check(kW1), absl::StatusCode::kOk);
  answer_ = domain::TokenFacts{};
  fence_.Forget(AttemptToken{7});
  EXPECT_EQ(Check(kW1), absl::StatusCode::kFailedPrecondition);
}

TEST_F(AttemptFenceTest, WhatMayStillBecomeGoodIsUnavailable) {
  EXPECT_EQ(Check(kW1, 0), absl::StatusCode::kInvalidArgument);
  answer_ = domain::TokenFacts{domain::TokenState::kOffered, ""};
  EXPECT_EQ(Check(kW1), absl::StatusCode::kUnavailable);
  answer_ = absl::UnavailableError("the database is away");
  EXPECT_EQ(Check(kW1), absl::StatusCode::kUnavailable);
  answer_ = domain::TokenFacts{domain::TokenState::kRunning, "w1", kSecret};
  EXPECT_EQ(Check(kW1), absl::StatusCode::kOk) << "nothing but good answers is kept";
}

TEST_F(AttemptFenceTest, BeyondWhatItRemembersEveryCheckAsks) {
  for (size_t i = 1; i <= kTokensRemembered; ++i) Check(kW1, static_cast<int64_t>(i));
  const int64_t more = static_cast<int64_t>(kTokensRemembered) + 1;
  asked_ = 0;
  EXPECT_EQ(Check(kW1, more), absl::StatusCode::kOk);
  EXPECT_EQ(Check(kW1, more), absl::StatusCode::kOk);
  EXPECT_EQ(asked_, 2);
  clock_.Advance(kTokenTrust);
  EXPECT_EQ(Check(kW1, more), absl::StatusCode::kOk) << "the old ones make room";
  EXPECT_EQ(Check(kW1, more), absl::StatusCode::kOk);
  EXPECT_EQ(asked_, 3);
}

}  // namespace
}  // namespace gofarm::service
