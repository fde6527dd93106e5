// Makes what stands beside the executables of an attempt when it completes: provenance, SBOM, licence texts, soar's
// record, CHECKSUM, and the signatures of these; and says which executables are to be published. Files are stored by
// digest here, and become the attempt's in the transaction that ends it (store/publish_store).
//
// The sources as they were built are one file an attempt, as LICENSE is: a registry gets them once a job, never in the
// artifact of each program.
//
// What cannot be told whole is not published: the build counts all the same, and why is logged. Thread-safe; blocks.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/base/scope.h"
#include "common/licences/document.h"
#include "common/vocab/toolset.h"
#include "coordinator/blob/blob_store.h"
#include "coordinator/domain/publishing.h"
#include "coordinator/domain/types.h"
#include "coordinator/publish/keys.h"
#include "coordinator/publish/linked_licences.h"
#include "coordinator/publish/record.h"

namespace gofarm::publish {

// What is said of an executable that only a person's word, or another build, gets published.
struct Rules {
  bool examples = false;      // publishes what lies in folders of examples, too
  bool test_helpers = false;  // and of tests
};

struct AttacherParts {
  std::shared_ptr<const Keys> keys;
  blob::BlobStore& blobs;
  // May block until it is made. What it gives outlives the Attacher.
  std::function<const licences::Detector&()> detector;
  licences::Policy licences;
  std::vector<Toolset> toolsets;
  Publisher publisher;
  std::string builder_id;
  std::string farm_version;
  std::string public_url;  // of what everybody may fetch; no slash at its end
  std::vector<std::string> destinations;
  Rules rules;
  std::function<absl::Time()> now = WallNow;  // stands in what is signed
};

class Attacher {
 public:
  explicit Attacher(AttacherParts parts) : parts_(std::move(parts)) {}

  // Of an attempt whose report was checked and whose blobs are stored. Empty for one that built nothing. An error is
  // the database's or the blob store's, and worth another try.
  absl::StatusOr<domain::Publishing> Attach(const Scope& scope, const domain::CompletedAttempt& attempt,
                                            const domain::BuildFacts& facts) const;

 private:
  struct Work;
  absl::Status Store(Work& work, domain::Attachment attachment, std::string_view bytes) const;
  absl::StatusOr<licences::LicenceDocument> LicencesOf(const domain::CompletedAttempt& attempt) const;
  absl::Status AttachProgram(const Scope& scope, Work& work, const Executable& executable,
                             const std::string& file) const;
  absl::Status AttachSource(Work& work) const;
  absl::Status AttachSums(Work& work) const;

  const AttacherParts parts_;
};

// Where everybody fetches a blob, or a file of an attempt by its name; below the public URL.
std::string BlobUrl(std::string_view public_url, std::string_view sha256);
std::string FileUrl(std::string_view public_url, AttemptToken token, std::string_view name);
std::string LogUrl(std::string_view public_url, AttemptToken token);

}  // namespace gofarm::publish
