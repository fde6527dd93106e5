#include "cli/identity_client.h"

#include "cli/client_impl.h"
#include "common/base/status_macros.h"
#include "gofarm/v1/identity.grpc.pb.h"

namespace gofarm::cli {
namespace {

using Stub = v1::Identity::Stub;

v1::IdentityRequest Named(const std::string& name) {
  v1::IdentityRequest request;
  request.set_name(name);
  return request;
}

}  // namespace

absl::Status IdentityClient::WhoAmI(v1::Self& self) {
  return farm_.impl_->Unary(*farm_.impl_->identity, &Stub::WhoAmI, v1::WhoAmIRequest(), self);
}

absl::Status IdentityClient::CreateToken(const v1::CreateTokenRequest& request, v1::JoinToken& token) {
  grpc::ClientContext context;
  const Bound bound(Scope::For(kCallDeadline, farm_.impl_->stop), context);
  return farm_.impl_->Explain(rpc::FromGrpc(farm_.impl_->identity->CreateToken(&context, request, &token)));
}

absl::Status IdentityClient::ListTokens(v1::JoinTokenPage& all) {
  return farm_.impl_->List(*farm_.impl_->identity, &Stub::ListTokens, v1::ListTokensRequest(), all);
}

absl::Status IdentityClient::RevokeToken(int64_t id, bool with_identities, v1::RevokeTokenReply& reply) {
  v1::RevokeTokenRequest request;
  request.set_id(id);
  request.set_with_identities(with_identities);
  return farm_.impl_->Unary(*farm_.impl_->identity, &Stub::RevokeToken, request, reply);
}

absl::Status IdentityClient::ListIdentities(v1::IdentityPage& all) {
  return farm_.impl_->List(*farm_.impl_->identity, &Stub::ListIdentities, v1::ListIdentitiesRequest(), all);
}

absl::Status IdentityClient::GetIdentity(const std::string& name, v1::IdentityRow& row) {
  return farm_.impl_->Unary(*farm_.impl_->identity, &Stub::GetIdentity, Named(name), row);
}

absl::Status IdentityClient::RevokeIdentity(const std::string& name, v1::IdentityRow& row) {
  return farm_.impl_->Unary(*farm_.impl_->identity, &Stub::RevokeIdentity, Named(name), row);
}

absl::Status IdentityClient::GetAuthorityState(v1::AuthorityState& state) {
  return farm_.impl_->Unary(*farm_.impl_->identity, &Stub::GetAuthorityState, v1::GetAuthorityStateRequest(), state);
}

absl::Status IdentityClient::RotateAuthority(bool finish, bool force, v1::AuthorityState& state) {
  v1::RotateAuthorityRequest request;
  request.set_finish(finish);
  request.set_force(force);
  grpc::ClientContext context;
  const Bound bound(Scope::For(kCallDeadline, farm_.impl_->stop), context);
  return farm_.impl_->Explain(rpc::FromGrpc(farm_.impl_->identity->RotateAuthority(&context, request, &state)));
}

absl::Status IdentityClient::ReadAudit(const Scope& scope, absl::Time since, int limit, bool follow,
                                       const std::function<void(const v1::AuditPage&)>& sink) {
  v1::ReadAuditRequest request;
  if (since != absl::InfinitePast()) request.mutable_since()->set_unix_micros(absl::ToUnixMicros(since));
  request.set_limit(limit);
  request.set_follow(follow);
  grpc::ClientContext context;
  const Bound bound(scope, context);
  const auto reader = farm_.impl_->identity->ReadAudit(&context, request);
  v1::AuditPage page;
  while (reader->Read(&page)) sink(page);
  return farm_.impl_->Explain(rpc::FromGrpc(reader->Finish()));
}

}  // namespace gofarm::cli
