#include "coordinator/rpc/gate.h"

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "common/rpc/grpc_status.h"
#include "common/rpc/peer.h"
#include "coordinator/rpc/authorization.h"

namespace gofarm::rpc {

PeerIdentity PeerOf(const service::Caller& caller) {
  const domain::Identity& identity = caller.identity;
  return {.role = identity.role, .name = identity.name, .identity = identity.id.value, .until = caller.until};
}

PeerIdentity KnownPeer(service::IdentityService* identities, const grpc::ServerContextBase& context) {
  const std::shared_ptr<const grpc::AuthContext> auth = context.auth_context();
  if (auth == nullptr || !IsTls(*auth)) return rpc::PeerOf(context);
  const std::string shown = ShownCertificate(*auth);
  if (identities == nullptr || shown.empty()) return {};
  const absl::StatusOr<service::Caller> known = identities->Known(Scope::For(kKnowMax), shown);
  return known.ok() ? PeerOf(*known) : PeerIdentity{};
}

grpc::Status Gate::Process(const InputMetadata& metadata, grpc::AuthContext* context, OutputMetadata*,
                           OutputMetadata*) {
  const auto path = metadata.find(":path");
  const std::string method = path == metadata.end() ? "" : std::string(path->second.data(), path->second.size());
  if (IsOpen(method)) return grpc::Status::OK;
  PeerIdentity peer;
  absl::Status allowed;
  const absl::StatusOr<service::Caller> known = identities_.Known(Scope::For(kKnowMax), ShownCertificate(*context));
  if (known.ok()) {
    peer = PeerOf(*known);
    allowed = authorize_(method, peer);
    // That the call lacks its session's secret, or that another one leads, the handler says: the secret is not here.
    if (!absl::IsPermissionDenied(allowed) && !absl::IsUnimplemented(allowed)) return grpc::Status::OK;
  } else {
    allowed = known.status();
  }
  refused_(method, peer, allowed);
  return ToGrpc(allowed);
}

}  // namespace gofarm::rpc
