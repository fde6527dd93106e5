// Manifests and indexes of the OCI image specification (v1.1) as the farm pushes them: the same input gives the same
// bytes, keys in the order of the specification's Go types, so that what oras would push is byte for byte the same.
// Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace gofarm::oci {

inline constexpr std::string_view kManifestType = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view kIndexType = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view kEmptyType = "application/vnd.oci.empty.v1+json";
inline constexpr std::string_view kTarType = "application/vnd.oci.image.layer.v1.tar";
inline constexpr std::string_view kBundleType = "application/vnd.dev.sigstore.bundle.v0.3+json";
inline constexpr std::string_view kSbomType = "application/vnd.cyclonedx+json";
// The archive of sources of docs/provenance.md.
inline constexpr std::string_view kSourceType = "application/vnd.gofarm.source.v1.tar+zstd";
inline constexpr std::string_view kWithdrawnType = "application/vnd.gofarm.withdrawn.v1";

inline constexpr std::string_view kTitle = "org.opencontainers.image.title";
inline constexpr std::string_view kCreated = "org.opencontainers.image.created";

// What a registry must take at least (distribution specification, "Pushing Manifests").
inline constexpr size_t kManifestBytesMax = 4 << 20;
inline constexpr size_t kLayersMax = 100;
inline constexpr size_t kReferrersMax = 1000;  // of one manifest, in the fallback index
inline constexpr size_t kFileNameMax = 255;

using Annotations = std::map<std::string, std::string>;

struct Platform {
  std::string architecture;  // as Go names it
  std::string os = "linux";
};

struct Descriptor {
  std::string media_type;
  std::string digest;  // "sha256:HEX"
  int64_t size = 0;
  Annotations annotations;
  std::optional<Platform> platform;
  std::string artifact_type;
};

// What is pushed: stored by the registry byte for byte.
struct Manifest {
  std::string media_type;
  std::string bytes;
  std::string digest;
};
std::string DigestOf(std::string_view bytes);
Manifest MakeManifest(std::string_view media_type, std::string bytes);
// Names a manifest from another one, without annotations.
Descriptor DescriptorOf(const Manifest& manifest);

// The two blobs that manifests name for want of a config: no bytes, as oras sends them for `--config /dev/null`, and
// the specification's own two.
inline constexpr std::string_view kNoBytes = "";
inline constexpr std::string_view kEmptyObject = "{}";
Descriptor EmptyDescriptor(std::string_view bytes);

// A file of an artifact.
struct File {
  std::string name;    // without folders
  std::string sha256;  // hex
  int64_t size = 0;
};
// The layers' order: PROGRAM, CHECKSUM, LICENSE, PROGRAM.json, PROGRAM.log, PROGRAM.version, then all others by name; a
// `.sig` stands behind its file. INVALID_ARGUMENT: a name that is no plain file name or stands twice, no PROGRAM, more
// than kLayersMax.
absl::StatusOr<std::vector<File>> InLayerOrder(std::string_view program, std::vector<File> files);

// One executable for one host, in the form of image-spec 1.0 that `oras push` without an artifact type falls back to: a
// config of no bytes, no artifactType, and layers of a tar type that are no tar. RESOURCE_EXHAUSTED beyond
// kManifestBytesMax.
absl::StatusOr<Manifest> ArtifactManifest(std::string_view program, const std::vector<File>& files,
                                          const Annotations& annotations);

// An image's: no artifactType, no subject.
Manifest ImageManifest(const Descriptor& config, const std::vector<Descriptor>& layers, const Annotations& annotations);

// What is attached to another manifest by `subject`.
struct Attachment {
  std::string type;  // artifactType and the layer's media type: kBundleType, kSbomType, kSourceType
  std::string sha256;
  int64_t size = 0;
  std::string title;  // of the file, for those who pull it; empty: none
  Descriptor subject;
  Annotations annotations;
};
Manifest AttachmentManifest(const Attachment& attachment);
// As the fallback index and the referrers API name it: with artifactType and all annotations.
Descriptor ReferrerOf(const Attachment& attachment, const Manifest& manifest);

// The index at ReferrersTag with `referrer` in it. `current`: what stands there, null when nothing does. Null when it
// is in it already. What others wrote into it stays as it is. INVALID_ARGUMENT: `current` is no image index;
// RESOURCE_EXHAUSTED beyond kReferrersMax or kManifestBytesMax.
absl::StatusOr<std::optional<Manifest>> WithReferrer(const std::optional<std::string>& current,
                                                     const Descriptor& referrer);

// Whether an image index (a fallback index, an answer of the referrers API) names `digest`. INVALID_ARGUMENT as above.
absl::StatusOr<bool> IndexNames(std::string_view index, std::string_view digest);

// One image for several platforms, in the order given. `images` have platforms.
Manifest ImageIndex(const std::vector<Descriptor>& images, const Annotations& annotations);

// What stands under a tag whose manifest cannot be deleted: nothing to pull but the reason in its annotations. Its
// config and layer are kEmptyObject.
Manifest WithdrawnManifest(const Annotations& annotations);

}  // namespace gofarm::oci
