// The Identity service: joining, renewing, tokens, identities, the audit. Each handler translates and calls one method
// of service/identity_service.h.
#pragma once

#include <gofarm/v1/identity.grpc.pb.h>

#include "coordinator/rpc/farm_rpc.h"
#include "coordinator/rpc/rpc_context.h"

namespace gofarm::rpc {

inline constexpr int kAuditShown = 1'000;  // when nobody says how much
inline constexpr int kAuditMax = 100'000;
inline constexpr absl::Duration kAuditLook = absl::Seconds(1);  // of who follows

class IdentityRpc final : public v1::Identity::CallbackService {
 public:
  explicit IdentityRpc(RpcContext& rpc) : rpc_(rpc) {}

  ServerUnary GetAuthority(ServerContext context, const v1::GetAuthorityRequest* request,
                           v1::Authority* reply) override;
  ServerUnary Join(ServerContext context, const v1::JoinRequest* request, v1::Membership* reply) override;
  ServerUnary Renew(ServerContext context, const v1::RenewRequest* request, v1::Membership* reply) override;
  ServerUnary WhoAmI(ServerContext context, const v1::WhoAmIRequest* request, v1::Self* reply) override;
  ServerUnary CreateToken(ServerContext context, const v1::CreateTokenRequest* request, v1::JoinToken* reply) override;
  ServerWrite<v1::JoinTokenPage> ListTokens(ServerContext context, const v1::ListTokensRequest* request) override;
  ServerUnary RevokeToken(ServerContext context, const v1::RevokeTokenRequest* request,
                          v1::RevokeTokenReply* reply) override;
  ServerWrite<v1::IdentityPage> ListIdentities(ServerContext context,
                                               const v1::ListIdentitiesRequest* request) override;
  ServerUnary GetIdentity(ServerContext context, const v1::IdentityRequest* request, v1::IdentityRow* reply) override;
  ServerUnary RevokeIdentity(ServerContext context, const v1::IdentityRequest* request,
                             v1::IdentityRow* reply) override;
  ServerUnary GetAuthorityState(ServerContext context, const v1::GetAuthorityStateRequest* request,
                                v1::AuthorityState* reply) override;
  ServerUnary RotateAuthority(ServerContext context, const v1::RotateAuthorityRequest* request,
                              v1::AuthorityState* reply) override;
  ServerWrite<v1::AuditPage> ReadAudit(ServerContext context, const v1::ReadAuditRequest* request) override;

 private:
  // FAILED_PRECONDITION: this coordinator listens for nobody beyond this machine.
  absl::StatusOr<service::IdentityService*> Identities() const;

  RpcContext& rpc_;
};

}  // namespace gofarm::rpc
