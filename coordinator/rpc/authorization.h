// Who may call what: one table, asked for every call before anything is done for it. Pure.
//
// Call (call.h) asks for the methods of the Farm and Worker services, whatever their kind. gRPC's own services (health,
// reflection) have no handler of ours and are open to every peer that may connect; the table names them for listeners
// whose credentials ask before the handler.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "common/vocab/peer.h"

namespace gofarm::rpc {

// What is true of the coordinator at the moment of the call.
struct CallFacts {
  std::string standby;  // what to say when this coordinator does not lead; empty: it leads
};

// `method` as on the wire: "/gofarm.v1.Farm/GetBatch". UNIMPLEMENTED: the table does not name it. PERMISSION_DENIED:
// the peer's role does not suffice. UNAUTHENTICATED: what concerns an attempt takes a session's secret, and the call
// carries none (whether it is the attempt's says service/attempt_fence). UNAVAILABLE: this coordinator stands by, and
// only a leader answers this.
absl::Status Allow(std::string_view method, const PeerIdentity& peer, const CallFacts& facts);

}  // namespace gofarm::rpc
