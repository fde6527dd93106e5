// Programs of others take what a farm publishes, and refuse it when a byte was changed: cosign what was signed, soar
// the index and what it names. tests/support/clients.sh builds both.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "common/base/text.h"
#include "common/io/files.h"
#include "tests/e2e/farm_harness.h"
#include "tests/support/docker_registry.h"

namespace gofarm::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kModule[] = "github.com/rakyll/hey@v0.1.5";

class ClientsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    registry_ = std::make_unique<DockerRegistry>();
    farm_ =
        std::make_unique<Farm>(1, std::vector<std::string>{Cat("GOFARM_PUBLISH_REGISTRY=", registry_->url(), "/farm")});
    batch_ = farm_->Submit({kModule, "--target", "x86_64"});
    farm_->Watch(batch_);
    EXPECT_TRUE(farm_->WaitUntil(
        [] {
          const Json status = farm_->GofarmJson({"publish", "status"});
          return Number(status.root(), "pending") == 0 && Number(status.root(), "failed") == 0 &&
                 Number(status.root(), "published") == 2;
        },
        absl::Minutes(3)));
  }
  static void TearDownTestSuite() {
    farm_.reset();
    registry_.reset();
  }
  static std::string Program(const char* variable) {
    const char* const path = std::getenv(variable);
    EXPECT_NE(path, nullptr) << "tests/run.sh --full builds it and names it by " << variable;
    return path == nullptr ? "" : path;
  }
  static std::string At(std::string_view name) { return Cat(farm_->scratch(), "/", name); }
  static void Write(const std::string& path, std::string_view text) {
    ASSERT_TRUE(io::WriteFileAtomic(path, text).ok());
  }
  static std::string Read(const std::string& path) { return io::ReadFile(path, 256 << 20).value_or(""); }

  static std::unique_ptr<DockerRegistry> registry_;
  static std::unique_ptr<Farm> farm_;
  static int64_t batch_;
};
int64_t ClientsTest::batch_ = 0;
std::unique_ptr<DockerRegistry> ClientsTest::registry_;
std::unique_ptr<Farm> ClientsTest::farm_;

class CosignTest : public ClientsTest {
 protected:
  CommandResult Cosign(std::vector<std::string> words) {
    words.insert(words.begin(), cosign_);
    words.insert(words.begin() + 2, {"--key", key_, "--type", "slsaprovenance1", "--insecure-ignore-tlog"});
    return RunCommand(words);
  }
  void SetUp() override {
    cosign_ = Program("GOFARM_TEST_COSIGN");
    key_ = At("farm.pem");
    Write(key_, farm_->Gofarm({"keys", "show", "--public"}).out);
  }
  std::string cosign_, key_;
};

TEST_F(CosignTest, TakesTheProvenanceOfWhatWasExported) {
  const std::string out = At("export");
  ASSERT_EQ(farm_->Gofarm({"artifact", "export", "--batch", Cat(batch_), out}).exit_code, 0);
  const std::string hey = Cat(out, "/", kModule, "/x86_64/hey");
  const std::vector<std::string> words = {"verify-blob-attestation", "--bundle", hey + ".sigstore.json", hey};
  const CommandResult good = Cosign(words);
  EXPECT_EQ(good.exit_code, 0) << good.err;
  std::string bytes = Read(hey);
  ASSERT_GT(bytes.size(), 5000u);
  bytes[5000] ^= 1;
  Write(hey, bytes);
  EXPECT_NE(Cosign(words).exit_code, 0);
}

TEST_F(CosignTest, FindsTheProvenanceOfWhatStandsInARegistry) {
  const std::string repository = Cat(registry_->authority(), "/farm/github/rakyll/hey/hey");
  for (const char* const tag : {"v0.1.5-x86_64-Linux", "v0.1.5", "latest"}) {
    const CommandResult good = Cosign({"verify-attestation", "--allow-http-registry", Cat(repository, ":", tag)});
    EXPECT_EQ(good.exit_code, 0) << tag << ": " << good.err;
  }
}

class SoarTest : public ClientsTest {
 protected:
  void SetUp() override {
    soar_ = Program("GOFARM_TEST_SOAR");
    Begin("soar");
  }
  // With a folder of its own, which knows nothing yet.
  void Begin(const std::string& name) {
    home_ = At(name);
    const Json status = farm_->GofarmJson({"status"});
    const Json keys = farm_->GofarmJson({"keys", "show"});
    Write(home_ + ".toml", Cat("default_profile = \"default\"\n[profile.default]\nroot_path = \"", home_,
                               "\"\n[[repositories]]\nname = \"farm\"\nurl = \"", Text(status.root(), "http_url"),
                               "/index/x86_64-Linux.json.zst\"\npubkey = \"", Text(keys.root(), "minisign_public_key"),
                               "\"\nsync_interval = \"always\"\n"));
  }
  CommandResult Soar(std::vector<std::string> words) {
    words.insert(words.begin(), {soar_, "-c", home_ + ".toml"});
    return RunCommand(words, {Cat("HOME=", home_, "-home")}, absl::Minutes(2));
  }
  std::string Bin() const { return home_ + "/bin/hey"; }
  std::string soar_, home_;
};

TEST_F(SoarTest, FindsInstallsShowsAndRemovesAProgram) {
  CommandResult done = Soar({"sync"});
  EXPECT_EQ(done.exit_code, 0) << done.out << done.err;
  done = Soar({"search", "hey"});
  EXPECT_THAT(done.out + done.err, HasSubstr("hey"));
  done = Soar({"install", "hey", "--yes"});
  EXPECT_EQ(done.exit_code, 0) << done.out << done.err;
  done = RunCommand({Bin()});
  EXPECT_THAT(done.out + done.err, HasSubstr("Usage: hey"));
  // This release has no verb that shows a log; it shows what the record says.
  done = Soar({"query", "hey"});
  EXPECT_THAT(done.out + done.err, HasSubstr("Module: github.com/rakyll/hey@v0.1.5"));
  done = Soar({"run", "--yes", "hey", "--", "-h"});
  EXPECT_THAT(done.out + done.err, HasSubstr("Usage: hey"));
  done = Soar({"remove", "hey", "--yes"});
  EXPECT_EQ(done.exit_code, 0) << done.out << done.err;
  EXPECT_NE(RunCommand({"test", "-e", Bin()}).exit_code, 0);
}

TEST_F(SoarTest, InstallsNothingThatWasChanged) {
  const Json jobs = farm_->GofarmJson({"artifact", "list"});
  const std::string sha256 = Text(Items(jobs.root()).at(0), "sha256");
  const CommandResult found = RunCommand({"find", farm_->dir() + "/data", "-name", sha256.substr(2)});
  std::string blob = found.out.substr(0, found.out.find('\n'));
  ASSERT_THAT(blob, StartsWith("/"));
  const std::string good = Read(blob);
  ASSERT_GT(good.size(), 5000u);
  std::string bad = good;
  bad[5000] ^= 1;
  Write(blob, bad);
  const CommandResult done = Soar({"install", "hey", "--yes"});
  Write(blob, good);
  // Its exit code is 0 all the same.
  EXPECT_THAT(done.out + done.err, HasSubstr("Failed"));
  EXPECT_NE(RunCommand({"test", "-e", Bin()}).exit_code, 0);
}

TEST_F(SoarTest, ReadsNoIndexThatWasChanged) {
  const std::string index = Cat(farm_->dir(), "/data/index/current/x86_64-Linux.json.zst");
  for (const std::string& file : {index, index + ".sig"}) {
    const std::string good = Read(file);
    ASSERT_GT(good.size(), 100u) << file;
    std::string bad = good;
    bad[80] ^= 1;
    Write(file, bad);
    Begin("soar-of-a-changed-index");
    const CommandResult synced = Soar({"sync"});
    const CommandResult installed = Soar({"install", "hey", "--yes"});
    Write(file, good);
    EXPECT_NE(RunCommand({"test", "-e", Bin()}).exit_code, 0)
        << file << ": " << synced.out << synced.err << installed.out << installed.err;
  }
}

}  // namespace
}  // namespace gofarm::testing
