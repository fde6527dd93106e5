#include "coordinator/catalog/service_gate.h"

#include <algorithm>
#include <atomic>
#include <stop_token>
#include <thread>

#include "absl/synchronization/notification.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "coordinator/catalog/config.h"
#include "tests/unit/coordinator_catalog/gate_fixture.h"

namespace gofarm::catalog {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class ServiceGateTest : public GateFixture {};

TEST_F(ServiceGateTest, AnAnswerPassesAndIsCounted) {
  Server server([](const Request&, Peer& peer) { return peer.Answer(404, "", "not found"); });
  const auto gate = MakeGate(Service::kProxy, server.url());
  EXPECT_EQ(gate->Ask(Soon(), {.url = server.url() + "/a"}).value().status, 404);
  EXPECT_EQ(gate->Status().answers, 1);
  EXPECT_EQ(gate->Status().bytes, 9);
  EXPECT_TRUE(gate->Status().errors.empty());
  EXPECT_EQ(gate->Status().host, "127.0.0.1");
}

TEST_F(ServiceGateTest, FailuresAreTriedAgainAndThenToldWithTheServicesWords) {
  std::atomic<int> asked = 0;
  Server server([&](const Request& request, Peer& peer) {
    if (request.target == "/heals" && ++asked == 3) return peer.Answer(200, "", "well");
    return peer.Answer(503, "", "try\x1b[31m later\nsecond line");
  });
  const auto gate = MakeGate(Service::kDepsdev, server.url());
  EXPECT_EQ(gate->Ask(Soon(), {.url = server.url() + "/heals"}).value().body, "well");
  const absl::Status status = gate->Ask(Soon(), {.url = server.url() + "/ill?key=secret"}).status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  const std::string text(status.message());
  EXPECT_THAT(text, HasSubstr("depsdev: GET "));
  EXPECT_THAT(text, HasSubstr("answers 503: try\\x1b[31m later after 4 tries"));
  EXPECT_THAT(text, Not(HasSubstr("secret")));
  EXPECT_EQ(gate->Status().errors, (std::map<std::string, int64_t>{{"http_5xx", 6}}));
  EXPECT_EQ(gate->Status().requests, 7);
}

TEST_F(ServiceGateTest, NobodyAsksWhileARetryAfterRuns) {
  std::atomic<int> asked = 0;
  Server server([&](const Request&, Peer& peer) {
    return ++asked == 1 ? peer.Answer(429, "Retry-After: 5\r\n", "") : peer.Answer(200, "", "");
  });
  const auto gate = MakeGate(Service::kDepsdev, server.url());
  EXPECT_TRUE(gate->Ask(Soon(), {.url = server.url()}).ok());
  EXPECT_THAT(waits(), ElementsAre(absl::Seconds(5)));
  EXPECT_EQ(gate->Status().errors, (std::map<std::string, int64_t>{{"rate_limited", 1}}));
}

TEST_F(ServiceGateTest, AFarResetPausesTheServiceUntilThen) {
  const int64_t reset = absl::ToUnixSeconds(clock_.Now()) + 1800;
  Server server([&](const Request&, Peer& peer) {
    return peer.Answer(403, Cat("x-ratelimit-remaining: 0\r\nx-ratelimit-reset: ", reset, "\r\n"), "slow down");
  });
  const auto gate = MakeGate(Service::kGithub, server.url());
  EXPECT_TRUE(absl::IsUnavailable(gate->Ask(Soon(), {.url = server.url()}).status()));
  EXPECT_EQ(gate->Status().paused_until, absl::FromUnixSeconds(reset));
  EXPECT_THAT(gate->Status().reason, HasSubstr("rate limit: answers 403: slow down"));
  const absl::Status paused = gate->Ask(Soon(), {.url = server.url()}).status();
  EXPECT_TRUE(absl::IsUnavailable(paused)) << paused;
  EXPECT_THAT(std::string(paused.message()), HasSubstr("github: paused until 2027-01-15T08:30:00"));
  EXPECT_EQ(server.requests().size(), 1u) << "a paused service is not asked";
  clock_.Advance(absl::Seconds(1800));
  EXPECT_EQ(gate->Status().paused_until, absl::InfinitePast());
  EXPECT_FALSE(gate->Ask(Soon(), {.url = server.url()}).ok());
  EXPECT_EQ(server.requests().size(), 2u);
}

TEST_F(ServiceGateTest, TenFailuresPauseTheServiceAndItComesBack) {
  std::atomic<bool> ill = true;
  Server server([&](const Request&, Peer& peer) { return peer.Answer(ill ? 500 : 200, "", "oops"); });
  const auto gate = MakeGate(Service::kPkgsite, server.url());
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(gate->Ask(Soon(), {.url = server.url()}).ok());
  EXPECT_EQ(server.requests().size(), 10u) << "four, four, and two of the third";
  EXPECT_THAT(gate->Status().reason, HasSubstr("10 failures in a row, the last: answers 500: oops"));
  ill = false;
  clock_.Advance(absl::Minutes(1));
  EXPECT_TRUE(gate->Ask(Soon(), {.url = server.url()}).ok());
  EXPECT_EQ(gate->Status().reason, "");
}

TEST_F(ServiceGateTest, TheBudgetPacesAndMayBeChanged) {
  Server server([](const Request&, Peer& peer) { return peer.Answer(200, "", ""); });
  const auto gate = MakeGate(Service::kIndex, server.url(), {.per_second = 20});
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(gate->Ask(Soon(), {.url = server.url()}).ok());
  EXPECT_THAT(waits(), ElementsAre(absl::Milliseconds(50), absl::Milliseconds(50)));
  gate->SetBudget({});
  for (int i = 0; i < 30; ++i) EXPECT_TRUE(gate->Ask(Soon(), {.url = server.url()}).ok());
  EXPECT_EQ(waits().size(), 2u);
}

TEST_F(ServiceGateTest, OnlySoManyAreUnderWayAtOnce) {
  absl::Notification go;
  absl::Mutex mutex;
  int open = 0, most = 0;
  Server server([&](const Request&, Peer& peer) {
    {
      absl::MutexLock lock(&mutex);
      most = std::max(most, ++open);
    }
    go.WaitForNotificationWithTimeout(absl::Seconds(20));
    {
      absl::MutexLock lock(&mutex);
      --open;
    }
    return peer.Answer(200, "", "");
  });
  const auto gate = MakeGate(Service::kGithub, server.url(), {.concurrent = 2});
  std::vector<std::jthread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&] { EXPECT_TRUE(gate->Ask(Soon(), {.url = server.url()}).ok()); });
  }
  {
    absl::MutexLock lock(&mutex);
    mutex.Await(absl::Condition(
        +[](int* n) { return *n == 2; }, &open));
  }
  go.Notify();
  threads.clear();
  EXPECT_EQ(most, 2);
}

TEST_F(ServiceGateTest, StopAndDeadlineEndEveryWait) {
  Server server([](const Request& request, Peer& peer) {
    if (request.target == "/hang") {
      peer.Hang();
      return false;
    }
    return peer.Answer(200, "", "");
  });
  // With the real clock and real waits.
  const auto gate =
      ServiceGate::Make({.service = Service::kIndex, .urls = {server.url()}, .budget = {.per_second = 0.001}}, http_,
                        RealClock())
          .value();
  EXPECT_TRUE(gate->Ask(Soon(), {.url = server.url()}).ok());
  const absl::Status late = gate->Ask(Scope::For(absl::Milliseconds(20)), {.url = server.url()}).status();
  EXPECT_TRUE(absl::IsDeadlineExceeded(late)) << late;
  EXPECT_THAT(std::string(late.message()), HasSubstr("index: waiting for its request budget"));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(
      absl::IsCancelled(gate->Ask(Scope::For(absl::Minutes(1), stop.get_token()), {.url = server.url()}).status()));
  gate->SetBudget({});
  const absl::Status silent = gate->Ask(Scope::For(absl::Milliseconds(50)), {.url = server.url() + "/hang"}).status();
  EXPECT_TRUE(absl::IsDeadlineExceeded(silent)) << silent;
  EXPECT_TRUE(gate->Status().errors.empty()) << "the caller's time was short; the service did nothing wrong";
}

TEST_F(ServiceGateTest, AServiceThatSaysNothingInTheTimeOfATryIsAskedAgain) {
  std::atomic<int> asked = 0;
  Server server([&](const Request&, Peer& peer) {
    if (++asked == 1) {
      peer.Hang();
      return false;
    }
    return peer.Answer(200, "", "");
  });
  const auto gate = MakeGate(Service::kIndex, server.url());
  EXPECT_TRUE(gate->Ask(Soon(), {.url = server.url()}, {.try_time = absl::Milliseconds(50)}).ok());
  EXPECT_EQ(gate->Status().errors, (std::map<std::string, int64_t>{{"timeout", 1}}));
}

TEST_F(ServiceGateTest, RedirectsStayInsideTheConfiguredOriginOrGoToAllowedHosts) {
  Server other([](const Request&, Peer& peer) { return peer.Answer(200, "", "inside"); });
  Server server([&](const Request& request, Peer& peer) {
    if (request.target == "/near") return peer.Answer(302, "Location: /end\r\n", "");
    if (request.target == "/end") return peer.Answer(200, "", "end");
    return peer.Answer(302, Cat("Location: ", other.url(), "/x\r\n"), "");
  });
  const auto gate = MakeGate(Service::kProxy, server.url());
  EXPECT_EQ(gate->Ask(Soon(), {.url = server.url() + "/near"}).value().body, "end");
  const absl::Status refused = gate->Ask(Soon(), {.url = server.url() + "/away"}).status();
  EXPECT_TRUE(absl::IsPermissionDenied(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("not a public address"));
  EXPECT_EQ(other.requests().size(), 0u);
  EXPECT_EQ(gate->Status().errors, (std::map<std::string, int64_t>{{"refused", 1}}));
  const auto open = MakeGate(Service::kProxy, server.url(), {}, {"127.0.0.1"});
  EXPECT_EQ(open->Ask(Soon(), {.url = server.url() + "/away"}).value().body, "inside") << "the control";
}

TEST_F(ServiceGateTest, ABodyThatIsTooLargeIsNotAskedForAgain) {
  Server server([](const Request&, Peer& peer) { return peer.Answer(200, "", std::string(1000, 'x')); });
  const auto gate = MakeGate(Service::kIndex, server.url());
  EXPECT_TRUE(absl::IsResourceExhausted(gate->Ask(Soon(), {.url = server.url()}, {.body_bytes = 999}).status()));
  EXPECT_EQ(server.requests().size(), 1u);
  EXPECT_EQ(gate->Status().errors, (std::map<std::string, int64_t>{{"too_large", 1}}));
}

TEST_F(ServiceGateTest, ASinkThatTookAPieceIsNotFedTwice) {
  std::atomic<int> asked = 0;
  Server server([&](const Request&, Peer& peer) {
    if (++asked == 1) return peer.Answer(503, "", "later");
    peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    return false;
  });
  const auto gate = MakeGate(Service::kProxy, server.url());
  std::string got;
  const absl::Status status = gate->Ask(Soon(), {.url = server.url()}, {},
                                        [&](const io::HttpResponse&, std::string_view piece) {
                                          got.append(piece);
                                          return absl::OkStatus();
                                        })
                                  .status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_EQ(got, "half");
  EXPECT_EQ(asked, 2) << "the 503 gave the sink nothing and was tried again";
  EXPECT_EQ(gate->Status().errors, (std::map<std::string, int64_t>{{"http_5xx", 1}, {"unreachable", 1}}));
}

TEST_F(ServiceGateTest, ASinkThatForgetsIsFedAnew) {
  std::atomic<int> asked = 0;
  Server server([&](const Request&, Peer& peer) {
    if (++asked == 2) return peer.Answer(200, "", "whole");
    peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    return false;
  });
  const auto gate = MakeGate(Service::kIndex, server.url());
  std::string got;
  AskOptions options;
  options.begin = [&] { got.clear(); };
  const auto answer =
      gate->Ask(Soon(), {.url = server.url()}, options, [&](const io::HttpResponse&, std::string_view piece) {
        got.append(piece);
        return absl::OkStatus();
      });
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(got, "whole");
  EXPECT_EQ(gate->Status().errors, (std::map<std::string, int64_t>{{"unreachable", 1}}));
  EXPECT_EQ(gate->Status().bytes, 5);
}

TEST_F(ServiceGateTest, WhatASinkSaysIsNoFaultOfTheService) {
  Server server([](const Request&, Peer& peer) { return peer.Answer(200, "", "body"); });
  const auto gate = MakeGate(Service::kProxy, server.url());
  const absl::Status status =
      gate->Ask(Soon(), {.url = server.url()}, {},
                [](const io::HttpResponse&, std::string_view) { return absl::DataLossError("disk is gone"); })
          .status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_TRUE(gate->Status().errors.empty());
}

TEST_F(ServiceGateTest, ATokenComesFromAFileAndNoMessageShowsIt) {
  const std::string path = Cat(::testing::TempDir(), "gate_token_", ::getpid());
  ASSERT_TRUE(io::WriteFileAtomic(path, " ghp_Secret1\n").ok());
  EXPECT_EQ(ReadToken(path).value(), "ghp_Secret1");
  ASSERT_TRUE(io::WriteFileAtomic(path, "ghp_Secret1\nX-Other: 1").ok());
  const absl::Status two = ReadToken(path).status();
  EXPECT_TRUE(absl::IsInvalidArgument(two)) << two;
  EXPECT_THAT(std::string(two.message()), Not(HasSubstr("Secret")));
  ASSERT_TRUE(io::WriteFileAtomic(path, "\n").ok());
  EXPECT_TRUE(absl::IsInvalidArgument(ReadToken(path).status()));
  EXPECT_TRUE(absl::IsNotFound(ReadToken(path + ".none").status()));
  ASSERT_TRUE(io::WriteFileAtomic(path, std::string(5000, 'x')).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(ReadToken(path).status()));
}

TEST_F(ServiceGateTest, TheUserAgentNamesFarmAndContact) {
  EXPECT_EQ(UserAgent("0.1.0", "ops@example.org").value(), "gofarm/0.1.0 (+ops@example.org)");
  EXPECT_EQ(UserAgent("0.1.0", "").value(), "gofarm/0.1.0");
  EXPECT_FALSE(UserAgent("0.1.0", "a\r\nX: y").ok());
  EXPECT_FALSE(UserAgent("0.1.0", "a) b (").ok());
}

TEST_F(ServiceGateTest, AGateNeedsAnAddress) {
  EXPECT_TRUE(absl::IsInvalidArgument(ServiceGate::Make({}, http_, clock_).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ServiceGate::Make({.urls = {"ftp://x"}}, http_, clock_).status()));
}

TEST(BudgetsTest, NoSecondHoldsMoreThanPkgsiteAllows) {
  // 45 requests in any second, by its documentation.
  io::RequestBudget budget;
  budget.SetLimits(Budgets{}.pkgsite);
  const absl::Time begin = absl::UnixEpoch();
  std::vector<absl::Time> taken;
  for (absl::Time now = begin; now < begin + absl::Seconds(3); now += absl::Milliseconds(1)) {
    while (budget.TryTake(now)) {
      budget.Release();
      taken.push_back(now);
    }
  }
  for (size_t i = 0; i < taken.size(); ++i) {
    const auto end = std::lower_bound(taken.begin(), taken.end(), taken[i] + absl::Seconds(1));
    EXPECT_LE(end - (taken.begin() + static_cast<ptrdiff_t>(i)), 45) << absl::FormatDuration(taken[i] - begin);
  }
  EXPECT_GE(taken.size(), 3 * 40u);
}

}  // namespace
}  // namespace gofarm::catalog
