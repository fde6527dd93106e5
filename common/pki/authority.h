// The farm's certificate authority: makes itself once, then certificates for the server and for identities. Pure but
// for randomness (serial numbers, signatures). Thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/pki/certificate.h"

namespace gofarm::pki {

inline constexpr absl::Duration kAuthorityLife = absl::Hours(24 * 3650);
inline constexpr absl::Duration kServerLife = absl::Hours(24 * 90);
inline constexpr absl::Duration kWorkerLife = absl::Hours(24);
inline constexpr absl::Duration kPersonLife = absl::Hours(24 * 30);

// A certificate is valid from earlier than it was made: TLS libraries bear no clock that is behind, we bear kSkewMax.
inline constexpr absl::Duration kBackdated = absl::Minutes(15);

// How long a certificate of this role lives.
absl::Duration LifeOf(Role role);

// Both in PEM.
struct Authority {
  std::string key;
  std::string certificate;
};

// Of an authority that signs certificates for `farm`, on its own word. Errors: INTERNAL as in key.h.
absl::StatusOr<Authority> NewAuthority(std::string_view farm, absl::Time now);

// For the key of a server that is reached by these names and addresses. INVALID_ARGUMENT: one of them is neither, or
// the key is none.
absl::StatusOr<std::string> IssueServer(const Authority& authority, std::string_view key_pem, std::string_view farm,
                                        const std::vector<std::string>& names, absl::Time now);

// For the public key of a request. INVALID_ARGUMENT: a subject that cannot be written down, or no key.
absl::StatusOr<std::string> IssueClient(const Authority& authority, std::string_view public_key_pem,
                                        const Subject& subject, absl::Time now);

}  // namespace gofarm::pki
