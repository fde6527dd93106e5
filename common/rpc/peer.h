// Who is on the other end of a call that a server takes.
#pragma once

#include <string>
#include <string_view>

#include "common/vocab/peer.h"

namespace grpc {
class AuthContext;
class ServerContextBase;
}  // namespace grpc

namespace gofarm::rpc {

// By where the call comes from, in gRPC's notation ("unix:/path", "ipv4:127.0.0.1:70", "ipv6:%5B::1%5D:70"): this
// machine is LocalPeer(), everybody else has no identity.
PeerIdentity PeerAt(std::string_view address);
PeerIdentity PeerOf(const grpc::ServerContextBase& context);

// The certificate that the other end shows, in PEM; nobody has looked at it. Empty: none, or not over TLS.
std::string ShownCertificate(const grpc::AuthContext& context);
// Whether the connection is TLS; on one that is not only this machine's own can call.
bool IsTls(const grpc::AuthContext& context);

}  // namespace gofarm::rpc
