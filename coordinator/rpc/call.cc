#include "coordinator/rpc/call.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <string>

#include "absl/strings/str_replace.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/digest/digest.h"
#include "common/rpc/peer.h"
#include "common/rpc/session_secret.h"
#include "coordinator/rpc/gate.h"

namespace gofarm::rpc {
namespace {

absl::Status Admit(RpcContext& rpc, const char* method, const PeerIdentity& peer,
                   const google::protobuf::Message* request) {
  GOFARM_RETURN_IF_ERROR(rpc.parts.authorize(method, peer));
  if (request == nullptr) return absl::OkStatus();
  const size_t bytes = request->SpaceUsedLong();
  if (bytes <= kRequestBytesMax) return absl::OkStatus();
  return absl::InvalidArgumentError(
      Cat("this request takes ", bytes >> 10, " KiB of memory, at most ", kRequestBytesMax >> 10, " are given to one"));
}

}  // namespace

std::string OriginOf(const grpc::CallbackServerContext& context) {
  std::string peer = context.peer();
  if (peer.substr(0, 5) == "unix:") return "unix";
  const size_t kind = peer.find(':'), port = peer.rfind(':');
  if (kind == port) return peer;
  // "ipv6:%5B::1%5D:70"
  return absl::StrReplaceAll(Av(std::string_view(peer).substr(kind + 1, port - kind - 1)), {{"%5B", ""}, {"%5D", ""}});
}

domain::Actor ActorOf(RpcContext& rpc, const grpc::CallbackServerContext& context) {
  const PeerIdentity peer = CallerOf(rpc, context);
  return {.who = peer.name, .role = peer.role, .origin = OriginOf(context)};
}

PeerIdentity CallerOf(RpcContext& rpc, const grpc::CallbackServerContext& context) {
  PeerIdentity peer = KnownPeer(rpc.parts.identities, context);
  if (peer.identity != 0 && !rpc.parts.vouch(context.peer(), peer).ok()) return {};
  const std::string secret = SessionSecretOf(context);
  if (!secret.empty()) peer.secret_sha256 = digest::Sha256Hex(secret);
  return peer;
}

Call::Call(RpcContext& rpc, grpc::CallbackServerContext* context, const char* method,
           const google::protobuf::Message* request)
    : rpc_(rpc),
      context_(context),
      method_(method),
      peer_(CallerOf(rpc, *context)),
      admitted_(Admit(rpc, method, peer_, request)) {
  const bool refused = absl::IsPermissionDenied(admitted_) || absl::IsUnauthenticated(admitted_);
  if (refused && rpc_.parts.metrics != nullptr) rpc_.parts.metrics->AddRefusal(admitted_.code());
  if (refused && rpc_.parts.audit != nullptr) rpc_.parts.audit->Refused(actor(), method_, admitted_);
}

domain::Actor Call::actor() const { return {.who = peer_.name, .role = peer_.role, .origin = OriginOf(*context_)}; }

void Call::Audit(std::string_view detail) const {
  const std::string_view action = AuditedAs(method_);
  if (rpc_.parts.audit != nullptr && !action.empty()) rpc_.parts.audit->Did(actor(), action, detail);
}

void Call::Audit(const google::protobuf::Message& request) const {
  if (AuditedAs(method_).empty()) return;
  // Where a request says `submit`, one that does not only looks.
  const google::protobuf::FieldDescriptor* const submit = request.GetDescriptor()->FindFieldByName("submit");
  if (submit != nullptr && !request.GetReflection()->GetBool(request, submit)) return;
  Audit(request.ShortDebugString());
}

void Call::Count(const absl::Status& status) const {
  if (rpc_.parts.metrics != nullptr) rpc_.parts.metrics->AddCall(method_, status.code(), SteadyNow() - began_);
}

void Call::CountDone(const absl::Status& status) const {
  const bool never_got = context_->IsCancelled() && !absl::IsDeadlineExceeded(status);
  Count(never_got ? absl::CancelledError("the peer was gone before the end") : status);
}

absl::Status ThrewStatus(const char* method, const std::exception& e) {
  obs::Error("rpc_threw", {{"method", method}, {"what", e.what()}});
  return absl::InternalError("internal error of the coordinator; see its log");
}

}  // namespace gofarm::rpc
