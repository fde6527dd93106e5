// The listener for other hosts, spoken to over real TLS.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <utility>

#include "absl/time/clock.h"
#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/http/file_response.h"
#include "common/http/http_server.h"
#include "common/io/files.h"
#include "common/io/http_client.h"
#include "common/pki/authority.h"
#include "common/pki/certificate.h"
#include "common/pki/key.h"
#include "common/pki/key_folder.h"
#include "common/pki/shown.h"
#include "tests/unit/coordinator_http/raw_client.h"

namespace gofarm::http {
namespace {

namespace asio = boost::asio;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class HttpsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = Cat(::testing::TempDir(), "/gofarm-https-XXXXXX");
    folder_ = mkdtemp(pattern.data());
    Certify("one");
    Router router;
    router.Get("/healthz", Router::Kind::kQuick, [](const Request&) { return Response{.body = "ok\n"}; });
    server_ = HttpServer::Start("127.0.0.1:0", std::move(router),
                                {.tls = Files(),
                                 .authorize = [](const Caller& caller) -> absl::Status {
                                   if (caller.bearer == "word") return absl::OkStatus();
                                   if (caller.certificate.empty()) return absl::UnauthenticatedError("who?");
                                   const auto shown = pki::ReadCertificate(caller.certificate);
                                   if (shown.ok() && shown->subject.name == "ann") return absl::OkStatus();
                                   return absl::PermissionDeniedError("not you");
                                 },
                                 .limits = kTlsLimits,
                                 .request_time = absl::Seconds(1)})
                  .value();
  }
  void TearDown() override {
    server_.reset();
    (void)io::RemoveTree(folder_);
  }

  TlsFiles Files() const {
    const std::string current = pki::CurrentOf(folder_);
    return {.certificate = Cat(current, "/", pki::kCertificateFile), .key = Cat(current, "/", pki::kKeyFile)};
  }
  void Certify(const std::string& name) {
    const std::string key = pki::NewKey().value();
    const std::string certificate =
        pki::IssueServer(authority_, key, "f1", {"127.0.0.1", name + ".example"}, WallNow()).value();
    ASSERT_TRUE(pki::ReplaceFiles(folder_, {{pki::kKeyFile, key}, {pki::kCertificateFile, certificate}}).ok());
  }
  // Key and certificate of a person of this name, in PEM.
  std::pair<std::string, std::string> Person(const std::string& name) {
    const std::string key = pki::NewKey().value();
    const auto request = pki::ReadRequest(pki::NewRequest(key).value());
    return {key, pki::IssueClient(authority_, request->public_key_pem,
                                  {.farm = "f1", .role = Role::kViewer, .identity = 7, .name = name}, WallNow())
                     .value()};
  }
  // The whole answer; what the client thinks of the server is for `verified` to say.
  std::string Ask(const std::string& header, const std::pair<std::string, std::string>& shows,
                  asio::ssl::context::method method = asio::ssl::context::tls_client,
                  const std::string& connection = "close") {
    asio::io_context io;
    asio::ssl::context context(method);
    context.add_certificate_authority(asio::buffer(authority_.certificate));
    context.set_verify_mode(asio::ssl::verify_peer);
    if (!shows.first.empty()) {
      context.use_private_key(asio::buffer(shows.first), asio::ssl::context::pem);
      context.use_certificate_chain(asio::buffer(shows.second));
    }
    asio::ssl::stream<asio::ip::tcp::socket> stream(io, context);
    stream.next_layer().connect({asio::ip::make_address("127.0.0.1"), static_cast<uint16_t>(server_->port())});
    boost::system::error_code ec;
    stream.handshake(asio::ssl::stream_base::client, ec);
    if (ec) return "no handshake";
    asio::write(stream, asio::buffer(Cat("GET /healthz HTTP/1.1\r\nHost: localhost\r\n", header,
                                         "Connection: ", connection, "\r\n\r\n")));
    std::string answer;
    asio::read(stream, asio::dynamic_buffer(answer), ec);
    return answer;
  }

  const pki::Authority authority_ = pki::NewAuthority("f1", WallNow()).value();
  std::string folder_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpsTest, ACertificateOrAWordOpensItAndARefusalCanBeRead) {
  EXPECT_THAT(Ask("", Person("ann")), AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("ok")));
  EXPECT_THAT(Ask("Authorization: Bearer word\r\n", {}), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Ask("", {}), AllOf(StartsWith("HTTP/1.1 401"), HasSubstr("WWW-Authenticate: Bearer"), HasSubstr("who?")));
  EXPECT_THAT(Ask("Authorization: Bearer wrong\r\n", {}), StartsWith("HTTP/1.1 401"));
  EXPECT_THAT(Ask("", Person("eve")), AllOf(StartsWith("HTTP/1.1 403"), HasSubstr("not you")));
}

// The farm's own HTTP client, as it speaks to the world: it knows servers by the file that SSL_CERT_FILE names.
TEST_F(HttpsTest, ServersAreKnownByTheBundleOfTheEnvironment) {
  const std::string url = Cat("https://127.0.0.1:", server_->port(), "/healthz");
  const io::HttpClient client("test");
  const auto ask = [&] {
    return client.Send(Scope::For(absl::Seconds(10)),
                       {.url = url, .headers = io::HttpHeaders({{"Authorization", "Bearer word"}})});
  };
  const char* const before = std::getenv("SSL_CERT_FILE");
  const std::string kept = before == nullptr ? "" : before;
  const std::string bundle = folder_ + "/bundle.pem";
  ASSERT_TRUE(io::WriteFileAtomic(bundle, pki::NewAuthority("f2", WallNow())->certificate).ok());
  ::setenv("SSL_CERT_FILE", bundle.c_str(), 1);
  const absl::Status unknown = ask().status();
  EXPECT_EQ(unknown.code(), absl::StatusCode::kUnavailable) << unknown;
  ASSERT_TRUE(io::WriteFileAtomic(bundle, authority_.certificate).ok());
  const auto known = ask();
  before == nullptr ? ::unsetenv("SSL_CERT_FILE") : ::setenv("SSL_CERT_FILE", kept.c_str(), 1);
  ASSERT_TRUE(known.ok()) << known.status();
  EXPECT_EQ(known->status, 200);
}

// As browsers and curl do with several connections.
TEST_F(HttpsTest, AClientThatWouldGoOnWithItsSessionIsAnswered) {
  for (const auto method : {asio::ssl::context::tlsv12_client, asio::ssl::context::tlsv13_client}) {
    asio::io_context io;
    asio::ssl::context context(method);
    SSL_SESSION* session = nullptr;
    for (int i = 0; i < 2; ++i) {
      asio::ssl::stream<asio::ip::tcp::socket> stream(io, context);
      stream.next_layer().connect({asio::ip::make_address("127.0.0.1"), static_cast<uint16_t>(server_->port())});
      if (session != nullptr) (void)::SSL_set_session(stream.native_handle(), session);
      boost::system::error_code ec;
      stream.handshake(asio::ssl::stream_base::client, ec);
      ASSERT_FALSE(ec) << "connection " << i << ": " << ec.message();
      asio::write(stream, asio::buffer(std::string("GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
                                                   "Authorization: Bearer word\r\nConnection: close\r\n\r\n")));
      std::string answer;
      asio::read(stream, asio::dynamic_buffer(answer), ec);
      EXPECT_THAT(answer, StartsWith("HTTP/1.1 200")) << "connection " << i;
      if (session == nullptr) session = ::SSL_get1_session(stream.native_handle());
      // Else OpenSSL takes the session for one that was cut, and does not offer it again.
      ::SSL_set_shutdown(stream.native_handle(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    }
    ::SSL_SESSION_free(session);
  }
}

TEST_F(HttpsTest, OldTlsPlainTextAndSilenceGetNothing) {
  EXPECT_EQ(Ask("", {}, asio::ssl::context::tlsv11_client), "no handshake");
  EXPECT_THAT(Get(server_->port(), "/healthz"), ::testing::Not(HasSubstr("HTTP/1.1 200")));
  asio::io_context io;
  asio::ip::tcp::socket silent(io);
  silent.connect({asio::ip::make_address("127.0.0.1"), static_cast<uint16_t>(server_->port())});
  char byte = 0;
  boost::system::error_code ec;
  silent.read_some(asio::buffer(&byte, 1), ec);
  EXPECT_TRUE(ec) << "it was shut after handshake_time";
}

TEST_F(HttpsTest, OneAddressCannotTakeAllConnections) {
  std::vector<int> silent;
  for (int i = 0; i < kTlsLimits.per_address; ++i) silent.push_back(Connect(server_->port()));
  EXPECT_EQ(Say(server_->port(), ""), "");
  char byte = 0;
  EXPECT_TRUE(::recv(silent[0], &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN)
      << "the oldest is open, so the last one was not closed for a handshake that is overdue";
  asio::io_context io;
  asio::ssl::context context(asio::ssl::context::tls_client);
  asio::ssl::stream<asio::ip::tcp::socket> elsewhere(io, context);
  elsewhere.next_layer().open(asio::ip::tcp::v4());
  elsewhere.next_layer().bind({asio::ip::make_address("127.0.0.2"), 0});
  elsewhere.next_layer().connect({asio::ip::make_address("127.0.0.1"), static_cast<uint16_t>(server_->port())});
  boost::system::error_code ec;
  elsewhere.handshake(asio::ssl::stream_base::client, ec);
  EXPECT_FALSE(ec) << ec.message();
  for (const int fd : silent) ::close(fd);
}

TEST_F(HttpsTest, AStrangersConnectionEndsWithItsFirstAnswer) {
  EXPECT_THAT(Ask("", {}, asio::ssl::context::tls_client, "keep-alive"), HasSubstr("Connection: close"));
}

TEST_F(HttpsTest, ANewCertificateIsTakenUpWhileItRuns) {
  EXPECT_THAT(Ask("", Person("ann")), StartsWith("HTTP/1.1 200"));
  Certify("two");
  const absl::Time until = SteadyNow() + kCertificateLook + absl::Seconds(10);
  const auto shown = [&] {
    asio::io_context io;
    asio::ssl::context context(asio::ssl::context::tls_client);
    asio::ssl::stream<asio::ip::tcp::socket> stream(io, context);
    stream.next_layer().connect({asio::ip::make_address("127.0.0.1"), static_cast<uint16_t>(server_->port())});
    stream.handshake(asio::ssl::stream_base::client);
    return pki::ReadCertificate(pki::ShownBy(stream.native_handle()))->names;
  };
  while (shown().back() != "two.example" && SteadyNow() < until) absl::SleepFor(absl::Milliseconds(200));
  EXPECT_THAT(shown(), ::testing::Contains("two.example"));
}

// A browser that is asked for a certificate asks its user.
TEST_F(HttpsTest, NobodyIsAskedForACertificateWhereEverybodyMayRead) {
  Router router;
  router.Get("/healthz", Router::Kind::kQuick, [](const Request&) { return Response{.body = "ok\n"}; });
  server_ = HttpServer::Start("127.0.0.1:0", std::move(router), {.tls = Files(), .for_everybody = true}).value();
  asio::io_context io;
  asio::ssl::context context(asio::ssl::context::tls_client);
  asio::ssl::stream<asio::ip::tcp::socket> stream(io, context);
  bool asked = false;
  SSL_set_cert_cb(
      stream.native_handle(),
      [](SSL*, void* seen) {
        *static_cast<bool*>(seen) = true;
        return 1;
      },
      &asked);
  stream.next_layer().connect({asio::ip::make_address("127.0.0.1"), static_cast<uint16_t>(server_->port())});
  stream.handshake(asio::ssl::stream_base::client);
  EXPECT_FALSE(asked);
  EXPECT_THAT(Ask("", {}), AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("ok")));
}

TEST_F(HttpsTest, AFileGoesOutWholeOverTls) {
  std::string content;
  for (int i = 0; content.size() < 3'000'000; ++i) content += Cat(i, ",");
  const std::string path = Cat(folder_, "/file");
  ASSERT_TRUE(io::WriteFileAtomic(path, content).ok());
  Router router;
  router.Get("/healthz", Router::Kind::kBlocking, [&](const Request& request) {
    return FileResponse(request, {.fd = io::Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)),
                                  .size = static_cast<int64_t>(content.size()),
                                  .etag = "\"1\""});
  });
  server_ = HttpServer::Start("127.0.0.1:0", std::move(router), {.tls = Files(), .for_everybody = true}).value();
  const std::string whole = Ask("", {});
  EXPECT_THAT(whole.substr(0, 300), StartsWith("HTTP/1.1 200"));
  EXPECT_TRUE(whole.substr(whole.find("\r\n\r\n") + 4) == content);
  const std::string part = Ask("Range: bytes=1000000-\r\n", {});
  EXPECT_THAT(part.substr(0, 300), StartsWith("HTTP/1.1 206"));
  EXPECT_TRUE(part.substr(part.find("\r\n\r\n") + 4) == content.substr(1'000'000));
}

// Waits for news that never come; counts those that live.
class Silent final : public BodyStream {
 public:
  explicit Silent(std::atomic<int>& alive) : alive_(alive) { ++alive_; }
  ~Silent() override { --alive_; }
  absl::StatusOr<Piece> Next() override {
    return Piece{std::exchange(first_, false) ? "data: hello\n\n" : "", Piece::Then::kWait};
  }

 private:
  std::atomic<int>& alive_;
  bool first_ = true;
};

TEST_F(HttpsTest, AFollowerThatSaysFarewellIsNoticedWhileNothingIsSent) {
  std::atomic<int> alive = 0;
  Router router;
  router.Get("/healthz", Router::Kind::kQuick, [&](const Request&) {
    return Response{.content_type = "text/event-stream", .stream = std::make_shared<Silent>(alive)};
  });
  server_ = HttpServer::Start("127.0.0.1:0", std::move(router), {.tls = Files(), .for_everybody = true}).value();
  {
    asio::io_context io;
    asio::ssl::context context(asio::ssl::context::tls_client);
    asio::ssl::stream<asio::ip::tcp::socket> stream(io, context);
    stream.next_layer().connect({asio::ip::make_address("127.0.0.1"), static_cast<uint16_t>(server_->port())});
    stream.handshake(asio::ssl::stream_base::client);
    asio::write(stream, asio::buffer(std::string("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")));
    std::string got;
    asio::read_until(stream, asio::dynamic_buffer(got), "hello\n\n");
    absl::SleepFor(absl::Milliseconds(200));
    EXPECT_EQ(alive, 1);
    // The server says no farewell of its own while the stream lives.
    stream.async_shutdown([](boost::system::error_code) {});
    io.run_for(std::chrono::milliseconds(100));
  }
  const absl::Time until = absl::Now() + absl::Seconds(20);
  while (alive != 0 && absl::Now() < until) absl::SleepFor(absl::Milliseconds(5));
  EXPECT_EQ(alive, 0);
}

TEST_F(HttpsTest, FilesThatAreNoCertificateAndItsKeyAreToldAtTheStart) {
  const std::string other = Cat(folder_, "/other.pem");
  ASSERT_TRUE(io::WriteFileAtomic(other, pki::NewKey().value()).ok());
  const absl::Status wrong =
      HttpServer::Start("127.0.0.1:0", Router(), {.tls = {.certificate = Files().certificate, .key = other}}).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(wrong)) << wrong;
  EXPECT_THAT(std::string(wrong.message()), HasSubstr(other));
  const absl::Status none =
      HttpServer::Start("127.0.0.1:0", Router(), {.tls = {.certificate = "/none", .key = other}}).status();
  EXPECT_TRUE(absl::IsNotFound(none)) << none;
}

TEST(HttpsAddressTest, WhatOthersReachNeedsTls) {
  EXPECT_FALSE(CheckAddress("10.0.0.1:1").ok());
  EXPECT_TRUE(CheckAddress("10.0.0.1:1", /*anywhere=*/true).ok());
  EXPECT_TRUE(CheckAddress("127.0.0.1:1").ok());
}

}  // namespace
}  // namespace gofarm::http
