// What we sign and list, by verifiers of others: sigstore's library and CycloneDX's, from npm (tests/npm).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "absl/strings/str_replace.h"
#include "common/attest/dsse.h"
#include "common/attest/sbom.h"
#include "common/base/text.h"
#include "common/io/files.h"
#include "common/io/scratch_folder.h"
#include "common/pki/key.h"
#include "common/pki/signature.h"
#include "common/process/run.h"
#include "tests/unit/attest/example.h"

namespace gofarm::attest {
namespace {

using ::testing::HasSubstr;

class NpmTest : public ::testing::Test {
 protected:
  NpmTest() : folder_(io::ScratchFolder::Make(::testing::TempDir(), "npm").value()) {}

  std::string Write(const std::string& name, const std::string& content) {
    const std::string path = folder_.path() + "/" + name;
    EXPECT_TRUE(io::WriteFileAtomic(path, content).ok());
    return path;
  }
  process::CommandResult Node(const std::string& script, const std::vector<std::string>& arguments) {
    const char *const source = std::getenv("GOFARM_SOURCE_DIR"), *const modules = std::getenv("GOFARM_NPM_DIR");
    if (source == nullptr || modules == nullptr) {
      ADD_FAILURE() << "run by ctest, which sets GOFARM_SOURCE_DIR and GOFARM_NPM_DIR";
      return {.exit_code = -1};
    }
    process::Command command;
    command.argv = {"node", Cat(source, "/tests/npm/", script), modules};
    command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
    command.environment = process::InheritedEnvironment();
    auto result = process::Run(Scope::For(absl::Seconds(100)), command);
    EXPECT_TRUE(result.ok()) << result.status() << " (bash deploy/setup/setup.sh test)";
    return result.value_or(process::CommandResult{.exit_code = -1});
  }

  const io::ScratchFolder folder_;
};

class SigstoreTest : public NpmTest {
 protected:
  process::CommandResult Verified(const Envelope& envelope, const std::string& public_key) {
    return Node("verify_bundle.cjs", {Write("bundle", BundleJson(envelope)), Write("key.pem", public_key)});
  }
  const std::string secret_ = pki::NewKey().value(), open_ = pki::P256PublicKeyPem(secret_).value();
  const std::string statement_ = ToStatement(HeyProvenance()).value();
  const Envelope signed_ = SignEnvelope(secret_, kInTotoPayloadType, statement_).value();
};

TEST_F(SigstoreTest, TakesOurBundle) {
  const auto verified = Verified(signed_, open_);
  EXPECT_EQ(verified.exit_code, 0) << verified.err;
  EXPECT_EQ(verified.out, statement_);
}

TEST_F(SigstoreTest, RefusesAnotherPayloadAndAnotherKey) {
  Envelope tampered = signed_;
  tampered.payload = absl::StrReplaceAll(tampered.payload, {{"v0.1.5", "v0.1.6"}});
  EXPECT_EQ(Verified(tampered, open_).exit_code, 1);
  EXPECT_THAT(Verified(tampered, open_).err, HasSubstr("signature verification failed"));

  const std::string other = pki::P256PublicKeyPem(pki::NewKey().value()).value();
  EXPECT_THAT(Verified(signed_, other).err, HasSubstr("names another key"));
  Envelope posing = signed_;
  posing.key_hint = KeyHint(other).value();
  EXPECT_THAT(Verified(posing, other).err, HasSubstr("signature verification failed"));
}

class CycloneDxTest : public NpmTest {
 protected:
  process::CommandResult Validated(const std::string& sbom) { return Node("verify_sbom.cjs", {Write("sbom", sbom)}); }
};

TEST_F(CycloneDxTest, TakesOurSbom) {
  const auto validated = Validated(SbomJson(HeySbom()).value());
  EXPECT_EQ(validated.exit_code, 0) << validated.err;
  // With all that may be missing missing, and with a replacement.
  SbomInput least = HeySbom();
  least.farm_version.clear();
  least.zig_version = "9.9.9";
  least.build_info =
      "path\tgithub.com/rakyll/hey/cmd/x\ndep\ta.b/c\tv1.0.0\n=>\t./c\t(devel)\t\nbuild\tCGO_ENABLED=1\n";
  const auto least_validated = Validated(SbomJson(least).value());
  EXPECT_EQ(least_validated.exit_code, 0) << least_validated.err;
}

TEST_F(CycloneDxTest, RefusesOneWithoutAName) {
  const std::string sbom = SbomJson(HeySbom()).value();
  const std::string nameless = absl::StrReplaceAll(sbom, {{"\"name\": \"std\",", ""}});
  ASSERT_NE(nameless, sbom);
  const auto refused = Validated(nameless);
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, HasSubstr("name"));
}

}  // namespace
}  // namespace gofarm::attest
