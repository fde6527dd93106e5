// The outbox against Debian's docker-registry, read back by skopeo: two programs, four targets, killed on the way.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "common/io/scratch_folder.h"
#include "common/process/run.h"
#include "coordinator/publish/registry_publisher.h"
#include "tests/support/cutting_relay.h"
#include "tests/support/docker_registry.h"
#include "tests/support/publish_farm.h"

namespace gofarm::publish {
namespace {

using domain::PublicationState;
using testing::DockerRegistry;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kModule[] = "github.com/fortio/logc";
constexpr char kRepository[] = "farm/github/fortio/logc/a";
constexpr char kName[] = "the registry";

class PublishRegistryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(io::MakeFolders(farm_.At("scratch")).ok());
    Start({});
  }
  void Order(const std::vector<std::string>& programs, const std::vector<Target>& targets) {
    for (const std::string& program : programs) {
      for (const Target target : targets) {
        farm_.outbox().Order(farm_.Build({kModule, "v1.0.0", Cat(kModule, "/cmd/", program), program, target}), kName);
      }
    }
  }
  // An empty registry behind the relay.
  void Start(const DockerRegistry::Options& options) {
    registry_ = std::make_unique<DockerRegistry>(options);
    relay_.SetTarget(registry_->url());
    relay_.CutAfter(-1);
  }
  // As a coordinator that just started.
  void Run() {
    const oci::Destination destination = *oci::ParseDestination(relay_.url() + "/farm");
    DestinationLoop loop({.name = kName,
                          .outbox = farm_.outbox(),
                          .carrier = std::make_unique<RegistryPublisher>(RegistryParts{
                              .destination = destination,
                              .client = *oci::RegistryClient::Make(destination.registry, {.user_agent = "test"}),
                              .sources = farm_.sources(),
                              .keys = [this] { return farm_.keys(); },
                              .publisher = {.page = ""},
                              .scratch = farm_.At("scratch")}),
                          .random = [] { return 0.5; }});
    const auto round = loop.RunOnce(Scope::For(absl::Minutes(2)));
    EXPECT_TRUE(round.ok()) << round.status();
  }
  void ExpectAll(PublicationState state) {
    for (const domain::Publication& row : farm_.outbox().rows()) EXPECT_EQ(row.state, state) << row.detail;
  }
  std::string Skopeo(std::vector<std::string> arguments, int expected = 0) {
    arguments.insert(arguments.begin(), {"skopeo", "--insecure-policy"});
    const auto done =
        process::Run(Scope::For(absl::Minutes(1)), {.argv = arguments, .environment = process::InheritedEnvironment()});
    EXPECT_TRUE(done.ok()) << done.status() << "; deploy/setup/setup.sh test installs skopeo";
    if (!done.ok()) return "";
    EXPECT_EQ(done->exit_code, expected) << done->err;
    return done->out;
  }
  std::string Reference(const std::string& tag) const {
    return Cat("docker://", registry_->authority(), "/", kRepository, ":", tag);
  }
  std::string Raw(const std::string& tag, int expected = 0) {
    return Skopeo({"inspect", "--tls-verify=false", "--raw", Reference(tag)}, expected);
  }

  testing::PublishFarm farm_;
  std::unique_ptr<DockerRegistry> registry_;
  testing::CuttingRelay relay_;
};

TEST_F(PublishRegistryTest, WhatIsPushedOnceIsCopiedBySkopeoAndNotPushedAgain) {
  Order({"a"}, {kAllTargets.begin(), kAllTargets.end()});
  Run();
  ExpectAll(PublicationState::kPublished);
  const std::vector<std::string> writes = registry_->Writes();
  farm_.outbox().StartAgain();
  Run();
  ExpectAll(PublicationState::kPublished);
  EXPECT_EQ(registry_->Writes(), writes);

  const std::string copies = farm_.At("copies");
  ASSERT_TRUE(io::MakeFolders(copies).ok());
  Skopeo({"copy", "--src-tls-verify=false", Reference("v1.0.0-x86_64-Linux"), Cat("dir:", copies, "/artifact")});
  EXPECT_EQ(io::ReadFile(copies + "/artifact/manifest.json", 1 << 20).value(), Raw("v1.0.0-x86_64-Linux"));
  Skopeo({"copy", "--all", "--src-tls-verify=false", Reference("v1.0.0"), Cat("oci:", copies, "/images:v1.0.0")});
  EXPECT_EQ(Raw("latest"), Raw("v1.0.0"));
  for (const Target target : kAllTargets) {
    const std::string inspected = Skopeo({"inspect", "--tls-verify=false", "--override-os=linux",
                                          Cat("--override-arch=", InfoOf(target).goarch), Reference("latest")});
    EXPECT_THAT(inspected, HasSubstr(Cat("\"Architecture\": \"", InfoOf(target).goarch, "\"")));
    EXPECT_THAT(inspected, HasSubstr("\"org.opencontainers.image.source\": \"https://github.com/fortio/logc\""));
  }
}

TEST_F(PublishRegistryTest, AKillOnTheWayEndsWithTheContentOfAnUndisturbedPush) {
  Order({"a", "b"}, {kAllTargets.begin(), kAllTargets.end()});
  relay_.CutAfter(-1);
  Run();
  ExpectAll(PublicationState::kPublished);
  const int requests = relay_.requests();
  const auto undisturbed = registry_->Content();
  unsigned seed = std::random_device{}();
  if (const char* given = std::getenv("GOFARM_TEST_SEED"); given != nullptr) (void)absl::SimpleAtoi(given, &seed);
  SCOPED_TRACE(Cat("GOFARM_TEST_SEED=", seed));
  std::mt19937 generator(seed);
  constexpr int kKills = 2;
  for (int i = 0; i < kKills; ++i) {
    const int after = (requests * i + static_cast<int>(generator() % static_cast<unsigned>(requests))) / kKills;
    Start({});
    farm_.outbox().StartAgain();
    relay_.CutAfter(after);
    Run();
    relay_.CutAfter(-1);
    farm_.outbox().MakeDue();
    Run();
    ExpectAll(PublicationState::kPublished);
    EXPECT_EQ(registry_->Content(), undisturbed) << "after " << after << " of " << requests;
  }
}

TEST_F(PublishRegistryTest, WithdrawingDeletesWhereItCanAndOverwritesWhereItCannot) {
  Order({"a"}, {Target::kX86_64, Target::kRiscv64});
  Run();
  farm_.outbox().Withdraw(kModule, "v1.0.0", Target::kX86_64);
  Run();
  Raw("v1.0.0-x86_64-Linux", 1);
  EXPECT_THAT(Raw("v1.0.0"), Not(HasSubstr("\"amd64\"")));
  EXPECT_THAT(Raw("latest"), HasSubstr("\"riscv64\""));
  Skopeo({"copy", "--all", "--src-tls-verify=false", Reference("v1.0.0"), Cat("oci:", farm_.At("left"), ":v1.0.0")});
  for (const Target target : kAllTargets) farm_.outbox().Withdraw(kModule, "v1.0.0", target);
  Run();
  ExpectAll(PublicationState::kWithdrawn);
  for (const auto& [path, link] : registry_->Content()) EXPECT_THAT(path, Not(HasSubstr("/_manifests/tags/"))) << path;

  Start({.deletes = false});
  farm_.outbox().StartAgain();
  Run();
  ExpectAll(PublicationState::kPublished);
  for (const Target target : kAllTargets) farm_.outbox().Withdraw(kModule, "v1.0.0", target);
  Run();
  ExpectAll(PublicationState::kWithdrawn);
  for (const char* const tag : {"v1.0.0-x86_64-Linux", "v1.0.0", "latest"}) {
    EXPECT_THAT(Raw(tag), HasSubstr(testing::kWithdrawnReason)) << tag;
  }
  EXPECT_THAT(farm_.outbox().rows()[0].detail, HasSubstr("still reachable by digest"));
}

}  // namespace
}  // namespace gofarm::publish
