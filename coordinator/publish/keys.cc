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

absl::StatusOr<attest::MinisignSecretKey> LoadMinisign(const std::string& file) {
  GOFARM_ASSIGN_OR_RETURN(std::string pem, attest::LoadKeyFile(file));
  absl::StatusOr<attest::MinisignSecretKey> secret = attest::MinisignSecretKey::FromPem(std::move(pem));
  return secret.ok() ? std::move(secret) : Annotate(secret.status(), file);
}

absl::Status ExpectFile(const std::string& file, const std::string& pem) {
  GOFARM_ASSIGN_OR_RETURN(const std::string there, attest::LoadKeyFile(file));
  if (there == pem) return absl::OkStatus();
  return absl::FailedPreconditionError(
      Cat(file, " was changed since this coordinator started; restart it, and it signs with what stands there"));
}

// `next` becomes `file`, which stays as `kept`.
absl::Status Exchange(const std::string& folder, const std::string& next, const std::string& file,
                      const std::string& kept) {
  if (link(file.c_str(), kept.c_str()) != 0 && errno != EEXIST) {
    return ErrnoStatus(errno, Cat("keep the old key as ", kept));
  }
  if (rename(next.c_str(), file.c_str()) != 0) return ErrnoStatus(errno, Cat("rename ", next, " to ", file));
  return io::SyncFolder(folder);
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Keys>> Keys::Load(const std::string& folder) {
  const std::string provenance_file = Cat(folder, "/", attest::kProvenanceKeyFile);
  const std::string minisign_file = Cat(folder, "/", attest::kMinisignKeyFile);
  GOFARM_ASSIGN_OR_RETURN(std::string provenance, attest::LoadKeyFile(provenance_file));
  GOFARM_ASSIGN_OR_RETURN_CTX(std::string provenance_public, pki::P256PublicKeyPem(provenance), provenance_file);
  GOFARM_ASSIGN_OR_RETURN(attest::MinisignSecretKey secret, LoadMinisign(minisign_file));
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
  GOFARM_RETURN_IF_ERROR(ExpectFile(file, old.provenance()));
  const std::string kept =
      Cat(folder, "/provenance-", digest::Sha256Hex(old.provenance_public()).substr(0, 16), ".key");
  const std::string next = Cat(file, ".next");
  GOFARM_ASSIGN_OR_RETURN(const std::string pem, pki::NewKey());
  // What a killed one left was never used.
  if (unlink(next.c_str()) != 0 && errno != ENOENT) return ErrnoStatus(errno, Cat("remove ", next));
  GOFARM_RETURN_IF_ERROR(attest::StoreKeyFile(next, pem));
  GOFARM_RETURN_IF_ERROR(Exchange(folder, next, file, kept));
  return kept;
}

absl::StatusOr<std::string> Keys::MakeNextMinisign(const std::string& folder) {
  const std::string file = Cat(folder, "/", attest::kNextMinisignKeyFile);
  GOFARM_ASSIGN_OR_RETURN(const attest::MinisignSecretKey made, attest::MinisignSecretKey::Generate());
  GOFARM_RETURN_IF_ERROR(MakeMissing(file, made.pem()));
  return NextMinisign(folder);
}

absl::StatusOr<std::string> Keys::NextMinisign(const std::string& folder) {
  const std::string file = Cat(folder, "/", attest::kNextMinisignKeyFile);
  const absl::StatusOr<attest::MinisignSecretKey> next = LoadMinisign(file);
  if (absl::IsNotFound(next.status())) {
    return absl::FailedPreconditionError(
        Cat(file, " is not there; bring it from the coordinator that led when the key was announced"));
  }
  GOFARM_RETURN_IF_ERROR(next.status());
  return next->public_key().Line();
}

absl::StatusOr<std::string> Keys::ReplaceMinisign(const std::string& folder, const Keys& old) {
  const std::string file = Cat(folder, "/", attest::kMinisignKeyFile);
  const std::string next = Cat(folder, "/", attest::kNextMinisignKeyFile);
  GOFARM_RETURN_IF_ERROR(NextMinisign(folder).status());
  GOFARM_RETURN_IF_ERROR(ExpectFile(file, old.minisign().pem()));
  const std::string kept = Cat(folder, "/minisign-", old.minisign().public_key().IdHex(), ".key");
  GOFARM_RETURN_IF_ERROR(Exchange(folder, next, file, kept));
  return kept;
}

}  // namespace gofarm::publish
