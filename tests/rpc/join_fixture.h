// A farm that others may join: the real server with its TLS port, over a real database.
#pragma once

#include <gofarm/v1/identity.grpc.pb.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "common/base/clock.h"
#include "common/pki/join_string.h"
#include "common/pki/key.h"
#include "common/rpc/channel.h"
#include "common/rpc/grpc_status.h"
#include "common/rpc/membership.h"
#include "coordinator/service/audit_log.h"
#include "coordinator/service/identity_service.h"
#include "coordinator/store/identity_store.h"
#include "tests/rpc/farm_server.h"

namespace gofarm::testing {

class JoinTest : public RpcTest {
 protected:
  void SetUp() override {
    adjust_ = [this](rpc::ServerParts& parts) {
      identities_.reset();
      audit_.reset();
      store_ = std::make_unique<store::IdentityStore>(*pool_);
      audit_ = std::make_unique<service::AuditLog>(*store_);
      parts.audit = audit_.get();
      identities_ = service::IdentityService::Open(Soon(), Options(), *store_, RealClock()).value();
      parts.identities = identities_.get();
    };
    RpcTest::SetUp();
    identities_->SetAddresses({server_->tls_address()});
    admin_ = v1::Identity::NewStub(channel_);
  }
  void TearDown() override {
    server_.reset();
    identities_.reset();
    audit_.reset();  // its thread writes by the pool
    RpcTest::TearDown();
  }

  virtual service::IdentityOptions Options() { return {.folder = dir_ + "/tls", .public_names = {"127.0.0.1"}}; }
  static Scope Soon() { return Scope::For(absl::Seconds(20)); }
  pki::JoinString Token(v1::Role role, const std::string& name = "") {
    v1::CreateTokenRequest request;
    request.set_role(role);
    request.set_name(name);
    v1::JoinToken token;
    const auto context = Context();
    const grpc::Status made = admin_->CreateToken(context.get(), request, &token);
    EXPECT_TRUE(made.ok()) << made.error_message();
    return pki::DecodeJoin(token.join()).value();
  }
  absl::StatusOr<rpc::Membership> Join(v1::Role role, const std::string& name) {
    return rpc::JoinFarm(Soon(), Token(role), {.wanted = name}, pki::NewKey().value());
  }
  template <typename Reply, typename Request, typename Method, typename Stub>
  absl::Status Ask(Stub& stub, Method method, const Request& request, Reply& reply) {
    const auto context = Context();
    return rpc::FromGrpc((stub.*method)(context.get(), request, &reply));
  }
  absl::StatusOr<v1::Self> WhoAmI(const rpc::Credentials& credentials) {
    const auto stub = v1::Identity::NewStub(rpc::MakeFreshChannel(server_->tls_address(), credentials));
    v1::Self self;
    const absl::Status status = Ask(*stub, &v1::Identity::Stub::WhoAmI, v1::WhoAmIRequest(), self);
    if (!status.ok()) return status;
    return self;
  }

  std::unique_ptr<v1::Worker::Stub> WorkerStub(const rpc::Membership& member) {
    return v1::Worker::NewStub(rpc::MakeFreshChannel(server_->tls_address(), member.AsCredentials()));
  }

  std::unique_ptr<store::IdentityStore> store_;
  std::unique_ptr<service::AuditLog> audit_;
  std::unique_ptr<service::IdentityService> identities_;
  std::unique_ptr<v1::Identity::Stub> admin_;
};

}  // namespace gofarm::testing
