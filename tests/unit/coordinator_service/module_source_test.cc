// What the catalog asks a module proxy: go.mod files and zips, in bulk.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "common/base/text.h"
#include "common/io/http_client.h"
#include "coordinator/service/module_proxy.h"
#include "tests/support/raw_http_server.h"

namespace gofarm::service {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Server = testing::RawHttpServer;
using Request = Server::Request;
using Peer = Server::Peer;

constexpr char kMod[] = "module example.com/a\n";
constexpr char kModPath[] = "/example.com/a/@v/v1.0.0.mod";
constexpr char kZipPath[] = "/example.com/a/@v/v1.0.0.zip";

Scope Soon() { return Scope::For(absl::Seconds(10)); }

class ModuleSourceTest : public ::testing::Test {
 protected:
  std::unique_ptr<ModuleSource> Source(const std::string& goproxy) {
    return MakeModuleSource(goproxy::Parse(goproxy).value(), io::AskDirectly(http_));
  }
  ModAnswer Mod(ModuleSource& source, const std::string& version = "v1.0.0") {
    return source.Mod(Soon(), "example.com/a", version);
  }
  ZipAnswer Zip(ModuleSource& source) { return source.Zip(Soon(), "example.com/a", "v1.0.0"); }
  static std::vector<std::string> Asked(const Server& server) {
    std::vector<std::string> out;
    for (const Request& request : server.requests()) out.push_back(Cat(request.method, " ", request.target));
    return out;
  }

  io::HttpClient http_{"test"};
};

TEST_F(ModuleSourceTest, StatusesMeanTheSameForGoModAndZip) {
  const auto states = [&](int status, const std::string& body) {
    Server server([&](const Request& request, Peer& peer) {
      return request.method == "HEAD" ? peer.Send(Cat("HTTP/1.1 ", status, " X\r\nContent-Length: 7\r\n\r\n"))
                                      : peer.Answer(status, "", body);
    });
    const auto source = Source(server.url());
    const ModAnswer mod = Mod(*source);
    EXPECT_EQ(Zip(*source).state, mod.state) << status;
    return mod.state;
  };
  EXPECT_EQ(states(404, "not found: unknown revision"), VersionState::kAbsent);
  EXPECT_EQ(states(410, "gone"), VersionState::kAbsent);
  EXPECT_EQ(states(404, "not found: fetch timed out"), VersionState::kUnknown);
  EXPECT_EQ(states(403, "no"), VersionState::kRefused);
  EXPECT_EQ(states(451, "no"), VersionState::kRefused);
  EXPECT_EQ(states(429, ""), VersionState::kUnknown);
  EXPECT_EQ(states(503, ""), VersionState::kUnknown);
}

TEST_F(ModuleSourceTest, CachedOnlyIsUsedOnlyAfterAKnownVersionCameTheSameUnderIt) {
  Server server([](const Request& request, Peer& peer) {
    if (request.method == "HEAD") return peer.Send("HTTP/1.1 200 X\r\nContent-Length: 1234\r\n\r\n");
    return peer.Answer(200, "", kMod);
  });
  const auto source = Source(server.url());
  EXPECT_EQ(Zip(*source).url, server.url() + kZipPath);
  EXPECT_EQ(Mod(*source).text, kMod);
  EXPECT_EQ(Mod(*source).state, VersionState::kThere);
  const ZipAnswer zip = Zip(*source);
  EXPECT_EQ(zip.url, Cat(server.url(), "/cached-only", kZipPath));
  EXPECT_EQ(zip.bytes, 1234);
  EXPECT_THAT(Asked(server),
              ElementsAre(Cat("HEAD ", kZipPath), Cat("GET ", kModPath), Cat("GET /cached-only", kModPath),
                          Cat("GET /cached-only", kModPath), Cat("HEAD /cached-only", kZipPath)));
}

TEST_F(ModuleSourceTest, ItsAbsenceUnderCachedOnlyIsNone) {
  Server server([](const Request& request, Peer& peer) {
    const bool cached = request.target.find("/cached-only") == 0;
    const bool first = request.target.find("v1.0.0") != std::string::npos;
    if (cached && !first) return peer.Answer(404, "", "not found");
    return peer.Answer(200, "", kMod);
  });
  const auto source = Source(server.url());
  EXPECT_EQ(Mod(*source).state, VersionState::kThere);
  EXPECT_EQ(Mod(*source, "v1.0.1").state, VersionState::kThere);
  EXPECT_EQ(Asked(server).back(), "GET /example.com/a/@v/v1.0.1.mod");
}

TEST_F(ModuleSourceTest, AProxyWithoutCachedOnlyIsLeftAloneAfterThreeProbes) {
  for (const bool page_for_everything : {false, true}) {
    Server server([&](const Request& request, Peer& peer) {
      if (request.target.find("/cached-only") != 0) return peer.Answer(200, "", kMod);
      // The one says no, the other has a page for whatever it is asked.
      return page_for_everything ? peer.Answer(200, "", "<html>") : peer.Answer(404, "", "not found");
    });
    const auto source = Source(server.url());
    for (int i = 0; i < 10; ++i) EXPECT_EQ(Mod(*source).text, kMod);
    EXPECT_EQ(server.requests().size(), 13u);
  }
}

TEST_F(ModuleSourceTest, OneVersionThatIsMissingUnderCachedOnlyAloneDoesNotSpeakForTheProxy) {
  Server server([](const Request& request, Peer& peer) {
    const bool missing = request.target == Cat("/cached-only", kModPath);
    return missing ? peer.Answer(404, "", "not found") : peer.Answer(200, "", kMod);
  });
  const auto source = Source(server.url());
  EXPECT_EQ(Mod(*source).state, VersionState::kThere);
  EXPECT_EQ(Mod(*source, "v1.0.1").state, VersionState::kThere);
  EXPECT_EQ(Mod(*source, "v1.0.2").state, VersionState::kThere);
  EXPECT_EQ(Asked(server).back(), "GET /cached-only/example.com/a/@v/v1.0.2.mod");
}

TEST_F(ModuleSourceTest, WhereHeadIsRefusedOneByteTellsTheSize) {
  Server server([](const Request& request, Peer& peer) {
    if (request.method == "HEAD") return peer.Send("HTTP/1.1 405 X\r\nContent-Length: 0\r\n\r\n");
    EXPECT_EQ(request.Field("range"), "bytes=0-0");
    return peer.Answer(206, "Content-Range: bytes 0-0/98765\r\n", "P");
  });
  const auto source = Source(server.url());
  const ZipAnswer zip = Zip(*source);
  EXPECT_EQ(zip.state, VersionState::kThere);
  EXPECT_EQ(zip.bytes, 98765);
}

TEST_F(ModuleSourceTest, WhereRangesAreRefusedTooAPieceOfTheWholeTellsIt) {
  const std::string whole(3'000'000, 'z');
  Server server([&](const Request& request, Peer& peer) {
    if (request.method == "HEAD") return peer.Send("HTTP/1.1 403 X\r\nContent-Length: 0\r\n\r\n");
    (void)peer.Answer(200, "", whole);
    return false;
  });
  const auto source = Source(server.url());
  const ZipAnswer zip = Zip(*source);
  EXPECT_EQ(zip.state, VersionState::kThere) << zip.detail;
  EXPECT_EQ(zip.bytes, 3'000'000);
}

TEST_F(ModuleSourceTest, AFolderIsASourceToo) {
  const std::string root = Cat(::testing::TempDir(), "module_source_", ::getpid());
  std::filesystem::create_directories(Cat(root, "/example.com/a/@v"));
  std::ofstream(root + kModPath) << kMod;
  std::ofstream(root + kZipPath) << std::string(500, 'z');
  const auto source = Source(Cat("file://", root));
  EXPECT_EQ(Mod(*source).text, kMod);
  EXPECT_EQ(Mod(*source, "v1.0.1").state, VersionState::kAbsent);
  const ZipAnswer zip = Zip(*source);
  EXPECT_EQ(zip.state, VersionState::kThere) << zip.detail;
  EXPECT_EQ(zip.bytes, 500);
  std::filesystem::remove_all(root);
  EXPECT_EQ(Zip(*source).state, VersionState::kAbsent);
}

TEST_F(ModuleSourceTest, AZipIsOpenedWhereItIsByTheRulesOfAllFiles) {
  Server empty([](const Request&, Peer& peer) { return peer.Answer(404, "", "not found"); });
  Server full([](const Request&, Peer& peer) { return peer.Answer(200, "", kMod); });
  const auto source = Source(Cat(empty.url(), ",", full.url()));
  EXPECT_EQ(Mod(*source).state, VersionState::kThere);
  const std::string there = full.url() + kZipPath, cached = Cat(full.url(), "/cached-only", kZipPath);
  std::vector<std::string> asked;
  const auto open = [&](std::map<std::string, absl::Status> answers) {
    asked.clear();
    return source->OpenZip(Soon(), "example.com/a", "v1.0.0", [&](const std::string& url) {
      asked.push_back(url);
      const auto answer = answers.find(url);
      return answer == answers.end() ? absl::NotFoundError("answers 404") : answer->second;
    });
  };
  EXPECT_TRUE(open({{cached, absl::OkStatus()}}).ok());
  EXPECT_THAT(asked, ElementsAre(empty.url() + kZipPath, cached));
  EXPECT_TRUE(open({{there, absl::OkStatus()}}).ok()) << "what is not cached may be there";
  EXPECT_THAT(asked, ElementsAre(empty.url() + kZipPath, cached, there));
  EXPECT_TRUE(absl::IsNotFound(open({})));
  EXPECT_TRUE(absl::IsUnavailable(open({{cached, absl::UnavailableError("paused")}})));
  EXPECT_TRUE(absl::IsPermissionDenied(open({{there, absl::PermissionDeniedError("no")}})));
  const absl::Status useless = open({{cached, absl::InvalidArgumentError("no zip")}});
  EXPECT_EQ(useless, absl::InvalidArgumentError("no zip"));
  EXPECT_EQ(asked.size(), 2u);
}

TEST_F(ModuleSourceTest, AGoModThatIsTooLargeIsUnknown) {
  Server server([](const Request&, Peer& peer) {
    (void)peer.Answer(200, "", std::string((16 << 20) + 1, 'x'));
    return false;
  });
  const auto source = Source(server.url());
  const ModAnswer mod = Mod(*source);
  EXPECT_EQ(mod.state, VersionState::kUnknown);
  EXPECT_THAT(mod.detail, HasSubstr("16777216"));
}

TEST_F(ModuleSourceTest, TheNextProxyIsAskedAndRemembersCachedOnlyForItself) {
  Server empty([](const Request&, Peer& peer) { return peer.Answer(404, "", "not found"); });
  Server full([](const Request&, Peer& peer) { return peer.Answer(200, "", kMod); });
  const auto source = Source(Cat(empty.url(), ",", full.url()));
  EXPECT_EQ(Mod(*source).state, VersionState::kThere);
  EXPECT_EQ(Mod(*source).state, VersionState::kThere);
  EXPECT_THAT(Asked(empty), ElementsAre(Cat("GET ", kModPath), Cat("GET ", kModPath)));
  EXPECT_THAT(Asked(full),
              ElementsAre(Cat("GET ", kModPath), Cat("GET /cached-only", kModPath), Cat("GET /cached-only", kModPath)));
}

}  // namespace
}  // namespace gofarm::service
