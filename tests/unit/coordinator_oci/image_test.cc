#include "coordinator/oci/image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>

#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/io/archive.h"
#include "common/io/files.h"
#include "common/io/scratch_folder.h"

namespace gofarm::oci {
namespace {

using ::testing::HasSubstr;

class ImageTest : public ::testing::Test {
 protected:
  std::string At(const std::string& name) const { return Cat(folder_.path(), "/", name); }
  ImageLayer Layer(const std::string& name) {
    EXPECT_TRUE(io::WriteFileAtomic(At("prog"), program_, 0755).ok());
    const absl::StatusOr<ImageLayer> layer = WriteImageLayer(
        {}, {.program_name = "prog", .program_file = At("prog"), .ca_bundle = "PEM", .created = created_}, At(name));
    EXPECT_TRUE(layer.ok()) << layer.status();
    return *layer;
  }

  const io::ScratchFolder folder_ = *io::ScratchFolder::Make("/tmp", "image");
  const std::string program_ = std::string(300'000, 'p');
  const absl::Time created_ = absl::FromUnixSeconds(1'700'000'000);
};

TEST_F(ImageTest, TheLayerDependsOnItsInputAlone) {
  const ImageLayer first = Layer("a.tar.gz");
  absl::SleepFor(absl::Milliseconds(1100));  // whole seconds stand in tar and gzip headers
  const ImageLayer second = Layer("b.tar.gz");
  EXPECT_EQ(first.digest, second.digest);
  EXPECT_EQ(first.diff_id, second.diff_id);
  EXPECT_NE(first.digest, first.diff_id);
  const digest::FileDigests file = *digest::DigestFile(At("a.tar.gz"));
  EXPECT_EQ(first.digest, Cat("sha256:", file.sha256));
  EXPECT_EQ(first.size, file.size);
}

TEST_F(ImageTest, TheLayerHoldsProgramBundleAndUser) {
  Layer("a.tar.gz");
  ASSERT_TRUE(io::MakeFolders(At("out")).ok());
  ASSERT_TRUE(io::ExtractArchive({}, At("a.tar.gz"), At("out")).ok());
  EXPECT_EQ(io::ReadFile(At("out/usr/local/bin/prog"), 1 << 20).value(), program_);
  struct stat info {};
  ASSERT_EQ(::stat(At("out/usr/local/bin/prog").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0755U);
  EXPECT_EQ(io::ReadFile(At("out/etc/ssl/certs/ca-certificates.crt"), 1 << 20).value(), "PEM");
  EXPECT_THAT(io::ReadFile(At("out/etc/passwd"), 1 << 20).value(), HasSubstr("nonroot:x:65532:65532:"));
  ASSERT_EQ(::stat(At("out/tmp").c_str(), &info), 0);
}

TEST_F(ImageTest, ConfigAndManifestNameTheLayer) {
  const ImageLayer layer = Layer("a.tar.gz");
  const Image image = MakeImage({.target = Target::kLoongarch64,
                                 .program_name = "prog",
                                 .created = created_,
                                 .labels = {{"org.opencontainers.image.licenses", "MIT"}}},
                                layer);
  EXPECT_EQ(
      image.config,
      Cat(R"({"created":"2023-11-14T22:13:20Z","architecture":"loong64","os":"linux","config":{"User":"65532:65532",)",
          R"("Env":["PATH=/usr/local/bin","HOME=/home/nonroot","SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"],)",
          R"("Entrypoint":["/usr/local/bin/prog"],"WorkingDir":"/home/nonroot",)",
          R"("Labels":{"org.opencontainers.image.licenses":"MIT"}},"rootfs":{"type":"layers","diff_ids":[")",
          layer.diff_id, R"("]},"history":[{"created":"2023-11-14T22:13:20Z","created_by":"gofarm"}]})"));
  EXPECT_THAT(image.manifest.bytes, HasSubstr(Cat("\"digest\":\"", DigestOf(image.config), "\"")));
  EXPECT_THAT(image.manifest.bytes, HasSubstr(Cat("\"digest\":\"", layer.digest, "\",\"size\":", layer.size)));
  ASSERT_TRUE(image.descriptor.platform);
  EXPECT_EQ(image.descriptor.platform->architecture, "loong64");
  EXPECT_EQ(image.descriptor.digest, image.manifest.digest);
}

TEST_F(ImageTest, HostileNamesGoNowhere) {
  for (const std::string bad : {"", "..", ".", "a/b", "../../etc/passwd", "a\nb", "\x1b[31m"}) {
    EXPECT_FALSE(
        WriteImageLayer({}, {.program_name = bad, .program_file = At("prog"), .ca_bundle = "", .created = created_},
                        At("x"))
            .ok())
        << bad;
  }
  EXPECT_EQ(WriteImageLayer(
                {}, {.program_name = "p", .program_file = At("missing"), .ca_bundle = "", .created = created_}, At("x"))
                .status()
                .code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace gofarm::oci
