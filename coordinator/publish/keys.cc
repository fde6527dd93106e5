#include "coordinator/publish/keys.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "common/attest/key_file.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/io/files.h"
#include "common/pki/key.h"
#include "common/pki/signature.h"

namespace gofarm::publish {
namespace {

// Another process may have made it meanwhile, which is as good.
absl::Status MakeMissing(const std::string& path, const std::string& pem) {
  const absl::Status stored = attest::StoreKeyFile(path, pem);
  return absl::IsAlreadyExists(stored) ? absl::OkStatus() : stored;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Keys>> Keys::Load(const std::string& folder) {
  const std::string provenance_file = Cat(folder, "/", attest::kProvenanceKeyFile);
  const std::string minisign_file = Cat(folder, "/", attest::kMinisignKeyFile);
  GOFARM_ASSIGN_OR_RETURN(std::string provenance, attest::LoadKeyFile(provenance_file));
  GOFARM_ASSIGN_OR_RETURN_CTX(std::string provenance_public, pki::P256PublicKeyPem(provenance), provenance_file);
  GOFARM_ASSIGN_OR_RETURN(std::string minisign, attest::LoadKeyFile(minisign_file));
  GOFARM_ASSIGN_OR_RETURN_CTX(attest::MinisignSecretKey secret, attest::MinisignSecretKey::FromPem(std::move(minisign)),
                              minisign_file);
  return std::make_shared<const Keys>(std::move(provenance), std::move(provenance_public), std::move(secret));
}

absl::StatusOr<std::shared_ptr<const Keys>> Keys::LoadOrMake(const std::string& folder) {
  if (absl::StatusOr<std::shared_ptr<const Keys>> there = Load(folder); !absl::IsNotFound(there.status())) return there;
  GOFARM_ASSIGN_OR_RETURN(const std::string provenance, pki::NewKey());
  GOFARM_ASSIGN_OR_RETURN(const attest::MinisignSecretKey minisign, attest::MinisignSecretKey::Generate());
  GOFARM_RETURN_IF_ERROR(MakeMissing(Cat(folder, "/", attest::kProvenanceKeyFile), provenance));
  GOFARM_RETURN_IF_ERROR(MakeMissing(Cat(folder, "/", attest::kMinisignKeyFile), minisign.pem()));
  return Load(folder);
}

absl::StatusOr<std::string> Keys::ReplaceProvenance(const std::string& folder, const Keys& old) {
  const std::string file = Cat(folder, "/", attest::kProvenanceKeyFile);
  GOFARM_ASSIGN_OR_RETURN(const std::string there, attest::LoadKeyFile(file));
  if (there != old.provenance()) {
    return absl::FailedPreconditionError(
        Cat(file, " was changed since this coordinator started; restart it, and it signs with what stands there"));
  }
  const std::string kept =
      Cat(folder, "/provenance-", digest::Sha256Hex(old.provenance_public()).substr(0, 16), ".key");
  const std::string next = Cat(file, ".next");
  GOFARM_ASSIGN_OR_RETURN(const std::string pem, pki::NewKey());
  // What a killed one left was never used.
  if (unlink(next.c_str()) != 0 && errno != ENOENT) return ErrnoStatus(errno, Cat("remove ", next));
  GOFARM_RETURN_IF_ERROR(attest::StoreKeyFile(next, pem));
  if (link(file.c_str(), kept.c_str()) != 0 && errno != EEXIST) {
    return ErrnoStatus(errno, Cat("keep the old key as ", kept));
  }
  if (rename(next.c_str(), file.c_str()) != 0) return ErrnoStatus(errno, Cat("rename ", next, " to ", file));
  GOFARM_RETURN_IF_ERROR(io::SyncFolder(folder));
  return kept;
}

}  // namespace gofarm::publish
