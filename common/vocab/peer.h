// Who is on the other end of a call, and what that lets them do. common/rpc reads it from the connection.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace gofarm {

// Viewer, operator, admin: each may do what the one before may, and more. A worker is none of them.
enum class Role : int { kNone = 0, kWorker, kViewer, kOperator, kAdmin };
// "worker", "viewer", "operator", "admin"; kNone is "nobody".
std::string_view Name(Role role);

struct PeerIdentity {
  Role role = Role::kNone;
  std::string name;                           // unique among the identities of a farm
  int64_t identity = 0;                       // its number; 0: by the socket, or nobody
  std::string secret_sha256;                  // of the session's secret that the call carries; empty: none
  absl::Time until = absl::InfiniteFuture();  // of the wall clock: the end of the certificate that it showed

  bool operator==(const PeerIdentity&) const = default;
};

// Whoever may open the coordinator's unix socket or loopback port: an admin, whose embedded workers use it too.
PeerIdentity LocalPeer();

// May `peer` act as the worker of this name: say Hello, bring logs and artifacts?
bool MayActAs(const PeerIdentity& peer, std::string_view worker);
// And for an attempt that was given to a session of that worker with this secret: bring its bytes, end it?
bool MayActFor(const PeerIdentity& peer, std::string_view worker, std::string_view secret_sha256);

}  // namespace gofarm
