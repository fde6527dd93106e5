#include "coordinator/rpc/listener_watch.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include "absl/synchronization/notification.h"
#include "common/base/text.h"
#include "common/rpc/channel.h"
#include "common/rpc/deadline.h"
#include "common/rpc/grpc_status.h"
#include "common/sync/wait.h"

namespace gofarm::rpc {

absl::Status DialListener(const Scope& scope, const std::string& address) {
  const bool is_unix = address.substr(0, 5) == "unix:";
  const std::shared_ptr<grpc::Channel> channel =
      MakeFreshChannel(address, is_unix ? Credentials::Plaintext() : Credentials::AnyServer());
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  const CallDeadline deadline(context, scope.deadline);
  // An empty message asks for the server as a whole.
  const grpc::Slice nothing;
  const grpc::ByteBuffer request(&nothing, 1);
  grpc::ByteBuffer reply;
  absl::Notification done;
  grpc::Status status;
  stub.UnaryCall(&context, "/grpc.health.v1.Health/Check", grpc::StubOptions(), &request, &reply,
                 [&](grpc::Status answered) {
                   status = std::move(answered);
                   done.Notify();
                 });
  const std::stop_callback stopped(scope.stop, [&] { context.TryCancel(); });
  done.WaitForNotification();
  // A server without the health service, or one that takes a certificate, has answered too.
  if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED ||
      status.error_code() == grpc::StatusCode::UNAUTHENTICATED) {
    return absl::OkStatus();
  }
  return FromGrpc(status);
}

ListenerWatch::ListenerWatch(Pace pace) : pace_(pace), thread_([this](const std::stop_token& stop) { Run(stop); }) {}

void ListenerWatch::Watch(const std::string& address) {
  const absl::MutexLock lock(&mutex_);
  address_ = address;
  answered_ = Steady::now();
  error_.clear();
}

absl::Status ListenerWatch::Check() const {
  const absl::MutexLock lock(&mutex_);
  if (address_.empty() || error_.empty()) return absl::OkStatus();
  const absl::Duration silent = absl::FromChrono(Steady::now() - answered_);
  if (silent <= pace_.silence_max) return absl::OkStatus();
  return absl::UnavailableError(Cat("the listener ", address_, " has not answered for ",
                                    absl::FormatDuration(absl::Trunc(silent, absl::Seconds(1))), " (", error_,
                                    "): restart this coordinator"));
}

void ListenerWatch::Run(const std::stop_token& stop) {
  while (sync::SleepFor(stop, pace_.every)) {
    std::string address;
    {
      const absl::MutexLock lock(&mutex_);
      address = address_;
    }
    if (address.empty()) continue;
    const absl::Status answered = DialListener(Scope::For(pace_.dial_max, stop), address);
    const absl::MutexLock lock(&mutex_);
    if (address != address_) continue;
    if (answered.ok()) {
      answered_ = Steady::now();
      error_.clear();
    } else {
      error_ = std::string(answered.message());
    }
  }
}

}  // namespace gofarm::rpc
