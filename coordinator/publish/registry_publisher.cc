#include "coordinator/publish/registry_publisher.h"

#include <algorithm>
#include <set>

#include "common/attest/dsse.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/io/scratch_folder.h"
#include "coordinator/publish/file_names.h"
#include "coordinator/publish/names.h"
#include "gofarm_certifi_data.h"

namespace gofarm::publish {
namespace {

using Row = domain::Publication;
using domain::Release;
using oci::FailureClass;

constexpr char kWithdrawnWhy[] = "dev.gofarm.withdrawn.reason";
constexpr char kWithdrawnWhat[] = "dev.gofarm.withdrawn";

oci::Blob BlobOf(const ReleaseFile& file) {
  return oci::Blob::OfFile(Cat(oci::kSha256Prefix, file.sha256), file.size, file.path);
}

bool TakesAway(const ProgramWork& work) {
  return std::any_of(work.due.begin(), work.due.end(), [](const Row& row) { return row.withdraw; });
}

RowFate FateOf(const Row& row, const absl::Status& pushed) {
  if (pushed.ok()) return RowFate::kDone;
  if (oci::FailureOf(pushed).why == FailureClass::kStopped) return RowFate::kAgain;
  return AfterFailure(row, pushed, /*random=*/0).state == domain::PublicationState::kParked ? RowFate::kParked
                                                                                            : RowFate::kAgain;
}

oci::Manifest WithdrawnOf(const Release& release, std::string_view why) {
  return oci::WithdrawnManifest({{kWithdrawnWhat, Cat(release.import_path, "@", release.version)},
                                 {kWithdrawnWhy, EscapeAndClip(why, kFailureDetailMax)}});
}

}  // namespace

absl::StatusOr<std::vector<absl::StatusOr<Carried>>> RegistryPublisher::Carry(const Scope& scope,
                                                                              const ProgramWork& work) {
  const Release& first = work.due.front().release;
  GOFARM_ASSIGN_OR_RETURN(const bool twin, parts_.sources.outbox.HasTwin(scope, first.module));
  GOFARM_ASSIGN_OR_RETURN(const std::string why,
                          parts_.sources.outbox.WhyWithdrawn(scope, first.module, first.version));
  std::vector<absl::StatusOr<Carried>> results(work.due.size(), Carried());
  std::vector<RowFate> fates(work.due.size(), RowFate::kAgain);
  const absl::StatusOr<std::string> repository = RepositoryOf(parts_.destination, first, twin);
  if (!repository.ok()) {
    std::fill(results.begin(), results.end(), LocalFailure(repository.status()));
    return results;
  }
  const bool tried =
      std::any_of(work.due.begin(), work.due.end(), [](const Row& row) { return row.tries > 0 || row.change > 0; });
  if (tried) parts_.client->AskFirst(*repository);
  for (size_t i = 0; i < work.due.size(); ++i) {
    if (work.due[i].withdraw) continue;
    const absl::StatusOr<Artifact> artifact = Prepare(scope, work.due[i].release, twin);
    if (!artifact.ok() && IsOwnFault(scope, artifact.status())) return artifact.status();
    const absl::Status pushed = artifact.ok() ? Push(scope, *artifact) : LocalFailure(artifact.status());
    fates[i] = FateOf(work.due[i], pushed);
    if (pushed.ok()) {
      results[i] = Carried{.digest = artifact->manifest.digest, .detail = ""};
    } else {
      results[i] = pushed;
    }
  }
  absl::Status images;
  if (parts_.images) images = SettleImages(scope, work, DecideImages(work, fates), *repository, why);
  for (size_t i = 0; i < work.due.size(); ++i) {
    if (!images.ok() && (fates[i] == RowFate::kDone || work.due[i].withdraw)) {
      results[i] = images;
    } else if (work.due[i].withdraw) {
      results[i] = TakeAway(scope, work.due[i], twin, why);
    }
  }
  return results;
}

absl::Status RegistryPublisher::Check(const Scope& scope, const Row& row) {
  const Release& release = row.release;
  GOFARM_ASSIGN_OR_RETURN(const bool twin, parts_.sources.outbox.HasTwin(scope, release.module));
  GOFARM_ASSIGN_OR_RETURN(const Artifact artifact, Prepare(scope, release, twin));
  const auto& [authority, repository, tag] = artifact.place;
  const std::string where = Cat(authority, "/", repository);
  oci::RegistryClient& client = *parts_.client;
  GOFARM_ASSIGN_OR_RETURN(const std::optional<oci::Manifest> manifest, client.GetManifest(scope, repository, tag));
  if (!manifest) return absl::NotFoundError(Cat(where, ":", tag, " is not there"));
  if (manifest->digest != row.digest) {
    return absl::DataLossError(Cat(where, ":", tag, " is ", manifest->digest, ", and ", row.digest, " was published"));
  }
  for (const ReleaseFile& file : artifact.files.beside) {
    const std::string digest = Cat(oci::kSha256Prefix, file.sha256);
    if (file.sha256 == release.sha256) {
      GOFARM_RETURN_IF_ERROR(
          client.GetBlob(scope, repository, digest, file.size, [](std::string_view) { return absl::OkStatus(); }));
      continue;
    }
    GOFARM_ASSIGN_OR_RETURN(const std::optional<int64_t> size, client.FindBlob(scope, repository, digest));
    if (!size) return absl::NotFoundError(Cat(where, "@", digest, " (", file.name, ") is not there"));
  }
  for (const Attached& each : artifact.attached) {
    const std::string digest = oci::AttachmentManifest(each.attachment).digest;
    GOFARM_ASSIGN_OR_RETURN(const std::optional<std::string> there, client.FindManifest(scope, repository, digest));
    if (!there) return absl::NotFoundError(Cat(where, "@", digest, " (", each.file.name, ") is not attached"));
  }
  return absl::OkStatus();
}

// ---- one release ----------------------------------------------------------------------------------------------------

absl::StatusOr<RegistryPublisher::Artifact> RegistryPublisher::Prepare(const Scope& scope, const Release& release,
                                                                       bool twin) {
  const std::string& program = release.facts.program;
  Artifact artifact{.release = release};
  artifact.place.authority = parts_.destination.registry.authority;
  artifact.place.tag = TargetTag(release.version, release.target);
  GOFARM_ASSIGN_OR_RETURN(artifact.place.repository, RepositoryOf(parts_.destination, release, twin));
  GOFARM_ASSIGN_OR_RETURN(artifact.files, GatherFiles(scope, parts_.sources, release));
  GOFARM_ASSIGN_OR_RETURN(const oci::Annotations annotations,
                          ArtifactAnnotations(artifact.files.record, release, parts_.publisher, artifact.place));
  std::vector<oci::File> files;
  for (const ReleaseFile& file : artifact.files.beside) {
    files.push_back({.name = file.name, .sha256 = file.sha256, .size = file.size});
  }
  absl::StatusOr<oci::Manifest> manifest = oci::ArtifactManifest(program, files, annotations);
  if (!manifest.ok()) return absl::FailedPreconditionError(manifest.status().message());
  artifact.manifest = *std::move(manifest);

  const oci::Descriptor subject = oci::DescriptorOf(artifact.manifest);
  const auto attach = [&](const ReleaseFile& file, std::string_view type, std::string title, oci::Annotations about) {
    artifact.attached.push_back({.attachment = {.type = std::string(type),
                                                .sha256 = file.sha256,
                                                .size = file.size,
                                                .title = std::move(title),
                                                .subject = subject,
                                                .annotations = std::move(about)},
                                 .file = file});
  };
  attach(artifact.files.provenance, oci::kBundleType, "", BundleAnnotations(release));
  GOFARM_ASSIGN_OR_RETURN(Attached statement,
                          Statement(scope, release, artifact.files.provenance, artifact.place, artifact.manifest));
  artifact.attached.push_back(std::move(statement));
  attach(artifact.files.sbom, oci::kSbomType, "", SbomAnnotations(release));
  if (const std::optional<ReleaseFile>& source = artifact.files.source; source) {
    attach(*source, oci::kSourceType, source->name, SbomAnnotations(release));
  }
  return artifact;
}

absl::StatusOr<RegistryPublisher::Attached> RegistryPublisher::Statement(const Scope& scope, const Release& release,
                                                                         const ReleaseFile& provenance,
                                                                         const Place& place,
                                                                         const oci::Manifest& manifest) {
  const std::string name = ManifestStatementName(release.facts.program, manifest.digest);
  absl::StatusOr<ReleaseFile> statement = FindFile(scope, parts_.sources, release.token, name);
  if (absl::IsNotFound(statement.status())) {
    GOFARM_ASSIGN_OR_RETURN(const std::string bundle, ReadSmall(provenance));
    GOFARM_ASSIGN_OR_RETURN(const std::string text, ManifestStatement(bundle, place, manifest.digest));
    GOFARM_ASSIGN_OR_RETURN(const attest::Envelope envelope,
                            attest::SignEnvelope(parts_.keys()->provenance(), attest::kInTotoPayloadType, text));
    statement = KeepFile(
        scope, parts_.sources, release.token,
        {.name = name, .import_path = release.import_path, .kind = kManifestProvenanceKind, .sha256 = "", .blake3 = ""},
        attest::BundleJson(envelope));
  }
  if (!statement.ok()) return statement.status();
  return Attached{.attachment = {.type = std::string(oci::kBundleType),
                                 .sha256 = statement->sha256,
                                 .size = statement->size,
                                 .title = "",
                                 .subject = oci::DescriptorOf(manifest),
                                 .annotations = BundleAnnotations(release)},
                  .file = *statement};
}

absl::Status RegistryPublisher::PushFile(const Scope& scope, const std::string& repository, const ReleaseFile& file) {
  return parts_.client->PushBlob(scope, repository, BlobOf(file)).status();
}

absl::Status RegistryPublisher::PushBytes(const Scope& scope, const std::string& repository, std::string_view bytes) {
  return parts_.client->PushBlob(scope, repository, oci::Blob::OfBytes(bytes)).status();
}

absl::Status RegistryPublisher::Push(const Scope& scope, const Artifact& artifact) {
  const std::string& repository = artifact.place.repository;
  for (const ReleaseFile& file : artifact.files.beside) GOFARM_RETURN_IF_ERROR(PushFile(scope, repository, file));
  GOFARM_RETURN_IF_ERROR(PushBytes(scope, repository, oci::kNoBytes));
  GOFARM_RETURN_IF_ERROR(
      parts_.client->PushManifest(scope, repository, artifact.manifest.digest, artifact.manifest).status());
  GOFARM_RETURN_IF_ERROR(PushAttached(scope, repository, artifact.attached));
  return parts_.client->PushManifest(scope, repository, artifact.place.tag, artifact.manifest).status();
}

absl::Status RegistryPublisher::PushAttached(const Scope& scope, const std::string& repository,
                                             const std::vector<Attached>& attached) {
  GOFARM_RETURN_IF_ERROR(PushBytes(scope, repository, oci::kEmptyObject));
  std::vector<oci::Attachment> attachments;
  for (const Attached& each : attached) {
    GOFARM_RETURN_IF_ERROR(PushFile(scope, repository, each.file));
    attachments.push_back(each.attachment);
  }
  return parts_.client->Attach(scope, repository, attachments).status();
}

// ---- images ---------------------------------------------------------------------------------------------------------

absl::StatusOr<RegistryPublisher::MadeImage> RegistryPublisher::MakeImage(const Scope& scope, const Release& release,
                                                                          const std::string& repository) {
  const std::string key = Cat(release.sha256, "/", release.facts.program, "/", absl::ToUnixSeconds(release.built_at));
  MadeImage made;
  bool there = false;
  {
    const absl::MutexLock lock(&mutex_);
    if (const auto known = layers_.find(key); known != layers_.end()) made.layer = known->second;
  }
  if (!made.layer.digest.empty()) {
    there = repository.empty();
    if (!there) {
      GOFARM_ASSIGN_OR_RETURN(const std::optional<int64_t> found,
                              parts_.client->FindBlob(scope, repository, made.layer.digest));
      there = found.has_value();
    }
  }
  if (!there) {
    const absl::StatusOr<std::string> program = parts_.sources.blobs.LocalFile(release.sha256);
    if (!program.ok()) return LocalFailure(program.status());
    const absl::StatusOr<io::ScratchFolder> folder = io::ScratchFolder::Make(parts_.scratch, "layer-");
    if (!folder.ok()) return LocalFailure(folder.status());
    const std::string path = Cat(folder->path(), "/layer");
    absl::StatusOr<oci::ImageLayer> layer = oci::WriteImageLayer(scope,
                                                                 {.program_name = release.facts.program,
                                                                  .program_file = *program,
                                                                  .ca_bundle = std::string(certifi::cacert),
                                                                  .created = release.built_at},
                                                                 path);
    if (!layer.ok()) return LocalFailure(layer.status());
    made.layer = *std::move(layer);
    if (!repository.empty()) {
      GOFARM_RETURN_IF_ERROR(
          parts_.client->PushBlob(scope, repository, oci::Blob::OfFile(made.layer.digest, made.layer.size, path))
              .status());
    }
    const absl::MutexLock lock(&mutex_);
    if (layers_.size() >= kLayersRemembered) layers_.clear();
    layers_[key] = made.layer;
  }
  made.image = oci::MakeImage({.target = release.target,
                               .program_name = release.facts.program,
                               .created = release.built_at,
                               .labels = ImageLabels(release, parts_.publisher)},
                              made.layer);
  return made;
}

absl::Status RegistryPublisher::PushStatements(const Scope& scope, const std::vector<Release>& releases,
                                               const Place& place, const oci::Manifest& manifest) {
  std::vector<Attached> statements;
  for (const Release& release : releases) {
    const absl::StatusOr<ReleaseFile> provenance =
        FindFile(scope, parts_.sources, release.token, Cat(release.facts.program, kProvenanceEnd));
    if (!provenance.ok()) return LocalFailure(provenance.status());
    absl::StatusOr<Attached> statement = Statement(scope, release, *provenance, place, manifest);
    if (!statement.ok()) return LocalFailure(statement.status());
    statements.push_back(*std::move(statement));
  }
  return PushAttached(scope, place.repository, statements);
}

absl::StatusOr<bool> RegistryPublisher::DeleteWithStatements(const Scope& scope, const std::vector<Release>& releases,
                                                             const Place& place, const std::string& digest) {
  GOFARM_ASSIGN_OR_RETURN(const std::optional<oci::Manifest> manifest,
                          parts_.client->GetManifest(scope, place.repository, digest));
  GOFARM_ASSIGN_OR_RETURN(const bool deletes, Delete(scope, place.repository, digest));
  if (!deletes || !manifest) return deletes;
  for (const Release& release : releases) {
    const absl::StatusOr<ReleaseFile> kept =
        FindFile(scope, parts_.sources, release.token, ManifestStatementName(release.facts.program, manifest->digest));
    if (absl::IsNotFound(kept.status())) continue;
    if (!kept.ok()) return LocalFailure(kept.status());
    const oci::Attachment attachment{.type = std::string(oci::kBundleType),
                                     .sha256 = kept->sha256,
                                     .size = kept->size,
                                     .title = "",
                                     .subject = oci::DescriptorOf(*manifest),
                                     .annotations = BundleAnnotations(release)};
    GOFARM_RETURN_IF_ERROR(Delete(scope, place.repository, oci::AttachmentManifest(attachment).digest).status());
  }
  GOFARM_ASSIGN_OR_RETURN(const std::optional<std::string> referrers,
                          parts_.client->FindManifest(scope, place.repository, oci::ReferrersTag(digest)));
  if (!referrers) return true;
  return Delete(scope, place.repository, *referrers);
}

absl::StatusOr<oci::Manifest> RegistryPublisher::PushImages(const Scope& scope, const std::vector<Release>& releases,
                                                            const std::string& repository) {
  std::vector<oci::Descriptor> images;
  for (const Release& release : releases) {
    GOFARM_ASSIGN_OR_RETURN(const MadeImage made, MakeImage(scope, release, repository));
    GOFARM_RETURN_IF_ERROR(PushBytes(scope, repository, made.image.config));
    const oci::Manifest& manifest = made.image.manifest;
    GOFARM_RETURN_IF_ERROR(parts_.client->PushManifest(scope, repository, manifest.digest, manifest).status());
    GOFARM_RETURN_IF_ERROR(PushStatements(scope, {release}, ImagePlace(repository, release.version), manifest));
    images.push_back(made.image.descriptor);
  }
  oci::Manifest index = oci::ImageIndex(images, ImageLabels(releases.front(), parts_.publisher));
  GOFARM_RETURN_IF_ERROR(parts_.client->PushManifest(scope, repository, index.digest, index).status());
  GOFARM_RETURN_IF_ERROR(PushStatements(scope, releases, ImagePlace(repository, releases.front().version), index));
  return index;
}

Place RegistryPublisher::ImagePlace(const std::string& repository, std::string_view version) const {
  return {.authority = parts_.destination.registry.authority, .repository = repository, .tag = VersionTag(version)};
}

absl::Status RegistryPublisher::SettleImages(const Scope& scope, const ProgramWork& work, const ImageOrder& order,
                                             const std::string& repository, std::string_view why) {
  const Release& release = work.due.front().release;
  const std::string tag = VersionTag(release.version);
  // First, as a withdrawn image must not be found by an index for longer than it has to.
  if (TakesAway(work)) GOFARM_RETURN_IF_ERROR(RemoveImages(scope, work, repository));
  if (order.what == ImageOrder::What::kLeave) return absl::OkStatus();
  if (order.what == ImageOrder::What::kTakeAway) {
    GOFARM_RETURN_IF_ERROR(Overwrite(scope, repository, tag, release, why));
    return SettleLatest(scope, work, std::nullopt, repository, why);
  }
  GOFARM_ASSIGN_OR_RETURN(const oci::Manifest index, PushImages(scope, order.releases, repository));
  GOFARM_RETURN_IF_ERROR(parts_.client->PushManifest(scope, repository, tag, index).status());
  return SettleLatest(scope, work, index, repository, why);
}

absl::Status RegistryPublisher::RemoveImages(const Scope& scope, const ProgramWork& work,
                                             const std::string& repository) {
  const Place place = ImagePlace(repository, work.due.front().release.version);
  GOFARM_ASSIGN_OR_RETURN(const std::optional<std::string> index,
                          parts_.client->FindManifest(scope, repository, place.tag));
  if (index) {
    std::vector<Release> releases;
    for (const Row& row : work.all) releases.push_back(row.release);
    GOFARM_ASSIGN_OR_RETURN(const bool deletes, DeleteWithStatements(scope, releases, place, *index));
    if (!deletes) return absl::OkStatus();
  }
  for (const Row& row : work.due) {
    if (!row.withdraw) continue;
    GOFARM_ASSIGN_OR_RETURN(const MadeImage made, MakeImage(scope, row.release, ""));
    GOFARM_ASSIGN_OR_RETURN(const bool deletes,
                            DeleteWithStatements(scope, {row.release}, place, made.image.manifest.digest));
    if (!deletes) return absl::OkStatus();
  }
  return absl::OkStatus();
}

// `latest` is the highest release whose index stands; one that its author took back only where there is no other.
absl::Status RegistryPublisher::SettleLatest(const Scope& scope, const ProgramWork& work,
                                             const std::optional<oci::Manifest>& index, const std::string& repository,
                                             std::string_view why) {
  const Release& release = work.due.front().release;
  absl::StatusOr<std::vector<Row>> rows =
      parts_.sources.outbox.OfProgram(scope, work.due.front().destination, release, "");
  if (!rows.ok()) return LocalFailure(rows.status());
  rows->erase(std::remove_if(rows->begin(), rows->end(),
                             [&](const Row& row) { return row.release.version == release.version; }),
              rows->end());
  const std::vector<StandingRelease> others = StandingReleases(*rows);
  const StandingRelease own{.version = release.version, .retracted = release.retracted};
  const bool may_be_latest = index.has_value() && IsRelease(release.version);
  const auto set = [&](const oci::Manifest& manifest) {
    return parts_.client->PushManifest(scope, repository, kLatestTag, manifest).status();
  };
  if (may_be_latest && (others.empty() || IsBetterLatest(own, others.front()))) return set(*index);
  // What stands there as `latest` may be this version, which was the best one before.
  if (!TakesAway(work) && !release.retracted) return absl::OkStatus();
  for (const StandingRelease& better : others) {
    GOFARM_ASSIGN_OR_RETURN(const std::optional<oci::Manifest> other,
                            parts_.client->GetManifest(scope, repository, VersionTag(better.version)));
    if (other && other->media_type == oci::kIndexType) return set(*other);
  }
  if (may_be_latest) return set(*index);
  return TakesAway(work) ? Overwrite(scope, repository, kLatestTag, release, why) : absl::OkStatus();
}

// ---- withdrawing ----------------------------------------------------------------------------------------------------

absl::StatusOr<bool> RegistryPublisher::Delete(const Scope& scope, const std::string& repository,
                                               const std::string& digest) {
  const absl::StatusOr<bool> deleted = parts_.client->DeleteManifest(scope, repository, digest);
  if (deleted.ok()) return true;
  if (oci::FailureOf(deleted.status()).why == FailureClass::kUnsupported) return false;
  return deleted.status();
}

// Nothing where the tag is not there.
absl::Status RegistryPublisher::Overwrite(const Scope& scope, const std::string& repository, const std::string& tag,
                                          const Release& release, std::string_view why) {
  GOFARM_ASSIGN_OR_RETURN(const std::optional<std::string> there, parts_.client->FindManifest(scope, repository, tag));
  if (!there) return absl::OkStatus();
  GOFARM_RETURN_IF_ERROR(PushBytes(scope, repository, oci::kEmptyObject));
  return parts_.client->PushManifest(scope, repository, tag, WithdrawnOf(release, why)).status();
}

absl::StatusOr<Carried> RegistryPublisher::TakeAway(const Scope& scope, const Row& row, bool twin,
                                                    std::string_view why) {
  const Release& release = row.release;
  const std::string tag = TargetTag(release.version, release.target);
  absl::StatusOr<Artifact> artifact = Prepare(scope, release, twin);
  if (!artifact.ok() && IsOwnFault(artifact.status())) return LocalFailure(artifact.status());
  bool stays = false;
  std::string standing = row.digest;
  // It was pushed under the other path when its twin was not known yet, or is gone. Only what is certainly this
  // release's is taken away there.
  std::set<std::string> seen;
  for (const bool path : {twin, !twin}) {
    const absl::StatusOr<std::string> repository = RepositoryOf(parts_.destination, release, path);
    if (!repository.ok() || !seen.insert(*repository).second) continue;
    const bool own = path == twin;
    GOFARM_ASSIGN_OR_RETURN(const std::optional<std::string> at_tag,
                            parts_.client->FindManifest(scope, *repository, tag));
    std::set<std::string> digests;
    if (!row.digest.empty()) digests.insert(row.digest);
    if (own && artifact.ok()) digests.insert(artifact->manifest.digest);
    if (own && at_tag) digests.insert(*at_tag);
    bool deletes = true;
    for (const std::string& digest : digests) {
      GOFARM_ASSIGN_OR_RETURN(const bool deleted, Delete(scope, *repository, digest));
      deletes = deletes && deleted;
      if (!deletes) break;
    }
    if (!deletes) {
      stays = stays || (own && (at_tag.has_value() || !row.digest.empty()));
      if (at_tag && digests.contains(*at_tag)) {
        GOFARM_RETURN_IF_ERROR(Overwrite(scope, *repository, tag, release, why));
      }
      continue;
    }
    if (!own || !artifact.ok()) continue;
    standing = artifact->manifest.digest;
    for (const Attached& each : artifact->attached) {
      GOFARM_RETURN_IF_ERROR(Delete(scope, *repository, oci::AttachmentManifest(each.attachment).digest).status());
    }
    GOFARM_ASSIGN_OR_RETURN(
        const std::optional<std::string> referrers,
        parts_.client->FindManifest(scope, *repository, oci::ReferrersTag(artifact->manifest.digest)));
    if (referrers) GOFARM_RETURN_IF_ERROR(Delete(scope, *repository, *referrers).status());
  }
  return Carried{
      .digest = standing,
      .detail = Cat("withdrawn: ", why, stays ? "; still reachable by digest, as this registry deletes nothing" : "")};
}

}  // namespace gofarm::publish
