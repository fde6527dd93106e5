#include "coordinator/rpc/listeners.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/rpc/channel.h"
#include "common/rpc/credentials.h"
#include "common/rpc/listen_addresses.h"
#include "coordinator/rpc/server.h"

namespace gofarm::rpc {
namespace {

// Sockets first: `address()` is one if there is one.
std::vector<std::string> InOrder(std::vector<std::string> addresses) {
  std::stable_partition(addresses.begin(), addresses.end(), IsUnix);
  return addresses;
}

}  // namespace

Listeners::Listeners(ListenOptions options) : options_(std::move(options)) {}

Listeners::~Listeners() { Close(); }

absl::Status Listeners::AddTo(grpc::ServerBuilder& builder) {
  static const bool once = [] {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    return true;
  }();
  (void)once;
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeMillis);
  for (const std::string& address : InOrder(options_.addresses)) {
    if (IsUnix(address)) {
      GOFARM_RETURN_IF_ERROR(FreeSocket(address.substr(5)));
      builder.AddListeningPort(address, grpc::InsecureServerCredentials());
      bound_.push_back(address);
      continue;
    }
    if (options_.identities == nullptr) {
      return absl::FailedPreconditionError(Cat("listen on ", address, ": TCP takes TLS, and this server has none"));
    }
    GOFARM_ASSIGN_OR_RETURN(std::unique_ptr<Acceptor> acceptor, Acceptor::Listen(address, options_.limits));
    if (tls_address_.empty()) tls_address_ = acceptor->address();
    bound_.push_back(acceptor->address());
    auto gate = std::make_shared<Gate>(*options_.identities, options_.authorize, options_.refused);
    ports_.push_back({std::move(acceptor), builder.experimental().AddExternalConnectionAcceptor(
                                               grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
                                               TlsServer(options_.identities->ServerFolder(), std::move(gate)))});
  }
  return absl::OkStatus();
}

absl::Status Listeners::Open(const grpc::Server* server) {
  if (server == nullptr) {
    return absl::UnavailableError(Cat("listen on ", bound_.front(), ": it is taken, or cannot be made"));
  }
  for (const std::string& address : bound_) {
    // The folder decides who may come in; the socket is for its owner and group.
    if (IsUnix(address) && ::chmod(address.substr(5).c_str(), 0660) != 0) {
      return ErrnoStatus(errno, Cat("protect ", address));
    }
  }
  for (Port& port : ports_) {
    port.acceptor->Start([receiver = port.receiver.get()](int fd) {
      grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
      connection.fd = fd;
      receiver->HandleNewConnection(&connection);
    });
  }
  return absl::OkStatus();
}

void Listeners::Close() {
  for (Port& port : ports_) port.acceptor->Stop();
}

absl::Status Listeners::Vouch(const std::string& peer, int64_t identity, absl::Time until) {
  for (Port& port : ports_) GOFARM_RETURN_IF_ERROR(port.acceptor->Vouch(peer, identity, until));
  return absl::OkStatus();
}

void Listeners::Shut(int64_t identity) {
  for (Port& port : ports_) port.acceptor->Shut(identity);
}

AcceptorCounts Listeners::Counts() const {
  AcceptorCounts all;
  for (const Port& port : ports_) {
    const AcceptorCounts one = port.acceptor->Counts();
    all.connections += one.connections;
    all.strangers += one.strangers;
    all.accepted += one.accepted;
    all.refused += one.refused;
    all.overdue += one.overdue;
    all.no_resource += one.no_resource;
  }
  return all;
}

}  // namespace gofarm::rpc
