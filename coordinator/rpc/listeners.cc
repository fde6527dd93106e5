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
#include "coordinator/rpc/server.h"

namespace gofarm::rpc {
namespace {

bool IsUnix(const std::string& address) { return address.substr(0, 5) == "unix:"; }

// Sockets first: `address()` is one if there is one.
std::vector<std::string> InOrder(std::vector<std::string> addresses) {
  std::stable_partition(addresses.begin(), addresses.end(), IsUnix);
  return addresses;
}

std::string HostOf(const std::string& address) {
  std::string host = address.substr(0, address.rfind(':'));
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  return host;
}

bool IsWildcard(const std::string& host) { return host.empty() || host == "0.0.0.0" || host == "::" || host == "*"; }

bool IsPublicName(std::string_view name) {
  return !name.empty() &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-_") ==
             std::string_view::npos;
}

}  // namespace

absl::Status CheckListen(const std::vector<std::string>& addresses, const std::vector<std::string>& public_names) {
  if (addresses.empty() || addresses.size() > kListenMax) {
    return absl::InvalidArgumentError(Cat(addresses.size(), " addresses to listen on, 1 to ", kListenMax));
  }
  for (const std::string& name : public_names) {
    if (!IsPublicName(name) || IsWildcard(name)) {
      return absl::InvalidArgumentError(
          Cat("public name \"", EscapeForPrint(name), "\" is neither a host name nor an address"));
    }
  }
  for (const std::string& address : addresses) {
    GOFARM_RETURN_IF_ERROR(IsUnix(address) ? CheckLocalAddress(address) : CheckTcpAddress(address));
    if (!IsUnix(address) && IsWildcard(HostOf(address)) && public_names.empty()) {
      return absl::InvalidArgumentError(
          Cat("\"", address, "\" is every address of this machine; say by which name or address others reach it ",
              "(public_names, or --public-name)"));
    }
  }
  return absl::OkStatus();
}

bool ReachesOut(const std::vector<std::string>& addresses) {
  return !std::all_of(addresses.begin(), addresses.end(), IsUnix);
}

std::vector<std::string> CertificateNames(const std::vector<std::string>& addresses,
                                          const std::vector<std::string>& public_names) {
  std::vector<std::string> names = public_names;
  for (const std::string& address : addresses) {
    const std::string host = HostOf(address);
    if (IsUnix(address) || IsWildcard(host) || std::find(names.begin(), names.end(), host) != names.end()) continue;
    names.push_back(host);
  }
  return names;
}

std::vector<std::string> JoinAddresses(const std::string& tls_address, const std::vector<std::string>& public_names) {
  if (public_names.empty()) return {tls_address};
  const std::string port = tls_address.substr(tls_address.rfind(':'));
  std::vector<std::string> addresses;
  for (const std::string& name : public_names) {
    addresses.push_back(name.find(':') == std::string::npos ? Cat(name, port) : Cat("[", name, "]", port));
  }
  return addresses;
}

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

absl::Status Listeners::Vouch(const std::string& peer, int64_t identity) {
  for (Port& port : ports_) GOFARM_RETURN_IF_ERROR(port.acceptor->Vouch(peer, identity));
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
