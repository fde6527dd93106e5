// The operators' HTTP listener, spoken to over real sockets with bytes written by hand.
#include "common/http/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "common/base/text.h"
#include "common/metrics/metrics.h"
#include "tests/unit/coordinator_http/raw_client.h"

namespace gofarm::http {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class HttpServerTest : public ::testing::Test {
 protected:
  HttpServerTest() {
    metrics_.GetCounter("gofarm_jobs_ended_total", "Jobs that ended.", {{"state", "built"}}).Add(3);
    Router router;
    AddOperations(router,
                  {.metrics = [this](metrics::Format format) { return metrics::Write(metrics_.Collect(), format); },
                   .alive = [this] { return alive_; },
                   .ready = [this] { return ready_; },
                   .remarks = [this] { return remarks_; }});
    router.Get("/throws", Router::Kind::kBlocking,
               [](const Request&) -> Response { throw std::runtime_error("boom"); });
    router.Get("/batches/{id}", Router::Kind::kBlocking, [](const Request& request) {
      return Response{.body = Cat("batch=", request.Parameter("id"), " page=", request.Query("page"),
                                  " accept=", request.headers.Get("ACCEPT"), "\n"),
                      .headers = {{"X-More", "1"}}};
    });
    server_ = HttpServer::Start("127.0.0.1:0", std::move(router), {.request_time = absl::Seconds(1)}).value();
  }
  metrics::Registry metrics_;
  absl::Status alive_;
  absl::Status ready_;
  std::string remarks_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, MetricsAreServedAsPrometheusReadsThem) {
  EXPECT_THAT(Get(server_->port(), "/metrics"), AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("version=0.0.4"),
                                                      HasSubstr("# TYPE gofarm_jobs_ended_total counter"),
                                                      HasSubstr("gofarm_jobs_ended_total{state=\"built\"} 3")));
}

TEST_F(HttpServerTest, MetricsAreServedAsOpenMetricsToWhoAsksForThat) {
  const std::string answer = Say(server_->port(),
                                 "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                                 "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n\r\n");
  EXPECT_THAT(answer, AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("application/openmetrics-text; version=1.0.0"),
                            HasSubstr("# TYPE gofarm_jobs_ended counter"), HasSubstr("\n# EOF\n")));
}

TEST_F(HttpServerTest, AnswersAndOpenConnectionsAreTold) {
  std::atomic<int> open = 0, answers = 0, last = 0;
  {
    const auto server = HttpServer::Start("127.0.0.1:0", Router(),
                                          {.answered =
                                               [&](int status) {
                                                 last = status;
                                                 ++answers;
                                               },
                                           .open = &open});
    ASSERT_TRUE(server.ok()) << server.status();
    EXPECT_THAT(Get((*server)->port(), "/nowhere"), StartsWith("HTTP/1.1 404"));
    EXPECT_EQ(answers, 1);
    EXPECT_EQ(last, 404);
  }
  EXPECT_EQ(open, 0);
}

TEST_F(HttpServerTest, HealthIsOfTheProcessAndReadinessSaysWhyNot) {
  EXPECT_THAT(Get(server_->port(), "/healthz"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Get(server_->port(), "/readyz?verbose"), StartsWith("HTTP/1.1 200"));
  ready_ = absl::UnavailableError("the database does not answer");
  EXPECT_THAT(Get(server_->port(), "/healthz"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Get(server_->port(), "/readyz"),
              AllOf(StartsWith("HTTP/1.1 503"), HasSubstr("the database does not answer")));
  alive_ = absl::UnavailableError("the listener has not answered for 31s");
  EXPECT_THAT(Get(server_->port(), "/healthz"),
              AllOf(StartsWith("HTTP/1.1 503"), HasSubstr("not well: the listener has not answered")));
}

TEST_F(HttpServerTest, WhoIsReadySaysWhatItDoesNot) {
  remarks_ = "nothing is published: there are no keys in /k\x1b[2J";
  EXPECT_THAT(Get(server_->port(), "/readyz"),
              AllOf(StartsWith("HTTP/1.1 200"),
                    HasSubstr("\r\n\r\nready\nnothing is published: there are no keys in /k\\x1b[2J\n")));
  ready_ = absl::UnavailableError("the database does not answer");
  EXPECT_THAT(Get(server_->port(), "/readyz"), AllOf(StartsWith("HTTP/1.1 503"), Not(HasSubstr("published"))));
}

TEST_F(HttpServerTest, OtherPathsAndMethodsAreRefusedInWords) {
  EXPECT_THAT(Get(server_->port(), "/etc/passwd"), AllOf(StartsWith("HTTP/1.1 404"), HasSubstr("/metrics")));
  EXPECT_THAT(Say(server_->port(), "DELETE /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 405"), HasSubstr("Allow: GET, HEAD")));
}

TEST_F(HttpServerTest, HeadHasNoBody) {
  const std::string answer =
      Say(server_->port(), "HEAD /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("Content-Length: 3"), Not(HasSubstr("ok\n"))));
}

TEST_F(HttpServerTest, SeveralRequestsShareAConnection) {
  const std::string answers = Say(server_->port(),
                                  "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
                                  "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
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

TEST(IdleConnectionsTest, ShutNobodyOutAndTheLongestWaitingGivesWay) {
  Router router;
  AddOperations(router, {.metrics = [](metrics::Format) { return std::string(); },
                         .alive = [] { return absl::OkStatus(); },
                         .ready = [] { return absl::OkStatus(); }});
  const auto server = HttpServer::Start("127.0.0.1:0", std::move(router), {.request_time = absl::Minutes(10)}).value();
  std::vector<int> idle;
  for (int i = 0; i < kPlainLimits.connections; ++i) {
    idle.push_back(Connect(server->port()));
    // Half of a request is none.
    if (i % 2 == 1) {
      EXPECT_GT(::send(idle.back(), "GET /healthz HT", 15, MSG_NOSIGNAL), 0);
    }
  }
  constexpr int kAsked = 20;
  for (int i = 0; i < kAsked; ++i) EXPECT_THAT(Get(server->port(), "/healthz"), StartsWith("HTTP/1.1 200"));
  // That of the first one has ended by then, so it made room for the others or one more had to go for each.
  EXPECT_EQ(ReadToEnd(idle.front()), "") << "the longest-waiting one was closed";
  const std::string request = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  const int newest = idle[kPlainLimits.connections - 2];
  ::send(newest, request.data(), request.size(), MSG_NOSIGNAL);
  EXPECT_THAT(ReadToEnd(newest), StartsWith("HTTP/1.1 200")) << "the others are still there";
  for (const int fd : idle) ::close(fd);
}

TEST_F(HttpServerTest, SilentConnectionsAreClosed) {
  std::vector<int> silent;
  for (int i = 0; i < kPlainLimits.connections; ++i) silent.push_back(Connect(server_->port()));
  // All of them end, the first by one more that comes and the others by their time limit: a read returns the end of the
  // stream.
  silent.push_back(Connect(server_->port()));
  for (const int fd : silent) {
    EXPECT_EQ(ReadToEnd(fd), "");
    ::close(fd);
  }
  EXPECT_THAT(Get(server_->port(), "/healthz"), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServerTest, HandlersGetParametersQueryAndFields) {
  EXPECT_THAT(
      Say(server_->port(),
          "GET /batches/a%20b?page=2&x=1 HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\nConnection: "
          "close\r\n\r\n"),
      AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("X-More: 1"), HasSubstr("batch=a b page=2 accept=text/html")));
  EXPECT_THAT(Get(server_->port(), "/batches/%2e%2e"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(Get(server_->port(), "/batches/"), StartsWith("HTTP/1.1 404"));
}

TEST_F(HttpServerTest, OnlyThisMachinesOwnNamesAreAnswered) {
  const auto server = HttpServer::Start("127.0.0.1:0", Router(), {.names = {"farm.example.org"}}).value();
  const auto ask = [&](const std::string& host) {
    return Say(server->port(), Cat("GET /x HTTP/1.1\r\nHost: ", host, "\r\nConnection: close\r\n\r\n"));
  };
  for (const char* own : {"127.0.0.1", "127.0.0.1:7071", "[::1]", "[::1]:7071", "localhost", "LocalHost:7071",
                          "farm.example.org", "Farm.Example.Org:80"}) {
    EXPECT_THAT(ask(own), StartsWith("HTTP/1.1 404")) << own;
  }
  for (const char* other : {"evil.example", "evil.example:7071", "localhost.evil.example", "127.0.0.1.evil.example",
                            "farm.example.org.evil.example", "[::1", "[]", ":80"}) {
    EXPECT_THAT(ask(other), StartsWith("HTTP/1.1 421")) << other;
  }
  EXPECT_THAT(Say(server->port(), "GET /x HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.1 404")) << "no browser asks so";
  EXPECT_THAT(Say(server_->port(), "GET /metrics HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 421"), Not(HasSubstr("gofarm_jobs_ended_total"))));
  const auto everybody = HttpServer::Start("127.0.0.1:0", Router(), {.for_everybody = true}).value();
  EXPECT_THAT(Say(everybody->port(), "GET /x HTTP/1.1\r\nHost: other.example\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 404"));
}

TEST(HttpAddressTest, OnlyThisMachineWithoutTls) {
  for (const std::string far : {"0.0.0.0:0", "192.168.1.1:80", "[::]:0"}) {
    const absl::Status status = HttpServer::Start(far, Router()).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("TLS"));
  }
  for (const std::string bad : {"", "7071", "host:", "example.org:80", "127.0.0.1:70000", "127.0.0.1:-1"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(HttpServer::Start(bad, Router()).status())) << bad;
  }
}

TEST(HttpAddressTest, WhatIsForEverybodyMayListenAnywhereWithoutTls) {
  const auto server = HttpServer::Start("0.0.0.0:0", Router(), {.for_everybody = true});
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_THAT(Get((*server)->port(), "/metrics"), StartsWith("HTTP/1.1 404"));
  EXPECT_TRUE(IsLoopback("127.0.0.1:80"));
  EXPECT_TRUE(IsLoopback("[::1]:80"));
  EXPECT_FALSE(IsLoopback("0.0.0.0:80"));
  EXPECT_FALSE(IsLoopback("10.0.0.1:80"));
}

TEST(HttpLimitsTest, NoMoreConnectionsThanTheProcessMayHaveFiles) {
  EXPECT_EQ(WithinOpenFiles(kPublicLimits, 1 << 20).connections, kPublicLimits.connections);
  EXPECT_EQ(WithinOpenFiles(kPublicLimits, 1024).connections, 256) << "a socket and a file each, and half for others";
  EXPECT_EQ(WithinOpenFiles(kPublicLimits, 1024).streams, 256);
  EXPECT_EQ(WithinOpenFiles(kPublicLimits, 3).connections, kConnectionsLeast);
  EXPECT_EQ(WithinOpenFiles(kPlainLimits, 1 << 20).streams, kPlainLimits.streams);
}

TEST(HttpAddressTest, TakenPortIsNamed) {
  const auto first = HttpServer::Start("127.0.0.1:0", Router()).value();
  const std::string address = Cat("127.0.0.1:", first->port());
  const absl::Status status = HttpServer::Start(address, Router()).status();
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr(address));
}

}  // namespace
}  // namespace gofarm::http
