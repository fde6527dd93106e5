// The farm's authority and who it knows, over a real database and a real folder.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>

#include "common/digest/digest.h"
#include "common/io/files.h"
#include "common/pki/certificate.h"
#include "common/pki/join_string.h"
#include "common/pki/key.h"
#include "common/pki/key_folder.h"
#include "coordinator/service/identity_service.h"
#include "tests/pg/farm_fixture.h"
#include "tests/support/fake_clock.h"
#include "tests/support/outside_chain.h"

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
  const std::string certificate = service_->trust()->identities;
  for (const char* part : {"/authority/current/key.pem", "/server/current/key.pem"}) {
    struct stat st {};
    ASSERT_EQ(stat((folder_ + part).c_str(), &st), 0) << part;
    EXPECT_EQ(st.st_mode & 0777, 0600u) << part;
  }
  const auto again = Open(Options());
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ((*again)->trust()->identities, certificate);
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
  fs::remove(folder_ + "/authority/current/key.pem");
  EXPECT_FALSE(Open(Options()).ok());
}

TEST_F(IdentityServiceTest, TheServersCertificateFollowsItsNames) {
  const auto names = [&] {
    return pki::ReadCertificate(pki::ReadKeyFile(folder_ + "/server", pki::kCertificateFile).value())->names;
  };
  EXPECT_THAT(names(), ElementsAre(pki::ServerName(service_->farm_id()), "farm.example"));
  const std::string before = pki::ReadKeyFile(folder_ + "/server", pki::kCertificateFile).value();
  ASSERT_TRUE(service_->Refresh(Now()).ok());
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
  EXPECT_EQ(join.authority_sha256, pki::Fingerprint(service_->trust()->server.authorities).value());

  const std::string key = pki::NewKey().value();
  const auto member = Join(join.secret, key, "ann");
  ASSERT_TRUE(member.ok()) << member.status();
  EXPECT_EQ(member->authorities, service_->trust()->server.authorities);
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

class RotationTest : public IdentityServiceTest {
 protected:
  std::string Shown() { return pki::ReadKeyFile(folder_ + "/server", pki::kCertificateFile).value(); }
  // Whether a client that trusts these takes the server for the farm's.
  bool Takes(const std::string& authorities) {
    return pki::Verify(Shown(), authorities, pki::Use::kServer, WallNow()).ok();
  }
};

TEST_F(RotationTest, ARotationKeepsEverybodyInUntilTheyHaveLearnedOfTheNewAuthority) {
  const std::string key = pki::NewKey().value();
  const auto early = Join(Secret({.role = Role::kWorker}), key, "early");
  ASSERT_TRUE(early.ok()) << early.status();
  const auto begun = service_->BeginRotation(Now(), admin_);
  ASSERT_TRUE(begun.ok()) << begun.status();
  EXPECT_TRUE(begun->rotating);
  EXPECT_EQ(begun->behind, 1);
  EXPECT_THAT(begun->behind_names, ElementsAre("early"));
  ASSERT_EQ(begun->authorities.size(), 2u);
  EXPECT_TRUE(begun->authorities[0].signs_identities && !begun->authorities[0].signs_server);
  EXPECT_TRUE(!begun->authorities[1].signs_identities && begun->authorities[1].signs_server);
  EXPECT_TRUE(absl::IsFailedPrecondition(service_->BeginRotation(Now(), admin_).status()));

  // Whoever knows only the outgoing one takes the server and is taken; so is a joiner with a new string.
  EXPECT_TRUE(Takes(early->authorities));
  EXPECT_TRUE(service_->Known(Now(), early->certificate).ok());
  const auto created = service_->CreateToken(Now(), {.role = Role::kWorker}, admin_);
  EXPECT_EQ(pki::DecodeJoin(created->join)->authority_sha256, pki::Fingerprint(early->authorities).value());
  const auto late = Join(pki::DecodeJoin(created->join)->secret, pki::NewKey().value(), "late");
  ASSERT_TRUE(late.ok()) << late.status();
  EXPECT_TRUE(service_->Known(Now(), late->certificate).ok());
  EXPECT_FALSE(pki::Verify(late->certificate, early->authorities, pki::Use::kClient, WallNow()).ok());

  const absl::Status early_end = service_->EndRotation(Now(), /*force=*/false, admin_).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(early_end));
  EXPECT_THAT(std::string(early_end.message()), HasSubstr("1 identity knows only the outgoing authority: early"));
  const auto renewed = service_->Renew(Now(), pki::NewRequest(key).value(), stranger_);
  ASSERT_TRUE(renewed.ok()) << renewed.status();
  EXPECT_EQ(service_->Authorities(Now())->behind, 0);

  const auto ended = service_->EndRotation(Now(), /*force=*/false, admin_);
  ASSERT_TRUE(ended.ok()) << ended.status();
  EXPECT_FALSE(ended->rotating);
  ASSERT_EQ(ended->authorities.size(), 1u);
  EXPECT_TRUE(ended->authorities[0].signs_identities && ended->authorities[0].signs_server);
  EXPECT_FALSE(Takes(early->authorities));
  EXPECT_TRUE(Takes(renewed->authorities));
  EXPECT_TRUE(Takes(late->authorities));
  EXPECT_TRUE(service_->Known(Now(), renewed->certificate).ok());
  EXPECT_TRUE(absl::IsUnauthenticated(service_->Known(Now(), early->certificate).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(service_->EndRotation(Now(), false, admin_).status()));
  EXPECT_EQ(Open(Options()).value()->trust()->identities, service_->trust()->identities);
}

TEST_F(RotationTest, AStolenKeyIsDroppedAtOnceByForce) {
  const auto member = Join(Secret({.role = Role::kViewer}), pki::NewKey().value(), "ann");
  ASSERT_TRUE(service_->BeginRotation(Now(), admin_).ok());
  ASSERT_TRUE(service_->EndRotation(Now(), /*force=*/true, admin_).ok());
  EXPECT_TRUE(absl::IsUnauthenticated(service_->Known(Now(), member->certificate).status()));
  EXPECT_FALSE(Takes(member->authorities));
}

TEST_F(RotationTest, ACrashInBetweenAndAnotherCoordinatorsRotationAreFoundOut) {
  const auto standby = Open(Options());  // of the same folder
  ASSERT_TRUE(service_->BeginRotation(Now(), admin_).ok());
  ASSERT_TRUE((*standby)->Refresh(Now()).ok());
  EXPECT_EQ((*standby)->trust()->identities, service_->trust()->identities);
  fs::copy(folder_, folder_ + "-b", fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  ASSERT_TRUE(service_->EndRotation(Now(), /*force=*/false, admin_).ok());
  // A folder that does not know of the end yet, as a crash leaves it.
  IdentityOptions copied = Options();
  copied.folder = folder_ + "-b";
  const auto later = Open(copied);
  ASSERT_TRUE(later.ok()) << later.status();
  EXPECT_EQ((*later)->trust()->identities, service_->trust()->identities);
  EXPECT_FALSE(service::ReadAuthorities(copied.folder + "/authority")->outgoing.has_value());
  // Now this one rotates, and the copied folder lacks the new authority.
  ASSERT_TRUE(service_->BeginRotation(Now(), admin_).ok());
  const absl::Status stale = (*later)->Refresh(Now());
  EXPECT_TRUE(absl::IsFailedPrecondition(stale)) << stale;
  EXPECT_THAT(std::string(stale.message()), HasSubstr("copy that folder"));
}

class OutsideCertificateTest : public IdentityServiceTest {
 protected:
  void Write(const OutsideChain& made) {
    for (const auto& [file, text] : {std::pair{"chain", made.chain}, {"key", made.key}, {"root", made.root}}) {
      ASSERT_TRUE(io::WriteFileAtomic(Cat(folder_, "/", file, ".pem"), text, 0600).ok());
    }
  }
  IdentityOptions Outside() const {
    IdentityOptions options = Options();
    options.outside = {folder_ + "/chain.pem", folder_ + "/key.pem", folder_ + "/root.pem"};
    return options;
  }
};

TEST_F(OutsideCertificateTest, TheServersIsReplacedAndMembersStayTheFarms) {
  const OutsideChain first = MakeOutsideChain({"farm.example"}, WallNow());
  Write(first);
  service_ = Open(Outside()).value();
  service_->SetAddresses({"farm.example:7443"});
  EXPECT_EQ(pki::ReadKeyFile(folder_ + "/server", pki::kCertificateFile).value(), first.chain);
  const auto created = service_->CreateToken(Now(), {.role = Role::kWorker}, admin_);
  const pki::JoinString join = pki::DecodeJoin(created->join).value();
  EXPECT_EQ(join.authority_sha256, pki::Fingerprint(first.root).value());
  const auto member = Join(join.secret, pki::NewKey().value(), "far");
  ASSERT_TRUE(member.ok()) << member.status();
  EXPECT_EQ(member->authorities, first.root);
  EXPECT_TRUE(pki::Verify(member->certificate, member->identity_authorities, pki::Use::kClient, WallNow()).ok());
  EXPECT_FALSE(service_->Authorities(Now())->authorities[0].signs_server);

  const OutsideChain next = MakeOutsideChain({"farm.example"}, WallNow());
  Write(next);
  ASSERT_TRUE(service_->Refresh(Now()).ok());
  EXPECT_EQ(pki::ReadKeyFile(folder_ + "/server", pki::kCertificateFile).value(), next.chain);
  // What does not fit is refused, and the good one is shown on.
  Write({.root = next.root, .chain = next.chain, .server = "", .key = first.key});
  const absl::Status refused = service_->Refresh(Now());
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("the key is not that of the certificate"));
  EXPECT_EQ(pki::ReadKeyFile(folder_ + "/server", pki::kKeyFile).value(), next.key);
  fs::remove(folder_ + "/chain.pem");
  EXPECT_FALSE(service_->Refresh(Now()).ok());
  EXPECT_FALSE(Open(Outside()).ok());
}

}  // namespace
}  // namespace gofarm::testing
