// Coming into a farm and staying there, over real TLS to the real server: who gets in, who is refused before anything
// secret is said, and who is thrown out.
#include <gmock/gmock.h>

#include <filesystem>

#include "common/base/text.h"
#include "common/pki/authority.h"
#include "common/pki/certificate.h"
#include "common/pki/key_folder.h"
#include "common/rpc/deadline.h"
#include "common/sync/wait.h"
#include "tests/rpc/join_fixture.h"
#include "worker/place.h"

namespace gofarm::testing {
namespace {

using rpc::JoinFarm;
using rpc::Membership;
using ::testing::HasSubstr;

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
}

TEST_F(JoinTest, AUsedStringLetsNobodyElseInAndTheSameKeyAgain) {
  const pki::JoinString join = Token(v1::ROLE_WORKER);
  const std::string key = pki::NewKey().value();
  ASSERT_TRUE(JoinFarm(Soon(), join, {.wanted = "far"}, key).ok());
  EXPECT_TRUE(JoinFarm(Soon(), join, {.wanted = "far"}, key).ok());
  const absl::Status used = JoinFarm(Soon(), join, {.wanted = "far2"}, pki::NewKey().value()).status();
  EXPECT_TRUE(absl::IsUnauthenticated(used)) << used;
  EXPECT_THAT(std::string(used.message()), HasSubstr("was already used"));
}

TEST_F(JoinTest, AFolderHoldsWhatCameAndTheKeyOfATryThatGotNoAnswer) {
  const std::string folder = dir_ + "/place", joining = folder + ".joining";
  const pki::JoinString join = Token(v1::ROLE_WORKER);
  pki::JoinString nobody = join;
  nobody.addresses = {"127.0.0.1:1"};
  EXPECT_TRUE(absl::IsUnavailable(rpc::JoinInto(Soon(), folder, nobody, {.usual = "host-7"}).status()));
  const std::string key = pki::ReadKeyFile(joining, pki::kKeyFile).value();
  const auto member = rpc::JoinInto(Soon(), folder, join, {.usual = "host-7"});
  ASSERT_TRUE(member.ok()) << member.status();
  EXPECT_EQ(member->name, "host-7");
  EXPECT_EQ(member->key, key);
  EXPECT_EQ(rpc::ReadMembership(folder)->certificate, member->certificate);
  EXPECT_TRUE(absl::IsNotFound(pki::ReadKeyFile(joining, pki::kKeyFile).status()));
  // A token's name counts more than the usual one, and a refusal leaves the place as it was.
  EXPECT_EQ(rpc::JoinInto(Soon(), folder, Token(v1::ROLE_WORKER, "named"), {.usual = "host-7"})->name, "named");
  EXPECT_TRUE(absl::IsUnauthenticated(rpc::JoinInto(Soon(), folder, join, {.usual = "host-8"}).status()));
  EXPECT_EQ(rpc::ReadMembership(folder)->name, "named");
  EXPECT_TRUE(absl::IsNotFound(pki::ReadKeyFile(joining, pki::kKeyFile).status()));
}

TEST_F(JoinTest, AnotherFarmIsNoticedBeforeTheSecretIsSaid) {
  pki::JoinString join = Token(v1::ROLE_WORKER);
  join.authority_sha256 = std::string(64, 'a');
  const absl::Status refused = JoinFarm(Soon(), join, {.wanted = "far"}, pki::NewKey().value()).status();
  EXPECT_TRUE(absl::IsUnauthenticated(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("another farm answers at this address"));
  EXPECT_EQ(store_->Tokens(Soon())->at(0).used, 0);
  join.addresses = {"127.0.0.1:1"};
  EXPECT_TRUE(absl::IsUnavailable(JoinFarm(Soon(), join, {.wanted = "far"}, pki::NewKey().value()).status()));
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
  const auto stub = WorkerStub(*member);
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
  const auto stub = WorkerStub(*member);
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

TEST_F(JoinTest, TheAuditSaysWhoChangedWhatAndWhoWasRefused) {
  const auto ann = Join(v1::ROLE_OPERATOR, "ann"), eve = Join(v1::ROLE_VIEWER, "eve");
  ASSERT_TRUE(ann.ok() && eve.ok());
  const auto submits = [&](const Membership& who) {
    const auto farm = v1::Farm::NewStub(rpc::MakeFreshChannel(server_->tls_address(), who.AsCredentials()));
    const auto context = Context();
    v1::SubmitReply reply;
    const auto writer = farm->Submit(context.get(), &reply);
    v1::SubmitChunk chunk;
    chunk.mutable_header()->set_request_id(who.name);
    chunk.mutable_header()->set_submitter(who.name);
    writer->Write(chunk);
    chunk.Clear();
    chunk.mutable_entries()->add_entries()->set_module("example.com/a");
    chunk.mutable_entries()->mutable_entries(0)->set_version("v1.0.0");
    writer->Write(chunk);
    writer->WritesDone();
    const absl::Status status = rpc::FromGrpc(writer->Finish());
    if (!status.ok()) return status;
    v1::BatchRequest batch;
    batch.set_id(reply.batch().id());
    v1::Batch cancelled;
    return Ask(*farm, &v1::Farm::Stub::CancelBatch, batch, cancelled);
  };
  ASSERT_TRUE(submits(*ann).ok());
  EXPECT_TRUE(absl::IsPermissionDenied(submits(*eve)));
  const auto entries = [&] { return audit_->Read(Soon(), 0, absl::InfinitePast(), 100).value(); };
  std::string all;
  for (const domain::AuditEntry& e : entries()) all += Cat(e.actor.who, " ", e.action, ": ", e.detail, "\n");
  EXPECT_THAT(all, HasSubstr("ann submit: batch 1, 1 modules, as ann\n"));
  EXPECT_THAT(all, HasSubstr("ann batch cancel: id: 1\n"));
  EXPECT_THAT(all, HasSubstr("local token create: "));
  EXPECT_THAT(all, HasSubstr("ann join: "));
  EXPECT_THAT(all, ::testing::Not(HasSubstr("eve submit")));
  // What is refused is written by and by.
  const auto refused = [&] {
    const auto now = entries();
    return std::any_of(now.begin(), now.end(), [](const domain::AuditEntry& e) {
      return e.actor.who == "eve" && e.action == "refused" && e.detail.find("Submit") != std::string::npos;
    });
  };
  for (int i = 0; i < 100 && !refused(); ++i) sync::SleepFor(Soon(), absl::Milliseconds(100));
  EXPECT_TRUE(refused());
  EXPECT_TRUE(MetricsSoonHave("gofarm_authentication_refusals_total{why=\"permission_denied\"} 1\n"));
}

TEST_F(JoinTest, AHostKeepsItsPlaceOverRestartsUntilItIsThrownOut) {
  worker::PlaceOptions options{.folder = dir_ + "/identity/far", .names = {.usual = "far"}};
  EXPECT_TRUE(absl::IsFailedPrecondition(worker::FindPlace(Soon(), options).status()));
  options.join = Token(v1::ROLE_WORKER);
  const auto joined = worker::FindPlace(Soon(), options);
  ASSERT_TRUE(joined.ok()) << joined.status();
  // The string was used; with an identity it is not looked at again.
  EXPECT_EQ(worker::FindPlace(Soon(), options)->certificate, joined->certificate);

  // Two thirds of its life are over: it is renewed at once.
  Membership old = *joined;
  old.begins_at = WallNow() - absl::Hours(72);
  absl::Mutex mutex;
  std::vector<Membership> renewed;
  absl::Status lost;
  worker::PlaceKeeper keeper(options, old,
                             {.renewed =
                                  [&](const Membership& now) {
                                    absl::MutexLock lock(&mutex);
                                    renewed.push_back(now);
                                  },
                              .lost =
                                  [&](const absl::Status& why) {
                                    absl::MutexLock lock(&mutex);
                                    lost = why;
                                  }});
  const auto was_renewed = [&] { return !renewed.empty(); };
  const auto is_lost = [&] { return !lost.ok(); };
  absl::MutexLock lock(&mutex);
  ASSERT_TRUE(sync::AwaitFor(mutex, absl::Condition(&was_renewed), absl::Seconds(20)));
  EXPECT_TRUE(WhoAmI(renewed[0].AsCredentials()).ok());
  EXPECT_EQ(rpc::ReadMembership(options.folder)->certificate, renewed[0].certificate);
  v1::IdentityRequest who;
  who.set_name("far");
  v1::IdentityRow row;
  ASSERT_TRUE(Ask(*admin_, &v1::Identity::Stub::RevokeIdentity, who, row).ok());
  keeper.Doubt();
  ASSERT_TRUE(sync::AwaitFor(mutex, absl::Condition(&is_lost), absl::Seconds(20)));
  EXPECT_THAT(std::string(lost.message()), HasSubstr("was already used"));
}

TEST_F(JoinTest, ARemovedWorkerComesBackOnlyWithATokenMadeForItsName) {
  const auto member = Join(v1::ROLE_WORKER, "far");
  ASSERT_TRUE(member.ok()) << member.status();
  const auto stub = WorkerStub(*member);
  FakeWorker worker(*stub);
  worker.SayHello(FakeWorker::Hello("far"));
  worker.HearWelcome();
  const auto farm = v1::Farm::NewStub(channel_);
  v1::WorkerChoice far;
  far.set_name("far");
  v1::ChosenWorkers drained;
  ASSERT_TRUE(Ask(*farm, &v1::Farm::Stub::DrainWorkers, far, drained).ok());
  v1::RemoveWorkerRequest remove;
  remove.set_name("far");
  v1::RemovedWorker removed;
  // The dispatcher hears of the drain a moment later.
  absl::Status status;
  for (int i = 0; i < 100; ++i) {
    status = Ask(*farm, &v1::Farm::Stub::RemoveWorker, remove, removed);
    if (!absl::IsFailedPrecondition(status)) break;
    sync::SleepFor(Soon(), absl::Milliseconds(50));
  }
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_TRUE(absl::IsUnauthenticated(WhoAmI(member->AsCredentials()).status()));
  EXPECT_TRUE(absl::IsAlreadyExists(Join(v1::ROLE_WORKER, "far").status()));
  EXPECT_TRUE(JoinFarm(Soon(), Token(v1::ROLE_WORKER, "far"), {}, pki::NewKey().value()).ok());
}

TEST_F(JoinTest, StrangersMayAskWhoTheFarmIsAndNothingElse) {
  const auto stub = v1::Identity::NewStub(rpc::MakeFreshChannel(server_->tls_address(), rpc::Credentials::AnyServer()));
  v1::Authority authority;
  ASSERT_TRUE(Ask(*stub, &v1::Identity::Stub::GetAuthority, v1::GetAuthorityRequest(), authority).ok());
  EXPECT_EQ(authority.authorities(), identities_->trust()->server.authorities);
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
