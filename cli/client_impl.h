// What FarmClient and CatalogClient share: the channel to one farm, and patience with it. Inside the CLI only.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "cli/client.h"
#include "cli/embedded/farm_control.h"
#include "common/base/clock.h"
#include "common/base/scope.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/rpc/deadline.h"
#include "common/rpc/grpc_status.h"
#include "common/rpc/membership.h"
#include "common/sync/wait.h"
#include "gofarm/v1/catalog.grpc.pb.h"
#include "gofarm/v1/farm.grpc.pb.h"
#include "gofarm/v1/identity.grpc.pb.h"
#include "gofarm/v1/publish.grpc.pb.h"

namespace gofarm::cli {

inline constexpr absl::Duration kRetryPause = absl::Milliseconds(200);
inline constexpr absl::Duration kConnectSlice = absl::Milliseconds(100);  // how late a stop may be seen

// Cancels a call when the scope is stopped, and gives it the scope's deadline.
class Bound {
 public:
  Bound(const Scope& scope, grpc::ClientContext& context)
      : deadline_(context, scope.deadline), on_stop_(scope.stop, [&context] { context.TryCancel(); }) {}

 private:
  rpc::CallDeadline deadline_;
  std::stop_callback<std::function<void()>> on_stop_;
};

struct FarmClient::Impl {
  FarmChoice choice;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<v1::Farm::Stub> stub;
  std::unique_ptr<v1::Catalog::Stub> catalog;
  std::unique_ptr<v1::Identity::Stub> identity;
  std::unique_ptr<v1::Publish::Stub> publish;
  std::stop_token stop;

  absl::StatusOr<std::shared_ptr<grpc::Channel>> Reach(const rpc::Membership& member);
  bool SupervisorLives() const {
    const absl::StatusOr<embedded::FarmView> view = embedded::LookAt(choice.dir);
    return view.ok() && view->supervised;
  }
  absl::Duration Patience() const { return choice.dir.empty() ? kServerPatience : kRestartPatience; }

  absl::Status Explain(const absl::Status& status) const {
    if (absl::IsUnavailable(status) && !choice.dir.empty() && SupervisorLives()) {
      return absl::UnavailableError(Cat("the farm in ", EscapeForPrint(choice.dir),
                                        " is up, but its coordinator does not answer: ", Sv(status.message()),
                                        "; see gofarm status and gofarm logs coordinator"));
    }
    if (absl::IsUnavailable(status)) return NoFarm(choice, Sv(status.message()));
    if (absl::IsDeadlineExceeded(status)) {
      return Annotate(status, Cat("the farm ", choice.server.empty() ? "in " : "at ",
                                  EscapeForPrint(choice.server.empty() ? choice.dir : choice.server),
                                  " did not answer in time; see gofarm status, or try again"));
    }
    return status;
  }

  void AwaitFarm(const Scope& scope) const {
    const absl::Time least = SteadyNow() + kRetryPause;
    // gRPC's sync client reads from a connection only while a thread waits for something on its channel. Whoever sleeps
    // between calls that fail at once lets the handshake of the next connection time out, again and again.
    while (!scope.Done() && !rpc::AwaitConnected(channel, std::min(scope.deadline, SteadyNow() + kConnectSlice))) {
    }
    sync::SleepFor(scope, least - SteadyNow());
  }

  // Repeats `call` while the farm may be coming back.
  absl::Status Patiently(const std::function<absl::Status()>& call) const {
    const absl::Time give_up = SteadyNow() + Patience();
    while (true) {
      const absl::Status status = call();
      if (stop.stop_requested() && !status.ok()) return absl::CancelledError("interrupted");
      if (!absl::IsUnavailable(status)) return Explain(status);
      if (SteadyNow() >= give_up || (!choice.dir.empty() && !SupervisorLives())) return Explain(status);
      AwaitFarm(Scope::For(kRetryPause, stop));
    }
  }

  template <typename Stub, typename Request, typename Reply>
  absl::Status Unary(Stub& at, grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Reply*),
                     const Request& request, Reply& reply, absl::Duration deadline = kCallDeadline) const {
    return Patiently([&] {
      grpc::ClientContext context;
      const Bound bound(Scope::For(deadline, stop), context);
      return rpc::FromGrpc((at.*method)(&context, request, &reply));
    });
  }
  template <typename Request, typename Reply>
  absl::Status Unary(grpc::Status (v1::Farm::Stub::*method)(grpc::ClientContext*, const Request&, Reply*),
                     const Request& request, Reply& reply, absl::Duration deadline = kCallDeadline) const {
    return Unary(*stub, method, request, reply, deadline);
  }

  template <typename Request, typename Page>
  absl::Status List(std::unique_ptr<grpc::ClientReader<Page>> (v1::Farm::Stub::*method)(grpc::ClientContext*,
                                                                                        const Request&),
                    const Request& request, Page& all) const {
    return List(*stub, method, request, all);
  }
  template <typename Stub, typename Request, typename Page>
  absl::Status List(Stub& at,
                    std::unique_ptr<grpc::ClientReader<Page>> (Stub::*method)(grpc::ClientContext*, const Request&),
                    const Request& request, Page& all) const {
    return Patiently([&] {
      all.Clear();
      grpc::ClientContext context;
      const Bound bound(Scope::For(kListDeadline, stop), context);
      const std::unique_ptr<grpc::ClientReader<Page>> reader = (at.*method)(&context, request);
      Page page;
      while (reader->Read(&page)) all.MergeFrom(page);
      return rpc::FromGrpc(reader->Finish());
    });
  }
};

}  // namespace gofarm::cli
