// The farm's authorities as they stand in a folder of this coordinator, and what the database says of them.
//
//   FOLDER/current/key.pem, cert.pem                     signs for identities
//   FOLDER/current/outgoing-key.pem, outgoing-cert.pem   only during a rotation: signs for the server until it is
//                                                        finished, for members that know no other yet
//
// A rotation is written to the folder first and then to the database; its end the other way round. So a crash between
// the two leaves what Reconcile knows how to read. Pure but for reading and writing the folder; one writer at a time.
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/pki/authority.h"
#include "coordinator/store/identity_store.h"

namespace gofarm::service {

struct FarmAuthorities {
  pki::Authority current;
  std::optional<pki::Authority> outgoing;

  const pki::Authority& OfServer() const { return outgoing ? *outgoing : current; }
  std::string Bundle() const;  // PEM, the current one first
};

// NOT_FOUND: there are none. FAILED_PRECONDITION: a key without its certificate, or the other way round.
absl::StatusOr<FarmAuthorities> ReadAuthorities(const std::string& folder);
absl::Status WriteAuthorities(const std::string& folder, const FarmAuthorities& authorities);

// As the database names them. INVALID_ARGUMENT: a certificate that is none.
absl::StatusOr<store::FarmIdentity> Described(const FarmAuthorities& authorities);

// What of `here` counts, when the database knows `known`: `here` itself, or without the authority of a rotation that
// was not begun, or was finished. None: `known` names an authority that is not here.
std::optional<FarmAuthorities> Reconcile(const FarmAuthorities& here, const store::FarmIdentity& described,
                                         const store::FarmIdentity& known);

}  // namespace gofarm::service
