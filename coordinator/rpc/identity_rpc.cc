#include "coordinator/rpc/identity_rpc.h"

#include <algorithm>
#include <string>
#include <utility>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/rpc/peer.h"
#include "common/sync/wait.h"
#include "coordinator/rpc/call.h"
#include "coordinator/rpc/convert.h"
#include "coordinator/rpc/on_thread.h"
#include "coordinator/rpc/pager.h"
#include "coordinator/rpc/wire_form.h"

namespace gofarm::rpc {
namespace {

absl::StatusOr<Role> FromProto(v1::Role role) {
  if (role <= v1::ROLE_UNSPECIFIED || !v1::Role_IsValid(role)) {
    return absl::InvalidArgumentError(Cat("role number ", static_cast<int>(role), " is none"));
  }
  return static_cast<Role>(role);
}

void ToProto(const domain::JoinToken& in, v1::JoinToken& out) {
  out.set_id(in.id.value);
  out.set_role(static_cast<v1::Role>(in.role));
  out.set_name(in.name);
  out.set_state(std::string(domain::Name(domain::StateOf(in, WallNow()))));
  out.set_created_by(in.created_by);
  rpc::ToProto(in.created_at, *out.mutable_created_at());
  rpc::ToProto(in.expires_at, *out.mutable_expires_at());
  out.set_uses(in.uses);
  out.set_used(in.used);
}

void ToProto(const domain::Identity& in, v1::IdentityRow& out) {
  out.set_id(in.id.value);
  out.set_name(in.name);
  out.set_role(static_cast<v1::Role>(in.role));
  out.set_state(std::string(domain::Name(domain::StateOf(in, WallNow()))));
  out.set_token_id(in.token.value);
  rpc::ToProto(in.created_at, *out.mutable_created_at());
  rpc::ToProto(in.expires_at, *out.mutable_expires_at());
  rpc::ToProto(in.last_seen_at, *out.mutable_last_seen_at());
  if (in.revoked()) rpc::ToProto(in.revoked_at, *out.mutable_revoked_at());
}

void ToProto(const service::Membership& in, v1::Membership& out) {
  out.set_certificate(in.certificate);
  out.set_authorities(in.authorities);
  out.set_identity_authorities(in.identity_authorities);
  out.set_farm_id(in.farm_id);
  out.set_name(in.identity.name);
  out.set_role(static_cast<v1::Role>(in.identity.role));
  rpc::ToProto(in.identity.expires_at, *out.mutable_expires_at());
  rpc::ToProto(WallNow(), *out.mutable_now());
}

void ToProto(const service::AuthorityState& in, v1::AuthorityState& out) {
  for (const service::AuthorityState::Row& row : in.authorities) {
    v1::AuthorityRow& to = *out.add_authorities();
    to.set_sha256(row.sha256);
    rpc::ToProto(row.expires_at, *to.mutable_expires_at());
    to.set_signs_identities(row.signs_identities);
    to.set_signs_server(row.signs_server);
  }
  out.set_rotating(in.rotating);
  out.set_behind(in.behind);
  for (const std::string& name : in.behind_names) out.add_behind_names(name);
}

void ToProto(const domain::AuditEntry& in, v1::AuditRow& out) {
  out.set_id(in.id);
  rpc::ToProto(in.at, *out.mutable_at());
  out.set_who(in.actor.who);
  out.set_role(static_cast<v1::Role>(in.actor.role));
  out.set_from(in.actor.origin);
  out.set_action(in.action);
  out.set_detail(in.detail);
}

absl::Time TimeOf(const v1::Timestamp& time) {
  return time.unix_micros() == 0 ? absl::InfinitePast() : absl::FromUnixMicros(time.unix_micros());
}

}  // namespace

absl::StatusOr<service::IdentityService*> IdentityRpc::Identities() const {
  if (rpc_.parts.identities != nullptr) return rpc_.parts.identities;
  return absl::FailedPreconditionError(
      "this farm listens for nobody beyond this machine; start it with --listen ADDR:PORT, then make tokens");
}

ServerUnary IdentityRpc::GetAuthority(ServerContext context, const v1::GetAuthorityRequest* request,
                                      v1::Authority* reply) {
  return Unary(rpc_, rpc_.operators, context, "/gofarm.v1.Identity/GetAuthority", request,
               [this, reply](const Scope&) -> absl::Status {
                 GOFARM_ASSIGN_OR_RETURN(const service::IdentityService* identities, Identities());
                 const std::shared_ptr<const service::Trust> trust = identities->trust();
                 reply->set_authorities(trust->server.authorities);
                 reply->set_identity_authorities(trust->identities);
                 reply->set_farm_id(identities->farm_id());
                 ToProto(WallNow(), *reply->mutable_now());
                 return absl::OkStatus();
               });
}

ServerUnary IdentityRpc::Join(ServerContext context, const v1::JoinRequest* request, v1::Membership* reply) {
  return Unary(rpc_, rpc_.operators, context, "/gofarm.v1.Identity/Join", request,
               [this, context, request, reply](const Scope& scope) -> absl::Status {
                 GOFARM_ASSIGN_OR_RETURN(service::IdentityService * identities, Identities());
                 const domain::Actor actor{.origin = OriginOf(*context)};
                 const absl::StatusOr<service::Membership> member =
                     identities->Join(scope, request->secret(), request->certificate_request(),
                                      {.wanted = request->name(), .usual = request->usual_name()}, actor);
                 if (!member.ok() && rpc_.parts.audit != nullptr) {
                   rpc_.parts.audit->Refused(actor, "/gofarm.v1.Identity/Join", member.status());
                 }
                 GOFARM_RETURN_IF_ERROR(member.status());
                 ToProto(*member, *reply);
                 return absl::OkStatus();
               });
}

ServerUnary IdentityRpc::Renew(ServerContext context, const v1::RenewRequest* request, v1::Membership* reply) {
  return Unary(rpc_, rpc_.operators, context, "/gofarm.v1.Identity/Renew", request,
               [this, context, request, reply](const Scope& scope) -> absl::Status {
                 GOFARM_ASSIGN_OR_RETURN(service::IdentityService * identities, Identities());
                 const domain::Actor actor{.origin = OriginOf(*context)};
                 const absl::StatusOr<service::Membership> member =
                     identities->Renew(scope, request->certificate_request(), actor);
                 if (!member.ok() && rpc_.parts.audit != nullptr) {
                   rpc_.parts.audit->Refused(actor, "/gofarm.v1.Identity/Renew", member.status());
                 }
                 GOFARM_RETURN_IF_ERROR(member.status());
                 ToProto(*member, *reply);
                 return absl::OkStatus();
               });
}

ServerUnary IdentityRpc::WhoAmI(ServerContext context, const v1::WhoAmIRequest* request, v1::Self* reply) {
  return Unary(rpc_, rpc_.operators, context, "/gofarm.v1.Identity/WhoAmI", request,
               [this, context, reply](const Scope& scope) -> absl::Status {
                 const PeerIdentity peer = CallerOf(rpc_, *context);
                 reply->set_name(peer.name);
                 reply->set_role(static_cast<v1::Role>(peer.role));
                 if (rpc_.parts.identities == nullptr) return absl::OkStatus();
                 reply->set_farm_id(rpc_.parts.identities->farm_id());
                 if (peer.identity == 0) return absl::OkStatus();
                 GOFARM_ASSIGN_OR_RETURN(const domain::Identity identity,
                                         rpc_.parts.identities->OfName(scope, peer.name));
                 ToProto(identity.expires_at, *reply->mutable_expires_at());
                 return absl::OkStatus();
               });
}

ServerUnary IdentityRpc::CreateToken(ServerContext context, const v1::CreateTokenRequest* request,
                                     v1::JoinToken* reply) {
  return Unary(rpc_, rpc_.operators, context, "/gofarm.v1.Identity/CreateToken", request,
               [this, context, request, reply](const Scope& scope) -> absl::Status {
                 GOFARM_ASSIGN_OR_RETURN(service::IdentityService * identities, Identities());
                 domain::TokenRequest wanted{.name = request->name()};
                 GOFARM_ASSIGN_OR_RETURN(wanted.role, FromProto(request->role()));
                 if (request->life_seconds() != 0) wanted.life = absl::Seconds(request->life_seconds());
                 if (request->uses() != 0) wanted.uses = request->uses();
                 GOFARM_ASSIGN_OR_RETURN(const service::NewToken made,
                                         identities->CreateToken(scope, wanted, ActorOf(rpc_, *context)));
                 ToProto(made.token, *reply);
                 reply->set_join(made.join);
                 return absl::OkStatus();
               });
}

ServerWrite<v1::JoinTokenPage> IdentityRpc::ListTokens(ServerContext context, const v1::ListTokensRequest* request) {
  return OnThread<v1::JoinTokenPage>(
      rpc_, rpc_.lists, context, "/gofarm.v1.Identity/ListTokens", request, kCallMax,
      [this](auto& stream, const Scope& scope) {
        Pager<v1::JoinTokenPage> pager(stream);
        GOFARM_ASSIGN_OR_RETURN(service::IdentityService * identities, Identities());
        GOFARM_ASSIGN_OR_RETURN(const std::vector<domain::JoinToken> tokens, identities->Tokens(scope));
        for (const domain::JoinToken& token : tokens) {
          v1::JoinToken row;
          ToProto(token, row);
          GOFARM_RETURN_IF_ERROR(pager.Add(&v1::JoinTokenPage::mutable_tokens, std::move(row)));
        }
        return pager.Flush();
      });
}

ServerUnary IdentityRpc::RevokeToken(ServerContext context, const v1::RevokeTokenRequest* request,
                                     v1::RevokeTokenReply* reply) {
  return Unary(rpc_, rpc_.operators, context, "/gofarm.v1.Identity/RevokeToken", request,
               [this, context, request, reply](const Scope& scope) -> absl::Status {
                 GOFARM_ASSIGN_OR_RETURN(service::IdentityService * identities, Identities());
                 GOFARM_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                                         identities->RevokeToken(scope, domain::TokenId{request->id()},
                                                                 request->with_identities(), ActorOf(rpc_, *context)));
                 for (const std::string& name : names) reply->add_identities(name);
                 return absl::OkStatus();
               });
}

ServerWrite<v1::IdentityPage> IdentityRpc::ListIdentities(ServerContext context,
                                                          const v1::ListIdentitiesRequest* request) {
  return OnThread<v1::IdentityPage>(
      rpc_, rpc_.lists, context, "/gofarm.v1.Identity/ListIdentities", request, kCallMax,
      [this](auto& stream, const Scope& scope) {
        Pager<v1::IdentityPage> pager(stream);
        GOFARM_ASSIGN_OR_RETURN(service::IdentityService * identities, Identities());
        GOFARM_ASSIGN_OR_RETURN(const std::vector<domain::Identity> all, identities->Identities(scope));
        for (const domain::Identity& identity : all) {
          v1::IdentityRow row;
          ToProto(identity, row);
          GOFARM_RETURN_IF_ERROR(pager.Add(&v1::IdentityPage::mutable_identities, std::move(row)));
        }
        return pager.Flush();
      });
}

ServerUnary IdentityRpc::GetIdentity(ServerContext context, const v1::IdentityRequest* request,
                                     v1::IdentityRow* reply) {
  return Unary(rpc_, rpc_.operators, context, "/gofarm.v1.Identity/GetIdentity", request,
               [this, request, reply](const Scope& scope) -> absl::Status {
                 GOFARM_ASSIGN_OR_RETURN(service::IdentityService * identities, Identities());
                 GOFARM_ASSIGN_OR_RETURN(const domain::Identity identity, identities->OfName(scope, request->name()));
                 ToProto(identity, *reply);
                 return absl::OkStatus();
               });
}

ServerUnary IdentityRpc::RevokeIdentity(ServerContext context, const v1::IdentityRequest* request,
                                        v1::IdentityRow* reply) {
  return Unary(rpc_, rpc_.operators, context, "/gofarm.v1.Identity/RevokeIdentity", request,
               [this, context, request, reply](const Scope& scope) -> absl::Status {
                 GOFARM_ASSIGN_OR_RETURN(service::IdentityService * identities, Identities());
                 GOFARM_ASSIGN_OR_RETURN(const domain::Identity identity,
                                         identities->Revoke(scope, request->name(), ActorOf(rpc_, *context)));
                 ToProto(identity, *reply);
                 return absl::OkStatus();
               });
}

ServerWrite<v1::AuditPage> IdentityRpc::ReadAudit(ServerContext context, const v1::ReadAuditRequest* request) {
  return OnThread<v1::AuditPage>(
      rpc_, request->follow() ? rpc_.followers : rpc_.lists, context, "/gofarm.v1.Identity/ReadAudit", request,
      request->follow() ? absl::InfiniteDuration() : kLongListMax,
      [this, asked = *request](auto& stream, const Scope& scope) -> absl::Status {
        if (asked.limit() < 0 || asked.limit() > kAuditMax) {
          return absl::InvalidArgumentError(Cat("limit ", asked.limit(), " is not within 0 and ", kAuditMax));
        }
        if (rpc_.parts.audit == nullptr) return absl::FailedPreconditionError("this coordinator keeps no audit");
        const absl::Time since = TimeOf(asked.since());
        int limit = asked.limit() == 0 ? kAuditShown : asked.limit();
        int64_t after = 0;
        for (;;) {
          Pager<v1::AuditPage> pager(stream);
          GOFARM_ASSIGN_OR_RETURN(const std::vector<domain::AuditEntry> entries,
                                  rpc_.parts.audit->Read(scope, after, since, limit));
          for (const domain::AuditEntry& entry : entries) {
            v1::AuditRow row;
            ToProto(entry, row);
            after = std::max(after, entry.id);
            GOFARM_RETURN_IF_ERROR(pager.Add(&v1::AuditPage::mutable_rows, std::move(row)));
          }
          GOFARM_RETURN_IF_ERROR(pager.Flush());
          if (!asked.follow()) return absl::OkStatus();
          limit = kAuditShown;
          if (static_cast<int>(entries.size()) < limit && !sync::SleepFor(scope, kAuditLook)) return scope.Check();
        }
      });
}

ServerUnary IdentityRpc::GetAuthorityState(ServerContext context, const v1::GetAuthorityStateRequest* request,
                                           v1::AuthorityState* reply) {
  return Unary(rpc_, rpc_.operators, context, "/gofarm.v1.Identity/GetAuthorityState", request,
               [this, reply](const Scope& scope) -> absl::Status {
                 GOFARM_ASSIGN_OR_RETURN(service::IdentityService * identities, Identities());
                 GOFARM_ASSIGN_OR_RETURN(const service::AuthorityState state, identities->Authorities(scope));
                 ToProto(state, *reply);
                 return absl::OkStatus();
               });
}

ServerUnary IdentityRpc::RotateAuthority(ServerContext context, const v1::RotateAuthorityRequest* request,
                                         v1::AuthorityState* reply) {
  return Unary(rpc_, rpc_.operators, context, "/gofarm.v1.Identity/RotateAuthority", request,
               [this, context, request, reply](const Scope& scope) -> absl::Status {
                 GOFARM_ASSIGN_OR_RETURN(service::IdentityService * identities, Identities());
                 const domain::Actor actor = ActorOf(rpc_, *context);
                 GOFARM_ASSIGN_OR_RETURN(const service::AuthorityState state,
                                         request->finish() ? identities->EndRotation(scope, request->force(), actor)
                                                           : identities->BeginRotation(scope, actor));
                 ToProto(state, *reply);
                 return absl::OkStatus();
               });
}

}  // namespace gofarm::rpc
