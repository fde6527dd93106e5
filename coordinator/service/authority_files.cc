#include "coordinator/service/authority_files.h"

#include <map>
#include <utility>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/pki/certificate.h"
#include "common/pki/key_folder.h"

namespace gofarm::service {
namespace {

constexpr char kOutgoingKeyFile[] = "outgoing-key.pem";
constexpr char kOutgoingCertificateFile[] = "outgoing-cert.pem";

// NOT_FOUND: neither file is there.
absl::StatusOr<pki::Authority> ReadOne(const std::string& folder, const char* key_file, const char* certificate_file) {
  absl::StatusOr<std::string> key = pki::ReadKeyFile(folder, key_file);
  absl::StatusOr<std::string> certificate = pki::ReadKeyFile(folder, certificate_file);
  if (absl::IsNotFound(key.status()) && absl::IsNotFound(certificate.status())) {
    return absl::NotFoundError(Cat("no authority in ", folder));
  }
  if (absl::IsNotFound(key.status()) || absl::IsNotFound(certificate.status())) {
    return absl::FailedPreconditionError(Cat("in ", folder, " of ", key_file, " and ", certificate_file,
                                             " one is missing; they belong together, copy the folder as a whole"));
  }
  if (!key.ok()) return Annotate(key.status(), "the key of the farm's authority");
  if (!certificate.ok()) return Annotate(certificate.status(), "the certificate of the farm's authority");
  return pki::Authority{.key = *std::move(key), .certificate = *std::move(certificate)};
}

}  // namespace

std::string FarmAuthorities::Bundle() const { return Cat(current.certificate, outgoing ? outgoing->certificate : ""); }

absl::StatusOr<FarmAuthorities> ReadAuthorities(const std::string& folder) {
  FarmAuthorities authorities;
  GOFARM_ASSIGN_OR_RETURN(authorities.current, ReadOne(folder, pki::kKeyFile, pki::kCertificateFile));
  absl::StatusOr<pki::Authority> outgoing = ReadOne(folder, kOutgoingKeyFile, kOutgoingCertificateFile);
  if (outgoing.ok()) {
    authorities.outgoing = *std::move(outgoing);
  } else if (!absl::IsNotFound(outgoing.status())) {
    return outgoing.status();
  }
  return authorities;
}

absl::Status WriteAuthorities(const std::string& folder, const FarmAuthorities& authorities) {
  std::map<std::string, std::string> files = {{pki::kKeyFile, authorities.current.key},
                                              {pki::kCertificateFile, authorities.current.certificate}};
  if (authorities.outgoing) {
    files[kOutgoingKeyFile] = authorities.outgoing->key;
    files[kOutgoingCertificateFile] = authorities.outgoing->certificate;
  }
  return pki::ReplaceFiles(folder, files);
}

absl::StatusOr<store::FarmIdentity> Described(const FarmAuthorities& authorities) {
  store::FarmIdentity farm;
  GOFARM_ASSIGN_OR_RETURN(farm.farm_id, pki::FarmOfAuthority(authorities.current.certificate));
  GOFARM_ASSIGN_OR_RETURN(farm.authority_sha256, pki::Fingerprint(authorities.current.certificate));
  if (authorities.outgoing) {
    GOFARM_ASSIGN_OR_RETURN(farm.outgoing_sha256, pki::Fingerprint(authorities.outgoing->certificate));
  }
  return farm;
}

std::optional<FarmAuthorities> Reconcile(const FarmAuthorities& here, const store::FarmIdentity& described,
                                         const store::FarmIdentity& known) {
  const bool rotating = !known.outgoing_sha256.empty();
  if (described.authority_sha256 == known.authority_sha256) {
    if (described.outgoing_sha256 == known.outgoing_sha256) return here;
    if (!rotating) return FarmAuthorities{.current = here.current};
  } else if (here.outgoing && !rotating && described.outgoing_sha256 == known.authority_sha256) {
    return FarmAuthorities{.current = *here.outgoing};
  }
  return std::nullopt;
}

}  // namespace gofarm::service
