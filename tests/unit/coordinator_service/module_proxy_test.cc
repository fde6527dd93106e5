// The proxy protocol over folders that stand in for proxies, and a server for what a folder cannot answer.
#include "coordinator/service/module_proxy.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "common/base/text.h"
#include "common/io/http_client.h"
#include "tests/unit/coordinator_service/answering_server.h"

namespace gofarm::service {
namespace {

class ModuleProxyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/gofarm-proxy-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    root_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  std::string Folder(const std::string& name) const { return Cat("file://", root_, "/", name); }
  void Put(const std::string& path, const std::string& text) {
    const std::filesystem::path file = Cat(root_, "/", path);
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  void PutVersion(const std::string& escaped, const std::string& version, const std::string& go_mod = "") {
    Put(Cat("p/", escaped, "/@v/", version, ".info"),
        Cat("{\"Version\":\"", version, "\",\"Time\":\"2026-01-01T00:00:00Z\"}"));
    Put(Cat("p/", escaped, "/@v/", version, ".mod"),
        go_mod.empty() ? Cat("module ", escaped, "\n\ngo 1.21\n") : go_mod);
  }
  VersionAnswer Check(const std::string& goproxy, const std::string& module, const std::string& version) {
    return MakeModuleProxy(goproxy::Parse(goproxy).value(), http_)
        ->Check(Scope::For(absl::Seconds(10)), module, version);
  }
  absl::StatusOr<std::string> Latest(const std::string& goproxy, const std::string& module) {
    return MakeModuleProxy(goproxy::Parse(goproxy).value(), http_)->Latest(Scope::For(absl::Seconds(10)), module);
  }

  std::string root_;
  io::HttpClient http_{"test"};
};

TEST_F(ModuleProxyTest, KnowsWhatTheProxyHasAndEscapesUpperCase) {
  PutVersion("github.com/!burnt!sushi/toml", "v1.6.0");
  EXPECT_EQ(Check(Folder("p"), "github.com/BurntSushi/toml", "v1.6.0").state, VersionState::kThere);
  const VersionAnswer absent = Check(Folder("p"), "github.com/BurntSushi/toml", "v9.9.9");
  EXPECT_EQ(absent.state, VersionState::kAbsent);
  EXPECT_NE(absent.detail.find("404"), std::string::npos) << absent.detail;
}

TEST_F(ModuleProxyTest, AVersionThatComesBackAsAnotherIsAbsent) {
  Put("p/example.com/a/@v/v1.0.0.info", "{\"Version\" : \"v1.0.1\"}");
  EXPECT_EQ(Check(Folder("p"), "example.com/a", "v1.0.0").state, VersionState::kAbsent);
}

TEST_F(ModuleProxyTest, LatestIsTheHighestReleaseThatIsNotRetracted) {
  Put("p/example.com/a/@v/list", "v1.0.0\nv1.2.0\nv1.10.0 2026-01-01T00:00:00Z\nv2.0.0-rc.1\nnonsense\n");
  PutVersion("example.com/a", "v1.0.0");
  PutVersion("example.com/a", "v1.10.0", "module example.com/a\n\nretract v1.10.0 // broken\n");
  EXPECT_EQ(*Latest(Folder("p"), "example.com/a"), "v1.2.0");
}

TEST_F(ModuleProxyTest, LatestIsAPreReleaseWhenThereIsNoRelease) {
  Put("p/example.com/a/@v/list", "v0.1.0-rc.1\nv0.1.0-rc.2\n");
  PutVersion("example.com/a", "v0.1.0-rc.2");
  EXPECT_EQ(*Latest(Folder("p"), "example.com/a"), "v0.1.0-rc.2");
}

TEST_F(ModuleProxyTest, LatestOfAnEmptyListIsWhatTheProxyCallsLatest) {
  Put("p/example.com/a/@v/list", "");
  Put("p/example.com/a/@latest", "{\"Version\":\"v0.0.0-20260101000000-0123456789ab\"}");
  EXPECT_EQ(*Latest(Folder("p"), "example.com/a"), "v0.0.0-20260101000000-0123456789ab");
}

TEST_F(ModuleProxyTest, LatestOfAnUnknownModuleIsNotFound) {
  EXPECT_EQ(Latest(Folder("p"), "example.com/none").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(ModuleProxyTest, ALatestThatIsNoVersionIsRefused) {
  Put("p/example.com/a/@v/list", "");
  Put("p/example.com/a/@latest", "{\"Version\":\"../../etc\"}");
  EXPECT_FALSE(Latest(Folder("p"), "example.com/a").ok());
}

TEST_F(ModuleProxyTest, IncompatibleVersionsArePassedOverWhenTheModuleHasAGoMod) {
  Put("p/example.com/a/@v/list", "v1.5.0\nv3.0.0+incompatible\n");
  PutVersion("example.com/a", "v1.5.0");
  PutVersion("example.com/a", "v3.0.0+incompatible", "module example.com/a\n");
  EXPECT_EQ(*Latest(Folder("p"), "example.com/a"), "v1.5.0");
}

TEST_F(ModuleProxyTest, IncompatibleVersionsCountWhenTheModuleHasNoGoMod) {
  Put("p/example.com/a/@v/list", "v1.5.0\nv3.0.0+incompatible\n");
  PutVersion("example.com/a", "v1.5.0", "module example.com/a\n");
  PutVersion("example.com/a", "v3.0.0+incompatible", "module example.com/a\n");
  EXPECT_EQ(*Latest(Folder("p"), "example.com/a"), "v3.0.0+incompatible");
}

TEST_F(ModuleProxyTest, TheNextProxyIsAskedWhenOneHasNothing) {
  PutVersion("example.com/a", "v1.0.0");
  EXPECT_EQ(Check(Cat(Folder("empty"), ",", Folder("p")), "example.com/a", "v1.0.0").state, VersionState::kThere);
}

TEST_F(ModuleProxyTest, DirectIsDroppedAndOffEndsTheList) {
  PutVersion("example.com/a", "v1.0.0");
  EXPECT_EQ(Check(Cat("direct,", Folder("p"), ",direct"), "example.com/a", "v1.0.0").state, VersionState::kThere);
  EXPECT_EQ(Check(Cat("off,", Folder("p")), "example.com/a", "v1.0.0").state, VersionState::kUnknown);
  EXPECT_EQ(Check("direct", "example.com/a", "v1.0.0").state, VersionState::kUnknown);
}

TEST_F(ModuleProxyTest, AFailureEndsTheListAfterACommaAndNotAfterABar) {
  PutVersion("example.com/a", "v1.0.0");
  testing::AnsweringServer broken(
      "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\nConnection: close\r\n\r\noops");
  EXPECT_EQ(Check(Cat(broken.url(), ",", Folder("p")), "example.com/a", "v1.0.0").state, VersionState::kUnknown);
  EXPECT_EQ(Check(Cat(broken.url(), "|", Folder("p")), "example.com/a", "v1.0.0").state, VersionState::kThere);
}

TEST_F(ModuleProxyTest, StatusesMeanWhatTheyMean) {
  const auto state = [&](const std::string& status, const std::string& body) {
    testing::AnsweringServer server(
        Cat("HTTP/1.1 ", status, "\r\nContent-Length: ", body.size(), "\r\nConnection: close\r\n\r\n", body));
    return Check(server.url(), "example.com/a", "v1.0.0").state;
  };
  EXPECT_EQ(state("404 Not Found", "not found: unknown revision"), VersionState::kAbsent);
  EXPECT_EQ(state("410 Gone", "gone"), VersionState::kAbsent);
  EXPECT_EQ(state("404 Not Found", "not found: fetch timed out"), VersionState::kUnknown);
  EXPECT_EQ(state("403 Forbidden", "no"), VersionState::kRefused);
  EXPECT_EQ(state("451 Unavailable For Legal Reasons", "no"), VersionState::kRefused);
  EXPECT_EQ(state("429 Too Many Requests", ""), VersionState::kUnknown);
  EXPECT_EQ(state("503 Service Unavailable", ""), VersionState::kUnknown);
}

TEST_F(ModuleProxyTest, AProxyThatIsNotThereIsUnknown) {
  EXPECT_EQ(Check("http://127.0.0.1:9", "example.com/a", "v1.0.0").state, VersionState::kUnknown);
  EXPECT_EQ(Latest("http://127.0.0.1:9", "example.com/a").status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace gofarm::service
