// The farm's own secret keys for what it publishes: ECDSA P-256 for provenance, Ed25519 in minisign's form for indexes
// and CHECKSUM files. Two PEM files of mode 0600 in one folder, the same on every coordinator of a farm; whoever has
// them can publish in its name. Immutable; thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/attest/minisign.h"

namespace gofarm::publish {

class Keys {
 public:
  // The folder that had the provenance key of `old` has a new one, which nothing has been signed with yet; the old file
  // stays beside it under the name that is returned. Atomic: whatever ends this half-way leaves one of the two in
  // place. FAILED_PRECONDITION: the file is not that of `old` any more.
  static absl::StatusOr<std::string> ReplaceProvenance(const std::string& folder, const Keys& old);

  // The public line of the minisign key that comes next: its file stands beside the others, and is made when it is
  // missing.
  static absl::StatusOr<std::string> MakeNextMinisign(const std::string& folder);
  // The same of the one that stands there. FAILED_PRECONDITION: there is none.
  static absl::StatusOr<std::string> NextMinisign(const std::string& folder);
  // The announced key takes the place of the minisign key of `old`, whose file stays under the name that is returned.
  // As atomic as ReplaceProvenance, with its errors.
  static absl::StatusOr<std::string> ReplaceMinisign(const std::string& folder, const Keys& old);

  // NOT_FOUND: one of the files is missing; FAILED_PRECONDITION: others may read it; INVALID_ARGUMENT: it is no key.
  static absl::StatusOr<std::shared_ptr<const Keys>> Load(const std::string& folder);
  // The same, after it made the ones that are missing.
  static absl::StatusOr<std::shared_ptr<const Keys>> LoadOrMake(const std::string& folder);

  Keys(std::string provenance, std::string provenance_public, attest::MinisignSecretKey minisign)
      : provenance_(std::move(provenance)),
        provenance_public_(std::move(provenance_public)),
        minisign_(std::move(minisign)) {}
  const std::string& provenance() const { return provenance_; }                // PEM; secret
  const std::string& provenance_public() const { return provenance_public_; }  // PEM
  const attest::MinisignSecretKey& minisign() const { return minisign_; }

 private:
  const std::string provenance_, provenance_public_;
  const attest::MinisignSecretKey minisign_;
};

// Those that sign now. Thread-safe.
using KeysFn = std::function<std::shared_ptr<const Keys>()>;

}  // namespace gofarm::publish
