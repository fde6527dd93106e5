// The client against a server whose answers are written byte by byte.
#include "common/io/http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <atomic>
#include <filesystem>
#include <stop_token>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "tests/support/raw_http_server.h"

namespace gofarm::io {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Server = testing::RawHttpServer;
using Request = Server::Request;
using Peer = Server::Peer;

Scope Soon() { return Scope::For(absl::Seconds(20)); }

std::string Gzip(const std::string& text) {
  z_stream z{};
  EXPECT_EQ(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&z, text.size()), '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

Server::Handler Always(int status, std::string fields, std::string body) {
  return [=](const Request&, Peer& peer) { return peer.Answer(status, fields, body); };
}

class HttpClientTest : public ::testing::Test {
 protected:
  const HttpClient client_{"gofarm-test"};
};

TEST_F(HttpClientTest, EveryMethodArrivesWithFieldsAndBody) {
  Server server(Always(201, "X-Answer: yes\r\nETag: \"1\"\r\n", ""));
  struct Case {
    HttpMethod method;
    std::string name;
    std::string body;
  };
  const std::string large(300'000, 'x');
  for (const Case& c : std::vector<Case>{{HttpMethod::kGet, "GET", ""},
                                         {HttpMethod::kPost, "POST", "a"},
                                         {HttpMethod::kPut, "PUT", large},
                                         {HttpMethod::kPatch, "PATCH", "c"},
                                         {HttpMethod::kDelete, "DELETE", ""}}) {
    StringBody body(c.body);
    const HttpRequest request{.method = c.method,
                              .url = server.url() + "/p?q=1",
                              .headers = {{"Authorization", "Bearer t"}, {"X-Empty", ""}},
                              .body = c.body.empty() ? nullptr : &body};
    const absl::StatusOr<HttpResponse> response = client_.Send(Soon(), request);
    ASSERT_TRUE(response.ok()) << c.name << response.status();
    EXPECT_EQ(response->status, 201);
    EXPECT_EQ(response->headers.Get("x-answer"), "yes");
    EXPECT_EQ(response->headers.Get("etag"), "\"1\"");
    const Request seen = server.requests().back();
    EXPECT_EQ(seen.method, c.name);
    EXPECT_EQ(seen.target, "/p?q=1");
    EXPECT_EQ(seen.Field("authorization"), "Bearer t");
    EXPECT_EQ(seen.Field("user-agent"), "gofarm-test");
    EXPECT_THAT(seen.head, HasSubstr("X-Empty:"));
    EXPECT_EQ(seen.body, c.body);
  }
}

TEST_F(HttpClientTest, APostWithoutABodySaysSo) {
  Server server(Always(202, "Location: /v2/x/uploads/1\r\n", ""));
  const HttpRequest request{.method = HttpMethod::kPost, .url = server.url() + "/v2/x/uploads/"};
  const HttpResponse response = client_.Send(Soon(), request).value();
  EXPECT_EQ(response.status, 202);
  EXPECT_EQ(response.headers.Get("location"), "/v2/x/uploads/1");
  EXPECT_EQ(server.requests().back().Field("content-length"), "0");
}

TEST_F(HttpClientTest, HeadHasALengthAndNoBody) {
  Server server(
      [](const Request&, Peer& peer) { return peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n"); });
  const HttpResponse response = client_.Send(Soon(), {.method = HttpMethod::kHead, .url = server.url()}).value();
  EXPECT_EQ(response.content_length, 12345);
  EXPECT_EQ(response.body, "");
}

TEST_F(HttpClientTest, AConnectionIsKeptForLaterCalls) {
  Server server(Always(200, "", "ok"));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(client_.Get(Soon(), server.url()).value().new_connections, i == 0 ? 1 : 0);
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(HttpClientTest, CallsAtOnceHaveConnectionsOfTheirOwnAndKeepThem) {
  Server server(Always(200, "", "ok"));
  constexpr int kThreads = 8;
  for (int round = 0; round < 2; ++round) {
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        for (int n = 0; n < 20; ++n) EXPECT_EQ(client_.Get(Soon(), server.url()).value().body, "ok");
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_EQ(server.requests().size(), 320u);
  EXPECT_LE(server.connections(), kThreads);
}

TEST_F(HttpClientTest, ARequestOnAConnectionThatTheServerClosedIsSentAgainWhole) {
  std::atomic<int> asked = 0;
  // The second request of a connection finds it closed before a byte of an answer.
  Server server([&](const Request& request, Peer& peer) {
    if (++asked == 2) return false;
    return peer.Answer(200, "", Cat(request.body.size()));
  });
  const std::string text(200'000, 'y');
  StringBody body(text);
  const HttpRequest request{.method = HttpMethod::kPut, .url = server.url(), .body = &body};
  EXPECT_EQ(client_.Send(Soon(), request).value().body, "200000");
  EXPECT_EQ(client_.Send(Soon(), request).value().body, "200000");
  EXPECT_EQ(server.connections(), 2);
}

TEST_F(HttpClientTest, ChunkedBodiesGoToTheSinkWithTheirHead) {
  Server server([](const Request&, Peer& peer) {
    return peer.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Kind: lines\r\n\r\n") &&
           peer.Send("5\r\nfirst\r\n") && peer.Send("6\r\nsecond\r\n") && peer.Send("0\r\n\r\n");
  });
  std::string got;
  const HttpResponse response = client_
                                    .Send(Soon(), {.url = server.url()}, {},
                                          [&](const HttpResponse& head, std::string_view piece) {
                                            EXPECT_EQ(head.headers.Get("x-kind"), "lines");
                                            EXPECT_EQ(head.content_length, std::nullopt);
                                            got.append(piece);
                                            return absl::OkStatus();
                                          })
                                    .value();
  EXPECT_EQ(got, "firstsecond");
  EXPECT_EQ(response.body, "");
}

TEST_F(HttpClientTest, ASinkEndsItsTransferWithItsOwnStatus) {
  Server server(Always(200, "", std::string(1'000'000, 'x')));
  const absl::Status status = client_
                                  .Send(Soon(), {.url = server.url()}, {},
                                        [](const HttpResponse& head, std::string_view) {
                                          EXPECT_EQ(head.content_length, 1'000'000);
                                          return absl::DataLossError("disk is gone");
                                        })
                                  .status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("disk is gone"));
}

TEST_F(HttpClientTest, ASinkGetsNoErrorPageButTheAnswerHoldsIt) {
  Server server(Always(503, "Retry-After: 30\r\n", std::string(200'000, 'e')));
  bool called = false;
  const HttpResponse response = client_
                                    .Send(Soon(), {.url = server.url()}, {},
                                          [&](const HttpResponse&, std::string_view) {
                                            called = true;
                                            return absl::OkStatus();
                                          })
                                    .value();
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.body.size(), kErrorBodyMax);
  EXPECT_EQ(response.retry_after, absl::Seconds(30));
  EXPECT_FALSE(called);
}

TEST_F(HttpClientTest, APartComesWithItsPlace) {
  Server server(Always(206, "Content-Range: bytes 90-99/100\r\n", "0123456789"));
  const HttpResponse response = client_.Send(Soon(), {.url = server.url(), .range = ByteRange{.first = -10}}).value();
  EXPECT_EQ(response.status, 206);
  EXPECT_EQ(ParseContentRange(response.headers.Get("content-range"))->total, 100);
  EXPECT_EQ(server.requests().back().Field("range"), "bytes=-10");
  EXPECT_EQ(server.requests().back().Field("accept-encoding"), "") << "a part of a compressed body is of no use";
}

TEST_F(HttpClientTest, TheWholeInPlaceOfAPartIsLeftUnread) {
  Server whole(Always(200, "", std::string(1 << 20, 'x')));
  const HttpRequest request{.url = whole.url(), .range = ByteRange{.first = 5, .length = 10}, .part_only = true};
  const absl::StatusOr<HttpResponse> response = client_.Send(Soon(), request, {.body_bytes = 10});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, "");
  EXPECT_EQ(response->content_length, 1 << 20);
  HttpRequest all = request;
  all.part_only = false;
  EXPECT_TRUE(absl::IsResourceExhausted(client_.Send(Soon(), all, {.body_bytes = 10}).status()));

  Server part(Always(206, "Content-Range: bytes 5-14/100\r\n", "0123456789"));
  HttpRequest same = request;
  same.url = part.url();
  EXPECT_EQ(client_.Send(Soon(), same, {.body_bytes = 10}).value().body, "0123456789");
}

TEST_F(HttpClientTest, AFolderAnswersPartsToo) {
  const std::string dir = ::testing::TempDir() + Cat("http_client_", ::getpid());
  std::filesystem::create_directories(dir);
  ASSERT_TRUE(WriteFileAtomic(dir + "/f", "0123456789").ok());
  const std::string url = Cat("file://", dir, "/f");
  const HttpResponse whole = client_.Get(Soon(), url).value();
  EXPECT_EQ(whole.status, 200);
  EXPECT_EQ(whole.content_length, 10);
  const HttpResponse tail = client_.Send(Soon(), {.url = url, .range = ByteRange{.first = -3}}).value();
  EXPECT_EQ(tail.status, 206);
  EXPECT_EQ(tail.body, "789");
  EXPECT_EQ(tail.headers.Get("content-range"), "bytes 7-9/10");
  EXPECT_EQ(client_.Send(Soon(), {.url = url, .range = ByteRange{.first = 2, .length = 3}}).value().body, "234");
  EXPECT_TRUE(absl::IsInvalidArgument(client_.Send(Soon(), {.method = HttpMethod::kPut, .url = url}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(client_.Get(Soon(), url, {.public_addresses_only = true}).status()));
  std::filesystem::remove_all(dir);
}

TEST_F(HttpClientTest, CompressedBodiesAreUndoneWithinTheLimit) {
  const std::string bomb = Gzip(std::string(8'000'000, '\0'));
  ASSERT_LT(bomb.size(), 10'000u);
  Server server([&](const Request& request, Peer& peer) {
    EXPECT_THAT(request.Field("accept-encoding"), HasSubstr("gzip"));
    return peer.Answer(200, "Content-Encoding: gzip\r\n", request.target == "/bomb" ? bomb : Gzip("small text"));
  });
  const HttpResponse response = client_.Get(Soon(), server.url() + "/text").value();
  EXPECT_EQ(response.body, "small text");
  EXPECT_EQ(response.content_length, std::nullopt);
  const absl::Status status = client_.Get(Soon(), server.url() + "/bomb", {.body_bytes = 1'000'000}).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
}

TEST_F(HttpClientTest, HugeHeadersAreRefused) {
  Server server([](const Request& request, Peer& peer) {
    std::string fields;
    if (request.target == "/many") {
      for (int i = 0; i < 10'000; ++i) fields += Cat("X-", i, ": a\r\n");
    } else {
      for (int i = 0; i < 50; ++i) fields += Cat("X-", i, ": ", std::string(2000, 'a'), "\r\n");
    }
    return peer.Answer(200, fields, "");
  });
  for (const char* target : {"/many", "/large"}) {
    const absl::Status status = client_.Get(Soon(), server.url() + target).status();
    EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  }
}

TEST_F(HttpClientTest, ACutBodyIsNoAnswer) {
  Server server([](const Request& request, Peer& peer) {
    peer.Send(request.target == "/chunked" ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfir"
                                           : "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
    return false;
  });
  for (const char* target : {"/chunked", "/length"}) {
    const absl::Status status = client_.Get(Soon(), server.url() + target).status();
    EXPECT_TRUE(absl::IsUnavailable(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(Cat("GET ", server.url(), target)));
  }
}

TEST_F(HttpClientTest, SilenceEndsByDeadlineStopOrLowSpeed) {
  Server server([](const Request&, Peer& peer) {
    peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx");
    peer.Hang();
    return false;
  });
  EXPECT_TRUE(absl::IsDeadlineExceeded(client_.Get(Scope::For(absl::Milliseconds(300)), server.url()).status()));
  std::stop_source stop;
  std::thread stopper([&] {
    absl::SleepFor(absl::Milliseconds(300));
    stop.request_stop();
  });
  EXPECT_TRUE(absl::IsCancelled(client_.Get(Scope::For(absl::Seconds(60), stop.get_token()), server.url()).status()));
  stopper.join();
  const absl::Status slow =
      client_.Get(Soon(), server.url(), {.low_speed_bytes = 10, .low_speed_time = absl::Seconds(1)}).status();
  EXPECT_TRUE(absl::IsUnavailable(slow)) << slow;
  EXPECT_THAT(std::string(slow.message()), HasSubstr("too slow"));
}

TEST_F(HttpClientTest, RedirectsAreFollowedWithinTheRule) {
  Server other(Always(200, "", "there"));
  Server server([&](const Request& request, Peer& peer) {
    if (request.target == "/loop") return peer.Answer(302, "Location: /loop\r\n", "again");
    if (request.target == "/file") return peer.Answer(302, "Location: file:///etc/hostname\r\n", "");
    if (request.target == "/near") return peer.Answer(302, "Location: /end\r\n", std::string(1'000'000, 'r'));
    if (request.target == "/end") return peer.Answer(200, "", "end");
    return peer.Answer(302, Cat("Location: ", other.url(), "/x?sig=secret\r\n"), "");
  });
  const auto with_token = [&](const std::string& target) {
    return HttpRequest{.url = server.url() + target, .headers = {{"Authorization", "Bearer t"}, {"X-Other", "1"}}};
  };
  const HttpResponse far = client_.Send(Soon(), with_token("/far")).value();
  EXPECT_EQ(far.body, "there");
  EXPECT_EQ(far.redirects, 1);
  EXPECT_EQ(far.url, other.url() + "/x?sig=secret");
  EXPECT_EQ(other.requests().back().Field("authorization"), "") << "another origin gets no credentials";
  EXPECT_EQ(other.requests().back().Field("x-other"), "1");
  EXPECT_EQ(client_.Send(Soon(), with_token("/near")).value().body, "end");
  EXPECT_EQ(server.requests().back().Field("authorization"), "Bearer t");

  const absl::Status loop = client_.Get(Soon(), server.url() + "/loop").status();
  EXPECT_TRUE(absl::IsUnavailable(loop)) << loop;
  EXPECT_THAT(std::string(loop.message()), HasSubstr("redirects"));
  EXPECT_TRUE(absl::IsPermissionDenied(client_.Get(Soon(), server.url() + "/file").status()));
  HttpLimits limits;
  limits.redirects.limit = 0;
  EXPECT_EQ(client_.Get(Soon(), server.url() + "/far", limits).value().status, 302);
  limits.redirects = {.allow = [](const Url& target) { return target.host == "storage.example"; }};
  const absl::Status refused = client_.Get(Soon(), server.url() + "/far", limits).status();
  EXPECT_TRUE(absl::IsPermissionDenied(refused));
  EXPECT_THAT(std::string(refused.message()), Not(HasSubstr("secret")));
}

TEST_F(HttpClientTest, ABodyIsSentAgainAfterARedirect) {
  Server server([](const Request& request, Peer& peer) {
    if (request.target == "/a") return peer.Answer(307, "Location: /b\r\n", "");
    return peer.Answer(201, "", Cat(request.method, " ", request.body));
  });
  StringBody body("payload");
  const HttpRequest request{.method = HttpMethod::kPut, .url = server.url() + "/a", .body = &body};
  EXPECT_EQ(client_.Send(Soon(), request).value().body, "PUT payload");
}

TEST_F(HttpClientTest, ABodyThatIsShorterThanItsSizeIsDataLoss) {
  class Short final : public BodySource {
   public:
    int64_t size() const override { return 100; }
    absl::Status Rewind() override { return absl::OkStatus(); }
    absl::StatusOr<size_t> Read(char* out, size_t) override {
      if (sent_) return 0;
      sent_ = true;
      out[0] = 'x';
      return 1;
    }

   private:
    bool sent_ = false;
  };
  Server server(Always(200, "", ""));
  Short body;
  const absl::Status status =
      client_.Send(Soon(), {.method = HttpMethod::kPut, .url = server.url(), .body = &body}).status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
}

TEST_F(HttpClientTest, AddressesOfThisNetworkAreRefusedForUrlsFromOutside) {
  Server server(Always(200, "", "internal"));
  const std::string port = server.url().substr(server.url().rfind(':'));
  EXPECT_EQ(client_.Get(Soon(), server.url()).value().body, "internal") << "the control: it can be reached";
  for (const char* host : {"127.0.0.1", "localhost", "127.1", "[::1]", "0.0.0.0"}) {
    const absl::Status status =
        client_.Get(Soon(), Cat("http://", host, port), {.public_addresses_only = true}).status();
    EXPECT_TRUE(absl::IsPermissionDenied(status)) << host << status;
  }
  // Names that this machine knows as addresses of its own: refused when they are resolved, or unknown here.
  char name[256] = {};
  EXPECT_EQ(::gethostname(name, sizeof name - 1), 0);
  for (const char* host : {"ip6-localhost", "ip6-loopback", static_cast<const char*>(name)}) {
    const absl::Status status =
        client_.Get(Soon(), Cat("http://", host, port), {.public_addresses_only = true}).status();
    EXPECT_TRUE(absl::IsPermissionDenied(status) || absl::IsUnavailable(status)) << host << status;
  }
  EXPECT_EQ(server.requests().size(), 1u);
}

TEST_F(HttpClientTest, AnExceptionFromThePublicRuleHoldsForItsUrlAloneAndNotForWhereItRedirects) {
  Server internal(Always(200, "", "internal"));
  Server mirror([&](const Request& request, Peer& peer) {
    if (request.target == "/own") return peer.Answer(302, "Location: /here\r\n", "");
    if (request.target == "/away") return peer.Answer(302, Cat("Location: ", internal.url(), "/x\r\n"), "");
    return peer.Answer(200, "", "mirror");
  });
  const Url own = ParseUrl(mirror.url()).value();
  HttpLimits limits{.public_addresses_only = true};
  limits.may_be_private = [&](const Url& url) { return url.SameOrigin(own); };
  EXPECT_EQ(client_.Get(Soon(), mirror.url() + "/own", limits).value().body, "mirror");
  const absl::Status away = client_.Get(Soon(), mirror.url() + "/away", limits).status();
  EXPECT_TRUE(absl::IsPermissionDenied(away)) << away;
  EXPECT_EQ(internal.requests().size(), 0u);
  // The control: with this exception too it is reached.
  limits.may_be_private = [](const Url& url) { return url.host == "127.0.0.1"; };
  EXPECT_EQ(client_.Get(Soon(), mirror.url() + "/away", limits).value().body, "internal");
}

TEST_F(HttpClientTest, RequestsWaitForTheirHostsBudget) {
  std::atomic<int> now_open = 0, most_open = 0;
  Server server([&](const Request&, Peer& peer) {
    const int open = ++now_open;
    if (open > most_open) most_open = open;
    absl::SleepFor(absl::Milliseconds(5));
    --now_open;
    return peer.Answer(200, "", "ok");
  });
  HttpClient client("gofarm-test");
  ASSERT_TRUE(client.SetBudget("127.0.0.1", {.per_second = 50, .concurrent = 2}).ok());
  const absl::Time begin = absl::Now();
  std::vector<std::thread> threads;
  for (int i = 0; i < 5; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 5; ++n) EXPECT_TRUE(client.Get(Soon(), server.url()).ok());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GE(absl::Now() - begin, absl::Milliseconds(470)) << "25 requests are 24 intervals of 20 ms";
  EXPECT_LE(most_open, 2);

  ASSERT_TRUE(client.SetBudget("127.0.0.1", {.per_second = 0.01}).ok());
  EXPECT_TRUE(client.Get(Soon(), server.url()).ok());
  const absl::Status late = client.Get(Scope::For(absl::Seconds(5)), server.url()).status();
  EXPECT_TRUE(absl::IsDeadlineExceeded(late)) << late;
  EXPECT_THAT(std::string(late.message()), HasSubstr("budget of 127.0.0.1"));
  // A change reaches those who wait already.
  std::thread waiting([&] { EXPECT_TRUE(client.Get(Scope::For(absl::Minutes(5)), server.url()).ok()); });
  absl::SleepFor(absl::Milliseconds(50));
  ASSERT_TRUE(client.SetBudget("127.0.0.1", {}).ok());
  waiting.join();
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(absl::IsCancelled(client.Get(Scope::For(absl::Seconds(5), stop.get_token()), server.url()).status()));
}

TEST_F(HttpClientTest, BudgetsAreBounded) {
  HttpClient client("gofarm-test");
  for (size_t i = 0; i < kBudgetHostsMax; ++i) EXPECT_TRUE(client.SetBudget(Cat("host", i), {.per_second = 1}).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(client.SetBudget("one.more", {.per_second = 1})));
  EXPECT_TRUE(client.SetBudget("host0", {.per_second = 2}).ok());
}

TEST_F(HttpClientTest, WhatIsSaidToThisMachineIsSaidToNoProxy) {
  Server proxy(Always(502, "", ""));
  Server server(Always(200, "", "direct"));
  ASSERT_EQ(::setenv("http_proxy", proxy.url().c_str(), 1), 0);
  const absl::StatusOr<HttpResponse> here = client_.Get(Soon(), server.url());
  const absl::StatusOr<HttpResponse> there = client_.Get(Soon(), "http://gofarm.invalid/");  // the control
  ::unsetenv("http_proxy");
  ASSERT_TRUE(here.ok()) << here.status();
  EXPECT_EQ(here->body, "direct");
  ASSERT_TRUE(there.ok()) << there.status();
  EXPECT_EQ(there->status, 502);
}

}  // namespace
}  // namespace gofarm::io
