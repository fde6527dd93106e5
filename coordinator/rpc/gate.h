// Asks for every call on a TLS listener, before any handler: who shows this certificate, and may they? Also for gRPC's
// own services and for methods that do not exist; what it says reaches the client.
//
// gRPC calls it on threads of its own; it may wait for the database.
#pragma once

#include <grpcpp/security/auth_metadata_processor.h>

#include <functional>
#include <string_view>

#include "absl/status/status.h"
#include "common/vocab/peer.h"
#include "coordinator/service/identity_service.h"

namespace grpc {
class ServerContextBase;
}

namespace gofarm::rpc {

// For the database, when it must be asked who somebody is.
inline constexpr absl::Duration kKnowMax = absl::Seconds(5);

class Gate final : public grpc::AuthMetadataProcessor {
 public:
  using Authorize = std::function<absl::Status(std::string_view method, const PeerIdentity&)>;
  // Told of every refusal; must not wait.
  using Refused = std::function<void(std::string_view method, const PeerIdentity&, const absl::Status&)>;

  Gate(service::IdentityService& identities, Authorize authorize, Refused refused)
      : identities_(identities), authorize_(std::move(authorize)), refused_(std::move(refused)) {}

  bool IsBlocking() const override { return true; }
  grpc::Status Process(const InputMetadata& metadata, grpc::AuthContext* context, OutputMetadata* consumed,
                       OutputMetadata* answer) override;

 private:
  service::IdentityService& identities_;
  const Authorize authorize_;
  const Refused refused_;
};

// As callers of this coordinator.
PeerIdentity PeerOf(const service::Caller& caller);

// Who calls, by where the connection comes from or, over TLS, by the certificate: nobody, unless `identities` knows
// him. After the gate this waits for nothing.
PeerIdentity KnownPeer(service::IdentityService* identities, const grpc::ServerContextBase& context);

}  // namespace gofarm::rpc
