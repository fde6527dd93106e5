// The farm's authority and who it knows, over a real database and a real folder.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>

#include "common/digest/digest.h"
#include "common/pki/certificate.h"
#include "common/pki/join_string.h"
#include "common/pki/key.h"
#include "common/pki/key_folder.h"
#include "coordinator/service/identity_service.h"
#include "tests/pg/farm_fixture.h"
#include "tests/support/fake_clock.h"

namespace gofarm::testing {
namespace {

namespace fs = std::filesystem;
using domain::IdentityId;
using service::IdentityOptions;
using service::IdentityService;
using service::Membership;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class IdentityServiceTest : public FarmTest {
 protected:
  void SetUp() override {
    FarmTest::SetUp();
    store_ = std::make_unique<store::IdentityStore>(*pool_);
    folder_ = Cat(::testing::TempDir(), "identity-", getpid(), "-", ++farms_);
    service_ = Open(Options()).value();
    service_->SetAddresses({"farm.example:7443"});
  }
  void TearDown() override {
    service_.reset();
    fs::remove_all(folder_);
    fs::remove_all(folder_ + "-b");
    FarmTest::TearDown();
  }

  IdentityOptions Options() const { return {.folder = folder_, .public_names = {"farm.example"}}; }
  absl::StatusOr<std::unique_ptr<IdentityService>> Open(const IdentityOptions& options) {
    return IdentityService::Open(Now(), options, *store_, clock_);
  }
  std::string Secret(const domain::TokenRequest& request) {
    return pki::DecodeJoin(service_->CreateToken(Now(), request, admin_)->join)->secret;
  }
  absl::StatusOr<Membership> Join(const std::string& secret, const std::string& key, const std::string& name) {
    return service_->Join(Now(), secret, pki::NewRequest(key).value(), {.wanted = name}, stranger_);
  }

  static inline int farms_ = 0;
  const domain::Actor admin_{.who = "root", .role = Role::kAdmin, .origin = "unix"};
  const domain::Actor stranger_{.origin = "10.0.0.9"};
  FakeClock clock_;
  std::string folder_;
  std::unique_ptr<store::IdentityStore> store_;
  std::unique_ptr<IdentityService> service_;
};

TEST_F(IdentityServiceTest, TheAuthorityIsMadeOnceForTheFarmsUserAlone) {
  const std::string certificate = service_->authority_certificate();
  for (const char* part : {"/authority/current/key.pem", "/server/current/key.pem"}) {
    struct stat st {};
    ASSERT_EQ(stat((folder_ + part).c_str(), &st), 0) << part;
    EXPECT_EQ(st.st_mode & 0777, 0600u) << part;
  }
  const auto again = Open(Options());
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ((*again)->authority_certificate(), certificate);
  EXPECT_EQ((*again)->farm_id(), service_->farm_id());
}

TEST_F(IdentityServiceTest, ACoordinatorWithAnotherAuthorityDoesNotSignForThisFarm) {
  IdentityOptions other = Options();
  other.folder = folder_ + "-b";
  absl::Status refused = Open(other).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("has none; copy that folder"));
  const pki::Authority foreign = pki::NewAuthority("f9", absl::Now()).value();
  ASSERT_TRUE(pki::ReplaceFiles(other.folder + "/authority",
                                {{pki::kKeyFile, foreign.key}, {pki::kCertificateFile, foreign.certificate}})
                  .ok());
  refused = Open(other).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("has one with"));
  // A copy of the right folder serves.
  fs::remove_all(other.folder);
  fs::copy(folder_, other.folder, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  EXPECT_TRUE(Open(other).ok());
  fs::remove(folder_ + "/authority/1/key.pem");
  EXPECT_FALSE(Open(Options()).ok());
}

TEST_F(IdentityServiceTest, TheServersCertificateFollowsItsNames) {
  const auto names = [&] {
    return pki::ReadCertificate(pki::ReadKeyFile(folder_ + "/server", pki::kCertificateFile).value())->names;
  };
  EXPECT_THAT(names(), ElementsAre(pki::ServerName(service_->farm_id()), "farm.example"));
  const std::string before = pki::ReadKeyFile(folder_ + "/server", pki::kCertificateFile).value();
  ASSERT_TRUE(service_->RenewServerCertificate().ok());
  EXPECT_EQ(pki::ReadKeyFile(folder_ + "/server", pki::kCertificateFile).value(), before);
  IdentityOptions moved = Options();
  moved.public_names = {"10.1.2.3"};
  ASSERT_TRUE(Open(moved).ok());
  EXPECT_THAT(names(), Contains("10.1.2.3"));
  EXPECT_TRUE(absl::IsInvalidArgument(Open({.folder = folder_, .public_names = {"a b"}}).status()));
}

TEST_F(IdentityServiceTest, AJoinStringLetsOneInWhoIsKnownByHisCertificateFromThenOn) {
  const auto created = service_->CreateToken(Now(), {.role = Role::kOperator}, admin_);
  ASSERT_TRUE(created.ok()) << created.status();
  const pki::JoinString join = pki::DecodeJoin(created->join).value();
  EXPECT_THAT(join.addresses, ElementsAre("farm.example:7443"));
  EXPECT_EQ(join.authority_sha256, pki::Fingerprint(service_->authority_certificate()).value());

  const std::string key = pki::NewKey().value();
  const auto member = Join(join.secret, key, "ann");
  ASSERT_TRUE(member.ok()) << member.status();
  EXPECT_EQ(member->authorities, service_->authority_certificate());
  const auto known = service_->Known(Now(), member->certificate);
  ASSERT_TRUE(known.ok()) << known.status();
  EXPECT_EQ(known->identity.id, member->identity.id);
  EXPECT_EQ(known->identity.role, Role::kOperator);
  EXPECT_EQ(known->identity.name, "ann");
  EXPECT_TRUE(absl::IsUnauthenticated(
      service_->Join(Now(), "wrong", pki::NewRequest(key).value(), {.wanted = "x"}, stranger_).status()));
  EXPECT_TRUE(
      absl::IsInvalidArgument(service_->Join(Now(), join.secret, "no request", {.wanted = "x"}, stranger_).status()));
}

TEST_F(IdentityServiceTest, ARenewedCertificateIsOfTheSameIdentity) {
  const std::string key = pki::NewKey().value();
  const auto member = Join(Secret({.role = Role::kWorker}), key, "far");
  ASSERT_TRUE(member.ok()) << member.status();
  const auto renewed = service_->Renew(Now(), pki::NewRequest(key).value(), stranger_);
  ASSERT_TRUE(renewed.ok()) << renewed.status();
  EXPECT_EQ(renewed->identity.id, member->identity.id);
  EXPECT_TRUE(service_->Known(Now(), renewed->certificate).ok());
  EXPECT_TRUE(absl::IsUnauthenticated(
      service_->Renew(Now(), pki::NewRequest(pki::NewKey().value()).value(), stranger_).status()));
}

TEST_F(IdentityServiceTest, WhoIsRevokedIsUnknownAtOnceHereAndWithinAMinuteElsewhere) {
  const std::string key = pki::NewKey().value();
  const auto member = Join(Secret({.role = Role::kWorker}), key, "far");
  const auto elsewhere = Open(Options());
  ASSERT_TRUE((*elsewhere)->Known(Now(), member->certificate).ok());
  ASSERT_TRUE(service_->Known(Now(), member->certificate).ok());
  std::vector<int64_t> told;
  service_->OnRevoked([&](IdentityId id) { told.push_back(id.value); });
  ASSERT_TRUE(service_->Revoke(Now(), "far", admin_).ok());
  EXPECT_THAT(told, ElementsAre(member->identity.id.value));
  const absl::Status refused = service_->Known(Now(), member->certificate).status();
  EXPECT_TRUE(absl::IsUnauthenticated(refused));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("was revoked"));
  EXPECT_TRUE((*elsewhere)->Known(Now(), member->certificate).ok());
  clock_.Advance(service::kKnownFor);
  EXPECT_TRUE(absl::IsUnauthenticated((*elsewhere)->Known(Now(), member->certificate).status()));
  EXPECT_TRUE(absl::IsUnauthenticated(service_->Renew(Now(), pki::NewRequest(key).value(), stranger_).status()));
}

TEST_F(IdentityServiceTest, IdentitiesGoWithTheirTokenWhenThatIsAsked) {
  const auto created = service_->CreateToken(Now(), {.role = Role::kWorker, .uses = 5}, admin_);
  const std::string secret = pki::DecodeJoin(created->join)->secret;
  const auto one = Join(secret, pki::NewKey().value(), "w1"), two = Join(secret, pki::NewKey().value(), "w2");
  ASSERT_TRUE(one.ok() && two.ok());
  std::vector<int64_t> told;
  service_->OnRevoked([&](IdentityId id) { told.push_back(id.value); });
  EXPECT_THAT(service_->RevokeToken(Now(), created->token.id, true, admin_).value(),
              ::testing::UnorderedElementsAre("w1", "w2"));
  EXPECT_EQ(told.size(), 2u);
  EXPECT_FALSE(service_->Known(Now(), one->certificate).ok());
}

TEST_F(IdentityServiceTest, CertificatesThatAreNotOfThisFarmAreNobodys) {
  const std::string key = pki::NewKey().value();
  const std::string public_key = pki::ReadRequest(pki::NewRequest(key).value())->public_key_pem;
  const pki::Authority mine{.key = pki::ReadKeyFile(folder_ + "/authority", pki::kKeyFile).value(),
                            .certificate = pki::ReadKeyFile(folder_ + "/authority", pki::kCertificateFile).value()};
  // Signed by the stolen authority, but in no database.
  const auto forged = pki::IssueClient(
      mine, public_key, {.farm = service_->farm_id(), .role = Role::kAdmin, .identity = 99, .name = "root"},
      absl::Now());
  EXPECT_TRUE(absl::IsUnauthenticated(service_->Known(Now(), *forged).status()));
  const auto other_farm = pki::IssueClient(
      mine, public_key, {.farm = "f2", .role = Role::kAdmin, .identity = 1, .name = "root"}, absl::Now());
  EXPECT_TRUE(absl::IsUnauthenticated(service_->Known(Now(), *other_farm).status()));
  EXPECT_TRUE(absl::IsUnauthenticated(service_->Known(Now(), "").status()));
}

TEST_F(IdentityServiceTest, AFarmThatNobodyCanReachMakesNoJoinStrings) {
  const auto refused = Open(Options()).value()->CreateToken(Now(), {.role = Role::kWorker}, admin_).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("--listen"));
}

}  // namespace
}  // namespace gofarm::testing
