// One call on its way through the coordinator. Every handler begins with a Call, which asks whether the peer may make
// it, and ends it, which counts and times it. Unary and the streams' base classes do both for all handlers.
#pragma once

#include <grpcpp/grpcpp.h>

#include <exception>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/scope.h"
#include "common/obs/log.h"
#include "common/rpc/grpc_status.h"
#include "common/vocab/peer.h"
#include "coordinator/domain/identity.h"
#include "coordinator/rpc/rpc_context.h"

namespace google::protobuf {
class Message;
}

namespace gofarm::rpc {

inline constexpr size_t kRequestBytesMax = 64 << 10;  // in memory, of a request that gRPC parsed
// Who calls, by its connection or its certificate, and by the session's secret that the call carries. Over TLS nobody
// is anybody whom the farm does not know.
PeerIdentity CallerOf(RpcContext& rpc, const grpc::CallbackServerContext& context);
// The address that a call comes from, without its port; "unix" for the socket.
std::string OriginOf(const grpc::CallbackServerContext& context);
// For the audit.
domain::Actor ActorOf(RpcContext& rpc, const grpc::CallbackServerContext& context);

class Call {
 public:
  // `method` as on the wire: "/gofarm.v1.Farm/GetBatch". `request`: of a call whose request gRPC parsed; such requests
  // are small. The others are bytes, which are measured first (wire_form.h).
  Call(RpcContext& rpc, grpc::CallbackServerContext* context, const char* method,
       const google::protobuf::Message* request = nullptr);

  // Not OK: the handler must do nothing but end the call with it.
  const absl::Status& admitted() const { return admitted_; }
  const PeerIdentity& peer() const { return peer_; }
  domain::Actor actor() const;
  const char* method() const { return method_; }
  RpcContext& rpc() const { return rpc_; }
  grpc::CallbackServerContext* context() const { return context_; }
  Scope ScopeFor(absl::Duration longest) const { return rpc_.ScopeOf(*context_, longest); }

  // Writes a change that was made into the audit, if the method makes any. Waits for the database.
  void Audit(std::string_view detail) const;
  // The same of what a request says, but for its secrets.
  void Audit(const google::protobuf::Message& request) const;
  // Counts the call by its method and code: both closed sets.
  void Count(const absl::Status& status) const;
  // The same when the call is done for the client too: one that was gone before never got `status`. A call that was
  // cancelled here because its client did not read keeps that reason.
  void CountDone(const absl::Status& status) const;

 private:
  RpcContext& rpc_;
  grpc::CallbackServerContext* const context_;
  const char* const method_;
  const absl::Time began_ = SteadyNow();
  const PeerIdentity peer_;
  const absl::Status admitted_;
};

inline absl::Status BusyStatus() { return absl::ResourceExhaustedError("coordinator is busy; try again in a moment"); }
inline absl::Status StoppingStatus() { return absl::UnavailableError("the coordinator stops; dial again"); }
// Of a handler that threw.
absl::Status ThrewStatus(const char* method, const std::exception& e);

// Runs `body` on `pool` and finishes the call with its status. `request`: see Call.
template <typename Body>
grpc::ServerUnaryReactor* Unary(RpcContext& rpc, sync::BoundedPool& pool, grpc::CallbackServerContext* context,
                                const char* method, const google::protobuf::Message* request, Body body) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const Call call(rpc, context, method, request);
  const auto end = [call, reactor](const absl::Status& status) {
    call.Count(status);
    reactor->Finish(ToGrpc(status));
  };
  if (!call.admitted().ok()) {
    end(call.admitted());
    return reactor;
  }
  const bool queued = pool.TryPost([call, end, request, body = std::move(body)] {
    absl::Status status;
    try {
      status = body(call.ScopeFor(kCallMax));
      if (status.ok() && request != nullptr) call.Audit(*request);
      if (absl::IsCancelled(status) && call.rpc().stop.stop_requested()) status = StoppingStatus();
    } catch (const std::exception& e) {
      status = ThrewStatus(call.method(), e);
    }
    end(status);
  });
  if (!queued) end(BusyStatus());
  return reactor;
}

}  // namespace gofarm::rpc
