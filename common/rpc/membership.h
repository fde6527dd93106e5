// A worker's or a person's place in a farm, from the joiner's side: coming in by a join string, staying in by renewing,
// and the folder where the place is kept.
//
//   FOLDER/current/key.pem          made before the first word to the farm
//   FOLDER/current/cert.pem         what the farm signed
//   FOLDER/current/authority.pem    whose word to take for the server
//   FOLDER/current/farm.json        farm id, name, role, addresses
//
// Thread-safe: no shared state; one writer a folder.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/scope.h"
#include "common/pki/join_string.h"
#include "common/rpc/credentials.h"
#include "common/vocab/peer.h"

namespace grpc {
class Channel;
}

namespace gofarm::rpc {

struct Membership {
  std::string farm_id;
  std::string name;
  Role role = Role::kNone;
  std::vector<std::string> addresses;  // HOST:PORT, tried in turn
  std::string key, certificate;
  std::string authorities;         // whose word to take for the server
  bool server_by_address = false;  // its certificate is for its address: an authority of the operator's own signed it
  std::string joined_by;           // SHA-256 of the authority that the join string named
  absl::Time begins_at, expires_at;

  std::string ServerName() const;  // empty: its address
  Credentials AsCredentials() const;
  // At two thirds of the certificate's life.
  absl::Time RenewAt() const;
};

struct JoinNames {
  std::string wanted;  // insisted on; empty: the token's
  std::string usual;   // where neither the token nor `wanted` says one
};

// Comes in: learns the farm's authority, holds its digest against the join string, and only then says the secret, to a
// server that the authority vouches for. `key` may have joined before (an answer that was lost burns no token).
// UNAUTHENTICATED: another farm answers there, or the secret lets nobody in; UNAVAILABLE: nobody answers;
// ALREADY_EXISTS: the name is taken; PERMISSION_DENIED: the token is for another name.
absl::StatusOr<Membership> JoinFarm(const Scope& scope, const pki::JoinString& join, const JoinNames& names,
                                    const std::string& key);
// The same into a folder, in place of what stands there. The key is new, or that of an earlier try whose answer was
// lost: it stands in FOLDER.joining until the answer is there.
absl::StatusOr<Membership> JoinInto(const Scope& scope, const std::string& folder, const pki::JoinString& join,
                                    const JoinNames& names);

// A new certificate for the same key, also when the old one ran out. UNAUTHENTICATED: it takes a new join string.
absl::StatusOr<Membership> RenewMembership(const Scope& scope, const Membership& member);

// NOT_FOUND: there is none.
absl::StatusOr<Membership> ReadMembership(const std::string& folder);
absl::Status WriteMembership(const std::string& folder, const Membership& member);

}  // namespace gofarm::rpc
