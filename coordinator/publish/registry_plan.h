// What stands in a registry for a release, and for all releases of a program's version: annotations, labels, the
// statement about a manifest, which images an index holds, which version is `latest`. docs/publishing.md has the whole
// picture. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/domain/publishing.h"
#include "coordinator/oci/manifest.h"
#include "coordinator/oci/reference.h"
#include "coordinator/publish/outbox.h"
#include "coordinator/publish/record.h"

namespace gofarm::publish {

inline constexpr char kLatestTag[] = "latest";
inline constexpr size_t kRecordTextsMax = 64;  // keys of PROGRAM.json that are looked at

// Where one release stands.
struct Place {
  std::string authority;   // of the registry
  std::string repository;  // below the destination's prefix
  std::string tag;
};

// PREFIX/github/OWNER/REPO/PROGRAM. INVALID_ARGUMENT: longer than registries take.
absl::StatusOr<std::string> RepositoryOf(const oci::Destination& destination, const domain::Release& release,
                                         bool twin);

// In the form that pkgforge-go publishes (formats of soar's metadata): `record` is PROGRAM.json as it was made with the
// build, so that nothing of today's configuration gets in. INVALID_ARGUMENT: it is no record.
absl::StatusOr<oci::Annotations> ArtifactAnnotations(std::string_view record, const domain::Release& release,
                                                     const Publisher& publisher, const Place& place);

// OCI's own keys, for images and their index.
oci::Annotations ImageLabels(const domain::Release& release, const Publisher& publisher);

// The provenance of `bundle`, with the manifest as its one subject. INVALID_ARGUMENT: the bundle holds no provenance.
absl::StatusOr<std::string> ManifestStatement(std::string_view bundle, const Place& place,
                                              std::string_view manifest_digest);
// "logc.3f2a90bc1d2e4f56.sigstore.json": of the signed statement about one manifest, beside the program's other files.
std::string ManifestStatementName(std::string_view program, std::string_view manifest_digest);

// Annotations of attachments; the sources have those of an SBOM.
oci::Annotations BundleAnnotations(const domain::Release& release);
oci::Annotations SbomAnnotations(const domain::Release& release);

// What came of the try of a row.
enum class RowFate {
  kDone,
  kAgain,   // it failed, and is tried again
  kParked,  // it failed, and waits for a person
};

// What is to become of the image index of a version after the rows of `work.due` were carried out, whose fates are in
// the same order. A parked one is not waited for.
struct ImageOrder {
  enum class What {
    kLeave,  // some of its targets are still to come
    kSet,    // of exactly these releases
    kTakeAway,
  };
  What what = What::kLeave;
  std::vector<domain::Release> releases;  // by target
};
ImageOrder DecideImages(const ProgramWork& work, const std::vector<RowFate>& fates);

// Neither a pre-release nor a pseudo-version.
bool IsRelease(std::string_view version);

// The releases that stand at the destination, the best `latest` first: the highest,
// but those that their author took back behind all others. `rows`: of all versions of one program.
struct StandingRelease {
  std::string version;
  bool retracted = false;
};
std::vector<StandingRelease> StandingReleases(const std::vector<domain::Publication>& rows);
bool IsBetterLatest(const StandingRelease& a, const StandingRelease& b);

}  // namespace gofarm::publish
