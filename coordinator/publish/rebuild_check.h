// What a rebuild says: its executables are compared with those of the build before, what differs is told in a report,
// and the provenance of that build is signed once more with the result in it. Files are stored by digest here, and
// become the rebuild's in the transaction that ends it. Thread-safe; blocks.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/scope.h"
#include "coordinator/blob/blob_store.h"
#include "coordinator/domain/publishing.h"
#include "coordinator/domain/rebuild.h"
#include "coordinator/domain/types.h"
#include "coordinator/publish/keys.h"

namespace gofarm::publish {

struct RebuildCheckParts {
  std::shared_ptr<const Keys> keys;
  blob::BlobStore& blobs;
  std::function<absl::StatusOr<std::vector<domain::FirstBuild>>(const Scope&, AttemptToken)> first_build_of;
  std::function<absl::StatusOr<std::vector<domain::Attachment>>(const Scope&, AttemptToken)> attachments_of;
};

// Of a rebuild whose report was checked and whose blobs are stored; never with anything to publish. Empty where it says
// nothing: its worker did not leave its caches out. An error is the database's or the blob store's, and worth another
// try.
absl::StatusOr<domain::Publishing> CheckRebuild(const Scope& scope, const RebuildCheckParts& parts,
                                                const domain::CompletedAttempt& attempt,
                                                const domain::BuildFacts& facts);

}  // namespace gofarm::publish
