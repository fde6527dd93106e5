// Carries releases to one registry. For each: blobs, the manifest by its digest, what is attached to it, and its tag
// last; then the image index of the version, when none of its targets is still to come. Until the tag is set nothing of
// a release is found, and a repeat asks and sends nothing. What is withdrawn is deleted by digest; where the registry
// deletes nothing, its tags are overwritten by a manifest that says so. docs/publishing.md has what stands where.
//
// Thread-safe for different programs: one caller at a time for one program, one process at a time for one registry.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/base/scope.h"
#include "coordinator/oci/client.h"
#include "coordinator/oci/image.h"
#include "coordinator/publish/config.h"
#include "coordinator/publish/keys.h"
#include "coordinator/publish/outbox.h"
#include "coordinator/publish/registry_plan.h"
#include "coordinator/publish/release_files.h"

namespace gofarm::publish {

inline constexpr size_t kLayersRemembered = 10'000;
inline constexpr int kProgramsAtOnceDefault = 4;

struct RegistryParts {
  oci::Destination destination;
  std::unique_ptr<oci::RegistryClient> client;
  FileSources sources;
  KeysFn keys;
  Publisher publisher;
  bool images = true;
  std::string scratch;  // a folder; image layers are made in it
};

class RegistryPublisher final : public Carrier {
 public:
  explicit RegistryPublisher(RegistryParts parts) : parts_(std::move(parts)) {}
  absl::StatusOr<std::vector<absl::StatusOr<Carried>>> Carry(const Scope& scope, const ProgramWork& work) override;
  // Fetches the manifest and the program, and asks for all others by digest.
  absl::Status Check(const Scope& scope, const domain::Publication& row) override;

 private:
  struct Attached {
    oci::Attachment attachment;
    ReleaseFile file;
  };
  struct Artifact {
    domain::Release release;
    Place place;
    ReleaseFiles files;
    oci::Manifest manifest;
    std::vector<Attached> attached;
  };
  struct MadeImage {
    oci::ImageLayer layer;
    oci::Image image;
  };

  absl::StatusOr<Artifact> Prepare(const Scope& scope, const domain::Release& release, bool twin);
  // Signed at the first call and kept: the provenance of a release with this manifest as its subject.
  absl::StatusOr<Attached> Statement(const Scope& scope, const domain::Release& release, const ReleaseFile& provenance,
                                     const Place& place, const oci::Manifest& manifest);
  absl::Status Push(const Scope& scope, const Artifact& artifact);
  absl::Status PushAttached(const Scope& scope, const std::string& repository, const std::vector<Attached>& attached);
  absl::Status PushFile(const Scope& scope, const std::string& repository, const ReleaseFile& file);
  absl::Status PushBytes(const Scope& scope, const std::string& repository, std::string_view bytes);

  absl::Status SettleImages(const Scope& scope, const ProgramWork& work, const ImageOrder& order,
                            const std::string& repository, std::string_view why);
  absl::Status RemoveImages(const Scope& scope, const ProgramWork& work, const std::string& repository);
  absl::StatusOr<oci::Manifest> PushImages(const Scope& scope, const std::vector<domain::Release>& releases,
                                           const std::string& repository);
  Place ImagePlace(const std::string& repository, std::string_view version) const;
  // What says of an image, or of the index of images, where the programs in it come from: a statement a release.
  absl::Status PushStatements(const Scope& scope, const std::vector<domain::Release>& releases, const Place& place,
                              const oci::Manifest& manifest);
  // With what is attached to it. False: the registry deletes nothing.
  absl::StatusOr<bool> DeleteWithStatements(const Scope& scope, const std::vector<domain::Release>& releases,
                                            const Place& place, const std::string& digest);
  // `repository` empty: only says what it would be.
  absl::StatusOr<MadeImage> MakeImage(const Scope& scope, const domain::Release& release,
                                      const std::string& repository);
  absl::Status SettleLatest(const Scope& scope, const ProgramWork& work, const std::optional<oci::Manifest>& index,
                            const std::string& repository, std::string_view why);
  absl::Status Overwrite(const Scope& scope, const std::string& repository, const std::string& tag,
                         const domain::Release& release, std::string_view why);

  absl::StatusOr<Carried> TakeAway(const Scope& scope, const domain::Publication& row, bool twin, std::string_view why);
  // Whether the registry deletes.
  absl::StatusOr<bool> Delete(const Scope& scope, const std::string& repository, const std::string& digest);

  const RegistryParts parts_;
  absl::Mutex mutex_;
  // By program file, name and time: a layer takes most of a second to make.
  absl::flat_hash_map<std::string, oci::ImageLayer> layers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gofarm::publish
