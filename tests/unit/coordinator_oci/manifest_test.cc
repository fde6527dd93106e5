#include "coordinator/oci/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "common/base/text.h"
#include "common/digest/digest.h"
#include "coordinator/oci/compact_json.h"

namespace gofarm::oci {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kEmptySha[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

File Of(const std::string& name, int64_t size = 1) {
  return {.name = name, .sha256 = digest::Sha256Hex(name), .size = size};
}

std::vector<std::string> Names(const std::vector<File>& files) {
  std::vector<std::string> names;
  for (const File& file : files) names.push_back(file.name);
  return names;
}

TEST(CompactJsonTest, EscapesAsGoDoes) {
  CompactJson json;
  json.Open('{').Field("<a>",
                       "a&b \"\\ \b\f\n\r\t \x01\x1f\x7f \xe2\x80\xa8\xe2\x80\xa9 \xc3\xa4 \xf0\x9f\x98\x80 \xff");
  json.Key("n").Int(-5).Key("l").Open('[').String("x").Raw("{}").Close(']').Close('}');
  EXPECT_EQ(json.Take(),
            "{\"\\u003ca\\u003e\":\"a\\u0026b \\\"\\\\ \\b\\f\\n\\r\\t \\u0001\\u001f\x7f \\u2028\\u2029 \xc3\xa4 "
            "\xf0\x9f\x98\x80 \\ufffd\",\"n\":-5,\"l\":[\"x\",{}]}");
}

TEST(ManifestTest, LayersStandInOneOrder) {
  std::vector<File> files = {Of("zlib.txt"), Of("logc.version"), Of("CHECKSUM.sig"), Of("logc.json"),
                             Of("LICENSE"),  Of("logc.sig"),     Of("alone.sig"),    Of("logc"),
                             Of("CHECKSUM"), Of("logc.log"),     Of("logc.cdx.json")};
  const auto expected = ElementsAre("logc", "logc.sig", "CHECKSUM", "CHECKSUM.sig", "LICENSE", "logc.json", "logc.log",
                                    "logc.version", "alone.sig", "logc.cdx.json", "zlib.txt");
  EXPECT_THAT(Names(InLayerOrder("logc", files).value()), expected);
  std::reverse(files.begin(), files.end());
  EXPECT_THAT(Names(InLayerOrder("logc", files).value()), expected);
}

TEST(ManifestTest, FilesThatAreNoneAreRefused) {
  EXPECT_FALSE(InLayerOrder("a", {Of("b")}).ok());
  EXPECT_FALSE(InLayerOrder("a", {Of("a"), Of("a")}).ok());
  for (const std::string bad : {"", ".", "..", "x/y", "x\ny", "\xff"}) {
    EXPECT_FALSE(InLayerOrder("a", {Of("a"), Of(bad)}).ok()) << bad;
  }
  EXPECT_FALSE(InLayerOrder("a", {Of("a"), Of(std::string(kFileNameMax + 1, 'x'))}).ok());
  EXPECT_FALSE(InLayerOrder("a", {{.name = "a", .sha256 = "abc", .size = 1}}).ok());
  EXPECT_FALSE(InLayerOrder("a", {Of("a", -1)}).ok());
  std::vector<File> many = {Of("a")};
  while (many.size() < kLayersMax) many.push_back(Of(Cat("f", many.size())));
  EXPECT_TRUE(InLayerOrder("a", many).ok());
  many.push_back(Of("more"));
  EXPECT_FALSE(InLayerOrder("a", many).ok());
}

TEST(ManifestTest, AnArtifactHasTheFormOfOras) {
  const std::string sha = std::string(64, 'a');
  const Manifest manifest =
      ArtifactManifest("logc",
                       {{.name = "logc", .sha256 = sha, .size = 7}, {.name = "CHECKSUM", .sha256 = sha, .size = 0}},
                       {{"org.opencontainers.image.title", "logc"}, {"dev.pkgforge.soar.description", "a <b> & c"}})
          .value();
  EXPECT_EQ(
      manifest.bytes,
      Cat("{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"config\":{\"mediaType\":"
          "\"application/vnd.oci.empty.v1+json\",\"digest\":\"sha256:",
          kEmptySha,
          "\",\"size\":0},\"layers\":[{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\",\"digest\":\"sha256:",
          sha,
          "\",\"size\":7,\"annotations\":{\"org.opencontainers.image.title\":\"logc\"}},{\"mediaType\":\"application/"
          "vnd.oci.image.layer.v1.tar\",\"digest\":\"sha256:",
          sha,
          "\",\"size\":0,\"annotations\":{\"org.opencontainers.image.title\":\"CHECKSUM\"}}],\"annotations\":{\"dev."
          "pkgforge.soar.description\":\"a \\u003cb\\u003e \\u0026 c\",\"org.opencontainers.image.title\":\"logc\"}}"));
  EXPECT_EQ(manifest.digest, Cat("sha256:", digest::Sha256Hex(manifest.bytes)));
  EXPECT_EQ(manifest.media_type, kManifestType);
  EXPECT_THAT(manifest.bytes, Not(HasSubstr("artifactType")));
}

// The digest under which oras v1.3.6 pushed the same files and annotations to a docker-registry:
//   oras push --config /dev/null:application/vnd.oci.empty.v1+json --annotation-file F REPO:TAG
//     logc:application/vnd.oci.image.layer.v1.tar CHECKSUM:... logc.json:...
TEST(ManifestTest, ARealOrasPushedTheSameBytes) {
  const auto file = [](const std::string& name, const std::string& content) {
    return File{.name = name, .sha256 = digest::Sha256Hex(content), .size = static_cast<int64_t>(content.size())};
  };
  const Manifest manifest =
      ArtifactManifest("logc",
                       {file("logc.json", R"({"a":"<&>"})"), file("logc", "prog-bytes"), file("CHECKSUM", "a:b\n")},
                       {{"org.opencontainers.image.title", "logc"},
                        {"org.opencontainers.image.created", "2026-11-30T10:10:24Z"},
                        {"dev.pkgforge.soar.description", "a <b> & c \xe2\x80\xa8 \b\f\x7f \xc3\xa4 \xf0\x9f\x98\x80"},
                        {"dev.pkgforge.soar.json", "{\n \"x\": \"y\"\t}"}})
          .value();
  EXPECT_EQ(manifest.digest, "sha256:0e72b4db537a634f1ba9fbe18f17cee64675ae28ced7ef3d786f848d1789427e");
}

TEST(ManifestTest, AManifestThatNoRegistryTakesIsNotMade) {
  EXPECT_EQ(ArtifactManifest("a", {Of("a")}, {{"k", std::string(kManifestBytesMax, 'x')}}).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(ArtifactManifest("a", {Of("a")}, {{"k", std::string(kManifestBytesMax / 2, 'x')}}).ok());
}

Attachment Bundle() {
  return {.type = std::string(kBundleType),
          .sha256 = std::string(64, 'b'),
          .size = 11,
          .subject = {.media_type = std::string(kManifestType),
                      .digest = Cat("sha256:", std::string(64, 'a')),
                      .size = 22,
                      .annotations = {{"not", "passed on"}}},
          .annotations = {{"dev.sigstore.bundle.content", "dsse-envelope"},
                          {std::string(kCreated), "2026-01-01T00:00:00Z"}}};
}

TEST(ManifestTest, AnAttachmentNamesItsSubject) {
  const Manifest manifest = AttachmentManifest(Bundle());
  EXPECT_EQ(manifest.bytes,
            Cat("{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"artifactType\":"
                "\"application/vnd.dev.sigstore.bundle.v0.3+json\",\"config\":{\"mediaType\":\"application/"
                "vnd.oci.empty.v1+json\","
                "\"digest\":\"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\",\"size\":2},"
                "\"layers\":"
                "[{\"mediaType\":\"application/vnd.dev.sigstore.bundle.v0.3+json\",\"digest\":\"sha256:",
                std::string(64, 'b'),
                "\",\"size\":11}],\"subject\":{\"mediaType\":\"application/"
                "vnd.oci.image.manifest.v1+json\",\"digest\":\"sha256:",
                std::string(64, 'a'),
                "\",\"size\":22},\"annotations\":{\"dev.sigstore.bundle.content\":\"dsse-envelope\",\"org."
                "opencontainers.image."
                "created\":\"2026-01-01T00:00:00Z\"}}"));
}

TEST(ManifestTest, ReferrersAreAddedOnce) {
  const Attachment attachment = Bundle();
  const Descriptor referrer = ReferrerOf(attachment, AttachmentManifest(attachment));
  EXPECT_EQ(referrer.artifact_type, kBundleType);
  const std::optional<Manifest> first = WithReferrer(std::nullopt, referrer).value();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->media_type, kIndexType);
  EXPECT_THAT(first->bytes, HasSubstr(Cat("\"artifactType\":\"", kBundleType, "\"")));
  EXPECT_THAT(first->bytes, HasSubstr("\"dev.sigstore.bundle.content\":\"dsse-envelope\""));
  EXPECT_TRUE(IndexNames(first->bytes, referrer.digest).value());
  EXPECT_FALSE(WithReferrer(first->bytes, referrer).value());
  Descriptor other = referrer;
  other.digest = Cat("sha256:", std::string(64, 'c'));
  EXPECT_FALSE(IndexNames(first->bytes, other.digest).value());
  const std::optional<Manifest> both = WithReferrer(first->bytes, other).value();
  ASSERT_TRUE(both);
  EXPECT_TRUE(IndexNames(both->bytes, referrer.digest).value());
  EXPECT_TRUE(IndexNames(both->bytes, other.digest).value());
  EXPECT_FALSE(WithReferrer(both->bytes, referrer).value());
}

TEST(ManifestTest, WhatOthersWroteIntoTheIndexStays) {
  const std::string theirs =
      R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"m","digest":"sha256:1","size":3,"data":"e30=","annotations":{"x":"<"},"own":{"deep":[1,true,null]}}],"annotations":{"k":"v"}})";
  const Attachment attachment = Bundle();
  const std::optional<Manifest> next =
      WithReferrer(theirs, ReferrerOf(attachment, AttachmentManifest(attachment))).value();
  ASSERT_TRUE(next);
  EXPECT_THAT(
      next->bytes,
      HasSubstr(
          R"({"mediaType":"m","digest":"sha256:1","size":3,"data":"e30=","annotations":{"x":"<"},"own":{"deep":[1,true,null]}},{"mediaType")"));
  EXPECT_THAT(next->bytes, HasSubstr(R"("annotations":{"k":"v"}})"));
}

TEST(ManifestTest, WhatIsNoIndexIsLeftAlone) {
  const Descriptor referrer{.media_type = "m", .digest = Cat("sha256:", std::string(64, 'c')), .size = 1};
  for (const std::string bad :
       {"", "{", "[]", "{}", R"({"manifests":{}})", R"({"manifests":[{}]})", R"({"manifests":[7]})",
        R"({"mediaType":"application/vnd.oci.image.manifest.v1+json","manifests":[]})"}) {
    EXPECT_EQ(WithReferrer(bad, referrer).status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
  std::string full = R"({"manifests":[)";
  for (size_t i = 0; i < kReferrersMax; ++i) full += Cat(i == 0 ? "" : ",", R"({"digest":"sha256:)", i, "\"}");
  EXPECT_EQ(WithReferrer(full + "]}", referrer).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(IndexNames(full + "]}", "sha256:7").value());
  full += R"(,{"digest":"sha256:x"})";
  EXPECT_EQ(IndexNames(full + "]}", "sha256:7").status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(ManifestTest, AnIndexNamesItsPlatformsInOrder) {
  const Manifest index = ImageIndex({{.media_type = std::string(kManifestType),
                                      .digest = "sha256:1",
                                      .size = 1,
                                      .annotations = {},
                                      .platform = Platform{.architecture = "loong64"},
                                      .artifact_type = ""}},
                                    {{"a", "b"}});
  EXPECT_EQ(
      index.bytes,
      R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:1","size":1,"platform":{"architecture":"loong64","os":"linux"}}],"annotations":{"a":"b"}})");
}

TEST(ManifestTest, AWithdrawnManifestHoldsNothing) {
  const Manifest manifest = WithdrawnManifest({{"dev.gofarm.withdrawn.reason", "licence"}});
  EXPECT_EQ(
      manifest.bytes,
      R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"application/vnd.gofarm.withdrawn.v1","config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2}],"annotations":{"dev.gofarm.withdrawn.reason":"licence"}})");
}

}  // namespace
}  // namespace gofarm::oci
