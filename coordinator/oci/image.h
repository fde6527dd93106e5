// Container images of one program: one layer (the program, a bundle of root certificates, the user's name), its config
// and its manifest, so that `docker run`, podman and Kubernetes take it. Forms: OCI image specification v1.1
// (config.md, layer.md). The builders are pure; WriteImageLayer writes one file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/scope.h"
#include "common/vocab/target.h"
#include "coordinator/oci/manifest.h"

namespace gofarm::oci {

inline constexpr std::string_view kImageConfigType = "application/vnd.oci.image.config.v1+json";
inline constexpr std::string_view kGzipLayerType = "application/vnd.oci.image.layer.v1.tar+gzip";

// The user of every image. The number that distroless images made usual; by number, as Kubernetes' runAsNonRoot asks.
inline constexpr int kImageUser = 65532;
inline constexpr std::string_view kImageProgramFolder = "usr/local/bin";
inline constexpr std::string_view kImageCaBundle = "etc/ssl/certs/ca-certificates.crt";

struct ImageLayer {
  std::string digest;   // "sha256:HEX" of the file as stored
  std::string diff_id;  // of the tar inside
  int64_t size = 0;
};

struct LayerInput {
  std::string program_name;
  std::string program_file;
  std::string ca_bundle;  // PEM
  absl::Time created;     // of every entry; whole seconds
};
// gzip: every runtime takes it, while zstd layers want Docker 23 or containerd 1.5; and zlib's output for a given level
// changes far more rarely than libzstd's. Level 1: a Go program of 17 MB takes 0.4 s instead of the 1.1 s of level 6,
// for 6 % more bytes. The bytes do not depend on the machine, the folder or the time of the call. INVALID_ARGUMENT: a
// program name that is no plain file name.
absl::StatusOr<ImageLayer> WriteImageLayer(const Scope& scope, const LayerInput& input, const std::string& path);

struct ImageInput {
  Target target = Target::kX86_64;
  std::string program_name;
  absl::Time created;
  Annotations labels;  // OCI's own keys (org.opencontainers.image.source, .licenses ...): labels of the config and
                       // annotations of the manifest
};
struct Image {
  std::string config;  // a blob, to be pushed before the manifest
  Manifest manifest;
  Descriptor descriptor;  // with platform, for ImageIndex
};
Image MakeImage(const ImageInput& input, const ImageLayer& layer);

}  // namespace gofarm::oci
