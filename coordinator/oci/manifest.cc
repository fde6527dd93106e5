#include "coordinator/oci/manifest.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/match.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/json/fields.h"
#include "coordinator/oci/compact_json.h"
#include "coordinator/oci/reference.h"

namespace gofarm::oci {
namespace {

void Put(CompactJson& json, const Descriptor& d) {
  json.Open('{').Field("mediaType", d.media_type).Field("digest", d.digest).Key("size").Int(d.size);
  json.Optional("annotations", d.annotations);
  if (d.platform) {
    json.Key("platform")
        .Open('{')
        .Field("architecture", d.platform->architecture)
        .Field("os", d.platform->os)
        .Close('}');
  }
  json.Optional("artifactType", d.artifact_type).Close('}');
}

std::string Text(const Descriptor& d) {
  CompactJson json;
  Put(json, d);
  return json.Take();
}

struct Parts {
  std::string_view artifact_type;
  Descriptor config;
  std::vector<Descriptor> layers;
  const Descriptor* subject = nullptr;
};

Manifest Assemble(const Parts& parts, const Annotations& annotations) {
  CompactJson json;
  json.Open('{').Key("schemaVersion").Int(2).Field("mediaType", kManifestType);
  json.Optional("artifactType", parts.artifact_type);
  json.Key("config");
  Put(json, parts.config);
  json.Key("layers").Open('[');
  for (const Descriptor& layer : parts.layers) Put(json, layer);
  json.Close(']');
  if (parts.subject != nullptr) {
    json.Key("subject");
    Put(json, *parts.subject);
  }
  json.Optional("annotations", annotations).Close('}');
  return MakeManifest(kManifestType, json.Take());
}

// Where a file without `.sig` stands; equal ranks go by name.
int Rank(std::string_view program, std::string_view name) {
  const std::string known[] = {std::string(program),  "CHECKSUM",           "LICENSE",
                               Cat(program, ".json"), Cat(program, ".log"), Cat(program, ".version")};
  const auto at = std::find(std::begin(known), std::end(known), name);
  return static_cast<int>(at - std::begin(known));
}

struct Index {
  std::vector<std::string> digests;
  std::vector<std::string> manifests;  // as they stand
  std::string annotations;
};

absl::StatusOr<Index> ReadIndex(std::string_view text) {
  json::Parser parser;
  GOFARM_ASSIGN_OR_RETURN(const simdjson::dom::element document, parser.Document(text));
  simdjson::dom::array manifests;
  if (document["manifests"].get(manifests) != simdjson::SUCCESS) {
    return absl::InvalidArgumentError("it has no \"manifests\"");
  }
  std::string_view type;
  if (document["mediaType"].get(type) == simdjson::SUCCESS && type != kIndexType) {
    return absl::InvalidArgumentError(Cat("its media type is \"", EscapeAndClip(type, 100), "\""));
  }
  Index index;
  for (const simdjson::dom::element one : manifests) {
    std::string_view digest;
    if (one["digest"].get(digest) != simdjson::SUCCESS) {
      return absl::InvalidArgumentError("one of its manifests has no digest");
    }
    if (index.digests.size() >= kReferrersMax) {
      return absl::ResourceExhaustedError(Cat("more than ", kReferrersMax, " manifests in an index"));
    }
    index.digests.emplace_back(digest);
    index.manifests.push_back(simdjson::minify(one));
  }
  simdjson::dom::object annotations;
  if (document["annotations"].get(annotations) == simdjson::SUCCESS) index.annotations = simdjson::minify(annotations);
  return index;
}

bool IsFileName(std::string_view name) {
  return !name.empty() && name.size() <= kFileNameMax && name != "." && name != ".." &&
         name.find('/') == std::string_view::npos && EscapeForPrint(name) == name;
}

}  // namespace

std::string DigestOf(std::string_view bytes) { return Cat(kSha256Prefix, digest::Sha256Hex(bytes)); }

Manifest MakeManifest(std::string_view media_type, std::string bytes) {
  std::string digest = DigestOf(bytes);
  return {.media_type = std::string(media_type), .bytes = std::move(bytes), .digest = std::move(digest)};
}

Descriptor DescriptorOf(const Manifest& manifest) {
  return {.media_type = manifest.media_type,
          .digest = manifest.digest,
          .size = static_cast<int64_t>(manifest.bytes.size())};
}

Descriptor EmptyDescriptor(std::string_view bytes) {
  return {.media_type = std::string(kEmptyType), .digest = DigestOf(bytes), .size = static_cast<int64_t>(bytes.size())};
}

absl::StatusOr<std::vector<File>> InLayerOrder(std::string_view program, std::vector<File> files) {
  if (files.size() > kLayersMax) return absl::InvalidArgumentError(Cat("more than ", kLayersMax, " files"));
  std::set<std::string> names;
  for (const File& file : files) {
    if (!IsFileName(file.name)) {
      return absl::InvalidArgumentError(Cat("\"", EscapeAndClip(file.name, 100), "\" is no plain file name"));
    }
    if (!names.insert(file.name).second) return absl::InvalidArgumentError(Cat(file.name, " stands twice"));
    if (!IsDigestText(Cat(kSha256Prefix, file.sha256)) || file.size < 0) {
      return absl::InvalidArgumentError(Cat("file ", file.name, " has no SHA-256 or no size"));
    }
  }
  if (names.find(std::string(program)) == names.end()) {
    return absl::InvalidArgumentError(Cat("no file \"", EscapeAndClip(program, 100), "\", which is the program"));
  }
  const auto key = [&](const File& file) {
    const bool of_another = absl::EndsWith(file.name, ".sig") && names.count(file.name.substr(0, file.name.size() - 4));
    std::string base = of_another ? file.name.substr(0, file.name.size() - 4) : file.name;
    const int rank = Rank(program, base);
    return std::make_tuple(rank, std::move(base), of_another);
  };
  std::sort(files.begin(), files.end(), [&](const File& a, const File& b) { return key(a) < key(b); });
  return files;
}

absl::StatusOr<Manifest> ArtifactManifest(std::string_view program, const std::vector<File>& files,
                                          const Annotations& annotations) {
  GOFARM_ASSIGN_OR_RETURN(const std::vector<File> ordered, InLayerOrder(program, files));
  std::vector<Descriptor> layers;
  for (const File& file : ordered) {
    layers.push_back({.media_type = std::string(kTarType),
                      .digest = Cat(kSha256Prefix, file.sha256),
                      .size = file.size,
                      .annotations = {{std::string(kTitle), file.name}}});
  }
  Manifest manifest = ImageManifest(EmptyDescriptor(kNoBytes), layers, annotations);
  if (manifest.bytes.size() > kManifestBytesMax) {
    return absl::ResourceExhaustedError(Cat("the manifest of ", program, " would have ", manifest.bytes.size(),
                                            " bytes, registries take ", kManifestBytesMax));
  }
  return manifest;
}

Manifest ImageManifest(const Descriptor& config, const std::vector<Descriptor>& layers,
                       const Annotations& annotations) {
  return Assemble({.artifact_type = {}, .config = config, .layers = layers, .subject = nullptr}, annotations);
}

Manifest AttachmentManifest(const Attachment& attachment) {
  // Only what names the subject: specification and cosign know no more of it.
  const Descriptor subject{.media_type = attachment.subject.media_type,
                           .digest = attachment.subject.digest,
                           .size = attachment.subject.size};
  Annotations file;
  if (!attachment.title.empty()) file[std::string(kTitle)] = attachment.title;
  return Assemble({.artifact_type = attachment.type,
                   .config = EmptyDescriptor(kEmptyObject),
                   .layers = {{.media_type = attachment.type,
                               .digest = Cat(kSha256Prefix, attachment.sha256),
                               .size = attachment.size,
                               .annotations = file}},
                   .subject = &subject},
                  attachment.annotations);
}

Descriptor ReferrerOf(const Attachment& attachment, const Manifest& manifest) {
  Descriptor descriptor = DescriptorOf(manifest);
  descriptor.annotations = attachment.annotations;
  descriptor.artifact_type = attachment.type;
  return descriptor;
}

absl::StatusOr<std::optional<Manifest>> WithReferrer(const std::optional<std::string>& current,
                                                     const Descriptor& referrer) {
  Index index;
  if (current) {
    GOFARM_ASSIGN_OR_RETURN_CTX(index, ReadIndex(*current), "the index of referrers");
  }
  if (std::find(index.digests.begin(), index.digests.end(), referrer.digest) != index.digests.end()) {
    return std::optional<Manifest>();
  }
  if (index.digests.size() >= kReferrersMax) {
    return absl::ResourceExhaustedError(Cat("a manifest has ", kReferrersMax, " referrers already"));
  }
  CompactJson json;
  json.Open('{').Key("schemaVersion").Int(2).Field("mediaType", kIndexType).Key("manifests").Open('[');
  for (const std::string& one : index.manifests) json.Raw(one);
  json.Raw(Text(referrer)).Close(']');
  if (!index.annotations.empty()) json.Key("annotations").Raw(index.annotations);
  json.Close('}');
  Manifest made = MakeManifest(kIndexType, json.Take());
  if (made.bytes.size() > kManifestBytesMax) {
    return absl::ResourceExhaustedError(Cat("an index of referrers beyond ", kManifestBytesMax, " bytes"));
  }
  return std::optional<Manifest>(std::move(made));
}

absl::StatusOr<bool> IndexNames(std::string_view text, std::string_view digest) {
  GOFARM_ASSIGN_OR_RETURN_CTX(const Index index, ReadIndex(text), "an image index");
  return std::find(index.digests.begin(), index.digests.end(), digest) != index.digests.end();
}

Manifest ImageIndex(const std::vector<Descriptor>& images, const Annotations& annotations) {
  CompactJson json;
  json.Open('{').Key("schemaVersion").Int(2).Field("mediaType", kIndexType).Key("manifests").Open('[');
  for (const Descriptor& image : images) Put(json, image);
  json.Close(']').Optional("annotations", annotations).Close('}');
  return MakeManifest(kIndexType, json.Take());
}

Manifest WithdrawnManifest(const Annotations& annotations) {
  return Assemble({.artifact_type = kWithdrawnType,
                   .config = EmptyDescriptor(kEmptyObject),
                   .layers = {EmptyDescriptor(kEmptyObject)},
                   .subject = nullptr},
                  annotations);
}

}  // namespace gofarm::oci
