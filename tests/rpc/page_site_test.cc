// The operators' page on real stores, spoken to with bytes written by hand: what it says, that its JSON is the command
// line's, and how a log is followed.
#include "coordinator/page_site.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/time/clock.h"
#include "common/base/text.h"
#include "common/http/http_server.h"
#include "common/shapes/json_shapes.h"
#include "coordinator/log_stream.h"
#include "tests/rpc/farm_server.h"
#include "tests/unit/coordinator_http/raw_client.h"

namespace gofarm::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class PageSiteTest : public RpcTest {
 protected:
  void SetUp() override {
    RpcTest::SetUp();
    adjust_ = [this](rpc::ServerParts& parts) { Take(parts); };
    Restart();
    http::Router router;
    coordinator::AddPage(router, [this](const std::function<void(const coordinator::PageParts&)>& read) {
      if (!leads_) return false;
      read(*parts_);
      return true;
    });
    site_ = http::HttpServer::Start("127.0.0.1:0", std::move(router)).value();
  }
  void TearDown() override {
    site_.reset();
    tails_.reset();
    RpcTest::TearDown();
  }
  void Take(rpc::ServerParts& parts) {
    service::QueryService& queries = parts.queries;
    tails_ = std::make_unique<service::LogTails>(parts.logs.store(), parts.logs.growth(), parts.board,
                                                 [&queries](const Scope& scope, JobId job, AttemptToken token) {
                                                   return service::HasAttemptEnded(queries, scope, job, token);
                                                 });
    facts_ = parts.facts;
    parts_.emplace(coordinator::PageParts{.queries = parts.queries,
                                          .farm = parts.farm,
                                          .failures = parts.failures,
                                          .tails = *tails_,
                                          .logs = parts.logs.store(),
                                          .dispatch = parts.dispatch,
                                          .facts = facts_,
                                          .leader = "here pid 1",
                                          .epoch = 1});
  }
  std::string Get(const std::string& path) const { return http::Get(site_->port(), path); }
  static std::string BodyOf(const std::string& answer) { return answer.substr(answer.find("\r\n\r\n") + 4); }
  // Reads what comes until `end` is in it.
  static std::string ReadUntil(int fd, const std::string& end) {
    std::string out;
    char buffer[4096];
    ssize_t n;
    while (out.find(end) == std::string::npos && (n = ::recv(fd, buffer, sizeof buffer, 0)) > 0) {
      out.append(buffer, static_cast<size_t>(n));
    }
    return out;
  }
  int Follow(const std::string& path, const std::string& fields = "") const {
    const int fd = http::Connect(site_->port());
    const std::string request = Cat("GET ", path, " HTTP/1.1\r\nHost: localhost\r\n", fields, "\r\n");
    EXPECT_EQ(::send(fd, request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
    return fd;
  }
  void AppendSoon(int64_t token, int64_t offset, const std::string& data) {
    grpc::Status status;
    do {
      AppendLog(*worker_, token, offset, data, &status);
    } while (status.error_code() == grpc::StatusCode::UNAVAILABLE);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }
  void Fail(const v1::Offer& offer, v1::FailureClass why = v1::FAILURE_CLASS_COMPILE_ERROR) {
    v1::CompleteRequest report;
    report.set_token(offer.token());
    report.set_job_id(offer.job_id());
    report.set_outcome(v1::ATTEMPT_OUTCOME_FAILED);
    report.set_failure_class(why);
    report.set_failure_detail("# example.com/m\nm.go:1:2: undefined: Asset");
    v1::CompleteReply reply;
    grpc::Status status;
    do {
      status = worker_->Complete(Context().get(), report, &reply);
    } while (status.error_code() == grpc::StatusCode::UNAVAILABLE);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }

  bool leads_ = true;
  rpc::FarmFacts facts_;
  std::unique_ptr<service::LogTails> tails_;
  std::optional<coordinator::PageParts> parts_;
  std::unique_ptr<http::HttpServer> site_;
};

TEST_F(PageSiteTest, EveryPageIsReadWithoutAScriptAndHasAStrictPolicy) {
  FakeWorker worker(*worker_);
  const v1::Offer offer = RunningOffer(worker);
  AppendSoon(offer.token(), 0, "build| \x1b[31mred\x1b[0m <b>\n");
  Fail(offer);
  const std::string job = Cat("/jobs/", offer.job_id());
  for (const std::string& path : {std::string("/"), std::string("/batches/1"), job, std::string("/workers"),
                                  std::string("/failures"), std::string("/failures?batch=1")}) {
    const std::string answer = Get(path);
    EXPECT_THAT(answer, AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("Content-Security-Policy: default-src 'none'"),
                              HasSubstr("text/html"), HasSubstr("name=\"viewport\""), HasSubstr("</html>")))
        << path;
  }
  EXPECT_THAT(Get("/"), HasSubstr("href=\"/batches/1\""));
  EXPECT_THAT(Get("/batches/1"), AllOf(HasSubstr("example.com/m@v1.0.0"), HasSubstr(Cat("href=\"", job, "\""))));
  EXPECT_THAT(Get(job), AllOf(HasSubstr("undefined: Asset"), HasSubstr("go-bindata"),
                              HasSubstr("<span class=\"red\">red</span> &lt;b&gt;")));
  EXPECT_THAT(Get("/workers"), HasSubstr("w1"));
  EXPECT_THAT(Get("/failures"), AllOf(HasSubstr("FILE:N:N: undefined: Asset"), HasSubstr(job)));
}

TEST_F(PageSiteTest, TheJsonIsTheCommandLines) {
  FakeWorker worker(*worker_);
  const v1::Offer offer = RunningOffer(worker);
  Fail(offer);
  v1::BatchRequest of_batch;
  of_batch.set_id(1);
  v1::Batch batch;
  ASSERT_TRUE(farm_->GetBatch(Context().get(), of_batch, &batch).ok());
  EXPECT_EQ(BodyOf(Get("/api/batches/1")), shapes::BatchDocument(batch));
  EXPECT_EQ(BodyOf(Get(Cat("/api/jobs/", offer.job_id()))), shapes::JobDocument(GetJob(offer.job_id())));
  v1::BatchPage all;
  *all.add_batches() = batch;
  EXPECT_EQ(BodyOf(Get("/api/batches")), shapes::BatchListDocument(all));
  v1::FailureList failures;
  ASSERT_TRUE(farm_->ListFailures(Context().get(), v1::ListFailuresRequest(), &failures).ok());
  EXPECT_EQ(failures.jobs(), 1);
  EXPECT_EQ(BodyOf(Get("/api/failures")), shapes::FailureListDocument(failures));
  EXPECT_THAT(Get("/api/workers"), AllOf(HasSubstr("application/json"), HasSubstr("\"w1\"")));
  EXPECT_THAT(Get("/api/batches/4711"),
              AllOf(StartsWith("HTTP/1.1 404"), HasSubstr("\"error\": \""), HasSubstr("no batch 4711")));
  EXPECT_EQ(BodyOf(Get("/api/batches?limit=0")), shapes::BatchListDocument(all)) << "as the command line: all";
  EXPECT_EQ(BodyOf(Get("/api/failures?limit=0")), shapes::FailureListDocument(failures));
  for (const char* wrong : {"/api/batches?limit=x", "/api/batches?limit=-1", "/api/failures?limit=-1"}) {
    EXPECT_THAT(Get(wrong), StartsWith("HTTP/1.1 400")) << wrong;
  }
}

TEST_F(PageSiteTest, WhatIsNotThereOrNoWishIsSaidAndNothingIsTaken) {
  EXPECT_THAT(Get("/batches/4711"), AllOf(StartsWith("HTTP/1.1 404"), HasSubstr("no batch 4711"), HasSubstr("<h1>")));
  EXPECT_THAT(Get("/batches/x"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(Get("/jobs/4711"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(Get("/jobs/4711/log"), AllOf(StartsWith("HTTP/1.1 404"), HasSubstr("no job 4711")));
  EXPECT_THAT(Get("/batches/1?state=fine"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(Get("/?before=-1"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(http::Say(site_->port(), "POST /batches/1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 405"));
  leads_ = false;
  EXPECT_THAT(Get("/"), AllOf(StartsWith("HTTP/1.1 503"), HasSubstr("stands by")));
  EXPECT_THAT(Get("/api/batches"), StartsWith("HTTP/1.1 503"));
}

TEST_F(PageSiteTest, ALogIsFollowedToItsEndAndAReconnectAfterItIsOver) {
  FakeWorker worker(*worker_);
  const v1::Offer offer = RunningOffer(worker);
  AppendSoon(offer.token(), 0, "one\ntwo");
  const std::string path = Cat("/jobs/", offer.job_id(), "/log");
  const int fd = Follow(Cat(path, "?offset=0"));
  EXPECT_THAT(ReadUntil(fd, "]]\n"), AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("text/event-stream"),
                                           HasSubstr("id: 4\ndata: [[\"\",\"one\\n\"]]"), Not(HasSubstr("two"))))
      << "a line that is not whole waits";
  AppendSoon(offer.token(), 7, " more\n");
  EXPECT_THAT(ReadUntil(fd, "more"), HasSubstr("id: 13\ndata: [[\"\",\"two more\\n\"]]"));
  AppendSoon(offer.token(), 13, "last");
  Fail(offer);
  EXPECT_THAT(ReadUntil(fd, "event: end"), AllOf(HasSubstr("last"), HasSubstr("event: end\nid: 17\n")));
  ::close(fd);

  const auto ask = [&](const std::string& query, const std::string& fields) {
    return http::Say(site_->port(),
                     Cat("GET ", path, query, " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n", fields, "\r\n"));
  };
  EXPECT_THAT(ask("?offset=0", "Last-Event-ID: 17\r\n"), StartsWith("HTTP/1.1 204"));
  EXPECT_THAT(ask("?offset=0", "Last-Event-ID: 4\r\n"), AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("two more"),
                                                              Not(HasSubstr("\"one")), HasSubstr("event: end")))
      << "the browser's word counts";
  EXPECT_THAT(ask("?offset=13", ""), AllOf(HasSubstr("last"), Not(HasSubstr("two")), HasSubstr("event: end")));
  EXPECT_THAT(ask("?offset=17", ""), HasSubstr("event: end")) << "who was not told is told";
  EXPECT_THAT(ask(Cat("?attempt=", offer.token()), ""), HasSubstr("one"));
  EXPECT_THAT(ask("?attempt=4711", ""), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(ask("?offset=-1", ""), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(ask("?offset=0", "Last-Event-ID: x\r\n"), StartsWith("HTTP/1.1 400"));
}

// A browser that follows a job, and not one of its attempts, names where it was in the attempt before.
TEST_F(PageSiteTest, ANewAttemptsLogIsFollowedFromItsBeginning) {
  FakeWorker worker(*worker_);
  const v1::Offer first = RunningOffer(worker);
  AppendSoon(first.token(), 0, "of the first attempt\n");
  Fail(first, v1::FAILURE_CLASS_PROXY_ERROR);  // which is tried again
  FakeWorker other(*worker_);
  other.SayHello(FakeWorker::Hello("w2"));
  other.HearWelcome();
  other.SayReady(1);
  const v1::Offer second = other.HearOffer();
  ASSERT_EQ(second.job_id(), first.job_id());
  other.SayAccept(second.token());
  const absl::Time until = absl::Now() + absl::Seconds(20);
  while (GetJob(first.job_id()).attempts_size() < 2 && absl::Now() < until) absl::SleepFor(absl::Milliseconds(20));
  const std::string path = Cat("/jobs/", first.job_id(), "/log");
  const auto follows_from_the_beginning = [&](const std::string& id) {
    const int fd = Follow(path, Cat("Last-Event-ID: ", id, "\r\n"));
    const std::string got = ReadUntil(fd, "]]\n");
    ::close(fd);
    return got.find("begins") != std::string::npos;
  };
  AppendSoon(second.token(), 0, "begins\n");
  EXPECT_TRUE(follows_from_the_beginning("21")) << "the end of the first one, beyond what there is of the second";
  AppendSoon(second.token(), 7, "and goes on..\n");
  EXPECT_TRUE(follows_from_the_beginning("21"));
  EXPECT_FALSE(follows_from_the_beginning("7")) << "that is the second one's own";
  Fail(second);
  const std::string answer =
      http::Say(site_->port(),
                Cat("GET ", path, " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nLast-Event-ID: 21\r\n\r\n"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 204")) << "both logs are as long, and their end was told";
}

TEST_F(PageSiteTest, APageThatIsAskedForAgainComesWithoutItsLog) {
  FakeWorker worker(*worker_);
  const v1::Offer offer = RunningOffer(worker);
  AppendSoon(offer.token(), 0, "a line of it\n");
  const std::string job = Cat("/jobs/", offer.job_id());
  EXPECT_THAT(Get(job), AllOf(HasSubstr("a line of it"), HasSubstr("offset=13\"")));
  EXPECT_THAT(Get(Cat(job, "?log=0")),
              AllOf(StartsWith("HTTP/1.1 200"), Not(HasSubstr("a line of it")), HasSubstr("data-live"),
                    HasSubstr(Cat("data-attempt=\"", offer.token(), "\"")), HasSubstr("data-log=\"")));
  Fail(offer);
  EXPECT_THAT(Get(Cat(job, "?log=0")), AllOf(Not(HasSubstr("data-log=\"")), Not(HasSubstr("data-refresh=\"")),
                                             HasSubstr(Cat("data-attempt=\"", offer.token(), "\""))));
}

TEST_F(PageSiteTest, WhatMayNotAskWhyAJobWaitsSaysSoInsteadOfLeavingItOut) {
  const v1::SubmitReply reply = Submit({"example.com/m@v1.0.0"}, "waits");
  const std::string id = Cat(JobsOf(reply.batch().id()).at(0).id());
  std::string answer;
  int asked = 0;
  do {
    answer = Get(Cat("/api/jobs/", id));
    if (answer.find("HTTP/1.1 200") != 0) break;
  } while (++asked < 100 * coordinator::kWhyPerSecond);
  EXPECT_GE(asked, coordinator::kWhyPerSecond);
  EXPECT_THAT(answer, AllOf(StartsWith("HTTP/1.1 503"), HasSubstr("Retry-After: 1"), HasSubstr("\"error\": \"")));
  EXPECT_THAT(Get(Cat("/jobs/", id)), StartsWith("HTTP/1.1 200")) << "people get what there is";
}

TEST_F(PageSiteTest, ALongLogComesInPiecesAndWhoReadsSlowlyGetsAllOfIt) {
  FakeWorker worker(*worker_);
  const v1::Offer offer = RunningOffer(worker);
  std::string log;
  for (int i = 0; log.size() < 6 * coordinator::kLogReadMax; ++i) log += Cat("line ", i, " \x1b[1m<&>\x1b[0m\n");
  for (size_t at = 0; at < log.size(); at += 100'000) {
    AppendSoon(offer.token(), static_cast<int64_t>(at), log.substr(at, 100'000));
  }
  const int fd = http::Connect(site_->port(), /*window=*/4'096);
  const std::string request = Cat("GET /jobs/", offer.job_id(), "/log HTTP/1.1\r\nHost: localhost\r\n\r\n");
  ASSERT_GT(::send(fd, request.data(), request.size(), MSG_NOSIGNAL), 0);
  absl::SleepFor(absl::Milliseconds(300));
  EXPECT_THAT(Get("/"), StartsWith("HTTP/1.1 200")) << "it holds up nobody";
  const std::string all = ReadUntil(fd, Cat("id: ", log.size(), "\n"));
  EXPECT_THAT(all, AllOf(HasSubstr("line 0 "), HasSubstr("[\"bold\",\"<&>\"]")));
  EXPECT_GT(std::count(all.begin(), all.end(), '\n'), 10);
  ::close(fd);
  EXPECT_THAT(Get(Cat("/jobs/", offer.job_id())), AllOf(HasSubstr("line 0 "), HasSubstr("data-log=")));
}

TEST_F(PageSiteTest, FollowersOfALeadershipThatEndsAreCutSoThatTheyComeAgain) {
  FakeWorker worker(*worker_);
  const v1::Offer offer = RunningOffer(worker);
  AppendSoon(offer.token(), 0, "one\n");
  const int fd = Follow(Cat("/jobs/", offer.job_id(), "/log"));
  EXPECT_THAT(ReadUntil(fd, "]]\n"), HasSubstr("id: 4"));
  leads_ = false;
  tails_.reset();
  EXPECT_THAT(http::ReadToEnd(fd), Not(HasSubstr("event: end")));
  ::close(fd);
}

TEST_F(PageSiteTest, AMatrixOfManyModulesIsPagedWithEachModuleOnceAndWhole) {
  // Jobs of one module far apart, as if its targets had been built for other batches before.
  Sql("INSERT INTO batches (request_id, name, submitter) VALUES ('big', '', '')");
  Sql("INSERT INTO jobs (recipe_digest, generation, module, version, target, toolset, state, ended_at, failure_class) "
      "SELECT lpad(to_hex(i), 64, '0'), 1, 'example.com/m' || lpad((i % 500)::text, 4, '0'), 'v1.0.0', 1 + i / 500, "
      "'t1', "
      "6, now(), 6 FROM generate_series(0, 999) AS i");
  Sql("INSERT INTO batch_jobs SELECT (SELECT max(id) FROM batches), id FROM jobs");
  const std::string batch = Cat("/batches/", Count("SELECT max(id) FROM batches"));
  std::string path = batch;
  int modules = 0, pages = 0;
  for (; !path.empty() && pages < 10; ++pages) {
    const std::string page = BodyOf(Get(path));
    for (size_t at = 0; (at = page.find("<bdi>example.com/m", at)) != std::string::npos; ++at) ++modules;
    EXPECT_EQ(page.find("<td>–</td><td>–</td><td>–</td>"), std::string::npos) << "both jobs of each";
    const std::string more = Cat("<a href=\"", batch, "?after=");
    const size_t link = page.find(more);
    path = link == std::string::npos ? "" : page.substr(link + 9, page.find('"', link + 9) - link - 9);
  }
  EXPECT_EQ(modules, 500);
  EXPECT_GT(pages, 1);
  EXPECT_THAT(Get(Cat(batch, "?state=built")), HasSubstr("There are none here."));
  EXPECT_THAT(Get(Cat(batch, "?state=failed")), HasSubstr("example.com/m0000"));
}

// All of this process counts: the listener, the coordinator behind it, the worker that writes and the clients that
// read.
TEST_F(PageSiteTest, TwoHundredFollowersCostLessThanATenthOfACore) {
  constexpr int kFollowers = 200;
  constexpr absl::Duration kWatched = absl::Seconds(6);
  FakeWorker worker(*worker_);
  const v1::Offer offer = RunningOffer(worker);
  AppendSoon(offer.token(), 0, "begin\n");
  int64_t offset = 6;
  std::vector<pollfd> followers;
  for (int i = 0; i < kFollowers; ++i) {
    followers.push_back({.fd = Follow(Cat("/jobs/", offer.job_id(), "/log")), .events = POLLIN, .revents = 0});
  }
  std::vector<std::string> read(kFollowers);
  const auto take = [&](absl::Duration time) {
    for (const absl::Time until = absl::Now() + time; absl::Now() < until;) {
      if (::poll(followers.data(), followers.size(), 50) <= 0) continue;
      for (size_t i = 0; i < followers.size(); ++i) {
        if ((followers[i].revents & POLLIN) == 0) continue;
        char buffer[16 << 10];
        const ssize_t n = ::recv(followers[i].fd, buffer, sizeof buffer, 0);
        ASSERT_GT(n, 0);
        read[i].append(buffer, static_cast<size_t>(n));
      }
    }
  };
  take(absl::Seconds(2));
  const auto cpu = [] {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return absl::DurationFromTimeval(usage.ru_utime) + absl::DurationFromTimeval(usage.ru_stime);
  };
  const absl::Duration before = cpu();
  const absl::Time began = absl::Now();
  while (absl::Now() - began < kWatched) {
    const std::string line = Cat("build| a line as a build prints it, at ", offset, "\n");
    AppendSoon(offer.token(), offset, line);
    offset += static_cast<int64_t>(line.size());
    take(absl::Milliseconds(200));
  }
  const double share = absl::FDivDuration(cpu() - before, absl::Now() - began);
  RecordProperty("percent_of_a_core", Cat(share * 100));
  EXPECT_LT(share, 0.10);
  take(absl::Seconds(2));
  for (int i = 0; i < kFollowers; ++i) {
    ASSERT_THAT(read[static_cast<size_t>(i)], HasSubstr(Cat("id: ", offset, "\n"))) << "follower " << i;
    ::close(followers[static_cast<size_t>(i)].fd);
  }
  std::printf("200 followers: %.1f %% of a core\n", share * 100);
}

}  // namespace
}  // namespace gofarm::testing
