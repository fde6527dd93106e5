#include "coordinator/publish/opening_carrier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gofarm::publish {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class Good final : public Carrier {
 public:
  absl::StatusOr<std::vector<absl::StatusOr<Carried>>> Carry(const Scope&, const ProgramWork& work) override {
    return std::vector<absl::StatusOr<Carried>>(work.due.size(), Carried{.digest = "sha256:1", .detail = ""});
  }
  absl::Status Check(const Scope&, const domain::Publication&) override { return absl::OkStatus(); }
};

TEST(OpeningCarrierTest, WhatCannotBeOpenedFailsRowByRowWithItsClassUntilItCanBe) {
  bool mended = false;
  int opened = 0;
  OpeningCarrier carrier([&]() -> absl::StatusOr<std::unique_ptr<Carrier>> {
    ++opened;
    if (mended) return std::make_unique<Good>();
    return oci::MakeFailure({.why = oci::FailureClass::kUnauthorized}, "read /etc/token: no such file");
  });
  const Scope scope;
  ProgramWork work;
  work.due.resize(2);
  const auto failed = carrier.Carry(scope, work);
  ASSERT_TRUE(failed.ok()) << "the farm's own fault would settle nothing and stay unseen";
  ASSERT_THAT(*failed, SizeIs(2));
  for (const auto& row : *failed) {
    EXPECT_EQ(oci::FailureOf(row.status()).why, oci::FailureClass::kUnauthorized);
    EXPECT_THAT(std::string(row.status().message()), HasSubstr("/etc/token"));
    const store::Settled settled = AfterFailure(work.due[0], row.status(), 0.5);
    EXPECT_EQ(settled.state, domain::PublicationState::kParked);
    EXPECT_EQ(settled.failure_class, "unauthorized");
  }
  EXPECT_TRUE(carrier.Refresh(scope).ok());
  EXPECT_FALSE(carrier.Opened().ok());
  EXPECT_THAT(std::string(carrier.Check(scope, work.due[0]).message()), HasSubstr("/etc/token"));
  mended = true;
  EXPECT_TRUE(carrier.Opened().ok()) << "without a restart";
  const auto carried = carrier.Carry(scope, work);
  ASSERT_TRUE(carried.ok() && (*carried)[1].ok());
  EXPECT_EQ((*carried)[1]->digest, "sha256:1");
  EXPECT_TRUE(carrier.Check(scope, work.due[0]).ok());
  const int tries = opened;
  EXPECT_TRUE(carrier.Refresh(scope).ok());
  EXPECT_EQ(opened, tries) << "it is opened once";
}

}  // namespace
}  // namespace gofarm::publish
