#include "coordinator/oci/image.h"

#include <memory>
#include <vector>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/io/tar_writer.h"
#include "coordinator/oci/compact_json.h"
#include "coordinator/oci/reference.h"

namespace gofarm::oci {
namespace {

constexpr std::string_view kHome = "home/nonroot";
constexpr int kGzipLevel = 1;

std::string WholeSeconds(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixSeconds(absl::ToUnixSeconds(time)), absl::UTCTimeZone());
}

std::string Passwd() {
  return Cat("root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:", kImageUser, ":", kImageUser, ":nonroot:/", kHome,
             ":/sbin/nologin\n");
}

std::string Group() { return Cat("root:x:0:\nnonroot:x:", kImageUser, ":\n"); }

}  // namespace

absl::StatusOr<ImageLayer> WriteImageLayer(const Scope& scope, const LayerInput& input, const std::string& path) {
  if (input.program_name.find('/') != std::string::npos) {
    return absl::InvalidArgumentError(
        Cat("\"", EscapeAndClip(input.program_name, 100), "\" is no plain name of a program"));
  }
  digest::Sha256 inside;
  digest::Sha256 stored;
  ImageLayer layer;
  GOFARM_ASSIGN_OR_RETURN(const std::unique_ptr<io::TarWriter> tar,
                          io::TarWriter::Create(path, {.compression = io::TarCompression::kGzip,
                                                       .level = kGzipLevel,
                                                       .modified = input.created,
                                                       .on_tar = [&](std::string_view bytes) { inside.Update(bytes); },
                                                       .on_stored =
                                                           [&](std::string_view bytes) {
                                                             stored.Update(bytes);
                                                             layer.size += static_cast<int64_t>(bytes.size());
                                                           }}));
  for (const std::string_view folder : {"etc", "etc/ssl", "etc/ssl/certs", "home"}) {
    GOFARM_RETURN_IF_ERROR(tar->AddFolder({.name = std::string(folder), .mode = 0755}));
  }
  GOFARM_RETURN_IF_ERROR(tar->AddBytes({.name = "etc/group"}, Group()));
  GOFARM_RETURN_IF_ERROR(tar->AddBytes({.name = "etc/passwd"}, Passwd()));
  GOFARM_RETURN_IF_ERROR(tar->AddBytes({.name = std::string(kImageCaBundle)}, input.ca_bundle));
  GOFARM_RETURN_IF_ERROR(
      tar->AddFolder({.name = std::string(kHome), .mode = 0700, .uid = kImageUser, .gid = kImageUser}));
  GOFARM_RETURN_IF_ERROR(tar->AddFolder({.name = "tmp", .mode = 01777}));
  for (const std::string_view folder : {"usr", "usr/local", "usr/local/bin"}) {
    GOFARM_RETURN_IF_ERROR(tar->AddFolder({.name = std::string(folder), .mode = 0755}));
  }
  GOFARM_RETURN_IF_ERROR(tar->AddFile(scope, {.name = Cat(kImageProgramFolder, "/", input.program_name), .mode = 0755},
                                      input.program_file));
  GOFARM_RETURN_IF_ERROR(tar->Finish());
  layer.digest = Cat(kSha256Prefix, stored.HexAndReset());
  layer.diff_id = Cat(kSha256Prefix, inside.HexAndReset());
  return layer;
}

Image MakeImage(const ImageInput& input, const ImageLayer& layer) {
  const std::string architecture(InfoOf(input.target).goarch);
  const std::string created = WholeSeconds(input.created);
  CompactJson json;
  json.Open('{').Field("created", created).Field("architecture", architecture).Field("os", "linux");
  json.Key("config").Open('{').Field("User", Cat(kImageUser, ":", kImageUser));
  json.Key("Env").Open('[').String("PATH=/usr/local/bin").String(Cat("HOME=/", kHome));
  json.String(Cat("SSL_CERT_FILE=/", kImageCaBundle)).Close(']');
  json.Key("Entrypoint").Open('[').String(Cat("/", kImageProgramFolder, "/", input.program_name)).Close(']');
  json.Field("WorkingDir", Cat("/", kHome)).Optional("Labels", input.labels).Close('}');
  json.Key("rootfs").Open('{').Field("type", "layers").Key("diff_ids").Open('[').String(layer.diff_id).Close(']');
  json.Close('}');
  json.Key("history").Open('[').Open('{').Field("created", created).Field("created_by", "gofarm").Close('}').Close(']');
  json.Close('}');

  Image image{.config = json.Take()};
  image.manifest = ImageManifest(
      {.media_type = std::string(kImageConfigType),
       .digest = DigestOf(image.config),
       .size = static_cast<int64_t>(image.config.size())},
      {{.media_type = std::string(kGzipLayerType), .digest = layer.digest, .size = layer.size}}, input.labels);
  image.descriptor = DescriptorOf(image.manifest);
  image.descriptor.platform = Platform{.architecture = architecture};
  return image;
}

}  // namespace gofarm::oci
