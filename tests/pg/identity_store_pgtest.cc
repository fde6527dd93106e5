// Join tokens, identities and the audit on PostgreSQL: what two at once may not get, and what stands written.
#include <gmock/gmock.h>

#include <atomic>
#include <pqxx/pqxx>
#include <thread>

#include "common/digest/digest.h"
#include "coordinator/store/identity_store.h"
#include "tests/pg/farm_fixture.h"

namespace gofarm::testing {
namespace {

using domain::AuditEntry;
using domain::Identity;
using domain::JoinRequest;
using domain::JoinToken;
using domain::TokenRequest;
using store::IdentityStore;
using store::Joined;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class IdentityStoreTest : public FarmTest {
 protected:
  void SetUp() override {
    FarmTest::SetUp();
    identities_ = std::make_unique<IdentityStore>(*pool_);
  }
  static std::string Digest(std::string_view text) { return digest::Sha256Hex(text); }
  JoinToken Token(TokenRequest request, const std::string& secret = "s") {
    auto token = identities_->CreateToken(Now(), request, Digest(secret), admin_);
    EXPECT_TRUE(token.ok()) << token.status();
    return *token;
  }
  absl::StatusOr<Joined> Join(const std::string& name, const std::string& key, const std::string& secret = "s") {
    return identities_->Join(Now(), Digest(secret), {.name = name, .key_sha256 = Digest(key)}, stranger_, sign_);
  }
  std::vector<std::string> Actions() {
    std::vector<std::string> actions;
    const std::vector<AuditEntry> entries = identities_->Audit(Now(), 0, absl::UnixEpoch(), 100).value();
    for (const AuditEntry& entry : entries) {
      actions.push_back(Cat(entry.actor.who, ": ", entry.action, " ", entry.detail));
    }
    return actions;
  }

  const domain::Actor admin_{.who = "root", .role = Role::kAdmin, .origin = "unix"};
  const domain::Actor stranger_{.origin = "10.0.0.9"};
  const absl::Time end_ = absl::FromUnixSeconds(2'000'000'000);
  store::Sign sign_ = [this](const Identity& identity) -> absl::StatusOr<store::Signed> {
    return store::Signed{.certificate = Cat("certificate of ", identity.id.value),
                         .expires_at = end_,
                         .authority_sha256 = Digest("one")};
  };
  std::unique_ptr<IdentityStore> identities_;
};

TEST_F(IdentityStoreTest, TheFirstAuthorityIsTheFarmsForGood) {
  const std::string one = Digest("one"), two = Digest("two");
  EXPECT_EQ(identities_->Found(Now(), {"f1", one, ""})->authority_sha256, one);
  const auto again = identities_->Found(Now(), {"f2", two, ""});
  EXPECT_EQ(again->farm_id, "f1");
  EXPECT_EQ(again->authority_sha256, one);
}

TEST_F(IdentityStoreTest, ATokenMakesOneIdentityAndTheSameKeyGetsItAgain) {
  const JoinToken token = Token({.role = Role::kWorker});
  EXPECT_EQ(token.role, Role::kWorker);
  EXPECT_EQ(token.created_by, "root");
  EXPECT_EQ(token.expires_at - token.created_at, domain::kTokenLifeDefault);
  const auto joined = Join("far", "k1");
  ASSERT_TRUE(joined.ok()) << joined.status();
  EXPECT_EQ(joined->certificate, Cat("certificate of ", joined->identity.id.value));
  EXPECT_EQ(joined->identity.expires_at, end_);

  const auto again = Join("far", "k1");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->identity.id, joined->identity.id);
  const absl::Status used = Join("far2", "k2").status();
  EXPECT_TRUE(absl::IsUnauthenticated(used));
  EXPECT_THAT(std::string(used.message()), HasSubstr("was already used"));
  EXPECT_EQ(identities_->Tokens(Now())->at(0).used, 1);
  EXPECT_EQ(identities_->Identities(Now())->size(), 1u);
  EXPECT_EQ(identities_->OfKey(Now(), Digest("k1")).value()->name, "far");
  EXPECT_EQ(identities_->OfKey(Now(), Digest("k2")).value(), std::nullopt);
  EXPECT_THAT(Actions(), ElementsAre(Cat("root: token create token ", token.id.value, " for a worker, 1 use"),
                                     Cat("far: join with token ", token.id.value),
                                     Cat("far: join with token ", token.id.value, ", again")));
}

TEST_F(IdentityStoreTest, ASignatureThatFailsLeavesNothing) {
  Token({.role = Role::kWorker});
  sign_ = [](const Identity&) -> absl::StatusOr<store::Signed> { return absl::InternalError("no entropy"); };
  EXPECT_FALSE(Join("far", "k1").ok());
  EXPECT_EQ(identities_->Tokens(Now())->at(0).used, 0);
  EXPECT_TRUE(identities_->Identities(Now())->empty());
}

TEST_F(IdentityStoreTest, OfManyAtOnceATokenLetsInAsManyAsItHasUsesAndNoTwoOfOneName) {
  Token({.role = Role::kWorker, .uses = 3});
  Token({.role = Role::kWorker, .uses = 100}, "many");
  std::atomic<int> in = 0, named = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      in += Join(Cat("w", i), Cat("k", i)).ok();
      named += Join("one", Cat("n", i), "many").ok();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(in, 3);
  EXPECT_EQ(named, 1);
  EXPECT_EQ(identities_->Identities(Now())->size(), 4u);
}

TEST_F(IdentityStoreTest, WhoIsRevokedCannotRenewAndItsNameTakesATokenOfItsOwn) {
  Token({.role = Role::kWorker, .uses = 10});
  ASSERT_TRUE(Join("far", "k1").ok());
  ASSERT_TRUE(identities_->Renew(Now(), Digest("k1"), stranger_, sign_).ok());
  const auto revoked = identities_->Revoke(Now(), "far", admin_);
  ASSERT_TRUE(revoked.ok()) << revoked.status();
  EXPECT_TRUE(revoked->revoked());
  EXPECT_TRUE(absl::IsUnauthenticated(identities_->Renew(Now(), Digest("k1"), stranger_, sign_).status()));
  EXPECT_TRUE(absl::IsUnauthenticated(Join("far", "k1").status()));
  EXPECT_TRUE(absl::IsAlreadyExists(Join("far", "k2").status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(identities_->Revoke(Now(), "far", admin_).status()));
  EXPECT_TRUE(absl::IsNotFound(identities_->Revoke(Now(), "near", admin_).status()));

  Token({.role = Role::kWorker, .name = "far"}, "named");
  const auto back = Join("", "k3", "named");
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->identity.name, "far");
  EXPECT_FALSE(identities_->OfName(Now(), "far")->revoked());
  EXPECT_EQ(identities_->OfName(Now(), "far")->id, back->identity.id);
}

TEST_F(IdentityStoreTest, ARevokedTokenLeavesItsIdentitiesUnlessTheyGoWithIt) {
  const JoinToken token = Token({.role = Role::kViewer, .uses = 5});
  ASSERT_TRUE(Join("eve", "k1").ok());
  EXPECT_THAT(identities_->RevokeToken(Now(), token.id, false, admin_).value(), ElementsAre());
  EXPECT_TRUE(absl::IsUnauthenticated(Join("bob", "k2").status()));
  EXPECT_FALSE(identities_->OfName(Now(), "eve")->revoked());
  EXPECT_THAT(identities_->RevokeToken(Now(), token.id, true, admin_).value(), ElementsAre("eve"));
  EXPECT_TRUE(identities_->OfName(Now(), "eve")->revoked());
  EXPECT_TRUE(absl::IsNotFound(identities_->RevokeToken(Now(), domain::TokenId{999}, false, admin_).status()));
}

TEST_F(IdentityStoreTest, TheAuditIsReadFromTheNewestAndFollowed) {
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(identities_->Append(Now(), admin_, "submit", Cat("batch ", i)).ok());
  const auto newest = identities_->Audit(Now(), 0, absl::UnixEpoch(), 2).value();
  ASSERT_EQ(newest.size(), 2u);
  EXPECT_EQ(newest[0].detail, "batch 3");
  EXPECT_EQ(newest[1].actor.origin, "unix");
  EXPECT_TRUE(identities_->Audit(Now(), newest[1].id, absl::UnixEpoch(), 10)->empty());
  ASSERT_TRUE(identities_->Append(Now(), admin_, "submit", "line\nbreak \033[31m").ok());
  EXPECT_EQ(identities_->Audit(Now(), newest[1].id, absl::UnixEpoch(), 10)->at(0).detail, R"(line\x0abreak \x1b[31m)");
  EXPECT_TRUE(identities_->Audit(Now(), 0, absl::InfiniteFuture(), 10)->empty());
}

TEST_F(IdentityStoreTest, NoSecretStandsInTheDatabase) {
  Token({.role = Role::kWorker}, "a-secret-nobody-may-find");
  pqxx::connection db(url_);
  pqxx::work txn(db);
  for (const char* table : {"join_tokens", "audit"}) {
    for (const pqxx::row& row : txn.exec(Cat("SELECT t::text FROM ", table, " t"))) {
      EXPECT_EQ(row[0].as<std::string>().find("a-secret"), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace gofarm::testing
