#include "coordinator/catalog/pkgsite_client.h"

#include "common/base/text.h"
#include "tests/unit/coordinator_catalog/gate_fixture.h"

namespace gofarm::catalog {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class PkgsiteClientTest : public GateFixture {};

TEST_F(PkgsiteClientTest, AModulesFactsAreReadAsTheServiceWritesThem) {
  Server server([](const Request&, Peer& peer) {
    return peer.Answer(
        200, "",
        R"({"path":"filippo.io/age","version":"v1.3.2","isLatest":true,"isRedistributable":true,"hasGoMod":true,)"
        R"("repoUrl":"https://github.com/FiloSottile/age","licenses":[{"types":["BSD-3-Clause"],"filePath":"LICENSE"},)"
        R"({"types":["BSD-3-Clause","MIT"],"filePath":"x/LICENSE"}]})");
  });
  const auto gate = MakeGate(Service::kPkgsite, server.url());
  const PkgsiteModule module = PkgsiteClient(*gate).Module(Soon(), "filippo.io/age", "v1.3.2").value().value();
  EXPECT_EQ(server.requests().back().target, "/v1/module/filippo.io/age?licenses=true&version=v1.3.2");
  EXPECT_EQ(module.version, "v1.3.2");
  EXPECT_TRUE(module.latest);
  EXPECT_TRUE(module.redistributable);
  EXPECT_TRUE(module.has_go_mod);
  EXPECT_EQ(module.repository, "github.com/filosottile/age");
  EXPECT_THAT(module.licenses, ElementsAre("BSD-3-Clause", "MIT"));
}

TEST_F(PkgsiteClientTest, ProgramsComeInPagesAndNothingElseIsTakenForOne) {
  Server server([](const Request& request, Peer& peer) {
    if (request.target.find("token=") == std::string::npos) {
      return peer.Answer(200, "",
                         R"({"packages":{"items":[{"path":"m.example/a","name":"main","synopsis":"A\u0007 tool"},)"
                         R"({"path":"m.example/lib","name":"lib"}],"total":3,"nextPageToken":"a/b=="}})");
    }
    return peer.Answer(200, "", R"({"packages":{"items":[{"path":"m.example/cmd/b","name":"main"}],"total":3}})");
  });
  const auto gate = MakeGate(Service::kPkgsite, server.url());
  const auto programs = PkgsiteClient(*gate).Programs(Soon(), "m.example/a").value().value();
  ASSERT_EQ(programs.size(), 2u);
  EXPECT_EQ(programs[0].path, "m.example/a");
  EXPECT_EQ(programs[0].synopsis, "A tool");
  EXPECT_EQ(programs[1].path, "m.example/cmd/b");
  EXPECT_EQ(server.requests()[0].target, "/v1/packages/m.example/a?filter=name%3D%3D%22main%22&limit=1000");
  EXPECT_THAT(server.requests()[1].target, HasSubstr("&token=a%2Fb%3D%3D"));
}

TEST_F(PkgsiteClientTest, PagesWithoutEndAreEnded) {
  Server same([](const Request&, Peer& peer) {
    return peer.Answer(200, "", R"({"packages":{"items":[{"path":"m.example/a","name":"main"}],"nextPageToken":"x"}})");
  });
  EXPECT_TRUE(PkgsiteClient(*MakeGate(Service::kPkgsite, same.url())).Programs(Soon(), "m.example/a").ok());
  EXPECT_EQ(same.requests().size(), 2u);
  Server empty([n = 0](const Request&, Peer& peer) mutable {
    return peer.Answer(200, "", Cat(R"({"packages":{"items":[],"nextPageToken":")", ++n, "\"}}"));
  });
  EXPECT_TRUE(PkgsiteClient(*MakeGate(Service::kPkgsite, empty.url())).Programs(Soon(), "m.example/a").ok());
  EXPECT_EQ(empty.requests().size(), 1u);
  std::string items;
  for (int i = 0; i < 1000; ++i) items += R"({"path":"m.example/lib","name":"lib"},)";
  items.pop_back();
  Server endless([&, n = 0](const Request&, Peer& peer) mutable {
    return peer.Answer(200, "", Cat(R"({"packages":{"items":[)", items, R"(],"nextPageToken":")", ++n, "\"}}"));
  });
  EXPECT_TRUE(PkgsiteClient(*MakeGate(Service::kPkgsite, endless.url())).Programs(Soon(), "m.example/a").ok());
  EXPECT_EQ(endless.requests().size(), kPkgsiteItemsMax / 1000);
}

TEST_F(PkgsiteClientTest, ImportersAreCountedForTheModuleThatIsMeant) {
  Server server([](const Request&, Peer& peer) {
    return peer.Answer(
        200, "",
        R"({"modulePath":"m.example/a","importedBy":{"items":["x.example/y"],"total":28417,"nextPageToken":"n"}})");
  });
  const auto gate = MakeGate(Service::kPkgsite, server.url());
  EXPECT_EQ(PkgsiteClient(*gate).Importers(Soon(), "m.example/a").value(), 28417);
  EXPECT_EQ(server.requests().back().target, "/v1/imported-by/m.example/a?limit=1&module=m.example%2Fa");
}

TEST_F(PkgsiteClientTest, VersionsOfOtherMajorsAreOthers) {
  Server server([](const Request&, Peer& peer) {
    return peer.Answer(
        200, "",
        R"({"items":[{"modulePath":"m.example/a/v2","version":"v2.0.0","deprecated":false},)"
        R"({"modulePath":"m.example/a","version":"v1.1.0","deprecated":true,"deprecationReason":"use v2","retracted":true,"retractionReason":"broken"},)"
        R"({"modulePath":"m.example/a","version":"v1.0.0","deprecated":true}],"total":3})");
  });
  const auto gate = MakeGate(Service::kPkgsite, server.url());
  const auto versions = PkgsiteClient(*gate).Versions(Soon(), "m.example/a").value().value();
  ASSERT_EQ(versions.size(), 2u);
  EXPECT_EQ(versions[0].version, "v1.1.0");
  EXPECT_TRUE(versions[0].deprecated);
  EXPECT_EQ(versions[0].deprecation, "use v2");
  EXPECT_TRUE(versions[0].retracted);
  EXPECT_FALSE(versions[1].retracted);
}

TEST_F(PkgsiteClientTest, NotKnownIsAnAnswerAndNonsenseIsNone) {
  Server server([](const Request& request, Peer& peer) {
    if (request.target.find("ambiguous") != std::string::npos)
      return peer.Answer(400, "", R"({"code":400,"message":"ambiguous package path"})");
    if (request.target.find("broken") != std::string::npos) return peer.Answer(200, "", "<html>");
    return peer.Answer(404, "", R"({"code":404,"message":"not found"})");
  });
  const auto gate = MakeGate(Service::kPkgsite, server.url());
  PkgsiteClient client(*gate);
  EXPECT_FALSE(client.Module(Soon(), "m.example/none").value());
  EXPECT_FALSE(client.Programs(Soon(), "m.example/none").value());
  EXPECT_FALSE(client.Importers(Soon(), "m.example/ambiguous").value());
  EXPECT_FALSE(client.Versions(Soon(), "m.example/none").value());
  EXPECT_TRUE(gate->Status().errors.empty());
  EXPECT_TRUE(absl::IsUnavailable(client.Module(Soon(), "m.example/broken").status()));
}

}  // namespace
}  // namespace gofarm::catalog
