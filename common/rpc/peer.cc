#include "common/rpc/peer.h"

#include <grpcpp/grpcpp.h>

namespace gofarm::rpc {

PeerIdentity PeerAt(std::string_view address) {
  for (const std::string_view local : {"unix:", "ipv4:127.", "ipv6:%5B::1%5D:", "ipv6:[::1]:"}) {
    if (address.substr(0, local.size()) == local) return LocalPeer();
  }
  return {};
}

PeerIdentity PeerOf(const grpc::ServerContextBase& context) { return PeerAt(context.peer()); }

}  // namespace gofarm::rpc
