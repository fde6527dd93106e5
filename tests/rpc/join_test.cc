// Coming into a farm and staying there, over real TLS to the real server: who gets in, who is refused before anything
// secret is said, and who is thrown out.
#include <gmock/gmock.h>
#include <gofarm/v1/identity.grpc.pb.h>

#include <filesystem>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/pki/authority.h"
#include "common/pki/certificate.h"
#include "common/pki/join_string.h"
#include "common/pki/key.h"
#include "common/rpc/channel.h"
#include "common/rpc/deadline.h"
#include "common/rpc/grpc_status.h"
#include "common/rpc/membership.h"
#include "coordinator/service/identity_service.h"
#include "coordinator/store/identity_store.h"
#include "tests/rpc/farm_server.h"

namespace gofarm::testing {
namespace {

using rpc::JoinFarm;
using rpc::Membership;
using ::testing::HasSubstr;

class JoinTest : public RpcTest {
 protected:
  void SetUp() override {
    adjust_ = [this](rpc::ServerParts& parts) {
      store_ = std::make_unique<store::IdentityStore>(*pool_);
      identities_ = service::IdentityService::Open(Soon(), {.folder = dir_ + "/tls", .public_names = {"127.0.0.1"}},
                                                   *store_, RealClock())
                        .value();
      parts.identities = identities_.get();
    };
    RpcTest::SetUp();
    identities_->SetAddresses({server_->tls_address()});
    admin_ = v1::Identity::NewStub(channel_);
  }
  void TearDown() override {
    RpcTest::TearDown();
    identities_.reset();
  }

  static Scope Soon() { return Scope::For(absl::Seconds(20)); }
  pki::JoinString Token(v1::Role role, const std::string& name = "") {
    v1::CreateTokenRequest request;
    request.set_role(role);
    request.set_name(name);
    v1::JoinToken token;
    const auto context = Context();
    const grpc::Status made = admin_->CreateToken(context.get(), request, &token);
    EXPECT_TRUE(made.ok()) << made.error_message();
    return pki::DecodeJoin(token.join()).value();
  }
  absl::StatusOr<Membership> Join(v1::Role role, const std::string& name) {
    return JoinFarm(Soon(), Token(role), name, pki::NewKey().value());
  }
  template <typename Reply, typename Request, typename Method, typename Stub>
  absl::Status Ask(Stub& stub, Method method, const Request& request, Reply& reply) {
    const auto context = Context();
    return rpc::FromGrpc((stub.*method)(context.get(), request, &reply));
  }
  absl::StatusOr<v1::Self> WhoAmI(const rpc::Credentials& credentials) {
    const auto stub = v1::Identity::NewStub(rpc::MakeFreshChannel(server_->tls_address(), credentials));
    v1::Self self;
    const absl::Status status = Ask(*stub, &v1::Identity::Stub::WhoAmI, v1::WhoAmIRequest(), self);
    if (!status.ok()) return status;
    return self;
  }

  std::unique_ptr<store::IdentityStore> store_;
  std::unique_ptr<service::IdentityService> identities_;
  std::unique_ptr<v1::Identity::Stub> admin_;
};

TEST_F(JoinTest, OneStringBringsAHostInAndItsCertificateKeepsItThere) {
  const auto member = Join(v1::ROLE_WORKER, "far");
  ASSERT_TRUE(member.ok()) << member.status();
  EXPECT_EQ(member->name, "far");
  EXPECT_EQ(member->role, Role::kWorker);
  const auto self = WhoAmI(member->AsCredentials());
  ASSERT_TRUE(self.ok()) << self.status();
  EXPECT_EQ(self->name(), "far");
  EXPECT_EQ(self->role(), v1::ROLE_WORKER);
  EXPECT_EQ(self->farm_id(), identities_->farm_id());
  EXPECT_GT(self->expires_at().unix_micros(), absl::ToUnixMicros(WallNow() + absl::Hours(23)));

  const auto renewed = rpc::RenewMembership(Soon(), *member);
  ASSERT_TRUE(renewed.ok()) << renewed.status();
  EXPECT_NE(renewed->certificate, member->certificate);
  EXPECT_TRUE(WhoAmI(renewed->AsCredentials()).ok());
  EXPECT_GT(member->RenewAt(), WallNow() + absl::Hours(12));

  const std::string folder = dir_ + "/member";
  EXPECT_TRUE(absl::IsNotFound(rpc::ReadMembership(folder).status()));
  ASSERT_TRUE(rpc::WriteMembership(folder, *renewed).ok());
  const auto read = rpc::ReadMembership(folder);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->name, "far");
  EXPECT_EQ(read->addresses, renewed->addresses);
  EXPECT_TRUE(WhoAmI(read->AsCredentials()).ok());
  EXPECT_EQ(rpc::KeyOf(folder).value(), member->key);
}

TEST_F(JoinTest, AUsedStringLetsNobodyElseInAndTheSameKeyAgain) {
  const pki::JoinString join = Token(v1::ROLE_WORKER);
  const std::string key = pki::NewKey().value();
  ASSERT_TRUE(JoinFarm(Soon(), join, "far", key).ok());
  EXPECT_TRUE(JoinFarm(Soon(), join, "far", key).ok());
  const absl::Status used = JoinFarm(Soon(), join, "far2", pki::NewKey().value()).status();
  EXPECT_TRUE(absl::IsUnauthenticated(used)) << used;
  EXPECT_THAT(std::string(used.message()), HasSubstr("was already used"));
}

TEST_F(JoinTest, AnotherFarmIsNoticedBeforeTheSecretIsSaid) {
  pki::JoinString join = Token(v1::ROLE_WORKER);
  join.authority_sha256 = std::string(64, 'a');
  const absl::Status refused = JoinFarm(Soon(), join, "far", pki::NewKey().value()).status();
  EXPECT_TRUE(absl::IsUnauthenticated(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("another farm answers at this address"));
  EXPECT_EQ(store_->Tokens(Soon())->at(0).used, 0);
  join.addresses = {"127.0.0.1:1"};
  EXPECT_TRUE(absl::IsUnavailable(JoinFarm(Soon(), join, "far", pki::NewKey().value()).status()));
}

TEST_F(JoinTest, RolesHoldForEachCall) {
  const auto viewer = Join(v1::ROLE_VIEWER, "eve"), worker = Join(v1::ROLE_WORKER, "far"),
             op = Join(v1::ROLE_OPERATOR, "ann"), admin = Join(v1::ROLE_ADMIN, "root");
  ASSERT_TRUE(viewer.ok() && worker.ok() && op.ok() && admin.ok());
  const auto try_all = [&](const Membership& who, bool lists, bool cancels, bool makes_tokens) {
    SCOPED_TRACE(who.name);
    const auto channel = rpc::MakeFreshChannel(server_->tls_address(), who.AsCredentials());
    const auto farm = v1::Farm::NewStub(channel);
    const auto identity = v1::Identity::NewStub(channel);
    v1::Batch batch;
    v1::BatchRequest no_batch;
    no_batch.set_id(99);
    EXPECT_EQ(absl::IsNotFound(Ask(*farm, &v1::Farm::Stub::GetBatch, no_batch, batch)), lists);
    const absl::Status cancelled = Ask(*farm, &v1::Farm::Stub::CancelBatch, no_batch, batch);
    EXPECT_EQ(absl::IsNotFound(cancelled), cancels) << cancelled;
    v1::CreateTokenRequest request;
    request.set_role(v1::ROLE_ADMIN);
    v1::JoinToken token;
    const absl::Status made = Ask(*identity, &v1::Identity::Stub::CreateToken, request, token);
    EXPECT_EQ(made.ok(), makes_tokens) << made;
    if (!makes_tokens) {
      EXPECT_TRUE(absl::IsPermissionDenied(made)) << made;
      EXPECT_THAT(std::string(made.message()), HasSubstr("takes the role admin; this is"));
      EXPECT_THAT(std::string(made.message()), HasSubstr(who.name));
    }
  };
  try_all(*viewer, true, false, false);
  try_all(*worker, false, false, false);
  try_all(*op, true, true, false);
  try_all(*admin, true, true, true);
}

TEST_F(JoinTest, AWorkerSpeaksUnderItsOwnNameOnly) {
  const auto member = Join(v1::ROLE_WORKER, "far");
  ASSERT_TRUE(member.ok()) << member.status();
  const auto stub = v1::Worker::NewStub(rpc::MakeFreshChannel(server_->tls_address(), member->AsCredentials()));
  {
    FakeWorker mine(*stub);
    mine.SayHello(FakeWorker::Hello("far"));
    EXPECT_GT(mine.HearWelcome().session_id(), 0);
  }
  FakeWorker other(*stub);
  other.SayHello(FakeWorker::Hello("near"));
  EXPECT_EQ(other.Hear().kind_case(), v1::CoordinatorMessage::KIND_NOT_SET);
  EXPECT_EQ(other.End().error_code(), grpc::StatusCode::PERMISSION_DENIED);
}

TEST_F(JoinTest, WhoIsRevokedIsCutOffAndStaysOut) {
  const auto member = Join(v1::ROLE_WORKER, "far");
  ASSERT_TRUE(member.ok()) << member.status();
  const auto stub = v1::Worker::NewStub(rpc::MakeFreshChannel(server_->tls_address(), member->AsCredentials()));
  FakeWorker worker(*stub);
  worker.SayHello(FakeWorker::Hello("far"));
  worker.HearWelcome();
  v1::IdentityRequest who;
  who.set_name("far");
  v1::IdentityRow row;
  ASSERT_TRUE(Ask(*admin_, &v1::Identity::Stub::RevokeIdentity, who, row).ok());
  EXPECT_EQ(row.state(), "revoked");
  EXPECT_EQ(worker.Hear().kind_case(), v1::CoordinatorMessage::KIND_NOT_SET) << "its stream ended";
  EXPECT_FALSE(worker.End().ok());
  const absl::Status again = WhoAmI(member->AsCredentials()).status();
  EXPECT_TRUE(absl::IsUnauthenticated(again)) << again;
  EXPECT_THAT(std::string(again.message()), HasSubstr("was revoked"));
  EXPECT_TRUE(absl::IsUnauthenticated(rpc::RenewMembership(Soon(), *member).status()));
}

TEST_F(JoinTest, StrangersMayAskWhoTheFarmIsAndNothingElse) {
  const auto stub = v1::Identity::NewStub(rpc::MakeFreshChannel(server_->tls_address(), rpc::Credentials::AnyServer()));
  v1::Authority authority;
  ASSERT_TRUE(Ask(*stub, &v1::Identity::Stub::GetAuthority, v1::GetAuthorityRequest(), authority).ok());
  EXPECT_EQ(authority.authorities(), identities_->authority_certificate());
  v1::Self self;
  EXPECT_TRUE(absl::IsUnauthenticated(Ask(*stub, &v1::Identity::Stub::WhoAmI, v1::WhoAmIRequest(), self)));
  v1::JoinRequest guess;
  guess.set_secret("a-guess");
  guess.set_certificate_request(pki::NewRequest(pki::NewKey().value()).value());
  v1::Membership member;
  EXPECT_TRUE(absl::IsUnauthenticated(Ask(*stub, &v1::Identity::Stub::Join, guess, member)));
}

}  // namespace
}  // namespace gofarm::testing
