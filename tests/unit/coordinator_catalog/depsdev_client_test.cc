#include "coordinator/catalog/depsdev_client.h"

#include <atomic>

#include "common/base/text.h"
#include "coordinator/catalog/clean_text.h"
#include "tests/unit/coordinator_catalog/gate_fixture.h"

namespace gofarm::catalog {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string VersionRequest(const std::string& name, const std::string& version) {
  return Cat("\"request\":{\"versionKey\":{\"system\":\"GO\",\"name\":\"", name, "\",\"version\":\"", version, "\"}}");
}

class DepsdevClientTest : public GateFixture {
 protected:
  // Answers with the texts in their order, the last one again and again.
  Server::Handler InTurn(std::vector<std::string> bodies) {
    return [this, bodies = std::move(bodies)](const Request&, Peer& peer) {
      const size_t at = std::min<size_t>(asked_++, bodies.size() - 1);
      return peer.Answer(200, "Content-Type: application/json\r\n", bodies[at]);
    };
  }
  std::atomic<size_t> asked_ = 0;
};

TEST_F(DepsdevClientTest, AVersionsFactsAreReadAsTheServiceWritesThem) {
  Server server(InTurn({Cat(
      R"({"responses":[{)", VersionRequest("github.com/BurntSushi/toml", "v1.6.0"),
      R"(,"version":{"versionKey":{"system":"GO","name":"github.com/BurntSushi/toml","version":"v1.6.0"},)",
      R"("publishedAt":"2025-12-18T14:58:02Z","isDefault":true,"isDeprecated":true,"deprecatedReason":"old\u0000 one",)",
      R"("licenses":["MIT","non-standard"],"advisoryKeys":[],)",
      R"("links":[{"label":"SOURCE_REPO","url":"https://github.com/other/name"},{"label":"HOMEPAGE","url":"https://toml.example"}],)",
      R"("relatedProjects":[{"projectKey":{"id":"github.com/issue/tracker"},"relationType":"ISSUE_TRACKER"},)",
      R"({"projectKey":{"id":"github.com/BurntSushi/toml"},"relationProvenance":"GO_ORIGIN","relationType":"SOURCE_REPO"}]}}],)",
      R"("nextPageToken":""})")}));
  const auto gate = MakeGate(Service::kDepsdev, server.url() + "/depsdev");
  const std::vector<ModuleAtVersion> names = {{"github.com/BurntSushi/toml", "v1.6.0"}};
  const Answers<DepsdevVersion> answers = DepsdevClient(*gate).Versions(Soon(), names);
  ASSERT_TRUE(answers.status.ok()) << answers.status;
  const DepsdevVersion& version = answers.answers[0].value.value();
  EXPECT_THAT(version.licenses, ElementsAre("MIT", "non-standard"));
  EXPECT_EQ(version.repository, "github.com/burntsushi/toml");
  EXPECT_EQ(version.homepage, "https://toml.example");
  EXPECT_TRUE(version.deprecated);
  EXPECT_EQ(version.deprecation, "old one");
  EXPECT_EQ(version.published_at, absl::FromCivil(absl::CivilSecond(2025, 12, 18, 14, 58, 2), absl::UTCTimeZone()));
  const Request request = server.requests().front();
  EXPECT_EQ(request.target, "/depsdev/v3alpha/versionbatch");
  EXPECT_EQ(request.Field("content-type"), "application/json");
  EXPECT_THAT(request.body, HasSubstr("\"name\": \"github.com/BurntSushi/toml\""));
}

TEST_F(DepsdevClientTest, PagesAreAskedForWithTheSameListAndAnswersMatchedByTheirQuestion) {
  Server server(InTurn(
      {Cat("{\"responses\":[{", VersionRequest("c.example/c", "v1.0.0"), ",\"version\":{\"licenses\":[\"MIT\"]}},{",
           VersionRequest("nobody.asked/x", "v1.0.0"), ",\"version\":{}}],\"nextPageToken\":\"p2\"}"),
       Cat("{\"responses\":[{", VersionRequest("a.example/a", "v1.0.0"), ",\"version\":null},{",
           VersionRequest("b.example/b", "v1.0.0"), "}],\"nextPageToken\":\"\"}")}));
  const auto gate = MakeGate(Service::kDepsdev, server.url());
  const std::vector<ModuleAtVersion> names = {{"a.example/a", "v1.0.0"},
                                              {"b.example/b", "v1.0.0"},
                                              {"c.example/c", "v1.0.0"},
                                              {"c.example/c", "v1.0.0"},
                                              {"d.example/d", "v1.0.0"}};
  const Answers<DepsdevVersion> answers = DepsdevClient(*gate).Versions(Soon(), names);
  ASSERT_TRUE(answers.status.ok()) << answers.status;
  for (const size_t unknown : {0, 1}) {
    EXPECT_TRUE(answers.answers[unknown].answered);
    EXPECT_FALSE(answers.answers[unknown].value) << "null and missing are the same";
  }
  EXPECT_TRUE(answers.answers[2].value);
  EXPECT_TRUE(answers.answers[3].value) << "asked twice, answered once";
  EXPECT_FALSE(answers.answers[4].answered) << "no answer is no \"unknown\"";
  ASSERT_EQ(server.requests().size(), 2u);
  std::string first = server.requests()[0].body, second = server.requests()[1].body;
  EXPECT_THAT(first, HasSubstr("\"pageToken\": \"\""));
  EXPECT_THAT(second, HasSubstr("\"pageToken\": \"p2\""));
  second.replace(second.find("\"p2\""), 4, "\"\"");
  EXPECT_EQ(first, second);
}

TEST_F(DepsdevClientTest, WhatCameBeforeAFailureIsKept) {
  std::atomic<int> asked = 0;
  Server server([&](const Request&, Peer& peer) {
    if (++asked > 1) return peer.Answer(500, "", "oops");
    return peer.Answer(
        200, "", Cat("{\"responses\":[{", VersionRequest("a.example/a", "v1.0.0"), "}],\"nextPageToken\":\"p2\"}"));
  });
  const auto gate = MakeGate(Service::kDepsdev, server.url());
  const std::vector<ModuleAtVersion> names = {{"a.example/a", "v1.0.0"}, {"b.example/b", "v1.0.0"}};
  const Answers<DepsdevVersion> answers = DepsdevClient(*gate).Versions(Soon(), names);
  EXPECT_TRUE(absl::IsUnavailable(answers.status)) << answers.status;
  EXPECT_TRUE(answers.answers[0].answered);
  EXPECT_FALSE(answers.answers[1].answered);
}

TEST_F(DepsdevClientTest, PagesWithoutEndAreEnded) {
  Server server(
      InTurn({Cat("{\"responses\":[{", VersionRequest("a.example/a", "v1.0.0"), "}],\"nextPageToken\":\"again\"}")}));
  const auto gate = MakeGate(Service::kDepsdev, server.url());
  const std::vector<ModuleAtVersion> names = {{"a.example/a", "v1.0.0"}, {"b.example/b", "v1.0.0"}};
  EXPECT_TRUE(absl::IsUnavailable(DepsdevClient(*gate).Versions(Soon(), names).status));
  EXPECT_EQ(server.requests().size(), 2u);
  const std::vector<ModuleAtVersion> too_many(kDepsdevBatchMax + 1);
  EXPECT_TRUE(absl::IsInvalidArgument(DepsdevClient(*gate).Versions(Soon(), too_many).status));
  EXPECT_TRUE(DepsdevClient(*gate).Versions(Soon(), {}).status.ok());
  EXPECT_EQ(server.requests().size(), 2u);
}

TEST_F(DepsdevClientTest, ProjectsAreCleanedAndBounded) {
  Server server(
      InTurn({Cat(R"({"responses":[{"request":{"projectKey":{"id":"github.com/o/r"}},"project":{)",
                  R"("projectKey":{"id":"github.com/o/r"},"openIssuesCount":1,"starsCount":978,"forksCount":-3,)",
                  R"("license":"MIT","description":")", std::string(5000, 'd'),
                  R"(","homepage":"javascript:alert","scorecard":{}}}]
})")}));
  const auto gate = MakeGate(Service::kDepsdev, server.url());
  const Answers<DepsdevProject> answers = DepsdevClient(*gate).Projects(Soon(), {"github.com/o/r"});
  ASSERT_TRUE(answers.status.ok()) << answers.status;
  const DepsdevProject& project = answers.answers[0].value.value();
  EXPECT_EQ(project.stars, 978);
  EXPECT_EQ(project.forks, 0);
  EXPECT_EQ(project.license, "MIT");
  EXPECT_EQ(project.description.size(), kDescriptionMax);
  EXPECT_EQ(project.homepage, "");
}

TEST_F(DepsdevClientTest, AnAnswerOfAnotherKindIsAskedForAgain) {
  Server server(
      InTurn({"<html>", "[]", "{\"responses\":[{\"request\":{\"projectKey\":{\"id\":\"github.com/o/r\"}}}]}"}));
  const auto gate = MakeGate(Service::kDepsdev, server.url());
  const Answers<DepsdevProject> answers = DepsdevClient(*gate).Projects(Soon(), {"github.com/o/r"});
  EXPECT_TRUE(answers.answers[0].answered);
  EXPECT_EQ(gate->Status().errors, (std::map<std::string, int64_t>{{"bad_answer", 2}}));
}

TEST_F(DepsdevClientTest, SingleCallsEncodeTheWholeNameAndKnowUnknown) {
  Server server([](const Request& request, Peer& peer) {
    if (request.target.find("none") != std::string::npos) return peer.Answer(404, "", "package not found");
    return peer.Answer(200, "", R"({"licenses":["MIT"],"starsCount":3,"projectKey":{"id":"github.com/o/r"}})");
  });
  const auto gate = MakeGate(Service::kDepsdev, server.url());
  DepsdevClient client(*gate);
  EXPECT_TRUE(client.Version(Soon(), {"github.com/BurntSushi/toml", "v1.0.0+incompatible"}).value());
  EXPECT_EQ(server.requests().back().target,
            "/v3/systems/go/packages/github.com%2FBurntSushi%2Ftoml/versions/v1.0.0%2Bincompatible");
  EXPECT_EQ(client.Project(Soon(), "github.com/o/r").value()->stars, 3);
  EXPECT_EQ(server.requests().back().target, "/v3/projects/github.com%2Fo%2Fr");
  EXPECT_FALSE(client.Project(Soon(), "github.com/o/none").value());
  EXPECT_FALSE(client.Version(Soon(), {"none.example/x", "v1.0.0"}).value());
}

}  // namespace
}  // namespace gofarm::catalog
