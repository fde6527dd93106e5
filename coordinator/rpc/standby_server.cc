#include "coordinator/rpc/standby_server.h"

#include <gofarm/v1/farm.pb.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>

#include <utility>

#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/rpc/deadline.h"
#include "common/rpc/grpc_status.h"
#include "coordinator/rpc/authorization.h"
#include "coordinator/rpc/gate.h"
#include "coordinator/rpc/listeners.h"

namespace gofarm::rpc {
namespace {

constexpr char kStatusMethod[] = "/gofarm.v1.Farm/GetFarmStatus";

class Refusal final : public grpc::ServerGenericBidiReactor {
 public:
  explicit Refusal(const absl::Status& why) { Finish(ToGrpc(why)); }
  void OnDone() override { delete this; }
};

// Answers one request with bytes that are ready.
class Reply final : public grpc::ServerGenericBidiReactor {
 public:
  explicit Reply(const std::string& bytes) {
    const grpc::Slice slice(bytes);
    reply_ = grpc::ByteBuffer(&slice, 1);
    StartRead(&request_);
  }
  void OnReadDone(bool ok) override {
    if (!ok) return Finish({grpc::StatusCode::CANCELLED, "no request came"});
    StartWriteAndFinish(&reply_, {}, grpc::Status::OK);
  }
  void OnDone() override { delete this; }

 private:
  grpc::ByteBuffer request_;
  grpc::ByteBuffer reply_;
};

}  // namespace

std::string StandbyText(const service::LeadershipView& view) { return Cat("this coordinator stands by: ", view.why); }

class StandbyServer::Impl final : public grpc::CallbackGenericService {
 public:
  Impl(FarmFacts facts, std::function<service::LeadershipView()> view)
      : facts_(std::move(facts)), view_(std::move(view)) {}

  absl::Status Start(ListenOptions listen) {
    identities_ = listen.identities;
    listen.authorize = [this](std::string_view method, const PeerIdentity& peer) {
      return Allow(method, peer, {.standby = StandbyText(view_())});
    };
    listeners_ = std::make_unique<Listeners>(std::move(listen));
    grpc::ServerBuilder builder;
    builder.RegisterCallbackGenericService(this);
    GOFARM_RETURN_IF_ERROR(listeners_->AddTo(builder));
    server_ = builder.BuildAndStart();
    GOFARM_RETURN_IF_ERROR(listeners_->Open(server_.get()));
    server_->GetHealthCheckService()->SetServingStatus(false);
    return absl::OkStatus();
  }

  const std::string& address() const { return listeners_->address(); }

  void Stop() {
    if (server_ == nullptr) return;
    listeners_->Close();
    server_->Shutdown(DeadlineOf(SteadyNow() + kStopGrace));
    server_->Wait();
    server_.reset();
  }

  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext* context) override {
    const service::LeadershipView view = view_();
    absl::Status allowed = Allow(context->method(), KnownPeer(identities_, *context), {.standby = StandbyText(view)});
    if (allowed.ok() && context->method() != kStatusMethod) allowed = absl::UnavailableError(StandbyText(view));
    if (!allowed.ok()) return new Refusal(allowed);
    v1::FarmStatus status;
    status.set_state("standby");
    status.set_leader(view.holder);
    status.set_detail(view.why);
    status.set_coordinator_pid(facts_.pid);
    status.set_version(facts_.version);
    status.set_uptime_seconds(absl::ToDoubleSeconds(SteadyNow() - facts_.started_at));
    status.set_database_version(facts_.database_version);
    status.set_toolset(facts_.toolset);
    return new Reply(status.SerializeAsString());
  }

 private:
  const FarmFacts facts_;
  const std::function<service::LeadershipView()> view_;
  service::IdentityService* identities_ = nullptr;
  std::unique_ptr<Listeners> listeners_;
  std::unique_ptr<grpc::Server> server_;
};

absl::StatusOr<std::unique_ptr<StandbyServer>> StandbyServer::Start(ListenOptions listen, FarmFacts facts,
                                                                    std::function<service::LeadershipView()> view) {
  auto impl = std::make_unique<Impl>(std::move(facts), std::move(view));
  GOFARM_RETURN_IF_ERROR_CTX(impl->Start(std::move(listen)), "grpc");
  return std::unique_ptr<StandbyServer>(new StandbyServer(std::move(impl)));
}

StandbyServer::StandbyServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
StandbyServer::~StandbyServer() { Stop(); }
const std::string& StandbyServer::address() const { return impl_->address(); }
void StandbyServer::Stop() { impl_->Stop(); }

}  // namespace gofarm::rpc
