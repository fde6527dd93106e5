// The certificate that this coordinator shows to clients: of the farm's own authority, made and renewed here, or of the
// operator's, taken from files that somebody else renews.
//
//   FOLDER/current/key.pem, cert.pem   what listeners show; they look again every few seconds
//
// No shared state; one writer a folder.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "coordinator/service/authority_files.h"

namespace gofarm::service {

// Paths of PEM files; all or none.
struct OutsideCertificate {
  std::string certificate;  // the server's own first, then those between it and an authority
  std::string key;
  std::string authorities;  // whose word clients are to take

  bool empty() const { return certificate.empty(); }
};

struct ServerCertificateOptions {
  std::string folder;
  std::vector<std::string> names;  // host names and addresses by which this host is reached
  OutsideCertificate outside;
};

// By what clients know the server.
struct ServerTrust {
  std::string authorities;       // PEM
  std::string authority_sha256;  // of the one among them that signed, for join strings

  bool operator==(const ServerTrust&) const = default;
};

// Makes the certificate in the folder if it is missing, too old, or not what it should be. FAILED_PRECONDITION: the
// outside files do not fit, and what stands in the folder stays.
absl::StatusOr<ServerTrust> KeepServerCertificate(const ServerCertificateOptions& options, const std::string& farm_id,
                                                  const FarmAuthorities& authorities, absl::Time now);

}  // namespace gofarm::service
