// Attacks on a farm that is open to other hosts: somebody in between, a worker whose key was stolen or who was hostile
// from the start, and strangers who come in numbers. What they reach, and whom they hold up: docs/security.md.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/io/fd.h"
#include "common/pki/authority.h"
#include "common/pki/certificate.h"
#include "coordinator/rpc/acceptor.h"
#include "tests/rpc/join_fixture.h"

namespace gofarm::testing {
namespace {

using grpc::StatusCode;
using rpc::Membership;
using ::testing::HasSubstr;

// Who sits in between: shows a certificate of its own making, hands on what the farm says of its authority, and keeps
// every secret that it hears.
class Interloper final : public v1::Identity::Service {
 public:
  Interloper(const std::string& farm_id, std::string authorities) : authorities_(std::move(authorities)) {
    const pki::Authority own = pki::NewAuthority(farm_id, WallNow()).value();
    const std::string key = pki::NewKey().value();
    grpc::SslServerCredentialsOptions tls;
    tls.pem_key_cert_pairs.push_back({key, pki::IssueServer(own, key, farm_id, {"127.0.0.1"}, WallNow()).value()});
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(tls), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  std::string address() const { return Cat("127.0.0.1:", port_); }
  int asked() const { return asked_; }
  int heard() const { return heard_; }

 private:
  grpc::Status GetAuthority(grpc::ServerContext*, const v1::GetAuthorityRequest*, v1::Authority* reply) override {
    ++asked_;
    reply->set_authorities(authorities_);
    reply->mutable_now()->set_unix_micros(absl::ToUnixMicros(WallNow()));
    return grpc::Status::OK;
  }
  grpc::Status Join(grpc::ServerContext*, const v1::JoinRequest*, v1::Membership*) override {
    ++heard_;
    return grpc::Status::OK;
  }
  grpc::Status Renew(grpc::ServerContext*, const v1::RenewRequest*, v1::Membership*) override {
    ++heard_;
    return grpc::Status::OK;
  }

  const std::string authorities_;
  int port_ = 0;
  std::atomic<int> asked_{0}, heard_{0};
  std::unique_ptr<grpc::Server> server_;
};

class RogueTest : public JoinTest {
 protected:
  // Of one call of somebody else, while the attack goes on.
  bool Answers(const Membership& who) {
    const auto before = SteadyNow();
    const bool answered = WhoAmI(who.AsCredentials()).ok();
    slowest_ = std::max(slowest_, SteadyNow() - before);
    return answered;
  }
  io::Fd Dial(const char* from) {
    io::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in here{}, there{};
    here.sin_family = there.sin_family = AF_INET;
    ::inet_pton(AF_INET, from, &here.sin_addr);
    there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const std::string& address = server_->tls_address();
    there.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&here), sizeof here), 0);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&there), sizeof there), 0);
    return fd;
  }
  // What comes back within two seconds after `said`.
  static std::string Exchange(const io::Fd& fd, std::string_view said) {
    const timeval patience{.tv_sec = 2, .tv_usec = 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    (void)::send(fd.get(), said.data(), said.size(), MSG_NOSIGNAL);
    char answer[512];
    const ssize_t size = ::recv(fd.get(), answer, sizeof answer, 0);
    return size <= 0 ? "" : std::string(answer, static_cast<size_t>(size));
  }
  absl::Duration slowest_ = absl::ZeroDuration();
};

TEST_F(RogueTest, AManInTheMiddleHearsNoSecretAlthoughHeHandsOnTheRealAuthority) {
  const Interloper interloper(identities_->farm_id(), identities_->trust()->server.authorities);
  pki::JoinString join = Token(v1::ROLE_WORKER);
  join.addresses = {interloper.address()};
  const absl::Status refused = rpc::JoinFarm(Soon(), join, {.wanted = "far"}, pki::NewKey().value()).status();
  EXPECT_FALSE(refused.ok());
  EXPECT_EQ(interloper.asked(), 1);
  EXPECT_EQ(interloper.heard(), 0);
  EXPECT_EQ(store_->Tokens(Soon())->at(0).used, 0);
  // Nor is a member's renewal sent to him, nor a session opened.
  Membership member = Join(v1::ROLE_WORKER, "far").value();
  member.addresses = {interloper.address()};
  EXPECT_FALSE(rpc::RenewMembership(Soon(), member).ok());
  EXPECT_EQ(interloper.heard(), 0);
}

TEST_F(RogueTest, AWorkerWithAnotherOnesSessionSecretGetsNothingByIt) {
  const auto victim = Join(v1::ROLE_WORKER, "w1"), rogue = Join(v1::ROLE_WORKER, "rogue");
  ASSERT_TRUE(victim.ok() && rogue.ok());
  const auto victim_stub = WorkerStub(*victim), rogue_stub = WorkerStub(*rogue);
  FakeWorker worker(*victim_stub);
  const v1::Offer offer = RunningOffer(worker);
  ASSERT_EQ(AppendLog(*victim_stub, offer.token(), 0, "mine"), 4);
  grpc::Status status;

  // The victim's secret is sent with each of these; the certificate is the rogue's.
  AppendLog(*rogue_stub, offer.token(), 4, "not mine", &status);
  EXPECT_EQ(status.error_code(), StatusCode::PERMISSION_DENIED) << status.error_message();
  EXPECT_EQ(Upload(*rogue_stub, offer.token(), digest::Sha256Hex("bytes"), "bytes").error_code(),
            StatusCode::PERMISSION_DENIED);
  v1::CompleteReply reply;
  EXPECT_EQ(rogue_stub->Complete(Context().get(), Built(offer.token(), offer.job_id(), "hello", "bytes"), &reply)
                .error_code(),
            StatusCode::PERMISSION_DENIED);
  FakeWorker thief(*rogue_stub, absl::Seconds(30), LastSecret());
  thief.SayHello(FakeWorker::Hello("w1"));
  EXPECT_EQ(thief.AwaitEnd().error_code(), StatusCode::PERMISSION_DENIED);

  EXPECT_EQ(GetJob(offer.job_id()).state(), v1::JOB_STATE_RUNNING);
  EXPECT_EQ(AppendLog(*victim_stub, offer.token(), 4, "!"), 5) << "nobody else's bytes are in it";
}

TEST_F(RogueTest, AWorkerThatFloodsItsSessionHoldsNobodyUp) {
  const auto rogue = Join(v1::ROLE_WORKER, "rogue"), ann = Join(v1::ROLE_OPERATOR, "ann");
  const auto stub = WorkerStub(*rogue);
  FakeWorker worker(*stub, absl::Seconds(60));
  worker.SayHello(FakeWorker::Hello("rogue"));
  worker.HearWelcome();
  std::atomic<bool> enough{false};
  std::thread flood([&] {
    v1::WorkerMessage message;
    message.mutable_progress()->set_token(99);
    message.mutable_progress()->set_phase(v1::PHASE_BUILD);
    message.mutable_progress()->add_phases(v1::PHASE_BUILD);
    for (int i = 0; i < 100'000 && !enough; ++i) worker.Say(message);
  });
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(Answers(*ann));
  enough = true;
  // What it has said already is read at the pace of one worker, so it is cut off instead of waited for.
  v1::IdentityRequest who;
  who.set_name("rogue");
  v1::IdentityRow row;
  EXPECT_TRUE(Ask(*admin_, &v1::Identity::Stub::RevokeIdentity, who, row).ok());
  flood.join();
  EXPECT_EQ(worker.Hear().kind_case(), v1::CoordinatorMessage::KIND_NOT_SET);
  EXPECT_LT(slowest_, absl::Seconds(5));
}

TEST_F(RogueTest, StrangersInNumbersHoldUpNobodyOfAnotherAddress) {
  const auto ann = Join(v1::ROLE_OPERATOR, "ann");
  ASSERT_TRUE(ann.ok()) << ann.status();
  constexpr int kFlood = 400;
  std::vector<io::Fd> silent, half;
  for (int i = 0; i < kFlood; ++i) {
    silent.push_back(Dial("127.0.0.2"));
    half.push_back(Dial("127.0.0.3"));
    // The first bytes of a handshake, and no more.
    (void)::send(half.back().get(), "\x16\x03\x01\x02\x00\x01", 6, MSG_NOSIGNAL);
    if (i % 50 == 0) {
      EXPECT_TRUE(Answers(*ann));
    }
  }
  EXPECT_TRUE(Answers(*ann));
  EXPECT_LT(slowest_, absl::Seconds(5));
  // Those beyond the limit of an address were shut at once.
  const auto shut = std::count_if(silent.begin(), silent.end(), [](const io::Fd& fd) {
    char byte;
    return ::recv(fd.get(), &byte, 1, MSG_DONTWAIT) == 0;
  });
  EXPECT_GE(shut, kFlood - 2 * rpc::AcceptorLimits().strangers_per_address);
}

TEST_F(RogueTest, WhatIsNoTlsIsNotAnswered) {
  const std::string http2 = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";
  for (const std::string& said :
       {http2, std::string("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"), std::string(4096, '\0')}) {
    const std::string answer = Exchange(Dial("127.0.0.4"), said);
    // At most an alert of TLS.
    EXPECT_TRUE(answer.empty() || answer[0] == '\x15') << answer;
    EXPECT_LE(answer.size(), 16u);
  }
}

}  // namespace
}  // namespace gofarm::testing
