// Where a server of the coordinator listens: unix sockets, plain, for this machine; TCP ports, TLS, for everybody who
// belongs to the farm (loopback too: one rule for all of TCP). gRPC binds the sockets, the ports are accepted by us
// (acceptor.h), with the gate (gate.h) before every call.
//
//   Listeners listeners(options);  listeners.AddTo(builder);  server = builder.BuildAndStart();  listeners.Open();
//
// Not thread-safe but for Vouch and Shut.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/rpc/acceptor.h"
#include "coordinator/rpc/gate.h"

namespace grpc {
class Server;
class ServerBuilder;
namespace experimental {
class ExternalConnectionAcceptor;
}
}  // namespace grpc

namespace gofarm::rpc {

inline constexpr int kHandshakeMillis = 3'000;

struct ListenOptions {
  std::vector<std::string> addresses;
  // Needed for TCP: who is let in.
  service::IdentityService* identities = nullptr;
  Gate::Authorize authorize;
  Gate::Refused refused = [](std::string_view, const PeerIdentity&, const absl::Status&) {};
  AcceptorLimits limits;
};

class Listeners {
 public:
  explicit Listeners(ListenOptions options);
  ~Listeners();  // Close
  Listeners(const Listeners&) = delete;
  Listeners& operator=(const Listeners&) = delete;

  // Binds what is TCP. UNAVAILABLE: an address is taken; FAILED_PRECONDITION: TCP, and there are no identities.
  absl::Status AddTo(grpc::ServerBuilder& builder);
  // After the server has started: sockets are protected, ports begin to accept. `server` null: it could not bind.
  absl::Status Open(const grpc::Server* server);
  // Accepts no more. Before the server is shut down.
  void Close();

  // The address that this machine dials: the first socket, else the first port.
  const std::string& address() const { return bound_.front(); }
  // HOST:PORT of the first port; empty: none.
  const std::string& tls_address() const { return tls_address_; }

  absl::Status Vouch(const std::string& peer, int64_t identity, absl::Time until);
  void Shut(int64_t identity);
  AcceptorCounts Counts() const;

 private:
  struct Port {
    std::unique_ptr<Acceptor> acceptor;
    std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> receiver;
  };

  const ListenOptions options_;
  std::vector<std::string> bound_;
  std::string tls_address_;
  std::vector<Port> ports_;
};

}  // namespace gofarm::rpc
