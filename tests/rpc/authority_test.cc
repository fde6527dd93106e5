// The farm's authority is exchanged, or the server's certificate is somebody else's, over real TLS.
#include <gmock/gmock.h>

#include "common/base/text.h"
#include "common/io/files.h"
#include "common/pki/certificate.h"
#include "common/pki/key_folder.h"
#include "common/sync/wait.h"
#include "tests/rpc/join_fixture.h"
#include "tests/support/outside_chain.h"

namespace gofarm::testing {
namespace {

using rpc::Membership;
using ::testing::HasSubstr;

class AuthorityTest : public JoinTest {
 protected:
  absl::StatusOr<v1::AuthorityState> Rotate(bool finish, bool force = false) {
    v1::RotateAuthorityRequest request;
    request.set_finish(finish);
    request.set_force(force);
    v1::AuthorityState state;
    const absl::Status status = Ask(*admin_, &v1::Identity::Stub::RotateAuthority, request, state);
    if (!status.ok()) return status;
    return state;
  }
  // The listener looks for another certificate every few seconds.
  bool KnownSoon(const Membership& member, bool wanted) {
    for (int i = 0; i < 100; ++i) {
      if (WhoAmI(member.AsCredentials()).ok() == wanted) return true;
      sync::SleepFor(Soon(), absl::Milliseconds(100));
    }
    return false;
  }
};

TEST_F(AuthorityTest, NobodyJoinsAgainWhenTheAuthorityIsRotated) {
  const auto early = Join(v1::ROLE_WORKER, "early"), asleep = Join(v1::ROLE_OPERATOR, "asleep");
  ASSERT_TRUE(early.ok() && asleep.ok()) << early.status() << asleep.status();
  const auto begun = Rotate(/*finish=*/false);
  ASSERT_TRUE(begun.ok()) << begun.status();
  EXPECT_EQ(begun->behind(), 2);
  EXPECT_TRUE(WhoAmI(early->AsCredentials()).ok());
  const auto renewed = rpc::RenewMembership(Soon(), *early);
  ASSERT_TRUE(renewed.ok()) << renewed.status();
  const auto late = Join(v1::ROLE_WORKER, "late");
  ASSERT_TRUE(late.ok()) << late.status();
  EXPECT_TRUE(WhoAmI(renewed->AsCredentials()).ok());
  EXPECT_TRUE(WhoAmI(late->AsCredentials()).ok());

  const absl::Status behind = Rotate(/*finish=*/true).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(behind));
  EXPECT_THAT(std::string(behind.message()), HasSubstr("asleep"));
  ASSERT_TRUE(Rotate(/*finish=*/true, /*force=*/true).ok());
  EXPECT_TRUE(KnownSoon(*renewed, true));
  EXPECT_TRUE(KnownSoon(*late, true));
  EXPECT_TRUE(KnownSoon(*asleep, false));
}

TEST_F(AuthorityTest, AHundredSessionsGoOnWhileTheServersCertificateIsRenewed) {
  constexpr int kSessions = 100;
  v1::CreateTokenRequest request;
  request.set_role(v1::ROLE_WORKER);
  request.set_uses(kSessions);
  v1::JoinToken token;
  ASSERT_TRUE(Ask(*admin_, &v1::Identity::Stub::CreateToken, request, token).ok());
  const pki::JoinString join = pki::DecodeJoin(token.join()).value();
  std::vector<Membership> members;
  std::vector<std::unique_ptr<v1::Worker::Stub>> stubs;
  std::vector<std::unique_ptr<FakeWorker>> workers;
  for (int i = 0; i < kSessions; ++i) {
    const std::string name = Cat("far-", i);
    members.push_back(rpc::JoinFarm(Soon(), join, {.wanted = name}, pki::NewKey().value()).value());
    stubs.push_back(WorkerStub(members.back()));
    workers.push_back(std::make_unique<FakeWorker>(*stubs.back(), absl::Seconds(120)));
    workers.back()->SayHello(FakeWorker::Hello(name));
    workers.back()->HearWelcome();
  }
  const auto shown = [&] { return pki::ReadKeyFile(dir_ + "/tls/server", pki::kCertificateFile).value(); };
  const std::string before = shown();
  ASSERT_TRUE(Rotate(/*finish=*/false).ok());
  for (Membership& member : members) member = rpc::RenewMembership(Soon(), member).value();
  ASSERT_TRUE(Rotate(/*finish=*/true).ok());
  EXPECT_NE(shown(), before);
  EXPECT_TRUE(KnownSoon(members.back(), true)) << "new connections see the new certificate";
  // Running ones go on: each session still takes and gives.
  Submit({"example.com/a@v1.0.0"}, "r1");
  for (const auto& worker : workers) worker->SayReady(1);
  int connected = 0;
  for (const v1::WorkerRow& row : Workers(/*brief=*/true))
    connected += row.state() == v1::WORKER_STATE_CONNECTED ? 1 : 0;
  EXPECT_EQ(connected, kSessions);
}

TEST_F(AuthorityTest, OnlyAnAdminRotates) {
  const auto ann = Join(v1::ROLE_OPERATOR, "ann");
  const auto stub = v1::Identity::NewStub(rpc::MakeFreshChannel(server_->tls_address(), ann->AsCredentials()));
  v1::AuthorityState state;
  EXPECT_TRUE(
      absl::IsPermissionDenied(Ask(*stub, &v1::Identity::Stub::RotateAuthority, v1::RotateAuthorityRequest(), state)));
  EXPECT_TRUE(absl::IsPermissionDenied(
      Ask(*stub, &v1::Identity::Stub::GetAuthorityState, v1::GetAuthorityStateRequest(), state)));
}

class OutsideTest : public AuthorityTest {
 protected:
  service::IdentityOptions Options() override {
    for (const auto& [file, text] : {std::pair{"chain", made_.chain}, {"key", made_.key}, {"root", made_.root}}) {
      EXPECT_TRUE(io::WriteFileAtomic(Cat(dir_, "/", file, ".pem"), text, 0600).ok());
    }
    service::IdentityOptions options = JoinTest::Options();
    options.outside = {dir_ + "/chain.pem", dir_ + "/key.pem", dir_ + "/root.pem"};
    return options;
  }
  const OutsideChain made_ = MakeOutsideChain({"127.0.0.1"}, WallNow());
};

TEST_F(OutsideTest, HostsJoinAndRenewByACertificateOfTheOperatorsOwnAuthority) {
  const auto member = Join(v1::ROLE_WORKER, "far");
  ASSERT_TRUE(member.ok()) << member.status();
  EXPECT_TRUE(member->server_by_address);
  EXPECT_EQ(member->authorities, made_.root);
  const auto self = WhoAmI(member->AsCredentials());
  ASSERT_TRUE(self.ok()) << self.status();
  EXPECT_EQ(self->name(), "far");
  // What a folder holds is enough to come back.
  ASSERT_TRUE(rpc::WriteMembership(dir_ + "/member", *member).ok());
  const auto read = rpc::ReadMembership(dir_ + "/member");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->joined_by, pki::Fingerprint(made_.root).value());
  const auto renewed = rpc::RenewMembership(Soon(), *read);
  ASSERT_TRUE(renewed.ok()) << renewed.status();
  EXPECT_TRUE(WhoAmI(renewed->AsCredentials()).ok());
}

TEST_F(OutsideTest, TheFarmsOwnAuthorityIsNotTheServers) {
  Membership fooled = Join(v1::ROLE_WORKER, "far").value();
  fooled.authorities = identities_->trust()->identities;
  EXPECT_FALSE(WhoAmI(fooled.AsCredentials()).ok());
}

}  // namespace
}  // namespace gofarm::testing
