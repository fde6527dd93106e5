// Who may call what: one table, asked for every call before anything is done for it. Pure.
//
// Call (call.h) asks for the methods of our services, whatever their kind. On TLS listeners the gate (gate.h) asks
// before, also for gRPC's own services (health, reflection) and for methods that do not exist.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "common/vocab/peer.h"

namespace gofarm::rpc {

// What is true of the coordinator at the moment of the call.
struct CallFacts {
  std::string standby;  // what to say when this coordinator does not lead; empty: it leads
};

// All that the table names, for the life of the program.
std::vector<std::string_view> MethodNames();

// Whether strangers may call it: how they come in.
bool IsOpen(std::string_view method);
// What the audit calls a change that people make by it; empty: it makes none, or is written where it is done.
std::string_view AuditedAs(std::string_view method);

// `method` as on the wire: "/gofarm.v1.Farm/GetBatch". UNIMPLEMENTED: the table does not name it. PERMISSION_DENIED:
// the peer's role does not suffice. UNAUTHENTICATED: what concerns an attempt takes a session's secret, and the call
// carries none (whether it is the attempt's says service/attempt_fence). UNAVAILABLE: this coordinator stands by, and
// only a leader answers this.
absl::Status Allow(std::string_view method, const PeerIdentity& peer, const CallFacts& facts);

}  // namespace gofarm::rpc
