// A TLS listener of our own accepting: who is let through to the calls, what is known of them there, and how
// connections are limited, shut and renewed.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/security/auth_context.h>
#include <grpcpp/security/auth_metadata_processor.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/io/fd.h"
#include "common/pki/authority.h"
#include "common/pki/certificate.h"
#include "common/pki/key.h"
#include "common/rpc/channel.h"
#include "common/rpc/credentials.h"
#include "common/rpc/deadline.h"
#include "common/rpc/grpc_status.h"
#include "common/sync/wait.h"
#include "coordinator/rpc/acceptor.h"

namespace gofarm::rpc {
namespace {

using ::testing::HasSubstr;

// What the coordinator's own will do: it reads who shows what, and says no in words.
class Gate final : public grpc::AuthMetadataProcessor {
 public:
  bool IsBlocking() const override { return false; }
  grpc::Status Process(const InputMetadata& metadata, grpc::AuthContext* context, OutputMetadata*,
                       OutputMetadata*) override {
    std::string shown;
    for (const grpc::string_ref& value : context->FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME)) {
      shown = std::string(value.data(), value.size());
    }
    const auto path = metadata.find(":path");
    const std::lock_guard lock(mutex);
    paths.insert(path == metadata.end() ? "" : std::string(path->second.data(), path->second.size()));
    const absl::StatusOr<pki::Certificate> who = pki::Verify(shown, authorities, pki::Use::kClient, WallNow());
    if (!who.ok()) return ToGrpc(who.status());
    last = who->subject;
    return grpc::Status::OK;
  }

  std::mutex mutex;
  std::string authorities;
  std::set<std::string> paths;
  pki::Subject last;
};

// Answers every method with what it was sent, and knows who asked last.
class Echo final : public grpc::CallbackGenericService {
 public:
  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext* context) override {
    const std::lock_guard lock(mutex);
    peer = context->peer();
    return new Reactor();
  }

  std::mutex mutex;
  std::string peer;

 private:
  class Reactor final : public grpc::ServerGenericBidiReactor {
   public:
    Reactor() { StartRead(&bytes_); }
    void OnReadDone(bool ok) override {
      if (!ok) return Finish(grpc::Status::CANCELLED);
      StartWriteAndFinish(&bytes_, {}, grpc::Status::OK);
    }
    void OnDone() override { delete this; }

   private:
    grpc::ByteBuffer bytes_;
  };
};

class TlsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = Cat(::testing::TempDir(), "tls-", getpid());
    std::filesystem::create_directories(folder_);
    authority_ = pki::NewAuthority("f1", WallNow()).value();
    gate_->authorities = authority_.certificate;
    NewServerCertificate("one");
  }
  void TearDown() override {
    if (acceptor_ != nullptr) acceptor_->Stop();
    if (server_ != nullptr) server_->Shutdown(DeadlineOf(SteadyNow() + absl::Seconds(2)));
    std::filesystem::remove_all(folder_);
  }

  // Key and certificate change together: a link is put elsewhere.
  void NewServerCertificate(const std::string& name) {
    const std::string made = folder_ + "/" + name;
    std::filesystem::create_directories(made);
    const std::string key = pki::NewKey().value();
    server_pem_ = pki::IssueServer(authority_, key, "f1", {"127.0.0.1"}, WallNow()).value();
    std::ofstream(made + "/key.pem") << key;
    std::ofstream(made + "/cert.pem") << server_pem_;
    std::filesystem::create_directory_symlink(made, folder_ + "/next");
    std::filesystem::rename(folder_ + "/next", folder_ + "/current");
  }
  void Start(AcceptorLimits limits = {}) {
    grpc::ServerBuilder builder;
    builder.RegisterCallbackGenericService(&echo_);
    builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 1'000);
    external_ = builder.experimental().AddExternalConnectionAcceptor(
        grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
        TlsServer(folder_ + "/current", gate_));
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    auto acceptor = Acceptor::Listen("127.0.0.1:0", limits);
    ASSERT_TRUE(acceptor.ok()) << acceptor.status();
    acceptor_ = *std::move(acceptor);
    acceptor_->Start([this](int fd) {
      grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
      connection.listener_fd = -1;
      connection.fd = fd;
      external_->HandleNewConnection(&connection);
    });
  }
  ClientTls Identity(const pki::Authority& authority, const pki::Subject& subject) const {
    const std::string key = pki::NewKey().value();
    const std::string request = pki::ReadRequest(pki::NewRequest(key).value())->public_key_pem;
    return {.authorities = authority_.certificate,
            .server_name = pki::ServerName("f1"),
            .key = key,
            .certificate = pki::IssueClient(authority, request, subject, WallNow()).value()};
  }
  static absl::Status Ask(const std::shared_ptr<grpc::Channel>& channel, const std::string& method = "/test.Echo/Say") {
    grpc::GenericStub stub(channel);
    grpc::ClientContext context;
    const CallDeadline deadline(context, SteadyNow() + absl::Seconds(5));
    const grpc::Slice nothing;
    const grpc::ByteBuffer request(&nothing, 1);
    grpc::ByteBuffer reply;
    std::stop_source done;
    grpc::Status status;
    stub.UnaryCall(&context, method, grpc::StubOptions(), &request, &reply, [&](grpc::Status answered) {
      status = std::move(answered);
      done.request_stop();
    });
    sync::WaitForStop(done.get_token());
    return FromGrpc(status);
  }
  absl::Status Ask(const Credentials& credentials) const {
    return Ask(MakeFreshChannel(acceptor_->address(), credentials));
  }
  bool Becomes(const std::function<bool()>& condition) const {
    const Scope limit = Scope::For(absl::Seconds(20));
    while (!condition()) {
      if (!sync::SleepFor(limit, absl::Milliseconds(20))) return false;
    }
    return true;
  }

  const pki::Subject worker_{.farm = "f1", .role = Role::kWorker, .identity = 7, .name = "far"};
  std::string folder_, server_pem_;
  pki::Authority authority_;
  std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
  Echo echo_;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> external_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Acceptor> acceptor_;
};

TEST_F(TlsTest, WhoShowsACertificateOfTheFarmIsKnownBeforeAnyHandler) {
  Start();
  EXPECT_TRUE(Ask(Credentials::Tls(Identity(authority_, worker_))).ok());
  EXPECT_EQ(gate_->last, worker_);
  EXPECT_TRUE(gate_->paths.contains("/test.Echo/Say"));
}

TEST_F(TlsTest, StrangersAreAnsweredInWordsWhateverTheyShow) {
  Start();
  ClientTls nobody = Identity(authority_, worker_);
  nobody.key = nobody.certificate = "";
  const absl::Status without = Ask(Credentials::Tls(nobody));
  EXPECT_TRUE(absl::IsUnauthenticated(without)) << without;
  EXPECT_THAT(std::string(without.message()), HasSubstr("no certificate"));

  const pki::Authority other = pki::NewAuthority("f1", WallNow()).value();
  const absl::Status foreign = Ask(Credentials::Tls(Identity(other, worker_)));
  EXPECT_TRUE(absl::IsUnauthenticated(foreign)) << foreign;
  EXPECT_THAT(std::string(foreign.message()), HasSubstr("not of this farm's authority"));

  const absl::Status any = Ask(Credentials::AnyServer());
  EXPECT_TRUE(absl::IsUnauthenticated(any)) << any;
  // Methods that do not exist are asked for in the same place.
  EXPECT_TRUE(
      absl::IsUnauthenticated(Ask(MakeFreshChannel(acceptor_->address(), Credentials::Tls(nobody)), "/no/Such")));
  EXPECT_TRUE(gate_->paths.contains("/no/Such"));
}

TEST_F(TlsTest, AClientTakesNoServerButTheFarms) {
  Start();
  ClientTls other_farm = Identity(authority_, worker_);
  other_farm.authorities = pki::NewAuthority("f1", WallNow())->certificate;
  EXPECT_TRUE(absl::IsUnavailable(Ask(Credentials::Tls(other_farm))));
  ClientTls other_name = Identity(authority_, worker_);
  other_name.server_name = pki::ServerName("f2");
  EXPECT_TRUE(absl::IsUnavailable(Ask(Credentials::Tls(other_name))));
  EXPECT_TRUE(gate_->paths.empty());
  EXPECT_FALSE(Ask(Credentials::Plaintext()).ok());
}

TEST_F(TlsTest, ANewServerCertificateIsShownToNewConnectionsAndRunningOnesGoOn) {
  Start();
  const auto running = MakeFreshChannel(acceptor_->address(), Credentials::Tls(Identity(authority_, worker_)));
  ASSERT_TRUE(Ask(running).ok());
  const pki::Authority next = pki::NewAuthority("f1", WallNow()).value();
  const ClientTls trusts_next = [&] {
    ClientTls tls = Identity(authority_, worker_);
    tls.authorities = next.certificate;
    return tls;
  }();
  EXPECT_FALSE(Ask(Credentials::Tls(trusts_next)).ok());
  authority_ = next;
  NewServerCertificate("two");
  EXPECT_TRUE(Becomes([&] { return Ask(Credentials::Tls(trusts_next)).ok(); }));
  EXPECT_TRUE(Ask(running).ok());
}

TEST_F(TlsTest, ConnectionsOfARevokedIdentityEndAtOnce) {
  Start();
  const auto channel = MakeFreshChannel(acceptor_->address(), Credentials::Tls(Identity(authority_, worker_)));
  ASSERT_TRUE(Ask(channel).ok());
  ASSERT_EQ(acceptor_->Counts().strangers, 1);
  EXPECT_EQ(acceptor_->Shut(7), 0);
  ASSERT_TRUE(acceptor_->Vouch(echo_.peer, 7, absl::InfiniteFuture()).ok());
  EXPECT_EQ(acceptor_->Counts().strangers, 0) << echo_.peer;
  EXPECT_EQ(acceptor_->Shut(7), 1);
  EXPECT_TRUE(Becomes([&] { return channel->GetState(false) != GRPC_CHANNEL_READY; }));
}

TEST_F(TlsTest, AConnectionEndsWithTheCertificateThatItBeganWith) {
  Start();
  const auto lasts = MakeFreshChannel(acceptor_->address(), Credentials::Tls(Identity(authority_, worker_)));
  ASSERT_TRUE(Ask(lasts).ok());
  // Within the skew of clocks that is borne.
  ASSERT_TRUE(acceptor_->Vouch(echo_.peer, 7, WallNow() - pki::kSkewMax + absl::Minutes(1)).ok());
  const auto ends = MakeFreshChannel(acceptor_->address(), Credentials::Tls(Identity(authority_, worker_)));
  ASSERT_TRUE(Ask(ends).ok());
  ASSERT_TRUE(acceptor_->Vouch(echo_.peer, 8, WallNow() - pki::kSkewMax - absl::Minutes(1)).ok());
  EXPECT_TRUE(Becomes([&] { return ends->GetState(false) != GRPC_CHANNEL_READY; }));
  EXPECT_EQ(acceptor_->Counts().expired, 1);
  EXPECT_EQ(lasts->GetState(false), GRPC_CHANNEL_READY);
}

// Carries one connection to a port of this machine; whatever passes takes `delay`.
class SlowRoad {
 public:
  SlowRoad(int port, absl::Duration delay) : delay_(delay), near_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in where = At(0);
    socklen_t size = sizeof where;
    EXPECT_EQ(::bind(near_.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where), 0);
    EXPECT_EQ(::listen(near_.get(), 8), 0);
    EXPECT_EQ(::getsockname(near_.get(), reinterpret_cast<sockaddr*>(&where), &size), 0);
    address_ = Cat("127.0.0.1:", ntohs(where.sin_port));
    thread_ = std::jthread([this, port](const std::stop_token& stop) { Run(port, stop); });
  }
  ~SlowRoad() {
    thread_.request_stop();
    ::shutdown(near_.get(), SHUT_RDWR);
  }
  const std::string& address() const { return address_; }
  int connections() const { return connections_; }

 private:
  static sockaddr_in At(int port) {
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    where.sin_port = htons(static_cast<uint16_t>(port));
    return where;
  }
  void Run(int port, const std::stop_token& stop) {
    std::vector<io::Fd> ends;
    std::vector<std::jthread> ways;  // gone before what they use
    while (!stop.stop_requested()) {
      const int client = ::accept(near_.get(), nullptr, nullptr);
      if (client < 0) break;
      ++connections_;
      const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      const sockaddr_in where = At(port);
      EXPECT_EQ(::connect(server, reinterpret_cast<const sockaddr*>(&where), sizeof where), 0);
      ends.emplace_back(client);
      ends.emplace_back(server);
      ways.emplace_back([this, client, server] { Carry(client, server); });
      ways.emplace_back([this, client, server] { Carry(server, client); });
    }
  }
  void Carry(int from, int to) const {
    char part[16 << 10];
    for (ssize_t size = 0; (size = ::recv(from, part, sizeof part, 0)) > 0;) {
      absl::SleepFor(delay_);
      if (::send(to, part, static_cast<size_t>(size), MSG_NOSIGNAL) != size) break;
    }
    ::shutdown(to, SHUT_RDWR);
  }

  const absl::Duration delay_;
  io::Fd near_;
  std::string address_;
  std::atomic<int> connections_{0};
  std::jthread thread_;  // last: it uses all of the above
};

TEST_F(TlsTest, AHostThatIsFarGetsInAtItsFirstTry) {
  Start({.stranger_time = absl::Seconds(20)});
  const SlowRoad road(std::stoi(acceptor_->address().substr(10)), absl::Milliseconds(150));
  EXPECT_TRUE(Ask(MakeFreshChannel(road.address(), Credentials::Tls(Identity(authority_, worker_)))).ok());
  EXPECT_EQ(road.connections(), 1);
}

TEST_F(TlsTest, AStrangerWhoSaysNothingIsShutAndHoldsNobodyUp) {
  Start({.strangers_per_address = 4, .stranger_time = absl::Seconds(1)});
  std::vector<io::Fd> silent;
  for (int i = 0; i < 8; ++i) {
    io::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    where.sin_port = htons(static_cast<uint16_t>(std::stoi(acceptor_->address().substr(10))));
    ASSERT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where), 0);
    silent.push_back(std::move(fd));
  }
  EXPECT_TRUE(Becomes([&] { return acceptor_->Counts().refused >= 4; }));
  EXPECT_TRUE(Becomes([&] { return acceptor_->Counts().strangers == 0; }));
  EXPECT_TRUE(Ask(Credentials::Tls(Identity(authority_, worker_))).ok());
}

}  // namespace
}  // namespace gofarm::rpc
