// The gRPC listener of a coordinator that does not lead: answers GetFarmStatus with state "standby", refuses every
// other call with UNAVAILABLE and who leads, so that workers and clients try their next address. Gives way to
// rpc::Server on the same address when the leadership begins.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "coordinator/rpc/server.h"
#include "coordinator/service/leadership.h"

namespace gofarm::rpc {

class StandbyServer {
 public:
  // `view` is called from gRPC's threads and must not wait. UNAVAILABLE when the address cannot be bound.
  static absl::StatusOr<std::unique_ptr<StandbyServer>> Start(ListenOptions listen, FarmFacts facts,
                                                              std::function<service::LeadershipView()> view);
  ~StandbyServer();  // Stop
  // With the port that was bound.
  const std::string& address() const;
  // Frees the address.
  void Stop();

 private:
  class Impl;
  explicit StandbyServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// "this coordinator stands by: HOST pid N leads".
std::string StandbyText(const service::LeadershipView& view);

}  // namespace gofarm::rpc
