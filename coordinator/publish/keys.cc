#include "coordinator/publish/keys.h"

#include <utility>

#include "common/attest/key_file.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
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
  const std::string provenance_file = Cat(folder, "/", kProvenanceKeyFile);
  const std::string minisign_file = Cat(folder, "/", kMinisignKeyFile);
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
  GOFARM_RETURN_IF_ERROR(MakeMissing(Cat(folder, "/", kProvenanceKeyFile), provenance));
  GOFARM_RETURN_IF_ERROR(MakeMissing(Cat(folder, "/", kMinisignKeyFile), minisign.pem()));
  return Load(folder);
}

}  // namespace gofarm::publish
