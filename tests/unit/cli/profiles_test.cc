#include "cli/profiles.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "common/base/text.h"
#include "common/io/files.h"
#include "common/pki/authority.h"
#include "common/pki/certificate.h"
#include "common/pki/key.h"

namespace gofarm::cli {
namespace {

using ::testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

class ProfilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = Cat(::testing::TempDir(), "/gofarm-profiles-XXXXXX");
    folder_ = mkdtemp(pattern.data());
  }
  void TearDown() override { (void)io::RemoveTree(folder_); }

  // An identity of a farm that nobody serves, from kNow on.
  void Make(const std::string& name) {
    const pki::Authority authority = pki::NewAuthority("farm-1", kNow).value();
    const std::string key = pki::NewKey().value();
    const pki::Request request = pki::ReadRequest(pki::NewRequest(key).value()).value();
    const rpc::Membership member{
        .addresses = {"127.0.0.1:1"},
        .key = key,
        .certificate = pki::IssueClient(authority, request.public_key_pem,
                                        {.farm = "farm-1", .role = Role::kOperator, .identity = 7, .name = "ann"}, kNow)
                           .value(),
        .authorities = authority.certificate};
    ASSERT_TRUE(rpc::WriteMembership(ProfileFolder(folder_, name), member).ok());
  }
  absl::StatusOr<rpc::Membership> UseAt(absl::Time now) {
    return UseProfile(Scope::For(absl::Seconds(20)), ProfileFolder(folder_, "work"), now);
  }

  std::string folder_;
};

TEST_F(ProfilesTest, StandBesideEachOtherAndOneIsTheDefault) {
  EXPECT_TRUE(ReadProfiles(folder_).empty());
  EXPECT_EQ(DefaultProfileOf(folder_), "");
  Make("work");
  Make("default");
  ASSERT_TRUE(SetDefaultProfile(folder_, "work").ok());
  // A login that got no answer yet is no farm, and a damaged one is told of.
  ASSERT_TRUE(io::MakeFolders(ProfileFolder(folder_, "new.joining"), 0700).ok());
  ASSERT_TRUE(io::MakeFolders(ProfileFolder(folder_, "worn"), 0700).ok());
  const std::vector<Profile> all = ReadProfiles(folder_);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].name, "default");
  EXPECT_EQ(all[1].name, "work");
  EXPECT_EQ(all[1].addresses, std::vector<std::string>{"127.0.0.1:1"});
  EXPECT_FALSE(all[2].broken.ok());
  EXPECT_EQ(DefaultProfileOf(folder_), "work");
}

TEST_F(ProfilesTest, AreRemovedWithTheirKeysAndTheDefaultWithThem) {
  Make("work");
  Make("default");
  ASSERT_TRUE(SetDefaultProfile(folder_, "work").ok());
  EXPECT_TRUE(RemoveProfile(folder_, "default").ok());
  EXPECT_EQ(DefaultProfileOf(folder_), "work");
  EXPECT_TRUE(RemoveProfile(folder_, "work").ok());
  EXPECT_EQ(DefaultProfileOf(folder_), "");
  EXPECT_TRUE(ReadProfiles(folder_).empty());
  EXPECT_TRUE(absl::IsNotFound(RemoveProfile(folder_, "work")));
  EXPECT_TRUE(absl::IsInvalidArgument(RemoveProfile(folder_, "../farms")));
}

TEST_F(ProfilesTest, AreRenewedWhenItIsTimeAndUsedWithoutWhileTheyLast) {
  Make("work");
  EXPECT_TRUE(UseAt(kNow + absl::Hours(24)).ok());
  // Nobody answers there: two thirds through its life that does not matter, at its end it does.
  EXPECT_TRUE(UseAt(kNow + absl::Hours(24 * 25)).ok());
  const absl::Status expired = UseAt(kNow + absl::Hours(24 * 31)).status();
  EXPECT_TRUE(absl::IsUnavailable(expired)) << expired;
  EXPECT_THAT(std::string(expired.message()), HasSubstr("your certificate ran out at"));
}

}  // namespace
}  // namespace gofarm::cli
