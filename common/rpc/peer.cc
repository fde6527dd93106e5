#include "common/rpc/peer.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/security/auth_context.h>

#include <vector>

namespace gofarm::rpc {

PeerIdentity PeerAt(std::string_view address) {
  for (const std::string_view local : {"unix:", "ipv4:127.", "ipv6:%5B::1%5D:", "ipv6:[::1]:"}) {
    if (address.substr(0, local.size()) == local) return LocalPeer();
  }
  return {};
}

PeerIdentity PeerOf(const grpc::ServerContextBase& context) { return PeerAt(context.peer()); }

std::string ShownCertificate(const grpc::AuthContext& context) {
  const std::vector<grpc::string_ref> shown = context.FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
  return shown.empty() ? "" : std::string(shown.front().data(), shown.front().size());
}

bool IsTls(const grpc::AuthContext& context) {
  const std::vector<grpc::string_ref> types = context.FindPropertyValues(GRPC_TRANSPORT_SECURITY_TYPE_PROPERTY_NAME);
  return !types.empty() &&
         (types.front() == GRPC_SSL_TRANSPORT_SECURITY_TYPE || types.front() == GRPC_TLS_TRANSPORT_SECURITY_TYPE);
}

}  // namespace gofarm::rpc
