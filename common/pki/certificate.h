// The farm's certificates: its authority's own, the server's, and those by which workers and people are known.
//
// Who a certificate speaks for stands in one URI among its names (RFC 5280, 4.2.1.6):
// gofarm://FARM/ROLE/IDENTITY/NAME. The coordinator knows identities by their number, and which key each has; what else
// stands there tells its owner who he is.
//
// Dates are judged by our own code with kSkewMax to both sides, for TLS libraries bear none. Pure; thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/vocab/peer.h"

namespace gofarm::pki {

inline constexpr absl::Duration kSkewMax = absl::Minutes(10);

// Of the server's certificate beside its public names: clients ask for this one, so that addresses may change.
std::string ServerName(std::string_view farm);

// The common name of an authority's certificate, before the farm's id.
inline constexpr std::string_view kAuthorityName = "gofarm authority ";

struct Subject {
  std::string farm;
  Role role = Role::kNone;
  int64_t identity = 0;  // 0: the authority or the server
  std::string name;

  bool operator==(const Subject&) const = default;
};

struct Certificate {
  Subject subject;  // empty for the authority's and the server's
  absl::Time not_before, not_after;
  std::string key_digest;          // as KeyDigest says
  std::vector<std::string> names;  // DNS names and addresses
};

// INVALID_ARGUMENT: no certificate, or names that are none of this farm's making. Nothing is verified.
absl::StatusOr<Certificate> ReadCertificate(std::string_view cert_pem);

// SHA-256, lower hex, of the first certificate in `cert_pem` (its DER). INVALID_ARGUMENT: there is none.
absl::StatusOr<std::string> Fingerprint(std::string_view cert_pem);

// Of a bundle of authorities: more are refused.
inline constexpr int kAuthoritiesMax = 8;

// Each certificate of `pem` alone, whatever stands between them. INVALID_ARGUMENT: none, or too many.
absl::StatusOr<std::vector<std::string>> SplitCertificates(std::string_view pem);

// The certificate of `pem` that has this fingerprint, and nothing else. NOT_FOUND: none has.
absl::StatusOr<std::string> CertificateWith(std::string_view fingerprint, std::string_view pem);

// The farm whose authority this certificate is of. INVALID_ARGUMENT: it is none.
absl::StatusOr<std::string> FarmOfAuthority(std::string_view cert_pem);

enum class Use { kServer, kClient };

// The certificate, when one of `authorities_pem` signed it for this use and `now` (of the wall clock) lies within its
// dates or kSkewMax of them. UNAUTHENTICATED: what is wrong, with both times where a date is.
absl::StatusOr<Certificate> Verify(std::string_view cert_pem, std::string_view authorities_pem, Use use,
                                   absl::Time now);

// Of a server whose certificate somebody else's authority signed.
struct OutsideServer {
  std::string root;      // PEM: the authority that the chain ends at
  absl::Time not_after;  // of the server's own certificate
};
// `chain_pem`: the server's certificate, then those between it and an authority of `authorities_pem`.
// FAILED_PRECONDITION with what is wrong: the key is another's, the chain ends nowhere, a date, or none of `names`
// stands in the certificate.
absl::StatusOr<OutsideServer> CheckOutsideServer(std::string_view chain_pem, std::string_view key_pem,
                                                 std::string_view authorities_pem,
                                                 const std::vector<std::string>& names, absl::Time now);

// Of dates alone; `what` begins the message.
absl::Status CheckDates(const Certificate& certificate, std::string_view what, absl::Time now);

}  // namespace gofarm::pki
