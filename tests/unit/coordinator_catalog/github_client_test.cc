#include "coordinator/catalog/github_client.h"

#include <atomic>

#include "absl/strings/match.h"
#include "common/base/text.h"
#include "tests/unit/coordinator_catalog/gate_fixture.h"

namespace gofarm::catalog {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kLimit[] = R"("rateLimit":{"cost":1,"remaining":4000,"resetAt":"2030-01-01T00:00:00Z"})";

std::string Node(const std::string& full_name, int stars = 1) {
  return Cat(R"({"databaseId":7,"nameWithOwner":")", full_name,
             R"(","description":null,"homepageUrl":"https://h.example",)", R"("stargazerCount":)", stars,
             R"(,"isArchived":true,"isFork":false,"pushedAt":"2025-10-01T00:00:00Z",)",
             R"("licenseInfo":{"spdxId":"NOASSERTION"},"defaultBranchRef":{"name":"main"},)",
             R"("repositoryTopics":{"nodes":[{"topic":{"name":"cli"}},{"topic":{"name":"go"}}]}})");
}

std::vector<GithubName> Names(size_t count) {
  std::vector<GithubName> names;
  for (size_t i = 0; i < count; ++i) names.push_back({.owner = "o", .name = Cat("r", i)});
  return names;
}

// How many repositories a query names.
size_t Aliases(const Request& request) {
  size_t count = 0;
  for (size_t at = 0; (at = request.body.find(":repository(", at)) != std::string::npos; ++at) ++count;
  return count;
}

class GithubClientTest : public GateFixture {
 protected:
  static constexpr char kToken[] = "ghp_secret";
  std::unique_ptr<ServiceGate> Gate(const Server& server) { return MakeGate(Service::kGithub, server.url()); }
};

TEST_F(GithubClientTest, ManyRepositoriesAreAskedForAtOnceAndEachAnswerIsItsOwn) {
  Server server([](const Request&, Peer& peer) {
    return peer.Answer(
        200, "",
        Cat(R"({"data":{"r0":)", Node("O/r0", 5), R"(,"r1":null,"r2":)", Node("new/name"), R"(,"r3":null,"r4":null,)",
            kLimit, R"(},"errors":[{"type":"NOT_FOUND","path":["r1"],"message":"Could not resolve"},)",
            R"({"type":"FORBIDDEN","path":["r3"],"message":"SAML"},)",
            R"({"message":"Something went wrong","path":["r4","repositoryTopics",0]}]})"));
  });
  const auto gate = Gate(server);
  GithubClient client(*gate, kToken);
  const RepositoryAnswers answers = client.Repositories(Soon(), Names(5));
  ASSERT_TRUE(answers.status.ok()) << answers.status;
  const GithubRepository& first = answers.answers[0].repository;
  EXPECT_EQ(answers.answers[0].state, RepositoryState::kThere);
  EXPECT_FALSE(answers.answers[0].renamed) << "case does not count";
  EXPECT_EQ(first.full_name, "O/r0");
  EXPECT_EQ(first.stars, 5);
  EXPECT_EQ(first.license, "non-standard");
  EXPECT_EQ(first.homepage, "https://h.example");
  EXPECT_EQ(first.default_branch, "main");
  EXPECT_TRUE(first.archived);
  EXPECT_THAT(first.topics, ElementsAre("cli", "go"));
  EXPECT_EQ(answers.answers[1].state, RepositoryState::kMissing);
  EXPECT_TRUE(answers.answers[2].renamed);
  EXPECT_EQ(answers.answers[2].repository.full_name, "new/name");
  EXPECT_EQ(answers.answers[3].state, RepositoryState::kRefused);
  EXPECT_EQ(answers.answers[4].state, RepositoryState::kNotAnswered) << "an error is no absence";
  const Request request = server.requests().front();
  EXPECT_EQ(request.target, "/graphql");
  EXPECT_EQ(request.Field("authorization"), "Bearer ghp_secret");
  EXPECT_EQ(request.Field("user-agent"), "gofarm-test");
  EXPECT_THAT(request.body, HasSubstr(R"(r1:repository(owner:\"o\",name:\"r1\"){...F})"));
}

TEST_F(GithubClientTest, TooMuchIsHalvedAndTheSmallerSizeIsKept) {
  std::atomic<int> asked = 0;
  Server server([&](const Request& request, Peer& peer) {
    ++asked;
    const size_t aliases = Aliases(request);
    if (aliases > 60) return peer.Answer(502, "", "<html>");
    std::string data;
    for (size_t i = 0; i < aliases; ++i) data += Cat("\"r", i, "\":", Node("o/x"), ",");
    return peer.Answer(200, "", Cat("{\"data\":{", data, kLimit, "}}"));
  });
  const auto gate = Gate(server);
  GithubClient client(*gate, kToken);
  const RepositoryAnswers answers = client.Repositories(Soon(), Names(230));
  ASSERT_TRUE(answers.status.ok()) << answers.status;
  for (const RepositoryAnswer& answer : answers.answers) EXPECT_EQ(answer.state, RepositoryState::kThere);
  std::vector<size_t> sizes;
  for (const Request& request : server.requests()) sizes.push_back(Aliases(request));
  EXPECT_THAT(sizes, ElementsAre(100, 50, 50, 50, 50, 30));
}

TEST(AliasBatchTest, HalvesDownToAFewAndGrowsAgain) {
  AliasBatch batch;
  EXPECT_EQ(batch.size(), 100u);
  for (const size_t left : {50, 25, 12, 6, 5}) {
    EXPECT_TRUE(batch.TooMuch(batch.size()));
    EXPECT_EQ(batch.size(), left);
  }
  EXPECT_FALSE(batch.TooMuch(5));
  for (int i = 0; i < 19; ++i) batch.Well();
  EXPECT_EQ(batch.size(), 5u);
  batch.Well();
  EXPECT_EQ(batch.size(), 10u);
  for (int i = 0; i < 200; ++i) batch.Well();
  EXPECT_EQ(batch.size(), 100u);
}

TEST_F(GithubClientTest, ALimitInsideA200PausesTheService) {
  const int64_t reset = absl::ToUnixSeconds(clock_.Now()) + 900;
  Server server([&](const Request&, Peer& peer) {
    return peer.Answer(200, Cat("x-ratelimit-remaining: 0\r\nx-ratelimit-reset: ", reset, "\r\n"),
                       R"({"errors":[{"type":"RATE_LIMITED","message":"API rate limit exceeded"}]})");
  });
  const auto gate = Gate(server);
  GithubClient client(*gate, kToken);
  const RepositoryAnswers answers = client.Repositories(Soon(), Names(3));
  EXPECT_TRUE(absl::IsUnavailable(answers.status)) << answers.status;
  EXPECT_EQ(answers.answers[0].state, RepositoryState::kNotAnswered);
  EXPECT_EQ(gate->Status().paused_until, absl::FromUnixSeconds(reset));
  EXPECT_EQ(gate->Status().errors, (std::map<std::string, int64_t>{{"rate_limited", 1}}));
  EXPECT_EQ(server.requests().size(), 1u);
}

TEST_F(GithubClientTest, TheLastPointPausesBeforeTheNextQuestion) {
  const absl::Time reset = clock_.Now() + absl::Minutes(10);
  Server server([&](const Request&, Peer& peer) {
    return peer.Answer(200, "",
                       Cat("{\"data\":{\"r0\":", Node("o/r0"), R"(,"rateLimit":{"remaining":0,"resetAt":")",
                           absl::FormatTime(absl::RFC3339_sec, reset, absl::UTCTimeZone()), "\"}}}"));
  });
  const auto gate = Gate(server);
  GithubClient client(*gate, kToken);
  EXPECT_TRUE(client.Repositories(Soon(), Names(1)).status.ok());
  EXPECT_EQ(gate->Status().paused_until, reset);
}

TEST_F(GithubClientTest, NothingThatIsNoNameEntersAQuery) {
  Server server([](const Request&, Peer& peer) { return peer.Answer(200, "", "{}"); });
  const auto gate = Gate(server);
  GithubClient client(*gate, kToken);
  for (const GithubName& bad :
       std::vector<GithubName>{{"o\"){id} x:viewer{", "r"}, {"o", "r\"}"}, {"o", ".."}, {"", "r"}, {"o", "a/b"}}) {
    EXPECT_TRUE(absl::IsInvalidArgument(client.Repositories(Soon(), {bad}).status));
    EXPECT_TRUE(absl::IsInvalidArgument(client.Repository(Soon(), bad).status()));
  }
  EXPECT_TRUE(server.requests().empty());
  EXPECT_TRUE(absl::IsFailedPrecondition(GithubClient(*gate, "").Repositories(Soon(), Names(1)).status));
}

TEST_F(GithubClientTest, RestKnowsRenamesEtagsAndAbsence) {
  Server server([](const Request& request, Peer& peer) {
    if (request.target == "/repos/old/name")
      return peer.Answer(301, "Location: /repositories/42\r\n", R"({"message":"Moved Permanently"})");
    if (request.target == "/repos/o/gone") return peer.Answer(404, "", R"({"message":"Not Found"})");
    if (request.target == "/repos/o/dmca") return peer.Answer(451, "", R"({"message":"blocked"})");
    if (request.Field("if-none-match") == "\"e1\"") return peer.Answer(304, "ETag: \"e1\"\r\n", "");
    return peer.Answer(
        200, "ETag: \"e1\"\r\n",
        R"({"id":42,"full_name":"New/Name","description":"d","homepage":"","stargazers_count":9,"topics":["cli"],)"
        R"("license":{"key":"mit","spdx_id":"MIT"},"archived":false,"fork":true,"default_branch":"trunk","pushed_at":"2025-10-01T00:00:00Z"})");
  });
  const auto gate = Gate(server);
  GithubClient client(*gate, kToken);
  const RepositoryAnswer moved = client.Repository(Soon(), {"old", "name"}).value();
  EXPECT_EQ(moved.state, RepositoryState::kThere);
  EXPECT_TRUE(moved.renamed);
  EXPECT_EQ(moved.repository.full_name, "New/Name");
  EXPECT_EQ(moved.repository.license, "MIT");
  EXPECT_TRUE(moved.repository.fork);
  EXPECT_EQ(server.requests().back().target, "/repositories/42");
  EXPECT_EQ(server.requests().back().Field("authorization"), "Bearer ghp_secret") << "the same origin";
  const RepositoryAnswer first = client.Repository(Soon(), {"New", "Name"}).value();
  EXPECT_EQ(first.etag, "\"e1\"");
  EXPECT_EQ(client.Repository(Soon(), {"New", "Name"}, first.etag).value().state, RepositoryState::kNotModified);
  EXPECT_EQ(client.Repository(Soon(), {"o", "gone"}).value().state, RepositoryState::kMissing);
  EXPECT_EQ(client.Repository(Soon(), {"o", "dmca"}).value().state, RepositoryState::kRefused);

  GithubClient stranger(*gate, "");
  EXPECT_EQ(stranger.Repository(Soon(), {"New", "Name"}, "\"e1\"").value().state, RepositoryState::kNotModified);
  EXPECT_EQ(server.requests().back().Field("authorization"), "");
  EXPECT_EQ(stranger.TokenMark(), "anonymous");
  EXPECT_NE(client.TokenMark(), GithubClient(*gate, "another").TokenMark());
  EXPECT_EQ(client.TokenMark().find(kToken), std::string::npos);
}

TEST_F(GithubClientTest, TheTokenGoesToNoOtherOriginAndIntoNoMessage) {
  Server other([](const Request&, Peer& peer) { return peer.Answer(200, "", "{}"); });
  Server server([&](const Request& request, Peer& peer) {
    if (request.target == "/repos/o/away") return peer.Answer(302, Cat("Location: ", other.url(), "/x\r\n"), "");
    return peer.Answer(401, "", R"({"message":"Bad credentials"})");
  });
  const auto gate = MakeGate(Service::kGithub, server.url(), {}, {"127.0.0.1"});
  GithubClient client(*gate, kToken);
  (void)client.Repository(Soon(), {"o", "away"});
  EXPECT_EQ(other.requests().at(0).Field("authorization"), "");
  const absl::Status refused = client.Repository(Soon(), {"o", "r"}).status();
  EXPECT_TRUE(absl::IsPermissionDenied(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), Not(HasSubstr("ghp_secret")));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("Bad credentials"));
}

TEST_F(GithubClientTest, ASearchOfManyIsSplitUntilEachPartFits) {
  // 2,500 repositories: number n has n stars.
  constexpr int64_t kAll = 2500;
  Server server([&](const Request& request, Peer& peer) {
    int64_t low = 0, high = kAll - 1;
    const size_t stars = request.target.find("stars%3A");
    if (stars != std::string::npos) {
      const std::string range = request.target.substr(stars + 8);
      if (absl::StartsWith(range, "%3E%3D")) {
        low = std::atoll(range.c_str() + 6);
      } else {
        low = std::atoll(range.c_str());
        high = std::min(high, static_cast<int64_t>(std::atoll(range.c_str() + range.find("..") + 2)));
      }
    }
    const int64_t page = std::atoll(request.target.c_str() + request.target.find("&page=") + 6);
    std::string items;
    for (int64_t n = high - (page - 1) * 100, i = 0; n >= low && i < 100; --n, ++i) {
      items +=
          Cat(items.empty() ? "" : ",", "{\"id\":", n, ",\"full_name\":\"o/r", n, "\",\"stargazers_count\":", n, "}");
    }
    return peer.Answer(
        200, "", Cat("{\"total_count\":", high - low + 1, ",\"incomplete_results\":false,\"items\":[", items, "]}"));
  });
  const auto gate = Gate(server);
  GithubClient client(*gate, kToken);
  const GithubClient::TopicRepositories found = client.WithTopic(Soon(), "cli").value();
  EXPECT_EQ(found.repositories.size(), static_cast<size_t>(kAll));
  EXPECT_EQ(found.incomplete, "");
  EXPECT_GT(found.searches, 1) << "the search was split";
  EXPECT_THAT(server.requests().front().target, HasSubstr("q=topic%3Acli%20language%3Ago&"));
  EXPECT_TRUE(absl::IsInvalidArgument(client.WithTopic(Soon(), "cli stars:>5").status()));
}

TEST_F(GithubClientTest, WhatASearchFoundBeforeItBrokeOffIsKept) {
  Server server([](const Request& request, Peer& peer) {
    if (request.target.find("&page=2") != std::string::npos) return peer.Answer(422, "", "Only the first 1000");
    std::string items;
    for (int i = 1; i <= 100; ++i) items += Cat(i == 1 ? "" : ",", "{\"id\":", i, ",\"full_name\":\"O/R", i, "\"}");
    return peer.Answer(200, "", Cat("{\"total_count\":150,\"items\":[", items, "]}"));
  });
  const auto gate = Gate(server);
  GithubClient client(*gate, kToken);
  int pages = 0;
  const GithubClient::TopicRepositories found = client
                                                    .WithTopic(Soon(), "cli",
                                                               [&](const auto&) {
                                                                 ++pages;
                                                                 return true;
                                                               })
                                                    .value();
  EXPECT_EQ(found.repositories.size(), 100u);
  EXPECT_EQ(found.repositories[0].full_name, "O/R1") << "module paths have capitals";
  EXPECT_THAT(found.incomplete, HasSubstr("422"));
  EXPECT_EQ(pages, 1);
  EXPECT_TRUE(absl::IsCancelled(client.WithTopic(Soon(), "cli", [](const auto&) { return false; }).status()));
}

TEST_F(GithubClientTest, TheSearchsMinuteIsWaitedFor) {
  std::atomic<int> asked = 0;
  Server server([&](const Request&, Peer& peer) {
    const int64_t reset = absl::ToUnixSeconds(clock_.Now()) + 40;
    const std::string fields =
        Cat("x-ratelimit-resource: search\r\nx-ratelimit-remaining: 0\r\nx-ratelimit-reset: ", reset, "\r\n");
    if (++asked == 1) return peer.Answer(403, fields, "limit");
    return peer.Answer(200, fields, R"({"total_count":1,"items":[{"id":1,"full_name":"o/r"}]})");
  });
  const auto gate = Gate(server);
  GithubClient client(*gate, kToken);
  EXPECT_EQ(client.WithTopic(Soon(), "cli").value().repositories.size(), 1u);
  EXPECT_GE(clock_.Now(), absl::FromUnixSeconds(1'800'000'000) + absl::Seconds(80)) << "twice forty seconds";
  EXPECT_EQ(gate->Status().paused_until, absl::InfinitePast()) << "its limit is no other's";
}

TEST(GithubSearchTest, SlicesCoverEverythingOnce) {
  const absl::CivilDay today(2026, 11, 1);
  const SearchSlice all;
  const std::vector<SearchSlice> parts = SplitSlice(all, 9999, today);
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(parts[1].stars_min, 0);
  EXPECT_EQ(*parts[1].stars_max, 99);
  EXPECT_EQ(parts[0].stars_min, 100);
  EXPECT_EQ(parts[0].stars_max, std::nullopt) << "who gains stars meanwhile is not lost";
  EXPECT_EQ(SearchQuery("cli", all), "topic:cli language:go");
  EXPECT_EQ(SearchQuery("cli", parts[0]), "topic:cli language:go stars:>=100");
  EXPECT_EQ(SearchQuery("cli", parts[1]), "topic:cli language:go stars:0..99");
  // Down to one number of stars, then by days.
  SearchSlice slice{.stars_min = 0, .stars_max = 1};
  std::vector<SearchSlice> halves = SplitSlice(slice, 1, today);
  EXPECT_EQ(*halves[1].stars_max, 0);
  EXPECT_EQ(halves[0].stars_min, 1);
  slice = halves[1];
  halves = SplitSlice(slice, 0, today);
  ASSERT_EQ(halves.size(), 2u);
  EXPECT_EQ(*halves[1].made_to + 1, *halves[0].made_from);
  EXPECT_EQ(*halves[0].made_to, today);
  EXPECT_THAT(SearchQuery("cli", halves[1]), HasSubstr("stars:0..0 created:2007-10-01.."));
  slice.made_from = slice.made_to = today;
  EXPECT_TRUE(SplitSlice(slice, 0, today).empty());
}

TEST(GithubSearchTest, TopicsAreGithubs) {
  for (const char* good : {"cli", "go-tool", "2d"}) EXPECT_TRUE(IsTopic(good)) << good;
  for (const char* bad : {"", "-x", "Cli", "a b", "a:b", "\xc3\xa4"}) EXPECT_FALSE(IsTopic(bad)) << bad;
  EXPECT_FALSE(IsTopic(std::string(51, 'a')));
}

}  // namespace
}  // namespace gofarm::catalog
