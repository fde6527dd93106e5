// The operators' HTTP listener, spoken to over real sockets with bytes written by hand.
#include "coordinator/http/http_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "common/base/text.h"
#include "common/metrics/metrics.h"

namespace gofarm::http {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

int Connect(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(port));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const timeval limit = {.tv_sec = 10, .tv_usec = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  return fd;
}

std::string ReadToEnd(int fd) {
  std::string out;
  char buffer[4096];
  ssize_t n;
  while ((n = ::recv(fd, buffer, sizeof buffer, 0)) > 0) out.append(buffer, static_cast<size_t>(n));
  return out;
}

std::string Say(int port, const std::string& request) {
  const int fd = Connect(port);
  ::send(fd, request.data(), request.size(), MSG_NOSIGNAL);
  std::string answer = ReadToEnd(fd);
  ::close(fd);
  return answer;
}

std::string Get(int port, const std::string& path) {
  return Say(port, Cat("GET ", path, " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
}

class HttpServerTest : public ::testing::Test {
 protected:
  HttpServerTest() {
    metrics_.GetCounter("gofarm_jobs_ended_total", "Jobs that ended.", {{"state", "built"}}).Add(3);
    Routes routes = OperationsRoutes([this] { return metrics_.Text(); }, [this] { return ready_; });
    routes["/throws"] = []() -> Response { throw std::runtime_error("boom"); };
    server_ = HttpServer::Start("127.0.0.1:0", std::move(routes), absl::Seconds(1)).value();
  }
  metrics::Registry metrics_;
  absl::Status ready_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, MetricsAreServedAsPrometheusReadsThem) {
  EXPECT_THAT(Get(server_->port(), "/metrics"), AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("version=0.0.4"),
                                                      HasSubstr("# TYPE gofarm_jobs_ended_total counter"),
                                                      HasSubstr("gofarm_jobs_ended_total{state=\"built\"} 3")));
}

TEST_F(HttpServerTest, HealthIsOfTheProcessAndReadinessSaysWhyNot) {
  EXPECT_THAT(Get(server_->port(), "/healthz"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Get(server_->port(), "/readyz?verbose"), StartsWith("HTTP/1.1 200"));
  ready_ = absl::UnavailableError("the database does not answer");
  EXPECT_THAT(Get(server_->port(), "/healthz"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Get(server_->port(), "/readyz"),
              AllOf(StartsWith("HTTP/1.1 503"), HasSubstr("the database does not answer")));
}

TEST_F(HttpServerTest, OtherPathsAndMethodsAreRefusedInWords) {
  EXPECT_THAT(Get(server_->port(), "/etc/passwd"), AllOf(StartsWith("HTTP/1.1 404"), HasSubstr("/metrics")));
  EXPECT_THAT(Say(server_->port(), "DELETE /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 405"), HasSubstr("Allow: GET, HEAD")));
}

TEST_F(HttpServerTest, HeadHasNoBody) {
  const std::string answer = Say(server_->port(), "HEAD /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("Content-Length: 3"), Not(HasSubstr("ok\n"))));
}

TEST_F(HttpServerTest, SeveralRequestsShareAConnection) {
  const std::string answers = Say(server_->port(),
                                  "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
                                  "GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answers, AllOf(HasSubstr("ok\n"), HasSubstr("ready\n")));
}

TEST_F(HttpServerTest, GarbageAndHugeHeadersAreRefused) {
  EXPECT_THAT(Say(server_->port(), "\x16\x03\x01 this is not HTTP\r\n\r\n"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(Say(server_->port(), Cat("GET / HTTP/1.1\r\nX: ", std::string(kHeaderBytesMax, 'a'), "\r\n\r\n")),
              StartsWith("HTTP/1.1 431"));
}

TEST_F(HttpServerTest, HandlerThatThrowsIsAnInternalErrorAndTheServerLives) {
  EXPECT_THAT(Get(server_->port(), "/throws"), AllOf(StartsWith("HTTP/1.1 500"), Not(HasSubstr("boom"))));
  EXPECT_THAT(Get(server_->port(), "/healthz"), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServerTest, SilentConnectionsAreClosedAndTooManyAreTurnedAway) {
  std::vector<int> silent;
  for (int i = 0; i < kConnectionsMax; ++i) silent.push_back(Connect(server_->port()));
  // All of them end, the surplus one at once and the others by their time limit: a read returns the end of the stream.
  silent.push_back(Connect(server_->port()));
  for (const int fd : silent) {
    EXPECT_EQ(ReadToEnd(fd), "");
    ::close(fd);
  }
  EXPECT_THAT(Get(server_->port(), "/healthz"), StartsWith("HTTP/1.1 200"));
}

TEST(HttpAddressTest, OnlyThisMachineWithoutTls) {
  for (const std::string far : {"0.0.0.0:0", "192.168.1.1:80", "[::]:0"}) {
    const absl::Status status = HttpServer::Start(far, {}).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("TLS"));
  }
  for (const std::string bad : {"", "7071", "host:", "example.org:80", "127.0.0.1:70000", "127.0.0.1:-1"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(HttpServer::Start(bad, {}).status())) << bad;
  }
}

TEST(HttpAddressTest, TakenPortIsNamed) {
  const auto first = HttpServer::Start("127.0.0.1:0", {}).value();
  const std::string address = Cat("127.0.0.1:", first->port());
  const absl::Status status = HttpServer::Start(address, {}).status();
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr(address));
}

}  // namespace
}  // namespace gofarm::http
