// Stage enrich against servers of the test: what it asks GitHub's REST API, with and without a token, and what becomes
// of a module for which a service has no answer.
#include <gmock/gmock.h>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "absl/synchronization/mutex.h"
#include "common/base/clock.h"
#include "common/io/files.h"
#include "coordinator/catalog/enrich_stage.h"
#include "tests/pg/farm_fixture.h"
#include "tests/support/raw_http_server.h"

namespace gofarm::catalog {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Server = testing::RawHttpServer;

// deps.dev's answer to a batch of which it knows nothing: the requests again, without what was asked for.
std::string NothingKnown(std::string body) {
  std::erase_if(body, [](char c) { return c == ' ' || c == '\n'; });
  const size_t begin = body.find('[') + 1;
  const std::string requests = body.substr(begin, body.find(']') - begin);
  return Cat(R"({"responses":[{"request":)", absl::StrReplaceAll(requests, {{"}},{", R"(}}},{"request":{)"}}),
             R"(}],"nextPageToken":""})");
}

class EnrichStageTest : public testing::FarmTest {
 protected:
  void SetUp() override {
    FarmTest::SetUp();
    store_ = std::make_unique<store::CatalogStore>(*pool_);
    config_.index_url = config_.depsdev_url = config_.github_url = config_.pkgsite_url = server_.url();
  }
  void Begin(const std::string& token = "") {
    if (!token.empty()) {
      config_.github_token_file = Cat(::testing::TempDir(), "/token-", getpid());
      ASSERT_TRUE(io::WriteFileAtomic(config_.github_token_file, token, 0600).ok());
    }
    upstream_ = Upstream::Make(config_, proxies_, "test", RealClock()).value();
    stage_ = std::make_unique<EnrichStage>(config_, epoch_, *store_, *upstream_);
  }
  void AddModule(int id, const std::string& path, bool selected) {
    Sql(
        Cat("INSERT INTO catalog_modules (id, versions, latest_indexed_at, first_indexed_at, last_indexed_at, "
            "revision, path, latest) VALUES (",
            id, ", 1, now(), now(), now(), nextval('catalog_revisions'), '", path, "', 'v1.0.0')"));
    ASSERT_TRUE(store_
                    ->SaveDecisions(Now(), epoch_,
                                    {{{.module_id = id, .version = "v1.0.0", .selected = selected, .reason = "r"}}})
                    .ok());
  }
  void TurnUntilIdle() {
    for (int i = 0; i < 20; ++i) {
      const auto done = stage_->Turn(Now());
      ASSERT_TRUE(done.ok()) << done.status();
      if (done->modules == 0 && done->taken_up == 0) return;
    }
    FAIL() << "the stage never rests";
  }
  EnrichmentRow RowOf(int32_t id) { return store_->EnrichmentOf(Now(), {id})->at(id); }
  // Paths that GitHub was asked for, in their order.
  std::vector<std::string> AskedOfGithub() {
    std::vector<std::string> targets;
    for (const Server::Request& request : server_.requests()) {
      if (request.target.find("/repos") == 0 || request.target == "/graphql") targets.push_back(request.target);
    }
    return targets;
  }
  void Say(const std::string& fields) {
    const absl::MutexLock lock(&mutex_);
    fields_ = fields;
  }
  // From now on requests for `part` have no usable answer: a status that is not tried again at once.
  void Fail(const std::string& part, int status = 401, const std::string& fields = "") {
    const absl::MutexLock lock(&mutex_);
    failing_ = part;
    failing_status_ = status;
    failing_fields_ = fields;
  }
  void MakeDue() { Sql("UPDATE catalog_work SET due_at = now() WHERE stage = 2"); }
  std::string Failures(int id) {
    return Sql(Cat("SELECT failures::text FROM catalog_work WHERE stage = 2 AND module_id = ", id));
  }

  absl::Mutex mutex_;
  std::string fields_ ABSL_GUARDED_BY(mutex_);   // of GitHub's answers
  std::string failing_ ABSL_GUARDED_BY(mutex_);  // empty: nothing
  int failing_status_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string failing_fields_ ABSL_GUARDED_BY(mutex_);
  Server server_{[this](const Server::Request& request, Server::Peer& peer) {
    const std::string& target = request.target;
    {
      const absl::MutexLock lock(&mutex_);
      if (!failing_.empty() && absl::StrContains(target, failing_)) {
        return peer.Answer(failing_status_, failing_fields_, "no");
      }
    }
    if (absl::StartsWith(target, "/v1/imported-by/github.com/o/popular")) {
      return peer.Answer(200, "", R"({"importedBy":{"total":7}})");
    }
    if (absl::StartsWith(target, "/v1/module/github.com/o/popular")) {
      return peer.Answer(200, "", R"({"version":"v1.0.0","licenses":[{"types":["MIT"]}]})");
    }
    if (target.find("versionbatch") != std::string::npos || target.find("projectbatch") != std::string::npos) {
      return peer.Answer(200, "", NothingKnown(request.body));
    }
    std::string fields;
    {
      const absl::MutexLock lock(&mutex_);
      fields = fields_;
    }
    if (target == "/repos/o/old") return peer.Answer(301, "Location: /repositories/1\r\n", "moved");
    if (target.find("/repos") == 0) {
      if (request.Field("if-none-match") == "\"e1\"") return peer.Answer(304, fields, "");
      const bool moved = target == "/repositories/1" || target == "/repos/O/New";
      return peer.Answer(200, fields + "ETag: \"e1\"\r\n",
                         Cat("{\"id\":1,\"full_name\":\"", moved ? "O/New" : target.substr(7),
                             "\",\"stargazers_count\":42,\"archived\":true}"));
    }
    return peer.Answer(404, "", "{}");
  }};
  Config config_;
  const goproxy::List proxies_{};
  std::unique_ptr<store::CatalogStore> store_;
  std::unique_ptr<Upstream> upstream_;
  std::unique_ptr<EnrichStage> stage_;
};

TEST_F(EnrichStageTest, WithoutATokenGithubIsAskedAboutSelectedModulesAlone) {
  AddModule(1, "github.com/o/selected", true);
  AddModule(2, "github.com/o/other", false);
  AddModule(3, "example.org/elsewhere", true);
  Begin();
  TurnUntilIdle();
  EXPECT_THAT(AskedOfGithub(), ElementsAre("/repos/o/selected"));
  EXPECT_EQ(RowOf(1).stars, 42);
  EXPECT_TRUE(RowOf(1).archived);
  EXPECT_FALSE(RowOf(2).stars);
}

TEST_F(EnrichStageTest, ARenamedRepositoryIsFollowedAndRecorded) {
  AddModule(1, "github.com/o/old", true);
  Begin();
  TurnUntilIdle();
  EXPECT_EQ(RowOf(1).repository, "github.com/o/new");
  EXPECT_EQ(RowOf(1).detail, "was called github.com/o/old");
  Sql("UPDATE catalog_enrichment SET github_at = now() - interval '100 days'");
  stage_ = std::make_unique<EnrichStage>(config_, epoch_, *store_, *upstream_);
  TurnUntilIdle();
  EXPECT_EQ(AskedOfGithub().back(), "/repos/O/New") << "by the name that it has now";
  EXPECT_EQ(RowOf(1).detail, "was called github.com/o/old");
}

TEST_F(EnrichStageTest, ARefreshByAgeSendsTheEtagAndAsItWasKeepsTheFacts) {
  AddModule(1, "github.com/o/selected", true);
  Begin();
  TurnUntilIdle();
  const EnrichmentRow before = RowOf(1);
  EXPECT_EQ(before.github_etag, "anonymous \"e1\"");
  // A refresh in which GitHub is not asked leaves its facts.
  Sql("UPDATE catalog_work SET due_at = now() WHERE stage = 2");
  TurnUntilIdle();
  EXPECT_THAT(AskedOfGithub(), SizeIs(1));
  EXPECT_EQ(RowOf(1).stars, 42);
  Sql("UPDATE catalog_enrichment SET github_at = now() - interval '100 days'");
  stage_ = std::make_unique<EnrichStage>(config_, epoch_, *store_, *upstream_);
  TurnUntilIdle();
  EXPECT_THAT(AskedOfGithub(), SizeIs(2));
  EXPECT_EQ(server_.requests().back().Field("if-none-match"), "\"e1\"");
  EXPECT_EQ(RowOf(1).stars, 42);
  EXPECT_GT(*RowOf(1).github_at, *before.github_at);
}

TEST_F(EnrichStageTest, WhenTheHourIsUsedUpNothingMoreIsAskedAndTheStageGoesOn) {
  Say(Cat("x-ratelimit-remaining: 0\r\nx-ratelimit-reset: ", absl::ToUnixSeconds(absl::Now()) + 3000, "\r\n"));
  AddModule(1, "github.com/o/first", true);
  Begin();
  TurnUntilIdle();
  EXPECT_THAT(AskedOfGithub(), SizeIs(1));
  AddModule(2, "github.com/o/second", true);
  TurnUntilIdle();
  EXPECT_THAT(AskedOfGithub(), SizeIs(1));
  EXPECT_THAT(upstream_->WhyPaused(Service::kGithub, absl::Now()), HasSubstr("rate limit"));
  EXPECT_TRUE(RowOf(2).checked_at > absl::UnixEpoch()) << "the other services were asked";
}

TEST_F(EnrichStageTest, MoreThanABurstOfSelectedModulesWaitTheirTurn) {
  for (int i = 1; i <= kAnonymousGithub.burst + 5; ++i) AddModule(i, Cat("github.com/o/m", i), true);
  Begin();
  TurnUntilIdle();
  EXPECT_THAT(AskedOfGithub(), SizeIs(kAnonymousGithub.burst));
}

TEST_F(EnrichStageTest, AServiceThatFailsForOneModuleHoldsUpTheOthersWordOnce) {
  AddModule(1, "github.com/o/odd", false);
  AddModule(2, "github.com/o/even", false);
  Fail("/v1/module/github.com/o/odd");
  Begin("token");
  TurnUntilIdle();
  EXPECT_THAT(*store_->EnrichmentOf(Now(), {1}), IsEmpty()) << "it may be over in minutes";
  EXPECT_EQ(Failures(1), "1");
  EXPECT_EQ(RowOf(2).detail, "");
  MakeDue();
  TurnUntilIdle();
  EXPECT_EQ(RowOf(1).stars, 42);
  EXPECT_EQ(RowOf(1).detail, "no answer from pkgsite");
  EXPECT_EQ(Failures(1), "2");
  EXPECT_EQ(Sql("SELECT due_at BETWEEN now() AND now() + interval '1 day' FROM catalog_work WHERE stage = 2 AND "
                "module_id = 1"),
            "t")
      << "it is asked for again";
  Fail("");
  MakeDue();
  TurnUntilIdle();
  EXPECT_EQ(RowOf(1).detail, "");
  EXPECT_EQ(Failures(1), "0");
}

TEST_F(EnrichStageTest, WhatASilentServiceSaidBeforeStays) {
  AddModule(1, "github.com/o/popular", false);
  Begin("token");
  TurnUntilIdle();
  EXPECT_EQ(RowOf(1).importers, 7);
  EXPECT_EQ(RowOf(1).license, "MIT");
  Fail("/v1/");
  for (int i = 0; i < 2; ++i) {
    // As if GitHub was never asked by REST.
    Sql("UPDATE catalog_enrichment SET stars = 1, github = NULL, github_etag = '', github_at = NULL");
    MakeDue();
    TurnUntilIdle();
    EXPECT_EQ(RowOf(1).stars, i == 0 ? 1 : 42);
  }
  EXPECT_EQ(RowOf(1).importers, 7);
  EXPECT_EQ(RowOf(1).license, "MIT");
  EXPECT_EQ(RowOf(1).detail, "no answer from pkgsite");
}

TEST_F(EnrichStageTest, WithoutGithubsAnswerItsFactsStayAndTheOthersAreTaken) {
  AddModule(1, "github.com/o/popular", false);
  Begin("token");
  TurnUntilIdle();
  Sql("UPDATE catalog_enrichment SET importers = 1, github = NULL, github_etag = '', github_at = NULL");
  Fail("/repos/");
  for (int i = 0; i < 2; ++i) {
    MakeDue();
    TurnUntilIdle();
  }
  EXPECT_EQ(RowOf(1).stars, 42);
  EXPECT_TRUE(RowOf(1).archived);
  EXPECT_EQ(RowOf(1).importers, 7);
  EXPECT_EQ(RowOf(1).detail, "no answer from github");
}

TEST_F(EnrichStageTest, APausedServiceTeachesNothingAndTheModuleStaysDue) {
  AddModule(1, "github.com/o/r", false);
  Fail("/v1/", 429, "Retry-After: 3600\r\n");
  Begin("token");
  TurnUntilIdle();
  Sql("UPDATE catalog_work SET failures = 3");
  TurnUntilIdle();
  EXPECT_THAT(*store_->EnrichmentOf(Now(), {1}), IsEmpty());
  EXPECT_EQ(Failures(1), "3");
  EXPECT_THAT(*store_->Claim(Now(), Stage::kEnrich, kEnrichVersion, 10), SizeIs(1));
}

TEST_F(EnrichStageTest, WithoutATokenGithubsAnswerIsKeptWhateverTheOthersDo) {
  AddModule(1, "github.com/o/popular", false);
  Begin();
  TurnUntilIdle();
  EXPECT_FALSE(RowOf(1).stars);
  Fail("/v1/");
  ASSERT_TRUE(
      store_->SaveDecisions(Now(), epoch_, {{{.module_id = 1, .version = "v1.0.0", .selected = true, .reason = "r"}}})
          .ok());
  stage_ = std::make_unique<EnrichStage>(config_, epoch_, *store_, *upstream_);
  TurnUntilIdle();
  EXPECT_EQ(RowOf(1).stars, 42);
  EXPECT_EQ(RowOf(1).importers, 7);
  EXPECT_THAT(AskedOfGithub(), SizeIs(1)) << "of its few answers none is asked for twice";
  EXPECT_EQ(Failures(1), "0") << "the stage's own time for it stands";
}

TEST_F(EnrichStageTest, WithATokenAFewAreAskedByRestWithTheirEtags) {
  AddModule(1, "github.com/o/r", false);
  Begin("token");
  TurnUntilIdle();
  EXPECT_THAT(AskedOfGithub(), ElementsAre("/repos/o/r"));
  EXPECT_EQ(RowOf(1).stars, 42);
  EXPECT_EQ(RowOf(1).github_etag.find("token"), std::string::npos);
  Sql("UPDATE catalog_work SET due_at = now() WHERE stage = 2");
  TurnUntilIdle();
  EXPECT_EQ(server_.requests().back().Field("if-none-match"), "\"e1\"");
  EXPECT_EQ(RowOf(1).stars, 42);
}

}  // namespace
}  // namespace gofarm::catalog
