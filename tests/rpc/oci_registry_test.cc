// The registry client against Debian's docker-registry, read back by skopeo.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/io/files.h"
#include "common/io/scratch_folder.h"
#include "common/process/run.h"
#include "common/vocab/target.h"
#include "coordinator/oci/client.h"
#include "coordinator/oci/image.h"
#include "tests/support/docker_registry.h"

namespace gofarm::oci {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kRepository[] = "farm/github/fortio/logc/logc";
constexpr char kTag[] = "v0.1.0-x86_64-Linux";

// Bytes that no compression makes small.
std::string Noise(size_t size, const std::string& seed) {
  std::string out;
  for (int i = 0; out.size() < size; ++i) out += digest::Sha256Hex(Cat(seed, i));
  out.resize(size);
  return out;
}

class OciRegistryTest : public ::testing::Test {
 protected:
  void Start(const testing::DockerRegistry::Options& options, ClientOptions client = {}) {
    registry_ = std::make_unique<testing::DockerRegistry>(options);
    client.user_agent = "gofarm-test";
    client_ = *RegistryClient::Make(ParseDestination(registry_->url())->registry, std::move(client));
  }
  static Scope Soon() { return Scope::For(absl::Minutes(1)); }
  std::string At(const std::string& name) const { return Cat(folder_.path(), "/", name); }

  File Make(const std::string& name, const std::string& content) {
    EXPECT_TRUE(io::WriteFileAtomic(At(name), content).ok());
    const digest::FileDigests digests = *digest::DigestFile(At(name));
    return {.name = name, .sha256 = digests.sha256, .size = digests.size};
  }
  void MakeFiles() {
    files_ = {Make("logc", Noise(1'500'000, "program")),
              Make("CHECKSUM", "logc:abc\n"),
              Make("LICENSE", "MIT"),
              Make("logc.json", "{\"pkg\":\"logc\"}"),
              Make("logc.log", std::string(200'000, 'l')),
              Make("logc.version", "v0.1.0")};
  }

  Manifest PushArtifact() {
    for (const File& file : files_) {
      const Blob blob = Blob::OfFile(Cat(kSha256Prefix, file.sha256), file.size, At(file.name));
      EXPECT_TRUE(client_->PushBlob(Soon(), kRepository, blob).ok()) << file.name;
    }
    for (const std::string_view bytes : {kNoBytes, kEmptyObject}) {
      EXPECT_TRUE(client_->PushBlob(Soon(), kRepository, Blob::OfBytes(bytes)).ok());
    }
    Manifest manifest = *ArtifactManifest("logc", files_, {{"dev.pkgforge.soar.description", "a <b> & c"}});
    const absl::StatusOr<Pushed> pushed = client_->PushManifest(Soon(), kRepository, kTag, manifest);
    EXPECT_TRUE(pushed.ok()) << pushed.status();
    return manifest;
  }
  void Attach(const Manifest& subject, std::string_view type, const std::string& content) {
    EXPECT_TRUE(client_->PushBlob(Soon(), kRepository, Blob::OfBytes(content)).ok());
    const absl::StatusOr<Pushed> pushed =
        client_->Attach(Soon(), kRepository,
                        {{.type = std::string(type),
                          .sha256 = digest::Sha256Hex(content),
                          .size = static_cast<int64_t>(content.size()),
                          .title = "",
                          .subject = DescriptorOf(subject),
                          .annotations = {{std::string(kCreated), "2026-01-01T00:00:00Z"}}}});
    EXPECT_TRUE(pushed.ok()) << pushed.status();
  }
  Manifest PushImages(const std::string& repository) {
    std::vector<Descriptor> images;
    for (const Target target : kAllTargets) {
      const std::string path = At(Cat("layer-", TargetName(target)));
      const ImageLayer layer = *WriteImageLayer({},
                                                {.program_name = "logc",
                                                 .program_file = At("logc"),
                                                 .ca_bundle = Cat("PEM of ", TargetName(target)),
                                                 .created = absl::FromUnixSeconds(1'700'000'000)},
                                                path);
      const Image image = MakeImage({.target = target,
                                     .program_name = "logc",
                                     .created = absl::FromUnixSeconds(1'700'000'000),
                                     .labels = {{"org.opencontainers.image.licenses", "MIT"}}},
                                    layer);
      EXPECT_TRUE(client_->PushBlob(Soon(), repository, Blob::OfFile(layer.digest, layer.size, path)).ok());
      EXPECT_TRUE(client_->PushBlob(Soon(), repository, Blob::OfBytes(image.config)).ok());
      EXPECT_TRUE(client_->PushManifest(Soon(), repository, image.manifest.digest, image.manifest).ok());
      images.push_back(image.descriptor);
    }
    Manifest index = ImageIndex(images, {});
    const absl::StatusOr<Pushed> pushed = client_->PushManifest(Soon(), repository, "v0.1.0", index);
    EXPECT_TRUE(pushed.ok()) << pushed.status();
    return index;
  }

  std::string Skopeo(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"skopeo", "--insecure-policy"});
    const absl::StatusOr<process::CommandResult> done =
        process::Run(Soon(), {.argv = arguments, .environment = process::InheritedEnvironment()});
    EXPECT_TRUE(done.ok()) << done.status() << "; deploy/setup/setup.sh test installs skopeo";
    if (!done.ok()) return "";
    EXPECT_EQ(done->exit_code, 0) << done->err;
    return done->out;
  }
  std::string Raw(const std::string& repository, const std::string& reference) {
    return Skopeo({"inspect", "--tls-verify=false", "--raw",
                   Cat("docker://", registry_->authority(), "/", repository, reference)});
  }

  const io::ScratchFolder folder_ = *io::ScratchFolder::Make("/tmp", "oci-registry-");
  std::unique_ptr<testing::DockerRegistry> registry_;
  std::unique_ptr<RegistryClient> client_;
  std::vector<File> files_;
};

TEST_F(OciRegistryTest, WhatIsPushedIsReadBackAndPushedOnce) {
  Start({});
  MakeFiles();
  const auto push = [&] {
    const Manifest artifact = PushArtifact();
    Attach(artifact, kBundleType, "{\"bundle\":1}");
    Attach(artifact, kSbomType, "{\"sbom\":1}");
    return std::make_pair(artifact, PushImages("farm/images/logc"));
  };
  const auto [artifact, index] = push();
  const std::vector<std::string> first = registry_->Writes();
  // Files, two empty blobs, manifest; two attachments with index; four images of three parts each, index.
  EXPECT_THAT(first, SizeIs(2 * (6 + 2) + 1 + 2 * (2 + 1 + 1) + 4 * (2 + 2 + 1) + 1));
  push();
  EXPECT_EQ(registry_->Writes(), first);

  for (const File& file : files_) {
    const std::string digest = Cat(kSha256Prefix, file.sha256);
    EXPECT_EQ(digest::DigestFile(registry_->FileOf(digest))->sha256, file.sha256) << file.name;
    std::string got;
    EXPECT_TRUE(client_
                    ->GetBlob(Soon(), kRepository, digest, file.size,
                              [&](std::string_view piece) {
                                got += piece;
                                return absl::OkStatus();
                              })
                    .ok());
    EXPECT_EQ(got, io::ReadFile(At(file.name), 10 << 20).value()) << file.name;
  }
  EXPECT_EQ(client_->GetManifest(Soon(), kRepository, kTag).value()->bytes, artifact.bytes);
  EXPECT_EQ(Raw(kRepository, Cat(":", kTag)), artifact.bytes);
  EXPECT_EQ(Raw("farm/images/logc", ":v0.1.0"), index.bytes);
  // cosign and oras find what is attached by this tag.
  const std::string referrers = Raw(kRepository, Cat(":", ReferrersTag(artifact.digest)));
  EXPECT_EQ(client_->GetReferrers(Soon(), kRepository, artifact.digest).value(), referrers);
  EXPECT_THAT(referrers, HasSubstr(Cat("\"artifactType\":\"", kBundleType, "\"")));
  EXPECT_THAT(referrers, HasSubstr(Cat("\"artifactType\":\"", kSbomType, "\"")));
}

TEST_F(OciRegistryTest, SkopeoCopiesAllArchitectures) {
  Start({});
  MakeFiles();
  const Manifest index = PushImages("farm/images/logc");
  const std::string from = Cat("docker://", registry_->authority(), "/farm/images/logc:v0.1.0");
  Skopeo({"copy", "--all", "--src-tls-verify=false", from, Cat("dir:", At("copy"))});
  EXPECT_EQ(io::ReadFile(At("copy/manifest.json"), 1 << 20).value(), index.bytes);
  for (const Target target : kAllTargets) {
    const std::string inspected = Skopeo(
        {"inspect", "--tls-verify=false", "--override-os=linux", Cat("--override-arch=", InfoOf(target).goarch), from});
    EXPECT_THAT(inspected, HasSubstr(Cat("\"Architecture\": \"", InfoOf(target).goarch, "\"")));
    EXPECT_THAT(inspected, HasSubstr("\"org.opencontainers.image.licenses\": \"MIT\""));
    // Another form made of it: skopeo unpacks the layer and compares the tar inside with the config.
    Skopeo({"copy", "--src-tls-verify=false", "--override-os=linux", Cat("--override-arch=", InfoOf(target).goarch),
            from, Cat("docker-archive:", At(Cat("archive-", TargetName(target))), ":logc:v0.1.0")});
  }
  Skopeo({"copy", "--src-tls-verify=false", Cat("docker://", registry_->authority(), "/farm/images/logc:v0.1.0"),
          "--all", Cat("oci:", At("layout"), ":v0.1.0")});
}

TEST_F(OciRegistryTest, AnotherRepositoryMountsWhatIsThere) {
  Start({});
  MakeFiles();
  const Blob program = Blob::OfFile(Cat(kSha256Prefix, files_[0].sha256), files_[0].size, At("logc"));
  EXPECT_EQ(client_->PushBlob(Soon(), "first", program).value(), Pushed::kUploaded);
  EXPECT_EQ(client_->PushBlob(Soon(), "second", program, "first").value(), Pushed::kMounted);
  EXPECT_EQ(client_->PushBlob(Soon(), "second", Blob::OfBytes("new"), "first").value(), Pushed::kUploaded);
  EXPECT_THAT(registry_->Writes(), SizeIs(2 + 1 + 2));
}

TEST_F(OciRegistryTest, DamageAndGapsAreRefused) {
  Start({});
  const Blob wrong{.digest = DigestOf("right"), .size = 5, .file = "", .bytes = "wrong"};
  const absl::Status mismatch = client_->PushBlob(Soon(), "r", wrong).status();
  ASSERT_FALSE(mismatch.ok());
  EXPECT_EQ(FailureOf(mismatch).why, FailureClass::kDigestMismatch) << mismatch;
  EXPECT_EQ(FailureOf(mismatch).code, "DIGEST_INVALID");
  EXPECT_EQ(client_->FindBlob(Soon(), "r", DigestOf("right")).value(), std::nullopt);
  const Manifest gap = *ArtifactManifest("p", {{.name = "p", .sha256 = std::string(64, 'a'), .size = 1}}, {});
  const absl::Status missing = client_->PushManifest(Soon(), "r", "v1", gap).status();
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(FailureOf(missing).why, FailureClass::kBlobMissing) << missing;
}

TEST_F(OciRegistryTest, WithdrawingDeletesOrOverwrites) {
  Start({});
  MakeFiles();
  const Manifest artifact = PushArtifact();
  EXPECT_EQ(client_->DeleteManifest(Soon(), kRepository, artifact.digest).value(), true);
  EXPECT_EQ(client_->FindManifest(Soon(), kRepository, kTag).value(), std::nullopt);
  EXPECT_EQ(client_->DeleteManifest(Soon(), kRepository, artifact.digest).value(), false);

  Start({.deletes = false});
  PushArtifact();
  const absl::Status off = client_->DeleteManifest(Soon(), kRepository, artifact.digest).status();
  ASSERT_FALSE(off.ok());
  EXPECT_EQ(FailureOf(off).why, FailureClass::kUnsupported) << off;
  const Manifest withdrawn = WithdrawnManifest({{"dev.gofarm.withdrawn.reason", "licence"}});
  EXPECT_EQ(client_->PushManifest(Soon(), kRepository, kTag, withdrawn).value(), Pushed::kUploaded);
  EXPECT_EQ(Raw(kRepository, Cat(":", kTag)), withdrawn.bytes);
}

TEST_F(OciRegistryTest, ItLogsIn) {
  Start({.deletes = true, .login = true}, {.user_agent = "", .credentials = Credentials{"farm", "s3cret-token"}});
  MakeFiles();
  const Manifest artifact = PushArtifact();
  EXPECT_EQ(client_->FindManifest(Soon(), kRepository, kTag).value(), artifact.digest);
  for (const std::optional<Credentials>& bad : {std::optional<Credentials>(Credentials{"farm", "other"}), {}}) {
    const auto other = *RegistryClient::Make(client_->registry(), {.user_agent = "gofarm-test", .credentials = bad});
    const absl::Status refused = other->FindManifest(Soon(), kRepository, kTag).status();
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(FailureOf(refused).why, FailureClass::kUnauthorized) << refused;
  }
}

}  // namespace
}  // namespace gofarm::oci
