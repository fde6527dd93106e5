// Who is on the other end of a call that a server takes.
#pragma once

#include <string_view>

#include "common/vocab/peer.h"

namespace grpc {
class ServerContextBase;
}

namespace gofarm::rpc {

// By where the call comes from, in gRPC's notation ("unix:/path", "ipv4:127.0.0.1:70", "ipv6:%5B::1%5D:70"): this
// machine is LocalPeer(), everybody else has no identity.
PeerIdentity PeerAt(std::string_view address);
PeerIdentity PeerOf(const grpc::ServerContextBase& context);

}  // namespace gofarm::rpc
